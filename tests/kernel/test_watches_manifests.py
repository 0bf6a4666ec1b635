"""What falls due with manifests, permits, vehicles and contracts: to the second, by themselves, at a constant cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override

from manifests import services as manifests
from manifests.models import Approval, Contract, Discrepancy, Manifest, PlannedTransfer
from manifests.permits import is_renewed
from tests.api.test_queries import queries
from tests.kernel.test_drafting import paper_draft, second_carrier, typed_in
from tests.kernel.test_receipt import read, receive
from tests.world import NOW, TODAY, ZONE, World, later
from wastetrack.alerts.models import Alert, Severity
from wastetrack.alerts.registry import Look, watch_of
from wastetrack.alerts.selectors import explain, open_alerts
from wastetrack.alerts.services import settle, sweep
from wastetrack.districts.services import set_figure, tighten
from wastetrack.fleet import end_vehicle, set_vehicle
from wastetrack.parties.models import Membership, Organisation, Permit, Site, Vehicle
from wastetrack.regulations.calendar import add_working_days
from wastetrack.waste.models import Container

pytestmark = pytest.mark.once

SECOND = timedelta(seconds=1)


def the(kind: str) -> Alert | None:
    """The open or quiet alert of this kind, if there is one; of several, the one that is told first."""
    return Alert.objects.filter(kind=kind, resolved_at=None).order_by("warn_at").first()


def state(kind: str) -> str | None:
    found = the(kind)
    return found.state if found else None


def swept(kind: str, now: datetime) -> str | None:
    sweep(now)
    return state(kind)


def said(kind: str, now: datetime = NOW, language: str = "en") -> str:
    alert = the(kind)
    assert alert is not None
    with override(language):
        return explain(alert, now).sentence


def day(text: str) -> datetime:
    """The first moment of a local day."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def after(text: str) -> datetime:
    """The first moment of the day after."""
    return day(text) + timedelta(days=1)


def find_cost(kind: str, abouts: list[str], now: datetime = NOW) -> int:
    watch = watch_of(kind)
    assert watch.find is not None
    with queries() as found:
        assert len(list(watch.find(abouts, Look(now)))) == len(abouts)
    return len(found)


def of_district(world: World, key: str, value: object, now: datetime = NOW) -> None:
    set_figure(actor=world.actor("regulator"), key=key, value=value, source="演示文件", now=now)


def heavy(world: World, mass_kg: str, waste_code: str = "900-249-08") -> Container:
    return world.drum(mass_kg=mass_kg, waste_code=waste_code)


def same(manifest: Manifest, mass_kg: str) -> dict[str, Any]:
    return {"container": manifest.lines.get().container.code, "mass_kg": mass_kg}


# --- a receipt to confirm ----------------------------------------------------------------------------------


def test_a_receipt_is_warned_of_on_the_fourth_working_day_and_late_after_the_fifth(world: World) -> None:
    manifest = world.delivered(world.drum())
    for now, expected in (
        (NOW, "watching"),
        (day("2026-11-26") - SECOND, "watching"),
        (day("2026-11-26"), "warned"),
        (after("2026-11-27") - 2 * SECOND, "warned"),
        (after("2026-11-27"), "overdue"),
    ):
        assert swept("receipt", now) == expected
    assert said("receipt", day("2026-11-30")) == (
        f"Manifest {manifest.number} from 演示firm should have been confirmed by 演示depot by 2026-11-27: 3 days over."
    )
    readers = {name: open_alerts(world.actor(name)).filter(kind="receipt").count() for name in ("firm", "firm2")}
    assert readers == {"firm": 1, "firm2": 0}
    receive(world, manifest, *read(manifest), now=later(20))
    assert swept("receipt", later(20)) is None


def test_a_district_and_a_receiver_move_what_is_awaited_already(world: World) -> None:
    world.delivered(world.drum())
    assert swept("receipt", NOW) == "watching"
    tighten(actor=world.actor("depot"), key="manifest.confirm_warn_working_days", value=2, now=NOW)
    assert swept("receipt", day("2026-11-24") - SECOND) == "watching"
    assert swept("receipt", day("2026-11-24")) == "warned"
    of_district(world, "manifest.confirm_working_days", 3)
    assert swept("receipt", after("2026-11-25")) == "overdue"


def test_a_new_receipt_is_awaited_by_its_receivers_own_figure_at_once(world: World) -> None:
    tighten(actor=world.actor("depot"), key="manifest.confirm_warn_working_days", value=1, now=NOW)
    world.delivered(world.drum())
    alert = the("receipt")
    assert alert is not None
    assert alert.warn_at == day("2026-11-23")


# --- paper to type in --------------------------------------------------------------------------------------


