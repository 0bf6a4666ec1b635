"""The pages of collections and rounds: a firm asks, a depot plans, a driver goes round."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from depots.models import Depot, DepotKind
from depots.selectors import get_depot, own_depots
from manifests.choices import Choice, carriers
from manifests.models import CollectionRequest, CollectionState, Round, RoundState
from manifests.rounds import (
    OPEN_ROUND,
    aboard_now,
    depot_problems,
    depots_near,
    free_for_collection,
    get_request,
    get_round,
    get_stop,
    most_urgent_first,
    pieces_of,
    requests_of,
    round_problems,
    rounds_of,
    shown_digest,
    stops_here,
    stops_of,
    vehicles_for,
)
from manifests.rounds_api import depot_by_id, vehicle_of
from manifests.sealing import public_key
from manifests.services.collecting import ask, withdraw
from manifests.services.rounds import Plan, cancel_round, change_round, finish_round, miss_stop, plan_round, start_round
from manifests.services.serving import New, ServeRequest, plain_signers, reasons_of, serve
from wastetrack.districts.selectors import reactions
from wastetrack.errors import FieldError, Invalid, NotFound, NotPermitted, Refused, invalid
from wastetrack.http import actor_of, field_json, now_of, page_of
from wastetrack.pages import NONCE, content_security, field_messages, go_to, nonce_again, printable, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Vehicle
from wastetrack.sentences import sentence
from wastetrack.units import grams, kg_text, typed_kg
from wastetrack.waste.models import WasteStream
from wastetrack.waste.selectors import by_codes

PAGE, MOST_DRUMS, MOST_WAITING = 30, 200, 100
OTHER = "other"
"""Chosen where the vehicle is none of those the depot knows."""


# --- a firm asks -------------------------------------------------------------------------------------------


@require_safe
def collection_list(request: HttpRequest) -> HttpResponse:
    """What the firm has asked for, or what the depots are asked; the open ones first."""
    actor = actor_of(request)
    rows = requests_of(actor)
    waits = most_urgent_first(rows.filter(state=CollectionState.ASKED))[:MOST_WAITING]
    context = {
        "waiting": list(waits) if not request.GET.get("cursor") else [],
        "page": page_of(
            rows.exclude(state=CollectionState.ASKED), request.GET.get("cursor"), PAGE, lambda found: found
        ),
        "may_ask": _may_ask(actor),
        "depots": [depot for depot in own_depots(actor) if depot.takes_from_others],
    }
    return render(request, "manifests/rounds/collections.html", context)


def _may_ask(actor: Actor) -> bool:
    return actor.may_write and not actor.is_regulator and bool(actor.roles & {"generator", "collector"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_collection(request: HttpRequest) -> HttpResponse:
    """Choose drums or usual wastes, the depot, and say when somebody is there."""
    actor = actor_of(request)
    actor.require_write()
    if not _may_ask(actor):
        raise NotPermitted("not_your_part")
    if request.method != "POST":
        return _ask_page(request, request.GET)
    try:
        return redirect_once(request, lambda: f"/collections/{_ask(request).pk}")
    except Refused as refusal:
        return _ask_page(request, request.POST, refusal)


def _ask(request: HttpRequest) -> CollectionRequest:
    actor, typed = actor_of(request), printable(request.POST)
    wastes, errors = [], list[FieldError]()
    for stream in _streams(actor):
        if text := typed.get(f"mass-{stream.pk}", "").strip():
            try:
                wastes.append((stream, grams(typed_kg(text), field=f"mass-{stream.pk}")))
            except Invalid as error:
                errors += error.errors
    if errors:
        raise Invalid(*errors)
    return ask(
        actor=actor,
        depot=depot_by_id(typed.get("depot", "")),
        containers=by_codes(actor, typed.getlist("container"), field="containers"),
        wastes=wastes,
        window=typed.get("window", ""),
        note=typed.get("note", ""),
        now=now_of(request),
    )


def _streams(actor: Actor) -> list[WasteStream]:
    streams = WasteStream.objects.filter(organisation=actor.organisation_id, active=True).select_related("site")
    return list(streams.order_by("name", "pk")[:50])


def _ask_page(request: HttpRequest, typed: Any, refusal: Refused | None = None) -> HttpResponse:
    actor, today = actor_of(request), timezone.localdate(now_of(request))
    stays, streams = list(free_for_collection(actor)[:MOST_DRUMS]), _streams(actor)
    for stream in streams:
        stream.typed = typed.get(f"mass-{stream.pk}", "")  # type: ignore[attr-defined]
    chosen = set(typed.getlist("container"))
    codes = {stay.container.waste_code for stay in stays if stay.container.short_code in chosen}
    divisions = {stay.depot.site.division for stay in stays} | {stream.site.division for stream in streams}
    errors = field_messages(refusal) if refusal else {}
    context = {
        "stays": stays,
        "streams": streams,
        "depots": _choices(actor, divisions, codes, today),
        "chosen": chosen,
        "typed": typed,
        "errors": {name.partition(".")[0]: text for name, text in errors.items()},
        **nonce_again(refusal),
    }
    return render(request, "manifests/rounds/ask.html", context, status=refusal.status if refusal else 200)


def _choices(actor: Actor, divisions: set[str], codes: set[str], today: date) -> list[tuple[Depot, list[str]]]:
    """The depots of the firm's cities, those that may take it first, each with what speaks against it."""
    found: dict[int, Depot] = {}
    for division in sorted({division[:4] for division in divisions}):
        found |= {one.pk: one for one in depots_near(division) if one.organisation_id != actor.organisation_id}
    rows = [(one, [sentence(e.code, e.params) for e in depot_problems(one, codes, today)]) for one in found.values()]
    return sorted(rows, key=lambda row: (bool(row[1]), row[0].kind != DepotKind.COLLECTION_DEPOT))


