"""Many scans over a bad line, and what the database says of them afterwards."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.scanner.lossy_proxy import LossyProxy
from tools.node import run
from tools.site import ROOT, Site

CLIENT = Path(__file__).parent / "lossy_client.mjs"
LEFT_BEHIND = {"already_here", "unknown_code", "not_a_code"}
"""Refusals that the scanners' work brings about on purpose."""


@dataclass
class Outcome:
    """`lost`, `doubled` and `contradicted`: what must never be; the rest is how it went."""

    scans: int = 0
    seconds: float = 0
    fates: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> dict[str, list[str]]:
        found = {"lost": self.lost, "doubled": self.doubled, "contradicted": self.contradicted}
        return {name: some[:5] for name, some in found.items() if some}


@contextmanager
def served(folder: Path, drums: int) -> Iterator[tuple[Site, dict[str, Any]]]:
    """A site in a process of its own, with a depot and drums in it and at its door."""
    site = Site.in_folder(
        folder, DJANGO_SETTINGS_MODULE="tests.scanner.loose", BACKGROUND="sealer", SECRET_KEY="only-for-tests"
    )
    site.manage("migrate", "--verbosity", "0")
    made = subprocess.run(
        [sys.executable, "-m", "tests.scanner.lossy_world", str(drums)],
        cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(made.stderr[-3000:])
    site.start()
    try:
        yield site, json.loads(made.stdout)
    finally:
        site.stop()


def scan_over_a_bad_line(
    folder: Path,
    *,
    scans: int,
    drums: int = 300,
    devices: int = 3,
    seed: int = 1,
    fresh: bool = False,
    waiting: int = 300,
    limit: float = 900,
) -> Outcome:
    """So many scans by so many devices through the proxy; `fresh`: with a new nonce for every try."""
    with served(folder, drums) as (site, world), LossyProxy(site.url, seed).running() as proxy:
        before = _entries(folder)
        asked = {
            **world,
            "url": proxy.url,
            "scans": scans,
            "devices": devices,
            "seed": seed,
            "fresh": fresh,
            "waiting": waiting,
        }
        start = time.perf_counter()
        told = json.loads(run(CLIENT, given=json.dumps(asked), seconds=limit))
        outcome = Outcome(seconds=time.perf_counter() - start)
    outcome.fates = proxy.seen
    _compare(outcome, [one["scans"] for one in told["devices"]], folder, before)
    return outcome


def _query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "wastetrack.sqlite3")) as database:
        return database.execute(sql).fetchall()


def _entries(folder: Path) -> Counter[tuple[str, str]]:
    """How many entries of each kind the log has of each subject."""
    rows = _query(folder, "SELECT kind, subject, COUNT(*) FROM ledger_entry GROUP BY kind, subject")
    return Counter({(kind, subject): number for kind, subject, number in rows})


def _compare(
    outcome: Outcome, devices: list[list[dict[str, Any]]], folder: Path, before: Counter[tuple[str, str]]
) -> None:
    kept: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for nonce, verdict, reason in _query(folder, "SELECT nonce, verdict, reason FROM scanner_scan"):
        kept[nonce].append((verdict, reason))
    place, moves = {}, Counter[tuple[str, str]]()
    for scan in (scan for scans in devices for scan in scans):
        outcome.scans += 1
        _judge(outcome, scan, kept.get(scan["nonce"], []))
        reason = scan["answers"][0]["reason"] if scan["answers"] else "lost"
        outcome.verdicts[f"{scan['intent']} {reason or 'accepted'}"] += 1
        if reason is None and scan["intent"] != "lookup":
            place[scan["text"]] = scan["bay"]
            moves[scan["intent"], scan["text"]] += 1
    if strangers := kept.keys() - {scan["nonce"] for scans in devices for scan in scans}:
        outcome.doubled.append(f"{len(strangers)} scans in the database that nobody made")
    _compare_places(outcome, place, folder)
    _compare_entries(outcome, moves, _entries(folder) - before, folder)


def _judge(outcome: Outcome, scan: dict[str, Any], rows: list[tuple[str, str]]) -> None:
    """One scan: one row, one answer, and both say the same."""
    nonce, answers = scan["nonce"], scan["answers"]
    if not rows or not answers:
        outcome.lost.append(f"{scan['intent']} {nonce}: {len(rows)} rows, {len(answers)} answers")
        return
    if len(rows) > 1 or len(answers) > 1:
        outcome.doubled.append(f"{scan['intent']} {nonce}: {rows}, {answers}")
    told = answers[0]["reason"]
    if told != (rows[0][1] or None) or (told and told not in LEFT_BEHIND):
        outcome.contradicted.append(f"{scan['intent']} {scan['text']}: told {answers[0]}, kept {rows[0]}")


def _compare_places(outcome: Outcome, place: dict[str, str], folder: Path) -> None:
    """Every drum stands once, and where its last accepted scan put it."""
    rows = _query(
        folder,
        "SELECT c.short_code, b.code FROM depots_stay s JOIN waste_container c ON c.id = s.container_id"
        " LEFT JOIN depots_bay b ON b.id = s.bay_id WHERE s.left_at IS NULL",
    )
    stands: dict[str, list[str]] = defaultdict(list)
    for code, bay in rows:
        stands[code].append(bay)
    for code, bay in place.items():
        if stands[code] != [bay]:
            outcome.contradicted.append(f"{code} was put into {bay} and stands in {stands[code]}")


def _compare_entries(
    outcome: Outcome, moves: Counter[tuple[str, str]], entries: Counter[tuple[str, str]], folder: Path
) -> None:
    """The log has as many steps of a drum as its operator was told of."""
    subjects = dict(_query(folder, "SELECT short_code, code FROM waste_container"))
    for intent, kinds in {
        "put_away": ["container.put_away"],
        "check_in": ["container.receive", "container.store"],
    }.items():
        for code, subject in subjects.items():
            told, logged = moves[intent, code], sum(entries[kind, f"container:{subject}"] for kind in kinds)
            if logged != told:
                (outcome.doubled if logged > told else outcome.lost).append(
                    f"{intent} {code}: told {told}, logged {logged}"
                )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        found = scan_over_a_bad_line(Path(place), scans=int(sys.argv[1]), fresh="fresh" in sys.argv)
    print(found.scans, f"{found.seconds:.1f} s", dict(found.fates), dict(found.verdicts), found.wrong, sep="\n")  # noqa: T201