def test_paper_is_looked_at_anew_when_its_district_wants_it_earlier(world: World) -> None:
    manifest = paper_draft(world, world.drum(accumulation_start="2026-11-10"), NOW)
    assert swept("paper", day("2026-12-02") - SECOND) == "watching"
    of_district(world, "manifest.paper_warn_working_days", 3)
    assert swept("paper", day("2026-12-02") - SECOND) == "warned"
    assert manifest.number in said("paper")
    assert swept("paper", after("2026-12-04")) == "overdue"
    typed_in(world, manifest, later(-1), NOW, now=later(20))
    assert swept("paper", later(20)) is None


def test_a_paper_draft_to_another_receiver_says_so(world: World) -> None:
    drum = world.drum(accumulation_start="2026-11-10")
    manifest = paper_draft(world, drum, NOW)
    assert swept("paper", day("2026-12-02")) == "warned"
    assert "演示depot " in said("paper")
    wanted = manifests.Wanted(world.organisations["depot2"], [drum], carriers=[world.organisations["carrier"]])
    manifests.revise(actor=world.actor("firm"), manifest=manifest, wanted=wanted, now=NOW)
    sweep(day("2026-12-02"))
    assert "演示depot2" in said("paper")


# --- approvals ---------------------------------------------------------------------------------------------


def approved(world: World, **said: Any) -> Approval:
    plant = world.organisations["plant"]
    Organisation.objects.filter(pk=plant.pk).update(division="310115")
    plant.refresh_from_db()
    asked: dict[str, Any] = {
        "actor": world.actor("firm"),
        "number": "演示 1",
        "receiver": plant,
        "waste_codes": ["900-249-08"],
        "mass_kg": "100",
        "method": "R9",
        "valid_from": TODAY,
        "valid_to": date(2027, 5, 31),
        "now": NOW,
    }
    return manifests.record_approval(**asked | said)


def test_an_approvals_end_is_told_thirty_days_before_and_after(world: World) -> None:
    approved(world)
    for now, expected in (
        (day("2027-05-01") - SECOND, "watching"),
        (day("2027-05-01"), "warned"),
        (after("2027-05-31"), "overdue"),
        (after("2027-06-30") - SECOND, "overdue"),
        (after("2027-06-30"), None),
    ):
        assert swept("approval", now) == expected


def test_a_later_approval_of_all_its_codes_ends_the_warning(world: World) -> None:
    approved(world)
    assert swept("approval", day("2027-05-01")) == "warned"
    approved(world, number="演示 2", waste_codes=["900-214-08"], valid_to=date(2027, 9, 1), now=day("2027-05-02"))
    sweep(day("2027-05-02"))
    assert Alert.objects.filter(kind="approval", state="warned").count() == 1
    approved(world, number="演示 3", valid_to=date(2027, 10, 1), now=day("2027-05-03"))
    sweep(day("2027-05-03"))
    assert not Alert.objects.filter(kind="approval", state="warned").exists()


def test_an_approval_is_warned_of_at_four_fifths_and_over_when_used_up(world: World) -> None:
    approved(world)
    world.issued(heavy(world, "79.999"), to="plant")
    assert swept("approval_used", NOW) is None
    first = world.issued(heavy(world, "0.001"), to="plant")
    assert swept("approval_used", NOW) == "warned"
    assert said("approval_used") == (
        "Approval 演示 1 to send waste to 演示plant has 20 kg left of 100 kg: apply anew before it is used up."
    )
    world.issued(heavy(world, "20"), to="plant")
    assert swept("approval_used", NOW) == "overdue"
    assert "used up, all 100 kg, since 2026-11-20" in said("approval_used")
    manifests.cancel(actor=world.actor("firm"), manifest=first, reason="r", now=NOW)
    # Less was issued on it after all.
    assert swept("approval_used", NOW) == "warned"
    assert swept("approval_used", after("2027-05-31")) is None


def test_a_refused_load_and_another_approval_relieve_one_that_is_used_up(world: World) -> None:
    approved(world)
    manifest = world.delivered(heavy(world, "100"), to="plant")
    assert swept("approval_used", NOW) == "overdue"
    approved(world, number="演示 2")
    assert swept("approval_used", NOW) is None
    Approval.objects.filter(number="演示 2").update(valid_to=TODAY)
    assert swept("approval_used", later(1.1)) == "overdue"
    row = same(manifest, "100") | {"outcome": "rejected", "reason": "r"}
    receipts = manifests.read_receipts(manifest, [row])
    plant: dict[str, Any] = {"actor": world.actor("plant"), "depot": world.depots["plant"]}
    manifests.receive(**plant, manifest=manifest, receipts=receipts, now=later(2))
    assert swept("approval_used", later(2)) is None


def test_who_wants_to_hear_earlier_of_an_approval_does(world: World) -> None:
    approved(world)
    world.issued(heavy(world, "50"), to="plant")
    assert swept("approval_used", NOW) is None
    tighten(actor=world.actor("firm"), key="manifest.approval_used_warn_percent", value=50, now=NOW)
    assert swept("approval_used", NOW) == "warned"


