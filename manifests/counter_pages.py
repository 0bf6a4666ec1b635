"""The pages of the counter: weighing what a firm brought, and the firm's confirmation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from depots.models import Depot, DepotKind, Stay
from depots.selectors import own_depots
from manifests.counter import Signed, sign
from manifests.models import WalkInLine, WalkInState
from manifests.services.counter import Brought, decline_walk_in, start_walk_in
from manifests.walk_ins import (
    drum_in_hand,
    find_firms,
    firms_near,
    get_firm,
    get_walk_in,
    not_to_walk_in,
    state_at,
    usual_wastes,
    waiting_at_counter,
)
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused, invalid
from wastetrack.http import actor_of, field_json, now_of
from wastetrack.pages import field_messages, go_to, nonce_again, printable, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.sentences import sentence
from wastetrack.units import grams, typed_kg
from wastetrack.waste.models import Container, WasteStream

FIELD_OF_CODE = {
    "wrong_password": "password",
    "too_many_requests": "password",
    "wrong_pin": "pin",
    "no_pin": "pin",
    "pin_locked": "pin",
    "wrong_at_counter": "pin",
}
MOST_SHOWN = 10
TAKING = [kind for kind in DepotKind.values if kind != DepotKind.STORAGE_POINT]


@dataclass
class Row:
    """A drum on the form: one by its label, or a new one of a usual waste; with what was typed for it."""

    key: str
    mass: str = ""
    since: str = ""
    container: Container | None = None
    stream: WasteStream | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def brought(self) -> Brought:
        """As it goes to the service. Raises Invalid(mass_…) at mass_kg."""
        mass_g = grams(typed_kg(self.mass))
        return Brought(mass_g, container=self.container, stream=self.stream, accumulation_start=self.since)


@dataclass
class Weighing:
    """The form as it stands: the depot, the firm once it is known, and the drums so far."""

    depot: Depot
    firm: Organisation | None
    rows: list[Row]
    wastes: list[WasteStream]


# --- weighing ----------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def weigh(request: HttpRequest) -> HttpResponse:
    """At the counter: whose drums, which, how heavy; then the firm is asked. Until then every step only shows more."""
    actor, now = actor_of(request), now_of(request)
    actor.require_write()
    typed: Any = request.POST if request.method == "POST" else request.GET
    depots = [depot for depot in own_depots(actor) if depot.takes_from_others]
    if not depots:
        raise NotPermitted("not_your_part")
    depot = next((one for one in depots if str(one.pk) == typed.get("depot", "")), depots[0])
    weighing = _weighing(depot, typed, now)
    if request.method == "POST" and typed.get("do") == "start":
        try:
            return redirect_once(request, lambda: f"/walk-ins/{_start(actor, weighing, now)}")
        except Refused as refusal:
            return _form(request, depots, weighing, _at_rows(weighing, refusal), refusal)
    try:
        _change(actor, weighing, typed, now)
    except Refused as refusal:
        return _form(request, depots, weighing, {"add": _said(refusal)})
    return _form(request, depots, weighing, {})


def _weighing(depot: Depot, typed: Any, now: datetime) -> Weighing:
    firm = firms_near(depot).filter(uscc=typed.get("firm", "").strip().upper()).first()
    wastes = usual_wastes(firm, depot, now) if firm else []
    rows = []
    for key in dict.fromkeys(typed.getlist("row")) if firm else ():
        row = Row(key, typed.get(f"mass-{key}", ""), typed.get(f"since-{key}", ""))
        kind, _, rest = key.partition(":")
        if kind == "drum":
            row.container = _drum(rest)
        else:
            row.stream = next((stream for stream in wastes if str(stream.pk) == rest.partition(".")[0]), None)
        if row.container or row.stream:
            rows.append(row)
    return Weighing(depot, firm, rows, wastes)


def _drum(code: str) -> Container | None:
    try:
        return drum_in_hand(code)
    except Refused:
        return None


def _change(actor: Actor, weighing: Weighing, typed: Any, now: datetime) -> None:
    """What the pressed button says: choose a firm, add or take away a drum. Raises what stands in its way."""
    word, _, what = typed.get("do", "").partition(":")
    if word == "firm":
        _choose(weighing, get_firm(weighing.depot, what), now)
    elif word == "other":
        weighing.firm, weighing.rows, weighing.wastes = None, [], []
    elif word == "drop":
        weighing.rows = [row for row in weighing.rows if row.key != what]
    elif word == "new":
        _add_new(weighing, what, now)
    elif code := (typed.get("add", "") or typed.get("container", "")).strip():
        _add_drum(actor, weighing, code, now)


def _choose(weighing: Weighing, firm: Organisation, now: datetime) -> None:
    weighing.firm, weighing.rows = firm, []
    weighing.wastes = usual_wastes(firm, weighing.depot, now)


def _add_new(weighing: Weighing, stream_id: str, now: datetime) -> None:
    stream = next((stream for stream in weighing.wastes if str(stream.pk) == stream_id), None)
    if stream is None:
        raise invalid("add", "unknown_stream")
    taken = {row.key for row in weighing.rows}
    key = next(key for n in range(1, len(taken) + 2) if (key := f"new:{stream.pk}.{n}") not in taken)
    weighing.rows.append(Row(key, since=timezone.localdate(now).isoformat(), stream=stream))


def _add_drum(actor: Actor, weighing: Weighing, text: str, now: datetime) -> None:
    """A scanned label: the first one also says whose drums these are."""
    container = drum_in_hand(text)
    if refusal := not_to_walk_in(actor, container):
        raise refusal
    if weighing.firm is None:
        _choose(weighing, get_firm(weighing.depot, container.holder.uscc), now)
    firm = weighing.firm
    assert firm is not None
    if container.holder_id != firm.pk:
        raise Refused("not_the_firms", container=container.short_grouped, firm=firm.name)
    key = f"drum:{container.short_code}"
    if all(row.key != key for row in weighing.rows):
        weighing.rows.append(Row(key, container=container))


def _start(actor: Actor, weighing: Weighing, now: datetime) -> int:
    if weighing.firm is None:
        raise Refused("firm_missing")
    drums, errors = [], list[FieldError]()
    for number, row in enumerate(weighing.rows):
        try:
            drums.append(row.brought)
        except Invalid as refusal:
            errors += [FieldError(f"drums.{number}.mass_kg", error.code, error.params) for error in refusal.errors]
    if errors:
        raise Invalid(*errors)
    walk_in = start_walk_in(actor=actor, depot=weighing.depot, firm=weighing.firm, drums=drums, now=now)
    return walk_in.pk


def _at_rows(weighing: Weighing, refusal: Refused) -> dict[str, str]:
    """A refusal's sentences: at the drum they speak of, the others on top."""
    on_top = [] if refusal.errors else [_said(refusal)]
    for error in refusal.errors:
        table, _, rest = error.field.partition(".")
        number = rest.partition(".")[0]
        said = field_json(error)["message"]
        if table == "drums" and number.isdigit() and int(number) < len(weighing.rows):
            weighing.rows[int(number)].errors.append(said)
        else:
            on_top.append(said)
    return {"all": " ".join(on_top)} if on_top else {"rows": "yes"}


