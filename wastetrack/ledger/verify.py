"""`wastetrack-verify FOLDER [--key HEX] [--checkpoint FILE]`: check an exported log without this site.

It recomputes every leaf and, in one pass, the root at every checkpoint, and checks every signature. --key (noted down
earlier, from /api/v1/ledger/checkpoint) pins who signed; --checkpoint (that whole answer, kept) also finds a log that
was cut back and grown anew since. Without either the bundle's own key is used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wastetrack.ledger.canonical import LEAF_FIELDS, canonical_json, checkpoint_bytes, leaf_bytes
from wastetrack.ledger.merkle import Frontier, leaf_hash

LONGEST_LINE = 1_000_000
"""Bytes of a line, far more than an entry has."""
MOST_FINDINGS = 100
"""One altered entry makes every later root differ: after so many findings the rest is not read."""
CHECKPOINT_FIELDS = ("origin", "size", "root", "sealed_at", "key_id", "public_key", "signature")


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


class Unreadable(Exception):
    """A line that is not what a bundle writes."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.finding = Finding(where, what)


def verify(folder: Path, key: str | None = None, noted: Mapping[str, Any] | None = None) -> Report:
    """Check a bundle. Raises OSError when its files cannot be read; what cannot be parsed is a finding."""
    with (folder / "entries.jsonl").open("rb") as entries, (folder / "checkpoints.jsonl").open("rb") as checkpoints:
        check = _Check(entries, checkpoints, key, noted)
        findings = tuple(islice(check.findings(), MOST_FINDINGS))
    return Report(check.frontier.size, check.checkpoints, check.frontier.root.hex(), check.key, findings)


class _Check:
    """One pass over both files in step: no more than a line of each is in memory."""

    def __init__(
        self, entries: BinaryIO, checkpoints: BinaryIO, key: str | None, noted: Mapping[str, Any] | None
    ) -> None:
        self.entries = _lines("entries.jsonl", entries, LEAF_FIELDS)
        self.points = _lines("checkpoints.jsonl", checkpoints, CHECKPOINT_FIELDS)
        self.noted = noted
        self.like = noted
        """The checkpoint whose origin and key every other shares: the one noted earlier, or the first."""
        self.key = key or (str(noted.get("public_key", "")) if noted else "")
        self.frontier = Frontier()
        self.checkpoints = 0

    def findings(self) -> Iterator[Finding]:
        try:
            yield from self._findings()
        except Unreadable as error:
            yield error.finding

    def _findings(self) -> Iterator[Finding]:
        if self.noted is not None:
            yield from self._of_checkpoint("the noted checkpoint", self.noted)
        for where, point in self.points:
            self.checkpoints += 1
            self.like = self.like or point
            self.key = self.key or str(point["public_key"])
            yield from self._of_checkpoint(where, point)
            if point["size"] <= self.frontier.size:
                raise Unreadable(where, "does not cover more entries than the one before")
            if self.noted is not None and self.frontier.size < self.noted["size"] <= point["size"]:
                yield from self._grow(self.noted)
            if self.frontier.size < point["size"]:
                yield from self._grow(point)
        if not self.checkpoints:
            yield Finding("checkpoints.jsonl", "there is no checkpoint")
        if self.noted is not None and self.noted["size"] > self.frontier.size:
            yield Finding("entries.jsonl", f"has fewer than the {self.noted['size']} entries noted earlier")
        for where, _ in self.entries:
            yield Finding(where, "no checkpoint covers this entry and what follows")
            return

    def _of_checkpoint(self, where: str, point: Mapping[str, Any]) -> Iterator[Finding]:
        if set(point) != set(CHECKPOINT_FIELDS) or type(point["size"]) is not int or point["size"] < 1:
            raise Unreadable(where, "not a checkpoint")
        if self.like is not None and any(point[name] != self.like.get(name) for name in ("origin", "key_id")):
            yield Finding(where, "another origin or key than the first")
        try:
            signed = checkpoint_bytes(**{name: point[name] for name in ("origin", "size", "root", "sealed_at")})
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            public.verify(bytes.fromhex(str(point["signature"])), signed)
        except ValueError:
            yield Finding(where, "the signature or the key cannot be read")
        except InvalidSignature:
            yield Finding(where, "the signature does not fit the key")

    def _grow(self, point: Mapping[str, Any]) -> Iterator[Finding]:
        """Read on to the checkpoint's size; the root there must be the one it signed."""
        for _, entry in islice(self.entries, point["size"] - self.frontier.size):
            for _ in self.frontier.append(leaf_hash(leaf_bytes(entry))):
                pass
        if self.frontier.size < point["size"]:
            raise Unreadable("entries.jsonl", f"ends before the {point['size']} entries that were signed")
        if point["root"] != self.frontier.root.hex():
            yield Finding(
                f"entries.jsonl:1-{self.frontier.size}", f"the root signed over {self.frontier.size} entries differs"
            )


def _lines(name: str, file: BinaryIO, fields: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's place and mapping. Raises Unreadable unless it is, byte for byte, what a bundle writes."""
    for number in count(1):
        where, line = f"{name}:{number}", file.readline(LONGEST_LINE + 1)
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise Unreadable(where, "longer than a line can be")
        try:
            value = json.loads(line)
            # A field given twice, a space, NaN or half a character: the text would say more than what was hashed.
            canonical = (canonical_json(value) + "\n").encode()
        except (ValueError, RecursionError):
            raise Unreadable(where, "not a line of JSON") from None
        if canonical != line or not isinstance(value, dict) or set(value) != set(fields):
            raise Unreadable(where, "not as a bundle writes it")
        yield where, value


def main() -> int:
    """The command: prints what was found; exit 0 intact, 1 altered, 2 unreadable."""
    parser = argparse.ArgumentParser(prog="wastetrack-verify", description="Check an exported log offline.")
    parser.add_argument("folder", type=Path, help="what `manage.py ledger_bundle` wrote")
    parser.add_argument("--key", help="the public key (64 hex digits) that must have signed")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint (JSON) noted earlier, with which the log begins")
    options = parser.parse_args()
    try:
        noted = _noted(options.checkpoint) if options.checkpoint else None
        report = verify(options.folder, options.key, noted)
    except (OSError, ValueError, RecursionError) as error:
        print(f"cannot read the bundle or the checkpoint: {error}", file=sys.stderr)
        return 2
    print(f"{report.entries} entries, {report.checkpoints} checkpoints, root {report.root}")
    own = "" if options.key or noted else " (the bundle's own: compare it with the one you noted down)"
    print(f"key {report.key}{own}")
    for finding in report.findings:
        print(f"NOT INTACT  {finding.where}: {finding.what}")
    print("NOT INTACT" if report.findings else "INTACT")
    return 1 if report.findings else 0


def _noted(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict) or not canonical_json(value).encode():
        raise ValueError(f"{path} holds no checkpoint")
    return value


if __name__ == "__main__":
    sys.exit(main())