@never_cache
@require_safe
def collection_page(request: HttpRequest, collection_id: str) -> HttpResponse:
    """One request: what, where, how far it is."""
    return _collection(request, get_request(actor_of(request), collection_id))


def _collection(request: HttpRequest, found: CollectionRequest, refusal: Refused | None = None) -> HttpResponse:
    actor = actor_of(request)
    stops = list(found.stops.select_related("round__vehicle", "manifest").order_by("-id"))
    parties = found.positions(actor)
    context = {
        "collection": found,
        "stops": stops,
        "parties": parties,
        "may_withdraw": "firm" in parties and actor.may_write and found.state == CollectionState.ASKED,
        "may_plan": "depot" in parties and actor.may_write and found.state == CollectionState.ASKED,
        "errors": field_messages(refusal) if refusal else {},
    }
    return render(request, "manifests/rounds/collection.html", context, status=refusal.status if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw_collection(request: HttpRequest, collection_id: str) -> HttpResponse:
    """The firm no longer wants it."""
    if request.method == "POST":
        actor = actor_of(request)
        found = get_request(actor, collection_id)
        try:
            withdraw(actor=actor, request=found, now=now_of(request))
        except Refused as refusal:
            return _collection(request, get_request(actor, collection_id), refusal)
    return go_to(f"/collections/{collection_id}")


# --- a depot plans -----------------------------------------------------------------------------------------


@require_safe
def round_list(request: HttpRequest) -> HttpResponse:
    """The rounds of the reader's depots, and those that it drives: what is open first."""
    actor = actor_of(request)
    rows, cursor = rounds_of(actor), request.GET.get("cursor")
    is_open = {"state__in": OPEN_ROUND}
    context = {
        "open": list(rows.filter(**is_open).order_by("day", "id")[:MOST_WAITING]) if not cursor else [],
        "page": page_of(rows.exclude(**is_open), cursor, PAGE, lambda found: found),
        "depots": [one for one in own_depots(actor) if one.takes_from_others] if actor.may_write else [],
        "waiting": requests_of(actor)
        .filter(state=CollectionState.ASKED, depot__site__organisation=actor.organisation_id)
        .count(),
    }
    return render(request, "manifests/rounds/rounds.html", context)


@dataclass
class Draft:
    """A round on the planner's desk: what was chosen so far, and whether it fits."""

    vehicle: str
    carrier: str
    plate: str
    day: str
    stops: list[CollectionRequest]

    @property
    def mass_g(self) -> int:
        return sum(piece.mass_g for piece in pieces_of(self.stops))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, depot_id: str) -> HttpResponse:
    """A new round of a depot."""
    actor = actor_of(request)
    actor.require_write()
    depot = get_depot(actor, depot_id)
    if depot.organisation_id != actor.organisation_id or not depot.takes_from_others:
        raise NotPermitted("not_your_depot")
    return _plan(request, depot, None)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def plan_again(request: HttpRequest, round_id: str) -> HttpResponse:
    """A planned round on the planner's desk again."""
    actor = actor_of(request)
    actor.require_write()
    found = get_round(actor, round_id)
    if "depot" not in found.positions(actor):
        raise NotPermitted("not_your_part")
    if found.state != RoundState.PLANNED:
        return go_to(f"/rounds/{round_id}")
    return _plan(request, found.depot, found)


