"""The pages of alerts: the folded list, one alert with its history, the calendar, and an organisation's own figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from desk.views.alerts import Wanted
from tests.pages.visitors import Visitor, text
from tests.world import DRUM, NOW, TODAY, ZONE, World, later
from wastetrack.alerts.models import Alert, AlertState, Severity
from wastetrack.alerts.selectors import explained, open_counts
from wastetrack.alerts.services import acknowledge, sweep
from wastetrack.districts.models import OwnFigure
from wastetrack.districts.services import set_figure, tighten
from wastetrack.errors import Invalid
from wastetrack.telling import tell
from wastetrack.waste.services import log_waste

Clock = Callable[[Any], None]
WARN_DAYS = "storage.warn_days"


@pytest.fixture(autouse=True)
def _now(clock: Clock) -> None:
    """Every page here is read at NOW."""


@pytest.fixture
def firm(world: World) -> Visitor:
    return Visitor(world, "firm")


@pytest.fixture
def office(world: World) -> Visitor:
    return Visitor(world, "regulator")


def due(world: World, days: int, firm: str = "firm") -> Any:
    """A drum of the firm whose storage time ends in so many days (negative: ended so many days ago)."""
    return world.drum(firm, accumulation_start=(TODAY + timedelta(days=days - 365)).isoformat())


def alert_of(drum: Any) -> Alert:
    return Alert.objects.get(kind="storage", about=drum.subject)


def queries(visitor: Visitor, path: str, **query: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert visitor.get(path, **query).status_code == 200
    return len(captured)


def said(page: str) -> list[str]:
    """The short codes of the drums whose alerts are in words, in the order of the page."""
    return re.findall(r'class="alert-says"><a[^>]*>Drum (\S+)', page)


# --- the list ----------------------------------------------------------------------------------------------


def test_many_of_a_kind_are_folded_and_all_are_one_tap_away(world: World, firm: Visitor) -> None:
    drums = [due(world, days) for days in (-3, 4, 2, 3, 1)]
    sweep(NOW)
    page = text(firm.get("/alerts"))
    late, fourth, second, third, first = (drum.short_grouped for drum in drums)
    assert said(page) == [late, first, second, third], "the gravest, then of the warnings the most urgent three"
    assert fourth not in page
    assert page.index("Alarms</h2>" if "Alarms</h2>" in page else 'id="grade-alarm"') < page.index('id="grade-warning"')
    assert "Show all 4" in page
    address = re.search(r'class="alert-more"><a[^>]*href="([^"]+)"', page)
    assert address is not None
    everything = text(firm.client.get(address[1].replace("&amp;", "&")))
    assert said(everything) == [first, second, third, fourth]


def test_the_list_costs_the_same_with_one_alert_and_with_sixty(world: World, firm: Visitor, office: Visitor) -> None:
    due(world, -1)
    sweep(NOW)
    paths = [("/alerts", {}), ("/alerts", {"kind": "storage"}), ("/alerts", {"scope": "all"}), ("/", {})]
    paths += [("/alerts/lately", {})]
    asked = [(visitor, path, query) for visitor in (firm, office) for path, query in paths]
    asked = [one for one in asked if one[1] != "/alerts/lately" or one[0] is office]
    before = [queries(visitor, path, **query) for visitor, path, query in asked]
    for number in range(59):
        due(world, -1 - number % 3)
    sweep(NOW)
    assert Alert.objects.filter(state=AlertState.OVERDUE, kind="storage").count() == 60
    assert [queries(visitor, path, **query) for visitor, path, query in asked] == before
    page = text(firm.get("/alerts"))
    assert len(said(page)) == 3
    assert "Show all 60" in page


@pytest.mark.parametrize(("name", "path"), [("firm", "/alerts"), ("regulator", "/alerts?scope=all")])
def test_the_folded_list_counts_once_what_it_shows_and_sums(world: World, name: str, path: str) -> None:
    visitor, spent = Visitor(world, name), []
    for more in (1, 99):
        for number in range(more):
            due(world, -9 - number % 5)
        sweep(NOW)
        spent.append(queries(visitor, path))
    assert Alert.objects.filter(state=AlertState.ESCALATED).count() == 100
    assert spent == [11, 11]


def test_others_alerts_and_ones_own_of_a_kind_are_one_group_to_an_office(world: World, office: Visitor) -> None:
    order = [due(world, days).short_grouped for days in (-12, -3, -11, -2)]
    sweep(NOW)
    page = text(office.get("/alerts", scope="all"))
    assert page.count('class="alert-kind"') == 1, "what is addressed to the office and what is not yet"
    assert said(page) == [order[0], order[2], order[1]]
    assert "Show all 4" in page


def test_a_kinds_list_is_paged_by_urgency_and_loses_none(
    world: World, firm: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.views.alerts.PAGE", 2)
    order = [due(world, days).short_grouped for days in (-2, -2, -2, 1, 5)]
    sweep(NOW)
    seen: list[str] = []
    address = "/alerts?kind=storage"
    while address:
        page = text(firm.client.get(address))
        seen += said(page)
        onward = re.search(r'href="([^"]+cursor=[^"]+)">More', page)
        address = "/alerts" + onward[1].replace("&amp;", "&") if onward else ""
    assert seen == order


def test_the_address_says_severity_kind_and_firm(world: World, firm: Visitor, office: Visitor) -> None:
    late, soon, other = due(world, -2), due(world, 3), due(world, -2, "firm2")
    sweep(NOW)
    assert said(text(firm.get("/alerts", severity="alarm"))) == [late.short_grouped]
    assert said(text(firm.get("/alerts", severity="warning"))) == [soon.short_grouped]
    assert said(text(firm.get("/alerts", kind="storage", severity="warning"))) == [soon.short_grouped]
    theirs = world.organisations["firm2"]
    for organisation in (theirs.uscc, theirs.uscc.lower(), "示firm2"):
        page = text(office.get("/alerts", scope="all", organisation=organisation))
        assert said(page) == [other.short_grouped]
    assert said(text(firm.get("/alerts", organisation=theirs.uscc))) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "nonsense"),
        ("severity", "grave"),
        ("day", "tomorrow"),
        ("day", "0001-01-01"),
        ("before", "tomorrow"),
        ("before", "0001-01-01"),
        ("before", "2026-11-31"),
        ("cursor", "x"),
        ("cursor", "9" * 30),
    ],
)
def test_what_the_address_cannot_mean_is_refused(firm: Visitor, field: str, value: str) -> None:
    query = {field: value} if field != "cursor" else {"kind": "storage", field: value}
    assert firm.get("/alerts", **query).status_code == 422


def test_a_day_that_is_none_is_named_at_its_field() -> None:
    for field in ("day", "before"):
        with pytest.raises(Invalid) as refused:
            Wanted.by(QueryDict(f"{field}=2026-02-30"))
        assert [(error.field, error.code) for error in refused.value.errors] == [(field, "wrong_type")]


def test_a_strangers_alert_is_no_page_mark(world: World, firm: Visitor) -> None:
    hidden = due(world, -2, "firm2")
    sweep(NOW)
    assert firm.get("/alerts", kind="storage", cursor=alert_of(hidden).pk).status_code == 422


def test_the_office_sees_what_is_addressed_to_it_and_all_on_a_tab(world: World, office: Visitor) -> None:
    escalated, late = due(world, -9), due(world, -2)
    sweep(NOW)
    assert said(text(office.get("/alerts"))) == [escalated.short_grouped]
    everything = text(office.get("/alerts", scope="all"))
    assert sorted(said(everything)) == sorted([escalated.short_grouped, late.short_grouped])
    tabs = [re.sub(r"<[^>]+>", "", tab) for tab in re.findall(r"<a[^>]*>(?:Addressed|All of).*?</a>", everything)]
    assert tabs == ["Addressed to you 1", "All of the district 2"]
    assert "Hand it over" not in everything, "the firm answers for it"
    assert "With the district" in everything


def test_a_notice_of_a_watch_that_is_gone_is_told_by_its_subject(world: World, firm: Visitor) -> None:
    drum = due(world, -2)
    sweep(NOW)
    alert = alert_of(drum)
    Alert.objects.filter(pk=alert.pk).update(kind="gone")
    for path in ("/alerts", "/", f"/alerts/{alert.pk}", "/calendar"):
        assert firm.get(path).status_code == 200
    assert drum.subject in text(firm.get("/alerts"))


def test_what_is_resolved_stands_below_and_on_a_list_of_its_own(world: World, firm: Visitor) -> None:
    drum = due(world, -2)
    sweep(NOW)
    world.departed(drum)
    sweep(NOW)
    assert said(text(firm.get("/alerts")).split("Resolved lately")[1]) == [drum.short_grouped]
    assert said(text(firm.get("/alerts", resolved=1))) == [drum.short_grouped]
    assert "Resolved lately" not in text(firm.get("/alerts", severity="alarm"))


# --- one alert ---------------------------------------------------------------------------------------------


def test_an_alert_has_a_page_with_what_has_become_of_it(world: World, firm: Visitor, clock: Clock) -> None:
    drum = due(world, 2)
    for days in (0, 3, 11):
        sweep(later(days))
    alert = alert_of(drum)
    acknowledge(alert, actor=world.actor("firm"), note="周五清运", now=later(12))
    clock(later(12))
    page = text(firm.get(f"/alerts/{alert.pk}"))
    told = ["Warned: due soon", "Overdue", "It has stood for too long: the district has been told"]
    places = [page.index(f"<strong>Storage time · {words}</strong>") for words in (*told, "Warning acknowledged")]
    assert places == sorted(places)
    assert page.count("周五清运") == 3, "said beside it, in the form, and in its history"
    assert "/manifests/new?container=" in page
    assert "Article 535" in page
    assert "Confidence" in page
    assert "has been told" in page.split('id="why-title"')[1]


def test_a_note_that_is_too_long_is_said_and_kept(world: World, firm: Visitor) -> None:
    alert = alert_of(due(world, 2))
    sweep(NOW)
    noted, path = "长" * 201, f"/alerts/{alert.pk}/acknowledge"
    answer = firm.send(path, note=noted, next="/alerts?kind=storage#alert-1")
    page = text(answer)
    assert answer.status_code == 422
    assert 'id="note-error"' in page
    assert "200 characters at most" in page
    assert f'value="{noted}"' in page
    assert 'value="/alerts?kind=storage#alert-1"' in page, "it leads back to where it was typed"
    alert.refresh_from_db()
    assert (alert.acknowledged_at, alert.note) == (None, "")
    with pytest.raises(Invalid) as refused:
        acknowledge(alert, actor=world.actor("firm"), note=noted, now=NOW)
    assert [(error.field, error.code) for error in refused.value.errors] == [("note", "too_long")]
    assert firm.send(path, note="长" * 200).status_code == 303


def test_a_drum_that_is_bound_or_in_no_store_says_what_comes_first(world: World, firm: Visitor) -> None:
    drum = due(world, 2)
    manifest = world.issued(drum)
    way = firm.client.get("/manifests/new", {"container": drum.code}, follow=True)
    page = text(way)
    assert page.count(f'It leaves on manifest <a class="code" href="/manifests/{manifest.number}">') == 1
    unstored = "It can be handed over once it is in a store"
    assert unstored not in page
    logged = log_waste(actor=world.actor("firm"), site=world.depots["firm"].site, data=DRUM, now=NOW)
    page = text(firm.client.get("/manifests/new", {"container": logged.code}, follow=True))
    assert unstored in page
    assert "It leaves on manifest" not in page


def test_a_quiet_deadline_says_when_warning_begins(world: World, firm: Visitor) -> None:
    drum = due(world, 100)
    page = text(firm.get(f"/alerts/{alert_of(drum).pk}"))
    assert f"that begins on {TODAY + timedelta(days=70)}" in page
    assert "Acknowledge" not in page


def test_who_may_not_read_it_finds_nothing(world: World) -> None:
    drum = due(world, -9)
    sweep(NOW)
    for name in ("firm2", "carrier", "regulator2"):
        assert Visitor(world, name).get(f"/alerts/{alert_of(drum).pk}").status_code == 404
    assert Visitor(world, None).get(f"/alerts/{alert_of(drum).pk}").status_code == 302


def test_after_acknowledging_one_is_where_one_was(world: World, firm: Visitor) -> None:
    drum = due(world, -2)
    sweep(NOW)
    address = f"/alerts/{alert_of(drum).pk}/acknowledge"
    here = f"/alerts?kind=storage#alert-{alert_of(drum).pk}"
    assert firm.send(address, note="x", next=here)["Location"] == here
    assert firm.send(address, note="x", next="https://elsewhere.example/")["Location"] == f"/alerts/{alert_of(drum).pk}"


# --- the toast ---------------------------------------------------------------------------------------------


def test_a_toast_tells_an_office_only_what_is_addressed_to_it(world: World, firm: Visitor, office: Visitor) -> None:
    escalated, late = due(world, -9), due(world, -2)
    sweep(NOW)
    named = [alert_of(late).pk, alert_of(escalated).pk]
    nothing = office.get("/alerts/toast", id=alert_of(late).pk)
    assert (nothing.status_code, text(nothing)) == (204, "")
    told = text(office.get("/alerts/toast", id=named, more=3))
    assert escalated.short_grouped in told
    assert late.short_grouped not in told
    assert "more" not in told, "of the rest nobody knows whether it concerns the office"
    theirs = text(firm.get("/alerts/toast", id=named, more=3))
    assert escalated.short_grouped in theirs
    assert late.short_grouped in theirs
    assert "and 3 more" in theirs


def test_a_toast_says_the_gravest_and_counts_the_rest(world: World, firm: Visitor) -> None:
    drums = [due(world, days) for days in (1, 2, 3, -2)]
    sweep(NOW)
    told = text(firm.get("/alerts/toast", id=[alert_of(drum).pk for drum in drums]))
    assert [drum.short_grouped in told for drum in drums] == [True, False, False, True]
    assert "and 2 more" in told


# --- the home pages ----------------------------------------------------------------------------------------


def test_what_no_other_section_shows_stands_on_the_home_page(world: World) -> None:
    permit = world.depots["depot"].permit
    assert permit is not None
    permit.valid_to = TODAY + timedelta(days=40)
    permit.save(update_fields=["valid_to"])
    due(world, -2)
    sweep(NOW)
    page = text(Visitor(world, "depot").get("/"))
    assert "to deal with" in page
    assert f"/alerts/{Alert.objects.get(kind='permit_expiry', organisation=permit.organisation).pk}" in page
    assert "to deal with" not in text(Visitor(world, "firm").get("/")), "an overdue drum has a section of its own"


def test_the_district_page_says_what_is_addressed_and_counts_the_rest(world: World, office: Visitor) -> None:
    escalated, late, _ = due(world, -9), due(world, -2), due(world, 3)
    sweep(NOW)
    for path in ("/", "/alerts/lately"):
        part = text(office.get(path)).split('id="warnings"')[1].split("</section>")[0]
        assert escalated.short_grouped in part
        assert late.short_grouped not in part
        row = part.split("kind=storage")[1]
        assert re.findall(r"(Alarms|Warnings) </span>(\d+)", row) == [("Alarms", "2"), ("Warnings", "1")]
    assert Visitor(world, "firm").get("/alerts/lately").status_code == 403


def test_the_counts_of_the_district_have_a_heading_of_their_own(world: World, office: Visitor) -> None:
    due(world, -9)
    sweep(NOW)
    part = text(office.get("/alerts/lately")).split('id="warnings"')[1]
    heading, table = part.index("<h3>All of the district</h3>"), part.index("<table")
    assert part.index("Addressed to you") < heading < table
    assert 'href="/alerts?scope=all"' in part[heading:table]


def test_the_district_page_says_since_when_an_alert_is_with_it(world: World, office: Visitor, clock: Clock) -> None:
    longer = due(world, 2)
    sweep(NOW)
    shorter = due(world, 1)
    for days in range(1, 12):
        sweep(later(days))
    clock(later(12))
    drums = (longer, shorter)
    opened = [alert_of(drum).opened_at or NOW for drum in drums]
    told = [explained([alert_of(drum)], later(12))[0].escalated_at or NOW for drum in drums]
    assert opened[0] < opened[1]
    assert told[0] > told[1], "what was opened last came first before the office"
    part = text(office.get("/alerts/lately")).split("<table")[0]
    since = re.findall(r"with you since (\S+)", part)
    assert since[:2] == [moment.astimezone(ZONE).date().isoformat() for moment in told]
    assert since == sorted(since, reverse=True)
    assert part.index(longer.short_grouped) < part.index(shorter.short_grouped)


def test_the_bell_and_the_home_pages_count_alike(world: World, office: Visitor) -> None:
    for days in (-9, -2, 3):
        due(world, days)
    hushed = due(world, -8)
    sweep(NOW)
    # As a watch that is quiet at worst leaves it.
    Alert.objects.filter(pk=alert_of(hushed).pk).update(severity=Severity.QUIET)
    row = text(office.get("/alerts/lately")).split("kind=storage")[1]
    assert re.findall(r"(Alarms|Warnings) </span>(\d+)", row) == [("Alarms", "2"), ("Warnings", "1")]
    tabs = text(office.get("/alerts", scope="all"))
    assert re.search(r'All of the district <span class="figure">3<', tabs)
    assert open_counts(world.actor("regulator")) == {"alarm": 1, "warning": 0, "notice": 0}
    assert open_counts(world.actor("firm")) == {"alarm": 2, "warning": 1, "notice": 0}
    assert hushed.short_grouped not in text(Visitor(world, "firm").get("/alerts"))


# --- the calendar ------------------------------------------------------------------------------------------


def before_link(page: str) -> tuple[str, int] | None:
    """Where the line above the month leads, and how many it says are overdue from before."""
    found = re.search(r'<a class="overdue-before" href="([^"]+)".*?(\d+) overdue from before', page)
    return (found[1], int(found[2])) if found else None


def test_what_is_overdue_from_earlier_months_stands_above_the_month(
    world: World, firm: Visitor, office: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.views.alerts.PAGE", 2)
    assert before_link(text(firm.get("/calendar"))) is None
    old = [due(world, days) for days in (-60, -40, -20)]
    first_of_month, coming, other = due(world, -19), due(world, 3), due(world, -30, "firm2")
    ended = due(world, -50)
    sweep(NOW)
    world.departed(ended)
    sweep(NOW)
    late = [drum.short_grouped for drum in old]
    everybody = [late[0], late[1], other.short_grouped, late[2]]
    for visitor, rows in ((firm, late), (office, everybody)):
        line = before_link(text(visitor.get("/calendar")))
        assert line == ("/alerts?before=2026-11-01", len(rows))
        seen, address = [], line[0]
        while address:
            page = text(visitor.client.get(address))
            seen += said(page)
            onward = re.search(r'href="([^"]+cursor=[^"]+)">More', page)
            address = "/alerts" + onward[1].replace("&amp;", "&") if onward else ""
        assert seen == rows
    december = before_link(text(firm.get("/calendar", month="2026-12")))
    assert december == ("/alerts?before=2026-12-01", 4), first_of_month
    assert coming.short_grouped not in text(firm.get("/alerts", before="2026-12-01"))
    assert before_link(text(firm.get("/calendar", month="2026-09"))) is None


def day_of(page: str, day: date) -> str:
    """One square of the month."""
    return page.split(f'<time datetime="{day}"')[1].split("</td>")[0]


def test_the_month_shows_each_days_deadlines_quiet_ones_too(world: World, firm: Visitor, office: Visitor) -> None:
    soon, quiet = due(world, 12), [due(world, 75), due(world, 75)]
    sweep(NOW)
    december = text(firm.get("/calendar", month="2026-12"))
    square = day_of(december, date(2026, 12, 2))
    assert f'href="/alerts/{alert_of(soon).pk}"' in square
    assert "is-due" in square
    february = text(firm.get("/calendar", month="2027-02"))
    square = day_of(february, date(2027, 2, 3))
    assert 'href="/alerts?kind=storage&amp;day=2027-02-03"' in square
    assert "is-resting" in square
    assert ">2</strong>" in square
    listed = text(firm.get("/alerts", kind="storage", day="2027-02-03"))
    assert sorted(said(listed)) == sorted(drum.short_grouped for drum in quiet)
    assert "Storage time" in day_of(text(office.get("/calendar", month="2026-12")), date(2026, 12, 2))
    assert "Storage time" not in text(Visitor(world, "firm2").get("/calendar", month="2026-12"))


def test_the_month_knows_holidays_today_and_its_neighbours(firm: Visitor) -> None:
    page = text(firm.get("/calendar"))
    assert "is-today" in page.split('<time datetime="2026-11-20"')[0].rsplit("<td", 1)[1]
    assert "/calendar?month=2026-10" in page
    assert "/calendar?month=2026-12" in page
    october = text(firm.get("/calendar", month="2026-10"))
    assert "holiday" in day_of(october, date(2026, 10, 1))
    assert "worked" in day_of(october, date(2026, 10, 10))
    assert "not published yet" in text(firm.get("/calendar", month="2031-01"))


def test_a_month_with_nothing_due_says_so(firm: Visitor) -> None:
    assert "Nothing falls due in this month" in text(firm.get("/calendar", month="2031-03"))


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-00", "26-1", "1999-12", "x", "2026-1 ", "２０２６-01"])
def test_what_is_no_month_is_refused(firm: Visitor, month: str) -> None:
    assert firm.get("/calendar", month=month).status_code == 422


def test_the_month_costs_the_same_however_much_is_due(world: World, firm: Visitor) -> None:
    due(world, 12)
    before = queries(firm, "/calendar", month="2026-12")
    for number in range(20):
        due(world, 11 + number % 10)
    assert queries(firm, "/calendar", month="2026-12") == before


# --- an organisation's own figures -------------------------------------------------------------------------


def row(page: str, key: str) -> str:
    """One figure of the page."""
    return page.split(f'<tr id="{key.replace(".", "-").replace("_", "-")}"')[1].split("</tr>")[0]


def test_a_figure_is_tightened_shown_and_taken_back(world: World, firm: Visitor) -> None:
    set_figure(actor=world.actor("regulator"), key=WARN_DAYS, value="40", source="演示文件1号", now=NOW)
    before = row(text(firm.get("/figures")), WARN_DAYS)
    assert re.findall(r'class="figure">(\d+)<', before) == ["30", "40"]
    assert "演示文件1号" in before
    assert "40 days at least" in before
    assert "Storage time" in before, "which alert goes by it"
    sent = firm.send("/figures", key=WARN_DAYS, value="60")
    assert sent["Location"] == "/figures#storage-warn-days"
    page = text(firm.get("/figures"))
    assert re.findall(r'class="figure">(\d+)<', row(page, WARN_DAYS)) == ["30", "40", "60"]
    assert "60; in the district 40" in page.split('id="history"')[1]
    firm.send("/figures", key=WARN_DAYS, loosen="1")
    assert not OwnFigure.objects.exists()
    assert "Own figure taken back" in text(firm.get("/figures"))


def test_a_tightened_figure_warns_earlier_from_the_next_sweep(world: World, firm: Visitor) -> None:
    mine, other = due(world, 45), due(world, 45, "firm2")
    sweep(NOW)
    assert said(text(firm.get("/alerts"))) == []
    firm.send("/figures", key=WARN_DAYS, value="60")
    sweep(NOW)
    assert said(text(firm.get("/alerts"))) == [mine.short_grouped]
    assert alert_of(other).state == AlertState.WATCHING


def test_a_looser_figure_is_refused_where_it_was_typed(world: World, firm: Visitor) -> None:
    answer = firm.send("/figures", key=WARN_DAYS, value="20")
    assert answer.status_code == 422
    refused = row(text(answer), WARN_DAYS)
    assert '<details class="fold" open>' in refused
    assert 'value="20"' in refused
    assert 'id="value-error"' in refused
    assert not OwnFigure.objects.exists()


def test_the_district_may_overtake_an_own_figure(world: World, firm: Visitor) -> None:
    tighten(actor=world.actor("firm"), key=WARN_DAYS, value="45", now=NOW)
    set_figure(actor=world.actor("regulator"), key=WARN_DAYS, value="90", source="演示文件1号", now=NOW)
    assert "90 days is stricter and holds" in row(text(firm.get("/figures")), WARN_DAYS)


@pytest.mark.parametrize("name", ["viewer", "carrier"])
def test_who_only_reads_or_drives_sets_nothing(world: World, name: str) -> None:
    visitor = Visitor(world, name)
    assert '<form class="figure-form"' not in text(visitor.get("/figures"))
    assert visitor.send("/figures", key=WARN_DAYS, value="60").status_code == 403
    assert not OwnFigure.objects.exists()


def test_an_office_sets_its_districts_figures_on_the_districts_page(office: Visitor) -> None:
    assert office.get("/figures")["Location"].startswith("/district/rules")
    page = text(office.get("/district/rules"))
    brought = page.split('id="storage-warn-days"')[1].split("</tr>")[0]
    assert "Storage time ends: warning before" in brought
    assert '<span class="muted nowrap">· D</span>' in brought


def test_the_figures_cost_the_same_however_many_are_set(world: World, firm: Visitor) -> None:
    before = queries(firm, "/figures")
    for key, value in ((WARN_DAYS, "60"), ("permit.warn_days", "90"), ("papers.warn_days", "40")):
        tighten(actor=world.actor("firm"), key=key, value=value, now=NOW)
    assert queries(firm, "/figures") == before


# --- both languages, and the log's words -------------------------------------------------------------------


def test_the_pages_speak_chinese(world: World) -> None:
    drum = due(world, -9)
    sweep(NOW)
    visitor = Visitor(world, "firm", "zh-hans")
    for path in ("/alerts", f"/alerts/{alert_of(drum).pk}", "/calendar", "/figures"):
        assert visitor.get(path).status_code == 200
    assert "2026年11月" in text(visitor.get("/calendar"))


def test_what_becomes_of_a_figure_is_told_in_words() -> None:
    with override("en"):
        tightened = tell("organisation.tighten", {"key": "permit.warn_days", "value": "90", "district": "60"})
        assert tightened.lines == ("A permit that ends: warning before: 90; in the district 60",)
        assert tell("organisation.loosen", {"key": "permit.warn_days"}).lines == ("A permit that ends: warning before",)
        assert tell("alert.escalate", {"due_at": "2026-11-18T15:59:59Z"}).lines == ("Was due by 2026-11-18",)
