"""What may stand where: every rule of a place at its boundary, what is wrong with a bay, and setting bays up."""

from __future__ import annotations

from typing import Any

import pytest

from depots import counts
from depots.bays import may_keep, remove_bay, save_bay
from depots.boards import Tile, bay_map, came_since
from depots.models import Bay, Depot
from depots.selectors import bay_loads
from depots.services import log_into, put_away
from tests.world import DRUM, NOW, World, later
from wastetrack.districts.models import Pair
from wastetrack.districts.services import set_figure, set_pair, withdraw
from wastetrack.errors import Invalid, NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import Actor
from wastetrack.sentences import sentence
from wastetrack.waste.clock import start_of
from wastetrack.waste.models import Container

pytestmark = pytest.mark.once

ACID: dict[str, Any] = {"waste_code": "900-300-34", "name": "废酸", "hazards": ["C", "T"]}
ALKALI: dict[str, Any] = {"waste_code": "900-352-35", "name": "废碱", "hazards": ["C", "T"]}
UNSTATED: dict[str, Any] = {"waste_code": "900-041-49", "name": "含油抹布", "hazards": ["T"]}
HARMLESS: dict[str, Any] = {"waste_code": "900-030-36", "name": "废石棉", "hazards": ["T"]}


@pytest.fixture
def store(world: World) -> Depot:
    """The firm's store, still without bays."""
    return world.depots["firm"]


def bay(world: World, code: str = "A1", **data: Any) -> Bay:
    """A bay of the firm's store, set up or changed."""
    depot = world.depots["firm"]
    there = Bay.objects.filter(depot=depot, code=code).select_related("depot__site").first()
    return save_bay(actor=world.actor("firm"), depot=depot, data={"code": code, **data}, now=NOW, bay=there)


def put(world: World, place: Bay | None, **changes: Any) -> Container:
    """A new drum that stands there."""
    data = {**DRUM, **changes}
    return log_into(actor=world.actor("firm"), depot=world.depots["firm"], data=data, now=NOW, bay=place)


def refusal(world: World, place: Bay | None, **changes: Any) -> str:
    """Why a drum may not stand there; nothing is logged."""
    before = Container.objects.count()
    with pytest.raises(Refused) as refused:
        put(world, place, **changes)
    assert Container.objects.count() == before
    return refused.value.code


def tile(world: World, code: str = "A1") -> Tile:
    return next(one for one in bay_map(world.depots["firm"]).tiles if one.bay.code == code)


def faults(world: World, code: str = "A1") -> list[str]:
    """What is wrong with a bay; each says so in a whole sentence."""
    found = tile(world, code).faults
    assert not [fault.code for fault in found if "—" in sentence(fault.code, fault.params)]
    return [fault.code for fault in found]


# --- the rules of a place ----------------------------------------------------------------------------------


def test_a_bay_takes_its_capacity_and_not_a_gram_more(world: World) -> None:
    place = bay(world, capacity_kg="40")
    put(world, place, mass_kg="21.5")
    assert refusal(world, place, mass_kg="18.501") == "bay_full"
    put(world, place, mass_kg="18.5")
    assert faults(world) == []


def test_a_bay_takes_as_many_containers_as_it_has_places(world: World) -> None:
    place = bay(world, places=2)
    put(world, place)
    put(world, place)
    assert refusal(world, place) == "bay_no_place"
    assert refusal(world, bay(world, "B1", places=0)) == "bay_no_place"


def test_a_bay_takes_the_codes_and_categories_it_is_meant_for(world: World) -> None:
    place = bay(world, admits="HW34 900-249-08")
    put(world, bay(world, "B1", admits="HW08"))
    put(world, bay(world, "C1", admits="HW34"), **ACID)
    put(world, place)
    assert refusal(world, place, waste_code="900-214-08") == "bay_not_admitted"
    assert refusal(world, place, **ALKALI) == "bay_not_admitted"


def test_a_bay_takes_wastes_of_its_hazards_alone(world: World) -> None:
    place = bay(world, hazards=["T"])
    put(world, place, hazards=["T"])
    assert refusal(world, place, hazards=["T", "I"]) == "bay_not_admitted"
    put(world, bay(world, "B1", hazards="T,I"), hazards=["T", "I"])


