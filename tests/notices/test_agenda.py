"""The calendar of deadlines: by day and kind, each once, in as many queries for one drum as for many."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from tests.world import NOW, TODAY, World, later
from wastetrack.alerts.agenda import TOLD, agenda
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import settle, sweep

YEAR_ON = date(2027, 12, 31)


def due_day(drum) -> date:
    return drum.storage_deadline.astimezone(NOW.tzinfo).date()


def test_drums_of_one_day_are_one_row(world: World) -> None:
    drums = [world.drum() for _ in range(5)]
    other = world.drum(accumulation_start="2026-11-19")
    with override("en"):
        days = agenda(world.actor("firm"), TODAY, YEAR_ON, now=NOW)
    assert [(day.date, [(row.kind, row.count) for row in day.rows]) for day in days] == [
        (due_day(other), [("storage", 1)]),
        (due_day(drums[0]), [("storage", 5)]),
    ]
    (row,) = days[1].rows
    assert (row.state, row.title, len(row.told)) == ("watching", "Storage time", TOLD)
    assert set(row.abouts) <= {drum.subject for drum in drums}
    assert days[0].rows[0].link == f"/manifests/new?container={other.code}"
    assert row.link == ""  # nobody is warned yet: the list of alerts does not show them


def test_a_day_shows_its_gravest_state(world: World) -> None:
    drum = world.drum()
    for days, state in ((340, "warned"), (366, "overdue"), (400, "overdue")):
        settle("storage", [drum.subject], now=later(days))
        (day,) = agenda(world.actor("firm"), TODAY, YEAR_ON, now=NOW)
        assert (day.date, day.rows[0].state) == (due_day(drum), state)
    world.drum()
    assert agenda(world.actor("firm"), TODAY, YEAR_ON, now=NOW)[0].rows[0].link == "/alerts?kind=storage"


def test_the_first_and_the_last_day_belong_to_it(world: World) -> None:
    day, one = due_day(world.drum()), timedelta(days=1)
    firm = world.actor("firm")
    spans = [(day, day), (day - one, day - one), (day + one, day + one)]
    assert [len(agenda(firm, *span, now=NOW)) for span in spans] == [1, 0, 0]


def test_what_ended_is_not_in_it(world: World) -> None:
    drum = world.drum()
    sweep(later(340))
    world.departed(drum, now=later(341))
    sweep(later(341))
    assert "storage" not in {
        row.kind for day in agenda(world.actor("firm"), TODAY, YEAR_ON, now=NOW) for row in day.rows
    }


def test_neighbours_do_not_see_it_and_the_district_does(world: World) -> None:
    world.drum()
    assert agenda(world.actor("firm2"), TODAY, YEAR_ON, now=NOW) == []
    assert agenda(world.actor("regulator2"), TODAY, YEAR_ON, now=NOW) == []
    assert len(agenda(world.actor("regulator"), TODAY, YEAR_ON, now=NOW)) == 1


def test_a_kind_that_is_gone_breaks_nothing(world: World) -> None:
    world.drum()
    Alert.objects.update(kind="gone")
    assert agenda(world.actor("firm"), TODAY, YEAR_ON, now=NOW) == []


@pytest.mark.parametrize("drums", [1, 12])
def test_it_takes_four_queries(world: World, drums: int) -> None:
    for number in range(drums):
        world.drum(accumulation_start=f"2026-11-{number + 1:02d}")
    with CaptureQueriesContext(connection) as queries:
        assert len(agenda(world.actor("firm"), TODAY, YEAR_ON, now=NOW)) == drums
    # What is counted, the first of it, where their drums stand, and on which manifests they leave.
    assert len(queries) == 4
