"""`/alerts`: what is due, told to whom it concerns, and acknowledged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.api.support import answered, nothing_done, refused
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import end, sweep
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import SYSTEM
from wastetrack.waste.models import Container


@pytest.fixture
def overdue(world: World, clock: Any) -> Alert:
    """A drum of the firm is two days over its time, and the sweep has found out."""
    drum = world.drum(accumulation_start="2025-11-18")
    sweep(NOW)
    return Alert.objects.get(kind="storage", about=drum.subject)


def test_an_alert_says_what_since_when_and_by_which_clause(world: World, api: Any, overdue: Alert) -> None:
    (shown,) = answered(api("firm").get("/alerts", open="true"))["items"]
    assert (shown["kind"], shown["state"], shown["subject"]) == ("storage", "overdue", overdue.about)
    assert shown["organisation"] == world.organisations["firm"].uscc
    assert datetime.fromisoformat(shown["due_at"]) == overdue.due_at
    assert shown["clause"]
    assert shown["title"] == "Storage time"
    assert "days over" in shown["message"]
    assert isinstance(shown["id"], str)


def test_a_quiet_deadline_is_no_alert(world: World, api: Any) -> None:
    world.drum()
    assert answered(api("firm").get("/alerts"))["items"] == []


def test_alerts_are_filtered_by_kind_and_by_whether_they_are_open(world: World, api: Any, overdue: Alert) -> None:
    firm = api("firm")
    assert len(answered(firm.get("/alerts", kind="storage"))["items"]) == 1
    assert answered(firm.get("/alerts", open="false"))["items"] == []
    number = world.draft(*_containers(overdue), now=NOW).number
    for who, verb in (("firm", "issue"), ("carrier", "depart")):
        answered(api(who).post(f"/manifests/{number}/{verb}", {"password": "demo"}))
    assert answered(firm.get("/alerts", open="true"))["items"] == []
    (closed,) = answered(firm.get("/alerts", open="false"))["items"]
    assert (closed["state"], bool(closed["resolved_at"])) == ("resolved", True)
    refused(firm.get("/alerts", kind="nonsense"), 422, "unknown_kind", "kind")
    refused(firm.get("/alerts", open="perhaps"), 422, "wrong_type", "open")


def _containers(alert: Alert) -> Any:
    return Container.objects.filter(code=alert.data["code"])


def test_alerts_are_paged(world: World, api: Any, clock: Any) -> None:
    drums = [world.drum(accumulation_start="2025-10-01") for _ in range(3)]
    sweep(NOW)
    page = answered(api("firm").get("/alerts", limit=2))
    assert [item["subject"] for item in page["items"]] == [drums[2].subject, drums[1].subject]
    rest = answered(api("firm").get("/alerts", limit=2, cursor=page["next"]))
    assert ([item["subject"] for item in rest["items"]], rest["next"]) == ([drums[0].subject], None)


def test_who_answers_for_it_acknowledges_and_the_alert_stays_open(api: Any, overdue: Alert) -> None:
    shown = answered(api("firm").post(f"/alerts/{overdue.pk}/acknowledge", {"note": "明日清运"}))
    assert (shown["state"], shown["note"], bool(shown["acknowledged_at"])) == ("overdue", "明日清运", True)
    assert Entry.objects.get(kind="alert.acknowledge").organisation_name == "演示firm"
    assert len(answered(api("firm").get("/alerts", open="true"))["items"]) == 1


def test_a_regulator_reads_the_firms_alert_and_its_note_and_leaves_both(api: Any, overdue: Alert) -> None:
    answered(api("firm").post(f"/alerts/{overdue.pk}/acknowledge", {"note": "明日清运"}))
    assert answered(api("regulator").get("/alerts"))["items"][0]["note"] == "明日清运"
    with nothing_done():
        refused(api("regulator").post(f"/alerts/{overdue.pk}/acknowledge", {"note": "x"}), 403, "not_your_part")


def test_the_regulator_reads_it_but_does_not_answer_for_the_firm(api: Any, overdue: Alert) -> None:
    assert len(answered(api("regulator").get("/alerts"))["items"]) == 1
    with nothing_done():
        refused(api("regulator").post(f"/alerts/{overdue.pk}/acknowledge", {"note": "x"}), 403, "not_your_part")


def test_a_strangers_alert_and_no_alert_are_one_answer(api: Any, overdue: Alert) -> None:
    for who in ("firm2", "depot", "carrier", "regulator2"):
        assert answered(api(who).get("/alerts"))["items"] == []
        with nothing_done():
            hidden = api(who).post(f"/alerts/{overdue.pk}/acknowledge", {"note": "x"})
            refused(hidden, 404, "unknown_alert")
            for unknown in ("0", "-1", "x", "9" * 60, "1.5", "１"):
                assert api(who).post(f"/alerts/{unknown}/acknowledge", {"note": "x"}).content == hidden.content


def test_a_quiet_deadline_cannot_be_acknowledged(world: World, api: Any) -> None:
    world.drum()
    with nothing_done():
        refused(api("firm").post(f"/alerts/{Alert.objects.get().pk}/acknowledge"), 404, "unknown_alert")


def test_an_alert_that_has_ended_is_not_acknowledged(api: Any, overdue: Alert) -> None:
    end(overdue.kind, [overdue.about], actor=SYSTEM, now=NOW)
    with nothing_done():
        refused(api("firm").post(f"/alerts/{overdue.pk}/acknowledge", {"note": "x"}), 409, "alert_closed")


def test_a_reader_acknowledges_nothing(api: Any, overdue: Alert) -> None:
    with nothing_done():
        refused(api("viewer").post(f"/alerts/{overdue.pk}/acknowledge", {"note": "x"}), 403, "read_only")
    overdue.refresh_from_db()
    assert (overdue.acknowledged_at, overdue.note) == (None, "")


def test_a_note_is_not_cut_short(api: Any, overdue: Alert) -> None:
    with nothing_done():
        path = f"/alerts/{overdue.pk}/acknowledge"
        refused(api("firm").post(path, {"note": "长" * 201}), 422, "too_long", "note")
        refused(api("firm").post(path, {"note": "a\x00b"}), 422, "unprintable", "note")
    assert answered(api("firm").post(path, {"note": "长" * 200}))["note"] == "长" * 200


def test_alerts_are_filtered_by_severity(world: World, api: Any, overdue: Alert) -> None:
    firm = api("firm")
    assert [item["severity"] for item in answered(firm.get("/alerts", severity="alarm"))["items"]] == ["alarm"]
    assert answered(firm.get("/alerts", severity="notice"))["items"] == []
    refused(firm.get("/alerts", severity="grave"), 422, "unknown_severity", "severity")
    (shown,) = answered(firm.get("/alerts", kind="storage"))["items"]
    assert (shown["action"], shown["confidence"]) == ("Hand it over", "C")


def test_an_organisation_tightens_a_figure_and_takes_it_back(world: World, api: Any) -> None:
    firm = api("firm")
    key = "permit.warn_days"

    def shown() -> Any:
        return next(one for one in answered(firm.get("/figures"))["items"] if one["key"] == key)

    assert (shown()["rule"], shown()["own"], shown()["holds"], shown()["stricter"]) == ("60", None, "60", "higher")
    assert answered(firm.post("/figures", {"key": key, "value": "90"}))["holds"] == "90"
    assert shown()["own"] == "90"
    assert answered(firm.post("/figures", {"key": key, "value": None}))["own"] is None
    assert shown()["holds"] == "60"
    with nothing_done():
        refused(firm.post("/figures", {"key": key, "value": "30"}), 422, "figure_not_tighter", "value")
        refused(firm.post("/figures", {"key": "permit.record_years", "value": "1"}), 422, "figure_fixed", "key")
        refused(firm.post("/figures", {"key": "x.y", "value": "1"}), 422, "unknown_figure", "key")
        refused(firm.post("/figures", {"key": key, "value": None}), 404, "not_set_here")
        refused(api("viewer").post("/figures", {"key": key, "value": "90"}), 403, "read_only")
        refused(api("carrier").post("/figures", {"key": key, "value": "90"}), 403, "not_your_part")


def test_the_plan_is_told_to_its_district_and_not_to_who_else_reads_the_alert(world: World, api: Any) -> None:
    drum = world.drum()
    world.delivered(drum)
    moment = NOW + timedelta(days=60)
    sweep(moment)
    alert = Alert.objects.get(kind="receipt")
    answered(api("depot").post(f"/alerts/{alert.pk}/acknowledge", {"note": "机密安排"}))
    for who, told in (("depot", True), ("regulator", True), ("firm", False)):
        (shown,) = answered(api(who).get("/alerts", kind="receipt"))["items"]
        assert (shown["note"], bool(shown["acknowledged_at"])) == (("机密安排", True) if told else ("", False)), who
        page = Visitor(world, who).get(f"/alerts/{alert.pk}")
        assert ("机密安排" in text(page)) is told, who
        entry = Entry.objects.get(kind="alert.acknowledge")
        assert entry.addressed_to(world.actor(who)) is told, who
    entries = Entry.objects.filter(kind__startswith="alert.", subject=alert.subject)
    assert [entry.kind for entry in entries if "also" in entry.data] == []


def test_a_district_tightens_nothing_for_itself(world: World, api: Any) -> None:
    with nothing_done():
        refused(
            api("regulator").post("/figures", {"key": "storage_point.warn_percent", "value": "50"}),
            403,
            "not_your_part",
        )