def _plan(request: HttpRequest, depot: Depot, found: Round | None) -> HttpResponse:
    """Every button but the last one only shows more: the plan travels in the form until it is saved."""
    actor = actor_of(request)
    mine = {one.pk for one in found.stops.all()} if found else set()
    waiting = most_urgent_first(requests_of(actor).filter(depot=depot, state=CollectionState.ASKED))
    own = requests_of(actor).filter(stops__in=mine, state=CollectionState.PLANNED)
    known = {str(one.pk): one for one in [*waiting[:MOST_WAITING], *own]}
    vehicles = vehicles_for(depot)
    draft = _draft(request, found, known, vehicles)
    if request.method == "POST":
        word, _colon, which = request.POST.get("do", "").partition(":")
        if word == "save":
            try:
                return redirect_once(request, lambda: _save(request, depot, found, draft, vehicles))
            except Refused as refusal:
                return _plan_page(request, depot, found, draft, known, vehicles, refusal)
        _move(draft.stops, word, known.get(which))
    return _plan_page(request, depot, found, draft, known, vehicles)


def _draft(
    request: HttpRequest, found: Round | None, known: Mapping[str, CollectionRequest], vehicles: Sequence[Vehicle]
) -> Draft:
    typed = request.POST if request.method == "POST" else request.GET
    stops = [known[pk] for pk in dict.fromkeys(typed.getlist("stop")) if pk in known]
    if request.method == "POST" or found is None:
        first = str(vehicles[0].pk) if vehicles else OTHER
        today = timezone.localdate(now_of(request)).isoformat()
        return Draft(
            typed.get("vehicle", first),
            typed.get("carrier", ""),
            typed.get("plate", ""),
            typed.get("day", today),
            stops,
        )
    vehicle = str(found.vehicle_id) if any(one.pk == found.vehicle_id for one in vehicles) else OTHER
    stops = [known[str(one.request_id)] for one in found.stops.all() if str(one.request_id) in known]
    return Draft(vehicle, found.carrier.uscc, found.vehicle.plate, found.day.isoformat(), stops)


def _move(stops: list[CollectionRequest], word: str, which: CollectionRequest | None) -> None:
    """Up, down, on or off: a button of the planner."""
    if which is None:
        return
    if word == "add" and which not in stops:
        stops.append(which)
    elif which in stops:
        place = stops.index(which)
        stops.remove(which)
        if word != "drop":
            stops.insert(max(0, place + {"up": -1, "down": 1}.get(word, 0)), which)


def _chosen_vehicle(draft: Draft, vehicles: Sequence[Vehicle]) -> Vehicle:
    if draft.vehicle == OTHER:
        return vehicle_of(draft.carrier, draft.plate)
    for vehicle in vehicles:
        if str(vehicle.pk) == draft.vehicle:
            return vehicle
    raise invalid("vehicle", "vehicle_missing")


def _save(request: HttpRequest, depot: Depot, found: Round | None, draft: Draft, vehicles: Sequence[Vehicle]) -> str:
    actor, now = actor_of(request), now_of(request)
    try:
        day = date.fromisoformat(draft.day)
    except ValueError:
        raise invalid("day", "date_unreadable") from None
    plan = Plan(_chosen_vehicle(draft, vehicles), day, draft.stops)
    if found is None:
        found = plan_round(actor=actor, depot=depot, plan=plan, now=now)
    else:
        change_round(actor=actor, round_=found, plan=plan, now=now)
    return f"/rounds/{found.pk}"


def _plan_page(
    request: HttpRequest,
    depot: Depot,
    found: Round | None,
    draft: Draft,
    known: Mapping[str, CollectionRequest],
    vehicles: Sequence[Vehicle],
    refusal: Refused | None = None,
) -> HttpResponse:
    today = timezone.localdate(now_of(request))
    vehicle = _or_none(draft, vehicles)
    # What speaks against it is said while it is planned, not only when it is saved.
    against = _against(depot, vehicle, draft) if refusal is None else []
    context = {
        "depot": depot,
        "round": found,
        "draft": draft,
        "waiting": [one for one in known.values() if one not in draft.stops],
        "vehicles": vehicles,
        "vehicle": vehicle,
        "other": draft.vehicle == OTHER,
        "carriers": _able(carriers(actor_of(request), today)),
        "today": today.isoformat(),
        "against": against,
        "problems": [field_json(one)["message"] for one in refusal.errors] if refusal else [],
        "errors": field_messages(refusal) if refusal else {},
        "address": f"/rounds/{found.pk}/plan" if found else f"/depots/{depot.pk}/rounds/new",
        **nonce_again(refusal),
    }
    return render(request, "manifests/rounds/plan.html", context, status=refusal.status if refusal else 200)


