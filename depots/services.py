"""Coming in, moving between bays, going out. A stay is opened and closed here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Value
from django.db.models.functions import Greatest

from depots.models import Bay, Depot, Stay
from depots.selectors import bay_loads, best_of, likely_bays
from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import require_newest
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.waste import clock
from wastetrack.waste.models import GONE, Container, ContainerState, WasteStream
from wastetrack.waste.services import make_container, share

PLACE_RULES = frozenset(
    {
        "bay_not_admitted",
        "bay_incompatible",
        "bay_reaction_unknown",
        "bay_full",
        "bay_no_place",
        "bund_too_small",
        "no_room",
        "no_safe_bay",
    }
)
"""What may speak against a place. A drum that stands there already, scanned offline, is recorded all the same."""
UNSAFE = frozenset({"bay_incompatible", "bay_reaction_unknown", "bay_not_admitted"})


@dataclass
class Place:
    """Where a container is to stand in a depot: the bay asked for, or none to have the best one found.

    `breaches`, where given: it stands there already and nobody was online to ask. Then what speaks against it is noted
    there and goes into the entry, instead of being a refusal.
    `on_paper`: it never stands there, it is at another's counter already. No bay is asked, chosen or held.
    """

    depot: Depot
    bay: Bay | None = None
    breaches: list[Refused] | None = None
    on_paper: bool = False

    def payload(self) -> dict[str, str]:
        """Where, as an entry says it, and what speaks against it."""
        said = {"depot": str(self.depot.pk), "depot_name": self.depot.name, "bay": self.bay.code if self.bay else ""}
        return said | ({"broken": self.breaches[-1].code} if self.breaches else {})

    def breaks(self, refusal: Refused) -> None:
        """Raises the refusal, unless it has happened already."""
        if self.breaches is None:
            raise refusal
        self.breaches.append(refusal)


def find_place(place: Place, container: Container, mass_g: int) -> None:
    """Settle on the bay: the one asked for, else the best with room and nothing that reacts with it.

    Leaves the bay None where a depot has no bays. The bays' rows stay locked to the end of the transaction: two drums
    for the last place come one after the other. The caller has locked the container before.
    Raises Refused(one of PLACE_RULES), Refused(wrong_bay) for another depot's bay.
    """
    depot, bay = place.depot, place.bay
    if place.on_paper:
        return
    if bay is not None and bay.depot_id != depot.pk:
        raise Refused("wrong_bay", bay=bay.code)
    lock_bays(depot, bay)
    if bay is not None:
        (load,) = bay_loads(depot, Bay.objects.filter(pk=bay.pk))
        if problem := load.problem(container, mass_g):
            place.breaks(Refused(problem, bay=bay.code))
        return
    if depot.takes_from_others:
        # A firm's own storage point holds little: there all bays are looked at at once.
        place.bay = best_of(bay_loads(depot, likely_bays(depot, container)), container, mass_g)
    if place.bay is None and (loads := bay_loads(depot)):
        place.bay = best_of(loads, container, mass_g)
        if place.bay is None:
            unsafe = any(load.problem(container, mass_g) in UNSAFE for load in loads)
            place.breaks(Refused("no_safe_bay" if unsafe else "no_room"))


def log_into(
    *,
    actor: Actor,
    depot: Depot,
    data: dict[str, Any],
    now: datetime,
    bay: Bay | None = None,
    stream: WasteStream | None = None,
    on_paper: bool = False,
    at: datetime | None = None,
) -> Container:
    """Log a container that already stands in the firm's own store: `log_waste` and `check_in` in one step.

    `on_paper` as in Place; `at`: since when it stands there, where that is told only now.
    """
    require_own(actor, depot)
    with transaction.atomic():
        container, fact = make_container(actor=actor, site=depot.site, data=data, now=now, stream=stream)
        return _store(actor, container, Place(depot, bay, on_paper=on_paper), now, at or now, along_with=[fact])


def check_in(
    *,
    actor: Actor,
    container: Container,
    depot: Depot,
    now: datetime,
    bay: Bay | None = None,
    at: datetime | None = None,
    breaches: list[Refused] | None = None,
    on_paper: bool = False,
) -> Container:
    """Store the organisation's own logged container at its own depot; `breaches` and `on_paper` as in Place.

    Raises NotPermitted(not_permitted), Refused(already_here | treated | voided | no_manifest | one of PLACE_RULES …).
    """
    require_own(actor, depot)
    with transaction.atomic():
        (container,) = lock([container])
        if container.state != ContainerState.LOGGED or container.holder_id != actor.organisation_id:
            raise why_not(container, depot)
        if container.origin_id != depot.site_id:
            # From site to site it goes over the road, and that takes a manifest.
            raise Refused("wrong_depot", container=container.short_grouped)
        at = not_before(at or now, container.logged_at)
        return _store(actor, container, Place(depot, bay, breaches, on_paper), now, at)


def _store(
    actor: Actor,
    container: Container,
    place: Place,
    now: datetime,
    at: datetime,
    along_with: Sequence[Fact] = (),
) -> Container:
    (container,) = lock([container])
    find_place(place, container, container.mass_g)
    (container,), facts = move([container], "store", actor=actor, payload=place.payload())
    enter([container], place=place, at=at)
    record(actor, [*along_with, *facts], now=now, event_time=at)
    return container


def void(*, actor: Actor, container: Container, reason: str, now: datetime) -> Container:
    """The generator says that it was logged by mistake: it leaves the stock. Only before it goes anywhere."""
    with transaction.atomic():
        change = {"storage_deadline": None}
        (container,), facts = move([container], "void", actor=actor, payload={"reason": reason[:200]}, change=change)
        if _was_handed_over(container):
            # It has been on the road and came back: there is such a drum.
            raise Refused("already_handed_over")
        leave([container], at=now)
        clock.stop([container], actor=actor, now=now)
        record(actor, facts, now=now)
    return container


def _was_handed_over(container: Container) -> bool:
    """Whether it ever departed or stood with another firm. A stay of its own that ended may be a drum found again."""
    elsewhere = Stay.objects.filter(container=container).exclude(depot__site__organisation=container.generator_id)
    departed = Entry.objects.filter(subject=container.subject, kind="container.depart")
    return elsewhere.exists() or departed.exists()


def why_not(container: Container, depot: Depot) -> Refused:
    """Why a container can't be checked in here without a manifest: the refusal to raise."""
    if code := GONE.get(container.state):
        return Refused(code, container=container.short_grouped)
    if container.holder_id == depot.organisation_id and container.state in (
        ContainerState.STORED,
        ContainerState.COMMITTED,
    ):
        here = Stay.objects.filter(container=container, left_at=None, depot=depot).exists()
        return Refused("already_here" if here else "wrong_depot", container=container.short_grouped)
    return Refused("no_manifest", container=container.short_grouped)


