"""Plans and declarations: what a firm must file by its class, when it is due, and what ends it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils.translation import override

from compliance.models import Filing, FilingKind, Supervision
from compliance.periods import YEAR, due_day, earliest_day, period_of, read_period
from compliance.selectors import firm_of, open_duties, supervision_class
from compliance.services import record_filing, withdraw_filing
from depots.services import void
from tests.api.test_queries import queries
from tests.world import NOW, ZONE, World
from wastetrack.alerts.models import Alert
from wastetrack.alerts.registry import Look, watch_of
from wastetrack.alerts.selectors import explain
from wastetrack.alerts.services import sweep
from wastetrack.districts.services import set_figure, tighten
from wastetrack.errors import Invalid, NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Permit

pytestmark = pytest.mark.once


def at(text: str) -> datetime:
    """A local day's first moment, or a moment."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


SECOND = timedelta(seconds=1)


def the(kind: str, name: str = "firm") -> Alert | None:
    rows = Alert.objects.filter(kind=kind, resolved_at=None, organisation__name=f"演示{name}")
    return rows.first()


def state(kind: str) -> tuple[str, str] | None:
    """Of the firm's alert: its state and the period that it is about."""
    found = the(kind)
    return (found.state, found.data["period"]) if found else None


def drums(world: World, now: datetime, tonnes: int) -> None:
    """Tonnes logged by the firm at a moment, in drums of 50 t at most."""
    day = now.date().isoformat()
    for mass in [50_000] * (tonnes // 50) + [tonnes % 50 * 1000] * (tonnes % 50 > 0):
        world.drum(now=now, mass_kg=str(mass), accumulation_start=day)


def file(world: World, kind: str, period: str, on: str, now: datetime, reference: str = "演示回执 1") -> Filing:
    return record_filing(actor=world.actor("firm"), kind=kind, period=period, filed_on=on, reference=reference, now=now)


def test_months_of_more_than_three_years_ago_are_told_by_their_years_alone(world: World) -> None:
    drums(world, at("2022-01-10"), 150)
    firm = firm_of(world.organisations["firm"], at("2026-02-01"))
    codes = [duty.period.code for duty in firm.open(FilingKind.DECLARATION, 60)]
    # What it logged in 2022 still makes it a firm that declares its months.
    assert codes[:3] == ["2023-01", "2023-02", "2022"]
    assert not [code for code in codes if code.startswith("2022-")]


# --- periods -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "first", "last", "due"),
    [
        ("2026", "2026-01-01", "2026-12-31", "2027-03-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31", "2026-04-15"),
        ("2026-Q4", "2026-10-01", "2026-12-31", "2027-01-15"),
        ("2026-02", "2026-02-01", "2026-02-28", "2026-03-15"),
        ("2026-12", "2026-12-01", "2026-12-31", "2027-01-15"),
    ],
)
def test_a_declaration_is_due_after_its_period(code: str, first: str, last: str, due: str) -> None:
    period = read_period(code)
    assert period is not None
    assert (period.code, period.first.isoformat(), period.last.isoformat()) == (code, first, last)
    assert due_day("declaration", period).isoformat() == due
    assert earliest_day("declaration", period) == period.last + timedelta(days=1)
    assert period_of(period.last, period.months) == period_of(period.first, period.months) == period


def test_a_plan_is_due_by_the_end_of_march_of_its_year() -> None:
    assert due_day("plan", period_of(date(2027, 8, 1), YEAR)) == date(2027, 3, 31)


@pytest.mark.parametrize(
    "text", ["", "26", "2026-Q5", "2026-Q0", "2026-13", "2026-00", "1999", "2101", "2026-1", "２０２６"]
)
def test_what_is_no_period_is_none(text: str) -> None:
    assert read_period(text) is None


# --- the class ---------------------------------------------------------------------------------------------


def class_at(world: World, now: datetime, name: str = "firm") -> tuple[Supervision, int]:
    standing = supervision_class(world.organisations[name], now)
    return standing.supervision, standing.most_g // 1_000_000


