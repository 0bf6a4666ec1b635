"""What falls due with waste itself: storage time, a ledger without entries, waste that jumps."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.translation import override

from depots.bays import save_bay
from depots.regroup import split
from depots.services import check_in, put_away, void
from labels.services import print_labels
from manifests import services as manifests
from scanner.services import ScanRequest, scan
from tests.api.test_queries import queries
from tests.pages.visitors import Visitor, text
from tests.world import DRUM, NOW, ZONE, World, later
from wastetrack.alerts.agenda import agenda
from wastetrack.alerts.models import Alert, Severity
from wastetrack.alerts.registry import Look, watch_of
from wastetrack.alerts.selectors import explain, explained
from wastetrack.alerts.services import sweep
from wastetrack.districts.services import set_figure, tighten
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Organisation, Permit
from wastetrack.regulations.calendar import add_working_days
from wastetrack.waste.generation import masses_by_month
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container
from wastetrack.waste.services import log_waste

pytestmark = pytest.mark.once


def the(kind: str) -> Alert | None:
    """The open or quiet alert of this kind, if there is one; of several, the one that is told first."""
    return Alert.objects.filter(kind=kind, resolved_at=None).order_by("warn_at").first()


def state(kind: str) -> str | None:
    found = the(kind)
    return found.state if found else None


def said(kind: str, now: datetime, language: str = "en") -> str:
    alert = the(kind)
    assert alert is not None
    with override(language):
        return explain(alert, now).sentence


def by(day: date, hour: int = 0) -> datetime:
    """A moment of a local day."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZONE)


def find_cost(kind: str, abouts: list[str], now: datetime) -> int:
    watch = watch_of(kind)
    assert watch.find is not None
    with queries() as found:
        assert len(list(watch.find(abouts, Look(now)))) == len(abouts)
    return len(found)


# --- storage time ------------------------------------------------------------------------------------------


def test_storage_is_warned_of_thirty_days_before_the_end_to_the_second(world: World) -> None:
    drum = world.drum()
    last = date(2027, 11, 20)
    starts = by(last - timedelta(days=30))
    for now, expected in (
        (NOW, "watching"),
        (starts - timedelta(seconds=1), "watching"),
        (starts, "warned"),
        (by(last, 23), "warned"),
        (by(last + timedelta(days=1)), "overdue"),
    ):
        sweep(now)
        assert state("storage") == expected
    assert "should have left 演示firm by 2027-11-20" in said("storage", later(400))
    void(actor=world.actor("firm"), container=drum, reason="r", now=later(400))
    assert state("storage") is None


def test_a_collection_permit_counts_and_warns_in_working_days(world: World) -> None:
    Permit.objects.filter(depots=world.depots["depot"]).update(kind="collection")
    world.depots["depot"].refresh_from_db()
    drum = world.drum()
    receive(world, drum)
    alert = the("storage")
    assert alert is not None
    assert alert.clause == "collection_permit_90_days"
    # 90 working days after 20 November, and 20 before that: over New Year's Day and the Spring Festival.
    days = [timezone_day(moment) for moment in (alert.warn_at, alert.due_at)]
    sweep(NOW)
    alert.refresh_from_db()
    assert [timezone_day(moment) for moment in (alert.warn_at, alert.due_at)] == days
    assert add_working_days(days[0], 20) == days[1]
    assert alert.organisation_id == world.organisations["depot"].pk


def timezone_day(moment: datetime | None) -> date:
    assert moment is not None
    return moment.astimezone(ZONE).date()


def receive(world: World, *drums: Container, now: datetime = NOW) -> None:
    world.delivered(*drums, now=now)
    for drum in drums:
        request = ScanRequest(f"n{drum.pk}", drum.code, "check_in", depot=str(world.depots["depot"].pk))
        assert scan(actor=world.actor("depot"), request=request, now=now).verdict == "accepted"


def test_who_wants_to_be_warned_earlier_is(world: World) -> None:
    world.drum()
    sweep(NOW)
    set_figure(actor=world.actor("regulator"), key="storage.warn_days", value="45", source="演示", now=NOW)
    sweep(NOW)
    alert = the("storage")
    assert alert is not None
    assert timezone_day(alert.warn_at) == date(2027, 11, 20) - timedelta(days=45)
    tighten(actor=world.actor("firm"), key="storage.warn_days", value="90", now=NOW)
    sweep(NOW)
    alert.refresh_from_db()
    assert timezone_day(alert.warn_at) == date(2027, 11, 20) - timedelta(days=90)
    # What is logged afterwards is set right by the sweep that reads its entry.
    other = world.drum()
    row = Alert.objects.get(kind="storage", about=other.subject)
    assert timezone_day(row.warn_at) == date(2027, 11, 20) - timedelta(days=30)
    sweep(later(1))
    row.refresh_from_db()
    assert timezone_day(row.warn_at) == date(2027, 11, 20) - timedelta(days=90)


