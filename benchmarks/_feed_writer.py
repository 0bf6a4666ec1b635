"""Writes to the log for the feed's benchmark, through the services: a line `["burst", 100, "…"]` at a time."""

from __future__ import annotations

import time
from typing import Any

from django.db import transaction
from django.utils import timezone

from tests.feed.district import actor_of, build, obey, token
from wastetrack.ledger.services import Fact, record, seal

__all__ = ["build", "burst", "steady", "token"]


def _facts(count: int, data: dict[str, Any]) -> None:
    firm = actor_of("firm")
    readers = firm.readers | actor_of("regulator").readers
    with transaction.atomic():
        record(firm, [Fact("test.fact", "t:firm", readers, data) for _ in range(count)], now=timezone.now())


def burst(count: int, said: str) -> None:
    """So many entries to everybody, sealed together."""
    _facts(count, {"said": said, "sent": 0})
    seal()


def steady(rate: float, count: int, said: str) -> None:
    for _ in range(count):
        _facts(1, {"said": said, "sent": time.time_ns()})
        time.sleep(1 / rate)


if __name__ == "__main__":
    obey(globals())