@pytest.mark.parametrize(("first", "second"), [(ACID, ALKALI), (ALKALI, ACID)])
def test_what_reacts_never_stands_together(world: World, first: dict[str, Any], second: dict[str, Any]) -> None:
    place = bay(world)
    put(world, place, **first)
    assert refusal(world, place, **second) == "bay_incompatible"
    put(world, place, **first)
    drum = put(world, bay(world, "B1"), **second)
    with pytest.raises(Refused, match="bay_incompatible"):
        put_away(actor=world.actor("firm"), container=drum, bay=place, now=NOW)


@pytest.mark.parametrize(("first", "second"), [(UNSTATED, HARMLESS), (HARMLESS, UNSTATED)])
def test_what_nobody_has_stated_stands_with_its_own_kind(
    world: World, first: dict[str, Any], second: dict[str, Any]
) -> None:
    place = bay(world)
    put(world, place, **first)
    assert refusal(world, place, **second) == "bay_reaction_unknown"
    put(world, place, **first)


def test_a_bund_holds_the_largest_container_of_liquid(world: World) -> None:
    place = bay(world, bund_l=200)
    put(world, place, form="L", volume_l=200)
    assert refusal(world, place, form="L", volume_l="200.1") == "bund_too_small"
    put(world, place, form="S", volume_l=1000)


def test_a_bund_holds_a_tenth_of_all_liquid(world: World) -> None:
    place = bay(world, bund_l=200)
    for _ in range(10):
        put(world, place, form="L", volume_l=200)
    assert refusal(world, place, form="L", volume_l="0.1") == "bund_too_small"
    put(world, place, form="S", volume_l=200)
    bay(world, bund_l=201)
    put(world, place, form="L", volume_l=10)


def test_a_district_says_how_much_of_all_liquid_the_bund_holds(world: World) -> None:
    place = bay(world, bund_l=200)
    for _ in range(5):
        put(world, place, form="L", volume_l=200)
    set_figure(actor=world.actor("regulator"), key="facility.liquid_share_percent", value="20", source="演示", now=NOW)
    assert faults(world) == []
    assert refusal(world, place, form="L", volume_l="0.1") == "bund_too_small"
    set_figure(actor=world.actor("regulator"), key="facility.liquid_share_percent", value="21", source="演示", now=NOW)
    assert faults(world) == ["bund_short"]


def test_a_bund_nobody_has_measured_is_not_checked(world: World) -> None:
    put(world, bay(world), form="L", volume_l=1000)
    assert refusal(world, bay(world, "B1", bund_l=0), form="L", volume_l="0.1") == "bund_too_small"


def test_the_gravest_reason_is_said_first(world: World) -> None:
    place = bay(world, capacity_kg="20", places=1)
    put(world, place, **ACID)
    (load,) = bay_loads(world.depots["firm"])
    drum = put(world, bay(world, "B1"), **ALKALI)
    assert list(load.problems(drum, drum.mass_g)) == ["bay_incompatible", "bay_full", "bay_no_place"]


def test_without_a_bay_named_the_one_that_suits_is_found(world: World) -> None:
    bay(world, "A1")
    bay(world, "B1", admits="HW34")
    bay(world, "C1", places=1)
    assert str(put(world, None, **ACID).stays.get().bay) == "B1"
    assert str(put(world, None, **ALKALI).stays.get().bay) == "A1"


def test_no_room_and_no_safe_bay_are_told_apart(world: World) -> None:
    bay(world, places=1)
    put(world, None)
    assert refusal(world, None) == "no_room"
    bay(world, places=5)
    assert refusal(world, None, **ACID) == "no_safe_bay"


def test_a_district_adds_a_pair_and_takes_it_back(world: World) -> None:
    place, regulator = bay(world), world.actor("regulator")
    cyanide = {"waste_code": "900-028-33", "name": "含氰废物", "hazards": ["T", "R"]}
    put(world, place, **cyanide)
    first = put(world, place, **ALKALI)
    row = set_pair(
        actor=regulator, group_a="5-A", group_b="1-A", apart=True, source="演示决定", consequence="演示", now=NOW
    )
    assert refusal(world, place, **ALKALI) == "bay_incompatible"
    assert faults(world) == ["bay_reacting"]
    withdraw(actor=regulator, row=row, now=NOW)
    put(world, place, **ALKALI)
    assert faults(world) == []
    assert first.stays.get().bay == place


