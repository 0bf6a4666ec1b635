"""Treatment follows the family tree: what a plant regroups, it treats in parts; then the manifest can close."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from depots import counts, regroup
from depots.models import Bay, CountLine, Stay
from manifests import services as manifests
from manifests.models import Manifest, Treatment
from manifests.selectors import get_manifest, lines_of
from manifests.services import Treated
from manifests.turns import awaits_treatment, turn_of, waiting
from tests.kernel.test_fates import bring, corrected, fresh, log, merge, part, split, treat
from tests.world import NOW, PASSWORD, World, later
from wastetrack.errors import FieldError, Invalid, Refused
from wastetrack.ledger.models import Entry
from wastetrack.lifecycle.services import lock
from wastetrack.parties.models import Membership, User
from wastetrack.waste.models import Container


@pytest.fixture
def drum(world: World) -> Container:
    return log(world, 1_000)


@pytest.fixture
def manifest(world: World, drum: Container) -> Manifest:
    return bring(world, drum, sender="firm", to="plant")


def close(world: World, manifest: Manifest) -> Manifest:
    return manifests.close(actor=world.actor("plant"), manifest=Manifest.objects.get(pk=manifest.pk), now=NOW)


def steps(world: World, manifest: Manifest) -> tuple[str, ...]:
    """The plant's steps; the filter on lists says the same as the page."""
    plant = world.actor("plant")
    found = get_manifest(plant, manifest.number)
    lines = lines_of(found)
    asks = tuple(step for step in turn_of(found, lines, plant).steps if step in ("treat", "close"))
    assert ("treat" in asks) == any(map(awaits_treatment, lines)) == found.awaits_treatment()
    assert waiting(plant).filter(pk=manifest.pk).exists() == bool(asks)
    return asks


def error(refused: pytest.ExceptionInfo[Invalid]) -> tuple[str, str]:
    first: FieldError = refused.value.errors[0]
    return first.field, first.code


# --- what came out of it -----------------------------------------------------------------------------------


def test_the_parts_of_a_received_drum_are_treated_and_the_manifest_closes(
    world: World, drum: Container, manifest: Manifest
) -> None:
    one, two = split(world, drum, 400, 600, by="plant")
    assert steps(world, manifest) == ("treat",)
    with pytest.raises(Refused, match="emptied"):
        treat(world, manifest, drum)
    treat(world, manifest, one)
    assert steps(world, manifest) == ("treat",)
    with pytest.raises(Refused, match="not_treated"):
        close(world, manifest)
    treat(world, manifest, two)
    assert [row.line for row in Treatment.objects.all()] == [None, None]
    assert steps(world, manifest) == ("close",)
    assert close(world, manifest).state == "closed"


def test_a_mixture_of_two_manifests_counts_for_both(world: World, drum: Container, manifest: Manifest) -> None:
    other = log(world, 500, "firm2")
    theirs = bring(world, other, sender="firm2", to="plant")
    mixed = merge(world, drum, other, by="plant")
    (one, two) = split(world, mixed, 700, 800, by="plant")
    treat(world, manifest, one)
    treat(world, theirs, two)
    assert (steps(world, manifest), steps(world, theirs)) == (("close",), ("close",))


def test_both_firms_are_told_of_what_became_of_the_mixture(world: World, drum: Container, manifest: Manifest) -> None:
    other = log(world, 500, "firm2")
    bring(world, other, sender="firm2", to="plant")
    mixed = merge(world, drum, other, by="plant")
    treat(world, manifest, mixed)
    entry = Entry.objects.get(kind="container.treat")
    for name in ("firm", "firm2"):
        assert entry.addressed_to(world.actor(name)), name
    assert not entry.addressed_to(world.actor("depot"))


def test_what_came_out_of_another_manifest_is_no_part_of_this_one(
    world: World, drum: Container, manifest: Manifest
) -> None:
    other = log(world, 500)
    bring(world, other, sender="firm", to="plant")
    part, _ = split(world, other, 100, 400, by="plant")
    for foreign in (part, other):
        with pytest.raises(Invalid) as refused:
            treat(world, manifest, foreign)
        assert error(refused) == ("lines.0.container", "unknown_line")


def test_what_goes_on_to_another_plant_no_longer_keeps_it_open(
    world: World, drum: Container, manifest: Manifest
) -> None:
    one, two = split(world, drum, 400, 600, by="plant")
    treat(world, manifest, one)
    world.add("plant2", "treater")
    world.permit("plant2", "HW08")
    onward = world.issued(fresh(two), sender="plant", to="plant2")
    assert steps(world, manifest) == ("treat",)
    manifests.depart(actor=world.actor("carrier"), manifest=onward, now=NOW)
    assert steps(world, manifest) == ("close",)
    assert close(world, manifest).state == "closed"


