"""How long a container may stay where it is, by the holder's role and permit. The table is `cn/parameters.toml`."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from wastetrack.regulations.calendar import add_working_days
from wastetrack.regulations.data import toml

Unit = Literal["calendar", "working"]

ROLES = frozenset({"generator", "collector", "treater"})
PERMIT_KINDS = frozenset({"collection", "comprehensive", "pilot"})


@dataclass(frozen=True, slots=True)
class StorageLimit:
    """A limit in days of one unit, and the clause it comes from (see `clauses.cite`)."""

    days: int
    unit: Unit
    clause: str
    source: str
    confidence: str


def _matches(row: dict[str, Any], role: str, permit_kind: str | None, waste_code: str, on: date) -> bool:
    return (
        role in row["roles"]
        and ("permit_kinds" not in row or permit_kind in row["permit_kinds"])
        and ("waste_codes" not in row or waste_code in row["waste_codes"] or waste_code[-2:] in row["waste_codes"])
        and row.get("from", date.min) <= on <= row.get("until", date.max)
    )


def storage_limit(role: str, permit_kind: str | None, waste_code: str, on: date) -> StorageLimit:
    """The limit for a holder (generator, collector, treater) and permit kind or None; ValueError for unknown ones."""
    if role not in ROLES:
        raise ValueError("storage_role")
    if permit_kind is not None and permit_kind not in PERMIT_KINDS:
        raise ValueError("permit_kind")
    rows = toml("parameters.toml")["storage_limits"]
    row = next(row for row in rows if _matches(row, role, permit_kind, waste_code, on))
    return StorageLimit(
        days=row["days"],
        unit=row["unit"],
        clause=row["clause"],
        source=row["source"],
        confidence=row["confidence"],
    )


def _shift(day: date, days: int, unit: Unit) -> date:
    return add_working_days(day, days) if unit == "working" else day + timedelta(days=days)


def deadline(start: date, limit: StorageLimit) -> date:
    """The last day on which a container that came on `start` may still be there; the day it came is not counted."""
    return _shift(start, limit.days, limit.unit)


def unit_of(clause: str) -> Unit:
    """In which days the limits of a clause count; calendar days for a clause that sets none."""
    rows = toml("parameters.toml")["storage_limits"]
    return next((row["unit"] for row in rows if row["clause"] == clause), "calendar")


def warn_from(last_day: date, days: int, unit: Unit) -> date:
    """The day on which to begin to warn about a deadline: so many days of a unit before its last."""
    return _shift(last_day, -days, unit)
