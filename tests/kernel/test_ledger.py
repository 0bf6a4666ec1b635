"""The log: append-only, gapless, provable, and an export that a stranger can check."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from tests.world import NOW, World
from wastetrack.errors import Refused
from wastetrack.ledger import background, merkle, services
from wastetrack.ledger.canonical import canonical_json, checkpoint_bytes
from wastetrack.ledger.keys import signing_key
from wastetrack.ledger.models import Checkpoint, Entry, EntryReader, Immutable
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
from wastetrack.ledger.verify import LONGEST_LINE, Finding, main, verify


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
        with django_assert_num_queries(4):
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
        with django_assert_max_num_queries(10):
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


# --- each subject's history ---


def test_serials_count_each_subjects_entries(world: World, django_assert_num_queries: Any) -> None:
    actor = world.actor("firm")
    for _ in range(2):
        named = [Fact("test.fact", subject, frozenset({"o:1"})) for subject in ("t:b", "t:a", "t:b")]
        with django_assert_num_queries(2):
            record(actor, named, now=NOW)
    found = Entry.objects.order_by("id").values_list("subject", "serial")
    assert list(found) == [("t:b", 1), ("t:a", 1), ("t:b", 2), ("t:b", 3), ("t:a", 2), ("t:b", 4)]
    assert record(actor, [], now=NOW) == []


def whole(subject: str) -> bool:
    return attest(list(history_of([subject])), whole=[subject]).intact


@pytest.fixture
def drum(world: World) -> Any:
    drum = world.drum()
    world.departed(drum)
    seal()
    assert whole(drum.subject)
    return drum


@pytest.mark.parametrize("step", [0, 1, -1])
def test_a_removed_step_is_found(drum: Any, step: int) -> None:
    victim = list(history_of([drum.subject]))[step]
    raw("DELETE FROM ledger_entryreader WHERE entry_id = %s", victim.pk)
    raw("DELETE FROM ledger_entry WHERE id = %s", victim.pk)
    found = attest(list(history_of([drum.subject])), whole=[drum.subject])
    assert (found.missing, found.intact) == ((drum.subject,), False)
    assert found.altered


@pytest.mark.parametrize("step", [0, 1])
def test_a_removed_step_is_found_though_the_count_is_forged(drum: Any, step: int) -> None:
    victim = list(history_of([drum.subject]))[step]
    raw("DELETE FROM ledger_entryreader WHERE entry_id = %s", victim.pk)
    raw("DELETE FROM ledger_entry WHERE id = %s", victim.pk)
    raw("UPDATE ledger_subject SET last = last - 1 WHERE subject = %s", drum.subject)
    assert attest(list(history_of([drum.subject])), whole=[drum.subject]).missing


def test_a_step_given_to_another_subject_is_found_on_both(world: World, drum: Any) -> None:
    other = world.drum()
    seal()
    raw(
        "UPDATE ledger_entry SET subject = %s WHERE subject = %s AND kind = 'container.depart'",
        other.subject,
        drum.subject,
    )
    assert not whole(drum.subject)
    assert not whole(other.subject)


def test_a_history_that_is_gone_is_found(drum: Any) -> None:
    assert attest([], whole=[drum.subject]).missing == (drum.subject,)


def test_a_step_not_sealed_yet_belongs_to_the_history(world: World, drum: Any) -> None:
    with transaction.atomic():
        record(world.actor("firm"), [Fact("container.x", drum.subject, frozenset())], now=NOW)
    found = attest(list(history_of([drum.subject])), whole=[drum.subject])
    assert (found.intact, found.unsealed) == (True, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM ledger_entryreader WHERE reader LIKE 'd:%%'",
        "INSERT INTO ledger_entryreader (entry_id, reader) SELECT id, 'o:999' FROM ledger_entry",
    ],
)
def test_an_altered_index_of_readers_is_found(drum: Any, sql: str) -> None:
    raw(sql)
    assert not attest(list(history_of([drum.subject]))).intact


def test_the_sealer_makes_the_index_of_readers(world: World) -> None:
    facts(world, 2)
    assert not EntryReader.objects.exists()
    assert all(entry.addressed_to(world.actor("firm")) for entry in Entry.objects.all())
    assert not any(entry.addressed_to(world.actor("firm2")) for entry in Entry.objects.all())
    seal()
    assert EntryReader.objects.count() == 2


# --- nothing is signed on top of a forgery ---


def forge_the_past() -> None:
    """Rewrite an entry, every hash above it and the frontier: all that can be done without the key."""
    victim = Entry.objects.get(index=0)
    victim.payload = '{"n":9}'
    raw(
        "UPDATE ledger_entry SET payload = %s, leaf_hash = %s WHERE id = %s",
        victim.payload,
        merkle.leaf_hash(victim.leaf_bytes()),
        victim.pk,
    )
    frontier = merkle.Frontier()
    for entry in Entry.objects.order_by("index"):
        for (level, position), node in frontier.append(bytes(entry.leaf_hash)):
            raw("UPDATE ledger_node SET hash = %s WHERE level = %s AND position = %s", node, level, position)
    raw("UPDATE ledger_checkpoint SET frontier = %s", " ".join(item.hex() for item in frontier.hashes))


def forge_the_root_too() -> None:
    forge_the_past()
    point = latest_checkpoint()
    assert point is not None
    root = merkle.fold([bytes.fromhex(item) for item in point.frontier.split()])
    raw("UPDATE ledger_checkpoint SET root = %s", root.hex())


def cut_the_newest_entry() -> None:
    newest = Entry.objects.latest("index")
    raw("DELETE FROM ledger_entryreader WHERE entry_id = %s", newest.pk)
    raw("DELETE FROM ledger_entry WHERE id = %s", newest.pk)


@pytest.mark.parametrize(
    "forge",
    [
        forge_the_past,
        forge_the_root_too,
        cut_the_newest_entry,
        lambda: raw("UPDATE ledger_checkpoint SET frontier = 'x'"),
        lambda: raw("DELETE FROM ledger_checkpoint"),
    ],
)
def test_nothing_is_sealed_on_a_forgery(world: World, forge: Any, caplog: pytest.LogCaptureFixture) -> None:
    facts(world, 4)
    seal()
    forge()
    before = Checkpoint.objects.count()
    facts(world, 1)
    with caplog.at_level(logging.ERROR):
        assert seal() == 0
    assert [entry.levelname for entry in caplog.records] == ["ERROR"]
    assert Checkpoint.objects.count() == before
    assert Entry.objects.filter(index=None).count() == 1


def test_a_log_cut_back_to_an_earlier_checkpoint_is_not_grown_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        facts(world, 2)
        seal()
    raw('DELETE FROM ledger_entryreader WHERE entry_id IN (SELECT id FROM ledger_entry WHERE "index" >= 2)')
    raw('DELETE FROM ledger_entry WHERE "index" >= 2')
    raw("DELETE FROM ledger_checkpoint WHERE size > 2")
    facts(world, 2)
    with caplog.at_level(logging.ERROR):
        assert seal() == 0
    assert len(caplog.records) == 1


def test_the_sealer_thread_outlives_a_forgery(world: World, transactional_db: None) -> None:
    facts(world, 1)
    seal()
    raw("UPDATE ledger_checkpoint SET root = %s", "00" * 32)
    background.start_sealer(seal, idle_seconds=0.01)
    try:
        facts(world, 1)
        assert background._thread is not None
        background._thread.join(0.3)
        assert background._thread.is_alive()
    finally:
        background.stop_sealer()
    assert Entry.objects.filter(index=None).count() == 1


def test_who_lost_a_race_begins_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    facts(world, 2)
    seal()
    facts(world, 2)
    plain, calls = latest_checkpoint, []

    def stale_at_first() -> Checkpoint | None:
        calls.append(1)
        return None if len(calls) == 1 else plain()

    monkeypatch.setattr(services, "latest_checkpoint", stale_at_first)
    assert seal() == 2


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
    return canonical_json({**json.loads(text), "user_name": "somebody else"})


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


@pytest.mark.parametrize(
    "change",
    [
        lambda text: '{"payload":"{}",' + text[1:],
        lambda text: text.replace(",", ", ", 1),
        lambda text: text.replace('"kind":"', '"kind":"\\ud800'),
        lambda text: text.replace('"serial":1', '"serial":NaN'),
        lambda text: "[" * 100_000,
    ],
)
def test_only_what_a_bundle_writes_is_read(bundle: Path, change: Any) -> None:
    rewrite(bundle / "entries.jsonl", 0, change)
    assert [finding.where for finding in verify(bundle).findings] == ["entries.jsonl:1"]


def test_a_line_without_end_is_not_read(bundle: Path) -> None:
    rewrite(bundle / "entries.jsonl", 0, lambda text: text + " " * LONGEST_LINE)
    assert verify(bundle).findings == (Finding("entries.jsonl:1", "longer than a line can be"),)


def test_bytes_that_are_no_text_are_a_finding(bundle: Path) -> None:
    (bundle / "entries.jsonl").write_bytes(b"\xff\n")
    assert verify(bundle).findings


@pytest.mark.parametrize("size", ["8", True, 0, -1, 2.0, [1], None, 2])
def test_checkpoint_sizes_are_numbers_that_rise(bundle: Path, size: Any) -> None:
    rewrite(bundle / "checkpoints.jsonl", 1, lambda text: canonical_json({**json.loads(text), "size": size}))
    finding = verify(bundle).findings[-1]
    assert (finding.where, finding.what.split()[0]) in {
        ("checkpoints.jsonl:2", "not"),
        ("checkpoints.jsonl:2", "does"),
    }


@pytest.mark.parametrize("name", ["origin", "key_id"])
def test_a_log_has_one_origin_and_one_key(bundle: Path, name: str) -> None:
    rewrite(bundle / "checkpoints.jsonl", 0, lambda text: canonical_json({**json.loads(text), name: "x"}))
    assert "another origin or key" in " ".join(finding.what for finding in verify(bundle).findings)


def test_findings_are_not_without_end(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(verify(bundle, "00" * 32).findings) == 2
    monkeypatch.setattr("wastetrack.ledger.verify.MOST_FINDINGS", 1)
    assert len(verify(bundle, "00" * 32).findings) == 1


def noted(size: int) -> dict[str, Any]:
    return checkpoint_json(Checkpoint.objects.get(size=size))


@pytest.mark.parametrize("size", [2, 8])
def test_a_bundle_begins_with_what_was_noted(bundle: Path, size: int) -> None:
    assert verify(bundle, noted=noted(size)).findings == ()
    # Also where the bundle has no checkpoint at that size.
    rewrite(bundle / "checkpoints.jsonl", 0, lambda _: None)
    assert verify(bundle, noted=noted(size)).findings == ()


def test_a_log_shorter_than_noted_is_found(bundle: Path) -> None:
    rewrite(bundle / "checkpoints.jsonl", 1, lambda _: None)
    lines = (bundle / "entries.jsonl").read_text(encoding="utf-8").splitlines()[:2]
    (bundle / "entries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert verify(bundle).findings == ()
    assert verify(bundle, noted=noted(8)).findings


def test_a_log_grown_anew_since_is_found(bundle: Path) -> None:
    signed = {"origin": noted(2)["origin"], "size": 3, "root": "00" * 32, "sealed_at": "x"}
    other = noted(2) | signed | {"signature": signing_key().sign(checkpoint_bytes(**signed)).hex()}
    assert [finding.where for finding in verify(bundle, noted=other).findings] == ["entries.jsonl:1-3"]


@pytest.mark.parametrize("change", [{"size": 3}, {"size": "2"}, {"signature": "00"}, {"root": None}, {"origin": 1}])
def test_a_noted_checkpoint_must_itself_hold(bundle: Path, change: dict[str, Any]) -> None:
    assert verify(bundle, noted=noted(2) | change).findings
    assert verify(bundle, noted={}).findings


@pytest.mark.parametrize(("text", "code"), [(None, 0), ("[]", 2), ("{", 2), ('{"origin": "\\ud800"}', 2), ("{}", 1)])
def test_the_command_takes_a_noted_checkpoint(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, code: int
) -> None:
    file = bundle / "noted.json"
    file.write_text(text or json.dumps(noted(2), indent=1))
    monkeypatch.setattr(sys, "argv", ["wastetrack-verify", str(bundle), "--checkpoint", str(file)])
    assert main() == code
