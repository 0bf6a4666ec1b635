"""Permits on record: by the office of the holder's district alone, whole or not at all, and what reads them reacts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from django.utils.translation import override

from depots.models import Depot
from depots.terms import plain_term
from manifests import services as manifests
from manifests.checks import granted, receiver_problems, yearly_left
from manifests.permits import ending_first, get_permit, is_renewed, matching, permits_of
from tests.api.test_queries import queries
from tests.kernel.test_receipt import read, receive
from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.selectors import explain
from wastetrack.alerts.services import sweep
from wastetrack.errors import Invalid, NotFound, NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Membership, Organisation, Permit


def said(**changed: Any) -> dict[str, Any]:
    return {
        "number": "浙危收 1号",
        "kind": "collection",
        "codes": "HW08、900-041-49",
        "yearly_mass_kg": "5000000",
        "valid_from": "2026-11-20",
        "valid_to": "2029-11-19",
    } | changed


def recorded(world: World, by: str = "regulator", of: str = "depot", **changed: Any) -> Permit:
    asked: dict[str, Any] = {"actor": world.actor(by), "organisation": world.organisations[of], "now": NOW}
    return manifests.record_permit(**asked, **said(**changed))


def corrected(world: World, permit: Permit, by: str = "regulator", **changed: Any) -> Permit:
    asked: dict[str, Any] = {"reason": "抄录有误", "now": NOW} | {
        name: changed.pop(name) for name in ("reason", "version") if name in changed
    }
    return manifests.correct_permit(actor=world.actor(by), permit=permit, said=changed, **asked)


def withdrawn(world: World, permit: Permit, last_day: object, by: str = "regulator", reason: str = "停业") -> Permit:
    actor = world.actor(by)
    return manifests.withdraw_permit(actor=actor, permit=permit, last_day=last_day, reason=reason, now=NOW)


def wrong(step: Callable[[], Any]) -> set[tuple[str, str]]:
    with pytest.raises(Invalid) as refusal:
        step()
    return {(error.field, error.code) for error in refusal.value.errors}


def of(world: World, name: str) -> Permit:
    return Permit.objects.select_related("organisation").get(organisation=world.organisations[name])


def afresh(world: World) -> None:
    """The organisations as another request reads them, without permits that were read along with them before."""
    world.organisations |= {name: Organisation.objects.get(pk=one.pk) for name, one in world.organisations.items()}


# --- who, and what -----------------------------------------------------------------------------------------


def test_an_office_puts_a_permit_on_record_and_its_holder_reads_it(world: World) -> None:
    permit = recorded(world)
    permit.refresh_from_db()
    assert (permit.number, permit.codes, permit.yearly_mass_g) == ("浙危收 1号", "HW08 900-041-49", 5_000_000_000)
    assert (permit.valid_from, permit.valid_to) == (date(2026, 11, 20), date(2029, 11, 19))
    entry = Entry.objects.get(kind="permit.record")
    assert (entry.subject, entry.data["codes"]) == (permit.subject, "HW08 900-041-49")
    readers = {name: entry.addressed_to(world.actor(name)) for name in ("depot", "regulator", "firm", "regulator2")}
    assert readers == {"depot": True, "regulator": True, "firm": False, "regulator2": False}


@pytest.mark.parametrize("by", ["depot", "firm", "carrier", "plant", "viewer"])
def test_nobody_declares_his_own(by: str, world: World) -> None:
    permit = of(world, "depot")
    for step in (
        lambda: recorded(world, by=by),
        lambda: corrected(world, permit, by=by, codes="HW09"),
        lambda: withdrawn(world, permit, "2026-12-31", by=by),
    ):
        with pytest.raises(NotPermitted):
            step()
    assert not Entry.objects.filter(kind__startswith="permit.").exists()


def test_another_districts_office_has_no_say(world: World) -> None:
    assert wrong(lambda: recorded(world, by="regulator2")) == {("organisation", "not_in_your_district")}
    for step in (
        lambda: corrected(world, of(world, "depot"), by="regulator2", codes="HW09"),
        lambda: withdrawn(world, of(world, "depot"), "2026-12-31", by="regulator2"),
    ):
        with pytest.raises(NotPermitted, match="not_your_part"):
            step()


def test_an_office_of_the_city_may_and_its_reader_may_not(world: World) -> None:
    world.add("city", "regulator", division="3306")
    assert recorded(world, by="city").pk
    world.add("reader", "regulator", role="viewer")
    with pytest.raises(NotPermitted, match="read_only"):
        recorded(world, by="reader", number="2")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"number": " "}, ("number", "missing")),
        ({"number": "\u3164\u115f \u1160\uffa0"}, ("number", "missing")),
        ({"number": "x" * 41}, ("number", "too_long")),
        ({"number": "1\u202e2"}, ("number", "unprintable")),
        ({"number": "演示depot"}, ("number", "permit_known")),
        ({"kind": ""}, ("kind", "missing")),
        ({"kind": "any"}, ("kind", "unknown_permit_kind")),
        ({"kind": "transport", "yearly_mass_kg": None}, ("kind", "permit_kind_not_theirs")),
        ({"codes": " "}, ("codes", "missing")),
        ({"codes": "HW08 HW99"}, ("codes", "unknown_permit_code")),
        ({"codes": ["999-999-08"]}, ("codes", "unknown_permit_code")),
        ({"yearly_mass_kg": ""}, ("yearly_mass_kg", "mass_missing")),
        ({"yearly_mass_kg": "0"}, ("yearly_mass_kg", "mass_zero")),
        ({"yearly_mass_kg": "1000000001"}, ("yearly_mass_kg", "permit_mass_too_large")),
        ({"valid_from": ""}, ("valid_from", "missing")),
        ({"valid_to": "soon"}, ("valid_to", "date_unreadable")),
        ({"valid_to": "2999-01-01"}, ("valid_to", "year_out_of_reach")),
        ({"valid_to": "2026-11-19"}, ("valid_to", "dates_out_of_order")),
    ],
)
def test_what_is_wrong_is_named_at_its_field(changed: dict[str, Any], found: tuple[str, str], world: World) -> None:
    before = Permit.objects.count()
    assert wrong(lambda: recorded(world, **changed)) == {found}
    assert (Permit.objects.count(), Entry.objects.filter(kind="permit.record").count()) == (before, 0)


def test_all_that_is_wrong_is_named_at_once(world: World) -> None:
    found = wrong(lambda: recorded(world, number="", codes="x", yearly_mass_kg="-1", valid_to="x"))
    assert {field for field, _ in found} == {"number", "codes", "yearly_mass_kg", "valid_to"}


def test_an_unknown_holder_hides_nothing_that_is_wrong_besides(world: World) -> None:
    typed = said(codes="HW99 abc", yearly_mass_kg="-3", valid_to="2026-11-01")
    asked: dict[str, Any] = {"actor": world.actor("regulator"), "now": NOW}
    for holder, code in (("91330", "unknown_organisation"), ("", "missing")):
        found = wrong(lambda holder=holder: manifests.record_permit(organisation=holder, **asked, **typed))
        assert ("organisation", code) in found
        assert {field for field, _ in found} == {"organisation", "codes", "yearly_mass_kg", "valid_to"}
    made = manifests.record_permit(organisation=world.organisations["depot"].uscc, **asked, **said())
    assert made.organisation == world.organisations["depot"]


def test_a_transport_permit_needs_no_codes_and_has_no_mass(world: World) -> None:
    carries: dict[str, Any] = {"of": "carrier", "kind": "transport", "codes": ""}
    assert wrong(lambda: recorded(world, **carries)) == {("yearly_mass_kg", "permit_without_mass")}
    permit = recorded(world, **carries, yearly_mass_kg="")
    assert (permit.codes, permit.yearly_mass_g) == ("", None)


def test_the_same_number_may_be_anothers(world: World) -> None:
    recorded(world)
    assert recorded(world, of="depot2").number == "浙危收 1号"


# --- putting right -----------------------------------------------------------------------------------------


def test_a_correction_tells_the_old_and_the_new(world: World) -> None:
    permit = corrected(world, of(world, "depot"), codes="HW08 HW09", valid_to="2028-06-30", number="演示depot")
    assert (permit.codes, permit.valid_to, permit.kind, permit.version) == ("HW08 HW09", date(2028, 6, 30), "pilot", 2)
    entry = Entry.objects.get(kind="permit.correct")
    assert entry.data["facts"] == [
        {"fact": "codes", "old": "HW08 HW49 HW06 HW12", "new": "HW08 HW09"},
        {"fact": "valid_to", "old": "2028-12-31", "new": "2028-06-30"},
    ]
    assert (entry.data["reason"], entry.addressed_to(world.actor("depot"))) == ("抄录有误", True)


def test_a_correction_needs_a_reason_a_change_and_the_page_it_was_made_on(world: World) -> None:
    permit = of(world, "depot")
    assert wrong(lambda: corrected(world, permit, codes="HW08", reason=" ")) == {("reason", "missing")}
    assert wrong(lambda: corrected(world, permit, codes="HW08", reason="x" * 201)) == {("reason", "too_long")}
    with pytest.raises(Refused, match="permit_unchanged"):
        corrected(world, permit, codes="HW12 HW08,HW06 HW49")
    corrected(world, permit, codes="HW08", version=1)
    with pytest.raises(Refused, match="permit_changed"):
        corrected(world, permit, codes="HW09", version=1)
    assert Entry.objects.filter(kind="permit.correct").count() == 1


def test_it_cannot_be_given_the_number_of_another(world: World) -> None:
    permit = recorded(world)
    assert wrong(lambda: corrected(world, permit, number="演示depot")) == {("number", "permit_known")}
    permit.refresh_from_db()
    assert (permit.number, permit.version) == ("浙危收 1号", 1)


def test_a_permit_ends_early_and_its_number_is_free_again(world: World) -> None:
    permit = of(world, "depot")
    assert wrong(lambda: withdrawn(world, permit, "2029-01-01")) == {("last_day", "permit_ends_before")}
    assert wrong(lambda: withdrawn(world, permit, "", reason="")) == {("last_day", "missing"), ("reason", "missing")}
    permit = withdrawn(world, permit, "2026-12-31")
    assert (permit.valid_to, permit.withdrawn_at) == (date(2026, 12, 31), NOW)
    entry = Entry.objects.get(kind="permit.withdraw")
    assert (entry.data["was_to"], entry.data["last_day"]) == ("2028-12-31", "2026-12-31")
    for step in (lambda: withdrawn(world, permit, "2026-12-30"), lambda: corrected(world, permit, codes="HW08")):
        with pytest.raises(Refused, match="permit_withdrawn"):
            step()
    assert recorded(world, number="演示depot").pk != permit.pk


def test_one_recorded_by_mistake_never_held_and_renews_nothing(world: World) -> None:
    old, mistaken = of(world, "depot"), recorded(world, codes="HW08 HW49 HW06 HW12", valid_from="2026-11-01")
    assert is_renewed(old, [mistaken])
    mistaken = withdrawn(world, mistaken, "2001-01-01")
    assert not any(mistaken.valid_on(day) for day in (date(2026, 10, 31), date(2026, 11, 1)))
    # The old one was to be renewed once more, however late the mistaken one would have ended.
    Permit.objects.filter(pk=old.pk).update(valid_to=date(2026, 10, 1))
    old.refresh_from_db()
    assert not is_renewed(old, [mistaken])
    assert Entry.objects.get(kind="permit.withdraw").data["last_day"] is None


def test_a_permit_to_take_waste_becomes_none_to_carry_it(world: World) -> None:
    both = world.organisations["depot"]
    Organisation.objects.filter(pk=both.pk).update(roles=f"{both.roles} carrier")
    carries = {"kind": "transport", "codes": "", "yearly_mass_kg": ""}
    assert wrong(lambda: corrected(world, of(world, "depot"), **carries)) == {("kind", "permit_kind_fixed")}
    assert corrected(world, of(world, "depot"), kind="comprehensive").kind == "comprehensive"
    afresh(world)
    licence = recorded(world, **carries, number="2")
    operates = {"kind": "pilot", "codes": "HW08", "yearly_mass_kg": "1"}
    assert wrong(lambda: corrected(world, licence, **operates)) == {("kind", "permit_kind_fixed")}


def test_codes_are_read_in_full_width(world: World) -> None:
    assert recorded(world, codes="ＨＷ０８，９００－０４１－４９").codes == "HW08 900-041-49"


def test_one_that_begins_after_a_gap_renews_nothing(world: World) -> None:
    old = of(world, "depot")

    def following(first: date) -> Permit:
        return Permit(kind=old.kind, codes=old.codes, valid_from=first, valid_to=date(2033, 1, 1))

    assert is_renewed(old, [following(date(2029, 1, 1))])
    assert not is_renewed(old, [following(date(2029, 1, 2))])
    bridge = Permit(kind=old.kind, codes=old.codes, valid_from=date(2028, 6, 1), valid_to=date(2029, 1, 1))
    assert is_renewed(old, [bridge, following(date(2029, 1, 2))])


def test_a_licence_to_carry_is_renewed_by_one_that_names_no_codes(world: World) -> None:
    days = {"valid_from": date(2024, 1, 1), "valid_to": date(2028, 12, 31)}
    following = Permit(kind="transport", codes="", valid_from=date(2029, 1, 1), valid_to=date(2033, 1, 1))
    assert is_renewed(Permit(kind="transport", codes="HW08", **days), [following])


# --- what reads them ---------------------------------------------------------------------------------------


def test_what_may_be_sent_follows_and_what_was_received_stays(world: World) -> None:
    manifest, waiting = world.delivered(world.drum()), world.drum()
    receive(world, manifest, *read(manifest))
    manifest.refresh_from_db()
    state, lines = manifest.state, Entry.objects.filter(subject=manifest.subject).count()
    corrected(world, of(world, "depot"), codes="HW49")
    afresh(world)
    depot = world.organisations["depot"]
    (problem,) = receiver_problems(depot, depot.permits.all(), ["900-249-08"], NOW.date())
    assert problem.code == "permit_lacks_code"
    with pytest.raises(Refused, match="permit_lacks_code"):
        world.issued(waiting)
    manifest.refresh_from_db()
    assert (manifest.state, Entry.objects.filter(subject=manifest.subject).count()) == (state, lines)
    recorded(world)
    afresh(world)
    assert world.issued(waiting).state == "issued"


def test_a_carrier_carries_again_once_its_permit_is_on_record(world: World) -> None:
    carrier = of(world, "carrier")
    withdrawn(world, carrier, "2026-11-19")
    with pytest.raises(Refused, match="carrier_permit_expired"):
        world.issued(world.drum())
    recorded(world, of="carrier", kind="transport", codes="", yearly_mass_kg="")
    afresh(world)
    assert world.issued(world.drum()).state == "issued"


def open_kinds(world: World, name: str) -> set[str]:
    rows = Alert.objects.filter(organisation=world.organisations[name], resolved_at=None).exclude(state="watching")
    return set(rows.filter(kind__startswith="permit_").values_list("kind", flat=True))


def test_an_alert_of_its_end_ends_with_the_next_one_in_one_sweep(world: World) -> None:
    for name in ("depot", "carrier"):
        Permit.objects.filter(organisation=world.organisations[name]).update(valid_to=date(2026, 11, 30))
    sweep(NOW)
    assert open_kinds(world, "depot") == open_kinds(world, "carrier") == {"permit_expiry"}
    begins = {"valid_from": "2026-12-01", "valid_to": "2031-11-30"}
    recorded(world, codes="HW08 HW49 HW06 HW12", **begins)
    recorded(world, of="carrier", kind="transport", codes="", yearly_mass_kg="", **begins)
    sweep(NOW)
    assert open_kinds(world, "depot") == open_kinds(world, "carrier") == set()


def test_an_alert_of_its_renewal_ends_with_the_next_one_in_one_sweep(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=date(2027, 1, 10))
    sweep(NOW)
    assert open_kinds(world, "depot") == {"permit_renewal"}
    recorded(world, codes="HW08 HW49 HW06 HW12", valid_from="2027-01-11", valid_to="2031-11-30")
    sweep(NOW)
    assert open_kinds(world, "depot") == set()


def test_where_none_follows_the_alert_ends_with_the_withdrawal(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=date(2026, 11, 1))
    sweep(NOW)
    assert open_kinds(world, "depot") == {"permit_expiry"}
    withdrawn(world, of(world, "depot"), "2026-11-01")
    sweep(NOW)
    assert open_kinds(world, "depot") == set()


def test_waste_without_a_permit_is_told_and_ends_in_one_sweep(world: World) -> None:
    manifest = world.delivered(world.drum())
    receive(world, manifest, *read(manifest))
    sweep(NOW)
    permit = corrected(world, of(world, "depot"), codes="HW49")
    sweep(NOW)
    assert open_kinds(world, "depot") == {"permit_codes"}
    corrected(world, permit, codes="HW08 HW49")
    sweep(NOW)
    assert open_kinds(world, "depot") == set()


def test_the_years_mass_is_looked_at_anew_in_one_sweep(world: World) -> None:
    world.issued(world.drum(mass_kg="90"))
    sweep(NOW)
    for mass_kg, told in (("100", {"permit_mass"}), ("70", {"permit_overrun"}), ("5000", set())):
        corrected(world, of(world, "depot"), yearly_mass_kg=mass_kg)
        sweep(NOW)
        assert open_kinds(world, "depot") == told


def a_year(world: World) -> int | None:
    depot = Organisation.objects.get(pk=world.organisations["depot"].pk)
    return granted([one for one in depot.permits.all() if one.valid_on(NOW.date())])


def test_a_successor_within_the_term_does_not_double_the_years_mass(world: World) -> None:
    every = "HW08 HW49 HW06 HW12"
    assert a_year(world) == 10_000_000_000
    recorded(world, number="2", codes="HW09")
    assert a_year(world) == 15_000_000_000
    recorded(world, number="3", codes=every, yearly_mass_kg="8000000")
    assert a_year(world) == 13_000_000_000
    # One for a while beside the other adds to it.
    recorded(world, number="4", codes=every, valid_to="2026-12-31", yearly_mass_kg="1000000")
    assert a_year(world) == 14_000_000_000


EVERY = "HW08 HW49 HW06 HW12"


def took(world: World, mass_kg: str, on: str) -> None:
    """The depot has received so much on a day."""
    day = datetime.fromisoformat(on).replace(hour=9, tzinfo=NOW.tzinfo)
    manifest = world.delivered(world.drum(mass_kg=mass_kg, accumulation_start=on, now=day), now=day)
    receive(world, manifest, *read(manifest), now=day)


def permits(world: World, *terms: tuple[str, str, str], codes: str = EVERY) -> None:
    """The depot has only these: first and last day, and kilograms a year."""
    depot = world.organisations["depot"]
    Depot.objects.filter(permit__organisation=depot).update(permit=None)
    depot.permits.all().delete()
    Permit.objects.bulk_create(
        Permit(
            organisation=depot, number=f"n{n}", kind="pilot", codes=codes, valid_from=first, valid_to=last,
            yearly_mass_g=int(mass_kg) * 1000,
        )
        for n, (first, last, mass_kg) in enumerate(terms)
    )  # fmt: skip
    afresh(world)


def left_kg(world: World, on: str) -> float:
    depot = world.organisations["depot"]
    return yearly_left([depot], date.fromisoformat(on))[depot] / 1000


@pytest.mark.parametrize(
    ("first", "other_first"), [("2024-01-01", "2026-01-01"), ("2024-01-01", "2024-01-01"), ("2026-02-01", "2024-01-01")]
)
def test_what_was_taken_under_a_permit_that_is_withdrawn_uses_up_no_other(
    first: str, other_first: str, world: World
) -> None:
    permits(world, (first, "2028-12-31", "5000"), (other_first, "2028-12-31", "10"))
    took(world, "100", "2026-11-10")
    withdrawn(world, Permit.objects.get(number="n1"), "2026-11-20")
    withdrawn(world, Permit.objects.get(number="n0"), "2026-11-17")
    sweep(NOW)
    assert open_kinds(world, "depot") == set()
    afresh(world)
    assert left_kg(world, "2026-11-20") == 10
    # What is taken since is beyond what goes on.
    took(world, "12", "2026-11-19")
    with pytest.raises(Refused, match="permit_mass_exceeded"):
        took(world, "1", "2026-11-19")
    sweep(NOW)
    assert open_kinds(world, "depot") == {"permit_mass"}
    Permit.objects.filter(number="n1").update(yearly_mass_g=9000)
    sweep(later(1.1))
    Permit.objects.filter(number="n1").update(valid_to="2026-12-31")
    sweep(later(2.2))
    assert open_kinds(world, "depot") == {"permit_overrun"}
    with override("en"):
        told = explain(Alert.objects.get(kind="permit_overrun", resolved_at=None), NOW).sentence
    assert "12 kg since 2026-11-18: over 20 % more than the 9 kg a year of its permits" in told


def test_permits_that_follow_each_other_bear_what_was_taken_while_they_held(world: World) -> None:
    first, second = ("2024-01-01", "2026-06-30", "100"), ("2026-07-01", "2029-06-30", "100")
    permits(world, first, second)
    took(world, "80", "2026-06-30")
    took(world, "15", "2026-07-01")
    # The same year's mass once more, not twice.
    assert left_kg(world, "2026-11-20") == 5
    # A smaller one takes back nothing that was taken before it, and a larger one lets take more.
    permits(world, first, ("2026-07-01", "2029-06-30", "40"))
    assert left_kg(world, "2026-11-20") == 5
    permits(world, first, ("2026-07-01", "2029-06-30", "16"))
    assert left_kg(world, "2026-11-20") == 1
    permits(world, first, ("2026-07-01", "2029-06-30", "300"))
    assert left_kg(world, "2026-11-20") == 205
    # Another's codes are another mass.
    permits(world, first, second)
    Permit.objects.filter(number="n1").update(codes="HW09")
    afresh(world)
    assert left_kg(world, "2026-11-20") == 85


def test_what_ended_before_the_year_or_never_held_grants_nothing_in_it(world: World) -> None:
    holds = ("2024-01-01", "2028-12-31", "100")
    permits(world, holds, ("2020-01-01", "2025-12-31", "900"), ("2026-05-01", "2026-04-30", "900"))
    took(world, "60", "2026-03-01")
    assert left_kg(world, "2026-11-20") == 40
    permits(world, holds, ("2020-01-01", "2026-01-01", "900"))
    # One of the year's first day bears what was taken while it held, and what was taken since fits the other.
    assert left_kg(world, "2026-11-20") == 40
    permits(world, ("2024-01-01", "2026-11-19", "100"))
    assert not yearly_left([world.organisations["depot"]], NOW.date())


def test_where_one_of_the_year_named_no_mass_only_what_was_taken_since_is_measured(world: World) -> None:
    permits(world, ("2024-01-01", "2026-06-30", "0"), ("2026-07-01", "2029-06-30", "100"))
    Permit.objects.filter(number="n0").update(yearly_mass_g=None)
    afresh(world)
    took(world, "500", "2026-06-30")
    took(world, "15", "2026-07-01")
    assert left_kg(world, "2026-11-20") == 85


def test_the_masses_of_a_year_cost_one_query(world: World) -> None:
    permits(world, ("2024-01-01", "2026-06-30", "100"), ("2026-07-01", "2029-06-30", "100"))
    takers = list(Organisation.objects.prefetch_related("permits"))
    with queries() as found:
        assert len(yearly_left(takers, NOW.date())) > 1
    assert len(found) == 1


def test_who_holds_a_permit_declares_every_month_from_the_next_sweep_on(world: World) -> None:
    """A plant without one is a firm of little waste; with one, it is of key supervision (HJ 1259, 4.2.1)."""
    world.drum("plant", accumulation_start="2026-09-01", now=later(-60))
    withdrawn(world, of(world, "plant"), "2020-01-01")
    sweep(NOW)
    due = Alert.objects.get(kind="declaration", organisation=world.organisations["plant"], resolved_at=None)
    assert due.data["period"] == "2026"
    recorded(world, of="plant", valid_from="2024-01-01")
    sweep(NOW)
    due = Alert.objects.get(kind="declaration", organisation=world.organisations["plant"], resolved_at=None)
    assert due.data["period"].startswith("2026-")


# --- reading -----------------------------------------------------------------------------------------------


def test_an_organisation_reads_its_own_and_an_office_its_districts(world: World) -> None:
    found = {name: permits_of(world.actor(name)).count() for name in ("depot", "firm", "regulator", "regulator2")}
    assert found == {"depot": 1, "firm": 0, "regulator": 4, "regulator2": 0}
    with pytest.raises(NotFound, match="unknown_permit"):
        get_permit(world.actor("depot"), str(of(world, "plant").pk))


def test_what_ends_first_comes_first_and_what_is_over_last(world: World) -> None:
    ends = {"depot": date(2027, 3, 1), "depot2": date(2026, 11, 19), "carrier": NOW.date(), "plant": date(2026, 1, 1)}
    for name, day in ends.items():
        Permit.objects.filter(organisation=world.organisations[name]).update(valid_to=day)
    rows = ending_first(permits_of(world.actor("regulator")), NOW.date())
    assert [one.organisation.name for one in rows] == ["演示carrier", "演示depot", "演示depot2", "演示plant"]
    uscc = world.organisations["plant"].uscc
    for search in (uscc.lower(), "PLANT", "示plant"):
        assert [one.organisation.uscc for one in matching(rows, search)] == [uscc]


def test_a_list_of_permits_costs_one_query(world: World) -> None:
    for number in range(5):
        recorded(world, number=str(number))
    with queries() as found:
        assert len([one.organisation.name for one in permits_of(world.actor("regulator"))]) == 9
    assert len(found) == 1


def test_a_driver_of_an_office_is_no_officer(world: World) -> None:
    Membership.objects.filter(pk=world.memberships["regulator"].pk).update(role="driver")
    world.memberships["regulator"].refresh_from_db()
    with pytest.raises(NotPermitted, match="not_your_part"):
        recorded(world)


# --- the store that works under it -------------------------------------------------------------------------


def clause_at(world: World, on: date) -> str:
    depot = Depot.objects.select_related("site__organisation", "permit").get(pk=world.depots["depot"].pk)
    return plain_term(world.drum(), depot, since=on, on=on).limit.clause


def test_a_store_works_under_the_permit_that_follows_its_own(world: World) -> None:
    own = of(world, "depot")
    Permit.objects.filter(pk=own.pk).update(valid_to=date(2026, 11, 30))
    assert clause_at(world, date(2026, 12, 1)) == "storage_one_year"
    recorded(world, valid_from="2026-12-01")
    assert clause_at(world, date(2026, 11, 30)) == "storage_one_year"
    assert clause_at(world, date(2026, 12, 1)) == "collection_permit_90_days"
    recorded(world, number="浙危收 2号", kind="pilot", valid_from="2026-12-01")
    assert clause_at(world, date(2026, 12, 1)) == "storage_one_year"


def test_a_licence_to_carry_is_none_to_store(world: World) -> None:
    Permit.objects.filter(pk=of(world, "depot").pk).update(kind="transport")
    assert clause_at(world, NOW.date()) == "storage_one_year"
    recorded(world)
    assert clause_at(world, NOW.date()) == "collection_permit_90_days"
