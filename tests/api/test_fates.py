"""`GET /containers/{code}/fates`, and treating over the API what a plant made of what it received."""

from __future__ import annotations

from collections.abc import Callable

from tests.api.support import answered, refused
from tests.conftest import Api
from tests.kernel.test_fates import bring, log, merge, split
from tests.world import PASSWORD, World


def test_a_drum_tells_where_it_ended(world: World, api: Callable[[str], Api]) -> None:
    ours, theirs = log(world, 1_000), log(world, 500, "firm2")
    bring(world, theirs, sender="firm2", to="plant")
    manifest = bring(world, ours, sender="firm", to="plant")
    mixed = merge(world, ours, theirs, by="plant")
    one, two = split(world, mixed, 600, 900, by="plant")
    body = {
        "password": PASSWORD,
        "lines": [{"container": one.short_code, "method": "D10", "mass_kg": "0.6", "residue": "灰渣"}],
    }
    answered(api("plant").post(f"/manifests/{manifest.number}/treat", body))
    found = answered(api("firm").get(f"/containers/{ours.code}/fates"))
    assert {name: value for name, value in found.items() if name != "ends"} == {
        "container": ours.code, "mass_kg": "1", "treated_kg": "0.4", "other_kg": "0.6", "difference_kg": "0"
    }  # fmt: skip
    treated, stands = found["ends"]
    plant = world.organisations["plant"]
    party = {"uscc": plant.uscc, "name": plant.name}
    assert treated == {
        "kind": "treated", "mass_kg": "0.4", "container": one.code, "short_code": one.short_code, "method": "D10",
        "plant": party, "treated_at": treated["treated_at"], "residue": "灰渣",
    }  # fmt: skip
    assert stands == {
        "kind": "stands", "mass_kg": "0.6", "container": two.code, "short_code": two.short_code, "holder": party,
        "depot": world.depots["plant"].name,
    }  # fmt: skip


def test_a_stranger_learns_nothing(world: World, api: Callable[[str], Api]) -> None:
    drum = log(world, 1_000)
    refused(api("firm2").get(f"/containers/{drum.code}/fates"), 404, "unknown_code")
    refused(api("firm2").get("/containers/nothing/fates"), 404, "unknown_code")


def test_a_drum_that_is_neither_named_nor_made_of_it_is_refused_at_its_row(
    world: World, api: Callable[[str], Api]
) -> None:
    drum, other = log(world, 1_000), log(world, 1_000)
    manifest = bring(world, drum, sender="firm", to="plant")
    bring(world, other, sender="firm", to="plant")
    row = {"container": drum.code, "method": "R9", "mass_kg": "1"}
    body = {"password": PASSWORD, "lines": [row, {**row, "container": other.code}, {**row, "mass_kg": "0"}]}
    problem = refused(
        api("plant").post(f"/manifests/{manifest.number}/treat", body), 422, "unknown_line", "lines.1.container"
    )
    assert [(one["field"], one["code"]) for one in problem["errors"]][1] == ("lines.2.mass_kg", "mass_zero")
