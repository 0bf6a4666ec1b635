"""`/collections` and `/rounds`: a firm asks to be fetched from, a depot plans, a driver goes round."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import TypeAdapter, ValidationError

from depots.models import Depot
from depots.selectors import get_depot
from manifests.models import CollectionItem, CollectionRequest, CollectionState, Round, RoundState, SignedStop, Stop
from manifests.rounds import carriers_by_uscc, get_request, get_round, get_stop, requests_of, rounds_of, stops_of
from manifests.sealing import Signer
from manifests.services.collecting import About, ask, withdraw
from manifests.services.rounds import Plan, cancel_round, change_round, finish_round, miss_stop, plan_round, start_round
from manifests.services.serving import New, ServeRequest, reasons_of, serve
from wastetrack.creation import create_once
from wastetrack.errors import FieldError, Invalid, NotFound, invalid
from wastetrack.http import PAGE_SIZE, actor_of, answer_json, field_json, now_of, page_of, require_owner
from wastetrack.ledger.canonical import instant
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Vehicle
from wastetrack.parties.selectors import vehicles_of
from wastetrack.regulations import plates
from wastetrack.schemas import Body, Few, Loose, Mass, Moment, Note, Text, Uscc, field_errors, row_id, states_of
from wastetrack.units import grams, kg_text
from wastetrack.waste.models import WasteStream
from wastetrack.waste.reading import read_day
from wastetrack.waste.selectors import by_codes

router = Router(tags=["rounds"])


class AboutIn(Body):
    stream: Text = ""
    mass_kg: Mass = None


class AskIn(Body):
    depot: Text = ""
    containers: Few[Text] = []
    wastes: Few[AboutIn] = []
    window: Note = ""
    note: Note = ""


class PlanIn(Body):
    """`collections` in the order of the stops."""

    depot: Text = ""
    carrier: Uscc = ""
    vehicle: Text = ""
    day: Loose = None
    collections: Few[Text] = []


class NewIn(Body):
    stream: Text = ""
    mass_kg: Mass = None


class ServeIn(Body):
    """Both signatures: sealed to the key of `GET /rounds/{id}`, or `pin` of the driver, `username`, `firm_pin`."""

    nonce: Text = ""
    shown: Text = ""
    drums: Few[Text] = []
    new: Few[NewIn] = []
    sealed_firm: Text = ""
    sealed_driver: Text = ""
    pin: Text = ""
    username: Text = ""
    firm_pin: Text = ""
    signed_at: Text = ""
    sent_at: Moment = None


class MissIn(Body):
    reason: Note = ""


class NothingIn(Body):
    pass


# --- requests ----------------------------------------------------------------------------------------------


def collection_json(request: CollectionRequest) -> dict[str, Any]:
    """A request with what is to be fetched."""
    firm, depot = request.site.organisation, request.depot
    return {
        "id": str(request.pk),
        "state": request.state,
        "firm": {"uscc": firm.uscc, "name": firm.name},
        "site": {"name": request.site.name, "address": request.site.address},
        "depot": {"id": str(depot.pk), "name": depot.name},
        "window": request.window,
        "note": request.note,
        "asked_at": instant(request.asked_at),
        "settled_at": instant(request.settled_at) if request.settled_at else None,
        "mass_kg": kg_text(request.mass_g),  # type: ignore[attr-defined]
        "items": [_item_json(item) for item in request.items.all()],
    }


def _item_json(item: CollectionItem) -> dict[str, Any]:
    what = item.container or item.stream
    assert what is not None
    return {
        "container": item.container.code if item.container else None,
        "stream": str(item.stream_id) if item.stream_id else None,
        "name": what.name,
        "waste_code": what.waste_code,
        "mass_kg": kg_text(item.mass_g),
    }


@router.get("/collections")
def collections(request: HttpRequest, state: Text = "", cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The caller's collection requests, newest first: asked by it, or asked of its depots."""
    rows = requests_of(actor_of(request))
    if state:
        rows = rows.filter(state__in=states_of(state, CollectionState.values))
    return page_of(rows, cursor, limit, lambda found: [collection_json(one) for one in found])