def put_away(
    *,
    actor: Actor,
    container: Container,
    bay: Bay,
    now: datetime,
    at: datetime | None = None,
    breaches: list[Refused] | None = None,
) -> Stay:
    """Move a container to another bay of the depot it stands in; `breaches` as in Place.

    A move that an offline device tells of after the container was moved again is recorded with `moved_since`, and
    moves nothing. Raises Refused(not_here | one of PLACE_RULES).
    """
    require_own(actor, bay.depot)
    with transaction.atomic():
        (container,) = lock([container])
        here = Stay.objects.filter(container=container, left_at=None, depot=bay.depot)
        stay = here.select_for_update(of=("self",)).select_related("bay").first()
        if stay is None:
            raise Refused("not_here", container=container.short_grouped)
        at, place = not_before(at or now, stay.entered_at), Place(bay.depot, bay, breaches)
        if breaches is not None and at < stay.moved_at:
            # Where it stands now is known better; that it stood there for a while is recorded.
            breaches.append(Refused("moved_since", container=container.short_grouped))
            _put(actor, stay, container, place, now, at)
            return stay
        # Two scans online at once come one after the other, whichever began first.
        at = not_before(at, stay.moved_at)
        if stay.bay_id != bay.pk:
            find_place(place, container, container.mass_g)
        _put(actor, stay, container, place, now, at)
    return stay