def test_the_district_of_the_place_reads_it(world: World) -> None:
    site = world.depots["depot"].site
    site.division = "330111"
    site.save()
    drum = world.drum()
    receive(world, drum)
    sweep(later(340))
    assert Alert.objects.get(kind="storage", about=drum.subject).division == "330111"
    assert Alert.objects.visible_to(world.actor("regulator2")).filter(kind="storage").exists()
    assert not Alert.objects.visible_to(world.actor("regulator")).filter(kind="storage").exists()


def test_it_says_where_the_drum_stands_when_it_is_read(world: World) -> None:
    depot, keeper, now = world.depots["depot"], world.actor("depot"), later(340)
    firm = world.actor("firm")
    drum = log_waste(actor=firm, site=world.depots["firm"].site, data=DRUM, now=NOW)
    sweep(now)
    assert said("storage", now).endswith("days left. It is in no store yet: it was logged at 演示firm厂区.")
    check_in(actor=firm, container=drum, depot=world.depots["firm"], now=now)
    assert said("storage", now).endswith("days left. It stands in 演示firm贮存.")
    receive(world, Container.objects.get(pk=drum.pk), now=now)
    sweep(later(680))
    assert said("storage", later(680)).endswith("days left. It stands in bay A1 of 演示depot贮存.")
    bay = save_bay(actor=keeper, depot=depot, data={"code": "B2"}, now=now)
    put_away(actor=keeper, container=Container.objects.get(pk=drum.pk), bay=bay, now=now)
    # It has moved, and nothing was swept.
    assert said("storage", later(680)).endswith("days left. It stands in bay B2 of 演示depot贮存.")
    assert "%(" not in said("storage", later(680), "zh-hans")
    page = text(Visitor(world, "depot").get(f"/alerts/{Alert.objects.get(kind='storage', state='warned').pk}"))
    assert "It stands in bay B2 of 演示depot贮存." in page


def test_a_drum_that_may_not_be_handed_over_leads_to_what_may_be_done(world: World) -> None:
    firm, visitor = world.actor("firm"), Visitor(world, "firm")
    logged = log_waste(actor=firm, site=world.depots["firm"].site, data=DRUM, now=NOW)
    stored, committed = world.drum(), world.drum()
    world.issued(committed)
    for drum in (logged, committed):
        answer = visitor.get(f"/manifests/new?container={drum.code}")
        assert answer.headers["Location"] == f"/containers/{drum.short_code}"
    alert = Alert.objects.select_related("organisation").get(kind="storage", about=stored.subject)
    assert "checked" in text(visitor.get(explain(alert, NOW).link))


def test_who_had_it_is_not_told_where_others_keep_it(world: World) -> None:
    drum = world.drum()
    sweep(later(340))
    receive(world, drum, now=later(341))
    sweep(later(341))
    alert = Alert.objects.get(kind="storage", organisation=world.organisations["firm"], state="resolved")
    with override("en"):
        assert explain(alert, later(342)).sentence.endswith("days left.")


def test_where_many_stand_is_looked_up_at_once(world: World) -> None:
    for _ in range(20):
        world.drum()
    sweep(later(340))
    rows = list(Alert.objects.filter(kind="storage").select_related("organisation"))
    with queries() as found:
        assert all("It stands in 演示firm贮存." in one.sentence for one in explained(rows, later(340)))
    assert len(found) == 2


def test_a_drum_bound_to_leave_leads_to_its_manifest_and_back(world: World) -> None:
    drum, free = world.drum(), world.drum()
    manifest, now = world.issued(drum), later(340)
    sweep(now)

    def told(one: Container) -> tuple[str, str, str]:
        words = explain(Alert.objects.select_related("organisation").get(kind="storage", about=one.subject), now)
        return words.sentence.partition("left. ")[2], words.action, words.link

    bound = f"It stands in 演示firm贮存. It leaves on manifest {manifest.number}."
    with override("en"):
        assert told(drum) == (bound, "See the manifest", f"/manifests/{manifest.number}")
        again = ("It stands in 演示firm贮存.", "Hand it over")
        assert told(free) == (*again, f"/manifests/new?container={free.code}")
        manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="演示", now=now)
        assert told(drum) == (*again, f"/manifests/new?container={drum.code}")


