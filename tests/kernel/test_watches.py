"""The kernel of the watches, by two toy watches: what an alert becomes, whom it tells, and what has it looked at anew.

A date (a lorry's inspection) and a level (its load); the facts are rows that a test changes, with an entry in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.pages.visitors import Visitor, text
from tests.toys import INSPECTION, LOAD, change, day, lorry, untold
from tests.world import NOW, ZONE, World, later
from wastetrack.alerts.models import Alert, AlsoTold, Bookmark, Recheck, Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, forget, register
from wastetrack.alerts.selectors import explain, open_counts
from wastetrack.alerts.services import acknowledge, settle, sweep
from wastetrack.alerts.services import watch as start
from wastetrack.districts.models import Figure
from wastetrack.districts.selectors import figures_here
from wastetrack.districts.services import set_figure, tighten, withdraw
from wastetrack.errors import NotPermitted
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Organisation, Vehicle

DATE, LEVEL = INSPECTION.kind, LOAD.kind


@pytest.fixture(autouse=True)
def toys(world: World) -> Iterator[None]:
    for watch in (INSPECTION, LOAD):
        register(watch)
    # From now on the log alone says what to look at.
    sweep(NOW)
    yield
    for watch in (INSPECTION, LOAD):
        forget(watch)


def of(row: Vehicle, kind: str = DATE) -> Alert:
    """The one alert of the lorry that is not resolved."""
    return Alert.objects.get(kind=kind, about=f"vehicle:{row.pk}", resolved_at=None)


def has_none(row: Vehicle, kind: str = DATE) -> bool:
    return not Alert.objects.filter(kind=kind, about=f"vehicle:{row.pk}", resolved_at=None).exists()


def said(row: Vehicle, kind: str = DATE) -> list[str]:
    """What the log says of the lorry's alerts of a kind, in order."""
    alerts = Alert.objects.filter(kind=kind, about=f"vehicle:{row.pk}")
    subjects = [alert.subject for alert in alerts]
    kinds = Entry.objects.filter(subject__in=subjects).order_by("id").values_list("kind", flat=True)
    return [kind.removeprefix("alert.") for kind in kinds]


def at(days: int, moment: time = time(9)) -> datetime:
    return datetime.combine(day(days), moment, ZONE)


FIRST, LAST = time.min, time(23, 59, 59)


# --- a date ------------------------------------------------------------------------------------------------