# --- differences in mass -----------------------------------------------------------------------------------


def received_as(world: World, mass_kg: str, now: datetime = NOW) -> Manifest:
    manifest = world.delivered(heavy(world, "100"), now=now)
    return receive(world, manifest, *read(manifest, same(manifest, mass_kg)), now=now)


def settle_both(world: World, manifest: Manifest, mass_kg: str, now: datetime) -> None:
    for side in ("firm", "depot"):
        manifests.settle(
            actor=world.actor(side), manifest=manifest, line=manifest.lines.get(), mass_kg=mass_kg, note="", now=now
        )


def test_a_significant_difference_is_settled_in_the_districts_days(world: World) -> None:
    manifest = received_as(world, "80")
    assert swept("discrepancy", NOW) == "warned"
    assert (state("deviation"), open_alerts(world.actor("depot")).filter(kind="discrepancy").count()) == (None, 1)
    assert swept("discrepancy", after("2026-11-27") - 2 * SECOND) == "warned"
    of_district(world, "manifest.settle_days", 3)
    assert swept("discrepancy", after("2026-11-23")) == "overdue"
    settle_both(world, manifest, "80", later(9))
    assert swept("discrepancy", later(9)) is None


def test_a_lesser_difference_is_a_notice_until_both_have_agreed(world: World) -> None:
    manifest = received_as(world, "96.9")
    assert swept("deviation", NOW) == "warned"
    alert = the("deviation")
    assert alert is not None
    assert (alert.severity, state("discrepancy")) == (Severity.NOTICE, None)
    assert said("deviation") == (
        f"Of manifest {manifest.number}, 演示depot weighed 96.9 kg where 演示firm declared 100 kg: agree on one mass."
    )
    settle_both(world, manifest, "97", NOW)
    assert swept("deviation", NOW) is None


def test_within_the_limits_nothing_is_noted(world: World) -> None:
    received_as(world, "97")
    assert swept("deviation", NOW) is None


def test_a_lesser_difference_is_told_for_thirty_days_or_as_many_as_the_district_says(world: World) -> None:
    received_as(world, "96")
    assert swept("deviation", later(30) - SECOND) == "warned"
    assert swept("deviation", later(30)) is None
    of_district(world, "mass_deviation.notice_days", 40)
    assert swept("deviation", later(30)) == "warned"
    assert swept("deviation", later(40)) is None
    assert Discrepancy.objects.get().settled_at is None


def test_weighed_again_within_the_limits_it_is_over(world: World) -> None:
    manifest = received_as(world, "96")
    assert swept("deviation", NOW) == "warned"
    manifests.weigh_again(actor=world.actor("depot"), line=manifest.lines.get(), mass_g=100_000, now=NOW)
    assert swept("deviation", NOW) is None


# --- on the road -------------------------------------------------------------------------------------------


def test_a_load_is_late_after_two_days_and_warned_of_half_a_day_before(world: World) -> None:
    manifest = world.departed(world.drum())
    late = NOW + timedelta(hours=48)
    for now, expected in (
        (late - timedelta(hours=12) - SECOND, "watching"),
        (late - timedelta(hours=12), "warned"),
        (late - SECOND, "warned"),
        (late, "overdue"),
    ):
        assert swept("transit", now) == expected
    assert said("transit", late) == (
        f"The load of manifest {manifest.number} from 演示firm to 演示depot, carried by 演示carrier, should have "
        "arrived by 2026-11-22 09:00 and is still on the road."
    )
    told = {name: open_alerts(world.actor(name)).filter(kind="transit").count() for name in world.organisations}
    assert {name for name, n in told.items() if n} == {"carrier", "firm", "depot", "regulator"}
    manifests.deliver(actor=world.actor("carrier"), manifest=manifest, now=late)
    assert swept("transit", late) is None


def test_what_is_not_gone_or_called_off_is_not_late(world: World) -> None:
    world.issued(world.drum())
    assert swept("transit", later(9)) is None
    manifest = world.departed(world.drum())
    assert swept("transit", later(3)) == "overdue"
    manifests.propose(actor=world.actor("firm"), manifest=manifest, cancels=True, changes={}, reason="r", now=later(3))
    manifests.approve(actor=world.actor("carrier"), manifest=manifest, now=later(3))
    assert swept("transit", later(3)) is None