def test_a_look_at_storage_costs_the_same_for_one_and_for_thirty(world: World) -> None:
    drums = [world.drum() for _ in range(30)]
    one = find_cost("storage", [drums[0].subject], NOW)
    assert find_cost("storage", [drum.subject for drum in drums], NOW) == one <= 4


# --- a ledger without entries ------------------------------------------------------------------------------


def test_stock_of_which_nobody_writes_is_said_after_sixty_days(world: World) -> None:
    world.drum()
    last = NOW.date()
    for now, expected in (
        (NOW, "watching"),
        (by(last + timedelta(days=60)) - timedelta(seconds=1), "watching"),
        (by(last + timedelta(days=60)), "warned"),
        (by(last + timedelta(days=90), 23), "warned"),
        (by(last + timedelta(days=91)), "overdue"),
    ):
        sweep(now)
        assert state("ledger_silent") == expected
    alert = the("ledger_silent")
    assert alert is not None
    assert alert.severity == Severity.WARNING
    assert said("ledger_silent", later(92)) == (
        "演示firm has 1 drums (18.5 kg) in store and has still recorded nothing about any since 2026-11-20."
    )
    with override("en"):
        told = explain(alert, later(92))
    assert (told.link, told.citation and told.citation.article_zh) == ("/containers", "第五百三十二条")
    assert "%(" not in said("ledger_silent", later(92), "zh-hans")


def test_what_only_silence_would_bring_is_in_no_calendar_before_it_has_come(world: World) -> None:
    drum = world.drum()
    sweep(NOW)
    quiet = the("ledger_silent")
    assert quiet is not None
    assert "should it record nothing" in said("ledger_silent", NOW)
    days = (NOW.date(), NOW.date() + timedelta(days=400))

    def kinds_on(now: datetime) -> set[str]:
        return {row.kind for day in agenda(world.actor("firm"), *days, now=now) for row in day.rows}

    def listed(now: datetime) -> bool:
        assert quiet.due_at is not None
        day = quiet.due_at.astimezone(ZONE).date().isoformat()
        return f"/alerts/{quiet.pk}" in text(Visitor(world, "firm").get("/alerts", day=day))

    assert ("ledger_silent" in kinds_on(NOW), "storage" in kinds_on(NOW), listed(NOW)) == (False, True, False)
    sweep(later(70))
    assert ("ledger_silent" in kinds_on(later(70)), listed(later(70))) == (True, True), drum


def test_an_entry_of_the_firms_own_ends_the_silence_and_anothers_does_not(world: World) -> None:
    world.drum()
    drum = world.issued(world.drum())
    sweep(later(70))
    assert state("ledger_silent") == "warned"
    # What the carrier and the plant write about the firm's drums is not the firm's ledger.
    manifests.depart(actor=world.actor("carrier"), manifest=drum, now=later(71))
    sweep(later(71))
    assert state("ledger_silent") == "warned"
    world.drum(now=later(72))
    sweep(later(72))
    assert state("ledger_silent") == "watching"


def test_a_label_changes_no_stock_and_yet_ends_a_silence(world: World) -> None:
    drum = world.drum()
    sweep(NOW)
    actor, firm = world.actor("firm"), f"organisation:{world.organisations['firm'].uscc}"
    print_labels(actor=actor, codes=[drum.code], layout="single", now=NOW)
    entries = list(Entry.objects.filter(kind="container.print_label"))
    assert len(entries) == 1
    for kind in ("permit_codes", "ledger_silent", "generation_jump", "bay_full", "depot_full"):
        assert watch_of(kind).touched(entries) == set()
    sweep(later(70))
    assert state("ledger_silent") == "warned"
    assert watch_of("ledger_silent").touched(entries) == {firm}
    print_labels(actor=actor, codes=[drum.code], layout="single", now=later(70))
    sweep(later(70))
    assert state("ledger_silent") == "watching"


def test_a_drum_counts_for_the_local_month_in_which_it_was_logged(world: World) -> None:
    firm = world.organisations["firm"].pk
    for at, mass_kg in (
        (datetime(2025, 11, 30, 23, 59, 59, tzinfo=ZONE), "1"),
        (datetime(2025, 12, 1, tzinfo=ZONE), "2"),
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=ZONE), "4"),
        (datetime(2026, 1, 1, tzinfo=ZONE), "8"),
        (datetime(2026, 2, 1, tzinfo=ZONE), "16"),
    ):
        world.drum(now=at, mass_kg=mass_kg, accumulation_start="2025-11-01")
    found = masses_by_month([firm], date(2025, 12, 1), date(2026, 1, 20))
    assert found == {firm: {date(2025, 12, 1): 6000, date(2026, 1, 1): 8000}}


