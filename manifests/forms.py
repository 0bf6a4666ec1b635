"""What a page's form sent with a verb, and where its errors belong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from django.utils import timezone

from manifests.models import Line, Outcome
from manifests.services.receipt_rows import DIFFERENCES
from manifests.verbs import Sent
from wastetrack.errors import Refused, invalid
from wastetrack.pages import field_messages
from wastetrack.schemas import EARLIEST_YEAR
from wastetrack.sentences import listed
from wastetrack.telling import DIFFERENCES as DIFFERING
from wastetrack.units import kg_text, typed_kg
from wastetrack.waste.clock import end_of
from wastetrack.waste.models import Container

Typed = Mapping[str, Any]
FIELD_OF_CODE = {
    "wrong_password": "password",
    "wrong_pin": "pin",
    "no_pin": "pin",
    "pin_locked": "pin",
    "settle_differs": "mass_kg",
    "not_scanned": "compared",
    "vehicle_expired": "vehicle",
    "vehicle_overloaded": "vehicle",
    "wrong_at_counter": "next_pin",
    "bay_full": "bay",
    "unknown_bay": "bay",
    "unknown_depot": "depot",
}
"""Refusals that carry no field of their own, and where on the form their sentence helps."""
_LINE_FIELD = re.compile(r"lines\.(\d+)\.(\w+)", re.ASCII)


@dataclass(frozen=True)
class FormSent:
    """A verb's fields as sent, and whom its rows speak of, in that order: lines by position, drums by short code."""

    sent: Sent
    positions: Sequence[int | str] = ()


def read_form(verb: str, lines: Sequence[Line], typed: Typed, now: datetime) -> FormSent:
    """The fields of a verb's form. Raises Invalid for a date or time that cannot be read."""
    named: Sequence[Line] = ()
    positions: Sequence[int | str] = ()
    if verb == "receive":
        named = [line for line in lines if f"outcome-{line.position}" in typed]
        rows = [_receipt(line, typed) for line in named]
    elif verb == "treat":
        positions = [name.removeprefix("treat-") for name in typed if name.startswith("treat-") and typed[name]]
        treated_at = _past_day(str(typed.get("treated_on", "")), now)
        rows = [_treatment(str(code), typed, treated_at) for code in positions]
    else:
        rows = []
    texts: dict[str, Any] = {
        name: str(typed.get(name, ""))
        for name in ("password", "pin", "container", "note", "reason", "vehicle", "depot", "bay", "shown", "carrier")
    } | {name: str(typed.get(name, "")) for name in ("place", "next_username", "next_pin")}
    sent = Sent(lines=rows, mass_kg=typed_kg(typed.get("mass_kg")), at=moment_of(str(typed.get("at", ""))), **texts)
    if verb == "depart":
        sent = replace(sent, fields={**sent.fields, "compared": bool(typed.get("compared"))})
    if verb == "type-in":
        told = {"driver": str(typed.get("driver", "")), "delivered_at": moment_of(str(typed.get("delivered_at", "")))}
        sent = replace(sent, fields={**sent.fields, **told})
    if "correction" in typed:
        sent = replace(sent, fields={**sent.fields, "correction": str(typed["correction"])})
    if "national_number" in typed:
        sent = replace(sent, fields={**sent.fields, "national_number": str(typed["national_number"])})
    return FormSent(sent, positions or [line.position for line in named])


def _receipt(line: Line, typed: Typed) -> dict[str, Any]:
    """One line of a receipt; an accepted one is as declared where no mass is typed and the form says so of all."""
    outcome = typed.get(f"outcome-{line.position}")
    as_declared = kg_text(line.mass_g) if typed.get("as_declared") and outcome != Outcome.REJECTED else ""
    return {
        "container": line.container.code,
        "outcome": outcome,
        "mass_kg": typed_kg(typed.get(f"mass-{line.position}", "")) or as_declared,
        "reason": typed.get(f"reason-{line.position}", ""),
        "differs": _differing(line, typed),
    }


def _differing(line: Line, typed: Typed) -> list[str]:
    """What of a received drum is ticked as other than declared."""
    return [name for name in DIFFERENCES if typed.get(f"differs-{name}-{line.position}")]


def _treatment(code: str, typed: Typed, treated_at: datetime | None) -> dict[str, Any]:
    """One drum of a treatment, by its short code: it may stand on the manifest, or have come out of one that does."""
    return {
        "container": code,
        "method": typed.get("method", ""),
        "mass_kg": typed_kg(typed.get(f"mass-{code}", "")),
        "treated_at": treated_at,
        "residue": typed.get("residue", ""),
    }


