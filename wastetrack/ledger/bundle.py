"""Exporting the log for somebody who does not trust this server: plain files that `wastetrack-verify` reads."""

from __future__ import annotations

from pathlib import Path

from wastetrack.errors import NotFound
from wastetrack.ledger.canonical import canonical_json
from wastetrack.ledger.models import Checkpoint, Entry
from wastetrack.ledger.selectors import checkpoint_json, latest_checkpoint

CHUNK = 2_000
ENTRIES, CHECKPOINTS = "entries.jsonl", "checkpoints.jsonl"


def write_bundle(folder: Path) -> int:
    """Write every sealed entry and every checkpoint into `folder`; returns how many entries.

    entries.jsonl: one canonical leaf a line, in index order. checkpoints.jsonl: one signed root a line, oldest first.
    Raises NotFound(no_checkpoint) when nothing has been sealed.
    """
    newest = latest_checkpoint()
    if newest is None:
        raise NotFound("no_checkpoint")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ENTRIES).open("w", encoding="utf-8", newline="\n") as lines:
        rows = Entry.objects.filter(index__lt=newest.size).order_by("index")
        for entry in rows.iterator(chunk_size=CHUNK):
            lines.write(canonical_json(entry.as_leaf()) + "\n")
    with (folder / CHECKPOINTS).open("w", encoding="utf-8", newline="\n") as lines:
        for checkpoint in Checkpoint.objects.filter(size__lte=newest.size).order_by("size").iterator(chunk_size=CHUNK):
            lines.write(canonical_json(checkpoint_json(checkpoint)) + "\n")
    return newest.size
