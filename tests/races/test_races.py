"""Two at once: exactly one wins and the other gets a clear answer. Runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from depots.models import Bay, Stay
from depots.selectors import bay_fills
from manifests import services as manifests
from manifests.models import Manifest, Statement
from manifests.services import drafting
from scanner.models import Scan
from scanner.services import ScanRequest, scan
from tests.world import NOW, World
from wastetrack.alerts.services import sweep
from wastetrack.ledger.models import Checkpoint, Entry
from wastetrack.ledger.selectors import attest, history_of
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.lifecycle import services as lifecycle
from wastetrack.lifecycle.models import Answer, Series
from wastetrack.lifecycle.services import advance, next_number, once
from wastetrack.waste.models import Container

Together = Callable[[list[Callable[[], Any]]], list[Any]]


def won(results: list[Any]) -> int:
    """How many calls went through; anything but a refusal's code or a result is a fault."""
    faults = [result for result in results if isinstance(result, Exception)]
    assert faults == []
    return sum(not isinstance(result, str) for result in results)


def entries(kind: str) -> int:
    return Entry.objects.filter(kind=kind).count()


def test_two_scans_of_one_drum(world: World, together: Together) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot = world.actor("depot")
    answers = together(
        [lambda n=n: scan(actor=depot, request=ScanRequest(f"n{n}", drum.code, "check_in"), now=NOW) for n in range(4)]
    )
    assert Counter(answer.verdict for answer in answers) == {"accepted": 1, "refused": 3}
    assert {answer.reason for answer in answers} - {None} == {"already_here"}
    assert entries("container.receive") == 1
    assert Stay.objects.filter(container=drum, left_at=None).count() == 1
    assert Scan.objects.count() == 4


def test_one_scan_sent_twice(world: World, together: Together) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot = world.actor("depot")
    request = ScanRequest("same", drum.code, "check_in")
    answers = together([lambda: scan(actor=depot, request=request, now=NOW) for _ in range(4)])
    assert Counter(answer.verdict for answer in answers) == {"accepted": 1, "repeated": 3}
    assert {answer.reason for answer in answers} == {None}
    assert (entries("container.receive"), Scan.objects.count()) == (1, 1)


def test_two_issues_of_one_draft(world: World, together: Together) -> None:
    manifest = world.draft(world.drum())
    firm = world.actor("firm")
    copies = [Manifest.objects.get(pk=manifest.pk) for _ in range(3)]
    results = together([lambda m=m: manifests.issue(actor=firm, manifest=m, now=NOW) for m in copies])
    assert won(results) == 1
    assert set(map(str, results)) - {manifest.number} == {"illegal_state"}
    assert entries("manifest.issue") == 1


def test_two_drafts_of_one_drum(world: World, together: Together) -> None:
    drum = world.drum()
    firm = world.actor("firm")
    drafts = [world.draft(drum), world.draft(drum)]
    results = together([lambda m=m: manifests.issue(actor=firm, manifest=m, now=NOW) for m in drafts])
    assert won(results) == 1
    assert "container_not_free" in results
    assert entries("container.commit") == 1


def test_two_signatures_of_one_departure(world: World, together: Together) -> None:
    manifest = world.issued(world.drum())
    carrier = world.actor("carrier")
    copies = [Manifest.objects.get(pk=manifest.pk) for _ in range(3)]
    results = together([lambda m=m: manifests.depart(actor=carrier, manifest=m, now=NOW) for m in copies])
    assert won(results) == 1
    assert entries("manifest.depart") == 1
    assert manifest.legs.count() == 1


def test_issue_against_cancel(world: World, together: Together) -> None:
    manifest = world.issued(world.drum())
    carrier, firm = world.actor("carrier"), world.actor("firm")
    results = together(
        [
            lambda: manifests.depart(actor=carrier, manifest=Manifest.objects.get(pk=manifest.pk), now=NOW),
            lambda: manifests.cancel(actor=firm, manifest=Manifest.objects.get(pk=manifest.pk), reason="演示", now=NOW),
        ]
    )
    assert won(results) == 1
    assert "illegal_state" in results
    drum = Container.objects.get()
    assert drum.state in {"in_transit", "stored"}


def test_one_side_states_its_mass_twice(world: World, together: Together) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    line = manifest.lines.get()
    depot = world.actor("depot")
    receipt = manifests.Receipt(line, mass_g=15_000)
    manifests.receive(actor=depot, manifest=manifest, receipts=[receipt], depot=world.depots["depot"], now=NOW)
    results = together(
        [
            lambda: manifests.settle(actor=depot, manifest=manifest, line=line, mass_kg="15", note="", now=NOW)
            for _ in range(3)
        ]
    )
    assert won(results) == 1
    assert "already_stated" in results
    assert Statement.objects.count() == 1


def test_three_drums_for_the_last_place_of_a_bay(world: World, together: Together) -> None:
    Bay.objects.filter(depot=world.depots["depot"]).update(capacity_g=20_000)
    drums = [world.drum() for _ in range(3)]
    for drum in drums:
        world.delivered(drum)
    depot = world.actor("depot")
    answers = together(
        [lambda d=d: scan(actor=depot, request=ScanRequest(d.code, d.code, "check_in"), now=NOW) for d in drums]
    )
    assert sorted(str(answer.reason) for answer in answers) == ["None", "None", "no_room"]
    assert [fill.mass_g for fill in bay_fills(world.depots["depot"])] == [18_500, 18_500]


