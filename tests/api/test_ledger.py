"""`/ledger`: checkpoints, entries and proofs, checked with the rules of RFC 9162 and nothing of the server's."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.api.support import answered, refused
from tests.conftest import Api
from tests.world import World
from wastetrack.ledger import merkle
from wastetrack.ledger.canonical import LEAF_FIELDS, checkpoint_bytes, leaf_bytes
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal


def signature_holds(point: dict[str, Any]) -> bool:
    signed = checkpoint_bytes(**{name: point[name] for name in ("origin", "size", "root", "sealed_at")})
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(point["public_key"])).verify(
            bytes.fromhex(point["signature"]), signed
        )
    except InvalidSignature:
        return False
    return True


def path_of(proof: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(step) for step in proof["path"]]


def everything(api: Api, after: int = -1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = answered(api.get("/ledger/entries", after=after))
        found += page["items"]
        if page["next"] is None:
            return found
        after = int(page["next"])


def test_before_anything_is_sealed_there_is_no_checkpoint(api: Any) -> None:
    refused(api("firm").get("/ledger/checkpoint"), 404, "no_checkpoint")


def test_a_checkpoint_is_signed(world: World, api: Any) -> None:
    world.drum()
    seal()
    point = answered(api("firm2").get("/ledger/checkpoint"))
    assert point["size"] == Entry.objects.count() == 2
    assert signature_holds(point)
    assert not signature_holds(point | {"size": 3})
    assert not signature_holds(point | {"root": "00" * 32})


def test_entries_come_in_order_to_those_they_concern(world: World, api: Any) -> None:
    drum = world.drum()
    world.drum("firm2")
    manifest = world.issued(drum)
    seal()
    own = everything(api("firm"))
    assert [entry["kind"] for entry in own] == [
        "container.log",
        "container.store",
        "manifest.draft",
        "manifest.issue",
        "container.commit",
    ]
    assert [entry["index"] for entry in own] == sorted(entry["index"] for entry in own)
    assert {entry["subject"] for entry in own} == {drum.subject, manifest.subject}
    assert everything(api("firm"), after=own[1]["index"]) == own[2:]
    assert [entry["kind"] for entry in everything(api("depot"))] == ["manifest.issue", "container.commit"]
    assert len(everything(api("firm2"))) == 2
    assert everything(api("regulator2")) == []


def test_what_is_not_sealed_is_not_in_the_log_yet(world: World, api: Any) -> None:
    world.drum()
    assert everything(api("firm")) == []


def test_entries_are_paged_by_their_index(world: World, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wastetrack.ledger.api.PAGE", 3)
    for _ in range(4):
        world.drum()
    seal()
    assert [entry["index"] for entry in everything(api("firm"))] == list(range(8))


def test_every_entry_proves_that_it_is_in_the_log(world: World, api: Any) -> None:
    world.issued(world.drum())
    world.drum("firm2")
    seal()
    firm = api("firm")
    for entry in everything(firm):
        proof = answered(firm.get("/ledger/inclusion", entry=entry["index"]))
        assert proof["leaf"] == {name: entry[name] for name in LEAF_FIELDS}
        point = proof["checkpoint"]
        leaf, root = merkle.leaf_hash(leaf_bytes(proof["leaf"])), bytes.fromhex(point["root"])
        assert leaf.hex() == proof["leaf_hash"]
        assert signature_holds(point)
        assert merkle.verify_inclusion(leaf, entry["index"], point["size"], path_of(proof), root)
        other = merkle.leaf_hash(leaf_bytes(proof["leaf"] | {"user_name": "somebody"}))
        assert not merkle.verify_inclusion(other, entry["index"], point["size"], path_of(proof), root)


def test_a_later_log_proves_that_it_extends_the_earlier(world: World, api: Any) -> None:
    firm, points = api("firm"), []
    for _ in range(4):
        world.drum()
        seal()
        points.append(answered(firm.get("/ledger/checkpoint")))
    for old in points:
        for new in points[points.index(old) :]:
            proof = answered(firm.get("/ledger/consistency", old=old["size"], new=new["size"]))
            roots = bytes.fromhex(old["root"]), bytes.fromhex(new["root"])
            assert merkle.verify_consistency(old["size"], new["size"], *roots, path_of(proof))
            assert not merkle.verify_consistency(old["size"], new["size"], bytes(32), roots[1], path_of(proof))


def test_a_strangers_entry_and_none_are_one_answer(world: World, api: Any) -> None:
    world.drum()
    seal()
    hidden = api("firm2").get("/ledger/inclusion", entry=0)
    refused(hidden, 404, "unknown_entry")
    for unknown in ("2", "-1", str(10**30)):
        assert api("firm2").get("/ledger/inclusion", entry=unknown).content == hidden.content


@pytest.mark.parametrize(
    ("path", "query", "code", "field"),
    [
        ("inclusion", {}, "missing", "entry"),
        ("inclusion", {"entry": "x"}, "wrong_type", "entry"),
        ("entries", {"after": "x"}, "wrong_type", "after"),
        ("entries", {"after": "1e3"}, "wrong_type", "after"),
        ("consistency", {}, "missing", "old"),
        ("consistency", {"old": 0, "new": 2}, "sizes_out_of_order", "old"),
        ("consistency", {"old": -1, "new": 2}, "sizes_out_of_order", "old"),
        ("consistency", {"old": 2, "new": 1}, "sizes_out_of_order", "old"),
        ("consistency", {"old": 1, "new": 3}, "sizes_out_of_order", "new"),
        ("consistency", {"old": 1, "new": 10**30}, "sizes_out_of_order", "new"),
    ],
)
def test_what_cannot_be_proved_is_told(
    world: World, api: Any, path: str, query: dict[str, Any], code: str, field: str
) -> None:
    world.drum()
    seal()
    refused(api("firm").get(f"/ledger/{path}", **query), 422, code, field)


@pytest.mark.parametrize("after", [10**30, -(10**30)])
def test_an_index_beyond_all_reading_harms_nobody(world: World, api: Any, after: int) -> None:
    world.drum()
    seal()
    assert len(answered(api("firm").get("/ledger/entries", after=after))["items"]) == (0 if after > 0 else 2)
