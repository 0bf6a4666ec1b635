"""Collections: a firm asks a depot to fetch drums, or about so much of a usual waste."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from depots.models import Depot, Stay
from manifests.models import CollectionItem, CollectionRequest, CollectionState
from manifests.rounds import OPEN, depot_problems, depots_near
from manifests.services.common import NOTE_LENGTH
from wastetrack.errors import FieldError, Invalid, NotPermitted, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import advance, lock
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Site
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, ContainerState, WasteStream

WINDOW_LENGTH = 60
MOST_ITEMS = 200
About = tuple[WasteStream, int]
"""About so many grams of a usual waste."""


def ask(
    *,
    actor: Actor,
    depot: Depot,
    now: datetime,
    containers: Sequence[Container] = (),
    wastes: Sequence[About] = (),
    window: str = "",
    note: str = "",
) -> CollectionRequest:
    """The firm asks this depot to fetch its drums, or about so much of its usual wastes, from one site.

    Raises NotPermitted(not_your_part), Invalid: no_lines, too_many, duplicate_container, not_your_container,
    container_not_free, partly_treated, already_asked, unknown_stream, several_sites at `containers` and `wastes.N`;
    depot_not_near, permit_lacks_code, permit_expired at `depot`; too_long.
    """
    actor.require_write()
    if actor.is_regulator:
        raise NotPermitted("not_your_part")
    with transaction.atomic():
        # Two requests for one drum at once: the second finds the first.
        containers = lock(containers)
        site = _checked(actor, depot, containers, wastes, window, note, now)
        request = CollectionRequest.objects.create(
            site=site,
            depot=depot,
            window=" ".join(window.split()),
            note=" ".join(note.split()),
            asked_by=actor.person,
            asked_at=now,
        )
        items = [CollectionItem(request=request, container=one, mass_g=one.mass_g) for one in containers]
        items += [CollectionItem(request=request, stream=stream, mass_g=mass_g) for stream, mass_g in wastes]
        CollectionItem.objects.bulk_create(items)
        payload = {
            "depot": str(depot.pk),
            "depot_name": depot.name,
            "firm": site.organisation.name,
            "items": [_told(item) for item in items],
            "mass_kg": kg_text(sum(item.mass_g for item in items)),
        }
        record(actor, [Fact("collection.ask", request.subject, request.readers(), payload)], now=now)
    return request


def _checked(
    actor: Actor,
    depot: Depot,
    containers: Sequence[Container],
    wastes: Sequence[About],
    window: str,
    note: str,
    now: datetime,
) -> Site:
    """The site it is all at. Raises Invalid with every problem there is."""
    errors = _drum_errors(actor, containers)
    errors += [
        FieldError(f"wastes.{number}.stream", "unknown_stream")
        for number, (stream, _) in enumerate(wastes)
        if stream.organisation_id != actor.organisation_id or not stream.active
    ]
    if not containers and not wastes:
        errors.append(FieldError("containers", "no_lines"))
    if len(containers) + len(wastes) > MOST_ITEMS:
        errors.append(FieldError("containers", "too_many", {"limit": MOST_ITEMS}))
    for name, text, limit in (("window", window, WINDOW_LENGTH), ("note", note, NOTE_LENGTH)):
        if len(text) > limit:
            errors.append(FieldError(name, "too_long", {"limit": limit}))
    if errors:
        raise Invalid(*errors)
    site = _site_of(containers, wastes)
    if not depots_near(site.division).filter(pk=depot.pk).exists() or depot.organisation_id == actor.organisation_id:
        raise invalid("depot", "depot_not_near")
    codes = {one.waste_code for one in containers} | {stream.waste_code for stream, _ in wastes}
    if found := depot_problems(depot, codes, timezone.localdate(now)):
        raise Invalid(*(FieldError("depot", one.code, one.params) for one in found))
    return site


def _drum_errors(actor: Actor, containers: Sequence[Container]) -> list[FieldError]:
    errors = []
    if len({container.pk for container in containers}) != len(containers):
        errors.append(FieldError("containers", "duplicate_container"))
    open_items = CollectionItem.objects.filter(container__in=containers, request__state__in=OPEN)
    asked = set(open_items.values_list("container", flat=True))
    for container in containers:
        params = {"container": container.short_grouped, "state": container.state}
        if container.holder_id != actor.organisation_id:
            errors.append(FieldError("containers", "not_your_container", params))
        elif container.state != ContainerState.STORED:
            errors.append(FieldError("containers", "container_not_free", params))
        elif container.treated_g:
            errors.append(FieldError("containers", "partly_treated", params))
        elif container.pk in asked:
            errors.append(FieldError("containers", "already_asked", params))
    return errors


def _site_of(containers: Sequence[Container], wastes: Sequence[About]) -> Site:
    stays = Stay.objects.filter(container__in=containers, left_at=None)
    sites = {stay.depot.site for stay in stays.select_related("depot__site__organisation")}
    sites |= {stream.site for stream, _ in wastes}
    if len(sites) != 1:
        raise invalid("containers", "several_sites")
    return sites.pop()


def _told(item: CollectionItem) -> dict[str, str | None]:
    what = item.container or item.stream
    assert what is not None
    code = {"container": item.container.code} if item.container else {}
    return {**code, "name": what.name, "waste_code": what.waste_code, "mass_kg": kg_text(item.mass_g)}


def withdraw(*, actor: Actor, request: CollectionRequest, now: datetime) -> CollectionRequest:
    """The firm no longer wants it. Raises NotPermitted(not_your_part), Refused(illegal_state) once it is planned."""
    (request,) = advance([request], "withdraw", actor=actor, now=now, change={"settled_at": now})
    return request


def is_open(request: CollectionRequest) -> bool:
    """Whether it still waits for somebody to come."""
    return request.state in (CollectionState.ASKED, CollectionState.PLANNED)
