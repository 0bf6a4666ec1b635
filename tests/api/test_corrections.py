"""Corrections over the API: proposed, agreed to, declined, withdrawn, read by every party."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.models import Line
from manifests.services import Receipt, receive
from tests.api.support import answered, refused
from tests.api.test_queries import cost
from tests.world import NOW, PASSWORD, World
from wastetrack.ledger.models import Entry
from wastetrack.waste.models import Container

SIGNED = {"password": PASSWORD}


@pytest.fixture
def received(world: World) -> Any:
    """A drum that the depot has received, and the path of its manifest."""
    drum = world.drum()
    manifest = world.delivered(drum)
    depot = world.depots["depot"]
    receipts = [Receipt(manifest.lines.get())]
    receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    return drum, f"/manifests/{manifest.number}"


def proposal(drum: Container, **row: Any) -> dict[str, Any]:
    return {"reason": "磅单录错", "lines": [{"container": drum.code, **row}], **SIGNED}


def test_a_correction_from_proposal_to_version(world: World, api: Any, received: Any) -> None:
    drum, path = received
    found = answered(api("depot").post(f"{path}/correct", proposal(drum, mass_kg="18.6", name="废机油桶")))
    assert (found["version"], found["corrections"][0]["state"]) == (1, "open")
    firm = api("firm")
    (seen,) = answered(firm.get(path))["corrections"]
    assert seen["changes"] == [
        {"container": drum.code, "field": "mass_kg", "old": "18.5", "new": "18.6"},
        {"container": drum.code, "field": "name", "old": "废油桶", "new": "废机油桶"},
    ]
    assert [one["given_at"] for one in seen["consents"]] == [None]
    agreed = answered(firm.post(f"{path}/approve", {"correction": seen["id"], **SIGNED}))
    assert (agreed["version"], agreed["lines"][0]["received_mass_kg"]) == (2, "18.6")
    assert agreed["lines"][0]["name"] == "废机油桶"
    assert agreed["totals"] == {
        "declared_kg": "18.5",
        "accepted_kg": "18.6",
        "refused_kg": "0",
        "waiting_kg": "0",
    }
    for reader in ("depot", "carrier", "regulator"):
        assert answered(api(reader).get(path))["corrections"][0]["version"] == 2
    for kind in ("correction.propose", "correction.consent", "manifest.correct"):
        entry = Entry.objects.get(kind=kind)
        assert entry.data["confirmed"] == "password"
        assert entry.data["content_sha256"]


def test_a_manifest_with_corrections_costs_at_most_10_queries(world: World, api: Any, received: Any) -> None:
    drum, path = received
    depot, firm = api("depot"), api("firm")
    for mass_kg in ("18.6", "18.7", "30"):
        answered(depot.post(f"{path}/correct", proposal(drum, mass_kg=mass_kg)))
        answered(firm.post(f"{path}/approve", SIGNED))
    assert cost(lambda: firm.get(path)) <= 10


def test_both_sides_sign_a_correction(world: World, api: Any, received: Any) -> None:
    drum, path = received
    row = {"reason": "错", "lines": [{"container": drum.code, "mass_kg": "18.6"}]}
    refused(api("depot").post(f"{path}/correct", row), 422, "password_missing", "password")
    answered(api("depot").post(f"{path}/correct", proposal(drum, mass_kg="18.6")))
    refused(api("firm").post(f"{path}/approve", {"password": "wrong"}), 403, "wrong_password")
    assert Line.objects.get().received_mass_g == 18_500


def test_agreeing_to_what_was_replaced_since_is_refused(world: World, api: Any, received: Any) -> None:
    drum, path = received
    firm, depot = api("firm"), api("depot")
    first = answered(depot.post(f"{path}/correct", proposal(drum, mass_kg="18.6")))["corrections"][0]["id"]
    answered(depot.post(f"{path}/withdraw"))
    answered(depot.post(f"{path}/correct", proposal(drum, mass_kg="99")))
    refused(firm.post(f"{path}/approve", {"correction": first, **SIGNED}), 409, "correction_over")
    refused(firm.post(f"{path}/decline", {"correction": first, "reason": "不对"}), 409, "correction_over")
    refused(depot.post(f"{path}/withdraw", {"correction": first}), 409, "correction_over")
    refused(depot.post(f"{path}/approve", SIGNED), 403, "own_proposal")
    answered(firm.post(f"{path}/decline", {"reason": "磅单是十八公斤半"}))
    refused(firm.post(f"{path}/approve", SIGNED), 409, "correction_over")
    assert [one["state"] for one in answered(firm.get(path))["corrections"]] == ["withdrawn", "declined"]


def test_strangers_see_and_correct_nothing(world: World, api: Any, received: Any) -> None:
    drum, path = received
    stranger = api("plant")
    body = {"reason": "x", "lines": [{"container": drum.code, "mass_kg": "1"}], **SIGNED}
    refused(stranger.post(f"{path}/correct", body), 404, "unknown_manifest")
    refused(api("regulator").post(f"{path}/correct", body), 403, "not_your_part")
    refused(stranger.post(f"{path}/approve", SIGNED), 404, "unknown_manifest")


def test_every_problem_comes_back_at_its_field(world: World, api: Any, received: Any) -> None:
    drum, path = received
    wrong = proposal(drum, mass_kg="x", waste_code="900-041-49")
    found = refused(api("depot").post(f"{path}/correct", wrong), 422, "invalid_fields")
    assert {one["field"]: one["code"] for one in found["errors"]} == {
        "lines.0.mass_kg": "mass_not_a_number",
        "lines.0.waste_code": "code_on_label",
    }
    assert all(one["message"] != one["code"] for one in found["errors"])


def test_called_off_under_way_over_the_api(world: World, api: Any) -> None:
    drum = world.drum()
    path = f"/manifests/{world.departed(drum).number}"
    refused(api("firm").post(f"{path}/cancel", {"reason": "x"}), 422, "password_missing", "password")
    found = answered(api("firm").post(f"{path}/cancel", {"reason": "路断了", **SIGNED}))
    assert (found["state"], found["corrections"][0]["cancels"]) == ("in_transit", True)
    assert answered(api("carrier").post(f"{path}/approve", SIGNED))["state"] == "cancelled"


def test_totals_are_told_and_must_add_up(world: World, api: Any) -> None:
    drums = [world.drum(), world.drum(), world.drum()]
    path = f"/manifests/{world.delivered(*drums).number}"
    rows = [
        {"container": drums[0].code, "mass_kg": "18.4"},
        {"container": drums[1].code, "outcome": "rejected", "reason": "漏", "mass_kg": "18"},
    ]
    body = {"lines": rows, **SIGNED}
    wrong = {**body, "accepted_kg": "18.5", "refused_kg": "18"}
    refused(api("depot").post(f"{path}/receive", wrong), 422, "totals_differ", "accepted_kg")
    found = answered(api("depot").post(f"{path}/receive", {**body, "accepted_kg": "18.4", "refused_kg": "18"}))
    assert found["totals"] == {
        "declared_kg": "55.5",
        "accepted_kg": "18.4",
        "refused_kg": "18",
        "waiting_kg": "18.5",
    }
    assert found["lines"][1]["refused_mass_kg"] == "18"