def test_a_lost_drum_no_longer_keeps_its_manifest_open(world: World, drum: Container, manifest: Manifest) -> None:
    one, two = split(world, drum, 400, 600, by="plant")
    treat(world, manifest, one)
    lose(world, two)
    assert fresh(two).state == "missing"
    assert steps(world, manifest) == ("close",)


def lose(world: World, drum: Container) -> None:
    """A count does not find it, and a second person says that it is gone."""
    user = User.objects.create_user(username="second", password=PASSWORD, name="演示用户二")
    plant, actor = world.organisations["plant"], world.actor("plant")
    world.memberships["second"] = Membership.objects.create(user=user, organisation=plant, role="operator")
    bay = Bay.objects.get(depot=world.depots["plant"])
    Stay.objects.filter(container=drum, left_at=None).update(bay=bay)
    count = counts.begin(actor=actor, bay=bay, now=later(0.1))
    for stay in Stay.objects.filter(bay=bay, left_at=None).exclude(container=drum):
        counts.note(actor=actor, bay=bay, container=stay.container, text=stay.container.code, now=later(0.1))
    counts.close(actor=actor, count=count, now=later(0.1))
    line = CountLine.objects.select_related("count__depot__site__organisation", "count__bay", "container").get(
        count=count, container=drum
    )
    counts.settle(actor=world.actor("second"), line=line, how="lost", reason="演示", now=later(0.1))


# --- what is said of it ------------------------------------------------------------------------------------


def test_the_plant_signs_what_it_did_and_what_was_left_over(world: World, drum: Container, manifest: Manifest) -> None:
    rows = [Treated(fresh(drum), "R9", 300, NOW), Treated(fresh(drum), "D10", 700, NOW, "灰渣 0.1 kg")]
    manifests.treat(actor=world.actor("plant"), manifest=manifest, treatments=rows, now=NOW)
    signed = Entry.objects.get(kind="manifest.treat")
    assert (signed.subject, signed.data["meaning"], signed.data["mass_kg"]) == (manifest.subject, "treat", "1")
    assert [row["mass_kg"] for row in signed.data["content"]["treatments"]] == ["0.3", "0.7"]
    told = Entry.objects.filter(subject=drum.subject, kind__startswith="container.treat").order_by("pk")
    assert [(one.kind, one.data["mass_kg"], one.data.get("residue")) for one in told] == [
        ("container.treat_part", "0.3", None),
        ("container.treat", "0.7", "灰渣 0.1 kg"),
    ]
    assert Treatment.objects.get(method="D10").residue == "灰渣 0.1 kg"


def test_no_part_is_treated_before_it_was_made(world: World, drum: Container, manifest: Manifest) -> None:
    one, _ = regroup.split(
        actor=world.actor("plant"), container=fresh(drum), parts=[part(400), part(600)], now=later(2)
    )
    for at, code in ((later(1), "time_out_of_order"), (later(3) + timedelta(hours=1), "time_in_future")):
        rows = [Treated(fresh(one), "R9", 400, at)]
        with pytest.raises(Invalid) as refused:
            manifests.treat(actor=world.actor("plant"), manifest=manifest, treatments=rows, now=later(3))
        assert error(refused) == ("lines.0.treated_at", code)


def test_two_rows_of_one_drum_are_not_more_than_it_holds(world: World, drum: Container, manifest: Manifest) -> None:
    with pytest.raises(Refused, match="treated_too_much"):
        treat(world, manifest, drum, 600, 401)
    assert fresh(drum).treated_g == 0
    treat(world, manifest, drum, 600, 400)
    assert fresh(drum).state == "treated"


def test_a_mass_corrected_to_what_is_treated_ends_the_drum(world: World, drum: Container, manifest: Manifest) -> None:
    treat(world, manifest, drum, 990)
    corrected(drum, 990)
    (locked,) = lock([fresh(drum)])
    facts = manifests.end_if_treated(actor=world.actor("plant"), manifest=manifest, container=locked, now=NOW)
    assert [fact.kind for fact in facts] == ["container.treat"]
    assert fresh(drum).state == "treated"
    assert steps(world, manifest) == ("close",)


def test_a_long_treatment_costs_no_query_for_each_row_that_is_not_its_own(world: World) -> None:
    drums = [log(world, 1_000) for _ in range(6)]
    manifest = bring(world, *drums, sender="firm", to="plant")

    def asked(*chosen: Container) -> int:
        rows = [Treated(fresh(one), "R9", 400, NOW) for one in chosen]
        with CaptureQueriesContext(connection) as queries:
            manifests.treat(actor=world.actor("plant"), manifest=manifest, treatments=rows, now=NOW)
        return sum(not query["sql"].startswith(("INSERT", "UPDATE")) for query in queries)

    few, many = asked(drums[0]), asked(*drums[1:])
    assert many - few <= 4 * 2  # the log numbers the entries of each drum