def test_who_took_a_load_over_answers_for_it_from_the_first_departure_on(world: World) -> None:
    manifest = world.departed(world.drum())
    assert swept("transit", later(3)) == "overdue"
    second = second_carrier(world)
    manifests.hand_over(actor=world.actor("carrier"), manifest=manifest, carrier=second, place="演示站", now=later(3))
    manifests.take_over(actor=world.actor("carrier2"), manifest=manifest, now=later(3))
    sweep(later(3))
    alert = Alert.objects.get(kind="transit", resolved_at=None)
    assert (alert.organisation, alert.state, alert.due_at) == (second, "overdue", NOW + timedelta(hours=48))


def test_a_load_to_another_province_has_longer(world: World) -> None:
    approved(world)
    world.departed(world.drum(), to="plant")
    assert swept("transit", NOW + timedelta(hours=108) - SECOND) == "watching"
    assert swept("transit", NOW + timedelta(hours=120)) == "overdue"


def test_a_district_that_waits_less_hears_earlier(world: World) -> None:
    world.departed(world.drum())
    assert swept("transit", NOW) == "watching"
    of_district(world, "transit.hours", 6)
    assert swept("transit", NOW) == "warned"
    assert swept("transit", NOW + timedelta(hours=6)) == "overdue"


def test_paper_is_never_on_the_road(world: World) -> None:
    manifest = paper_draft(world, world.drum(accumulation_start="2026-11-10"), later(-1))
    typed_in(world, manifest, later(-9), later(-1), now=NOW)
    assert swept("transit", NOW) is None


# --- the plan ----------------------------------------------------------------------------------------------


def planned(world: World, mass_kg: str, waste_code: str = "900-249-08", now: datetime = NOW) -> None:
    manifests.plan_transfer(
        actor=world.actor("firm"),
        site=Site.objects.get(organisation=world.organisations["firm"]),
        year=now.year,
        waste_code=waste_code,
        receiver=world.organisations["depot"],
        mass_kg=mass_kg,
        now=now,
    )


def test_without_any_plan_nothing_is_beyond_it(world: World) -> None:
    sweep(NOW)
    world.issued(heavy(world, "100"))
    assert swept("plan", NOW) is None


def test_more_than_planned_is_said_and_an_amendment_ends_it(world: World) -> None:
    planned(world, "100")
    world.issued(heavy(world, "89.999"))
    assert swept("plan", NOW) is None
    world.issued(heavy(world, "0.001"))
    assert swept("plan", NOW) == "warned"
    world.issued(heavy(world, "10"))
    assert swept("plan", NOW) == "warned"
    manifest = world.issued(heavy(world, "0.001"))
    assert swept("plan", NOW) == "overdue"
    assert said("plan") == (
        "演示firm厂区 has sent more than its plan of 2026 foresees (sent / planned): "
        "900-249-08 → 演示depot 100.001 kg / 100 kg."
    )
    alert = the("plan")
    assert alert is not None
    assert explain(alert, NOW).link.endswith("&year=2026")
    manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="r", now=NOW)
    assert swept("plan", NOW) == "warned"
    planned(world, "1000")
    assert swept("plan", NOW) is None


def test_what_the_plan_does_not_name_is_beyond_it(world: World) -> None:
    world.issued(heavy(world, "1", "900-214-08"))
    world.issued(heavy(world, "1"), to="depot2")
    planned(world, "100")
    assert swept("plan", NOW) == "overdue"
    assert "900-214-08 → 演示depot 1 kg / 0 kg; 900-249-08 → 演示depot2 1 kg / 0 kg." in said("plan")


def test_the_plan_of_a_year_is_told_of_until_its_declaration_is_due(world: World) -> None:
    planned(world, "1")
    world.issued(heavy(world, "2"))
    assert swept("plan", day("2027-04-01") - SECOND) in ("overdue", "escalated")
    assert swept("plan", day("2027-04-01")) is None


def test_who_wants_to_hear_earlier_of_the_plan_does(world: World) -> None:
    planned(world, "100")
    world.issued(heavy(world, "50"))
    assert swept("plan", NOW) is None
    tighten(actor=world.actor("firm"), key="plan.warn_percent", value=50, now=NOW)
    assert swept("plan", NOW) == "warned"


# --- permits -----------------------------------------------------------------------------------------------


def ending(world: World, last: date, name: str = "depot") -> Organisation:
    """An organisation whose permit ends with a day; all the others' hold on."""
    organisation = world.organisations[name]
    Permit.objects.exclude(organisation=organisation).update(valid_to=date(2040, 1, 1))
    Permit.objects.filter(organisation=organisation).update(valid_to=last)
    return organisation


def told_of_permit(organisation: Organisation, now: datetime) -> dict[str, str]:
    """What is open of its permit's end, by kind, after a sweep."""
    sweep(now)
    rows = Alert.objects.filter(organisation=organisation, resolved_at=None).exclude(state="watching")
    return dict(rows.filter(kind__in=("permit_expiry", "permit_renewal")).values_list("kind", "state"))


