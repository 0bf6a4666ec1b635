"""`/walk-ins`: drums brought to a depot without a manifest."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from depots.selectors import get_depot
from manifests.counter import Signed, sign
from manifests.models import WalkIn, WalkInLine, WalkInState
from manifests.services.counter import Brought, decline_walk_in, start_walk_in
from manifests.walk_ins import drum_in_hand, find_firms, get_firm, get_walk_in, state_at, usual_wastes, walk_ins_of
from wastetrack.creation import create_once
from wastetrack.errors import FieldError, Invalid, Refused, invalid
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.ledger.canonical import instant
from wastetrack.schemas import Body, Few, Loose, Mass, Note, Text, row_id, states_of
from wastetrack.units import grams, kg_text
from wastetrack.waste.models import WasteStream

router = Router(tags=["walk-ins"])


class BroughtIn(Body):
    container: Text = ""
    stream: Text = ""
    mass_kg: Mass = None
    accumulation_start: Loose = None
    bay: Text = ""


class WalkInIn(Body):
    depot: Text
    firm: Text
    drums: Few[BroughtIn]


class SignedIn(Body):
    """`password` or `pin` on the firm's own device; `username` and `pin` on the depot's."""

    password: Text = ""
    pin: Text = ""
    username: Text = ""


class DeclineIn(Body):
    reason: Note = ""


def walk_in_json(walk_in: WalkIn, request: HttpRequest) -> dict[str, Any]:
    """A walk-in's head, as lists give it."""
    return {
        "id": str(walk_in.pk),
        "state": state_at(walk_in, now_of(request)),
        "depot": {"id": str(walk_in.depot_id), "name": walk_in.depot.name},
        "firm": {"uscc": walk_in.firm.uscc, "name": walk_in.firm.name},
        "mass_kg": kg_text(walk_in.mass_g),  # type: ignore[attr-defined]
        "created_at": instant(walk_in.created_at),
        "expires_at": instant(walk_in.expires_at),
        "manifest": walk_in.manifest.number if walk_in.manifest else None,
    }


def _line_json(line: WalkInLine) -> dict[str, Any]:
    what = line.container or line.stream
    assert what is not None
    return {
        "container": line.container.code if line.container else None,
        "short_code": line.container.short_code if line.container else None,
        "new": line.stream_id is not None,
        "waste_code": what.waste_code,
        "name": what.name,
        "mass_kg": kg_text(line.mass_g),
        "bay": line.bay.code if line.bay else None,
    }


def _detail(walk_in: WalkIn, request: HttpRequest) -> dict[str, Any]:
    return {**walk_in_json(walk_in, request), "drums": [_line_json(line) for line in walk_in.lines.all()]}


@router.get("/walk-ins")
def walk_ins(request: HttpRequest, state: Text = "", cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The caller's walk-ins, newest first."""
    rows = walk_ins_of(actor_of(request))
    if state:
        rows = rows.filter(state__in=states_of(state, WalkInState.values))
    return page_of(rows, cursor, limit, lambda found: [walk_in_json(walk_in, request) for walk_in in found])


@router.get("/walk-ins/firms")
def firms(request: HttpRequest, depot: Text = "", search: Text = "") -> dict[str, Any]:
    """The firms that may walk in at this depot, by a part of their name or their credit code; the first few."""
    found = find_firms(_own_depot(request, depot), search)
    return {"items": [{"uscc": firm.uscc, "name": firm.name} for firm in found], "next": None}


@router.get("/walk-ins/firms/{uscc}/streams")
def streams(request: HttpRequest, uscc: Text, depot: Text = "") -> dict[str, Any]:
    """The usual wastes of a firm that this depot may take: what a new drum may be of."""
    place = _own_depot(request, depot)
    found = usual_wastes(get_firm(place, uscc), place, now_of(request))
    items = [{"id": str(stream.pk), "waste_code": stream.waste_code, "name": stream.name} for stream in found]
    return {"items": items, "next": None}


def _own_depot(request: HttpRequest, depot_id: str) -> Any:
    actor = actor_of(request)
    actor.require_write()
    depot = get_depot(actor, depot_id)
    if depot.organisation_id != actor.organisation_id:
        raise Refused("not_your_depot", status=403)
    return depot


@router.post("/walk-ins", response={201: dict[str, Any]})
def create_walk_in(request: HttpRequest, body: WalkInIn) -> HttpResponse:
    """The depot has weighed what a firm brought: each drum the firm's own by its label, or new of a usual waste."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        depot = get_depot(actor, body.depot)
        firm = get_firm(depot, body.firm) if depot.organisation_id == actor.organisation_id else None
        if firm is None:
            raise Refused("not_your_depot", status=403)
        walk_in = start_walk_in(actor=actor, depot=depot, firm=firm, drums=_read(body.drums), now=now)
        return _detail(get_walk_in(actor, walk_in.pk), request)

    return create_once(request, make)


def _read(rows: list[BroughtIn]) -> list[Brought]:
    """The drums as sent. Raises Invalid naming every one that cannot be read."""
    drums, errors = [], list[FieldError]()
    for number, row in enumerate(rows):
        try:
            drums.append(_read_one(row))
        except Refused as refusal:
            first = refusal.errors[0] if refusal.errors else FieldError("container", refusal.code, refusal.params)
            errors.append(FieldError(f"drums.{number}.{first.field}", first.code, first.params))
    if errors:
        raise Invalid(*errors)
    return drums


def _read_one(row: BroughtIn) -> Brought:
    mass_g = grams(row.mass_kg)
    if row.container:
        return Brought(mass_g, container=drum_in_hand(row.container), bay=row.bay)
    stream = WasteStream.objects.select_related("site").filter(pk=row_id(row.stream)).first()
    if stream is None:
        raise invalid("stream", "unknown_stream")
    return Brought(mass_g, stream=stream, accumulation_start=row.accumulation_start, bay=row.bay)


@router.get("/walk-ins/{walk_in_id}")
def walk_in(request: HttpRequest, walk_in_id: Text) -> dict[str, Any]:
    """One walk-in with its drums."""
    return _detail(get_walk_in(actor_of(request), walk_in_id), request)


@router.post("/walk-ins/{walk_in_id}/confirm")
def confirm(request: HttpRequest, walk_in_id: Text, body: SignedIn) -> dict[str, Any]:
    """The firm signs: by password or PIN on its own device, or by user name and PIN on the depot's."""
    signed = Signed(body.password, body.pin, body.username)
    return _detail(sign(actor=actor_of(request), walk_in_id=walk_in_id, signed=signed, now=now_of(request)), request)


@router.post("/walk-ins/{walk_in_id}/decline")
def decline(request: HttpRequest, walk_in_id: Text, body: DeclineIn) -> dict[str, Any]:
    """The firm does not want it so, or the depot takes it back."""
    actor = actor_of(request)
    found = get_walk_in(actor, walk_in_id)
    decline_walk_in(actor=actor, walk_in=found, reason=body.reason, now=now_of(request))
    return _detail(get_walk_in(actor, walk_in_id), request)
