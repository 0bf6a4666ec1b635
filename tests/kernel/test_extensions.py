"""Keeping waste longer than the rule: by a document, for a time, and the clock runs anew."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from depots import extensions
from depots.extensions import extend
from tests.kernel.test_regroup import received, refusal, stocked
from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.models import Entry
from wastetrack.waste.models import Container

pytestmark = pytest.mark.once

DOCUMENT = "演示环函〔2026〕1号"


def day(days: int) -> date:
    return (NOW + timedelta(days=days)).date()


def extended(
    world: World, *drums: Container, until: Any = None, document: str = DOCUMENT, by: str = "depot", now: datetime = NOW
) -> list[Container]:
    until = day(366) if until is None else until
    return extend(actor=world.actor(by), containers=drums, until=until, document=document, now=now)


def test_a_drum_may_stay_to_the_end_of_the_last_day(world: World) -> None:
    drum = stocked(world)
    before = drum.storage_deadline
    (drum,) = extended(world, drum, until=day(366), now=later(10))
    drum.refresh_from_db()
    assert drum.storage_deadline is not None
    assert before is not None
    last = timezone.localtime(drum.storage_deadline)
    assert (last.date(), last.hour, last.minute) == (day(366), 23, 59)
    assert drum.extension == DOCUMENT
    entry = Entry.objects.get(kind="container.extend", subject=drum.subject)
    assert entry.data["document"] == DOCUMENT
    assert entry.data["from_deadline"] == instant(before)


def test_the_warning_ends_and_is_given_anew_before_the_new_day(world: World) -> None:
    drum = stocked(world)
    sweep(later(370))
    old = Alert.objects.get(kind="storage", about=drum.subject, resolved_at=None)
    assert old.state == "overdue"
    extended(world, drum, until=day(500), now=later(370))
    old.refresh_from_db()
    assert old.state == "resolved"
    sweep(later(469))
    new = Alert.objects.get(kind="storage", about=drum.subject, resolved_at=None)
    assert new.state == "watching"
    sweep(later(471))
    new.refresh_from_db()
    assert new.state == "warned"
    sweep(later(501))
    new.refresh_from_db()
    assert new.state == "overdue"


def test_an_extension_needs_its_document_and_its_day(world: World) -> None:
    drum = stocked(world)
    assert refusal(extended, world, drum, document="  ") == ("document", "missing")
    assert refusal(extended, world, drum, document="号" * 61) == ("document", "too_long")
    assert refusal(extended, world, drum, document="1\x002") == ("document", "unprintable")
    actor = world.actor("depot")
    assert refusal(extend, actor=actor, containers=[drum], until=None, document=DOCUMENT, now=NOW) == (
        "until",
        "missing",
    )


def test_an_extension_ends_later_than_the_rule_and_within_a_year(world: World) -> None:
    drum = stocked(world)
    assert drum.storage_deadline is not None
    last = timezone.localdate(drum.storage_deadline)
    assert refusal(extended, world, drum, until=last, now=later(10)) == ("until", "not_later")
    assert refusal(extended, world, drum, until=day(376), now=later(10)) == ("until", "too_far")
    assert refusal(extended, world, drum, until=date.max, now=later(10)) == ("until", "too_far")
    assert len(extended(world, drum, until=day(375), now=later(10))) == 1


def test_no_drum_and_too_many_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(extended, world) == ("containers", "no_codes")
    monkeypatch.setattr(extensions, "MOST", 1)
    assert refusal(extended, world, stocked(world), stocked(world)) == ("containers", "too_many")


def test_one_that_does_not_stand_here_stops_all(world: World) -> None:
    here, away = stocked(world), stocked(world)
    world.departed(away, sender="depot", to="plant")
    assert refusal(extended, world, here, away) == "not_here"


def test_only_the_depots_own_people_extend(world: World) -> None:
    drum = stocked(world)
    for name in ("firm", "depot2", "plant", "regulator", "carrier"):
        assert refusal(extended, world, drum, by=name) in ("not_your_depot", "read_only"), name
    assert refusal(extended, world, world.drum(), by="viewer") == "read_only"


def test_a_receiver_begins_its_own_clock(world: World) -> None:
    drum = stocked(world)
    extended(world, drum, until=day(370), now=later(10))
    there = received(world, Container.objects.get(pk=drum.pk), "depot", "plant", later(20))
    assert there.extension == ""
    assert there.storage_deadline is not None
    assert timezone.localdate(there.storage_deadline) == day(20 + 365)


def test_many_drums_cost_hardly_more_than_few(world: World) -> None:
    few, many = [stocked(world) for _ in range(2)], [stocked(world) for _ in range(6)]
    cost = []
    for drums in (few, many):
        with CaptureQueriesContext(connection) as captured:
            extended(world, *drums, now=later(10))
        cost.append(len(captured))
    assert cost[0] == cost[1] <= 16