def _able(choices: Sequence[Choice]) -> list[Choice]:
    return [choice for choice in choices if not choice.problems]


def _or_none(draft: Draft, vehicles: Sequence[Vehicle]) -> Vehicle | None:
    try:
        return _chosen_vehicle(draft, vehicles)
    except Refused:
        return None


def _against(depot: Depot, vehicle: Vehicle | None, draft: Draft) -> list[str]:
    try:
        day = date.fromisoformat(draft.day)
    except ValueError:
        return []
    if vehicle is None or not draft.stops:
        return []
    return [field_json(one)["message"] for one in round_problems(depot, vehicle, draft.stops, day)]


# --- a driver goes round -----------------------------------------------------------------------------------


@cache_control(no_store=True)
@require_safe
def round_page(request: HttpRequest, round_id: str) -> HttpResponse:
    """A round with its stops; for its driver each with what is to be done there."""
    return _round(request, get_round(actor_of(request), round_id))


def _round(
    request: HttpRequest,
    found: Round,
    *,
    stop_id: str = "",
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    parties = found.positions(actor) if actor.may_write else frozenset()
    drives = "carrier" in parties
    under_way = found.state == RoundState.UNDER_WAY
    stops = stops_of(found)
    rows: list[Any] = list(stops_here(found, stops, now)) if drives and under_way else []
    here = {row.stop.pk: row for row in rows}
    for stop in stops:
        stop.here = here.get(stop.pk) if stop.phase == "pending" else None  # type: ignore[attr-defined]
        stop.refused = errors if str(stop.pk) == stop_id else None  # type: ignore[attr-defined]
        stop.why_parked = _why_parked(found, stop)  # type: ignore[attr-defined]
    pending = [stop for stop in stops if stop.phase == "pending"]
    context = {
        "round": found,
        "stops": stops,
        "next_stop": pending[0] if pending else None,
        "drives": drives and under_way,
        "may_start": bool(parties) and found.state == RoundState.PLANNED,
        "may_plan": "depot" in parties and found.state == RoundState.PLANNED,
        "may_finish": drives and under_way,
        # What a phone still keeps of a round that is over is sent all the same.
        "sends": drives and found.state in (RoundState.UNDER_WAY, RoundState.FINISHED),
        "all_settled": not pending,
        "errors": (errors or {}) if not stop_id else {},
        "key": public_key() if drives and under_way else "",
        "ride": _ride(found) if drives and under_way else {},
        "words": words(),
        "public_url": settings.PUBLIC_URL,
        "typed": request.POST,
        NONCE: secrets.token_urlsafe(16),
    }
    response = render(request, "manifests/rounds/round.html", context, status=status)
    # The camera's reader is WebAssembly, as on the scan page.
    response.headers["Content-Security-Policy"] = content_security(request, wasm=True)
    return response


def _why_parked(found: Round, stop: Any) -> list[str]:
    """Why what was signed last at this stop is not recorded, where it is still to be done, or came after the end."""
    if not stop.parked:
        return []
    last = stop.parked[-1]
    late = stop.phase == "missed" and found.finished_at is not None and last.received_at >= found.finished_at
    if stop.phase != "pending" and not late:
        return []
    return [sentence(one.code, one.params) for one in reasons_of(last)]


def _ride(found: Round) -> dict[str, Any]:
    """What the phone needs to say at once whether something still fits onto the vehicle."""
    aboard = [
        {"waste": piece.waste_code, "groups": None if piece.reactions is None else sorted(piece.reactions),
         "mass_g": piece.mass_g}
        for piece in aboard_now(found)
    ]  # fmt: skip
    pairs = [[pair.group_a, pair.group_b] for pair in reactions(found.depot.site.division).pairs]
    return {"capacity_g": found.vehicle.capacity_g, "aboard": aboard, "pairs": pairs}


def words() -> dict[str, str]:
    """What the phone says by itself."""
    return {
        "chosen": _("{n} drums, {kg} kg"),
        "none": _("Nothing chosen yet."),
        "heavy": _("Too heavy: with this the vehicle has {kg} kg, it may carry {limit} kg."),
        "reacts": _("Something here reacts with what is on the vehicle or chosen already: leave it here."),
        "unknown": _("Of something here nobody has said what it reacts with: it may only ride with its own waste."),
        "notHere": _("This drum is not on the list of any open stop. Is the label of this firm?"),
        "ticked": _("{code}: on the vehicle."),
        "already": _("{code} is chosen already."),
        "fillIn": _("Choose what is taken, then both sign: user name and PIN of the firm, PIN of the driver."),
        "waits": _("Signed by both and kept on this phone: it is sent when there is a network."),
        "missWaits": _("Noted on this phone: it is sent when there is a network."),
        "sending": _("Sending …"),
        "stateWaits": _("Kept on this phone"),
        "stateRecorded": _("Fetched"),
        "stateMissed": _("Not served"),
        "stateParked": _("Sign again"),
        "recorded": _("Taken over. Manifest {number}."),
        "missed": _("Not served: it waits for the next round."),
        "line": _("No network: {n} steps wait on this phone."),
        "signedOut": _("You are signed out: sign in again on this phone, then what waits is sent."),
        "otherPerson": _("Somebody else is signed in: what waits is sent when its driver signs in again."),
        "camera_denied": _("The camera is not allowed here. Type the code instead."),
        "no_camera": _("No camera here. Type the code instead."),
        "notKept": _("This phone can keep nothing: sign with a network only."),
    }


STEPS = {"start": start_round, "finish": finish_round, "cancel": cancel_round}


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, round_id: str, verb: str) -> HttpResponse:
    """Start, finish, call off."""
    if verb not in STEPS:
        raise NotFound
    if request.method == "POST":
        actor = actor_of(request)
        found = get_round(actor, round_id)
        try:
            STEPS[verb](actor=actor, round_=found, now=now_of(request))
        except Refused as refusal:
            if refusal.code != "illegal_state":
                raise
    return go_to(f"/rounds/{round_id}")


