"""The sweep: by one clock, in bounded batches, killed anywhere and taken up again; and as a process that goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.toys import INSPECTION, LOAD, day, lorry, untold
from tests.world import NOW, World, build_world, later
from wastetrack.alerts.models import Alert, Bookmark, Recheck
from wastetrack.alerts.registry import Watch, forget, register
from wastetrack.alerts.services import sweep, sweeping
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal

ROOT = Path(__file__).parents[2]
SMALL = 20


@contextmanager
def registered(*watches: Watch) -> Iterator[None]:
    for watch in watches:
        register(watch)
    try:
        yield
    finally:
        for watch in watches:
            forget(watch)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of so few that a test has several."""
    monkeypatch.setattr(sweeping, "BATCH", SMALL)
    monkeypatch.setattr(sweeping, "LOG_BATCH", 2 * SMALL)


def lorries(world: World, count: int, **facts: Any) -> None:
    """So many on record, as the log says too."""
    for number in range(count):
        lorry(world, plate=f"浙T{number:05}", **facts)


def raised(verb: str) -> int:
    return Entry.objects.filter(kind=f"alert.{verb}").count()


# --- one clock, bounded batches ----------------------------------------------------------------------------


def test_one_sweep_goes_by_one_clock(world: World, small: None) -> None:
    seen: list[datetime] = []

    def find(abouts: Any, look: Any) -> Any:
        seen.append(look.now)
        return INSPECTION.find(abouts, look)

    with registered(replace(INSPECTION, find=find)):
        lorries(world, 5 * SMALL, valid_to=day(1))
        sweep(NOW)
    assert len(seen) > 3
    assert set(seen) == {NOW}
    alerts = Alert.objects.filter(kind=INSPECTION.kind)
    assert set(alerts.values_list("opened_at", flat=True)) == {NOW}
    assert set(Entry.objects.filter(kind="alert.warn").values_list("event_time", "recorded_at")) == {(NOW, NOW)}


def test_what_is_recorded_while_it_goes_on_is_the_next_sweeps(world: World) -> None:
    """Or a sweep among many writers would never end, and its clock would be late."""
    looks = 0

    def find(abouts: Any, look: Any) -> Any:
        nonlocal looks
        if abouts:
            looks += 1
            assert looks < 50
            lorry(world, plate=f"浙T9{looks:04}", valid_to=day(90))
            seal()
        return INSPECTION.find(abouts, look)

    with registered(replace(INSPECTION, find=find)):
        sweep(NOW)
        lorry(world, plate="浙T80000", valid_to=day(1))
        sweep(NOW)
        after = Bookmark.objects.get(name="log").after
        assert Entry.objects.filter(index__gt=after, kind="toy.make").exists()
        assert Alert.objects.get(kind=INSPECTION.kind, state="warned").data["plate"] == "浙T80000"


def in_list(sql: str) -> int:
    """The longest list in a statement's condition."""
    return max((len(items.split(",")) for items in re.findall(r" IN \(([^()]*)\)", sql)), default=0)


def test_no_statement_reads_more_than_a_batch(world: World, small: None) -> None:
    with registered(INSPECTION):
        sweep(NOW)
        lorries(world, 5 * SMALL, valid_to=day(30))
        seal()
        for moment in (NOW, later(25), later(31), later(60)):
            with CaptureQueriesContext(connection) as captured:
                sweep(moment)
            selects = [q["sql"] for q in captured.captured_queries if q["sql"].startswith("SELECT")]
            # By keys, by a page, one aggregate, or the few names of the bookmarks.
            wide = [sql for sql in selects if "LIMIT" not in sql and not in_list(sql) and "COUNT(" not in sql]
            assert {re.findall(r'FROM "(\w+)"', sql)[0] for sql in wide} <= {"alerts_bookmark", "ledger_entry"}
            assert [sql for sql in wide if "ledger_entry" in sql and "MAX(" not in sql] == []
            assert max(map(in_list, selects)) <= 2 * SMALL
    assert Alert.objects.filter(kind=INSPECTION.kind, state="escalated").count() == 5 * SMALL


def test_a_sweep_with_nothing_to_do_costs_the_same_among_many(world: World) -> None:
    costs = []
    with registered(INSPECTION, LOAD):
        for count in (1, 100):
            untold(world, count, valid_to=day(30))
            Recheck.objects.create(kind=INSPECTION.kind, next_at=NOW)
            sweep(NOW)
            sweep(NOW)
            with CaptureQueriesContext(connection) as captured:
                assert sweep(NOW) == 0
            costs.append(len(captured))
    assert costs[0] == costs[1] <= 6


