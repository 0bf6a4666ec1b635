"""The log: append-only, gapless, provable, and an export that a stranger can check."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from tests.world import NOW, World
from wastetrack.errors import Refused
from wastetrack.ledger import merkle
from wastetrack.ledger.models import Checkpoint, Entry, Immutable
from wastetrack.ledger.selectors import (
    attest,
    checkpoint_json,
    consistency_proof,
    entries_after,
    head,
    history_of,
    inclusion_proof,
    latest_checkpoint,
)
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.ledger.verify import verify


def facts(world: World, count: int) -> None:
    actor = world.actor("firm")
    with transaction.atomic():
        readers = frozenset({f"o:{actor.organisation_id}"})
        record(actor, [Fact("test.fact", f"test:{n}", readers, {"n": n}) for n in range(count)], now=NOW)


def raw(sql: str, *params: Any) -> None:
    """Somebody with the database's password."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


# --- the tree, by RFC 9162's own definitions ---


def plain_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node_hash(plain_root(leaves[:split]), plain_root(leaves[split:]))


def grown(leaves: list[bytes]) -> tuple[merkle.Frontier, dict[merkle.Address, bytes]]:
    frontier, nodes = merkle.Frontier(), {}
    for number, leaf in enumerate(leaves):
        nodes[(0, number)] = merkle.leaf_hash(leaf)
        nodes |= dict(frontier.append(merkle.leaf_hash(leaf)))
    return frontier, nodes


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33])
def test_the_frontier_has_the_root_of_the_definition(size: int) -> None:
    leaves = [bytes([n]) for n in range(size)]
    assert grown(leaves)[0].root == plain_root(leaves)


def test_every_inclusion_proof_holds_and_no_other_leaf_fits() -> None:
    for size in range(1, 34):
        leaves = [bytes([n]) for n in range(size)]
        frontier, nodes = grown(leaves)
        for index in range(size):
            path = merkle.proof(merkle.inclusion_ranges(index, size), lambda _, nodes=nodes: nodes)
            leaf = merkle.leaf_hash(leaves[index])
            assert merkle.verify_inclusion(leaf, index, size, path, frontier.root)
            assert not merkle.verify_inclusion(merkle.leaf_hash(b"x"), index, size, path, frontier.root)
            assert not merkle.verify_inclusion(leaf, index + 1, size, path, frontier.root)
            if path:
                assert not merkle.verify_inclusion(leaf, index, size, path[:-1], frontier.root)


def test_every_consistency_proof_holds_and_a_rewritten_past_does_not() -> None:
    for new in range(1, 34):
        leaves = [bytes([n]) for n in range(new)]
        frontier, nodes = grown(leaves)
        for old in range(1, new + 1):
            path = merkle.proof(merkle.consistency_ranges(old, new), lambda _, nodes=nodes: nodes)
            old_root = plain_root(leaves[:old])
            assert merkle.verify_consistency(old, new, old_root, frontier.root, path)
            assert not merkle.verify_consistency(old, new, plain_root([b"x", *leaves[1:old]]), frontier.root, path)


# --- the log in the database ---


def test_a_fact_is_recorded_only_inside_the_change(world: World, transactional_db: None) -> None:
    with pytest.raises(RuntimeError):
        record(world.actor("firm"), [Fact("a.b", "a:1", frozenset())], now=NOW)


def test_entries_get_a_gapless_index_and_a_signed_root(world: World) -> None:
    facts(world, 5)
    assert head() == 0
    assert seal() == 5
    facts(world, 4)
    assert seal() == 4
    assert seal() == 0
    assert list(Entry.objects.order_by("index").values_list("index", flat=True)) == list(range(9))
    leaves = [entry.leaf_bytes() for entry in Entry.objects.order_by("index")]
    assert [point.size for point in Checkpoint.objects.order_by("size")] == [5, 9]
    assert latest_checkpoint().root == plain_root(leaves).hex()  # type: ignore[union-attr]


def test_entries_cannot_be_changed_or_removed(world: World) -> None:
    facts(world, 1)
    entry = Entry.objects.get()
    entry.kind = "other"
    for attempt in (
        entry.save,
        entry.delete,
        Entry.objects.all().delete,
        lambda: Entry.objects.update(kind="x"),
        lambda: Entry.objects.bulk_update([entry], ["kind"]),
    ):
        with pytest.raises(Immutable):
            attempt()
    assert Entry.objects.get().kind == "test.fact"


@pytest.mark.parametrize(
    "column", ["kind", "subject", "user_name", "organisation_name", "payload", "readers", "role", "via_name"]
)
def test_any_altered_column_is_found(world: World, column: str) -> None:
    facts(world, 3)
    seal()
    victim = Entry.objects.get(index=1)
    assert attest([victim]).intact
    raw(f"UPDATE ledger_entry SET {column} = %s WHERE id = %s", '{"n":9}', victim.pk)
    found = attest(list(Entry.objects.all()))
    assert found.altered == (victim.pk,)
    assert not found.intact


def test_a_forged_root_is_found(world: World) -> None:
    facts(world, 2)
    seal()
    raw("UPDATE ledger_checkpoint SET root = %s", "00" * 32)
    assert not attest(list(Entry.objects.all())).intact


