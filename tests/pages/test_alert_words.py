"""What alerts say on their pages: since when, how grave to whom, what has ended, and where the reader goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils.translation import override

import manifests.services as manifests
from labels.services import print_labels
from tests.pages.visitors import Visitor, text
from tests.world import NOW, TODAY, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.registry import watches
from wastetrack.alerts.selectors import _with_masses, explain, open_counts
from wastetrack.alerts.services import settle, sweep
from wastetrack.telling import tell
from wastetrack.templatetags.trade import GRADES, state_badge, way_to_look
from wastetrack.units import percent_of

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
    late, told = due_at.astimezone(NOW.tzinfo).date() + timedelta(days=1), TODAY + timedelta(days=11)
    for name in ("firm", "regulator"):
        for path in ("/alerts?kind=storage", f"/alerts/{alert_of(drum).pk}"):
            page = text(Visitor(world, name).client.get(path))
            assert when(page) == f"overdue since {late} · district told {told}"


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


def test_a_drums_history_says_of_which_kind_an_alert_was(world: World) -> None:
    """The drum has 362 days left: it is its label that was late."""
    drum = world.drum()
    sweep(later(2))
    page = text(Visitor(world, "firm").get(f"/containers/{drum.short_code}"))
    assert "Drum without a label · No label" in page
    assert "Since 2026-11-21" in page
    print_labels(actor=world.actor("firm"), codes=[drum.code], layout="single", now=later(3))
    sweep(later(3))
    page = text(Visitor(world, "firm").get(f"/containers/{drum.short_code}"))
    assert "Drum without a label · Warning ended" in page
    chinese = text(Visitor(world, "firm", "zh-hans").get(f"/containers/{drum.short_code}"))
    assert "容器未打印标签 · 无标签" in chinese


def test_what_has_no_deadline_is_told_by_its_own_words_and_without_one() -> None:
    over = {"kind": "bay_full", "due_at": "2026-11-20T02:00:00Z"}
    with override("en"):
        warned, late = tell("alert.warn", {**over, "due_at": None}), tell("alert.fall_due", over)
        noted, jumps = (tell("alert.warn", {"kind": kind}) for kind in ("deviation", "generation_jump"))
        dated = tell("alert.fall_due", {"kind": "storage", "due_at": "2026-11-15T15:59:59Z"})
        gone = tell("alert.warn", {"kind": "a watch that is gone"})
    assert (warned.title, warned.lines) == ("Bay full · Nearly full", ())
    assert (late.title, late.lines) == ("Bay full · Too much", ("Since 2026-11-20",))
    assert (noted.title, jumps.title) == ("Difference in mass · To be noted", "Waste that jumps · To be looked at")
    assert (dated.title, dated.lines) == ("Storage time · Overdue", ("Was due by 2026-11-15",))
    with override("en"):
        assert tell("alert.warn", {"kind": "webhook_failing", "until": "2026-11-24"}).title == "Webhook fails · Failing"
    assert gone.title == "a watch that is gone · Warned: due soon"


def test_what_is_resolved_says_after_which_entry_where_it_is_its_subjects_own(world: World) -> None:
    printed, other = world.drum(), due(world, -2)
    sweep(later(2))
    print_labels(actor=world.actor("firm"), codes=[printed.code], layout="single", now=later(3))
    sweep(later(3))
    label = Alert.objects.get(kind="unlabelled", about=printed.subject)
    said = "It ended after this was recorded: "
    for name in ("firm", "regulator"):
        assert f"{said}Label printed, 2026-11-23" in text(Visitor(world, name).get(f"/alerts/{label.pk}"))
    # Nothing is recorded of the drum itself, yet its time is another's matter now: no cause is made up.
    Alert.objects.filter(pk=alert_of(other).pk).update(organisation=world.organisations["depot"])
    stranger = alert_of(other)
    settle("storage", [other.subject], now=later(4))
    stranger.refresh_from_db()
    assert stranger.state == "resolved"
    assert said not in text(Visitor(world, "depot").get(f"/alerts/{stranger.pk}"))


def test_a_list_that_a_filter_empties_does_not_say_that_nothing_is_due(world: World) -> None:
    due(world, -9)
    sweep(NOW)
    office = Visitor(world, "regulator")
    page = text(office.get("/alerts", scope="all", organisation="nobody"))
    assert "No alert fits" in page
    assert "Nothing is due" not in page
    assert "Only firms whose name or code fits “nobody” are counted." in page
    assert page.split("No alert fits")[1].count(">Clear</a>") == 1
    page = text(office.get("/alerts", scope="all", kind="receipt"))
    assert re.findall(r'class="figure">(\d+)</span></a>', page)[:2] == ["0", "0"], "each tab counts what it leads to"
    assert "are counted" not in page
    assert "No alert fits" not in text(office.get("/alerts", scope="all"))


def test_the_last_day_is_in_time_and_the_next_one_is_late(world: World) -> None:
    drum = due(world, 0)
    sweep(NOW)
    page = text(Visitor(world, "firm").get(f"/alerts/{alert_of(drum).pk}"))
    assert f"must leave 演示firm by {TODAY}: 0 days left" in page
    assert f"<dt>Due</dt><dd>{TODAY}</dd>" in page
    sweep(later(1))
    page = text(Visitor(world, "firm").get(f"/alerts/{alert_of(drum).pk}"))
    assert f"since {TODAY + timedelta(days=1)}" in page


@pytest.mark.parametrize(
    ("sentence", "words", "expected"),
    [
        ("%(a)s kg of %(b)s kg", {"a": "1999.3", "b": "17142.857"}, "1.9993 t of 17.142857 t"),
        ("%(a)s kg, %(b)s kg", {"a": "999.999", "b": "1000"}, "999.999 kg, 1 t"),
        ("%(a)s kg, %(b)s kg", {"a": "3000.5", "b": "20000"}, "3.0005 t, 20 t"),
        ("%(name)s: %(a)s kg", {"name": "IBC 1000 kg", "a": "—"}, "IBC 1000 kg: — kg"),
    ],
)
def test_a_mass_above_a_tonne_is_said_in_tonnes(sentence: str, words: dict[str, str], expected: str) -> None:
    assert _with_masses(sentence, words) % words == expected


def test_a_share_is_rounded_half_up() -> None:
    assert [percent_of(*both) for both in ((2298, 120_000), (5, 1000), (4, 1000), (1, 0))] == [2, 1, 0, 100]


def test_no_chinese_sentence_of_a_watch_says_drum_or_late_in_two_ways() -> None:
    """One word for one thing: 容器, 超期, and the last day on which it is right."""
    said = {}
    with override("zh-hans"):
        for watch in watches():
            for state, sentence in watch.sentences.items():
                said[watch.kind, state] = str(sentence)
    for key, sentence in said.items():
        assert "桶" not in sentence, key
        assert "逾期" not in sentence, key
        assert not re.search(r"%\((due|by)\)s 前", sentence), key


def test_a_district_finds_behind_each_tile_what_it_counts(world: World) -> None:
    world.issued(world.drum())
    world.departed(world.drum())
    world.delivered(world.drum())
    due(world, 2)
    sweep(NOW)
    office = Visitor(world, "regulator")
    page = text(office.get("/"))
    tile = re.search(r'<a href="(/manifests\?state=under_way)"><span class="figure">(\d+)</span>', page)
    assert tile is not None
    assert len(office.client.get(tile[1]).context["page"]["items"]) == int(tile[2]) == 3
    soon = re.search(r'<a href="(/containers\?at=store&amp;due=1)">(\d+) due soon</a>', page)
    assert soon is not None
    assert len(office.client.get(soon[1].replace("&amp;", "&")).context["page"]["items"]) == int(soon[2]) == 1
