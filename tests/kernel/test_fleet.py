"""A carrier's vehicles: entered, changed and ended by its office, and told in the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from manifests import services as manifests
from tests.api.support import answered, refused
from tests.pages.visitors import Visitor, text
from tests.world import NOW, TODAY, World
from wastetrack.errors import Invalid, NotPermitted
from wastetrack.fleet import end_vehicle, set_vehicle
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Membership, Vehicle
from wastetrack.parties.selectors import vehicles_of


@pytest.fixture
def office(world: World) -> World:
    """The carrier's user sits in its office."""
    Membership.objects.filter(pk=world.memberships["carrier"].pk).update(role="operator")
    world.memberships["carrier"].refresh_from_db()
    return world


def kept(world: World, **said: Any) -> Vehicle:
    asked: dict[str, Any] = {"actor": world.actor("carrier"), "plate": "浙A·12345", "now": NOW}
    return set_vehicle(**asked | said)


def code_of(step: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(Invalid) as wrong:
        step()
    (error,) = wrong.value.errors
    return error.field, error.code


def test_a_vehicle_is_entered_and_said_anew_by_its_plate(office: World) -> None:
    first = kept(office, permit_number=" 浙交  1 ", valid_to=TODAY, capacity_kg="5000")
    assert (first.plate, first.permit_number, first.valid_to, first.capacity_g) == (
        "浙A12345",
        "浙交 1",
        TODAY,
        5_000_000,
    )
    again = kept(office, plate="浙a 12345", capacity_kg="")
    assert (again.pk, again.capacity_g, again.valid_to) == (first.pk, None, None)
    entries = Entry.objects.filter(kind="vehicle.set")
    assert [entry.data["capacity_kg"] for entry in entries.order_by("pk")] == ["5000", None]
    assert [entries[0].addressed_to(office.actor(name)) for name in ("carrier", "regulator", "firm")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"plate": "XYZ"}, ("plate", "plate_format")),
        ({"plate": ""}, ("plate", "plate_format")),
        ({"permit_number": "x" * 41}, ("permit_number", "too_long")),
        ({"permit_number": "a\u202eb"}, ("permit_number", "unprintable")),
        ({"valid_to": date(9999, 12, 31)}, ("valid_to", "year_out_of_reach")),
        ({"capacity_kg": "-1"}, ("capacity_kg", "mass_negative")),
        ({"capacity_kg": "100001"}, ("capacity_kg", "mass_too_large")),
    ],
)
def test_a_vehicle_that_cannot_be(office: World, change: dict[str, Any], wrong: tuple[str, str]) -> None:
    assert code_of(lambda: kept(office, **change)) == wrong
    assert Vehicle.objects.count() == 1


def test_only_a_carriers_office_says_what_vehicles_it_has(world: World) -> None:
    """The world's carrier is a driver."""
    for name in ("carrier", "firm", "depot", "regulator"):
        with pytest.raises(NotPermitted):
            kept(world, actor=world.actor(name))
        with pytest.raises(NotPermitted):
            end_vehicle(actor=world.actor(name), plate="浙D00001", now=NOW)
    assert Vehicle.objects.get().ended_at is None


def test_an_ended_vehicle_carries_nothing_and_may_be_anothers(office: World) -> None:
    carrier, manifest = office.actor("carrier"), office.issued(office.drum())
    # Others' records neither stand in one's way nor are changed by one's own.
    office.add("second", "carrier")
    other = kept(office, actor=office.actor("second"), plate="浙D00001")
    end_vehicle(actor=carrier, plate="浙D00001", now=NOW)
    assert [list(vehicles_of(one.pk)) for one in (carrier.principal, office.organisations["second"])] == [[], [other]]
    assert code_of(lambda: end_vehicle(actor=carrier, plate="浙D00001", now=NOW)) == ("plate", "unknown_vehicle")
    asked: dict[str, Any] = {"actor": carrier, "manifest": manifest, "now": NOW}
    assert code_of(lambda: manifests.depart(**asked, plate="浙D00001")) == ("vehicle", "unknown_vehicle")
    assert code_of(lambda: manifests.depart(**asked)) == ("vehicle", "vehicle_missing")
    kept(office, plate="浙D00001")
    assert manifests.depart(**asked).state == "in_transit"
    assert Vehicle.objects.count() == 3


def test_vehicles_on_the_page(office: World, clock: Any) -> None:
    carrier = Visitor(office, "carrier")
    assert 'href="/vehicles"' in text(carrier.get("/drive"))
    sent = {"plate": "浙A12345", "permit_number": "浙交 7", "valid_to": "2026-11-19", "capacity_kg": "5000"}
    assert carrier.send("/vehicles", **sent)["Location"] == "/vehicles"
    page = text(carrier.get("/vehicles"))
    assert all(word in page for word in ("浙A12345", "浙交 7", "certificate has ended"))
    assert carrier.send("/vehicles", plate="浙D00001", end="1").status_code == 303
    assert "浙D00001" not in text(carrier.get("/vehicles"))
    for wrong in ({"plate": "X"}, {"valid_to": "31.12.2026"}, {"capacity_kg": "viel"}):
        answer = carrier.send("/vehicles", **sent | wrong)
        assert (answer.status_code, "invalid-feedback" in text(answer)) == (422, True)
    assert Visitor(office, "firm").get("/vehicles").status_code == 403
    assert Visitor(office, "firm").send("/vehicles", **sent).status_code == 403


def test_a_driver_reads_the_vehicles_and_changes_none(world: World, clock: Any) -> None:
    driver = Visitor(world, "carrier")
    page = text(driver.get("/vehicles"))
    assert ("浙D00001" in page, 'name="end"' in page, 'id="plate"' in page) == (True, False, False)
    assert driver.send("/vehicles", plate="浙D00001", end="1").status_code == 403


def test_vehicles_over_http(office: World, api: Any) -> None:
    carrier = api("carrier")
    made = answered(carrier.post("/vehicles", {"plate": "浙A12345", "valid_to": "2027-01-31", "capacity_kg": "1.5"}))
    assert made == {
        "plate": "浙A12345",
        "permit_number": "",
        "valid_to": "2027-01-31",
        "capacity_kg": "1.5",
        "ended": False,
    }
    assert [one["plate"] for one in answered(carrier.get("/vehicles"))["items"]] == ["浙A12345", "浙D00001"]
    assert answered(carrier.post("/vehicles", {"plate": "浙D00001", "ended": True}))["ended"] is True
    assert answered(carrier.get("/vehicles"))["items"] == [made]
    assert answered(api("firm").get("/vehicles"))["items"] == []
    refused(carrier.post("/vehicles", {"plate": "浙A12345", "valid_to": "x"}), 422, "date_unreadable", "valid_to")
    refused(api("firm").post("/vehicles", {"plate": "浙A12345"}), 403, "not_your_part")