def test_the_class_is_by_the_most_of_three_years_and_this_one_so_far(world: World) -> None:
    drums(world, at("2023-06-01"), 10)
    assert class_at(world, at("2023-12-31")) == (Supervision.SIMPLIFIED, 10)
    assert class_at(world, at("2026-12-31")) == (Supervision.SIMPLIFIED, 10)
    assert class_at(world, at("2027-01-01")) == (Supervision.REGISTERED, 0)
    drums(world, at("2027-02-10"), 100)
    assert class_at(world, at("2027-03-01")) == (Supervision.KEY, 100)


@pytest.mark.parametrize(
    ("mass", "expected"),
    [("9999.999", "registered"), ("10000", "simplified")],
)
def test_ten_tonnes_to_the_gram(world: World, mass: str, expected: str) -> None:
    world.drum(mass_kg=mass)
    assert supervision_class(world.organisations["firm"], at("2026-12-01")).supervision == expected


def test_who_holds_a_permit_is_a_key_firm_and_a_carriers_is_none(world: World) -> None:
    assert class_at(world, NOW, "depot")[0] == Supervision.KEY
    assert class_at(world, NOW, "carrier")[0] == Supervision.REGISTERED
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to="2026-11-19")
    assert class_at(world, NOW, "depot")[0] == Supervision.REGISTERED


def test_a_district_may_want_more_of_smaller_firms(world: World) -> None:
    drums(world, at("2026-10-12"), 5)
    set_figure(
        actor=world.actor("regulator"), key="supervision.simplified_tonnes_a_year", value="5", source="演示", now=NOW
    )
    assert class_at(world, NOW) == (Supervision.SIMPLIFIED, 5)


def periods(world: World, now: datetime, kind: FilingKind = FilingKind.DECLARATION) -> list[str]:
    """What the firm had to file of a kind so far, and the next."""
    return [duty.period.code for duty in firm_of(world.organisations["firm"], now).open(kind, 40)]


def test_a_small_firm_declares_its_years(world: World) -> None:
    drums(world, at("2025-11-20"), 1)
    assert periods(world, at("2026-11-20")) == ["2025", "2026"]


def test_a_middling_firm_declares_quarters_once_it_is_one_and_nothing_afterwards(world: World) -> None:
    drums(world, at("2026-02-10"), 9)
    drums(world, at("2026-05-10"), 1)
    # Over ten tonnes since May: the quarter that was under way then is not asked for, the next is.
    assert periods(world, at("2026-11-20")) == ["2026-Q3", "2026-Q4"]
    assert periods(world, at("2027-02-20")) == ["2026-Q3", "2026-Q4", "2026", "2027-Q1"]


def test_a_large_firm_declares_months_once_it_is_one(world: World) -> None:
    drums(world, at("2026-02-10"), 50)
    drums(world, at("2026-08-10"), 50)
    assert periods(world, at("2026-12-20")) == ["2026-Q2", "2026-Q3", "2026-10", "2026-11", "2026-12"]


def test_a_plan_begins_with_the_first_that_was_still_due(world: World) -> None:
    drums(world, at("2026-03-31"), 1)
    assert periods(world, at("2026-11-20"), FilingKind.PLAN)[0] == "2026"


def test_a_firm_that_began_in_april_plans_the_next_year(world: World) -> None:
    drums(world, at("2026-04-01"), 1)
    assert periods(world, at("2026-11-20"), FilingKind.PLAN)[0] == "2027"


def test_who_generates_nothing_files_nothing(world: World) -> None:
    sweep(NOW)
    assert not Alert.objects.filter(kind__in=("declaration", "management_plan")).exists()
    assert open_duties(firm_of(world.organisations["depot"], NOW)) == []


# --- the watches -------------------------------------------------------------------------------------------


