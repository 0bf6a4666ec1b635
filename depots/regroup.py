"""Split, merge and repack: what stands in a depot goes into other containers, which take its place at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from depots.models import Bay, Depot, Stay
from depots.services import PLACE_RULES, Place, enter, find_place, leave, lock_bays, require_own
from depots.terms import earliest
from wastetrack.districts.selectors import reactions
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.services import record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.units import kg_text
from wastetrack.waste import clock
from wastetrack.waste.lineage import Part, derive, mixture
from wastetrack.waste.models import ENDED, Container
from wastetrack.waste.selectors import ancestors
from wastetrack.waste.services import require_stored_state

MOST_PARTS, MOST_PARENTS = 50, 200


def split(
    *, actor: Actor, container: Container, parts: Sequence[Part], now: datetime, bay: Bay | None = None
) -> list[Container]:
    """All of a container goes into two or more new ones. Raises what `regroup` raises, Invalid(too_few_parts)."""
    if len(parts) < 2:
        raise invalid("parts", "too_few_parts")
    return regroup("split", actor=actor, parents=[container], parts=parts, now=now, bay=bay)


def repack(*, actor: Actor, container: Container, part: Part, now: datetime, bay: Bay | None = None) -> Container:
    """All of a container goes into a new one: the old is damaged or of the wrong kind. Raises what `regroup` raises."""
    (child,) = regroup("repack", actor=actor, parents=[container], parts=[part], now=now, bay=bay)
    return child


def merge(
    *,
    actor: Actor,
    containers: Sequence[Container],
    part: Part,
    now: datetime,
    waste_code: str = "",
    bay: Bay | None = None,
) -> Container:
    """All of several containers goes into a new one; where their codes differ, `waste_code` is that of one of them.

    Raises what `regroup` raises, Invalid(too_few_parts | forms_differ | choose_waste_code),
    Refused(parts_react | reaction_unknown).
    """
    if len(containers) < 2:
        raise invalid("containers", "too_few_parts")
    (child,) = regroup("merge", actor=actor, parents=containers, parts=[part], now=now, waste_code=waste_code, bay=bay)
    return child


def require_regroupable(*, actor: Actor, containers: Sequence[Container]) -> None:
    """What can be told before anything is typed: they are in stock here, and here is the actor's own depot.

    Raises Refused(treated | emptied | voided | not_here | container_not_free),
    NotPermitted(not_your_depot).
    """
    for container in containers:
        if container.state in ENDED:
            raise Refused(container.state)
    here = Stay.objects.filter(container__in=containers, left_at=None).select_related("depot__site__organisation")
    depots = {stay.container_id: stay.depot for stay in here}
    for container in containers:
        if container.pk not in depots:
            raise Refused("not_here", container=container.short_grouped)
        require_own(actor, depots[container.pk])
        require_stored_state(container)


def why_not_merge(containers: Sequence[Container]) -> Refused | None:
    """What speaks against putting these into one, whatever the new one is; None where nothing does."""
    try:
        depot, _ = _place_of(containers)
        mixture(containers, containers[0].waste_code, reactions(depot.site.division))
    except Refused as refusal:
        return refusal
    return None


def regroup(
    how: str,
    *,
    actor: Actor,
    parents: Sequence[Container],
    parts: Sequence[Part],
    now: datetime,
    waste_code: str = "",
    bay: Bay | None = None,
) -> list[Container]:
    """Empty the parents into new containers, which stand where these stood or in `bay`, for their shortest time.

    Raises Refused(not_here | several_depots | illegal_state | treated_in_part | mass_disputed | one of
    PLACE_RULES), Invalid(masses_differ | duplicate_container | too_many), NotPermitted(not_your_depot).
    """
    actor.require_write()
    if len(parts) > MOST_PARTS:
        raise invalid("parts", "too_many", limit=MOST_PARTS)
    if len(parents) > MOST_PARENTS:
        raise invalid("containers", "too_many", limit=MOST_PARENTS)
    if len({parent.pk for parent in parents}) < len(parents):
        raise invalid("containers", "duplicate_container")
    with transaction.atomic():
        locked = lock(parents)
        depot, common = _place_of(locked)
        require_own(actor, depot)
        what = mixture(locked, waste_code, reactions(depot.site.division))
        since = earliest([*locked, *ancestors(locked)], depot, on=timezone.localdate(now))
        children, facts = derive(locked, what, parts, how=how, actor=actor, site=depot.site, since=since, now=now)
        # Where each went stands with the parent: whose waste is in the others is no business of its firm.
        went = {parent.pk: _into(parent, children) for parent in locked}
        emptied, moved = move(
            locked,
            "empty",
            actor=actor,
            payload=lambda parent: {"how": how, "into": went[parent.pk]},
            change={"storage_deadline": None},
        )
        lock_bays(depot)
        leave(emptied, at=now)
        clock.stop(emptied, actor=actor, now=now)
        stored: list[Container] = []
        for child in children:
            place = _find(Place(depot, bay or common), child, asked=bay is not None)
            (kept,), stored_facts = move([child], "store", actor=actor, payload=place.payload())
            enter([kept], place=place, at=now)
            stored.append(kept)
            facts += stored_facts
        clock.start(stored, organisation_id=depot.organisation_id, division=depot.site.division)
        record(actor, [*moved, *facts], now=now)
    return stored


def _place_of(parents: Sequence[Container]) -> tuple[Depot, Bay | None]:
    """The depot that all of them stand in, and the bay if it is one."""
    stays = {
        stay.container_id: stay
        for stay in Stay.objects.filter(container__in=parents, left_at=None).select_related(
            "depot__site__organisation", "depot__permit", "bay"
        )
    }
    for parent in parents:
        if parent.pk not in stays:
            raise Refused("not_here", container=parent.short_grouped)
    depots = {stay.depot_id: stay.depot for stay in stays.values()}
    bays = {stay.bay_id: stay.bay for stay in stays.values()}
    if len(depots) > 1:
        raise Refused("several_depots")
    return next(iter(depots.values())), next(iter(bays.values())) if len(bays) == 1 else None


def _into(parent: Container, children: Sequence[Container]) -> list[dict[str, Any]]:
    return [
        {"code": child.code, "short_code": child.short_code, "mass_kg": kg_text(min(parent.mass_g, child.mass_g))}
        for child in children
    ]


def _find(place: Place, child: Container, *, asked: bool) -> Place:
    """The bay where the parents stood; the best other where it has no room and nobody asked for just this one."""
    try:
        find_place(place, child, child.mass_g)
    except Refused as refusal:
        if asked or place.bay is None or refusal.code not in PLACE_RULES:
            raise
        place = Place(place.depot)
        find_place(place, child, child.mass_g)
    return place
