"""The one way an entry and a checkpoint become bytes. Pure: the offline verifier reads the same lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LEAF_FIELDS = (
    "kind",
    "subject",
    "serial",
    "username",
    "user_name",
    "role",
    "organisation_uscc",
    "organisation_name",
    "via_uscc",
    "via_name",
    "event_time",
    "recorded_at",
    "payload",
    "readers",
)
"""What a leaf binds: all that an entry says. Its index is bound by its place in the tree."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; the same value always gives the same text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def instant(moment: datetime) -> str:
    """A time as the log writes it: UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def leaf_bytes(entry: Mapping[str, Any]) -> bytes:
    """The canonical bytes of an entry given as a mapping of LEAF_FIELDS."""
    return canonical_json({name: entry[name] for name in LEAF_FIELDS}).encode()


def checkpoint_bytes(*, origin: str, size: int, root: str, sealed_at: str) -> bytes:
    """What a checkpoint's signature signs: origin, tree size, root (hex) and time, a line each."""
    return f"wastetrack ledger v1\n{origin}\n{size}\n{root}\n{sealed_at}\n".encode()
