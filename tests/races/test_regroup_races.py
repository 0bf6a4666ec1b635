"""A drum is emptied once, and what is emptied goes nowhere else. Runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from depots import regroup
from depots.models import Bay, Stay
from manifests import services as manifests
from manifests.models import Manifest
from tests.kernel.test_regroup import stocked
from tests.races.test_races import won
from tests.world import NOW, World
from wastetrack.lifecycle import services as lifecycle
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container, Derivation

Together = Callable[[list[Callable[[], Any]]], list[Any]]


def fresh(drum: Container) -> Container:
    return Container.objects.get(pk=drum.pk)


def splitting(world: World, drum: Container, first: int = 10_000) -> Callable[[], Any]:
    copy, depot = fresh(drum), world.actor("depot")
    parts = [Part("steel_drum", Decimal(200), mass) for mass in (first, drum.mass_g - first)]
    return lambda: regroup.split(actor=depot, container=copy, parts=parts, now=NOW)


def merging(world: World, *drums: Container) -> Callable[[], Any]:
    copies, depot = [fresh(drum) for drum in drums], world.actor("depot")
    part = Part("ibc", Decimal(1000), sum(drum.mass_g for drum in drums))
    return lambda: regroup.merge(actor=depot, containers=copies, part=part, now=NOW)


def there() -> int:
    """Grams in all drums that are not empty."""
    return sum(Container.objects.exclude(state="emptied").values_list("mass_g", flat=True))


def test_two_splits_of_one_drum(world: World, together: Together) -> None:
    drum = stocked(world)
    results = together([splitting(world, drum, first) for first in (10_000, 9_000, 1_000)])
    assert won(results) == 1
    assert set(map(str, results)) & {"not_here", "illegal_state", "lost_race"}
    assert (drum.children.count(), there()) == (2, 18_500)
    assert Stay.objects.filter(left_at=None).count() == 2


def test_two_merges_that_share_a_drum(world: World, together: Together) -> None:
    one, shared, other = (stocked(world) for _ in range(3))
    # Named in the opposite order as well: locks are taken in one order, so neither waits for the other for ever.
    results = together([merging(world, one, shared), merging(world, shared, other), merging(world, other, shared)])
    assert won(results) == 1
    assert (Derivation.objects.count(), there()) == (2, 3 * 18_500)


def test_a_split_against_a_manifest(world: World, together: Together) -> None:
    depot = world.actor("depot")
    for _ in range(3):
        drum = stocked(world)
        draft = world.draft(drum, sender="depot", to="plant")
        copy = Manifest.objects.get(pk=draft.pk)
        results = together([splitting(world, drum), lambda m=copy: manifests.issue(actor=depot, manifest=m, now=NOW)])
        assert won(results) == 1
        assert fresh(drum).state in ("emptied", "committed")
        assert drum.children.count() == (2 if fresh(drum).state == "emptied" else 0)


def test_two_regroupings_for_the_last_places_of_a_bay(world: World, together: Together) -> None:
    drums = [stocked(world), stocked(world)]
    Bay.objects.filter(depot=world.depots["depot"]).update(places=0)
    Bay.objects.filter(depot=world.depots["depot"], code="A1").update(places=3)
    results = together([splitting(world, drum) for drum in drums])
    assert won(results) == 1
    assert "no_room" in results
    assert there() == 2 * 18_500


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows as they were read, without a lock and without compare-and-swap."""
    monkeypatch.setattr(
        lifecycle, "_still", lambda rows, state: type(rows[0]).objects.filter(pk__in=[r.pk for r in rows])
    )

    def unlocked(rows: Any) -> list[Any]:
        return list(rows)

    monkeypatch.setattr(lifecycle, "lock", unlocked)
    monkeypatch.setattr(regroup, "lock", unlocked)
    monkeypatch.setattr(regroup, "_place_of", _as_read(regroup._place_of))


def _as_read(place_of: Any) -> Any:
    """The places as they were at the first asking: no fresh reading saves what a lock did not."""
    found: dict[tuple[int, ...], Any] = {}

    def asked(parents: Any) -> Any:
        key = tuple(parent.pk for parent in parents)
        if key not in found:
            found[key] = place_of(parents)
        return found[key]

    return asked


def test_without_the_locks_a_drum_is_emptied_twice(world: World, together: Together, without_locks: None) -> None:
    drum = stocked(world)
    regroup._place_of([drum])
    results = together([splitting(world, drum, first) for first in (10_000, 9_000)])
    assert won(results) == 2
    assert there() == 2 * 18_500