def test_an_entry_moved_behind_the_newest_root_is_found(world: World) -> None:
    facts(world, 2)
    seal()
    raw('UPDATE ledger_entry SET "index" = 7 WHERE "index" = 1')
    assert not attest(list(Entry.objects.all())).intact


def test_what_is_not_sealed_yet_is_said(world: World) -> None:
    facts(world, 2)
    seal()
    facts(world, 1)
    found = attest(list(Entry.objects.all()))
    assert (found.checked, found.unsealed, found.intact) == (2, 1, True)


def test_attesting_costs_the_same_for_many_entries(world: World, django_assert_num_queries: Any) -> None:
    facts(world, 70)
    seal()
    few, many = list(Entry.objects.all()[:2]), list(Entry.objects.all())
    for entries in (few, many):
        with django_assert_num_queries(3):
            assert attest(entries).intact


def test_proofs_from_the_database_hold(world: World, django_assert_max_num_queries: Any) -> None:
    facts(world, 21)
    seal()
    point = latest_checkpoint()
    assert point is not None
    for entry in Entry.objects.all():
        assert entry.index is not None
        with django_assert_max_num_queries(2):
            path = inclusion_proof(entry.index, 21)
        leaf = merkle.leaf_hash(entry.leaf_bytes())
        assert merkle.verify_inclusion(leaf, entry.index, 21, path, bytes.fromhex(point.root))
    leaves = [entry.leaf_bytes() for entry in Entry.objects.order_by("index")]
    for old in (1, 8, 13, 21):
        assert merkle.verify_consistency(
            old, 21, plain_root(leaves[:old]), bytes.fromhex(point.root), consistency_proof(old, 21)
        )
    with pytest.raises(Refused):
        consistency_proof(22, 21)


def test_sealing_costs_the_same_for_a_long_log(world: World, django_assert_max_num_queries: Any) -> None:
    for count in (3, 400):
        facts(world, count)
        seal()
        facts(world, 1)
        with django_assert_max_num_queries(8):
            seal()


def test_the_readers_named_when_written_see_an_entry(world: World) -> None:
    facts(world, 2)
    seal()
    assert len(entries_after(world.actor("firm"), -1)) == 2
    assert len(entries_after(world.actor("firm"), 0)) == 1
    assert entries_after(world.actor("firm2"), -1) == []
    assert entries_after(world.actor("regulator"), -1) == []
    drum = world.drum()
    seal()
    assert [entry.kind for entry in entries_after(world.actor("regulator"), -1)] == ["container.log", "container.store"]
    assert entries_after(world.actor("regulator2"), -1) == []
    assert history_of([drum.subject]).count() == 2


# --- the export ---


@pytest.fixture
def bundle(world: World, tmp_path: Path) -> Path:
    world.drum()
    seal()
    facts(world, 6)
    call_command("ledger_bundle", str(tmp_path / "out"), verbosity=0)
    return tmp_path / "out"


def test_a_bundle_is_intact(bundle: Path) -> None:
    report = verify(bundle)
    assert report.findings == ()
    assert report.entries == 8
    assert report.root == latest_checkpoint().root  # type: ignore[union-attr]


def test_the_command_runs_without_django_or_a_database(bundle: Path) -> None:
    program = (
        "import sys; sys.modules['django'] = None; sys.argv = ['wastetrack-verify', sys.argv[1]];"
        "from wastetrack.ledger.verify import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(bundle)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "INTACT"), done.stderr


def rewrite(path: Path, line: int, change: Any) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[line] = change(lines[line])
    path.write_text("\n".join(line for line in lines if line is not None) + "\n", encoding="utf-8")


def change_word(text: str) -> str:
    return json.dumps({**json.loads(text), "user_name": "somebody else"}, ensure_ascii=False)


@pytest.mark.parametrize("line", [0, 3, 7])
def test_an_altered_entry_is_found(bundle: Path, line: int) -> None:
    rewrite(bundle / "entries.jsonl", line, change_word)
    assert verify(bundle).findings


def test_a_dropped_entry_is_found(bundle: Path) -> None:
    rewrite(bundle / "entries.jsonl", 4, lambda _: None)
    assert verify(bundle).findings


def test_an_added_entry_is_found(bundle: Path) -> None:
    rewrite(bundle / "entries.jsonl", 7, lambda text: f"{text}\n{text}")
    assert verify(bundle).findings


def test_a_dropped_checkpoint_leaves_entries_uncovered(bundle: Path) -> None:
    rewrite(bundle / "checkpoints.jsonl", -1, lambda _: None)
    assert verify(bundle).findings


def test_another_key_is_found(bundle: Path) -> None:
    assert verify(bundle, "00" * 32).findings
    assert verify(bundle, checkpoint_json(latest_checkpoint())["public_key"]).findings == ()  # type: ignore[arg-type]


def test_garbage_is_a_finding_not_a_crash(bundle: Path) -> None:
    (bundle / "entries.jsonl").write_text("{}\nnonsense\n")
    assert verify(bundle).findings
    (bundle / "checkpoints.jsonl").write_text('{"size": "x"}\n[]\n')
    assert verify(bundle).findings