def test_where_nothing_stands_nothing_need_be_written(world: World) -> None:
    drum = world.drum()
    sweep(later(70))
    assert state("ledger_silent") == "warned"
    void(actor=world.actor("firm"), container=drum, reason="r", now=later(71))
    sweep(later(71))
    assert state("ledger_silent") is None


def test_a_firm_that_wants_to_hear_of_silence_sooner_does(world: World) -> None:
    world.drum()
    sweep(NOW)
    tighten(actor=world.actor("firm"), key="ledger.silent_days", value="20", now=NOW)
    sweep(later(21))
    assert state("ledger_silent") == "warned"


def firms(world: World, count: int) -> list[str]:
    """Further firms with a drum each, as subjects."""
    for number in range(count):
        world.add(f"f{number}", "generator")
        world.add_depot(f"f{number}", "storage_point")
        world.drum(f"f{number}", mass_kg="500")
    rows = Organisation.objects.filter(generated__isnull=False).distinct()
    return [f"organisation:{one.uscc}" for one in rows]


@pytest.mark.parametrize("kind", ["ledger_silent", "generation_jump"])
def test_a_look_at_firms_costs_the_same_for_one_and_for_many(world: World, kind: str) -> None:
    abouts = firms(world, 15)
    sweep(NOW)
    assert len(abouts) == 15
    assert find_cost(kind, abouts[:1], NOW) == find_cost(kind, abouts, NOW) <= 5


# --- waste that jumps --------------------------------------------------------------------------------------

OCTOBER, NOVEMBER = datetime(2026, 10, 12, 9, tzinfo=ZONE), datetime(2026, 11, 12, 9, tzinfo=ZONE)
END = datetime(2026, 12, 1, tzinfo=ZONE)


def log(world: World, now: datetime, *masses: str) -> list[Container]:
    day = now.date().isoformat()
    return [world.drum(now=now, mass_kg=mass, accumulation_start=day) for mass in masses]


def test_a_rise_is_said_as_soon_as_it_is_reached(world: World) -> None:
    log(world, OCTOBER, "200")
    log(world, NOVEMBER, "299.9")
    sweep(NOVEMBER)
    assert state("generation_jump") == "watching"
    drum = log(world, NOVEMBER, "0.1")[0]
    sweep(NOVEMBER)
    assert state("generation_jump") == "warned"
    alert = the("generation_jump")
    assert alert is not None
    assert alert.severity == Severity.NOTICE
    assert said("generation_jump", NOVEMBER) == (
        "演示firm has logged 300 kg in 2026-11 after 200 kg in 2026-10 (+50 %): "
        "see that all of it is logged, and logged right. Where it is right, acknowledge this with a note; "
        "it goes by itself after 2026-12-31."
    )
    assert "%(" not in said("generation_jump", NOVEMBER, "zh-hans")
    void(actor=world.actor("firm"), container=drum, reason="r", now=NOVEMBER)
    sweep(NOVEMBER)
    assert state("generation_jump") == "watching"


def test_it_leads_to_the_very_drums_that_it_weighs(world: World) -> None:
    log(world, OCTOBER, "200")
    first, second, void_one = log(world, NOVEMBER, "300", "50", "20")
    void(actor=world.actor("firm"), container=void_one, reason="r", now=NOVEMBER)
    parts = [Part("steel_drum", Decimal(200), 150_000)] * 2
    split(actor=world.actor("firm"), container=first, parts=parts, now=NOVEMBER)
    # Another's waste in the firm's own hands is not its own.
    world.add("other", "generator")
    world.add_depot("other", "storage_point")
    world.drum("other", now=NOVEMBER, accumulation_start="2026-11-12")
    sweep(NOVEMBER)
    alert = the("generation_jump")
    assert alert is not None
    with override("en"):
        told = explain(alert, NOVEMBER)
    assert "350 kg in 2026-11" in told.sentence
    for reader in ("firm", "regulator"):
        page = Visitor(world, reader).get(told.link)
        assert {row.pk for row in page.context["page"]["items"]} == {first.pk, second.pk}
        ((label, before),) = told.more
        assert label == "See the drums of 2026-10"
        assert [row.mass_g for row in Visitor(world, reader).get(before).context["page"]["items"]] == [200_000]
        ways = text(Visitor(world, reader).get(f"/alerts/{alert.pk}"))
        assert ways.count("See the drums of 2026-1") == 2