def test_one_alert_at_a_time_tells_of_a_permits_end(world: World) -> None:
    """Sixty days before it ends, until the last of thirty working days before; from then on, of the end itself."""
    depot = ending(world, date(2027, 6, 30))
    assert add_working_days(date(2027, 6, 30), -30) == date(2027, 5, 19)
    for now, expected in (
        (NOW, {}),
        (day("2027-05-01") - SECOND, {}),
        (day("2027-05-01"), {"permit_renewal": "warned"}),
        (day("2027-05-09"), {"permit_renewal": "warned"}),
        (after("2027-05-19") - 2 * SECOND, {"permit_renewal": "warned"}),
        (after("2027-05-19"), {"permit_expiry": "warned"}),
        (after("2027-06-30") - 2 * SECOND, {"permit_expiry": "warned"}),
        (after("2027-06-30"), {"permit_expiry": "overdue"}),
        (after("2028-06-30"), {"permit_expiry": "overdue"}),
    ):
        assert told_of_permit(depot, now) == expected, now


def test_both_days_of_a_permits_end_are_told(world: World) -> None:
    ending(world, date(2027, 6, 30))
    assert swept("permit_renewal", day("2027-05-01")) == "warned"
    alert = the("permit_renewal")
    assert alert is not None
    assert (alert.severity, alert.for_district) == (Severity.WARNING, False)
    assert "ends on 2027-06-30: its renewal is to be asked for by 2027-05-19" in said("permit_renewal")


def test_the_office_that_alone_can_end_it_is_told_of_a_permits_end_at_once(world: World) -> None:
    depot = ending(world, date(2027, 6, 30))
    sweep(day("2027-05-20"))
    alert = Alert.objects.get(kind="permit_expiry", organisation=depot)
    assert (alert.state, alert.for_district) == ("warned", True)


def test_a_district_that_wants_renewals_earlier_hands_over_to_the_end_earlier(world: World) -> None:
    depot = ending(world, date(2027, 6, 30))
    of_district(world, "permit.warn_days", 70)
    assert told_of_permit(depot, day("2027-04-21") - SECOND) == {}
    assert told_of_permit(depot, day("2027-04-21")) == {"permit_renewal": "warned"}
    tighten(actor=world.actor("depot"), key="permit.renewal_warn_days", value=60, now=NOW)
    assert told_of_permit(depot, day("2027-03-20")) == {"permit_renewal": "warned"}


def test_a_carriers_licence_is_a_paper_like_others(world: World) -> None:
    carrier = world.organisations["carrier"]
    Permit.objects.filter(organisation=carrier).update(valid_to=date(2027, 6, 30))
    sweep(NOW)
    alert = Alert.objects.get(kind="permit_expiry", organisation=carrier)
    assert (alert.warn_at, alert.clause) == (day("2027-05-31"), "transport")
    assert not Alert.objects.filter(kind="permit_renewal", organisation=carrier).exists()


def test_a_permit_is_renewed_by_later_ones_that_name_all_it_names(world: World) -> None:
    def permit(codes: str, until: date, kind: str = "comprehensive") -> Permit:
        return Permit(kind=kind, codes=codes, valid_from=TODAY, valid_to=until)

    old = permit("HW08 900-041-49", date(2027, 1, 1))
    assert is_renewed(old, [permit("HW08", date(2028, 1, 1)), permit("HW49", date(2029, 1, 1))])
    assert not is_renewed(old, [permit("HW08", date(2028, 1, 1))])
    assert not is_renewed(old, [permit("HW08 HW49", date(2027, 1, 1))])
    assert not is_renewed(old, [permit("HW08 HW49", date(2028, 1, 1), kind="transport")])
    assert not is_renewed(permit("", date(2027, 1, 1), kind="transport"), [])


def test_who_has_given_the_business_up_renews_nothing(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=date(2026, 11, 1))
    Organisation.objects.filter(pk=world.organisations["depot"].pk).update(roles="generator")
    sweep(NOW)
    assert not Alert.objects.filter(kind="permit_expiry", organisation=world.organisations["depot"]).exists()


def granted(world: World, mass_kg: int, name: str = "depot") -> None:
    Permit.objects.filter(organisation=world.organisations[name]).update(yearly_mass_g=mass_kg * 1000)


def test_the_years_mass_is_warned_of_at_four_fifths_full_at_all_and_needs_a_permit_beyond_a_fifth_more(
    world: World,
) -> None:
    granted(world, 100)
    world.issued(heavy(world, "79.999"))
    assert swept("permit_mass", NOW) is None
    world.issued(heavy(world, "0.001"))
    assert swept("permit_mass", NOW) == "warned"
    assert said("permit_mass") == (
        "演示depot has taken, or is to get, 80 kg since 2026-01-01: 80 % of the 100 kg that its permits let it take a "
        "year."
    )
    world.issued(heavy(world, "20"))
    assert swept("permit_mass", NOW) == "overdue"
    world.issued(heavy(world, "20"))
    assert (swept("permit_mass", NOW), state("permit_overrun")) == ("overdue", None)
    granted(world, 99)
    sweep(later(1.1))
    assert (state("permit_mass"), state("permit_overrun")) == (None, "overdue")
    assert "over 20 % more than the 99 kg a year of its permits" in said("permit_overrun")


