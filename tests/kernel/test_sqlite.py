"""Writers on SQLite queue for their turn: nobody asks again and again, and nobody keeps the door shut."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.backends.sqlite3 import base

from wastetrack.lifecycle.models import Series
from wastetrack.lifecycle.services import next_number

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite has one writer at a time"),
]


def in_threads(work: Any, count: int) -> list[float]:
    """Each thread's longest wait for its turn, in seconds."""
    waits: list[float] = []

    def run() -> None:
        try:
            longest = 0.0
            for _ in range(15):
                begun = time.monotonic()
                with transaction.atomic():
                    longest = max(longest, time.monotonic() - begun)
                    work()
            waits.append(longest)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return waits


def test_every_writer_gets_its_turn_and_no_number_is_lost() -> None:
    waits = in_threads(lambda: next_number("queue", limit=1_000), 8)
    assert len(waits) == 8
    assert Series.objects.get(key="queue").last == 120


def test_the_queue_is_kept_before_the_database_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one writes, another waits at the gate: SQLite's own sleeping and asking again is not entered."""
    begun: list[int] = []
    real = base.DatabaseWrapper._start_transaction_under_autocommit  # type: ignore[attr-defined]

    def begin(wrapper: Any) -> None:
        begun.append(threading.get_ident())
        real(wrapper)

    monkeypatch.setattr(base.DatabaseWrapper, "_start_transaction_under_autocommit", begin)

    def second() -> None:
        try:
            with transaction.atomic():
                pass
        finally:
            connections.close_all()

    with transaction.atomic():
        Series.objects.create(key="first", last=1)
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        assert len(begun) == 1
    thread.join(10)
    assert len(begun) == 2


def test_a_refused_or_broken_transaction_leaves_the_gate_open() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError
    with transaction.atomic():
        Series.objects.create(key="after", last=1)
        connection.close()
    assert len(in_threads(lambda: next_number("still", limit=99), 2)) == 2
