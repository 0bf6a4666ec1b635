"""`/containers`: the drum, across all rooms that know something of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Router

from depots.models import Depot
from depots.selectors import get_depot
from depots.services import log_into, void
from desk.containers_json import container_json, containers_json
from desk.selectors import places
from wastetrack.creation import create_once
from wastetrack.errors import NotFound, invalid
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import attest, history_of
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Site
from wastetrack.regulations.catalogue import normalise_code
from wastetrack.schemas import Body, Letters, Loose, Mass, Note, Text, Uscc, required, row_id, states_of
from wastetrack.waste import selectors as waste
from wastetrack.waste.models import Container, ContainerState, WasteStream
from wastetrack.waste.selectors import get_container
from wastetrack.waste.services import log_waste

router = Router(tags=["containers"])


class ContainerIn(Body):
    model_config = required("waste_code", "name", "form", "mass_kg", "container_kind", "volume_l", "accumulation_start")

    waste_code: Text = ""
    name: Text = ""
    form: Text = ""
    mass_kg: Mass = None
    container_kind: Text = ""
    volume_l: Loose = None
    accumulation_start: Loose = None
    hazards: Letters = None
    site: Text = ""
    depot: Text = ""
    stream: Text = ""
    components: Text = ""
    harmful_components: Text = ""
    precautions: Text = ""
    remarks: Text = ""
    reaction_groups: Letters = None


class VoidIn(Body):
    reason: Note = ""


@router.post("", response={201: dict[str, Any]})
def create_container(request: HttpRequest, body: ContainerIn) -> HttpResponse:
    """Log a container; with `depot`, one that already stands in the firm's own store."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        data = body.model_dump()
        stream = _stream(actor, body.stream)
        depot = _own_depot(actor, body.depot) if body.depot else None
        if depot is not None:
            container = log_into(actor=actor, depot=depot, data=data, stream=stream, now=now)
        else:
            container = log_waste(actor=actor, site=_site(actor, body.site), data=data, stream=stream, now=now)
        return container_json(container, places([container]).get(container.pk))

    return create_once(request, make)


def _own_depot(actor: Actor, depot_id: str) -> Depot:
    try:
        return get_depot(actor, depot_id)
    except NotFound:
        raise invalid("depot", "unknown_depot") from None


def _site(actor: Actor, code: str) -> Site:
    """The site named by its code or id; else the organisation's only one."""
    sites = Site.objects.filter(organisation=actor.organisation_id)
    if code:
        sites = sites.filter(Q(code=code) | Q(pk=row_id(code)))
    found = list(sites.order_by("pk")[:2])
    if not found:
        raise invalid("site", "unknown_site")
    if len(found) > 1:
        raise invalid("site", "site_missing")
    return found[0]


def _stream(actor: Actor, stream_id: str) -> WasteStream | None:
    if not stream_id:
        return None
    found = WasteStream.objects.filter(organisation=actor.organisation_id, pk=row_id(stream_id)).first()
    if found is None:
        raise invalid("stream", "unknown_stream")
    return found


@router.get("")
def containers(
    request: HttpRequest,
    state: Text = "",
    depot: Text = "",
    holder: Uscc = "",
    waste_code: Text = "",
    overdue: bool | None = None,
    cursor: Text = "",
    limit: int = PAGE_SIZE,
) -> dict[str, Any]:
    """The caller's containers, newest first."""
    actor = actor_of(request)
    rows = Container.objects.visible_to(actor).select_related("generator", "holder", "origin")
    if state:
        rows = rows.filter(state__in=states_of(state, ContainerState.values))
    if depot:
        rows = rows.filter(stays__depot=get_depot(actor, depot), stays__left_at=None)
    if holder:
        rows = rows.filter(holder__uscc=holder)
    if waste_code:
        if (plain := normalise_code(waste_code)) is None:
            raise invalid("waste_code", "unknown_waste_code")
        rows = rows.filter(waste_code=plain)
    if overdue is not None:
        rows = _by_overdue(rows, overdue, now_of(request))
    return page_of(rows, cursor, limit, containers_json)


def _by_overdue(rows: Any, wanted: bool, now: datetime) -> Any:
    late = waste.overdue(rows, now)
    return late if wanted else rows.exclude(pk__in=late.values("pk"))


@router.get("/{code}")
def container(request: HttpRequest, code: Text) -> dict[str, Any]:
    """One container by its 37-digit or short code."""
    found = get_container(actor_of(request), code)
    return container_json(found, places([found]).get(found.pk))


def entry_json(entry: Entry) -> dict[str, Any]:
    """A step of a life: what, who, acting for whom, when it happened, when it was recorded."""
    return {
        "index": entry.index,
        "kind": entry.kind,
        "user": entry.user_name,
        "role": entry.role,
        "organisation": entry.organisation_name,
        "via": entry.via_name or None,
        "event_time": instant(entry.event_time),
        "recorded_at": instant(entry.recorded_at),
        "data": entry.data,
    }


@router.get("/{code}/history")
def history(request: HttpRequest, code: Text) -> dict[str, Any]:
    """Every step of the container's life, checked against the signed log."""
    found = get_container(actor_of(request), code)
    entries = list(history_of([found.subject]))
    attested = attest(entries, whole=[found.subject])
    return {
        "items": [entry_json(entry) for entry in entries],
        "next": None,
        "log": {
            "intact": attested.intact,
            "checked": attested.checked,
            "unsealed": attested.unsealed,
            "altered": list(attested.altered),
            "size": attested.checkpoint.size if attested.checkpoint else None,
            "root": attested.checkpoint.root if attested.checkpoint else None,
        },
    }


@router.post("/{code}/void")
def void_container(request: HttpRequest, code: Text, body: VoidIn) -> dict[str, Any]:
    """Say that the container was logged by mistake."""
    actor = actor_of(request)
    found = void(actor=actor, container=get_container(actor, code), reason=body.reason, now=now_of(request))
    return container_json(found, None)
