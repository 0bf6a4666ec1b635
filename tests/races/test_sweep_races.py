"""Several sweepers at once, facts that change under them, and kills at random: no alert twice, missing or left over.

Each sweeper is a process of its own, forked, on its own connection; a kill is `os._exit` at a random statement, as
sudden as SIGKILL. What must hold at the end is computed from the facts and the log, not by the sweep.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from tests.toys import INSPECTION, LOAD, change, day, find_loads, lorry
from tests.world import NOW, World, later
from wastetrack.alerts import registry
from wastetrack.alerts.models import Alert
from wastetrack.alerts.registry import forget, register
from wastetrack.alerts.services import sweep, sweeping
from wastetrack.districts.services import set_figure
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Vehicle

on_rows = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one lock for all its writers")


@pytest.fixture(autouse=True)
def toys(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sweeping, "BATCH", 7)
    monkeypatch.setattr(sweeping, "LOG_BATCH", 11)
    # The toys alone: what the others find takes most of a sweep's time and is no part of a race.
    monkeypatch.setattr(registry, "_watches", {})
    for watch in (INSPECTION, LOAD):
        register(watch)
    sweep(NOW)
    yield
    for watch in (INSPECTION, LOAD):
        forget(watch)


# --- processes that are killed -----------------------------------------------------------------------------

KILLED, DONE, BROKEN = 9, 0, 1


def forked(work: Callable[[], None]) -> int:
    """A process that does this on a connection of its own; returns its id. The caller has closed its connections."""
    if child := os.fork():
        return child
    code = BROKEN
    try:
        work()
        code = DONE
    finally:
        os._exit(code)


def codes(children: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def alone() -> None:
    """Before a fork: a connection belongs to one process."""
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]


def sweeper(now: datetime, seed: int, statements: int) -> Callable[[], None]:
    """A sweep that is killed at one of its first so many statements, before it or after it."""

    def work() -> None:
        chance = random.Random(seed)
        last, after = chance.randint(1, statements), chance.random() < 0.5
        count = 0

        def hook(execute: Callable[..., Any], *args: Any) -> Any:
            nonlocal count
            count += 1
            if count == last and not after:
                os._exit(KILLED)
            found = execute(*args)
            if count == last:
                os._exit(KILLED)
            return found

        with connection.execute_wrapper(hook):
            sweep(now)

    return work


def steps() -> dict[tuple[str, str], list[list[str]]]:
    """What the log says of each subject's alerts, one list an alert, by kind and subject."""
    alerts = {alert.subject: alert for alert in Alert.objects.filter(kind__startswith="toy")}
    found: dict[str, list[str]] = {subject: [] for subject in alerts}
    for subject, kind in Entry.objects.filter(subject__in=found).order_by("index").values_list("subject", "kind"):
        found[subject].append(kind.removeprefix("alert."))
    told: dict[tuple[str, str], list[list[str]]] = {}
    for subject, said in found.items():
        told.setdefault((alerts[subject].kind, alerts[subject].about), []).append(said)
    return told


LORRIES = 40


def test_sweepers_that_are_killed_double_nothing_and_miss_nothing(world: World) -> None:
    """Every date is warned of, overdue and escalated once, although most of the sweepers never get to their end."""
    for number in range(LORRIES):
        lorry(world, plate=f"浙T{number:05}", valid_to=day(30 + number % 5))
    found, seed = Counter[int](), 0
    for moment in (NOW, later(21), later(23), later(26), later(31), later(36), later(39), later(42), later(60)):
        for _ in range(4):
            alone()
            seed += 3
            found.update(codes([forked(sweeper(moment, seed + n, 120)) for n in range(3)]))
        # Whoever comes last has its turn undisturbed.
        sweep(moment)
    assert found[BROKEN] == 0
    assert found[KILLED] > 20
    told = steps()
    assert len(told) == LORRIES
    assert set(map(str, told.values())) == {str([["warn", "fall_due", "escalate"]])}
    assert list(Entry.objects.order_by("index").values_list("index", flat=True)) == list(range(Entry.objects.count()))


def test_facts_that_change_under_killed_sweepers_are_told_as_they_are_at_the_end(world: World) -> None:
    rows = [lorry(world, plate=f"浙T{number:05}") for number in range(12)]

    def trade(seed: int) -> Callable[[], None]:
        def work() -> None:
            chance = random.Random(seed)
            for _ in range(15):
                load = chance.choice([0, 500_000, 900_000, 1_100_000, 1_500_000])
                change(world, chance.choice(rows), capacity_g=load)

        return work

    found = Counter[int]()
    for seed in range(0, 60, 6):
        alone()
        moment = NOW + timedelta(minutes=seed)
        workers = [sweeper(moment, seed + n, 150) for n in range(2)]
        found.update(codes([forked(work) for work in (trade(seed), *workers, trade(seed + 1))]))
    assert found[BROKEN] == 0
    assert found[KILLED] > 5
    sweep(later(1))
    is_open = dict(Alert.objects.filter(kind=LOAD.kind, resolved_at=None).values_list("about", "state"))
    loads = [(row.pk, row.capacity_g or 0) for row in Vehicle.objects.filter(pk__in=[row.pk for row in rows])]
    wanted = {f"vehicle:{pk}": "overdue" if load > 1_000_000 else "warned" for pk, load in loads if load >= 800_000}
    assert is_open == wanted
    for said in [said for alerts in steps().values() for said in alerts]:
        assert "->".join(said) in {
            *("warn", "fall_due", "warn->fall_due"),
            *("warn->resolve", "fall_due->resolve", "warn->fall_due->resolve"),
        }