def test_a_declaration_is_warned_of_ten_days_before_and_overdue_after_its_last_day(world: World) -> None:
    drums(world, at("2026-02-10"), 20)
    file(world, "declaration", "2026-Q2", "2026-07-02", NOW)
    for now, expected in (
        ("2026-10-04T23:59:59", "watching"),
        ("2026-10-05T00:00:00", "warned"),
        ("2026-10-15T23:59:58", "warned"),
        ("2026-10-15T23:59:59", "overdue"),
    ):
        sweep(at(now))
        assert state("declaration") == (expected, "2026-Q3"), now
    alert = the("declaration")
    assert alert is not None
    with override("en"):
        told = explain(alert, at("2026-10-18"))
    assert told.sentence == (
        "The waste declaration of 演示firm for 2026-Q3 should have been filed by 2026-10-15: 3 days over."
    )
    assert told.link == "/filings?filing=declaration+2026-Q3#record"
    assert told.citation is not None
    assert told.citation.article_zh == "7.2"
    with override("zh-hans"):
        assert "%(" not in explain(alert, at("2026-10-18")).sentence
    sweep(at("2026-10-23"))
    assert state("declaration") == ("escalated", "2026-Q3")
    assert Alert.objects.visible_to(world.actor("regulator")).filter(kind="declaration", for_district=True).exists()


def test_filing_ends_it_and_the_next_period_begins(world: World) -> None:
    drums(world, at("2026-02-10"), 20)
    file(world, "declaration", "2026-Q2", "2026-07-02", NOW)
    now = at("2026-10-16")
    sweep(now)
    filing = file(world, "declaration", "2026-Q3", "2026-10-16", now)
    sweep(now)
    assert state("declaration") == ("watching", "2026-Q4")
    assert Alert.objects.exclude(resolved_at=None).get(kind="declaration").state == "resolved"
    withdraw_filing(actor=world.actor("firm"), filing=filing, reason="退回", now=now)
    sweep(now)
    assert state("declaration") == ("overdue", "2026-Q3")
    file(world, "declaration", "2026-Q3", "2026-10-16", now, "演示回执 2")
    sweep(now)
    assert state("declaration") == ("watching", "2026-Q4")


def test_the_plan_of_the_next_year_may_be_filed_early(world: World) -> None:
    world.drum()
    sweep(NOW)
    assert state("management_plan") == ("watching", "2027")
    file(world, "plan", "2027", "2026-11-20", NOW)
    sweep(NOW)
    assert state("management_plan") == ("watching", "2028")
    sweep(at("2028-03-21") - SECOND)
    assert state("management_plan") == ("watching", "2028")
    sweep(at("2028-03-21"))
    assert state("management_plan") == ("warned", "2028")


def test_a_firm_grows_into_another_class_without_an_entry_on_the_day(world: World) -> None:
    drums(world, at("2026-02-10"), 1)
    for period in ("2026",):
        sweep(at("2026-02-11"))
        assert state("declaration") == ("watching", period)
    drums(world, at("2026-06-10"), 20)
    sweep(at("2026-06-11"))
    assert state("declaration") == ("watching", "2026")
    sweep(at("2026-07-01"))
    assert state("declaration") == ("watching", "2026-Q3")


def test_a_drum_logged_by_mistake_asks_for_nothing(world: World) -> None:
    drum = world.drum()
    sweep(NOW)
    assert state("declaration") == ("watching", "2026")
    void(actor=world.actor("firm"), container=drum, reason="r", now=NOW)
    sweep(NOW)
    assert state("declaration") is None
    assert state("management_plan") is None


def test_changed_figures_re_time_it(world: World) -> None:
    drums(world, at("2026-02-10"), 5)
    sweep(at("2026-11-20"))
    assert state("declaration") == ("watching", "2026")
    set_figure(
        actor=world.actor("regulator"), key="supervision.simplified_tonnes_a_year", value="5", source="演示", now=NOW
    )
    sweep(NOW)
    assert state("declaration") == ("escalated", "2026-Q2")
    file(world, "declaration", "2026-Q2", "2026-11-20", NOW)
    file(world, "declaration", "2026-Q3", "2026-11-20", NOW)
    sweep(NOW)
    tighten(actor=world.actor("firm"), key="filings.warn_days", value="60", now=NOW)
    sweep(NOW)
    assert state("declaration") == ("warned", "2026-Q4")