@sensitive_post_parameters("pin", "firm_pin")
@require_http_methods(["GET", "HEAD", "POST"])
def act_at_stop(request: HttpRequest, round_id: str, stop_id: str, verb: str) -> HttpResponse:
    """Serve a stop or say why not, by plain forms; with scripts the phone keeps and sends it by itself."""
    if verb not in ("serve", "miss"):
        raise NotFound
    if request.method != "POST":
        return go_to(f"/rounds/{round_id}")
    actor, now = actor_of(request), now_of(request)
    found = get_round(actor, round_id)
    try:
        if verb == "miss":
            stop = get_stop(found, stop_id)
            miss_stop(actor=actor, round_=found, stop=stop, reason=printable(request.POST).get("reason", ""), now=now)
            return go_to(f"/rounds/{round_id}")
        signed = serve(actor=actor, round_id=found.pk, stop_id=stop_id, request=_signed(request), now=now)
    except Refused as refusal:
        if refusal.status in (403, 404):
            raise
        return _round(request, found, stop_id=stop_id, errors=_at_stop(refusal), status=refusal.status)
    if signed.state == "parked":
        errors = {_field(one.field): sentence(one.code, one.params) for one in reversed(reasons_of(signed))}
        return _round(request, get_round(actor, round_id), stop_id=stop_id, errors=errors, status=409)
    return go_to(f"/rounds/{round_id}")


def _at_stop(refusal: Refused) -> dict[str, str]:
    return {_field(name): text for name, text in field_messages(refusal).items()}


def _field(name: str) -> str:
    return name if name in ("pin", "firm_pin", "username", "reason") else "all"


def _signed(request: HttpRequest) -> ServeRequest:
    """A plain form's stop; what each row showed travels in it."""
    typed = request.POST
    drums = typed.getlist("drum")
    new = []
    for name, text in typed.items():
        if name.startswith("mass-") and str(text).strip():
            mass_g = grams(typed_kg(str(text)), field=name)
            new.append((name.removeprefix("mass-"), kg_text(mass_g) or ""))
    driver, firm = plain_signers(typed.get("pin", ""), typed.get("username", ""), typed.get("firm_pin", ""))
    shown = shown_digest(
        typed.get("head", ""),
        [(code, typed.get(f"seen-{code}", "")) for code in drums],
        [(stream, typed.get(f"seen-{stream}", ""), mass) for stream, mass in new],
    )
    return ServeRequest(
        nonce=typed.get(NONCE, ""),
        shown=shown,
        drums=drums,
        new=[New(stream, mass) for stream, mass in new],
        firm=firm,
        driver=driver,
    )
