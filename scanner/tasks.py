"""What was asked of a scan, and what has become of it so far."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from depots.models import CountLine
from scanner.models import Scan, Verdict
from wastetrack.errors import Refused
from wastetrack.ledger.canonical import canonical_json
from wastetrack.parties.actors import Actor
from wastetrack.units import grams
from wastetrack.waste.models import Container


@dataclass(frozen=True)
class ScanRequest:
    """One scan as sent: what was read, what was meant, where, and its nonce."""

    nonce: str
    text: str
    intent: str
    depot: object = None
    bay: object = None
    mass_kg: object = None
    manifest: str = ""
    """The manifest that is being loaded, when checking out."""
    scanned_at: datetime | None = None
    """By the device's clock."""
    sent_at: datetime | None = None
    """By the same clock, when this request was sent: the two say how long ago it was, however wrong the clock."""
    device: str = ""
    seq: int | None = None
    again: bool = False
    """Whether it was sent before: then it is looked up first."""
    reason: str = ""
    """The code by which the device stopped it, where it said so."""
    said: str = ""
    """The verdict that the device gave by itself: what it accepted has happened, what it refused has not."""

    @property
    def fingerprint(self) -> str:
        """What was asked, as a hash; when and by which device is no part of the question."""
        asked = [self.text, self.intent, *(str(part or "") for part in (self.depot, self.bay, self.mass_kg))]
        return hashlib.sha256(canonical_json([*asked, self.manifest]).encode()).hexdigest()

    @property
    def mass_g(self) -> int | None:
        """The weighed mass, if any. Raises Invalid(mass_…)."""
        return None if self.mass_kg in (None, "") else grams(self.mass_kg)

    def happened_at(self, now: datetime) -> datetime:
        """When it happened, by our clock: never later than now."""
        if self.scanned_at is None:
            return now
        if self.sent_at is None:
            return min(self.scanned_at, now)
        return now - min(max(self.sent_at - self.scanned_at, timedelta()), LONGEST_WAIT)


LONGEST_WAIT = timedelta(days=60)
"""A scan that says it waited longer is of a clock that was set meanwhile."""


@dataclass(frozen=True)
class Load:
    """How far a manifest's drums have come in or been loaded: how many, of how many."""

    manifest: str
    done: int
    expected: int


@dataclass(frozen=True)
class Weighing:
    """Declared and received grams that differ beyond the limits, and the limit in per cent."""

    declared_g: int
    received_g: int
    limit_percent: int | Decimal


@dataclass(frozen=True)
class Details:
    """What is told beside a verdict: the bay it stands in now, the load it belongs to, what to weigh again."""

    bay: str | None = None
    load: Load | None = None
    weighing: Weighing | None = None


@dataclass
class Task:
    """A scan being worked on: who, when, what was asked; then the container it named and what is to be told."""

    actor: Actor
    request: ScanRequest
    now: datetime
    container: Container | None = None
    flag: Refused | None = None
    """What it breaks, although it is recorded."""
    weigh_again: bool = False
    details: Details | None = None
    """What is to be told beside the verdict, where the step knows it already."""
    undoes: Scan | None = None
    entry: int | None = None
    """The id of the last entry that was written about the container."""
    count_line: CountLine | None = None
    breaches: list[Refused] | None = field(init=False)

    happened_at: datetime = field(init=False)
    """When it happened, by our clock."""

    def __post_init__(self) -> None:
        self.happened_at = self.request.happened_at(self.now)
        self.breaches = [] if self.request.said == Verdict.ACCEPTED else None

    @property
    def times(self) -> dict[str, Any]:
        """What every verb of a place takes: now, when it happened, and what speaks against it."""
        return {"now": self.now, "at": self.at, "breaches": self.breaches}

    @property
    def at(self) -> datetime | None:
        """When it happened, where the device says so."""
        return self.happened_at if self.request.scanned_at else None