def test_moving_a_drum_while_it_leaves(world: World, together: Together) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot, carrier = world.actor("depot"), world.actor("carrier")
    scan(actor=depot, request=ScanRequest("in", drum.code, "check_in", bay="A1"), now=NOW)
    for number in range(6):
        drum.refresh_from_db()
        manifest = world.issued(drum, sender="depot", to="plant")
        request = ScanRequest(f"p{number}", drum.code, "put_away", bay="A2" if number % 2 else "A1")
        results = together(
            [
                lambda request=request: scan(actor=depot, request=request, now=NOW),
                lambda m=manifest: manifests.cancel(actor=depot, manifest=m, reason="演示", now=NOW),
            ]
        )
        assert won(results) == 2
    assert carrier.may_write


def test_numbers_have_no_gaps_and_no_doubles(world: World, together: Together) -> None:
    def three() -> list[int]:
        return [_committed_number() for _ in range(3)]

    numbers = [number for result in together([three] * 5) for number in result]
    assert sorted(numbers) == list(range(1, 16))
    assert Series.objects.get(key="race").last == 15


def _committed_number() -> int:
    with transaction.atomic():
        return next_number("race", limit=99)


def test_one_key_makes_one_thing(world: World, together: Together) -> None:
    made: list[int] = []
    organisation = world.organisations["firm"].pk

    def make() -> tuple[int, str]:
        made.append(1)
        return 201, str(len(made))

    call = lambda: once(organisation_id=organisation, key="k", fingerprint="f", now=NOW, make=make)  # noqa: E731
    assert len(set(together([call] * 4))) == 1
    assert (len(made), Answer.objects.count()) == (1, 1)


def test_many_writers_and_sealers_leave_no_gap(world: World, together: Together) -> None:
    firm = world.actor("firm")

    def write() -> None:
        for _ in range(12):
            with transaction.atomic():
                record(firm, [Fact("test.fact", "t:1", frozenset(), {})] * 2, now=NOW)

    results = together([write] * 5)
    assert [result for result in results if result is not None] == []
    seal()
    assert list(Entry.objects.order_by("index").values_list("index", flat=True)) == list(range(120))
    assert Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() == 120
    assert attest(list(history_of(["t:1"])), whole=["t:1"]).intact


def test_many_sweepers_warn_once(world: World, together: Together) -> None:
    drums = [world.drum() for _ in range(5)]
    due = drums[0].storage_deadline
    assert due is not None
    for moment, kind in ((due - timedelta(days=1), "alert.warn"), (due + timedelta(days=1), "alert.fall_due")):
        results = together([lambda moment=moment: sweep(moment)] * 4)
        assert won(results) == 4
        told = [entry.data["about"] for entry in Entry.objects.filter(kind=kind) if entry.data["kind"] == "storage"]
        assert sorted(told) == sorted(drum.subject for drum in drums)


# --- what the guards are worth: the same race with them taken away ---


@pytest.fixture
def without_compare_and_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        lifecycle, "_still", lambda rows, state: type(rows[0]).objects.filter(pk__in=[r.pk for r in rows])
    )


def both_close(world: World, together: Together) -> list[Any]:
    drum = world.drum()
    manifest = world.delivered(drum)
    depot = world.actor("depot")
    scan(actor=depot, request=ScanRequest("n", drum.code, "check_in"), now=NOW)
    copies = [Manifest.objects.get(pk=manifest.pk) for _ in range(2)]
    return together([lambda m=m: advance([m], "close", actor=depot, now=NOW) for m in copies])


def test_with_both_guards_one_closes(world: World, together: Together) -> None:
    results = both_close(world, together)
    assert won(results) == 1
    assert "illegal_state" in results


def test_without_the_lock_the_save_still_notices(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "lock", list)
    results = both_close(world, together)
    assert won(results) == 1
    assert "lost_race" in results


def test_without_the_compare_and_swap_the_lock_still_holds(
    world: World, together: Together, without_compare_and_swap: None
) -> None:
    assert won(both_close(world, together)) == 1


def test_without_either_both_close(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch, without_compare_and_swap: None
) -> None:
    monkeypatch.setattr(lifecycle, "lock", list)
    assert won(both_close(world, together)) == 2
    assert entries("manifest.close") == 2


def test_without_the_lock_one_draft_is_issued_twice(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch, without_compare_and_swap: None
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite the transaction itself is the lock: BEGIN IMMEDIATE")
    manifest = world.draft(world.drum())
    copies = [Manifest.objects.get(pk=manifest.pk) for _ in range(2)]
    both_have_read = threading.Barrier(2)

    def only_read(rows: Any) -> list[Any]:
        rows = list(rows)
        if rows and isinstance(rows[0], Container) and rows[0].state == "stored":
            both_have_read.wait(10)
        return rows

    monkeypatch.setattr(lifecycle, "lock", list)
    monkeypatch.setattr(drafting, "lock", only_read)
    firm = world.actor("firm")
    results = together([lambda m=m: manifests.issue(actor=firm, manifest=m, now=NOW) for m in copies])
    assert won(results) == 2
    assert entries("manifest.issue") == 2