def test_what_is_refused_does_not_count_for_the_year(world: World) -> None:
    granted(world, 100)
    manifest = world.delivered(heavy(world, "90"))
    assert swept("permit_mass", NOW) == "warned"
    row = same(manifest, "90") | {"outcome": "rejected", "reason": "r"}
    receive(world, manifest, *read(manifest, row))
    assert swept("permit_mass", NOW) is None


def test_a_new_year_begins_with_nothing_taken(world: World) -> None:
    granted(world, 100)
    manifest = world.delivered(heavy(world, "90"))
    receive(world, manifest, *read(manifest))
    assert swept("permit_mass", day("2027-01-01") - SECOND) == "warned"
    assert swept("permit_mass", day("2027-01-01")) is None


def test_a_stricter_district_and_receiver_hear_earlier_of_the_years_mass(world: World) -> None:
    granted(world, 100)
    world.issued(heavy(world, "60"))
    world.issued(heavy(world, "50"))
    assert swept("permit_mass", NOW) == "overdue"
    of_district(world, "permit.overrun_percent", 5)
    assert swept("permit_overrun", NOW) == "overdue"
    granted(world, 200)
    tighten(actor=world.actor("depot"), key="permit.mass_warn_percent", value=55, now=NOW)
    assert (swept("permit_mass", later(1.1)), state("permit_overrun")) == ("warned", None)


def test_where_a_permit_names_no_mass_nothing_is_too_much(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(yearly_mass_g=None)
    world.issued(heavy(world, "1000"))
    assert swept("permit_mass", NOW) is None


def test_waste_that_no_permit_names_is_told_on_its_way_and_in_the_store(world: World) -> None:
    manifest = world.delivered(world.drum())
    assert swept("permit_codes", NOW) is None
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="HW49")
    assert swept("permit_codes", later(1.1)) == "warned"
    assert said("permit_codes").endswith("is on its way there (drums: 1): 900-249-08.")
    receive(world, manifest, *read(manifest), now=later(2))
    assert swept("permit_codes", later(2)) == "overdue"
    assert "stands in its store (drums: 1, noticed since 2026-11-21): 900-249-08." in said("permit_codes")
    drum = Container.objects.get()
    onward = world.issued(drum, sender="depot", to="plant", now=later(2))
    assert swept("permit_codes", later(2)) == "overdue"
    manifests.depart(actor=world.actor("carrier"), manifest=onward, now=later(2))
    assert swept("permit_codes", later(2)) is None


def test_all_codes_are_told_that_no_permit_names(world: World) -> None:
    codes = ["900-200-08", "900-201-08", "900-203-08", "900-204-08", "900-205-08", "900-214-08", "900-249-08"]
    for code in codes:
        world.issued(world.drum(waste_code=code))
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="HW49")
    assert swept("permit_codes", NOW) == "warned"
    assert said("permit_codes").endswith(f"(drums: 7): {', '.join(codes)}.")


def test_for_its_own_waste_nobody_needs_a_permit(world: World) -> None:
    world.drum("depot", waste_code="900-404-06")
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="HW49")
    assert swept("permit_codes", NOW) is None


def test_a_permit_that_has_ended_names_nothing(world: World) -> None:
    manifest = world.delivered(world.drum())
    receive(world, manifest, *read(manifest))
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=TODAY)
    assert swept("permit_codes", NOW) is None
    assert swept("permit_codes", later(1.1)) == "overdue"


# --- vehicles and contracts --------------------------------------------------------------------------------


@pytest.fixture
def office(world: World) -> World:
    """The carrier's user sits in its office."""
    Membership.objects.filter(pk=world.memberships["carrier"].pk).update(role="operator")
    world.memberships["carrier"].refresh_from_db()
    return world


def certified(world: World, until: date | None, now: datetime = NOW) -> Vehicle:
    return set_vehicle(actor=world.actor("carrier"), plate="浙D00001", valid_to=until, now=now)


def test_a_vehicles_certificate_is_warned_of_thirty_days_before_it_ends(office: World) -> None:
    certified(office, None)
    assert swept("vehicle_expiry", NOW) is None
    certified(office, date(2027, 3, 31))
    for now, expected in (
        (day("2027-03-01") - SECOND, "watching"),
        (day("2027-03-01"), "warned"),
        (after("2027-03-31") - 2 * SECOND, "warned"),
        (after("2027-03-31"), "overdue"),
    ):
        assert swept("vehicle_expiry", now) == expected
    assert said("vehicle_expiry", day("2027-04-02")) == (
        "The transport certificate of vehicle 浙D00001 of 演示carrier ended on 2027-03-31: it departs with nothing "
        "until it is renewed."
    )
    certified(office, date(2028, 3, 31), now=day("2027-04-02"))
    assert swept("vehicle_expiry", day("2027-04-02")) == "watching"