@router.post("/collections", response={201: dict[str, Any]})
def create_collection(request: HttpRequest, body: AskIn) -> HttpResponse:
    """Ask a depot of the city to fetch drums, or about so much of usual wastes, from one site."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        asked = ask(
            actor=actor,
            depot=depot_by_id(body.depot),
            containers=by_codes(actor, body.containers, field="containers"),
            wastes=_wastes(actor, body.wastes),
            window=body.window,
            note=body.note,
            now=now,
        )
        return collection_json(get_request(actor, asked.pk))

    return create_once(request, make)


def depot_by_id(text: str) -> Depot:
    """Any depot that takes others' waste; which of them a firm may ask is the service's to judge."""
    depots = Depot.objects.select_related("site__organisation").filter(pk=row_id(text))
    depot = depots.first()
    if depot is None or not depot.takes_from_others:
        raise invalid("depot", "depot_not_near" if text else "missing")
    return depot


def _wastes(actor: Actor, rows: list[AboutIn]) -> list[About]:
    found, errors = [], list[FieldError]()
    streams = {str(one.pk): one for one in WasteStream.objects.filter(organisation=actor.organisation_id)}
    for number, row in enumerate(rows):
        stream = streams.get(row.stream)
        if stream is None:
            errors.append(FieldError(f"wastes.{number}.stream", "unknown_stream"))
            continue
        try:
            found.append((stream, grams(row.mass_kg, field=f"wastes.{number}.mass_kg")))
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid(*errors)
    return found


@router.get("/collections/{collection_id}")
def collection(request: HttpRequest, collection_id: Text) -> dict[str, Any]:
    """One collection request."""
    return collection_json(get_request(actor_of(request), collection_id))


@router.post("/collections/{collection_id}/withdraw")
def withdraw_collection(request: HttpRequest, collection_id: Text, body: NothingIn) -> dict[str, Any]:
    """The firm no longer wants it, as long as no round has it."""
    actor = actor_of(request)
    withdraw(actor=actor, request=get_request(actor, collection_id), now=now_of(request))
    return collection_json(get_request(actor, collection_id))


# --- rounds ------------------------------------------------------------------------------------------------


def round_json(round_: Round) -> dict[str, Any]:
    """A round's head, as lists give it."""
    return {
        "id": str(round_.pk),
        "state": round_.state,
        "depot": {"id": str(round_.depot_id), "name": round_.depot.name},
        "carrier": {"uscc": round_.carrier.uscc, "name": round_.carrier.name},
        "vehicle": round_.vehicle.plate,
        "day": round_.day.isoformat(),
        "started_at": instant(round_.started_at) if round_.started_at else None,
        "finished_at": instant(round_.finished_at) if round_.finished_at else None,
        "stop_count": len(round_.stops.all()),
    }


def stop_json(stop: Stop) -> dict[str, Any]:
    """A stop: where, what was asked for, what came of it."""
    firm, site = stop.request.site.organisation, stop.request.site
    return {
        "id": str(stop.pk),
        "position": stop.position,
        "phase": stop.phase,
        "collection": str(stop.request_id),
        "firm": {"uscc": firm.uscc, "name": firm.name, "contact": firm.contact_name, "phone": firm.contact_phone},
        "address": site.address,
        "window": stop.request.window,
        "note": stop.request.note,
        "manifest": stop.manifest.number if stop.manifest else None,
        "reason": stop.reason,
        "drums": [item.container.code for item in stop.request.items.all() if item.container],
        "wastes": [
            {"stream": str(item.stream_id), "mass_kg": kg_text(item.mass_g)}
            for item in stop.request.items.all()
            if item.stream_id
        ],
        "parked": [signed_json(signed) for signed in stop.parked],  # type: ignore[attr-defined]
    }


def signed_json(signed: SignedStop) -> dict[str, Any]:
    """What came of a stop that both had signed."""
    manifest = signed.stop.manifest if signed.state == "recorded" else None
    return {
        "nonce": signed.nonce,
        "outcome": signed.state,
        "manifest": manifest.number if manifest else None,
        "reasons": [field_json(error) for error in reasons_of(signed)],
        "signed_at": instant(signed.signed_at),
        "content": json.loads(signed.content),
    }


def _detail(actor: Actor, round_id: object) -> dict[str, Any]:
    round_ = get_round(actor, round_id)
    return {**round_json(round_), "stops": [stop_json(stop) for stop in stops_of(round_)]}