def test_a_district_lets_a_pair_stand_together_and_takes_it_back(world: World) -> None:
    place, regulator = bay(world), world.actor("regulator")
    put(world, place, **ACID)
    assert refusal(world, place, **ALKALI) == "bay_incompatible"
    set_pair(actor=regulator, group_a="1-B", group_b="1-A", apart=False, source="演示决定", now=NOW)
    put(world, place, **ALKALI)
    withdraw(actor=regulator, row=Pair.objects.get(), now=NOW)
    assert refusal(world, place, **ALKALI) == "bay_incompatible"


def test_another_districts_pair_binds_nobody_here(world: World) -> None:
    place = bay(world)
    put(world, place, **ACID)
    set_pair(actor=world.actor("regulator2"), group_a="1-B", group_b="1-A", apart=False, source="演示", now=NOW)
    assert refusal(world, place, **ALKALI) == "bay_incompatible"


# --- what is wrong with a bay as it stands -----------------------------------------------------------------


def test_a_bay_says_what_has_become_wrong_with_it(world: World) -> None:
    place = bay(world)
    for _ in range(2):
        put(world, place, form="L", volume_l=200, hazards=["T", "I"], mass_kg="30")
    assert faults(world) == []
    changes: list[tuple[dict[str, Any], str]] = [
        ({"capacity_kg": "59.999"}, "bay_over_mass"),
        ({"places": 1}, "bay_over_places"),
        ({"bund_l": 199}, "bund_short"),
        ({"admits": "HW34"}, "bay_stray"),
        ({"hazards": "T"}, "bay_stray_hazard"),
    ]
    for change, fault in changes:
        bay(world, **change)
        assert faults(world) == [fault], change
        bay(world, "A1", **dict.fromkeys(change))
        assert faults(world) == []
    bay(world, capacity_kg="60", places=2, bund_l=200, admits="HW08", hazards="T I")
    assert faults(world) == []


def test_a_bay_says_what_stands_in_it_against_the_rules(world: World) -> None:
    place, regulator = bay(world), world.actor("regulator")
    row = set_pair(actor=regulator, group_a="1-A", group_b="1-B", apart=False, source="演示", now=NOW)
    put(world, place, **ACID)
    put(world, place, **ALKALI)
    withdraw(actor=regulator, row=row, now=NOW)
    (fault,) = tile(world).faults
    assert (fault.code, fault.params["a"], fault.params["b"]) == ("bay_reacting", "900-300-34", "900-352-35")
    assert fault.conflict is not None
    assert fault.conflict.consequence_en == "Heat and violent reaction"
    breaches: list[Refused] = []
    drum = put(world, bay(world, "B1"), **UNSTATED)
    put_away(actor=world.actor("firm"), container=drum, bay=place, now=NOW, breaches=breaches)
    assert [one.code for one in breaches] == ["bay_reaction_unknown"]
    assert faults(world) == ["bay_reacting", "bay_unstated"]


def test_a_tile_shows_the_hazards_the_oldest_and_the_first_deadline(world: World) -> None:
    place = bay(world)
    put(world, place, hazards=["T", "I"], accumulation_start="2026-06-01")
    log_into(actor=world.actor("firm"), depot=place.depot, data={**DRUM, "hazards": ["T"]}, now=later(2), bay=place)
    shown = tile(world).standing
    assert shown.hazards == ("T", "I")
    assert (shown.containers, shown.mass_g, shown.oldest) == (2, 37_000, NOW)
    assert shown.next_deadline is not None
    assert shown.next_deadline.date().isoformat() == "2027-06-01"
    assert [letter for letter, picture in tile(world).symbols if "<svg" in picture] == ["T", "I"]