def test_a_vehicle_that_is_off_the_record_has_no_papers(office: World) -> None:
    certified(office, TODAY)
    assert swept("vehicle_expiry", NOW) == "warned"
    end_vehicle(actor=office.actor("carrier"), plate="浙D00001", now=NOW)
    assert swept("vehicle_expiry", NOW) is None


def test_who_wants_to_hear_earlier_of_papers_does(office: World) -> None:
    certified(office, date(2027, 1, 31))
    assert swept("vehicle_expiry", NOW) == "watching"
    tighten(actor=office.actor("carrier"), key="papers.warn_days", value=90, now=NOW)
    assert swept("vehicle_expiry", NOW) == "warned"


def contracted(world: World, number: str = "演示合同 1", **said: Any) -> Contract:
    asked: dict[str, Any] = {
        "actor": world.actor("firm"),
        "number": number,
        "partner": world.organisations["depot"],
        "purpose": "take",
        "valid_from": TODAY,
        "valid_to": date(2027, 5, 31),
        "now": NOW,
    }
    return manifests.record_contract(**asked | said)


def test_a_contracts_end_is_told_thirty_days_before_and_after_to_who_recorded_it(world: World) -> None:
    contracted(world)
    for now, expected in (
        (NOW, "watching"),
        (day("2027-05-01") - SECOND, "watching"),
        (day("2027-05-01"), "warned"),
        (after("2027-05-31"), "overdue"),
    ):
        assert swept("contract_expiry", now) == expected
    assert said("contract_expiry") == (
        "Contract 演示合同 1 between 演示firm and 演示depot ended on 2027-05-31, and no later one is on record."
    )
    seen = {name for name in world.organisations if open_alerts(world.actor(name)).filter(kind="contract_expiry")}
    # The partner has confirmed nothing: what others write down is no alert of its own.
    assert seen == {"firm", "regulator"}
    assert swept("contract_expiry", after("2027-06-30")) is None


def test_a_later_contract_for_the_same_ends_the_warning(world: World) -> None:
    contracted(world)
    assert swept("contract_expiry", day("2027-05-01")) == "warned"
    carrier = {"partner": world.organisations["carrier"], "purpose": "carry"}
    contracted(world, "演示合同 2", valid_to=date(2028, 1, 1), **carrier)
    assert swept("contract_expiry", day("2027-05-01")) == "warned"
    contracted(world, "演示合同 3", valid_to=date(2028, 1, 1))
    sweep(day("2027-05-01"))
    assert not Alert.objects.filter(kind="contract_expiry", state="warned").exists()


# --- what a look costs -------------------------------------------------------------------------------------


def receipts_of(world: World, n: int) -> list[str]:
    return [world.delivered(world.drum()).subject for _ in range(n)]


def papers_of(world: World, n: int) -> list[str]:
    return [paper_draft(world, world.drum(accumulation_start="2026-11-10"), NOW).subject for _ in range(n)]


def approvals_of(world: World, n: int) -> list[str]:
    # Each for another waste, so that none stands in for another.
    codes = ["900-249-08", "900-214-08", "900-217-08", "900-218-08", "900-220-08", "900-203-08"]
    return [f"approval:{approved(world, number=str(i), waste_codes=[codes[i]]).pk}" for i in range(n)]


def used_of(world: World, n: int) -> list[str]:
    found = approvals_of(world, n)
    for approval in Approval.objects.all():
        world.issued(heavy(world, "100", approval.waste_codes), to="plant")
    return found


def noted_of(world: World, n: int) -> list[str]:
    return [received_as(world, "96").subject for _ in range(n)]


def grave_of(world: World, n: int) -> list[str]:
    return [received_as(world, "50").subject for _ in range(n)]


def on_the_road_of(world: World, n: int) -> list[str]:
    return [world.departed(world.drum()).subject for _ in range(n)]


def plans_of(world: World, n: int) -> list[str]:
    firm = world.organisations["firm"]
    world.issued(heavy(world, "5"))
    sites = [Site.objects.get(organisation=firm)]
    sites += [
        Site.objects.create(organisation=firm, code=f"{firm.uscc}{i + 2:03}P", name="s", division="330602")
        for i in range(n - 1)
    ]
    for site in sites:
        asked = {"waste_code": "900-249-08", "receiver": world.organisations["depot"], "mass_g": 1000, "set_at": NOW}
        PlannedTransfer.objects.create(site=site, year=2026, **asked)
    Manifest.objects.update(sender_site=sites[0])
    for site in sites[1:]:
        manifest = world.issued(heavy(world, "5"))
        Manifest.objects.filter(pk=manifest.pk).update(sender_site=site)
    return [f"plan:{site.code}:2026" for site in sites]