def _past_day(text: str, now: datetime) -> datetime | None:
    """None for today (the verb's own moment); else the day's end, which no receipt of that day comes after."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise invalid("treated_on", "date_unreadable") from None
    if day.year < EARLIEST_YEAR:
        raise invalid("treated_on", "date_too_old")
    return None if day == timezone.localdate(now) else end_of(day)


def moment_of(text: str, field: str = "at") -> datetime | None:
    """A local time as a browser's field gives it. Raises Invalid(time_unreadable | time_too_old) at the field."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.year < EARLIEST_YEAR:
            raise invalid(field, "time_too_old")
        moment = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
        moment.astimezone(UTC)  # at the ends of the calendar an offset can lead out of it
    except (ValueError, OverflowError):
        raise invalid(field, "time_unreadable") from None
    return moment


def errors_of(refusal: Refused, positions: Sequence[int | str] = ()) -> dict[str, str]:
    """A refusal's sentences by the form's field; what belongs to no field stands under `all`."""
    found = field_messages(refusal)
    if not refusal.errors and (field := FIELD_OF_CODE.get(refusal.code)):
        return {field: found["all"]}
    return {_field(name, positions): text for name, text in found.items()}


def _field(name: str, positions: Sequence[int | str]) -> str:
    match = _LINE_FIELD.fullmatch(name)
    if match and int(match[1]) < len(positions):
        part = {"mass_kg": "mass", "treated_at": "treated_on"}.get(match[2], match[2])
        whose = positions[int(match[1])]
        if part == "container" and isinstance(whose, str):
            return "lines"  # it has no row on the form any more
        return part if part in ("method", "treated_on", "residue") else f"{part}-{whose}"
    return "at" if name in ("departed_at", "delivered_at", "received_at") else name


@dataclass(frozen=True)
class Row:
    """One line on a form: what was typed for it, and what is wrong with that."""

    line: Line
    outcome: str = Outcome.ACCEPTED
    mass: str = ""
    reason: str = ""
    chosen: bool = True
    errors: Mapping[str, str] = field(default_factory=dict)
    differs: Sequence[str] = ()


def receipt_rows(lines: Sequence[Line], typed: Typed, errors: Mapping[str, str]) -> list[Row]:
    """The lines still to be received, as the receipt form shows them."""
    return [
        Row(
            line,
            outcome=typed.get(f"outcome-{line.position}", Outcome.ACCEPTED),
            mass=typed.get(f"mass-{line.position}", ""),
            reason=typed.get(f"reason-{line.position}", ""),
            errors=_errors_at(line, errors),
            differs=_differing(line, typed),
        )
        for line in lines
        if not line.outcome
    ]


@dataclass(frozen=True)
class TreatmentRow:
    """One drum on the form of a treatment: how much of it is to be recorded, and what is wrong with that."""

    container: Container
    mass: str
    chosen: bool
    error: str

    @property
    def code(self) -> str:
        return self.container.short_code


def treatment_rows(containers: Sequence[Container], typed: Typed, errors: Mapping[str, str]) -> list[TreatmentRow]:
    """These drums with what is left to treat of each, as the treatment form shows them."""
    return [
        TreatmentRow(
            one,
            mass=str(typed.get(f"mass-{one.short_code}", kg_text(one.mass_g - one.treated_g))),
            chosen=not typed or bool(typed.get(f"treat-{one.short_code}")),
            error=errors.get(f"mass-{one.short_code}", ""),
        )
        for one in containers
    ]


@dataclass(frozen=True)
class SettleRow(Row):
    """A disputed line on the form of a statement."""

    again: bool = False
    """This side has stated a mass, and may put it right while the other one has not agreed."""

    @property
    def as_found(self) -> str:
        """What else than the mass differs, in words, where the masses agree: there is no mass to settle then."""
        found = self.line.discrepancy
        agree = found.declared_mass_g == found.received_mass_g
        return listed(str(DIFFERING[name]) for name in found.differs.split()) if agree else ""


def settle_rows(lines: Sequence[Line], side: str, typed: Typed, errors: Mapping[str, str]) -> list[SettleRow]:
    """These disputed lines with the mass to agree on: one stated already, this side's own or the other's, else the
    one received. Those that this side has not stated come first."""
    rows = []
    for line in lines:
        said = next(iter(line.discrepancy.statements.all()), None)
        own = said if said is not None and said.side == side else None
        mine = typed.get("container") == line.container.code
        proposed = kg_text(said.mass_g if said else line.received_mass_g)
        rows.append(
            SettleRow(
                line,
                mass=str(typed.get("mass_kg", "") if mine else proposed),
                reason=typed.get("note", "") if mine else own.note if own else "",
                errors=errors if mine else {},
                again=own is not None,
            )
        )
    return sorted(rows, key=lambda row: row.again)


def _errors_at(line: Line, errors: Mapping[str, str]) -> dict[str, str]:
    suffix = f"-{line.position}"
    return {name.removesuffix(suffix): text for name, text in errors.items() if name.endswith(suffix)}
