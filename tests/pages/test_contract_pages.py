"""Contracts: recorded by who hands waste over, seen by both and their districts, offered to a manifest."""

from __future__ import annotations

import re
from typing import Any

import pytest

from manifests.models import Contract
from tests.api.support import answered, refused
from tests.pages.visitors import Visitor, text
from tests.world import World
from wastetrack.ledger.models import Entry


def fields(world: World, **changed: str) -> dict[str, str]:
    said = {
        "number": "演示合同 2026-7",
        "partner": world.organisations["depot"].uscc,
        "purpose": "take",
        "valid_from": "2026-11-20",
        "valid_to": "2027-11-19",
    }
    return said | changed


def test_a_contract_is_recorded_and_seen_by_both(world: World, clock: Any) -> None:
    firm = Visitor(world, "firm")
    assert "No contract is recorded" in text(firm.get("/contracts"))
    sent = firm.send("/contracts", nonce="once", **fields(world))
    made = Contract.objects.get()
    assert (sent.status_code, sent["Location"]) == (303, f"/contracts#contract-{made.pk}")
    firm.send("/contracts", nonce="once", **fields(world))
    assert Contract.objects.count() == 1
    for name, sees in (("firm", True), ("depot", True), ("regulator", True), ("firm2", False), ("regulator2", False)):
        assert ("演示合同 2026-7" in text(Visitor(world, name).get("/contracts"))) is sees
    entry = Entry.objects.get(kind="contract.record")
    assert (entry.subject, entry.data["valid_to"]) == (f"contract:{made.pk}", "2027-11-19")
    assert [entry.addressed_to(world.actor(name)) for name in ("depot", "firm2")] == [True, False]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"number": " "}, "number"),
        ({"partner": ""}, "partner"),
        ({"purpose": "sell"}, "purpose"),
        ({"purpose": "carry"}, "partner"),
        ({"valid_to": "2026-11-19"}, "valid_to"),
        ({"valid_to": "2999-11-19"}, "valid_to"),
        ({"valid_from": "soon"}, "valid_from"),
    ],
)
def test_what_is_wrong_stands_at_its_field(changed: dict[str, str], field: str, world: World, clock: Any) -> None:
    answer = Visitor(world, "firm").send("/contracts", **fields(world, **changed))
    assert (answer.status_code, Contract.objects.count()) == (422, 0)
    assert re.findall('aria-describedby="([a-z_]+)-error"', text(answer)) == [field]


def test_one_number_one_contract_and_never_with_oneself(world: World, api: Any) -> None:
    firm = api("firm")
    made = answered(firm.post("/contracts", fields(world)), 201)
    assert (made["purpose"], made["client"]["name"], made["partner"]["name"]) == ("take", "演示firm", "演示depot")
    assert [one["number"] for one in answered(api("depot").get("/contracts"))["items"]] == ["演示合同 2026-7"]
    assert answered(api("firm2").get("/contracts"))["items"] == []

    wrong = [
        ("firm", {}, "number", "contract_known"),
        ("depot", {}, "partner", "contract_with_self"),
        ("firm", {"number": "2", "purpose": "carry"}, "partner", "not_a_carrier"),
        ("firm", {"number": "2", "partner": world.organisations["carrier"].uscc}, "partner", "not_a_receiver"),
        ("firm", {"number": "2", "purpose": "sell"}, "purpose", "unknown_purpose"),
        ("firm", {"number": "2", "valid_to": ""}, "valid_to", "missing"),
        ("firm", {"number": "x" * 61}, "number", "too_long"),
    ]
    for name, changed, field, code in wrong:
        refused(api(name).post("/contracts", fields(world, **changed)), 422, code, field)
    assert Contract.objects.count() == 1


@pytest.mark.parametrize("name", ["viewer", "carrier", "regulator"])
def test_only_who_hands_waste_over_records_one(name: str, world: World, clock: Any) -> None:
    visitor = Visitor(world, name)
    assert "Record a contract" not in text(visitor.get("/contracts"))
    assert visitor.send("/contracts", **fields(world)).status_code == 403
    assert not Contract.objects.exists()


def test_a_manifest_is_offered_the_contracts_that_hold(world: World, clock: Any) -> None:
    firm = Visitor(world, "firm")
    firm.send("/contracts", **fields(world))
    firm.send("/contracts", **fields(world, number="演示旧合同", valid_from="2025-01-01", valid_to="2026-11-19"))
    world.drum()
    page = text(firm.get("/manifests/new"))
    assert '<option value="演示合同 2026-7">' in page
    assert "演示旧合同" not in page
    assert "datalist" not in text(Visitor(world, "depot").get("/manifests/new"))
