"""What a district sets for itself: figures and pairs, how narrow beats wide, who may, and that every change is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import override

from tests.world import NOW, World
from wastetrack.alerts.registry import watch_of
from wastetrack.districts.models import Figure, Pair
from wastetrack.districts.selectors import division_of, figure, figures, figures_here, own_row, pairs_here, reactions
from wastetrack.districts.services import set_figure, set_pair, withdraw
from wastetrack.districts.words import FIGURES, LAW, STRICTER, UNITS, direction, table_names
from wastetrack.errors import Invalid, NotFound, NotPermitted
from wastetrack.ledger.models import Entry
from wastetrack.regulations.compatibility import PAIRS
from wastetrack.regulations.parameters import parameters_of, tables
from wastetrack.telling import tell

pytestmark = pytest.mark.once

KEY = "mass_deviation.notice_percent"
OURS = {"container", "pin", "roadside", "scan"}
"""Tables that are the program's own, and no district's."""


def set_here(
    world: World, value: object, key: str = KEY, source: str = "演示文件1号", who: str = "regulator"
) -> Figure:
    return set_figure(actor=world.actor(who), key=key, value=value, source=source, now=NOW)


def apart(a: str, b: str, division: str = "330602") -> bool:
    return reactions(division).between(frozenset({a}), frozenset({b})) is not None


# --- figures -----------------------------------------------------------------------------------------------


def test_a_figure_is_the_rules_until_the_district_sets_it(world: World) -> None:
    assert figure("330602", KEY) == 3
    row = set_here(world, "2.5")
    assert figure("330602", KEY) == Decimal("2.5")
    assert figure("330111", KEY) == 3
    assert figures("330602", "mass_deviation")["notice_kg"] == 50
    withdraw(actor=world.actor("regulator"), row=row, now=NOW)
    assert figure("330602", KEY) == 3


def test_the_narrowest_district_has_the_last_word(world: World) -> None:
    for division, value in (("3306", 5), ("33", 7)):
        Figure.objects.create(division=division, key=KEY, value=value, source="演示", set_at=NOW)
    assert (figure("330602", KEY), figure("330100", KEY)) == (5, 7)
    set_here(world, 1)
    assert (figure("330602", KEY), figure("330603", KEY)) == (1, 5)


def test_a_new_value_takes_the_place_of_the_old(world: World) -> None:
    set_here(world, 1)
    set_here(world, 2)
    assert Figure.objects.get().value == 2


@pytest.mark.parametrize(
    ("key", "value", "source", "field", "code"),
    [
        ("mass_deviation.nothing", 1, "x", "key", "unknown_figure"),
        ("nothing.here", 1, "x", "key", "unknown_figure"),
        ("", 1, "x", "key", "unknown_figure"),
        ("pin.tries", 1, "x", "key", "unknown_figure"),
        ("container.max_kg", 1, "x", "key", "unknown_figure"),
        (KEY, "", "x", "value", "figure_not_a_number"),
        (KEY, "many", "x", "value", "figure_not_a_number"),
        (KEY, "NaN", "x", "value", "figure_not_a_number"),
        (KEY, "Infinity", "x", "value", "figure_not_a_number"),
        (KEY, "-0.001", "x", "value", "figure_not_a_number"),
        (KEY, "1.0001", "x", "value", "figure_not_a_number"),
        (KEY, "1000.001", "x", "value", "figure_too_large"),
        (KEY, "1" + "0" * 40, "x", "value", "figure_too_large"),
        (KEY, "1e40", "x", "value", "figure_not_a_number"),
        (KEY, "1E+2", "x", "value", "figure_not_a_number"),
        (KEY, "1_0", "x", "value", "figure_not_a_number"),
        (KEY, "１0", "x", "value", "figure_not_a_number"),
        ("mass_deviation.notice_kg", "100000000.001", "x", "value", "figure_too_large"),
        ("storage.warn_days", "3651", "x", "value", "figure_too_large"),
        ("storage.warn_working_days", "2501", "x", "value", "figure_too_large"),
        ("walk_in.hours", "8761", "x", "value", "figure_too_large"),
        (KEY, 1, "  ", "source", "source_missing"),
        (KEY, 1, "x" * 201, "source", "too_long"),
    ],
)
def test_a_figure_that_cannot_be_set(world: World, key: str, value: object, source: str, field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        set_here(world, value, key, source)
    assert [(error.field, error.code) for error in refused.value.errors] == [(field, code)]
    assert not Figure.objects.exists()
    assert not Entry.objects.filter(kind="district.set_figure").exists()


def test_every_figure_has_its_words(world: World) -> None:
    for kind, table in (("generation_jump", "generation"), ("transit", "transit")):
        assert table_names()[table] == watch_of(kind).title, "a group bears its rule's name, not its first figure's"
    assert set(tables()) - set(table_names()) == OURS
    found = {f"{table}.{name}": one for table in table_names() for name, one in parameters_of(table).items()}
    # A watch that brings a figure of its own brings its name.
    assert {key for key, one in found.items() if not one.name} == set(FIGURES)
    units = {one.unit for one in found.values()}
    assert units - set(UNITS) <= {"kg", "t", "%"}


def test_the_page_reads_the_rule_and_the_row_beside_each_other(world: World) -> None:
    set_here(world, 4)
    (here, other, *_) = figures_here("330602")["mass_deviation"]
    assert (here.key, here.rule.value, here.value) == (KEY, 3, 4)
    assert (other.row, other.value) == (None, 50)


# --- pairs -------------------------------------------------------------------------------------------------


def pair(world: World, a: str, b: str, together: bool = False, **more: Any) -> Pair:
    values = {"source": "演示决定", **more}
    return set_pair(actor=world.actor("regulator"), group_a=a, group_b=b, apart=not together, now=NOW, **values)


def test_a_pair_is_added_and_withdrawn(world: World) -> None:
    assert not apart("1-A", "5-A")
    row = pair(world, "5-A", "1-A", consequence="演示后果")
    assert apart("1-A", "5-A")
    assert apart("5-A", "1-A")
    assert not apart("1-A", "5-A", "330111")
    withdraw(actor=world.actor("regulator"), row=row, now=NOW)
    assert not apart("1-A", "5-A")


def test_a_pair_of_the_rules_is_lifted_whichever_way_round(world: World) -> None:
    row = pair(world, "1-B", "5-A", together=True)
    assert not apart("5-A", "1-B")
    assert apart("4-A", "1-B")
    withdraw(actor=world.actor("regulator"), row=row, now=NOW)
    assert apart("5-A", "1-B")


def test_a_narrower_district_overrules_a_wider_one(world: World) -> None:
    Pair.objects.create(division="33", group_a="1-A", group_b="1-B", apart=False, source="演示", set_at=NOW)
    assert not apart("1-A", "1-B")
    pair(world, "1-A", "1-B")
    assert apart("1-A", "1-B")
    assert not apart("1-A", "1-B", "330111")
    found = reactions("330602").between(frozenset({"1-A"}), frozenset({"1-B"}))
    assert found is not None
    assert found.consequence_en == "Heat and violent reaction", "the rules' words where the district gives none"
    assert found.source == "演示决定"


def test_a_group_may_have_to_stand_alone(world: World) -> None:
    assert not apart("2-A", "5-A")
    pair(world, "2-A", "*")
    assert apart("2-A", "5-A")
    assert not apart("2-A", "2-A")


@pytest.mark.parametrize(
    ("a", "b", "more", "field", "code"),
    [
        ("9-Z", "1-A", {}, "group_a", "unknown_group"),
        ("1-A", "9-Z", {}, "group_b", "unknown_group"),
        ("*", "1-A", {}, "group_a", "unknown_group"),
        ("1-A", "1-A", {}, "group_b", "same_group"),
        ("1-A", "1-B", {"source": ""}, "source", "source_missing"),
        ("1-A", "1-B", {"consequence": "x" * 121}, "consequence", "too_long"),
    ],
)
def test_a_pair_that_cannot_be_set(world: World, a: str, b: str, more: Any, field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        pair(world, a, b, **more)
    assert [(error.field, error.code) for error in refused.value.errors] == [(field, code)]
    assert not Pair.objects.exists()


def test_the_page_reads_the_same_table_as_the_bays(world: World) -> None:
    pair(world, "1-A", "5-A")
    pair(world, "1-A", "1-B", together=True)
    shown = {frozenset((one.group_a, one.group_b)) for one in pairs_here("330602") if one.apart}
    assert shown == {frozenset((one.group_a, one.group_b)) for one in reactions("330602").pairs}
    assert len(pairs_here("330111")) == len(PAIRS)


# --- who, and what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["firm", "depot", "carrier", "plant", "viewer"])
def test_only_a_regulator_decides(world: World, who: str) -> None:
    actor, row = world.actor(who), set_here(world, 1)
    with pytest.raises(NotPermitted):
        set_figure(actor=actor, key=KEY, value=2, source="x", now=NOW)
    with pytest.raises(NotPermitted):
        set_pair(actor=actor, group_a="1-A", group_b="1-B", apart=False, source="x", now=NOW)
    with pytest.raises(NotPermitted):
        withdraw(actor=actor, row=row, now=NOW)
    assert Figure.objects.get().value == 1
    assert not Pair.objects.exists()


def test_no_regulator_decides_for_another_district(world: World) -> None:
    row = set_here(world, 1)
    with pytest.raises(NotPermitted):
        withdraw(actor=world.actor("regulator2"), row=row, now=NOW)
    with pytest.raises(NotFound, match="not_set_here"):
        own_row(world.actor("regulator2"), Figure.objects.all())
    with pytest.raises(NotFound, match="not_set_here"):
        own_row(world.actor("firm"), Figure.objects.all())
    assert own_row(world.actor("regulator"), Figure.objects.all()) == row


def test_one_speaks_of_ones_own_district_or_of_the_one_named(world: World) -> None:
    assert division_of(world.actor("regulator")) == division_of(world.actor("firm")) == "330602"
    assert division_of(world.actor("firm"), "330600") == "3306"
    for nowhere in ("1", "999999", "x"):
        with pytest.raises(Invalid):
            division_of(world.actor("firm"), nowhere)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_change_is_an_entry_that_is_told_in_words(world: World, language: str) -> None:
    actor = world.actor("regulator")
    withdraw(actor=actor, row=set_here(world, "2.50"), now=NOW)
    withdraw(actor=actor, row=pair(world, "1-A", "5-A"), now=NOW)
    entries = list(Entry.objects.filter(subject="district:330602").order_by("id"))
    kinds = ["district.set_figure", "district.withdraw", "district.set_pair", "district.withdraw"]
    assert [entry.kind for entry in entries] == kinds
    assert [entry.readers for entry in entries] == ["d:33 d:3306 d:330602"] * 4
    with override(language):
        told = [tell(entry.kind, entry.data) for entry in entries]
    assert all(one.lines for one in told)
    assert not [line for one in told for line in one.lines if "—" in line or "%(" in line]
    if language == "en":
        assert told[0].lines[0] == "To be noted from a difference of: 2.5; by the rules 3"
        assert told[2].lines[0] == "Alkalis · Cyanides and sulfides: must stand apart"


# --- no district loosens the law ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "stricter", "looser"),
    [
        ("storage_point.max_kg", "2999", "3000.001"),
        ("facility.liquid_share_percent", "10.5", "9"),
        ("facility.video_days", "91", "89"),
        ("manifest.confirm_working_days", "3", "6"),
        ("supervision.key_tonnes_a_year", "50", "101"),
    ],
)
def test_a_figure_of_the_law_is_only_made_stricter(world: World, key: str, stricter: str, looser: str) -> None:
    with pytest.raises(Invalid) as refused:
        set_here(world, looser, key)
    assert [(error.field, error.code) for error in refused.value.errors] == [("value", "figure_not_looser")]
    assert not Figure.objects.exists()
    assert set_here(world, stricter, key).value == Decimal(stricter)


@pytest.mark.parametrize("key", ["permit.collection_years", "manifest.keep_years", "ledger.keep_years"])
@pytest.mark.parametrize("value", ["1", "99"])
def test_a_figure_of_the_law_with_no_stricter_side_stays_as_it_is(world: World, key: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        set_here(world, value, key)
    assert [(error.field, error.code) for error in refused.value.errors] == [("key", "figure_fixed")]
    assert not Figure.objects.exists()


def test_what_is_stricter_is_said_of_figures_of_the_law_alone() -> None:
    rules = {f"{table}.{name}": one for table in table_names() for name, one in parameters_of(table).items()}
    assert set(STRICTER.values()) == {"lower", "higher"}
    assert {rules[key].confidence for key in STRICTER} <= LAW
    assert {direction(key, one.confidence) for key, one in rules.items() if one.confidence not in LAW} == {"either"}