def _said(refusal: Refused) -> str:
    first = refusal.errors[0] if refusal.errors else refusal
    return sentence(first.code, first.params)


def _form(
    request: HttpRequest,
    depots: Sequence[Depot],
    weighing: Weighing,
    errors: Mapping[str, str],
    refusal: Refused | None = None,
) -> HttpResponse:
    typed: Any = request.POST if request.method == "POST" else request.GET
    search, now = typed.get("search", ""), now_of(request)
    firms = find_firms(weighing.depot, search) if search and weighing.firm is None else []
    context = {
        "depots": depots,
        "weighing": weighing,
        "search": search,
        "firms": firms,
        "today": timezone.localdate(now).isoformat(),
        "added": typed.get("add", "") if "add" in errors else "",
        "to_weigh": next((row.key for row in weighing.rows if not row.mass.strip()), ""),
        "waiting": list(waiting_at_counter(actor_of(request), now)[:MOST_SHOWN]) if weighing.firm is None else [],
        "errors": errors,
        **nonce_again(refusal),
    }
    return render(request, "manifests/walk_in/weigh.html", context, status=refusal.status if refusal else 200)


# --- one walk-in: for the firm to confirm, and for the depot to see it confirmed ------------------------------


@never_cache
@require_safe
def walk_in(request: HttpRequest, walk_in_id: str) -> HttpResponse:
    """What was weighed, and what the reader may do with it: confirm, decline, or wait."""
    return _page(request, walk_in_id)


