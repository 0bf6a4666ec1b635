"""Splitting, merging, repacking, extending, reactions and the family over the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Api
from tests.kernel.test_regroup import merge, split, stocked
from tests.world import NOW, World
from wastetrack.parties.models import Permit
from wastetrack.waste.models import Container

ApiOf = Callable[[str], Api]
INTO = {"container_kind": "plastic_drum", "volume_l": 120}


@pytest.fixture(autouse=True)
def _permits(world: World) -> None:
    Permit.objects.exclude(kind="transport").update(codes="HW08 HW49")


def problem(answer: Any) -> tuple[int, str, dict[str, str]]:
    body = answer.json()
    return answer.status_code, body["code"], {error["field"]: error["code"] for error in body.get("errors", [])}


def test_split_answers_with_the_new_drums(world: World, api: ApiOf) -> None:
    drum = stocked(world)
    body = {"container": drum.short_code, "parts": [{**INTO, "mass_kg": "10"}, {**INTO, "mass_kg": "8.5"}]}
    answer = api("depot").post("/containers/split", body)
    assert answer.status_code == 201
    made = answer.json()["containers"]
    assert [(one["mass_kg"], one["state"], one["bay"]) for one in made] == [
        ("10", "stored", "A1"),
        ("8.5", "stored", "A1"),
    ]
    assert made[0]["storage_deadline"] == made[1]["storage_deadline"]
    assert api("depot").get(f"/containers/{drum.code}").json()["state"] == "emptied"


def test_a_key_splits_once(world: World, api: ApiOf) -> None:
    drum = stocked(world)
    body = {"container": drum.code, "parts": [{**INTO, "mass_kg": "10"}, {**INTO, "mass_kg": "8.5"}]}
    answers = [api("depot").post("/containers/split", body, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert drum.children.count() == 2


def test_what_is_wrong_is_named_field_by_field(world: World, api: ApiOf) -> None:
    drum = stocked(world)
    parts = [{"mass_kg": "much", "container_kind": "wheelbarrow", "volume_l": 0}, {**INTO, "mass_kg": "8.5"}]
    answer = api("depot").post("/containers/split", {"container": drum.code, "parts": parts})
    assert problem(answer) == (
        422,
        "invalid_fields",
        {
            "parts.0.mass_kg": "mass_not_a_number",
            "parts.0.container_kind": "unknown_container_kind",
            "parts.0.volume_l": "volume_out_of_range",
        },
    )
    uneven = [{**INTO, "mass_kg": "10"}, {**INTO, "mass_kg": "8.499"}]
    answer = api("depot").post("/containers/split", {"container": drum.code, "parts": uneven})
    assert problem(answer)[2] == {"mass_kg": "masses_differ"}
    assert problem(api("depot").post("/containers/split", {}))[0] == 422
    assert problem(api("depot").post("/containers/split", {"container": drum.code}))[2] == {"parts": "too_few_parts"}
    assert api("depot").post("/containers/split", {"container": drum.code, "parts": [{}] * 501}).status_code == 422


def test_merge_and_repack_take_the_whole_where_no_mass_is_sent(world: World, api: ApiOf) -> None:
    one, other = stocked(world), stocked(world)
    made = api("depot").post("/containers/merge", {"containers": [one.code, other.short_code], **INTO})
    assert (made.status_code, made.json()["mass_kg"]) == (201, "37")
    again = api("depot").post("/containers/repack", {"container": made.json()["code"], **INTO, "bay": "a2"})
    assert (again.json()["mass_kg"], again.json()["bay"]) == ("37", "A2")
    few = api("depot").post("/containers/merge", {"containers": [again.json()["code"]], **INTO})
    assert problem(few)[2] == {"containers": "too_few_parts"}


@pytest.mark.parametrize("name", ["firm", "firm2", "depot2", "regulator", "carrier", "viewer"])
def test_others_may_not(world: World, api: ApiOf, name: str) -> None:
    drum = stocked(world)
    for path, body in (
        ("/containers/repack", {"container": drum.code, **INTO}),
        ("/containers/extend", {"containers": [drum.code], "until": "2027-11-20", "document": "1"}),
    ):
        assert api(name).post(path, body).status_code in (403, 422), path
    assert Container.objects.get(pk=drum.pk).state == "stored"


def test_an_extension_names_its_document(world: World, api: ApiOf) -> None:
    drum = stocked(world)
    until = (NOW + timedelta(days=365)).date()
    body = {"containers": [drum.code], "until": until.isoformat(), "document": "演示〔2026〕1号"}
    assert problem(api("depot").post("/containers/extend", body))[2] == {"until": "not_later"}
    for wrong in ("soon", "2027-02-30"):
        assert problem(api("depot").post("/containers/extend", {**body, "until": wrong}))[2] == {
            "until": "date_unreadable"
        }
    assert problem(api("depot").post("/containers/extend", {**body, "until": None}))[2] == {"until": "missing"}


def test_reactions_are_stated(world: World, api: ApiOf) -> None:
    drum = stocked(world, waste_code="900-041-49", hazards=["T"])
    path = f"/containers/{drum.code}/reactions"
    assert api("depot").get(f"/containers/{drum.code}").json()["reaction_groups"] is None
    assert problem(api("depot").post(path, {}))[2] == {"reaction_groups": "missing"}
    assert problem(api("depot").post(path, {"reaction_groups": ["9-Z"]}))[2] == {"reaction_groups": "unknown_group"}
    assert api("firm").post(path, {"reaction_groups": ["6-B"]}).json()["reaction_groups"] == ["6-B"]
    assert api("depot").post(path, {"reaction_groups": "none"}).json()["reaction_groups"] == []
    assert api("firm2").post(path, {"reaction_groups": "none"}).status_code == 404
    assert api("regulator").post(path, {"reaction_groups": "none"}).status_code == 403


def test_the_family_is_told_as_far_as_it_may_be_seen(world: World, api: ApiOf) -> None:
    mine, theirs = stocked(world), stocked(world, "firm2", mass_kg="12.5")
    child = merge(world, mine, theirs)
    left, right = split(world, child, 20_000, 11_000)
    told = api("firm").get(f"/containers/{mine.short_code}/lineage").json()
    assert told["container"] == mine.code
    steps = [(step["parent"], step["child"], step["mass_kg"]) for step in told["steps"]]
    assert steps == [
        (mine.code, child.code, "18.5"),
        (child.code, left.code, "20"),
        (child.code, right.code, "11"),
    ]
    told = api("firm").get(f"/containers/{child.short_code}/lineage")
    assert {"parent": None, "child": child.code, "mass_kg": "12.5"} in told.json()["steps"]
    assert theirs.code not in told.content.decode()
    assert api("depot2").get(f"/containers/{child.code}/lineage").status_code == 404
    alone = api("firm").get(f"/containers/{world.drum().code}/lineage").json()
    assert (alone["steps"], len(alone["containers"])) == ([], 1)