def test_the_fill_is_judged_by_the_districts_figures(world: World) -> None:
    put(world, bay(world, capacity_kg="100"), mass_kg="80")
    assert (tile(world).percent, tile(world).fill_tone) == (80, "high")
    set_figure(actor=world.actor("regulator"), key="facility.alarm_percent", value="80", source="演示", now=NOW)
    assert tile(world).fill_tone == "over"


def test_the_plan_has_rows_and_columns_and_what_is_not_drawn(world: World) -> None:
    bay(world, "A1", row=1, column=1)
    bay(world, "A2", row=2, column=3)
    bay(world, "Z9")
    put(world, None)
    drawn = bay_map(world.depots["firm"])
    assert [[one and one.bay.code for one in row] for row in drawn.rows] == [["A1", None, None], [None, None, "A2"]]
    assert [one.bay.code for one in drawn.unplaced] == ["Z9"]
    assert drawn.aisles == [False, True, False]


def test_what_stands_in_no_bay_is_not_forgotten(world: World, store: Depot) -> None:
    put(world, None)
    bay(world)
    assert bay_map(store).loose.containers == 1
    assert came_since(store, start_of(NOW.date())).mass_g == 18_500
    assert came_since(store, later(1)).containers == 0


# --- setting bays up ---------------------------------------------------------------------------------------


def test_a_new_bay_is_an_entry_that_says_what_it_is(world: World, store: Depot) -> None:
    made = bay(
        world, " a-1 ", name="废油区", row="1", column="2", admits="hw08，90004149", hazards="i,t", capacity_kg="1，5"
    )
    assert (made.code, made.admits, made.hazards, made.row, made.column) == ("A-1", "HW08 900-041-49", "T I", 1, 2)
    assert made.capacity_g == 1_500
    entry = Entry.objects.get(kind="bay.set")
    assert entry.subject == f"bay:{made.pk}"
    assert set(entry.readers.split()) == {f"o:{store.organisation_id}", "d:33", "d:3306", "d:330602"}
    assert entry.data["new"] is True
    assert entry.data["changed"]["place"] == [None, [1, 2]]


def test_a_change_says_from_what_to_what_and_nothing_is_no_entry(world: World) -> None:
    bay(world, capacity_kg="40", places=3)
    bay(world, places=0)
    assert Entry.objects.filter(kind="bay.set").latest("id").data["changed"] == {"places": [3, 0]}
    assert tile(world).bay.capacity_g == 40_000
    bay(world, places=0, capacity_kg="40.000")
    assert Entry.objects.filter(kind="bay.set").count() == 2


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("code", "", "missing"),
        ("code", "12", "bay_code_unusable"),
        ("code", "A_1", "bay_code_unusable"),
        ("code", "A" * 13, "bay_code_unusable"),
        ("code", "b1", "bay_code_taken"),
        ("name", "x" * 61, "too_long"),
        ("name", "x\x07", "unprintable"),
        ("temperature", "x" * 41, "too_long"),
        ("admits", "HW99", "unknown_admitted"),
        ("admits", "HW08 900-999-08", "unknown_admitted"),
        ("hazards", "X", "bad_hazard"),
        ("capacity_kg", "0", "bay_capacity_unusable"),
        ("capacity_kg", "-1", "bay_capacity_unusable"),
        ("capacity_kg", "1.0001", "bay_capacity_unusable"),
        ("capacity_kg", "10000000.001", "bay_capacity_unusable"),
        ("places", "1.5", "bay_places_unusable"),
        ("places", "100001", "bay_places_unusable"),
        ("places", True, "bay_places_unusable"),
        ("bund_l", "-1", "bay_bund_unusable"),
        ("row", "0", "bay_place_unusable"),
        ("row", "21", "bay_place_unusable"),
        ("column", "13", "bay_place_unusable"),
        ("row", None, "bay_place_half"),
        ("column", "2", "bay_place_taken"),
    ],
)
def test_every_field_has_its_refusal(world: World, field: str, value: Any, code: str) -> None:
    bay(world, "B1", row=1, column=2)
    good = {"code": "A1", "row": 1, "column": 1}
    depot = world.depots["firm"]
    with pytest.raises(Invalid) as refused:
        save_bay(actor=world.actor("firm"), depot=depot, data={**good, field: value}, now=NOW)
    assert [error.code for error in refused.value.errors] == [code]
    assert Bay.objects.filter(depot=depot).count() == 1


