"""What alerts say on their pages: since when, how grave to whom, what has ended, and where the reader goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils.translation import override

import manifests.services as manifests
from tests.pages.visitors import Visitor, text
from tests.world import NOW, TODAY, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.selectors import explain, open_counts
from wastetrack.alerts.services import sweep
from wastetrack.templatetags.trade import GRADES, state_badge, way_to_look

Clock = Callable[[Any], None]


@pytest.fixture(autouse=True)
def _now(clock: Clock) -> None:
    """Every page here is read at NOW."""


def due(world: World, days: int) -> Any:
    """A drum whose storage time ends in so many days (negative: ended so many days ago)."""
    return world.drum("firm", accumulation_start=(TODAY + timedelta(days=days - 365)).isoformat())


def alert_of(drum: Any) -> Alert:
    return Alert.objects.get(kind="storage", about=drum.subject)


def when(page: str) -> str:
    """What stands beside the badge of the first alert in a page."""
    return re.sub(r"<[^>]+>", "", re.findall(r'<span class="[^"]*alert-when">(.*?)</span></p>', page)[0])


def test_an_escalated_alert_says_since_when_and_when_the_district_was_told(world: World, clock: Clock) -> None:
    drum = due(world, 2)
    for days in (0, 3, 11):
        sweep(later(days))
    clock(later(12))
    due_at = alert_of(drum).due_at
    assert due_at is not None
    last, told = due_at.astimezone(NOW.tzinfo).date(), TODAY + timedelta(days=11)
    for name in ("firm", "regulator"):
        for path in ("/alerts?kind=storage", f"/alerts/{alert_of(drum).pk}"):
            page = text(Visitor(world, name).client.get(path))
            assert when(page) == f"overdue since {last} · district told {told}"


def test_a_late_alert_stays_told_as_late_and_its_days_stop_when_it_is_resolved(world: World) -> None:
    late, early = due(world, -2), due(world, 2)
    sweep(NOW)
    world.departed(late)
    world.departed(early)
    sweep(later(1))
    with override("en"):
        said = [explain(alert_of(one), later(40)) for one in (late, early)]
    assert [one.alert.state for one in said] == ["resolved", "resolved"]
    assert "should have left" in said[0].sentence
    assert re.findall(r": (\d+) days", said[0].sentence + said[1].sentence) == ["2", "2"]
    assert "must leave" in said[1].sentence
    assert "resolved 2026-11-20" in text(Visitor(world, "firm").get(f"/alerts/{alert_of(late).pk}"))


def test_an_open_alert_looks_as_grave_as_the_count_it_belongs_to(world: World) -> None:
    drum = due(world, -2)
    sweep(NOW)
    alert = alert_of(drum)
    for severity, look in GRADES.items():
        alert.severity = severity
        assert state_badge(alert)["look"] == look


def test_a_plan_is_asked_for_before_it_is_sent(world: World) -> None:
    drum = due(world, -2)
    sweep(NOW)
    page = text(Visitor(world, "firm").get(f"/alerts/{alert_of(drum).pk}"))
    assert re.search(r'<input[^>]*name="note"[^>]* required', page)


def test_a_toast_offers_targets_that_a_glove_meets(world: World) -> None:
    drum = due(world, -2)
    sweep(NOW)
    page = text(Visitor(world, "firm").get("/alerts/toast", id=alert_of(drum).pk))
    assert f'class="btn btn-quiet" href="/alerts/{alert_of(drum).pk}"' in page


def test_what_others_answer_for_is_told_as_a_notice_under_a_heading_of_its_own(world: World, clock: Clock) -> None:
    world.departed(world.drum())
    late = NOW + timedelta(hours=48)
    sweep(late)
    clock(late)
    transit = Alert.objects.get(kind="transit")
    assert open_counts(world.actor("carrier"))["warning"] == 1
    assert open_counts(world.actor("firm")) == {"alarm": 0, "warning": 0, "notice": 1}
    told = text(Visitor(world, "firm").get("/alerts"))
    part = told.split('id="grade-told"')[1]
    assert "For your information" in part
    assert f'id="alert-{transit.pk}"' in part
    assert "is-overdue" not in part.split("</article>")[0]
    assert "is-due" not in part.split("</article>")[0]
    assert "For your information" not in text(Visitor(world, "carrier").get("/alerts"))
    assert f'id="alert-{transit.pk}"' in text(Visitor(world, "firm").get("/alerts", severity="notice"))
    assert f'id="alert-{transit.pk}"' not in text(Visitor(world, "firm").get("/alerts", severity="warning"))


def test_an_office_finds_a_way_to_what_has_no_page(world: World) -> None:
    firm, depot = world.organisations["firm"], world.organisations["depot"]
    contract = manifests.record_contract(
        actor=world.actor("firm"),
        number="演示合同",
        partner=depot,
        purpose="take",
        valid_from=date(2026, 1, 1),
        valid_to=TODAY + timedelta(days=5),
        now=NOW,
    )
    sweep(NOW)
    alert = Alert.objects.get(kind="contract_expiry")
    assert way_to_look(alert) == f"/contracts#contract-{contract.pk}"
    office = Visitor(world, "regulator")
    assert f'href="/contracts#contract-{contract.pk}"' in text(office.get("/alerts", scope="all"))
    silent = Alert(kind="ledger_silent", about=f"organisation:{firm.uscc}", organisation=firm)
    jump = Alert(kind="generation_jump", about=silent.about, organisation=firm, details='{"month":"2026-10"}')
    assert way_to_look(jump) == f"/containers?generator={firm.uscc}&generated=2026-10"
    for address in (way_to_look(silent), way_to_look(alert), way_to_look(jump)):
        assert office.client.get(address).status_code == 200


def test_a_contract_that_ends_leads_to_the_form_of_its_successor(world: World) -> None:
    for number, days in (("演示甲", 200), ("演示乙", 5), ("演示旧", -5)):
        made = manifests.record_contract(
            actor=world.actor("firm"),
            number=number,
            partner=world.organisations["depot"],
            purpose="take",
            valid_from=date(2026, 1, 1),
            valid_to=TODAY + timedelta(days=days),
            now=NOW,
        )
        page = text(Visitor(world, "firm").get("/contracts", renew=made.pk))
        form = page.split('id="record"')[1]
        assert f'value="{made.valid_to + timedelta(days=1)}"' in form
        assert f'value="{world.organisations["depot"].uscc}" selected' in form
        assert f'value="{made.valid_to + timedelta(days=1)}"' not in text(Visitor(world, "firm").get("/contracts"))
    places = [page.index(f"<strong>{number}</strong>") for number in ("演示乙", "演示甲", "演示旧")]
    assert places == sorted(places), "what ends first stands first, what has ended stands last"
    assert "5 days left" in page
    assert Visitor(world, "firm").get("/contracts", renew="nonsense").status_code == 200
    strange = text(Visitor(world, "depot").get("/contracts", renew=made.pk))
    assert f'value="{made.valid_to + timedelta(days=1)}"' not in strange