@pytest.mark.parametrize("kind", ["declaration", "management_plan"])
def test_a_look_costs_the_same_for_one_and_for_many(world: World, kind: str) -> None:
    for number in range(12):
        world.add(f"f{number}", "generator")
        world.add_depot(f"f{number}", "storage_point")
        world.drum(f"f{number}")
    sweep(NOW)
    abouts = list(Alert.objects.filter(kind=kind).values_list("about", flat=True))
    assert len(abouts) == 12
    watch = watch_of(kind)
    assert watch.find is not None
    costs = []
    for some in (abouts[:1], abouts):
        with queries() as found:
            assert len(list(watch.find(some, Look(NOW)))) == len(some)
        costs.append(len(found))
    assert costs[0] == costs[1] <= 9


def test_who_is_watched_already_is_not_looked_at_with_every_drum(world: World) -> None:
    world.drum()
    sweep(NOW)
    world.drum()
    new = list(Entry.objects.filter(kind="container.log"))
    assert watch_of("declaration").touched(new) == set()


# --- what is recorded --------------------------------------------------------------------------------------

SENT: dict[str, Any] = {"kind": "declaration", "period": "2026-10", "filed_on": "2026-11-01", "reference": "演示 1"}


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"kind": "tax"}, "kind", "unknown_kind_of_filing"),
        ({"period": "2026-10-01"}, "period", "unknown_period"),
        ({"kind": "plan"}, "period", "unknown_period"),
        ({"filed_on": ""}, "filed_on", "missing"),
        ({"filed_on": "x"}, "filed_on", "date_unreadable"),
        ({"filed_on": "2026-11-21"}, "filed_on", "date_in_future"),
        ({"filed_on": "2026-10-31"}, "filed_on", "filed_too_early"),
        ({"kind": "plan", "period": "2028"}, "filed_on", "filed_too_early"),
        ({"reference": " "}, "reference", "missing"),
        ({"reference": "x" * 61}, "reference", "too_long"),
        ({"reference": "\x07"}, "reference", "unprintable"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(world: World, changed: dict[str, str], field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        record_filing(actor=world.actor("firm"), now=NOW, **(SENT | changed))
    assert [(error.field, error.code) for error in refused.value.errors] == [(field, code)]
    assert not Filing.objects.exists()
    assert not Entry.objects.filter(kind="filing.record").exists()


def test_the_same_is_recorded_once_until_it_is_withdrawn(world: World) -> None:
    actor = world.actor("firm")
    filing = record_filing(actor=actor, now=NOW, **SENT)
    with pytest.raises(Invalid, match="invalid_fields") as refused:
        record_filing(actor=actor, now=NOW, **SENT)
    assert refused.value.errors[0].code == "already_filed"
    withdraw_filing(actor=actor, filing=filing, reason="退回", now=NOW)
    with pytest.raises(Refused, match="filing_withdrawn"):
        withdraw_filing(actor=actor, filing=filing, reason="退回", now=NOW)
    record_filing(actor=actor, now=NOW, **SENT)
    assert Filing.objects.count() == 2
    kinds = Entry.objects.filter(kind__startswith="filing.").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["filing.record", "filing.withdraw", "filing.record"]


def test_only_the_firm_records_and_withdraws(world: World) -> None:
    filing = record_filing(actor=world.actor("firm"), now=NOW, **SENT)
    for name, code in (("viewer", "read_only"), ("regulator", "not_your_part"), ("carrier", "not_your_part")):
        with pytest.raises(NotPermitted, match=code):
            record_filing(actor=world.actor(name), now=NOW, **SENT)
        with pytest.raises(NotPermitted, match=code), transaction.atomic():
            withdraw_filing(actor=world.actor(name), filing=filing, reason="r", now=NOW)
    seen = {name for name in world.memberships if Filing.objects.visible_to(world.actor(name)).exists()}
    assert seen == {"firm", "viewer", "regulator"}