def test_a_month_in_which_nothing_was_logged_says_so(world: World) -> None:
    uscc = world.organisations["firm"].uscc
    for reader in ("firm", "regulator"):
        visitor = Visitor(world, reader)
        assert "No waste was logged in 2026-10" in text(visitor.get("/containers", generator=uscc, generated="2026-10"))
        assert "No drum fits" in text(visitor.get("/containers", generated="2026-10", q="nothing"))


def test_a_jump_stands_until_the_day_that_it_names(world: World) -> None:
    log(world, OCTOBER, "200")
    log(world, NOVEMBER, "300")
    sweep(NOVEMBER)
    log(world, datetime(2026, 12, 10, tzinfo=ZONE), "300")
    for now, expected in ((datetime(2026, 12, 31, 23, 59, tzinfo=ZONE), "warned"), (by(date(2027, 1, 1)), "watching")):
        sweep(now)
        assert state("generation_jump") == expected


def test_a_month_that_is_none_is_refused_at_its_field(world: World) -> None:
    visitor = Visitor(world, "firm")
    for wrong in ("2026-13", "2026-1", "11", "２０２６-11", "2026-11-01"):
        refused = visitor.get("/containers", generated=wrong)
        assert (refused.status_code, refused.context["refusal"].code) == (422, "invalid_fields"), wrong
        assert refused.context["refusal"].errors[0].field == "generated"


def test_before_it_jumps_its_page_says_that_it_is_compared(world: World) -> None:
    log(world, NOVEMBER, "200")
    sweep(NOVEMBER)
    alert = the("generation_jump")
    assert alert is not None
    assert alert.state == "watching"
    page = Visitor(world, "firm").get(f"/alerts/{alert.pk}")
    assert "What 演示firm logs in 2026-11 is compared with the month before." in text(page)


def test_a_fall_is_said_when_its_month_is_over_and_ends_with_the_next(world: World) -> None:
    log(world, OCTOBER, "200")
    log(world, NOVEMBER, "100")
    sweep(END - timedelta(seconds=1))
    assert state("generation_jump") == "watching"
    sweep(END)
    assert state("generation_jump") == "warned"
    assert "(-50 %)" in said("generation_jump", END)
    log(world, datetime(2026, 12, 10, tzinfo=ZONE), "100")
    sweep(datetime(2026, 12, 31, 23, 59, tzinfo=ZONE))
    assert state("generation_jump") == "warned"
    sweep(datetime(2027, 1, 1, tzinfo=ZONE))
    assert state("generation_jump") == "watching"
    assert Alert.objects.filter(kind="generation_jump").exclude(resolved_at=None).count() == 1


def test_little_is_not_compared(world: World) -> None:
    log(world, OCTOBER, "99.9")
    log(world, NOVEMBER, "5000")
    sweep(NOVEMBER)
    assert state("generation_jump") == "watching"
    sweep(END)
    # November's own mass is compared with December's, once that is over.
    assert state("generation_jump") == "watching"
    sweep(datetime(2027, 1, 1, tzinfo=ZONE))
    assert state("generation_jump") == "warned"
    assert "(-100 %)" in said("generation_jump", datetime(2027, 1, 1, tzinfo=ZONE))


def test_what_is_split_is_no_new_waste(world: World) -> None:
    log(world, OCTOBER, "400")
    (drum,) = log(world, NOVEMBER, "400")
    parts = [Part("steel_drum", Decimal(200), 200_000)] * 2
    split(actor=world.actor("firm"), container=drum, parts=parts, now=NOVEMBER)
    sweep(NOVEMBER)
    assert state("generation_jump") == "watching"


def test_a_district_may_want_smaller_jumps(world: World) -> None:
    log(world, OCTOBER, "200")
    log(world, NOVEMBER, "250")
    sweep(NOVEMBER)
    assert state("generation_jump") == "watching"
    set_figure(actor=world.actor("regulator"), key="generation.jump_percent", value="25", source="演示", now=NOVEMBER)
    sweep(NOVEMBER)
    assert state("generation_jump") == "warned"
    alert = the("generation_jump")
    assert alert is not None
    assert json.loads(alert.details)["percent"] == "+25"