def test_everything_wrong_is_said_at_once(world: World, store: Depot) -> None:
    with pytest.raises(Invalid) as refused:
        save_bay(actor=world.actor("firm"), depot=store, data={"places": "x", "bund_l": "x"}, now=NOW)
    assert [error.field for error in refused.value.errors] == ["code", "places", "bund_l"]


def test_two_bays_change_places_by_way_of_a_free_one(world: World) -> None:
    bay(world, "A1", row=1, column=1)
    bay(world, "A2", row=1, column=2)
    bay(world, "A1", row=None, column=None)
    bay(world, "A2", row=1, column=1)
    assert bay(world, "A1", row=1, column=2).column == 2


def test_another_depots_bay_may_have_the_same_code_and_place(world: World) -> None:
    bay(world, row=1, column=1)
    save_bay(
        actor=world.actor("firm2"), depot=world.depots["firm2"], data={"code": "A1", "row": 1, "column": 1}, now=NOW
    )


@pytest.mark.parametrize("who", ["firm2", "depot", "carrier", "regulator", "viewer", "driver", "nobody"])
def test_only_a_depots_own_operators_set_it_up(world: World, store: Depot, who: str) -> None:
    there = bay(world)
    own = world.organisations["firm"]
    user = world.memberships["firm"].user
    actor = {"driver": Actor(user, own, "driver"), "nobody": Actor(None, own, "operator")}.get(who) or world.actor(who)
    assert not may_keep(actor, store)
    for attempt in (
        lambda: save_bay(actor=actor, depot=store, data={"code": "B1"}, now=NOW),
        lambda: save_bay(actor=actor, depot=store, data={"places": 0}, now=NOW, bay=there),
        lambda: remove_bay(actor=actor, bay=there, now=NOW),
    ):
        with pytest.raises(NotPermitted):
            attempt()
    assert Bay.objects.get(depot=store).places is None


def test_an_administrator_sets_it_up_too(world: World, store: Depot) -> None:
    user = world.memberships["firm"].user
    save_bay(actor=Actor(user, world.organisations["firm"], "admin"), depot=store, data={"code": "A1"}, now=NOW)


def test_a_bay_goes_only_if_it_was_never_used(world: World) -> None:
    used, other, fresh = bay(world, "A1"), bay(world, "B1"), bay(world, "C1")
    drum = put(world, used)
    actor = world.actor("firm")
    with pytest.raises(Refused, match="bay_not_empty"):
        remove_bay(actor=actor, bay=used, now=NOW)
    put_away(actor=actor, container=drum, bay=other, now=NOW)
    remove_bay(actor=actor, bay=used, now=NOW)
    world.departed(drum)
    with pytest.raises(Refused, match="bay_in_books"):
        remove_bay(actor=actor, bay=other, now=NOW)
    remove_bay(actor=actor, bay=fresh, now=NOW)
    assert list(Bay.objects.filter(depot=used.depot).values_list("code", flat=True)) == ["B1"]
    assert Entry.objects.filter(kind="bay.remove").count() == 2


def test_a_bay_that_was_counted_stays_in_the_books(world: World) -> None:
    there, actor = bay(world, "A1"), world.actor("firm")
    count = counts.begin(actor=actor, bay=there, now=NOW)
    with pytest.raises(Refused, match="bay_in_books"):
        remove_bay(actor=actor, bay=there, now=NOW)
    counts.drop(actor=actor, count=count, now=NOW)
    with pytest.raises(Refused, match="bay_in_books"):
        remove_bay(actor=actor, bay=there, now=NOW)
    assert Bay.objects.filter(pk=there.pk).exists()


def test_a_bay_that_was_taken_away_meanwhile_is_not_saved(world: World, store: Depot) -> None:
    gone = bay(world)
    remove_bay(actor=world.actor("firm"), bay=Bay.objects.get(pk=gone.pk), now=NOW)
    with pytest.raises(Refused, match="lost_race"):
        save_bay(actor=world.actor("firm"), depot=store, data={"name": "x"}, now=NOW, bay=gone)
