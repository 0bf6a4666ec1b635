"""The page on which a correction is proposed: every field with its value now; what is left as it is changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from manifests.forms import Typed, errors_of, moment_of
from manifests.models import Leg, Line, Manifest, Outcome
from manifests.selectors import get_manifest, legs_of, lines_of
from manifests.services import digest_of
from manifests.services.changes import LINE_FIELDS, OWN_FIELDS, last_leg, own_value, value_of
from manifests.verbs import Sent, perform
from manifests.views import key_of
from wastetrack.errors import Refused
from wastetrack.http import actor_of, now_of
from wastetrack.pages import go_to, nonce_again, printable
from wastetrack.regulations.selectors import find_waste_code
from wastetrack.regulations.vocabulary import CONTAINER_KINDS, FORMS
from wastetrack.telling import CORRECTED
from wastetrack.units import typed_kg
from wastetrack.waste.models import Container

VOCABULARIES: Mapping[str, Mapping[str, Any]] = {"form": FORMS, "container_kind": CONTAINER_KINDS}


@dataclass(frozen=True)
class Tick:
    """A hazard that the waste may have; a fixed one it has for certain."""

    letter: str
    ticked: bool
    fixed: bool


@dataclass(frozen=True)
class Field:
    """One input: its value is what was typed, else what holds now."""

    name: str
    label: Any
    value: str
    unit: str = ""
    is_time: bool = False
    choices: Sequence[tuple[str, str]] = ()
    ticks: Sequence[Tick] = ()


@dataclass(frozen=True)
class Row:
    """One drum: its mass in front, the rest folded away unless something was typed or is wrong there."""

    line: Line
    mass: Field
    fields: Sequence[Field]
    opened: bool
    error: str


@require_http_methods(["GET", "HEAD", "POST"])
def propose(request: HttpRequest, number: str) -> HttpResponse:
    """Show the values as they are; send those that were changed, signed, as a proposal."""
    actor, now = actor_of(request), now_of(request)
    actor.require_write()
    manifest = get_manifest(actor, number)
    lines, legs = lines_of(manifest), legs_of(manifest)
    if request.method != "POST":
        if actor.organisation_id not in {manifest.sender_id, manifest.receiver_id, *(leg.carrier_id for leg in legs)}:
            # A regulator reads it, and has signed nothing that could be corrected.
            return go_to(f"/manifests/{number}")
        return _page(request, manifest, lines, legs)
    positions: list[int | str] = []
    try:
        sent, positions = _read(manifest, lines, legs, printable(request.POST))
        perform("correct", actor=actor, number=number, sent=sent, now=now, key=key_of(request))
    except Refused as refusal:
        return _page(request, manifest, lines, legs, refusal, positions)
    return go_to(f"/manifests/{number}")


def _fields_of(line: Line) -> list[str]:
    """What of a line may be corrected as it stands: one mass until it is accepted, no time before it is received."""
    accepted = line.outcome == Outcome.ACCEPTED
    without = {"mass_kg"} if not accepted else set()
    without |= set() if line.received_at else {"received_at"}
    return [name for name in LINE_FIELDS if name not in without]


def _shown(line: Line, name: str) -> str:
    """A field's value as its input shows it."""
    if name == "received_at" and line.received_at:
        return _local(line.received_at)
    return value_of(line, name)


def _given(typed: Typed, line: Line, name: str) -> str:
    """A field as it was typed, as it stands where the form did not have it; hazards in the order of the drum's."""
    key, shown = f"{name}-{line.position}", _shown(line, name)
    if key not in typed:
        return shown
    if name != "hazards":
        return str(typed[key]).strip()
    letters = set(" ".join(typed.getlist(key) if isinstance(typed, QueryDict) else [str(typed[key])]).split())
    return shown if letters == set(shown.split()) else " ".join(sorted(letters))


def _local(moment: datetime) -> str:
    return timezone.localtime(moment).replace(tzinfo=None, microsecond=0).isoformat()