# --- a kill ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here, as the database sees it."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", [3, 20, 45, 80, 130])
def test_a_kill_anywhere_loses_nothing_and_doubles_nothing(small: None, statement: int) -> None:
    world = build_world()
    left = statement

    def kill(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            raise Killed
        return execute(sql, *args)

    with registered(INSPECTION, LOAD):
        sweep(NOW)
        lorries(world, 2 * SMALL + 3, valid_to=day(-30), capacity_g=900_000)
        with connection.execute_wrapper(kill), pytest.raises(Killed):
            sweep(NOW)
        sweep(NOW)
    done = {verb: raised(verb) for verb in ("warn", "fall_due", "escalate")}
    assert done == dict.fromkeys(done, 2 * SMALL + 3)


# --- the bookmark ------------------------------------------------------------------------------------------


def test_the_log_is_read_from_the_bookmark_on(world: World) -> None:
    with registered(INSPECTION):
        sweep(NOW)
        lorries(world, 3, valid_to=day(1))
        sweep(NOW)
        seal()
        sweep(NOW)
        last = Entry.objects.order_by("-index").values_list("index", flat=True).first()
        assert Bookmark.objects.get(name="log").after == last
        with CaptureQueriesContext(connection) as captured:
            sweep(NOW)
        (read,) = [q["sql"] for q in captured.captured_queries if '"ledger_entry"."payload"' in q["sql"]]
        assert f'"ledger_entry"."index" > {last}' in read


# --- the command -------------------------------------------------------------------------------------------


def test_the_command_says_how_many_it_raised(world: World, capsys: Any) -> None:
    world.drum(accumulation_start="2025-10-01")
    call_command("sweep")
    assert re.search(r" [1-9]\d* raised\n$", capsys.readouterr().out)
    call_command("sweep")
    assert capsys.readouterr().out.endswith(" 0 raised\n")


def test_a_rehearsal_does_not_go_on_and_wants_a_time(world: World) -> None:
    with pytest.raises(CommandError, match="--loop"):
        call_command("sweep", loop=True, now="2027-01-01")
    with pytest.raises(CommandError, match="not a time"):
        call_command("sweep", now="tomorrow")


# --- as a process that goes on -----------------------------------------------------------------------------


def database_url() -> str:
    """This test's own database, for another process."""
    here = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{here['NAME']}"
    return f"postgres://{here['USER']}:{here['PASSWORD']}@{here['HOST']}:{here['PORT']}/{here['NAME']}"


@contextmanager
def looping() -> Iterator[subprocess.Popen[str]]:
    """`manage.py sweep --loop` on this test's database."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sweep", "--loop"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def within(seconds: float, happened: Callable[[], bool]) -> float:
    """How long it took; AssertionError when it takes longer."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds
        time.sleep(0.02)
    return time.monotonic() - begun


@pytest.mark.django_db(transaction=True)
def test_it_goes_on_follows_the_log_ends_when_told_and_is_replaced_when_killed() -> None:
    world, today = build_world(), timezone.localtime()
    start = (today - timedelta(days=366)).date().isoformat()
    drum: Any = lambda: world.drum(now=today, accumulation_start=start)  # noqa: E731
    with looping() as first:
        # Up as soon as it has begun its bookmark.
        within(30, lambda: Bookmark.objects.filter(name="log").exists())
        drum()
        # FEED_POLL_SECONDS, and what a busy machine adds: far below SWEEP_SECONDS.
        within(20, lambda: raised("fall_due") == 1)
        first.send_signal(signal.SIGTERM)
        assert first.wait(10) == 0
        _, said = first.communicate()
        assert "Traceback" not in said
    drum()
    with looping() as second, looping() as third:
        within(30, lambda: raised("fall_due") == 2)
        second.send_signal(signal.SIGKILL)
        assert second.wait(10) == -signal.SIGKILL
        drum()
        within(30, lambda: raised("fall_due") == 3)
        third.send_signal(signal.SIGTERM)
        assert third.wait(10) == 0
    assert (raised("fall_due"), raised("warn")) == (3, 0)


@pytest.mark.django_db(transaction=True)
def test_it_outlives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from wastetrack.alerts.management.commands import sweep as command

    tries: list[int] = []

    def failing(now: datetime) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("away")
        raise SystemExit

    monkeypatch.setattr(command, "sweep", failing)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit):
            call_command("sweep", loop=True)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(tries) == 2