def test_a_date_goes_from_quiet_to_resolved(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    sweep(NOW)
    assert (of(row).state, of(row).severity, of(row).opened_at) == ("watching", Severity.QUIET, None)
    sweep(at(20, FIRST) - timedelta(seconds=1))
    assert of(row).state == "watching"
    sweep(at(20, FIRST))
    assert (of(row).state, of(row).severity, of(row).opened_at) == ("warned", Severity.WARNING, at(20, FIRST))
    sweep(at(30, LAST) - timedelta(seconds=1))
    assert of(row).state == "warned"
    sweep(at(30, LAST))
    assert (of(row).state, of(row).severity, of(row).for_district) == ("overdue", Severity.ALARM, False)
    sweep(at(37, LAST) - timedelta(seconds=1))
    assert of(row).state == "overdue"
    sweep(at(37, LAST))
    assert (of(row).state, of(row).severity, of(row).for_district) == ("escalated", Severity.ALARM, True)
    alert = of(row)
    change(world, row, at(40), valid_to=None)
    sweep(at(40))
    alert.refresh_from_db()
    assert (alert.state, alert.severity, alert.resolved_at, alert.next_at) == ("resolved", 0, at(40), None)
    assert said(row) == ["warn", "fall_due", "escalate", "resolve"]


def test_each_step_is_taken_once_however_often_it_is_swept(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    for days in range(0, 60, 5):
        for _ in range(2):
            sweep(at(days))
    assert said(row) == ["warn", "fall_due", "escalate"]


def test_a_sweep_that_comes_late_takes_all_steps_that_are_left(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    sweep(at(90))
    assert said(row) == ["fall_due", "escalate"]
    assert of(row).opened_at == at(90)


def test_what_is_past_when_it_is_recorded_is_overdue_at_once(world: World) -> None:
    row = lorry(world, valid_to=day(-1))
    sweep(NOW)
    assert (of(row).state, said(row)) == ("overdue", ["fall_due"])


def test_a_quiet_deadline_whose_cause_ends_is_forgotten(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    sweep(NOW)
    change(world, row, valid_to=None)
    sweep(NOW)
    assert not Alert.objects.filter(kind=DATE).exists()
    assert said(row) == []


def test_a_date_put_off_resolves_and_is_watched_anew(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    sweep(at(31))
    overdue = of(row)
    change(world, row, at(32), valid_to=day(400))
    sweep(at(32))
    overdue.refresh_from_db()
    assert (overdue.state, of(row).state) == ("resolved", "watching")
    sweep(at(401))
    assert of(row).state == "overdue"
    assert Alert.objects.filter(kind=DATE).count() == 2


def test_a_date_brought_forward_goes_on_in_the_same_alert(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    sweep(at(21))
    warned = of(row)
    change(world, row, at(21), valid_to=day(20))
    sweep(at(21))
    assert (of(row).pk, of(row).state, of(row).due_at) == (warned.pk, "overdue", at(20, LAST))


def test_a_warned_date_that_moves_within_the_warning_time_stays_warned(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    sweep(at(21))
    warned = of(row)
    change(world, row, at(21), valid_to=day(31))
    sweep(at(21))
    assert (of(row).pk, of(row).state, of(row).due_at) == (warned.pk, "warned", at(31, LAST))
    assert said(row) == ["warn"]


# --- a level -----------------------------------------------------------------------------------------------


def test_a_level_is_there_since_it_was_first_seen(world: World) -> None:
    row = lorry(world, capacity_g=799_999)
    sweep(NOW)
    assert has_none(row, LEVEL)
    change(world, row, capacity_g=800_000)
    sweep(later(1))
    sweep(later(2))
    alert = of(row, LEVEL)
    assert (alert.state, alert.warn_at, alert.due_at, alert.opened_at) == ("warned", later(1), None, later(1))


def test_a_level_that_goes_over_goes_on_in_the_same_alert(world: World) -> None:
    row = lorry(world, capacity_g=1_000_000)
    sweep(NOW)
    warned = of(row, LEVEL)
    change(world, row, capacity_g=1_000_001)
    sweep(later(1))
    sweep(later(2))
    alert = of(row, LEVEL)
    assert (alert.pk, alert.state, alert.due_at, alert.opened_at) == (warned.pk, "overdue", later(1), NOW)
    assert said(row, LEVEL) == ["warn", "fall_due"]


def test_a_level_over_from_the_first_is_overdue_at_once_and_escalates(world: World) -> None:
    row = lorry(world, capacity_g=1_000_001)
    sweep(NOW)
    assert (of(row, LEVEL).state, of(row, LEVEL).due_at) == ("overdue", NOW)
    sweep(later(7) - timedelta(seconds=1))
    assert of(row, LEVEL).state == "overdue"
    sweep(later(7))
    assert of(row, LEVEL).state == "escalated"
    sweep(later(8))
    assert (of(row, LEVEL).due_at, said(row, LEVEL)) == (NOW, ["fall_due", "escalate"])


@pytest.mark.parametrize("days", [1, 9])
def test_a_level_that_eases_is_resolved_and_warned_of_anew(world: World, days: int) -> None:
    row = lorry(world, capacity_g=1_000_001)
    sweep(NOW)
    sweep(later(days))
    over = of(row, LEVEL)
    assert over.state == ("overdue" if days == 1 else "escalated")
    change(world, row, capacity_g=900_000)
    sweep(later(10))
    over.refresh_from_db()
    assert (over.state, over.resolved_at) == ("resolved", later(10))
    assert (of(row, LEVEL).state, of(row, LEVEL).warn_at, of(row, LEVEL).for_district) == ("warned", later(10), False)


def test_a_level_that_ends_resolves_and_begins_anew(world: World) -> None:
    row = lorry(world, capacity_g=900_000)
    sweep(NOW)
    change(world, row, capacity_g=0)
    sweep(later(1))
    assert has_none(row, LEVEL)
    change(world, row, capacity_g=1_200_000)
    sweep(later(2))
    assert said(row, LEVEL) == ["warn", "resolve", "fall_due"]


# --- one alert of a kind and subject -----------------------------------------------------------------------


def test_the_database_itself_keeps_an_open_alert_unique(world: World) -> None:
    row = lorry(world, valid_to=day(1))
    sweep(NOW)
    twin = of(row)
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.bulk_create([twin])
    twin.resolved_at = NOW
    Alert.objects.bulk_create([twin])


def test_settling_again_changes_nothing(world: World) -> None:
    row = lorry(world, valid_to=day(1), capacity_g=2_000_000)
    sweep(NOW)
    before = list(Alert.objects.order_by("pk").values())
    with CaptureQueriesContext(connection) as captured:
        for kind in (DATE, LEVEL):
            assert settle(kind, [f"vehicle:{row.pk}"], now=later(1)) == 0
    assert list(Alert.objects.order_by("pk").values()) == before
    assert not [q for q in captured.captured_queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


def test_a_subject_that_another_answers_for_has_a_new_alert(world: World) -> None:
    row = lorry(world, valid_to=day(1))
    sweep(NOW)
    first = of(row)
    change(world, row, organisation=world.organisations["firm2"])
    sweep(later(1))
    first.refresh_from_db()
    assert (first.state, of(row).organisation, of(row).state) == ("resolved", world.organisations["firm2"], "warned")


def test_details_follow_the_facts(world: World) -> None:
    row = lorry(world, valid_to=day(5))
    sweep(NOW)
    change(world, row, plate="浙T99999")
    sweep(later(1))
    assert explain(of(row), later(1)).sentence == f"浙T99999 of 演示firm is to be inspected by {day(5)}: 4 days left."
    assert said(row) == ["warn"]


# --- whom it tells -----------------------------------------------------------------------------------------


def seen_by(world: World, name: str, row: Vehicle, kind: str = DATE) -> bool:
    return Alert.objects.visible_to(world.actor(name)).filter(kind=kind, about=f"vehicle:{row.pk}").exists()


def told(world: World, row: Vehicle, kind: str = DATE) -> list[str]:
    """Whom the entries about the alert are addressed to."""
    entries = list(Entry.objects.filter(subject__in=[a.subject for a in Alert.objects.filter(kind=kind)]))
    names = ("firm", "firm2", "depot", "regulator", "regulator2")
    return [name for name in names if entries and all(entry.addressed_to(world.actor(name)) for entry in entries)]


def test_the_organisation_and_its_district_read_it(world: World) -> None:
    row = lorry(world, valid_to=day(1))
    sweep(NOW)
    names = ("firm", "firm2", "depot", "regulator", "regulator2")
    assert [name for name in names if seen_by(world, name, row)] == ["firm", "regulator"]
    assert told(world, row) == ["firm", "regulator"]


def test_further_organisations_are_told_when_it_is_raised(world: World) -> None:
    depot = world.organisations["depot"].pk
    row = lorry(world, valid_to=day(30), permit_number=f"{depot}")
    sweep(NOW)
    assert not seen_by(world, "depot", row)
    sweep(at(20))
    assert seen_by(world, "depot", row)
    assert told(world, row) == ["firm", "depot", "regulator"]
    assert open_counts(world.actor("depot"))["notice"] == 1, "another answers for it"
    assert not seen_by(world, "firm2", row)


def test_further_organisations_follow_the_facts(world: World) -> None:
    row = lorry(world, capacity_g=900_000, permit_number=str(world.organisations["depot"].pk))
    sweep(NOW)
    assert (seen_by(world, "depot", row, LEVEL), seen_by(world, "firm2", row, LEVEL)) == (True, False)
    both = f"{world.organisations['firm2'].pk} {world.organisations['firm'].pk}"
    change(world, row, permit_number=both)
    sweep(later(1))
    assert (seen_by(world, "depot", row, LEVEL), seen_by(world, "firm2", row, LEVEL)) == (False, True)
    change(world, row, permit_number="")
    sweep(later(2))
    assert not AlsoTold.objects.exists()


def test_who_was_told_further_reads_how_it_ended(world: World) -> None:
    row = lorry(world, capacity_g=900_000, permit_number=str(world.organisations["depot"].pk))
    sweep(NOW)
    change(world, row, capacity_g=0)
    sweep(later(1))
    assert seen_by(world, "depot", row, LEVEL)
    assert told(world, row, LEVEL) == ["firm", "depot", "regulator"]


def with_watch(watch: Watch, **changes: Any) -> None:
    """The toy as it would be if it were written so."""
    forget(watch)
    register(replace(watch, **changes))


@pytest.mark.parametrize(
    ("when", "steps"),
    [
        ("escalated", {"warned": False, "overdue": False, "escalated": True}),
        ("at once", {"warned": True, "overdue": True}),
        ("never", {"warned": False, "overdue": False}),
    ],
)
def test_when_the_district_is_told(world: World, when: Any, steps: dict[str, bool]) -> None:
    with_watch(INSPECTION, district=when)
    row = lorry(world, valid_to=day(30))
    regulator, found = world.actor("regulator"), {}
    for days in (25, 35, 50):
        sweep(at(days))
        mine = Alert.objects.visible_to(regulator).filter(Alert.addressed_to(regulator), kind=DATE)
        found[of(row).state] = bool(mine)
        assert sum(open_counts(regulator).values()) == len(mine)
    assert found == steps
    assert seen_by(world, "regulator", row)


@pytest.mark.parametrize(
    ("worst", "grades"),
    [(Severity.NOTICE, [1, 1, 1]), (Severity.WARNING, [2, 2, 2]), (Severity.ALARM, [2, 3, 3])],
)
def test_how_grave_it_is(world: World, worst: Severity, grades: list[int]) -> None:
    with_watch(INSPECTION, severity=worst)
    row = lorry(world, valid_to=day(30))
    found = []
    for days in (25, 35, 50):
        sweep(at(days))
        found.append(of(row).severity)
        assert sum(open_counts(world.actor("firm")).values()) == 1
    assert found == grades
    change(world, row, at(51), valid_to=None)
    sweep(at(51))
    assert sum(open_counts(world.actor("firm")).values()) == 0


def test_acknowledging_says_who_and_what_and_hides_nothing(world: World) -> None:
    row = lorry(world, valid_to=day(5))
    sweep(NOW)
    acknowledge(of(row), actor=world.actor("firm"), note="booked for Monday", now=NOW)
    assert (of(row).note, of(row).acknowledged_by, of(row).state) == (
        "booked for Monday",
        world.memberships["firm"].user,
        "warned",
    )
    entry = Entry.objects.get(kind="alert.acknowledge")
    assert (entry.username, entry.data["note"]) == ("firm", "booked for Monday")
    assert open_counts(world.actor("firm"))["warning"] == 1
    sweep(at(6))
    assert (of(row).state, of(row).note) == ("overdue", "booked for Monday")
    with pytest.raises(NotPermitted):
        acknowledge(of(row), actor=world.actor("regulator"), note="x", now=NOW)


# --- figures -----------------------------------------------------------------------------------------------


def set_days(world: World, value: int, who: str = "regulator") -> Figure:
    key = "toy.inspection_days"
    return set_figure(actor=world.actor(who), key=key, value=value, source="演示", now=NOW)


def test_a_district_re_times_what_lies_in_it(world: World) -> None:
    world.add("far", "generator", division="330111")
    near, far = lorry(world, valid_to=day(30)), lorry(world, plate="浙T00002", firm="far", valid_to=day(30))
    sweep(NOW)
    own = set_days(world, 25)
    assert of(near).next_at == at(20, FIRST)
    sweep(NOW)
    assert (of(near).next_at, of(far).next_at) == (at(5, FIRST), at(20, FIRST))
    sweep(at(5))
    assert (of(near).state, of(far).state) == ("warned", "watching")
    withdraw(actor=world.actor("regulator"), row=own, now=NOW)
    sweep(at(6))
    assert (of(near).state, of(near).next_at, said(near)) == ("watching", at(20, FIRST), ["warn", "resolve"])


def test_the_narrower_district_has_the_last_word_and_the_wider_one_asks_all_to_be_looked_at(world: World) -> None:
    world.add("city", "regulator", division="3306")
    world.add("next", "generator", division="330603")
    here, beside = lorry(world, valid_to=day(30)), lorry(world, plate="浙T00002", firm="next", valid_to=day(30))
    set_days(world, 12)
    sweep(NOW)
    assert (of(here).next_at, of(beside).next_at) == (at(18, FIRST), at(20, FIRST))
    set_days(world, 15, "city")
    sweep(NOW)
    assert (of(here).next_at, of(beside).next_at) == (at(18, FIRST), at(15, FIRST))


def test_an_organisation_re_times_what_is_its_own_and_never_loosens(world: World) -> None:
    mine = lorry(world, valid_to=day(30))
    other = lorry(world, plate="浙T00002", firm="firm2", valid_to=day(30))
    sweep(NOW)
    tighten(actor=world.actor("firm"), key="toy.inspection_days", value=20, now=NOW)
    sweep(NOW)
    assert (of(mine).next_at, of(other).next_at) == (at(10, FIRST), at(20, FIRST))
    set_days(world, 25)
    sweep(NOW)
    assert (of(mine).next_at, of(other).next_at) == (at(5, FIRST), at(5, FIRST))
    set_days(world, 1)
    sweep(NOW)
    assert (of(mine).next_at, of(other).next_at) == (at(10, FIRST), at(29, FIRST))
    tighten(actor=world.actor("firm"), key="toy.inspection_days", value=None, now=NOW)
    sweep(NOW)
    assert of(mine).next_at == at(29, FIRST)


def test_a_level_is_measured_by_the_figures_of_its_place(world: World) -> None:
    row = lorry(world, capacity_g=700_000)
    sweep(NOW)
    assert has_none(row, LEVEL)
    tighten(actor=world.actor("firm"), key="toy.load_kg", value=600, now=NOW)
    sweep(NOW)
    assert of(row, LEVEL).state == "overdue"
    tighten(actor=world.actor("firm"), key="toy.load_kg", value=None, now=NOW)
    sweep(NOW)
    assert (has_none(row, LEVEL), said(row, LEVEL)) == (True, ["fall_due", "resolve"])


def test_the_districts_days_before_it_is_told(world: World) -> None:
    row = lorry(world, valid_to=day(30))
    sweep(at(31))
    set_figure(actor=world.actor("regulator"), key="alerts.escalate_days", value=3, source="演示", now=NOW)
    sweep(at(32))
    assert of(row).state == "overdue"
    sweep(at(33, LAST) - timedelta(seconds=1))
    assert of(row).state == "overdue"
    sweep(at(33, LAST))
    assert of(row).state == "escalated"


def test_setting_a_figure_costs_the_same_however_many_it_concerns(world: World) -> None:
    set_days(world, 15)
    costs = []
    for number in (1, 49):
        untold(world, number, valid_to=day(30))
        Recheck.objects.create(kind=DATE, next_at=NOW)
        sweep(NOW)
        with CaptureQueriesContext(connection) as captured:
            set_days(world, 20 + number)
        costs.append(len(captured))
        assert set(Alert.objects.filter(kind=DATE).values_list("next_at", flat=True)) != {at(10 - number, FIRST)}
    assert Alert.objects.filter(kind=DATE).count() == 50
    assert costs[0] == costs[1]


def test_settling_costs_the_same_however_many(world: World) -> None:
    rows = [lorry(world, plate=f"浙T{n:05}", valid_to=day(30), capacity_g=2_000_000) for n in range(30)]
    costs = []
    for batch in (rows[:1], rows[1:]):
        with CaptureQueriesContext(connection) as captured:
            settle(LEVEL, [f"vehicle:{row.pk}" for row in batch], now=NOW)
            settle(DATE, [f"vehicle:{row.pk}" for row in batch], now=at(31))
        costs.append(len(captured))
    assert costs[0] == costs[1]


# --- when it looks -----------------------------------------------------------------------------------------


def test_a_watch_that_is_new_looks_at_everything_once(world: World) -> None:
    forget(INSPECTION)
    untold(world, 205, valid_to=day(1))
    sweep(NOW)
    assert not Alert.objects.filter(kind=DATE).exists()
    register(INSPECTION)
    assert sweep(NOW) == 205
    assert not Recheck.objects.filter(kind=DATE).exists()
    untold(world, 1, valid_to=day(1))
    assert sweep(NOW) == 0


def test_a_watch_that_was_away_is_new_again(world: World) -> None:
    row = lorry(world, valid_to=day(5))
    sweep(NOW)
    forget(INSPECTION)
    change(world, row, valid_to=None)
    sweep(later(1))
    assert of(row).state == "warned"
    register(INSPECTION)
    sweep(later(2))
    assert has_none(row)


def test_what_changes_without_an_entry_is_looked_at_daily(world: World) -> None:
    forget(INSPECTION)
    sweep(NOW)
    register(replace(INSPECTION, subjects=replace(Subjects(**vars(INSPECTION.subjects)), daily=True)))
    untold(world, 1)
    row = Vehicle.objects.get(plate__startswith="浙T")
    sweep(NOW)
    Vehicle.objects.filter(pk=row.pk).update(valid_to=day(1))
    midnight = later(1).replace(hour=0)
    sweep(midnight - timedelta(seconds=1))
    assert has_none(row)
    sweep(midnight)
    assert of(row).state == "warned"
    Vehicle.objects.filter(pk=row.pk).update(valid_to=None)
    sweep(later(1.5))
    assert not has_none(row)
    sweep(later(2))
    assert has_none(row)
    assert Recheck.objects.filter(kind=DATE, daily=True).count() == 1


def test_a_daily_watch_that_was_away_goes_on(world: World) -> None:
    forget(INSPECTION)
    sweep(NOW)
    daily = replace(INSPECTION, subjects=replace(Subjects(**vars(INSPECTION.subjects)), daily=True))
    register(daily)
    sweep(NOW)
    for away in (timedelta(hours=1), timedelta(days=3)):
        forget(daily)
        sweep(NOW + away)
        register(daily)
        sweep(NOW + away)
        assert Recheck.objects.filter(kind=DATE, daily=True).count() == 1


def test_it_may_ask_to_be_looked_at_later(world: World) -> None:
    row = lorry(world, capacity_g=900_000)
    seen: list[datetime] = []

    def find(abouts: Any, look: Any) -> Any:
        seen.append(look.now)
        return [replace(one, look_at=later(5)) for one in LOAD.find(abouts, look)]

    with_watch(LOAD, find=find)
    sweep(NOW)
    assert of(row, LEVEL).next_at == later(5)
    seen.clear()
    for days in (1, 4, 5, 6):
        sweep(later(days))
    assert set(seen) == {later(5)}
    assert of(row, LEVEL).next_at is None


# --- what is broken ----------------------------------------------------------------------------------------


def test_one_subject_that_cannot_be_looked_at_stops_no_other(world: World, caplog: Any) -> None:
    rows = [lorry(world, plate=f"浙T{n:05}", valid_to=day(1)) for n in range(3)]
    broken = lorry(world, plate="BROKEN", valid_to=day(1))
    caplog.set_level(logging.CRITICAL)
    sweep(NOW)
    assert [of(row).state for row in rows] == ["warned"] * 3
    assert has_none(broken)
    Vehicle.objects.filter(pk=broken.pk).update(plate="浙T00009")
    sweep(NOW + timedelta(minutes=9))
    assert has_none(broken)
    sweep(NOW + timedelta(minutes=10))
    assert of(broken).state == "warned"
    assert not Recheck.objects.filter(kind__startswith="toy").exists()


def test_one_subject_that_cannot_be_looked_at_is_remembered_once(world: World, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL)
    broken = lorry(world, plate="BROKEN", valid_to=day(1))
    for _ in range(5):
        change(world, broken)
        sweep(NOW)
    assert Recheck.objects.filter(about=f"vehicle:{broken.pk}", kind=DATE).count() == 1


def test_one_that_is_due_and_broken_is_tried_at_every_sweep(world: World, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL)
    row, other = lorry(world, valid_to=day(30)), lorry(world, plate="浙T00002", valid_to=day(30))
    sweep(NOW)
    Vehicle.objects.filter(pk=row.pk).update(plate="BROKEN")
    sweep(at(31))
    assert (of(row).state, of(other).state) == ("watching", "overdue")
    Vehicle.objects.filter(pk=row.pk).update(plate="浙T00001")
    sweep(at(31))
    assert of(row).state == "overdue"


def test_an_entry_that_a_watch_cannot_read_stops_nothing(world: World, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL)

    def careless(entries: Any) -> Any:
        return {entry.data["about"] for entry in entries}

    with_watch(LOAD, on={"toy.load": careless})
    row = lorry(world, valid_to=day(1), capacity_g=2_000_000)
    change(world, row)
    sweep(NOW)
    assert (of(row).state, has_none(row, LEVEL)) == ("warned", True)


@pytest.fixture
def left_over(world: World) -> Vehicle:
    """A lorry with alerts of a watch that the program does not have any more."""
    row = lorry(world, valid_to=day(1), capacity_g=900_000)
    sweep(NOW)
    forget(INSPECTION)
    return row


def test_a_kind_that_is_gone_breaks_no_sweep(world: World, left_over: Vehicle, caplog: Any) -> None:
    change(world, left_over, capacity_g=2_000_000)
    assert sweep(at(9)) == 1
    assert sweep(at(17)) == 1
    assert (of(left_over).state, of(left_over, LEVEL).state) == ("warned", "escalated")
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_a_kind_that_is_gone_breaks_no_page(world: World, left_over: Vehicle, api: Any) -> None:
    for name in ("firm", "regulator"):
        assert api(name).get("/alerts").status_code == 200
        for path in ("/", "/alerts", "/alerts?scope=all", "/alerts/bell", "/containers"):
            assert Visitor(world, name).get(path).status_code == 200


# --- one file ----------------------------------------------------------------------------------------------


def test_registering_it_is_all_that_a_new_watch_needs(world: World, api: Any) -> None:
    """Swept, told in words, counted by the bell, listed by the API, its figure among the district's."""
    row = lorry(world, valid_to=day(5))
    sweep(NOW)
    (shown,) = api("firm").get("/alerts", kind=DATE, open="true").json()["items"]
    assert (shown["title"], shown["subject"]) == ("Inspection of a toy lorry", f"vehicle:{row.pk}")
    assert shown["message"] == f"浙T00001 of 演示firm is to be inspected by {day(5)}: 5 days left."
    visitor = Visitor(world, "firm")
    page = text(visitor.get("/alerts"))
    assert "Inspection of a toy lorry" in page
    assert "Have it inspected" in page
    assert "/toys/浙T00001" in page
    assert 'class="count is-due"' in text(visitor.get("/alerts/bell"))
    assert "toy.inspection_days" in {one.key for table in figures_here("330602").values() for one in table}
    assert "Toy inspections" in text(Visitor(world, "regulator").get("/district/rules"))


def test_two_watches_of_one_kind_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two watches"):
        register(replace(INSPECTION, title="another"))
    with pytest.raises(ValueError, match="two figures"):
        register(
            replace(
                INSPECTION,
                kind="toy_other",
                parameters=dict.fromkeys(LOAD.parameters, INSPECTION.parameters["toy.inspection_days"]),
            )
        )


def test_a_bookmark_is_kept_for_each_watch_and_one_for_the_log() -> None:
    sweep(NOW)
    names = set(Bookmark.objects.values_list("name", flat=True))
    assert {"log", f"watch:{DATE}", f"watch:{LEVEL}"} <= names


def test_an_alert_of_a_subject_that_is_gone_ends_with_the_day(world: World) -> None:
    forget(INSPECTION)
    sweep(NOW)
    register(replace(INSPECTION, subjects=replace(Subjects(**vars(INSPECTION.subjects)), daily=True)))
    untold(world, 1, valid_to=day(1))
    row = Vehicle.objects.get(plate__startswith="浙T")
    sweep(NOW)
    assert of(row).state == "warned"
    subject = of(row).about
    Vehicle.objects.filter(pk=row.pk).delete()
    sweep(later(1))
    assert not Alert.objects.filter(about=subject, resolved_at=None).exists()


def test_a_rehearsal_does_not_put_daily_looks_off(world: World) -> None:
    forget(INSPECTION)
    sweep(NOW)
    register(replace(INSPECTION, subjects=replace(Subjects(**vars(INSPECTION.subjects)), daily=True)))
    sweep(later(300), recorded_at=NOW)
    untold(world, 1, valid_to=day(1))
    sweep(later(1))
    assert of(Vehicle.objects.get(plate__startswith="浙T")).state == "warned"


def test_another_cause_is_another_alert(world: World) -> None:
    """The period that is to be declared: whoever put a note on the last one has said nothing of this one."""

    def found(abouts: Sequence[str], look: Look) -> list[Deadline]:
        firm = world.organisations["firm"]
        which = f"{look.now:%Y-%m}"
        return [Deadline(about, firm.pk, firm.division, over=True, cause=which) for about in abouts]

    watch = register(
        Watch("monthly", "Monthly", {"warned": "%(cause)s"}, "Do it", find=found, on={"container.log": lambda _: ["x"]})
    )
    try:
        world.drum()
        sweep(NOW)
        first = Alert.objects.get(kind="monthly")
        acknowledge(first, actor=world.actor("firm"), note="seen", now=NOW)
        sweep(NOW + timedelta(days=8))
        first.refresh_from_db()
        assert (first.state, first.data["cause"]) == ("escalated", "2026-11")
        settle("monthly", ["x"], now=later(20))
        first.refresh_from_db()
        second = Alert.objects.get(kind="monthly", resolved_at=None)
        assert (first.state, second.state, second.data["cause"]) == ("resolved", "overdue", "2026-12")
        assert (second.note, second.due_at, second.for_district) == ("", later(20), False)
    finally:
        forget(watch)


def test_an_open_alert_that_lies_in_another_district_is_told_there_anew(world: World) -> None:
    row = lorry(world, valid_to=day(1))
    sweep(NOW)
    first = of(row)
    Organisation.objects.filter(pk=first.organisation_id).update(division="330111")
    settle(DATE, [first.about], now=later(0.1))
    first.refresh_from_db()
    second = of(row)
    assert (first.state, second.state, second.division) == ("resolved", "warned", "330111")


def test_what_is_due_before_it_is_warned_of_is_overdue_in_time(world: World) -> None:
    firm = world.organisations["firm"]
    start("late", [Deadline("x", firm.pk, firm.division, warn_at=later(4), due_at=later(2))])
    assert Alert.objects.get(kind="late").next_at == later(2)
