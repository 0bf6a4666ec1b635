"""The pages of permits: an office's list, its form, a permit with its history; a holder reads and changes nothing."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from depots.models import Depot
from depots.signs import _kinds_of
from tests.kernel.test_receipt import read, receive
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Permit
from wastetrack.templatetags.trade import way_to_look


def fields(world: World, **changed: str) -> dict[str, str]:
    return {
        "organisation": world.organisations["depot"].uscc,
        "number": "浙危收 1号",
        "kind": "collection",
        "codes": "HW08 900-041-49",
        "yearly_mass_t": "5000",
        "valid_from": "2026-11-20",
        "valid_to": "2029-11-19",
    } | changed


def of(world: World, name: str) -> Permit:
    return Permit.objects.get(organisation=world.organisations[name])


def test_an_office_records_a_permit_once_and_both_read_what_was_done(world: World, clock: Any) -> None:
    office = Visitor(world, "regulator")
    assert world.organisations["depot"].uscc in text(office.get("/permits"))
    sent = office.send("/permits", nonce="once", **fields(world))
    made = Permit.objects.get(number="浙危收 1号")
    assert (sent.status_code, sent["Location"]) == (303, f"/permits/{made.pk}")
    assert office.send("/permits", nonce="once", **fields(world)).status_code == 303
    assert (Permit.objects.filter(number="浙危收 1号").count(), made.yearly_mass_g) == (1, 5_000_000_000)
    for name in ("regulator", "depot"):
        page = text(Visitor(world, name).get(f"/permits/{made.pk}"))
        assert "浙危收 1号 of 演示depot, from 2026-11-20 to 2029-11-19" in page
        assert "It names HW08 900-041-49" in page
        assert "Up to 5000 t a year" in page
    assert Visitor(world, "firm").get(f"/permits/{made.pk}").status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"organisation": "91330"}, "organisation"),
        ({"number": ""}, "number"),
        ({"kind": "any"}, "kind"),
        ({"codes": "HW99"}, "codes"),
        ({"yearly_mass_t": "much"}, "yearly_mass_t"),
        ({"yearly_mass_t": ""}, "yearly_mass_t"),
        ({"valid_from": "soon"}, "valid_from"),
        ({"valid_to": "2026-11-19"}, "valid_to"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_is_wrong_stands_at_its_field(
    language: str, changed: dict[str, str], field: str, world: World, clock: Any
) -> None:
    answer = Visitor(world, "regulator", language).send("/permits", **fields(world, **changed))
    assert (answer.status_code, Permit.objects.filter(kind="collection").count()) == (422, 0)
    assert re.findall('aria-describedby="([a-z_]+)-error"', text(answer)) == [field]
    assert "HW08" in text(answer) or field == "codes"


@pytest.mark.parametrize(
    ("typed", "grams"),
    [
        ("0.5", 500_000),
        ("1,5", 1_500_000),
        ("５０００ 吨", 5_000_000_000),
        ("20 T", 20_000_000),
        ("5000 kg", 5_000_000),
        ("5000公斤", 5_000_000),
        ("５０００ 千克", 5_000_000),
    ],
)
def test_tonnes_are_taken_as_people_type_them(typed: str, grams: int, world: World, clock: Any) -> None:
    Visitor(world, "regulator").send("/permits", **fields(world, yearly_mass_t=typed))
    assert Permit.objects.get(kind="collection").yearly_mass_g == grams


@pytest.mark.parametrize("typed", ["1_000", "1e3", "٥", "5 kg t", "5 t kg", "1,234", "NaN", "-5", "9" * 30])
def test_a_mass_that_may_mean_two_things_is_none(typed: str, world: World, clock: Any) -> None:
    answer = Visitor(world, "regulator").send("/permits", **fields(world, yearly_mass_t=typed))
    assert re.findall('aria-describedby="([a-z_]+)-error"', text(answer)) == ["yearly_mass_t"]
    assert not Permit.objects.filter(kind="collection").exists()


@pytest.mark.parametrize("name", ["depot", "firm", "viewer", "carrier"])
def test_nobody_but_an_office_finds_a_form_or_gets_one_through(name: str, world: World, clock: Any) -> None:
    visitor, own = Visitor(world, name), of(world, "depot")
    assert 'id="record"' not in text(visitor.get("/permits"))
    assert visitor.send("/permits", **fields(world)).status_code == 403
    status = 403 if name == "depot" else 404
    assert visitor.send(f"/permits/{own.pk}/correct", **fields(world), reason="r").status_code == status
    assert visitor.send(f"/permits/{own.pk}/withdraw", last_day="2026-12-31", why="r").status_code == status
    page = text(visitor.get(f"/permits/{own.pk}"))
    assert "<form" not in page.partition("<main")[2].partition("</main")[0] or name != "depot"
    assert not Entry.objects.filter(kind__startswith="permit.").exists()


def test_a_correction_is_shown_with_the_old_and_the_new(world: World, clock: Any) -> None:
    office, own = Visitor(world, "regulator"), of(world, "depot")
    typed = fields(world, number=own.number, kind="pilot", codes="HW08", valid_from="2024-01-01", yearly_mass_t="10000")
    sent = office.send(f"/permits/{own.pk}/correct", **typed, version="1", reason="抄录有误")
    assert sent["Location"] == f"/permits/{own.pk}"
    page = text(Visitor(world, "depot").get(f"/permits/{own.pk}"))
    assert "Codes: HW08 HW49 HW06 HW12 → HW08" in page
    assert "Last day: 2028-12-31 → 2029-11-19" in page
    assert "Reason: 抄录有误" in page
    assert "First day:" not in page
    stale = office.send(f"/permits/{own.pk}/correct", **typed | {"codes": "HW09"}, version="1", reason="r")
    assert stale.status_code == 409
    assert "Somebody else has corrected this permit" in text(stale)


def test_a_permit_ends_early_and_says_so(world: World, clock: Any) -> None:
    office, own = Visitor(world, "regulator"), of(world, "depot")
    answer = office.send(f"/permits/{own.pk}/withdraw", last_day="2030-01-01", why="")
    assert (answer.status_code, set(re.findall('aria-describedby="([a-z_]+)-error"', text(answer)))) == (
        422,
        {"last_day", "why"},
    )
    office.send(f"/permits/{own.pk}/withdraw", last_day="2026-11-30", why="停业")
    page = text(office.get(f"/permits/{own.pk}"))
    assert "Its last day is 2026-11-30, no longer 2028-12-31" in page
    assert "Put the next one on record" not in page
    assert "Withdrawn" in text(office.get("/permits"))


@pytest.mark.parametrize(("language", "word"), [("en", "Withdraw"), ("zh-hans", "撤销")])
def test_one_word_is_used_for_the_one_act(language: str, word: str, world: World, clock: Any) -> None:
    office, own = Visitor(world, "regulator", language), of(world, "depot")
    form = text(office.get(f"/permits/{own.pk}")).partition('id="withdraw"')
    assert word in form[0].rpartition("<summary>")[2]
    assert word in form[2].partition("<button")[2].partition("</button>")[0]
    office.send(f"/permits/{own.pk}/withdraw", last_day="2026-11-19", why="停业")
    page = text(office.get(f"/permits/{own.pk}"))
    assert ("已撤销" if language != "en" else "Withdrawn") in page
    assert "撤回" not in page
    assert "终止" not in page


def test_all_that_is_wrong_in_the_form_is_said_at_once(world: World, clock: Any) -> None:
    wrong = {"organisation": "91330", "codes": "HW99 abc", "yearly_mass_t": "-3 t", "valid_to": "2026-11-01"}
    answer = text(Visitor(world, "regulator").send("/permits", **fields(world, **wrong)))
    assert set(re.findall('aria-describedby="([a-z_]+)-error"', answer)) == set(wrong)


@pytest.mark.parametrize(
    ("page", "names", "said"),
    [("/vehicles", ["firm", "depot", "regulator"], "for carriers"), ("/log", ["regulator", "carrier"], "who generate")],
)
def test_a_page_of_others_says_whose_it_is(page: str, names: list[str], said: str, world: World, clock: Any) -> None:
    for name in names:
        answer = Visitor(world, name).get(page)
        assert (answer.status_code, said in text(answer)) == (403, True)


def test_waste_that_no_permit_names_is_led_to_and_can_be_handed_over(world: World, clock: Any) -> None:
    depot, waste = world.organisations["depot"], [world.drum(), world.drum(waste_code="900-214-08"), world.drum()]
    manifest = world.delivered(*waste[:2])
    receive(world, manifest, *read(manifest))
    world.issued(waste[2])
    Permit.objects.filter(organisation=depot).update(codes="900-214-08")
    sweep(NOW)
    alert = Alert.objects.get(kind="permit_codes")
    visitor = Visitor(world, "depot")
    assert f'href="/containers?unnamed={depot.uscc}"' in text(visitor.get(f"/alerts/{alert.pk}"))
    page = text(visitor.get("/containers", unnamed=depot.uscc))
    assert set(re.findall(r'name="codes" value="(\w+)"', page)) == {waste[0].code, waste[2].code}
    assert 'formaction="/containers/hand-over"' in page
    assert "Named by no permit" in page
    for nobody in ("nonsense", world.organisations["firm"].uscc):
        assert "No drum fits" in text(visitor.get("/containers", unnamed=nobody))


def test_the_alert_of_its_end_leads_the_office_to_the_form_that_ends_it(world: World, clock: Any) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=date(2026, 11, 30))
    sweep(NOW)
    office, own = Visitor(world, "regulator"), of(world, "depot")
    alert = Alert.objects.get(kind="permit_expiry", organisation=world.organisations["depot"])
    assert way_to_look(alert) == f"/permits/{own.pk}"
    form_of_next = f'href="/permits?after={own.pk}#record"'
    for page in ("/alerts", f"/alerts/{alert.pk}"):
        assert form_of_next in text(office.get(page))
        assert form_of_next not in text(Visitor(world, "depot").get(page))
        assert f'href="/permits/{own.pk}"' in text(Visitor(world, "depot").get(page))
    assert f'href="/permits?after={own.pk}#record"' in text(office.get(f"/permits/{own.pk}"))
    form = text(office.get("/permits", after=own.pk)).partition('id="record"')[2]
    for said in (own.codes, "2026-12-01", world.organisations["depot"].uscc, 'value="pilot" selected'):
        assert said in form
    office.send(
        "/permits", **fields(world, kind="pilot", codes=own.codes, valid_from="2026-12-01", valid_to="2031-11-30")
    )
    sweep(NOW)
    alert.refresh_from_db()
    assert alert.resolved_at is not None
    assert office.get("/permits", after="nonsense").status_code == 200


def test_a_list_is_searched_and_goes_on(world: World, clock: Any) -> None:
    office, depot = Visitor(world, "regulator"), world.organisations["depot"]
    days = {"valid_from": date(2026, 1, 1), "valid_to": date(2028, 1, 1)}
    Permit.objects.bulk_create(Permit(organisation=depot, number=f"n{n}", kind="pilot", **days) for n in range(30))
    first, second = text(office.get("/permits")), text(office.get("/permits", **{"from": "30"}))
    rows = [re.findall(r'id="permit-(\d+)"', page) for page in (first, second)]
    assert ([len(found) for found in rows], len({*rows[0], *rows[1]})) == ([30, 4], 34)
    found = text(office.get("/permits", search=world.organisations["plant"].uscc))
    assert re.findall(r'id="permit-(\d+)"', found) == [str(of(world, "plant").pk)]
    assert "No permit fits this" in text(office.get("/permits", search="nowhere"))
    assert office.get("/permits", **{"from": "x"}).status_code == 422


def test_a_holder_reads_what_the_year_has_taken(world: World, clock: Any) -> None:
    world.issued(world.drum(mass_kg="500"))
    assert "Taken since 2026-01-01, with what is on its way: 500 kg of the 10000 t of the year" in re.sub(
        "<[^>]+>", "", text(Visitor(world, "depot").get("/permits"))
    )
    assert "No permit is on record" in text(Visitor(world, "firm").get("/permits"))


def test_a_depots_page_leads_to_the_permit_it_works_under(world: World, clock: Any) -> None:
    own, depot = of(world, "depot"), world.depots["depot"]
    for name in ("depot", "regulator"):
        assert f'href="/permits/{own.pk}"' in text(Visitor(world, name).get(f"/depots/{depot.pk}"))
    for name, around in (("regulator", True), ("carrier", True), ("firm", False)):
        assert ('<a href="/permits">' in text(Visitor(world, name).get("/manifests"))) is around


def test_a_depots_page_and_its_signs_read_the_permit_that_follows(world: World, clock: Any) -> None:
    own, depot = of(world, "depot"), world.depots["depot"]
    Permit.objects.filter(pk=own.pk).update(valid_to=NOW.date())
    follows = Permit.objects.create(
        organisation=own.organisation, number="续", kind=own.kind, codes="HW09",
        valid_from=date(2026, 1, 1), valid_to=date(2031, 1, 1),
    )  # fmt: skip
    office = Visitor(world, "regulator")
    assert f'href="/permits/{own.pk}"' in text(office.get(f"/depots/{depot.pk}"))
    Permit.objects.filter(pk=own.pk).update(valid_to=NOW.date() - timedelta(days=1))
    page = text(office.get(f"/depots/{depot.pk}"))
    assert f'href="/permits/{follows.pk}"' in page
    assert f'href="/permits/{own.pk}"' not in page
    said = {kind.category for kinds in _kinds_of(Depot.objects.get(pk=depot.pk), NOW.date()).values() for kind in kinds}
    assert "HW09" in said
    assert "HW12" not in said


def test_on_a_phone_rows_and_long_fields_stand_below_each_other_and_no_code_breaks(world: World, clock: Any) -> None:
    page = text(Visitor(world, "regulator").get("/permits"))
    assert '<ul class="plain-rows stacks">' in page
    assert '<span class="nowrap">HW08</span> <span class="nowrap">HW49</span>' in page
    assert '<span class="nowrap">from 2024-01-01 to 2028-12-31</span>' in page
    for path in ("/contracts", "/approvals"):
        assert '<div class="pair is-long">' in text(Visitor(world, "firm").get(path))