def depots_of(world: World, n: int) -> list[str]:
    """Receivers that stand at their permit's mass, and whose permit names nothing."""
    found = []
    for i in range(n):
        name = f"taker{i}"
        organisation = world.add(name, "collector")
        permit = world.permit(name, "HW08", kind="pilot")
        world.add_depot(name, "collection_depot", bays=1, permit=permit)
        world.issued(heavy(world, "100"), to=name)
        Permit.objects.filter(pk=permit.pk).update(codes="HW49", yearly_mass_g=100_000)
        found.append(f"organisation:{organisation.uscc}")
    return found


def beyond_of(world: World, n: int) -> list[str]:
    found = depots_of(world, n)
    Permit.objects.filter(yearly_mass_g=100_000).update(yearly_mass_g=10_000)
    return found


def permits_of(world: World, n: int) -> list[str]:
    depots_of(world, n)
    return [f"permit:{permit.pk}" for permit in Permit.objects.filter(yearly_mass_g=100_000)]


def vehicles_of(world: World, n: int) -> list[str]:
    carrier = world.organisations["carrier"]
    made = [Vehicle.objects.create(organisation=carrier, plate=f"浙A0000{i}", valid_to=TODAY) for i in range(n)]
    return [f"vehicle:{one.pk}" for one in made]


def contracts_of(world: World, n: int) -> list[str]:
    firms = [world.add(f"partner{i}", "collector") for i in range(n)]
    return [f"contract:{contracted(world, str(i), partner=firm).pk}" for i, firm in enumerate(firms)]


COSTS: dict[str, Callable[[World, int], list[str]]] = {
    "receipt": receipts_of,
    "paper": papers_of,
    "approval": approvals_of,
    "approval_used": used_of,
    "discrepancy": grave_of,
    "deviation": noted_of,
    "transit": on_the_road_of,
    "plan": plans_of,
    "permit_mass": depots_of,
    "permit_overrun": beyond_of,
    "permit_codes": depots_of,
    "permit_expiry": permits_of,
    "permit_renewal": permits_of,
    "vehicle_expiry": vehicles_of,
    "contract_expiry": contracts_of,
}


@pytest.mark.parametrize("kind", COSTS)
def test_a_look_costs_the_same_for_one_and_for_several(kind: str, world: World) -> None:
    abouts = COSTS[kind](world, 6)
    assert find_cost(kind, abouts[:1]) == find_cost(kind, abouts)


@pytest.mark.parametrize("kind", COSTS)
def test_every_sentence_is_whole_in_both_languages(kind: str, world: World) -> None:
    (about,) = COSTS[kind](world, 1)
    watch = watch_of(kind)
    assert watch.find is not None
    (deadline,) = watch.find([about], Look(NOW))
    told = {**deadline.details, "key": "1", "organisation": "X", "due": "2026-11-20", "since": "2026-11-20", "days": 3}
    for language in ("en", "zh-hans"):
        with override(language):
            texts = [str(one) % told for one in watch.sentences.values()] + [watch.link % told]
        assert all(texts)
        assert not [text for text in texts if "%(" in text or "None" in text]


def test_the_log_alone_finds_what_has_changed(world: World) -> None:
    """A sweep after each step, against one look at everything at the end: the same alerts."""
    planned(world, "50")
    sweep(NOW)
    received_as(world, "96")
    received_as(world, "80")
    granted(world, 100)
    world.departed(heavy(world, "1"), to="depot2")
    manifest = world.delivered(heavy(world, "1"), to="depot2")
    manifests.receive(
        actor=world.actor("depot2"),
        manifest=manifest,
        receipts=read(manifest),
        depot=world.depots["depot2"],
        now=NOW,
    )
    settle_both(world, Manifest.objects.earliest("pk"), "97", NOW)
    sweep(NOW)

    def found() -> list[tuple[str, str, str, str]]:
        rows = Alert.objects.filter(kind__in=COSTS, resolved_at=None)
        return sorted(rows.values_list("kind", "about", "state", "details"))

    by_log = found()
    assert {kind for kind, *_ in by_log} >= {"transit", "discrepancy", "plan", "permit_overrun"}
    Alert.objects.filter(kind__in=COSTS).exclude(kind__in=("discrepancy", "receipt")).delete()
    for kind in COSTS:
        watch = watch_of(kind)
        if watch.subjects:
            settle(kind, sorted({watch.subjects.about(row) for row in watch.subjects.rows()}), now=NOW)
    assert found() == by_log