def test_figures_that_change_under_killed_sweepers_re_time_all(world: World) -> None:
    for number in range(LORRIES):
        lorry(world, plate=f"浙T{number:05}", valid_to=day(30))
    sweep(NOW)
    for days in (12, 14, 16):
        key = "toy.inspection_days"
        set_figure(actor=world.actor("regulator"), key=key, value=days, source="演示", now=NOW)
        for seed in range(4):
            alone()
            codes([forked(sweeper(NOW, seed * 2 + n + days, 60)) for n in range(2)])
        sweep(NOW)
        starts = set(Alert.objects.filter(kind=INSPECTION.kind).values_list("warn_at", flat=True))
        assert starts == {datetime.combine(day(30 - days), datetime.min.time(), NOW.tzinfo)}


# --- one after the other: what goes wrong where two look at once ---------------------------------------------


class Paused:
    """A sweep in a thread that has read the facts of a subject and waits with what follows."""

    def __init__(self, moment: datetime) -> None:
        self.looked, self.go_on = threading.Event(), threading.Event()
        self.watch = replace(LOAD, find=self._find)
        self.thread = threading.Thread(target=self.run, args=(moment,))

    def __enter__(self) -> Paused:
        forget(LOAD)
        register(self.watch)
        self.thread.start()
        assert self.looked.wait(10)
        return self

    def __exit__(self, *_: Any) -> None:
        self.go_on.set()
        self.thread.join(20)
        forget(self.watch)
        register(LOAD)

    def run(self, moment: datetime) -> None:
        try:
            sweep(moment)
        finally:
            connections.close_all()

    def _find(self, abouts: Any, look: Any) -> Any:
        found = list(find_loads(abouts, look))
        if threading.current_thread() is self.thread and connection.in_atomic_block and not self.looked.is_set():
            self.looked.set()
            self.go_on.wait(1.5)
        return found


def swept_beside(paused: Paused, moment: datetime) -> None:
    """Another sweeper comes while the first waits, and gets as far as it can before that goes on."""
    other = threading.Thread(target=paused.run, args=(moment,))
    other.start()
    other.join(0.7)
    paused.go_on.set()
    paused.thread.join(20)
    other.join(20)


def state_of(row: Vehicle) -> str:
    alert = Alert.objects.filter(kind=LOAD.kind, about=f"vehicle:{row.pk}", resolved_at=None).first()
    return alert.state if alert else ""


@on_rows
def test_a_cause_that_ends_while_it_is_looked_at_leaves_no_alert(world: World) -> None:
    row = lorry(world, capacity_g=2_000_000)
    with Paused(NOW) as paused:
        change(world, row, capacity_g=0)
        swept_beside(paused, NOW)
    assert state_of(row) == ""


@on_rows
def test_a_cause_that_comes_back_while_it_is_looked_at_is_not_missed(world: World) -> None:
    row = lorry(world, capacity_g=2_000_000)
    sweep(NOW)
    Vehicle.objects.filter(pk=row.pk).update(capacity_g=0)
    with Paused(later(7)) as paused:
        change(world, row, capacity_g=2_000_000)
        swept_beside(paused, later(7))
    assert state_of(row) in {"overdue", "escalated"}


@on_rows
def test_a_level_that_eases_and_ends_while_it_is_looked_at_leaves_no_alert(world: World) -> None:
    row = lorry(world, capacity_g=2_000_000)
    sweep(NOW)
    Vehicle.objects.filter(pk=row.pk).update(capacity_g=900_000)
    with Paused(later(7)) as paused:
        change(world, row, capacity_g=0)
        swept_beside(paused, later(7))
    assert state_of(row) == ""


@on_rows
def test_an_entry_that_is_committed_late_is_not_skipped(world: World, together: Any) -> None:
    """An id is given when an entry is written, an index when it is committed: the later commit has the later one."""
    first, second = lorry(world), lorry(world, plate="浙T00002")
    sweep(NOW)
    written, swept = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            change(world, first, capacity_g=2_000_000)
            written.set()
            assert swept.wait(10)

    def quick() -> None:
        assert written.wait(10)
        change(world, second, capacity_g=2_000_000)
        sweep(NOW)
        swept.set()

    assert together([slow, quick]) == [None, None]
    assert (state_of(first), state_of(second)) == ("", "overdue")
    sweep(NOW)
    assert state_of(first) == "overdue"
    early, late = (Entry.objects.filter(subject=f"vehicle:{row.pk}", kind="toy.load").get() for row in (first, second))
    assert early.pk < late.pk
    assert early.index > late.index


def test_sweepers_at_once_share_the_work(world: World, together: Any) -> None:
    for number in range(LORRIES):
        lorry(world, plate=f"浙T{number:05}", valid_to=day(-1))
    begun = time.monotonic()
    moved = together([lambda: sweep(NOW)] * 4)
    assert sum(moved) == LORRIES
    assert time.monotonic() - begun < 30
