"""The private calendar: read back by a calendar's own reader; small, stable, and ended with the membership."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from tests.notices.conftest import reach
from tests.world import NOW, World
from wastetrack.alerts.services import settle
from wastetrack.notices import ical
from wastetrack.notices.selectors import calendar_path
from wastetrack.notices.services import renew_calendar
from wastetrack.parties.models import Delegation


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every calendar here is read at NOW."""


def path_of(world: World, name: str = "firm") -> str:
    return calendar_path(world.memberships[name])


def events(response: Any) -> list[Any]:
    assert response.status_code == 200
    return list(Calendar.from_ical(response.content).walk("VEVENT"))


def storage(response: Any) -> list[Any]:
    return [event for event in events(response) if str(event["UID"]).startswith("storage-")]


def test_it_has_what_is_coming_and_what_is_late(world: World) -> None:
    reach(world, "firm")
    drums = [world.drum() for _ in range(5)]
    late = world.drum(accumulation_start="2025-11-18")
    settle("storage", [late.subject], now=NOW)
    found = storage(Client().get(path_of(world)))
    assert [(event.decoded("DTSTART"), str(event["SUMMARY"])) for event in found] == [
        (date(2026, 11, 18), "Storage time"),
        (date(2027, 11, 20), "Storage time: 5"),
    ]
    words = str(found[1]["DESCRIPTION"])
    assert words.count("Drum ") == 3
    assert words.endswith("and 2 more")
    assert any(drum.short_grouped in words for drum in drums)
    assert found[0].decoded("DTEND") == date(2026, 11, 19)
    assert str(found[0]["URL"]).startswith("http://127.0.0.1:8000/manifests/new")


def test_it_is_a_calendar_by_name_and_type(world: World) -> None:
    reach(world, "firm")
    response = Client().get(path_of(world))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    calendar: Any = Calendar.from_ical(response.content)
    assert (calendar["VERSION"], calendar["X-WR-CALNAME"]) == ("2.0", "Deadlines: 演示firm")
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT4H" in response.content.decode()


def test_it_is_in_the_members_language_whoever_asks(world: World) -> None:
    world.drum()
    (event,) = storage(Client(headers={"Accept-Language": "en"}).get(path_of(world)))
    assert str(event["SUMMARY"]) == "贮存期限"


def test_the_same_is_not_sent_twice(world: World) -> None:
    world.drum()
    path = path_of(world)
    first = Client().get(path)
    again = Client().get(path, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    world.drum()
    changed = Client().get(path, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert [str(event["UID"]) for event in storage(changed)] == [str(event["UID"]) for event in storage(first)]


def test_it_ends_with_a_new_link_and_with_the_membership(world: World) -> None:
    path = path_of(world, "viewer")
    assert Client().get(path).status_code == 200
    renew_calendar(actor=world.actor("viewer"))
    assert Client().get(path).status_code == 404
    renewed = path_of(world, "viewer")
    assert Client().get(renewed).status_code == 200
    world.memberships["viewer"].user.is_active = False
    world.memberships["viewer"].user.save()
    assert Client().get(renewed).status_code == 404
    world.memberships["viewer"].delete()
    assert Client().get(renewed).status_code == 404
    assert Client().get("/calendar/x.ics").status_code == 404


def test_it_shows_no_neighbours(world: World) -> None:
    world.drum("firm2")
    assert storage(Client().get(path_of(world))) == []
    assert len(storage(Client().get(path_of(world, "regulator")))) == 1
    assert storage(Client().get(path_of(world, "regulator2"))) == []


def test_whoever_acts_for_firms_has_theirs_too_by_name_until_that_ends(world: World) -> None:
    world.add("steward", "steward")
    reach(world, "steward")
    steward, path = world.organisations["steward"], path_of(world, "steward")
    given = [
        Delegation.objects.create(principal=world.organisations[name], agent=steward, begun_at=NOW)
        for name in ("firm", "firm2")
    ]
    for name in ("firm", "firm", "firm2"):
        world.drum(name)
    found = storage(Client().get(path))
    assert sorted(str(event["SUMMARY"]) for event in found) == [
        "Storage time (演示firm2)",
        "Storage time: 2 (演示firm)",
    ]
    assert len({str(event["UID"]) for event in found}) == 2
    assert {str(event["URL"]) for event in found} == {"http://127.0.0.1:8000/act-as"}
    assert len(storage(Client().get(path_of(world)))) == 1
    for left, delegation in zip((["Storage time (演示firm2)"], []), given, strict=True):
        Delegation.objects.filter(pk=delegation.pk).update(ended_at=NOW)
        assert [str(event["SUMMARY"]) for event in storage(Client().get(path))] == left


def test_it_stays_small(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ical, "MOST", 2)
    for day in range(1, 5):
        world.drum(accumulation_start=f"2026-11-0{day}")
    assert len(events(Client().get(path_of(world)))) == 2


@pytest.mark.parametrize("drums", [1, 12])
def test_it_costs_no_more_for_more(world: World, drums: int) -> None:
    for number in range(drums):
        world.drum(accumulation_start=f"2026-11-{number + 1:02d}")
    with CaptureQueriesContext(connection) as queries:
        assert len(storage(Client().get(path_of(world)))) == drums
    # One for the path, one for the member, four for the agenda.
    assert len(queries) == 6
