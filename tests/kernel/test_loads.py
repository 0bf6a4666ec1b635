"""The next truck: whom, what, how much, and why."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from depots.models import Depot
from depots.services import log_into
from manifests.checks import vehicle_problems
from manifests.loads import next_load
from manifests.services import deliver, depart
from tests.world import DRUM, NOW, World, later
from wastetrack.alerts.services import sweep
from wastetrack.districts.selectors import reactions
from wastetrack.districts.services import set_figure, set_pair
from wastetrack.errors import Refused
from wastetrack.parties.models import Permit, Vehicle
from wastetrack.waste.models import Container

pytestmark = pytest.mark.once

ACID: dict[str, Any] = {"waste_code": "900-300-34", "name": "废酸", "hazards": ["C", "T"]}
ALKALI: dict[str, Any] = {"waste_code": "900-352-35", "name": "废碱", "hazards": ["C", "T"]}
RAGS: dict[str, Any] = {"waste_code": "900-041-49", "name": "含油抹布", "hazards": ["T"]}
PAINT: dict[str, Any] = {"waste_code": "900-252-12", "name": "废油漆", "hazards": ["T", "I"]}


@pytest.fixture
def store(world: World) -> Depot:
    return world.depots["firm"]


def put(world: World, begun: str = "2026-11-20", **changes: Any) -> Container:
    data = {**DRUM, "accumulation_start": begun, **changes}
    return log_into(actor=world.actor("firm"), depot=world.depots["firm"], data=data, now=NOW)


def proposed(world: World, name: str = "firm") -> Any:
    sweep(NOW)
    return next_load(world.actor(name), world.depots[name], NOW)


def test_an_empty_store_needs_no_truck(world: World, store: Depot) -> None:
    assert proposed(world) is None
    put(world, waste_code="267-001-15", name="废炸药", hazards=["R", "T"])
    assert proposed(world) is None, "nobody's permit covers HW15"


def test_the_first_deadlines_go_to_whom_the_permit_lets_take_them(world: World, store: Depot) -> None:
    late, soon = put(world, "2025-11-25"), put(world, "2025-12-10")
    rest = put(world, "2026-06-01")
    load = proposed(world)
    assert [stay.container for stay in load.drums] == [late, soon, rest]
    assert (load.due, load.mass_g, load.categories) == (2, 55_500, ["HW08"])
    assert load.receiver.uscc in load.address
    assert f"container={late.short_code}&container={soon.short_code}" in load.address


def test_the_usual_receiver_is_proposed_first(world: World, store: Depot) -> None:
    assert proposed(world) is None
    put(world)
    for name, times in (("plant", 1), ("depot2", 2)):
        for _ in range(times):
            world.issued(world.drum(), to=name)
        assert proposed(world).receiver == world.organisations[name]


def test_from_a_depot_it_goes_to_a_plant_and_not_in_a_circle(world: World) -> None:
    from manifests.selectors import lines_of
    from manifests.services import Receipt, receive

    manifest = world.delivered(world.drum(), world.drum())
    receipts = [Receipt(line) for line in lines_of(manifest)]
    receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=world.depots["depot"], now=NOW)
    assert proposed(world, "depot").receiver == world.organisations["plant"]
    Permit.objects.filter(organisation=world.organisations["plant"]).update(valid_to=date(2026, 11, 19))
    assert proposed(world, "depot") is None


def test_a_permit_that_is_over_or_lacks_the_code_takes_nothing(world: World, store: Depot) -> None:
    put(world)
    Permit.objects.filter(kind="pilot").update(codes="HW12")
    assert proposed(world).receiver == world.organisations["plant"]
    Permit.objects.filter(kind="comprehensive").update(valid_to=date(2026, 11, 19))
    assert proposed(world) is None


def test_who_takes_more_of_what_is_due_is_proposed(world: World, store: Depot) -> None:
    put(world, "2025-11-25")
    put(world, "2025-11-26", **PAINT)
    Permit.objects.exclude(organisation=world.organisations["depot2"]).update(codes="HW08")
    assert proposed(world).receiver == world.organisations["depot2"]
    assert proposed(world).left_behind == 0
    Permit.objects.update(codes="HW08")
    assert proposed(world).left_behind == 1


def test_what_reacts_waits_for_another_truck(world: World, store: Depot) -> None:
    Permit.objects.filter(kind="comprehensive").update(codes="HW34 HW35 HW49 HW08")
    first, second = put(world, "2025-11-25", **ACID), put(world, "2025-11-26", **ALKALI)
    load = proposed(world)
    assert ([stay.container for stay in load.drums], load.left_behind) == ([first], 1)
    set_pair(actor=world.actor("regulator"), group_a="1-A", group_b="1-B", apart=False, source="演示", now=NOW)
    load = proposed(world)
    assert [stay.container for stay in load.drums] == [first, second]
    assert vehicle_problems([first, second], reactions(store.site.division)) == []


def test_what_nobody_has_stated_rides_with_its_own_kind(world: World, store: Depot) -> None:
    first, alike = put(world, "2025-11-25", **RAGS), put(world, "2026-11-20", **RAGS)
    put(world, "2025-11-26")
    load = proposed(world)
    assert [stay.container for stay in load.drums] == [first, alike]
    assert vehicle_problems([first, alike], reactions(store.site.division)) == []


def test_what_reacts_with_what_is_on_the_vehicle_stays_at_the_gate(world: World, store: Depot) -> None:
    Permit.objects.filter(kind="comprehensive").update(codes="HW34 HW35 HW49 HW08")
    acid, alkali = world.drum(**ACID), world.drum("firm2", **ALKALI)
    first, second = world.departed(acid, to="plant"), world.issued(alkali, sender="firm2", to="plant")
    go: dict[str, Any] = {"actor": world.actor("carrier"), "now": NOW}
    with pytest.raises(Refused) as refusal:
        depart(**go, manifest=second)
    assert refusal.value.code == "vehicle_incompatible"
    assert {refusal.value.params["container"], refusal.value.params["other"]} == {
        acid.short_grouped,
        alkali.short_grouped,
    }
    assert [error.code for error in refusal.value.errors] == ["vehicle_incompatible"]
    second.refresh_from_db()
    assert (second.state, second.legs.exists()) == ("issued", False)
    # Another vehicle takes it, and so does this one once it is unloaded.
    deliver(**go, manifest=first)
    assert depart(**go, manifest=second).state == "in_transit"


def test_what_nobody_has_stated_does_not_ride_with_another_waste(world: World, store: Depot) -> None:
    world.departed(world.drum(**RAGS), to="plant")
    alike, other = world.issued(world.drum(**RAGS), to="plant"), world.issued(world.drum(), to="plant")
    go: dict[str, Any] = {"actor": world.actor("carrier"), "now": NOW}
    with pytest.raises(Refused, match="vehicle_reaction_unknown"):
        depart(**go, manifest=other)
    assert depart(**go, manifest=alike).state == "in_transit"
    Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00002")
    assert depart(**go, manifest=other, plate="浙D00002").state == "in_transit"


def test_a_vehicle_takes_its_payload_and_not_a_gram_more(world: World, store: Depot) -> None:
    figure: Any = {"actor": world.actor("regulator"), "key": "vehicle.payload_kg", "source": "演示", "now": NOW}
    first, heavy, light = put(world, "2025-12-01"), put(world, "2025-12-02", mass_kg="30"), put(world, "2025-12-03")
    set_figure(value="37", **figure)
    load = proposed(world)
    assert ([stay.container for stay in load.drums], load.left_behind) == ([first, light], 1)
    set_figure(value="67", **figure)
    assert [stay.container for stay in proposed(world).drums] == [first, heavy, light]
    set_figure(value="36.999", **figure)
    assert [stay.container for stay in proposed(world).drums] == [first]


def test_the_usual_carriers_largest_vehicle_says_how_much(world: World, store: Depot) -> None:
    put(world, mass_kg="600")
    assert proposed(world).payload_g == 10_000_000
    Vehicle.objects.update(capacity_g=500_000)
    assert proposed(world).payload_g == 10_000_000, "not a carrier of theirs yet"
    world.draft(world.drum())
    assert proposed(world) is None
    Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00002", capacity_g=600_000)
    assert proposed(world).mass_g == 600_000


def test_a_receivers_year_is_not_overrun(world: World, store: Depot) -> None:
    Permit.objects.filter(kind="pilot").update(codes="")
    Permit.objects.filter(kind="comprehensive").update(yearly_mass_g=60_000)
    world.issued(world.drum(), to="plant")
    put(world, "2025-12-01")
    put(world, "2025-12-02")
    put(world, "2025-12-03")
    assert len(proposed(world).drums) == 2
    Permit.objects.filter(kind="comprehensive").update(yearly_mass_g=None)
    assert len(proposed(world).drums) == 3


def test_what_is_on_a_paper_already_is_not_proposed_again(world: World, store: Depot) -> None:
    world.draft(world.drum())
    world.issued(world.drum())
    assert proposed(world) is None
    free = put(world)
    assert [stay.container for stay in proposed(world).drums] == [free]


def test_the_queries_do_not_grow_with_the_stock(world: World, store: Depot, django_assert_num_queries: Any) -> None:
    world.issued(world.drum(), to="plant")
    put(world)
    actor = world.actor("firm")
    with django_assert_num_queries(7):
        next_load(actor, store, NOW)
    for day in range(1, 20):
        put(world, f"2026-10-{day:02d}")
    with django_assert_num_queries(7):
        assert len(next_load(actor, store, NOW).drums) == 20  # type: ignore[union-attr]


def test_nothing_due_yet_is_said_so(world: World, store: Depot) -> None:
    put(world)
    assert proposed(world).due == 0
    sweep(later(340))
    assert next_load(world.actor("firm"), store, later(340)).due == 1  # type: ignore[union-attr]