def _put(actor: Actor, stay: Stay, container: Container, place: Place, now: datetime, at: datetime) -> None:
    before = stay.bay
    if at >= stay.moved_at and stay.bay != place.bay:
        stay.bay, stay.moved_at = place.bay, at
        stay.save(update_fields=["bay", "moved_at"])
    payload = {
        **place.payload(),
        "from_bay": before.code if before else "",
        "from_bay_id": str(before.pk) if before else "",
    }
    fact = Fact("container.put_away", container.subject, container.readers(), payload)
    record(actor, [fact], now=now, event_time=at)


def move_back(*, actor: Actor, container: Container, bay_id: str, entry_id: int, now: datetime) -> Stay:
    """Back into the bay where it stood before, or into none: the move was a mistake. Nothing is asked of the bay.

    Raises Refused(not_here | cannot_undo).
    """
    actor.require_write()
    with transaction.atomic():
        (container,) = lock([container])
        require_newest(container.subject, entry_id)
        stay = _stay_of(actor, container)
        bay = Bay.objects.filter(depot=stay.depot, pk=bay_id).first() if bay_id else None
        if bay_id and bay is None:
            raise Refused("cannot_undo")
        _put(actor, stay, container, Place(stay.depot, bay), now, now)
    return stay


def take_out(*, actor: Actor, container: Container, entry_id: int, now: datetime) -> Container:
    """Take back that the organisation's own drum was put into its store: it was scanned by mistake.

    Raises Refused(not_here), Refused(cannot_undo) unless the entry of that storing is its newest.
    """
    with transaction.atomic():
        (container,) = lock([container])
        require_newest(container.subject, entry_id)
        _stay_of(actor, container)
        (container,), facts = move([container], "unstore", actor=actor)
        # It was never there: the stay is no part of its life.
        Stay.objects.filter(container=container, left_at=None).delete()
        record(actor, facts, now=now)
    return container


def _stay_of(actor: Actor, container: Container) -> Stay:
    """The container's stay in a depot of the actor's. Raises Refused(not_here)."""
    stays = Stay.objects.select_for_update(of=("self",)).select_related("depot__site", "bay")
    stay = stays.filter(container=container, left_at=None, depot__site__organisation=actor.organisation_id).first()
    if stay is None:
        raise Refused("not_here", container=container.short_grouped)
    return stay


def lock_bays(depot: Depot, bay: Bay | None = None) -> None:
    """Hold the depot's bays, or the one named, to the end of the transaction; containers are locked before them."""
    if connection.features.has_select_for_update:
        # On SQLite the transaction itself is the lock, and this question is saved.
        asked = Bay.objects.filter(depot=depot) if bay is None else Bay.objects.filter(pk=bay.pk)
        list(asked.select_for_update().order_by("pk").values("pk"))


def not_before(at: datetime, earliest: datetime) -> datetime:
    """When it happened, by a device's clock that may be behind: never before the step that came first."""
    return max(at, earliest)


def enter(containers: Sequence[Container], *, place: Place, at: datetime) -> None:
    """Open a stay for each container (one query). The caller has moved their state and written the entry."""
    depot = place.depot
    Stay.objects.bulk_create(
        [
            Stay(
                container=container,
                depot=depot,
                bay=place.bay,
                entered_at=at,
                moved_at=at,
                mass_in_g=container.mass_g,
            )
            for container in containers
        ]
    )
    # The district of the place sees what stands there, wherever its organisation is registered.
    readers = depot.readers()
    if strangers := [container for container in containers if not readers <= container.readers()]:
        share(strangers, readers)


def leave(containers: Sequence[Container], *, at: datetime) -> None:
    """End the containers' stays (one query); never before they began: a paper transfer may be older than its log."""
    ended = Greatest("entered_at", Value(at, models.DateTimeField()))
    Stay.objects.filter(container__in=containers, left_at=None).update(left_at=ended)


def require_own(actor: Actor, depot: Depot) -> None:
    """Raises NotPermitted(not_your_depot) unless the depot is the actor's organisation's."""
    actor.require_write()
    if depot.organisation_id != actor.organisation_id:
        raise NotPermitted("not_your_depot")
