"""Real threads on real connections: a transaction that a test wraps around itself would hide every race."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection

from tests.world import World, build_world
from wastetrack.errors import Refused


@pytest.fixture
def world(transactional_db: None) -> World:
    return build_world()


@pytest.fixture
def together() -> Callable[[Sequence[Callable[[], Any]]], list[Any]]:
    """Run the calls at the same moment, each in its thread; returns each one's result or its refusal's code."""

    def run(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        barrier = threading.Barrier(len(calls))
        results: list[Any] = [None] * len(calls)

        def one(number: int, call: Callable[[], Any]) -> None:
            try:
                connection.ensure_connection()
                barrier.wait(10)
                results[number] = call()
            except Refused as refusal:
                results[number] = refusal.code
            except Exception as error:
                results[number] = error
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(number, call)) for number, call in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results

    return run
