"""Reading what a receiver says of each line: accepted or refused, its mass, the reason, what else differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depots.models import Bay
from manifests.deviation import limits_in, more_than_sent
from manifests.models import Line, Manifest, Outcome
from manifests.services.common import NOTE_LENGTH, plain_code
from wastetrack.errors import FieldError, Invalid
from wastetrack.units import grams, kg_text

DIFFERENCES = ("name", "hazards", "form", "packaging")
"""What of a drum may be other than declared, beside its mass (article 18)."""


@dataclass
class Receipt:
    """What the receiver found of one line: accepted with its mass (None: as declared), or rejected with a reason.

    `mass_g` of a rejected one: as weighed, None where it was not. `differs`: which of DIFFERENCES are not as declared.
    `bay`, written by `receive`: where it was put.
    """

    line: Line
    outcome: str = Outcome.ACCEPTED
    mass_g: int | None = None
    reason: str = ""
    differs: tuple[str, ...] = ()
    bay: Bay | None = None

    @property
    def counted_g(self) -> int:
        """Its grams in the totals: as weighed, else as declared."""
        return self.line.mass_g if self.mass_g is None else self.mass_g

    def content(self) -> dict[str, Any]:
        """What the receiver signs of this line."""
        accepted = self.outcome == Outcome.ACCEPTED
        return {
            "container": self.line.container.code,
            "outcome": self.outcome,
            "mass_kg": kg_text(self.counted_g if accepted else self.mass_g),
            "differs": list(self.differs),
            "reason": self.reason,
        }


def read_receipts(
    manifest: Manifest, rows: Sequence[Mapping[str, Any]], totals: Mapping[str, Any] | None = None
) -> list[Receipt]:
    """Receipts from `{container, outcome, mass_kg, reason, differs}` rows; no rows: every open line as declared.

    `totals`: `accepted_kg` and `refused_kg`, where the receiver gives them; the rows must add up to them.
    Raises Invalid naming each row: unknown_line, duplicate_line, unknown_outcome, unknown_difference, reason_missing,
    refused_more_than_sent, mass_…; and at a total: totals_differ, mass_….
    """
    lines = list(manifest.lines.select_related("container"))
    if rows:
        receipts, errors = _read_rows(manifest, lines, rows)
    else:
        receipts, errors = [Receipt(line) for line in lines if not line.outcome], []
    if not errors:
        errors = _total_errors(receipts, totals or {})
    if errors:
        raise Invalid(*errors)
    return receipts


def _read_rows(
    manifest: Manifest, lines: Sequence[Line], rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Receipt], list[FieldError]]:
    by_code = {code: line for line in lines for code in (line.container.code, line.container.short_code)}
    receipts, errors, seen = [], list[FieldError](), set[int]()
    weighed: dict[str, Receipt] = {}
    for number, row in enumerate(rows):
        field = f"lines.{number}"
        line = by_code.get(plain_code(row.get("container")))
        if line is None:
            errors.append(FieldError(f"{field}.container", "unknown_line"))
            continue
        if line.pk in seen:
            errors.append(FieldError(f"{field}.container", "duplicate_line"))
        seen.add(line.pk)
        receipt, found = _read_row(field, line, row)
        receipts.append(receipt)
        errors += found
        if receipt.outcome == Outcome.REJECTED and receipt.mass_g is not None:
            weighed[f"{field}.mass_kg"] = receipt
    return receipts, errors + _refused_too_much(manifest, weighed)


def _read_row(field: str, line: Line, row: Mapping[str, Any]) -> tuple[Receipt, list[FieldError]]:
    outcome = row.get("outcome") or Outcome.ACCEPTED
    if outcome not in Outcome.values:
        return Receipt(line), [FieldError(f"{field}.outcome", "unknown_outcome")]
    refused = outcome == Outcome.REJECTED
    reason = str(row.get("reason") or "")[:NOTE_LENGTH]
    differs = [str(name) for name in row.get("differs") or ()]
    errors = []
    if (refused or differs) and not reason.strip():
        errors.append(FieldError(f"{field}.reason", "reason_missing"))
    if not set(differs) <= set(DIFFERENCES):
        errors.append(FieldError(f"{field}.differs", "unknown_difference", {"choices": " / ".join(DIFFERENCES)}))
    mass_g, given = None, row.get("mass_kg")
    if not refused or given not in (None, ""):
        try:
            mass_g = grams(given, field=f"{field}.mass_kg")
        except Invalid as error:
            errors += error.errors
    return Receipt(line, outcome, mass_g, reason, tuple(name for name in DIFFERENCES if name in differs)), errors


def _refused_too_much(manifest: Manifest, weighed: Mapping[str, Receipt]) -> list[FieldError]:
    """A drum can't be refused with more in it than can have arrived."""
    if not weighed:
        return []
    limits = limits_in(manifest.receiver.division)
    return [
        FieldError(field, "refused_more_than_sent", {"declared_kg": kg_text(receipt.line.mass_g)})
        for field, receipt in weighed.items()
        if more_than_sent(limits, receipt.line.mass_g, receipt.counted_g)
    ]


def _total_errors(receipts: Sequence[Receipt], totals: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    for field, outcome in (("accepted_kg", Outcome.ACCEPTED), ("refused_kg", Outcome.REJECTED)):
        if totals.get(field) in (None, ""):
            continue
        added = sum(receipt.counted_g for receipt in receipts if receipt.outcome == outcome)
        try:
            if grams(totals[field], field=field, allow_zero=True) != added:
                errors.append(FieldError(field, "totals_differ", {"rows_kg": kg_text(added)}))
        except Invalid as error:
            errors += error.errors
    return errors