def _read(manifest: Manifest, lines: Sequence[Line], legs: Sequence[Leg], typed: Typed) -> tuple[Sent, list[int | str]]:
    """What was changed, and the positions of the lines that it is about."""
    rows, positions = [], list[int | str]()
    for line in lines:
        row: dict[str, Any] = {}
        for name in _fields_of(line):
            given = _given(typed, line, name)
            if given != _shown(line, name):
                row[name] = _value(name, given, f"{name}-{line.position}")
        if row:
            rows.append({"container": line.container.code, **row})
            positions.append(line.position)
    now = {name: own_value(manifest, last_leg(legs), name) for name in OWN_FIELDS}
    own = {name: str(typed.get(name, value)) for name, value in now.items() if typed.get(name, value) != value}
    texts: dict[str, Any] = {name: str(typed.get(name, "")) for name in ("password", "pin", "reason", "shown")}
    return Sent(lines=rows, vehicle=own.pop("vehicle", ""), fields=own, **texts), positions


def _value(name: str, given: str, field: str) -> Any:
    if name in ("mass_kg", "declared_mass_kg"):
        return typed_kg(given)
    if name == "received_at":
        return moment_of(given, field) or given
    return given


def _page(
    request: HttpRequest,
    manifest: Manifest,
    lines: Sequence[Line],
    legs: Sequence[Leg],
    refusal: Refused | None = None,
    positions: Sequence[int | str] = (),
) -> HttpResponse:
    typed: Typed = request.POST if refusal else {}
    found = errors_of(refusal, positions) if refusal else {}
    # Here each mass has its own field.
    errors = {re.sub(r"^mass-", "mass_kg-", name): said for name, said in found.items()}
    own = [name for name in OWN_FIELDS if name != "vehicle" or last_leg(legs)]
    context = {
        "manifest": manifest,
        "digest": digest_of(manifest, lines, legs),
        "rows": [_row(line, typed, errors, now_of(request)) for line in lines],
        "own": [_own_field(manifest, legs, name, typed) for name in own],
        "typed": typed,
        "errors": errors,
        "form": {"verb": "correct", "first": True},
        **nonce_again(refusal),
    }
    return render(request, "manifests/corrections/new.html", context, status=refusal.status if refusal else 200)


def _row(line: Line, typed: Typed, errors: Mapping[str, str], now: datetime) -> Row:
    fields = [_line_field(line, name, typed, now) for name in _fields_of(line)]
    rest = fields[1:]
    names = _fields_of(line)[1:]
    changed = any(field.value != _shown(line, name) for field, name in zip(rest, names, strict=True))
    wrong = any(field.name in errors for field in rest)
    return Row(line, fields[0], rest, changed or wrong, errors.get(f"container-{line.position}", ""))


def _line_field(line: Line, name: str, typed: Typed, now: datetime) -> Field:
    key, value = f"{name}-{line.position}", _given(typed, line, name)
    language = "en" if (get_language() or "").startswith("en") else "zh"
    words = VOCABULARIES.get(name, {}).values()
    return Field(
        key,
        CORRECTED[name],
        value,
        unit="kg" if name in ("mass_kg", "declared_mass_kg") else "",
        is_time=name == "received_at",
        choices=[(term.code, getattr(term, language)) for term in words],
        ticks=_ticks(line.container, value.split(), now) if name == "hazards" else (),
    )


def _ticks(drum: Container, ticked: Sequence[str], now: datetime) -> list[Tick]:
    """The hazards that a waste of the drum's code may have, and its own; none for a code that the catalogue lacks."""
    waste = find_waste_code(drum.waste_code, on=timezone.localdate(now))
    listed = waste.hazards if waste else None
    if listed is None:
        return []
    letters = dict.fromkeys([*listed.letters, *drum.hazard_letters])
    return [Tick(one, one in ticked or one in listed.certain, one in listed.certain) for one in letters]


def _own_field(manifest: Manifest, legs: Sequence[Leg], name: str, typed: Typed) -> Field:
    return Field(name, CORRECTED[name], str(typed.get(name, own_value(manifest, last_leg(legs), name))))
