"""Two count at once, or one counts while another closes: one result, and nothing slips between."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from depots import counts
from depots.models import Count, CountLine, Stay
from tests.kernel.test_counts import bay, begun, closed, colleague, line_about, scanned, stocked
from tests.races.test_races import Together, entries, won
from tests.world import NOW, World
from wastetrack.alerts.models import Alert
from wastetrack.errors import Refused
from wastetrack.waste.models import Container


def after(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_two_begin_to_count_one_bay(world: World, together: Together) -> None:
    actor, place = world.actor("depot"), bay(world)
    results = together([lambda: counts.begin(actor=actor, bay=place, now=NOW) for _ in range(4)])
    assert won(results) == 1
    assert Counter(map(str, results))["count_running"] == 3
    assert (Count.objects.count(), entries("count.begin")) == (1, 1)


def test_two_scan_one_drum(world: World, together: Together) -> None:
    (drum,) = stocked(world)
    begun(world)
    actor, place = world.actor("depot"), bay(world)
    note = lambda: counts.note(actor=actor, bay=place, container=drum, text=drum.code, now=after(20))  # noqa: E731
    results = together([note for _ in range(4)])
    assert won(results) == 1
    assert Counter(map(str, results))["already_counted"] == 3
    assert CountLine.objects.count() == 1


def test_two_close_one_count(world: World, together: Together) -> None:
    (drum,) = stocked(world)
    count = begun(world)
    actor = world.actor("depot")
    copies = [Count.objects.get(pk=count.pk) for _ in range(4)]
    results = together([lambda c=c: counts.close(actor=actor, count=c, now=after(30)) for c in copies])
    assert won(results) == 1
    assert set(map(str, results)) >= {"illegal_state"}
    assert entries("count.close") == 1
    assert CountLine.objects.filter(container=drum, result="missing").count() == 1
    assert Alert.objects.filter(kind="missing", about=drum.subject).count() == 1


def test_two_settle_one_difference(world: World, together: Together) -> None:
    (drum,) = stocked(world)
    second = colleague(world, "depot-2")
    count = begun(world)
    closed(world, count)
    lines = [line_about(count, drum) for _ in range(3)]
    settle = lambda line: counts.settle(actor=second, line=line, how="lost", reason="x", now=after(40))  # noqa: E731
    results = together([lambda line=line: settle(line) for line in lines])
    assert won(results) == 1
    assert set(map(str, results)) >= {"already_settled"}
    assert (entries("container.lose"), entries("count.settle_line"), entries("count.settle")) == (1, 1, 1)


def test_what_is_scanned_while_it_is_closed_is_in_the_result_or_refused(world: World, together: Together) -> None:
    drums = stocked(world, 6)
    count = begun(world)
    actor, place = world.actor("depot"), bay(world)

    def note(drum: Container) -> CountLine:
        return counts.note(actor=actor, bay=place, container=drum, text=drum.code, now=after(20))

    calls: list[Callable[[], Any]] = [lambda drum=drum: note(drum) for drum in drums]
    results = together([*calls, lambda: counts.close(actor=actor, count=count, now=after(30))])
    assert [result for result in results if isinstance(result, Exception)] == []
    for drum, result in zip(drums, results[:-1], strict=True):
        line = CountLine.objects.get(count=count, container=drum)
        assert line.result == ("missing" if result == "no_count" else "matched")
    assert not CountLine.objects.filter(result="counted").exists()


def test_a_scan_waits_for_a_close_that_is_under_way(world: World) -> None:
    (drum,) = stocked(world)
    count, actor, place = begun(world), world.actor("depot"), bay(world)
    closing, noted = threading.Event(), list[Any]()

    def note() -> None:
        closing.wait(10)
        try:
            noted.append(counts.note(actor=actor, bay=place, container=drum, text=drum.code, now=after(20)))
        except Refused as refusal:
            noted.append(refusal.code)
        finally:
            connection.close()

    thread = threading.Thread(target=note)
    thread.start()
    with transaction.atomic():
        counts.close(actor=actor, count=count, now=after(30))
        closing.set()
        thread.join(0.5)
        assert thread.is_alive(), "it was noted while the count was being compared"
    thread.join(20)
    assert noted == ["no_count"]
    assert CountLine.objects.get(container=drum).result == "missing"


def test_lost_and_put_away_at_once_leave_one_truth(world: World, together: Together) -> None:
    from depots.services import put_away

    (drum,) = stocked(world)
    second = colleague(world, "depot-2")
    count = begun(world)
    closed(world, count)
    line, actor, other = line_about(count, drum), world.actor("depot"), bay(world, "A2")
    results = together(
        [
            lambda: counts.settle(actor=second, line=line, how="lost", reason="x", now=after(40)),
            lambda: put_away(actor=actor, container=drum, bay=other, now=after(40)),
        ]
    )
    assert won(results) == 1
    drum.refresh_from_db()
    stands = Stay.objects.filter(container=drum, left_at=None).exists()
    assert (drum.state, stands) in {("missing", False), ("stored", True)}
    assert set(map(str, results)) & {"not_here", "seen_since"}


@pytest.mark.parametrize("text", ["旧标签", "HTTPS://SHOP.EXAMPLE/1"])
def test_two_scan_one_unknown_label(world: World, together: Together, text: str) -> None:
    begun(world)
    results = together([lambda: scanned(world, None, text) for _ in range(3)])
    assert won(results) == 1
    assert CountLine.objects.count() == 1
