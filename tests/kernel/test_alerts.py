"""Alerts: acknowledged as they are now, swept at a rehearsal's time, recorded at the clock's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_fsm import ConcurrentTransition

from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import acknowledge, end, sweep
from wastetrack.errors import Refused
from wastetrack.http import refusal_of
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import SYSTEM


@pytest.fixture
def alert(world: World) -> Alert:
    drum = world.drum()
    sweep(later(340))
    return Alert.objects.get(kind="storage", about=drum.subject)


def fall_due() -> Entry:
    """The entry that says that the drum's storage time is over."""
    storage = Alert.objects.get(kind="storage")
    return Entry.objects.get(kind="alert.fall_due", subject=storage.subject)


def test_an_alert_that_ended_meanwhile_is_not_acknowledged(world: World, alert: Alert) -> None:
    end(alert.kind, [alert.about], actor=SYSTEM, now=later(341))
    with pytest.raises(Refused) as refused:
        acknowledge(alert, actor=world.actor("firm"), note="x", now=later(342))
    assert refused.value.code == "alert_closed"
    alert.refresh_from_db()
    assert (alert.note, alert.acknowledged_at) == ("", None)


def test_an_alert_that_moved_meanwhile_is_acknowledged_as_it_is(world: World, alert: Alert) -> None:
    sweep(later(367))
    assert acknowledge(alert, actor=world.actor("firm"), note="x", now=later(368)).state == "overdue"
    alert.refresh_from_db()
    assert (alert.note, alert.state) == ("x", "overdue")


def test_a_row_that_another_moved_is_a_lost_race() -> None:
    refusal = refusal_of(ConcurrentTransition())
    assert refusal is not None
    assert (refusal.code, refusal.status) == ("lost_race", 409)


def test_a_rehearsal_is_recorded_when_it_was_held(world: World) -> None:
    world.drum()
    sweep(later(400), recorded_at=later(1))
    entry = fall_due()
    assert (entry.event_time, entry.recorded_at) == (later(400), later(1))


def test_the_command_rehearses_by_the_real_clock(world: World) -> None:
    world.drum()
    call_command("sweep", now=later(400).isoformat())
    entry = fall_due()
    assert entry.event_time == later(400)
    assert abs(entry.recorded_at - timezone.now()) < timedelta(minutes=5)


def test_a_sweep_by_the_clock_happens_when_it_is_recorded(world: World) -> None:
    world.drum(accumulation_start="2025-10-01")
    sweep(NOW)
    entry = fall_due()
    assert entry.event_time == entry.recorded_at == NOW
