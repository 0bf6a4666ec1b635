"""`wastetrack-verify FOLDER [--key HEX]`: check an exported log without Django, a database or trust in the server.

It recomputes every leaf and, in one pass, the root at every checkpoint, and checks every signature. A key given with
--key (noted down earlier, from /api/v1/ledger/checkpoint) pins who signed; without one the bundle's own is used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wastetrack.ledger.canonical import LEAF_FIELDS, checkpoint_bytes, leaf_bytes
from wastetrack.ledger.merkle import Frontier, leaf_hash


@dataclass(frozen=True)
class Finding:
    """Something in the bundle that does not hold, and where."""

    where: str
    what: str


@dataclass(frozen=True)
class Report:
    """What was checked and what was found wrong; the log is intact when nothing was."""

    entries: int
    checkpoints: int
    root: str
    key: str
    findings: tuple[Finding, ...]


def verify(folder: Path, key: str | None = None) -> Report:
    """Check a bundle. Raises OSError when its files cannot be read; what cannot be parsed is a finding."""
    findings: list[Finding] = []
    checkpoints = list(_read(folder / "checkpoints.jsonl", findings))
    if not checkpoints:
        findings.append(Finding("checkpoints.jsonl", "there is no checkpoint"))
    pinned = key or (str(checkpoints[-1].get("public_key", "")) if checkpoints else "")
    for number, checkpoint in enumerate(checkpoints, 1):
        findings += _signature_findings(f"checkpoints.jsonl:{number}", checkpoint, pinned)
    frontier = Frontier()
    findings += _tree_findings(folder, checkpoints, frontier)
    return Report(frontier.size, len(checkpoints), frontier.root.hex(), pinned, tuple(findings))


def _tree_findings(folder: Path, checkpoints: list[dict[str, Any]], frontier: Frontier) -> Iterator[Finding]:
    waiting = sorted(checkpoints, key=lambda one: _size(one))
    unread: list[Finding] = []
    for number, entry in enumerate(_read(folder / "entries.jsonl", unread), 1):
        if set(entry) != set(LEAF_FIELDS):
            yield Finding(f"entries.jsonl:{number}", "not an entry's fields")
            return
        for _ in frontier.append(leaf_hash(leaf_bytes(entry))):
            pass
        while waiting and _size(waiting[0]) <= frontier.size:
            checkpoint = waiting.pop(0)
            if _size(checkpoint) == frontier.size and checkpoint.get("root") != frontier.root.hex():
                yield Finding(
                    f"entries.jsonl:1-{frontier.size}", f"the root signed over {frontier.size} entries differs"
                )
    yield from unread
    for checkpoint in waiting:
        yield Finding("entries.jsonl", f"ends before the {_size(checkpoint)} entries that were signed")
    if checkpoints and frontier.size > max(map(_size, checkpoints)):
        yield Finding("entries.jsonl", "has entries that no checkpoint covers")


def _size(checkpoint: dict[str, Any]) -> int:
    size = checkpoint.get("size")
    return size if isinstance(size, int) else -1


def _signature_findings(where: str, checkpoint: dict[str, Any], key: str) -> Iterator[Finding]:
    try:
        signed = checkpoint_bytes(**{name: checkpoint[name] for name in ("origin", "size", "root", "sealed_at")})
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(str(checkpoint["signature"])), signed)
    except (KeyError, ValueError):
        yield Finding(where, "not a checkpoint, or the key is not a key")
    except InvalidSignature:
        yield Finding(where, "the signature does not fit the key")


def _read(path: Path, findings: list[Finding]) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                findings.append(Finding(f"{path.name}:{number}", "not a line of JSON"))
                return
            yield value


def main() -> int:
    """The command: prints what was found; exit 0 intact, 1 altered, 2 unreadable."""
    parser = argparse.ArgumentParser(prog="wastetrack-verify", description="Check an exported log offline.")
    parser.add_argument("folder", type=Path, help="what `manage.py ledger_bundle` wrote")
    parser.add_argument("--key", help="the public key (64 hex digits) that must have signed")
    options = parser.parse_args()
    try:
        report = verify(options.folder, options.key)
    except (OSError, UnicodeDecodeError) as error:
        print(f"cannot read the bundle: {error}", file=sys.stderr)
        return 2
    print(f"{report.entries} entries, {report.checkpoints} checkpoints, root {report.root}")
    print(f"key {report.key}" + ("" if options.key else " (the bundle's own: compare it with the one you noted down)"))
    for finding in report.findings:
        print(f"NOT INTACT  {finding.where}: {finding.what}")
    print("NOT INTACT" if report.findings else "INTACT")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
