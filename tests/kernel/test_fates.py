"""From a firm's drum to its final treatments: exact through splits, merges, two depots and diamonds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depots import regroup
from manifests import services as manifests
from manifests.fates import Fates, fates_json, fates_of
from manifests.models import Manifest, Treatment
from manifests.selectors import lines_of
from manifests.services import Receipt, Treated
from tests.world import NOW, World
from wastetrack.errors import Refused
from wastetrack.ledger.services import Fact
from wastetrack.lifecycle.services import lock
from wastetrack.units import kg_text
from wastetrack.waste.lineage import Part, reweigh
from wastetrack.waste.models import Container, Derivation, Share
from wastetrack.waste.selectors import contents_of, ends_of
from wastetrack.waste.shares import apportion, in_parts, portions

pytestmark = pytest.mark.once


def part(mass_g: int) -> Part:
    return Part("steel_drum", Decimal(200), mass_g)


def fresh(one: Container) -> Container:
    return Container.objects.get(pk=one.pk)


def log(world: World, mass_g: int, firm: str = "firm") -> Container:
    return world.drum(firm, mass_kg=kg_text(mass_g))


def bring(world: World, *drums: Container, sender: str, to: str, weighed: int | None = None) -> Manifest:
    """The drums go to the next place, which accepts them: as declared, or each at this mass."""
    manifest = world.delivered(*[fresh(drum) for drum in drums], sender=sender, to=to)
    receipts = [Receipt(line, "accepted", weighed) for line in lines_of(manifest)]
    manifests.receive(actor=world.actor(to), manifest=manifest, receipts=receipts, depot=world.depots[to], now=NOW)
    return Manifest.objects.get(pk=manifest.pk)


def split(world: World, drum: Container, *masses: int, by: str = "depot") -> list[Container]:
    parts = [part(mass) for mass in masses]
    return regroup.split(actor=world.actor(by), container=fresh(drum), parts=parts, now=NOW)


def merge(world: World, *drums: Container, by: str = "depot") -> Container:
    found = [fresh(drum) for drum in drums]
    whole = part(sum(drum.mass_g for drum in found))
    return regroup.merge(actor=world.actor(by), containers=found, part=whole, now=NOW)


def treat(world: World, manifest: Manifest, drum: Container, *masses: int, method: str = "R9") -> None:
    treatments = [Treated(fresh(drum), method, mass, NOW) for mass in masses or [fresh(drum).mass_g]]
    manifests.treat(actor=world.actor("plant"), manifest=manifest, treatments=treatments, now=NOW)


def fates(world: World, drum: Container, by: str = "firm") -> Fates:
    return fates_of(world.actor(by), fresh(drum))


def said(found: Fates) -> list[tuple[str, int]]:
    return [(end.kind, end.mass_g) for end in [*found.treated, *found.others]]


def shares(container: Container) -> dict[int, int]:
    return dict(Share.objects.filter(container=container).values_list("origin", "mass_g"))


# --- the arithmetic ----------------------------------------------------------------------------------------

MASSES = st.lists(st.integers(1, 5_000), min_size=1, max_size=9)


@settings(deadline=None)
@given(MASSES, st.lists(st.integers(0, 45_000), max_size=8))
def test_portions_add_up_both_ways(weights: list[int], cuts: list[int]) -> None:
    contents, whole = dict(enumerate(weights)), sum(weights)
    ends = sorted({*(cut % whole for cut in cuts), 0, whole})
    masses = [end - start for start, end in pairwise(ends)]
    parts = portions(contents, masses)
    assert [sum(one.values()) for one in parts] == masses
    assert {key: sum(one.get(key, 0) for one in parts) for key in contents} == contents
    assert all(mass_g > 0 for one in parts for mass_g in one.values())


@settings(deadline=None)
@given(MASSES, st.integers(0, 20_000))
def test_a_largest_remainder_is_less_than_a_gram_off(weights: list[int], whole: int) -> None:
    given_g, total = apportion(dict(enumerate(weights)), whole), sum(weights)
    assert sum(given_g.values()) == whole
    for key, weight in enumerate(weights):
        assert abs(Fraction(weight * whole, total) - given_g.get(key, 0)) < 1


def test_among_equals_the_first_has_the_odd_gram() -> None:
    assert apportion({3: 1, 1: 1, 2: 1}, 100) == {1: 34, 2: 33, 3: 33}


@settings(deadline=None)
@given(MASSES, st.integers(0, 20_000))
def test_no_part_of_a_corrected_mass_is_empty(edges: list[int], whole: int) -> None:
    if whole < len(edges):
        with pytest.raises(ValueError, match="too_little"):
            in_parts(edges, whole)
        return
    parts = in_parts(edges, whole)
    assert sum(parts) == whole
    assert min(parts) > 0
    assert in_parts(edges, sum(edges)) == edges


# --- shares ------------------------------------------------------------------------------------------------


def three_merged(world: World, mass_g: int = 100) -> tuple[list[Container], Container]:
    drums = [log(world, mass_g, firm) for firm in ("firm", "firm2", "firm")]
    for drum, firm in zip(drums, ("firm", "firm2", "firm"), strict=True):
        bring(world, drum, sender=firm, to="depot")
    return drums, merge(world, *drums)


def test_thirds_are_exact_in_rows_and_in_columns(world: World) -> None:
    drums, merged = three_merged(world)
    assert shares(merged) == {drum.pk: 100 for drum in drums}
    rows = [shares(child) for child in split(world, merged, 100, 100, 100)]
    assert [sorted(row.values()) for row in rows] == [[33, 33, 34]] * 3
    assert [sum(row[drum.pk] for row in rows) for drum in drums] == [100, 100, 100]


def test_a_part_too_small_for_all_leaves_the_rest_to_the_others(world: World) -> None:
    drums, merged = three_merged(world)
    rows = [shares(child) for child in split(world, merged, 1, 2, 297)]
    assert [sum(row.values()) for row in rows] == [1, 2, 297]
    assert [sum(row.get(drum.pk, 0) for row in rows) for drum in drums] == [100, 100, 100]


def test_many_parts_cost_no_more_queries_for_their_shares(world: World) -> None:
    _, merged = three_merged(world, 1_000)
    with CaptureQueriesContext(connection) as queries:
        split(world, merged, *[150] * 20)
    assert sum("waste_share" in query["sql"] for query in queries) == 2


# --- where it ended ----------------------------------------------------------------------------------------


def test_a_drum_of_its_own_is_where_it_is(world: World) -> None:
    drum = log(world, 1_000)
    assert said(fates(world, drum)) == [("stands", 1_000)]
    bring(world, drum, sender="firm", to="depot")
    assert [end.place.depot for end in fates(world, drum).others if end.place] == [world.depots["depot"]]
    world.departed(fresh(drum), sender="depot", to="plant")
    assert said(fates(world, drum)) == [("in_transit", 1_000)]


def test_through_two_depots_a_diamond_and_a_plant_that_regroups(world: World) -> None:
    ours, theirs = log(world, 1_000), log(world, 501, "firm2")
    bring(world, ours, sender="firm", to="depot")
    bring(world, theirs, sender="firm2", to="depot")
    mixed = merge(world, ours, theirs)
    left, right = split(world, mixed, 700, 801)
    diamond = merge(world, left, right)
    bring(world, diamond, sender="depot", to="depot2")
    one, two = split(world, diamond, 500, 1_001, by="depot2")
    manifest = bring(world, one, two, sender="depot2", to="plant")
    parts = split(world, two, 333, 668, by="plant")
    treat(world, manifest, one, 100, 400)
    treat(world, manifest, parts[0], method="D10")
    for name, drum, firm in (("firm", ours, 1_000), ("firm2", theirs, 501)):
        found = fates(world, drum, name)
        assert found.treated_g + found.other_g == firm
        assert found.difference_g == 0
        assert [end.kind for end in found.others] == ["stands"]
    everybody = [fates(world, ours), fates(world, theirs, "firm2")]
    for treatment in Treatment.objects.all():
        its = [end.mass_g for found in everybody for end in found.treated if end.treatment == treatment]
        assert sum(its) == treatment.mass_g


def test_what_later_scales_found_is_told_as_a_difference(world: World) -> None:
    drums, merged = three_merged(world, 10_000)
    manifest = bring(world, merged, sender="depot", to="plant", weighed=29_900)
    treat(world, manifest, merged)
    found = [fates(world, drum, by) for drum, by in zip(drums, ("firm", "firm2", "firm"), strict=True)]
    assert [one.treated_g for one in found] == [9_967, 9_967, 9_966]
    assert [one.difference_g for one in found] == [33, 33, 34]
    assert fates_json(found[0])["difference_kg"] == "0.033"


def test_of_what_came_out_of_others_the_ends_are_told_too(world: World) -> None:
    drums, merged = three_merged(world, 100)
    more = log(world, 100)
    bring(world, more, sender="firm", to="depot")
    mixed = merge(world, merged, more)
    split(world, mixed, 199, 201)
    found = fates(world, merged, "depot")
    assert said(found) == [("stands", 149), ("stands", 151)]
    assert sum(fates(world, drum, by).other_g for drum, by in zip(drums, ("firm", "firm2", "firm"), strict=True)) == 300


def test_whoever_may_not_see_where_it_went_learns_the_grams(world: World) -> None:
    drum = log(world, 1_000)
    bring(world, drum, sender="firm", to="depot")
    split(world, drum, 400, 600)
    assert said(fates(world, drum, "carrier")) == [("hidden", 1_000)]
    (end,) = fates_json(fates(world, drum, "carrier"))["ends"]
    assert end == {"kind": "hidden", "mass_kg": "1"}


def test_a_large_family_costs_no_more_queries(world: World) -> None:
    def asked(drum: Container) -> int:
        with CaptureQueriesContext(connection) as queries:
            fates_json(fates(world, drum))
        return len(queries)

    small, large = log(world, 1_000), log(world, 10_000)
    for drum in (small, large):
        bring(world, drum, sender="firm", to="depot")
    split(world, small, 400, 600)
    for child in split(world, large, *[1_000] * 10):
        for grandchild in split(world, child, 300, 700):
            split(world, grandchild, 100, grandchild.mass_g - 100)
    assert asked(large) == asked(small)


# --- against an oracle -------------------------------------------------------------------------------------


class Oracle:
    """What is in each container by plain fractions, its own way: no rounding, nothing shared with the code."""

    def __init__(self) -> None:
        self.inside: dict[int, dict[int, Fraction]] = {}

    def of(self, one: Container) -> dict[int, Fraction]:
        return self.inside.setdefault(one.pk, {one.pk: Fraction(one.mass_g)})

    def scaled(self, one: Container, mass_g: int) -> dict[int, Fraction]:
        inside = self.of(one)
        factor = Fraction(mass_g) / sum(inside.values())
        return {key: value * factor for key, value in inside.items()}

    def derive(self, parents: Sequence[Container], children: Sequence[Container]) -> None:
        whole: dict[int, Fraction] = defaultdict(Fraction)
        for parent in parents:
            for key, value in self.scaled(parent, parent.mass_g).items():
                whole[key] += value
        total = sum(whole.values())
        for child in children:
            self.inside[child.pk] = {key: value * child.mass_g / total for key, value in whole.items()}


STEP = st.tuples(st.sampled_from(["split", "merge", "weigh", "treat"]), st.integers(0, 999), st.integers(0, 999))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(masses=st.lists(st.integers(3, 3_000), min_size=2, max_size=5), steps=st.lists(STEP, min_size=3, max_size=10))
def test_random_families_add_up_and_agree_with_fractions(
    world: World, masses: list[int], steps: list[tuple[str, int, int]]
) -> None:
    with transaction.atomic():
        origins = [log(world, mass_g) for mass_g in masses]
        manifest = bring(world, *origins, sender="firm", to="plant")
        oracle = Oracle()
        for step in steps:
            grow(world, manifest, oracle, *step)
        add_up(world, origins, oracle, off=len(steps) + 1)
        transaction.set_rollback(True)


def grow(world: World, manifest: Manifest, oracle: Oracle, what: str, one: int, two: int) -> None:
    """One more thing happens at the plant to what stands there."""
    stored = list(Container.objects.filter(state="stored", treated_g=0).order_by("pk"))
    if not stored:
        return
    drum, other = stored[one % len(stored)], stored[two % len(stored)]
    if what == "split" and drum.mass_g > 1:
        first = 1 + two % (drum.mass_g - 1)
        oracle.derive([drum], split(world, drum, first, drum.mass_g - first, by="plant"))
    elif what == "merge" and drum != other:
        oracle.derive([drum, other], [merge(world, drum, other, by="plant")])
    elif what == "weigh" and Derivation.objects.filter(child=drum).exists():
        Container.objects.filter(pk=drum.pk).update(mass_g=max(1, drum.mass_g + two % 7 - 3))
    elif what == "treat":
        treat(world, manifest, drum, *([1 + two % (drum.mass_g - 1)] if drum.mass_g > 1 else []))


def add_up(world: World, origins: Sequence[Container], oracle: Oracle, off: int) -> None:
    everybody = [fates(world, origin) for origin in origins]
    for origin, found in zip(origins, everybody, strict=True):
        assert found.treated_g + found.other_g + found.difference_g == fresh(origin).mass_g
        for end in [*found.treated, *found.others]:
            assert end.container is not None
            mass_g = end.treatment.mass_g if end.treatment else end.container.mass_g - end.container.treated_g
            exact = oracle.scaled(end.container, mass_g)[origin.pk]
            assert abs(exact - end.mass_g) <= off
    for treatment in Treatment.objects.all():
        its = [end.mass_g for found in everybody for end in found.treated if end.treatment == treatment]
        assert sum(its) == treatment.mass_g
    left = Container.objects.exclude(state="emptied")
    held = sum(left.values_list("mass_g", flat=True))
    assert sum(found.treated_g + found.other_g for found in everybody) == held


# --- a mass is corrected -----------------------------------------------------------------------------------


def corrected(one: Container, mass_g: int) -> list[tuple[str, Any, Any]]:
    with transaction.atomic():
        (locked,) = lock([fresh(one)])
        facts: list[Fact] = reweigh(locked, mass_g)
    return [(fact.subject, fact.payload["from_kg"], fact.payload["to_kg"]) for fact in facts]


def consistent() -> None:
    """Branches, shares and masses agree as they must."""
    out, came = defaultdict[int, int](int), defaultdict[int, int](int)
    for parent, child, mass_g in Derivation.objects.values_list("parent", "child", "mass_g"):
        out[parent] += mass_g
        came[child] += mass_g
    assert out == dict(Container.objects.filter(state="emptied").values_list("pk", "mass_g"))
    row = defaultdict[int, int](int)
    for container, mass_g in Share.objects.values_list("container", "mass_g"):
        row[container] += mass_g
    assert row == came


def test_a_corrected_mass_goes_down_the_tree(world: World) -> None:
    drums, merged = three_merged(world, 1_000)
    one, two = split(world, merged, 1_000, 2_000)
    told = corrected(drums[0], 700)
    subjects = [its.subject for its in (drums[0], merged, one, two)]
    assert told == list(zip(subjects, ("1", "3", "1", "2"), ("0.7", "2.7", "0.9", "1.8"), strict=True))
    consistent()
    held = contents_of([fresh(one), fresh(two)])
    assert sum(inside[drums[0].pk] for inside in held.values()) == 700


@pytest.mark.parametrize("how", ["committed", "weighed", "treated"])
def test_what_was_weighed_announced_or_treated_since_keeps_its_mass(world: World, how: str) -> None:
    drum = log(world, 1_000)
    manifest = bring(world, drum, sender="firm", to="plant")
    one, two = split(world, drum, 400, 600, by="plant")
    world.add("plant2", "treater")
    world.permit("plant2", "HW08")
    if how == "committed":
        world.issued(fresh(one), sender="plant", to="plant2")
    elif how == "weighed":
        Container.objects.filter(pk=one.pk).update(mass_g=399)
    else:
        treat(world, manifest, one, 100)
    before = fresh(one).mass_g
    assert [row[0] for row in corrected(drum, 1_100)] == [drum.subject, two.subject]
    assert (fresh(one).mass_g, fresh(two).mass_g) == (before, 660)
    assert shares(one) == {drum.pk: 440}
    consistent()


def test_what_another_firm_has_received_keeps_the_mass_of_that_receipt(world: World) -> None:
    drum = log(world, 1_000)
    bring(world, drum, sender="firm", to="depot")
    one, two = split(world, drum, 400, 600)
    bring(world, one, sender="depot", to="plant")
    assert [row[0] for row in corrected(drum, 1_100)] == [drum.subject, two.subject]
    found = fates(world, drum)
    assert (found.other_g, found.difference_g) == (1_060, 40)


def test_in_a_diamond_each_drum_follows_once(world: World) -> None:
    drum = log(world, 1_000)
    bring(world, drum, sender="firm", to="depot")
    left, right = split(world, drum, 300, 700)
    again = merge(world, left, right)
    assert corrected(drum, 2_000)[-1] == (again.subject, "1", "2")
    assert len(ends_of([fresh(drum)])) == 1
    consistent()


def test_a_mass_below_what_is_treated_is_refused(world: World) -> None:
    drum = log(world, 1_000)
    manifest = bring(world, drum, sender="firm", to="plant")
    treat(world, manifest, drum, 600)
    with pytest.raises(Refused, match="treated_too_much"):
        corrected(drum, 599)
    assert corrected(drum, 601) == [(drum.subject, "1", "0.601")]


def test_a_mass_of_less_than_a_gram_for_each_part_is_refused(world: World) -> None:
    drum = log(world, 1_000)
    bring(world, drum, sender="firm", to="depot")
    split(world, drum, 300, 300, 400)
    with pytest.raises(Refused, match="too_little_for_parts"):
        corrected(drum, 2)
    corrected(drum, 3)
    consistent()


def test_what_is_treated_or_void_is_not_weighed_again(world: World) -> None:
    drum = log(world, 1_000)
    manifest = bring(world, drum, sender="firm", to="plant")
    treat(world, manifest, drum)
    with pytest.raises(Refused, match="treated"):
        corrected(drum, 1_100)


# --- what was there before ---------------------------------------------------------------------------------


def test_shares_are_drawn_for_what_was_regrouped_before_they_were_kept(world: World) -> None:
    drums, merged = three_merged(world, 1_000)
    one, two = split(world, merged, 1_001, 1_999)
    more = log(world, 500)
    bring(world, more, sender="firm", to="depot")
    merge(world, one, more)
    kept = sorted(Share.objects.values_list("container", "origin", "mass_g"))
    Share.objects.all().delete()
    import_module("wastetrack.waste.migrations.0005_shares").from_branches(apps, None)
    assert sorted(Share.objects.values_list("container", "origin", "mass_g")) == kept
    assert len(shares(two)) == len(drums)