@router.get("/rounds")
def rounds(request: HttpRequest, state: Text = "", cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The rounds of the caller's depots and those that it drives, newest first."""
    rows = rounds_of(actor_of(request))
    if state:
        rows = rows.filter(state__in=states_of(state, RoundState.values))
    return page_of(rows, cursor, limit, lambda found: [round_json(one) for one in found])


@router.post("/rounds", response={201: dict[str, Any]})
def create_round(request: HttpRequest, body: PlanIn) -> HttpResponse:
    """A depot plans a round: vehicle, day, and the waiting collection requests in the order of the stops."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        depot = get_depot(actor, body.depot)
        planned = plan_round(actor=actor, depot=depot, plan=_plan(actor, body), now=now)
        return _detail(actor, planned.pk)

    return create_once(request, make)


def _plan(actor: Actor, body: PlanIn) -> Plan:
    day = read_day(body.day)
    if day is None:
        raise invalid("day", "date_unreadable")
    return Plan(vehicle_of(body.carrier, body.vehicle), day, requests_in_order(actor, body.collections))


def vehicle_of(uscc: str, plate: str) -> Vehicle:
    """The vehicle of this carrier by its plate. A depot sees no list of others' vehicles.

    Raises Invalid(carrier_missing | vehicle_missing | carrier_has_no_vehicle).
    """
    carrier = carriers_by_uscc(uscc) if uscc else None
    if carrier is None:
        raise invalid("carrier", "carrier_missing")
    if not plate.strip():
        raise invalid("vehicle", "vehicle_missing")
    vehicles = vehicles_of(carrier.pk).select_related("organisation")
    found = next((one for one in vehicles if plates.same(one.plate, plate)), None)
    if found is None:
        raise invalid("vehicle", "carrier_has_no_vehicle", carrier=carrier.name, plate=plate[:12])
    found.organisation = carrier
    return found


def requests_in_order(actor: Actor, ids: list[str]) -> list[CollectionRequest]:
    """These requests, in this order. Raises Invalid(unknown_collection) at `stops.N`."""
    found = {str(one.pk): one for one in requests_of(actor).filter(pk__in=[row_id(text) for text in ids])}
    errors = [
        FieldError(f"stops.{number}", "unknown_collection") for number, text in enumerate(ids) if text not in found
    ]
    if errors:
        raise Invalid(*errors)
    return [found[text] for text in ids]


@router.get("/rounds/{round_id}")
def round_(request: HttpRequest, round_id: Text) -> dict[str, Any]:
    """One round with its stops."""
    return _detail(actor_of(request), round_id)


@router.post("/rounds/{round_id}/change")
def change(request: HttpRequest, round_id: Text, body: PlanIn) -> dict[str, Any]:
    """Another order, other stops, another vehicle or day, before anybody has set out."""
    actor = actor_of(request)
    change_round(actor=actor, round_=get_round(actor, round_id), plan=_plan(actor, body), now=now_of(request))
    return _detail(actor, round_id)


STEPS = {"start": start_round, "finish": finish_round, "cancel": cancel_round}


@router.post("/rounds/{round_id}/{verb}")
def act(request: HttpRequest, round_id: Text, verb: Text, body: NothingIn) -> dict[str, Any]:
    """start, finish (what is not served falls back into the list), cancel. What is done already is done."""
    actor = actor_of(request)
    require_owner(request, actor)
    found = get_round(actor, round_id)
    if verb not in STEPS:
        raise NotFound("unknown_verb")
    done = {"start": RoundState.UNDER_WAY, "finish": RoundState.FINISHED}.get(verb)
    actor.require_write()
    if found.state != done or not found.positions(actor):
        STEPS[verb](actor=actor, round_=found, now=now_of(request))
    return _detail(actor, round_id)


@router.post("/rounds/{round_id}/stops/{stop_id}/miss")
def miss(request: HttpRequest, round_id: Text, stop_id: Text, body: MissIn) -> dict[str, Any]:
    """The stop could not be served: why. Its request waits for the next round."""
    actor = actor_of(request)
    require_owner(request, actor)
    found = get_round(actor, round_id)
    stop = get_stop(found, stop_id)
    # A phone that did not hear the answer says it again.
    if stop.phase != "missed" or stop.reason != " ".join(body.reason.split()):
        miss_stop(actor=actor, round_=found, stop=stop, reason=body.reason, now=now_of(request))
    return _detail(actor, round_id)


@router.post("/rounds/{round_id}/stops/{stop_id}/serve")
def serve_stop(request: HttpRequest, round_id: Text, stop_id: Text, body: ServeIn) -> HttpResponse:
    """What firm and driver signed at a stop: `recorded` with its manifest, or `parked` with the reasons.

    Sent again under its nonce it gets the same answer. 429: the same may be sent another time.
    """
    actor = actor_of(request)
    require_owner(request, actor)
    asked = ServeRequest(
        nonce=body.nonce,
        shown=body.shown,
        drums=body.drums,
        new=[New(one.stream, one.mass_kg) for one in body.new],
        sealed_firm=body.sealed_firm,
        sealed_driver=body.sealed_driver,
        firm=Signer(body.firm_pin, body.username) if body.username or body.firm_pin else None,
        driver=Signer(body.pin) if body.pin else None,
        signed_at=moment_of(body.signed_at),
        sent_at=body.sent_at,
        signed_text=body.signed_at,
    )
    signed = serve(actor=actor, round_id=round_id, stop_id=stop_id, request=asked, now=now_of(request))
    return answer_json(signed_json(signed))


def moment_of(text: str) -> Any:
    """A time with its offset, as a body's field is read: the text itself is part of what was sealed."""
    try:
        return TypeAdapter(Moment).validate_python(text)
    except ValidationError as error:
        raise Invalid(
            *(FieldError("signed_at", one.code, one.params) for one in field_errors(error.errors()))
        ) from None