@never_cache
@sensitive_post_parameters("password", "pin")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, walk_in_id: str) -> HttpResponse:
    """The firm signs, on its own device or on the depot's."""
    if request.method == "POST":
        signed = Signed(*(request.POST.get(name, "") for name in ("password", "pin", "username")))
        try:
            sign(actor=actor_of(request), walk_in_id=walk_in_id, signed=signed, now=now_of(request))
        except Refused as refusal:
            # Sent twice, or settled by the other side meanwhile: the page says how.
            if refusal.code != "illegal_state":
                return _page(request, walk_in_id, refusal)
    return go_to(f"/walk-ins/{walk_in_id}")


@require_http_methods(["GET", "HEAD", "POST"])
def decline(request: HttpRequest, walk_in_id: str) -> HttpResponse:
    """The firm does not want it so, or the depot takes it back."""
    if request.method == "POST":
        actor = actor_of(request)
        found = get_walk_in(actor, walk_in_id)
        try:
            reason = printable(request.POST).get("reason", "")
            decline_walk_in(actor=actor, walk_in=found, reason=reason, now=now_of(request))
        except Refused as refusal:
            if refusal.code not in ("illegal_state", "walk_in_expired"):
                raise
    return go_to(f"/walk-ins/{walk_in_id}")


def _page(request: HttpRequest, walk_in_id: str, refusal: Refused | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    found = get_walk_in(actor, walk_in_id)
    state = state_at(found, now)
    parties = found.positions(actor) if actor.may_write and not actor.is_regulator else frozenset()
    open_to = parties if state == WalkInState.WAITING else frozenset()
    lines = _with_bays(list(found.lines.all()))
    context = {
        "walk_in": found,
        "state": state,
        "state_label": WalkInState(state).label,
        "lines": lines,
        "as_firm": "firm" in open_to,
        "as_depot": "depot" in open_to,
        "at_depot": "depot" in parties,
        "new_codes": [line.container.code for line in lines if line.stream_id and line.container],
        "typed_username": request.POST.get("username", ""),
        "errors": _errors(refusal),
        "form": {"verb": "confirm", "first": True},
    }
    return render(request, "manifests/walk_in/walk_in.html", context, status=refusal.status if refusal else 200)


def _errors(refusal: Refused | None) -> dict[str, str]:
    if refusal is None:
        return {}
    found = field_messages(refusal)
    name = FIELD_OF_CODE.get(refusal.code)
    if name and "all" in found:
        return {name: found["all"]}
    if set(found) - {"password", "pin"}:
        # What stands in the way of a step behind this one belongs to none of these fields.
        return {"all": " ".join(dict.fromkeys(found.values()))}
    return found


def _with_bays(lines: Sequence[WalkInLine]) -> Sequence[WalkInLine]:
    """The lines, each with `stands_in`: the bay it stands in now, where it is the depot's already (one query)."""
    here = Stay.objects.filter(container__in=[line.container_id for line in lines], left_at=None)
    rows = here.filter(depot__kind__in=TAKING).select_related("bay")
    bays: dict[int | None, Any] = {stay.container_id: stay.bay for stay in rows}
    for line in lines:
        line.stands_in = bays.get(line.container_id)  # type: ignore[attr-defined]
    return lines
