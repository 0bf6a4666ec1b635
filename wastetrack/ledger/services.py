"""Writing to the log: `record` inside the transaction of the change, `seal` after its commit."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from wastetrack.ledger import background, feed
from wastetrack.ledger.canonical import canonical_json, checkpoint_bytes, instant
from wastetrack.ledger.keys import key_id, signing_key
from wastetrack.ledger.merkle import Frontier, leaf_hash
from wastetrack.ledger.models import Checkpoint, Entry, EntryReader, Node
from wastetrack.parties.actors import Actor

log = logging.getLogger(__name__)
SEAL_BATCH = 2_000
SEAL_ATTEMPTS = 1_000
"""Batches and lost races in one call: far more than either ever takes, and not for ever."""


@dataclass(frozen=True)
class Fact:
    """One thing to record: a kind (`container.store`), a subject (`container:<code>`), and who may read it."""

    kind: str
    subject: str
    readers: frozenset[str]
    payload: Mapping[str, Any] = field(default_factory=dict)


def record(actor: Actor, facts: Iterable[Fact], *, now: datetime, event_time: datetime | None = None) -> list[Entry]:
    """Append an entry for every fact, in the caller's transaction (two queries, however many facts).

    Raises NotPermitted(read_only) for a member who may only read: nobody changes a fact without passing here.
    """
    actor.require_write()
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a fact is recorded in the transaction that changes it")
    entries = Entry.objects.bulk_create(
        [
            Entry(
                kind=fact.kind,
                subject=fact.subject,
                username=actor.user.username if actor.user else "",
                user_name=actor.user.display_name if actor.user else "",
                role=actor.role,
                organisation_uscc=actor.organisation.uscc if actor.organisation else "",
                organisation_name=actor.organisation.name if actor.organisation else "",
                via_uscc=actor.via.uscc if actor.via else "",
                via_name=actor.via.name if actor.via else "",
                event_time=event_time or now,
                recorded_at=now,
                payload=canonical_json(fact.payload),
                readers=" ".join(sorted(fact.readers)),
            )
            for fact in facts
        ],
        batch_size=500,
    )
    EntryReader.objects.bulk_create(
        [EntryReader(entry=entry, reader=reader) for entry in entries for reader in entry.readers.split()],
        batch_size=2_000,
    )
    transaction.on_commit(partial(background.wake_sealer, seal), robust=True)
    return entries


def seal(now: datetime | None = None) -> int:
    """Give every committed entry its index, grow the tree, sign the new root; returns how many were sealed.

    Safe to run anywhere at once: the unique index makes one sealer win, and the other begins again after it.
    """
    sealed = 0
    for _ in range(SEAL_ATTEMPTS):
        # Asked outside a transaction: on SQLite one would take the write lock only to find nothing.
        if not Entry.objects.filter(index=None).exists():
            break
        try:
            count = _seal_batch(now or timezone.now())
        except IntegrityError:
            log.info("another sealer was faster")
            continue
        sealed += count
        if count < SEAL_BATCH:
            break
    if sealed:
        feed.announce()
    return sealed


@transaction.atomic
def _seal_batch(now: datetime) -> int:
    # The checkpoint is read before the entries: if another sealer comes between, our numbers clash with its numbers
    # and the unique index stops us. The other way round they would follow them, with a gap.
    last = Checkpoint.objects.order_by("-size").first()
    entries = list(Entry.objects.filter(index=None).order_by("id")[:SEAL_BATCH])
    if not entries:
        return 0
    frontier = Frontier(last.size, [bytes.fromhex(item) for item in last.frontier.split()]) if last else Frontier()
    nodes = []
    for entry in entries:
        entry.index = frontier.size
        entry.leaf_hash = leaf_hash(entry.leaf_bytes())
        nodes += [
            Node(level=level, position=position, hash=node)
            for (level, position), node in frontier.append(entry.leaf_hash)
        ]
    Entry.objects.seal(entries)
    Node.objects.bulk_create(nodes, batch_size=500)
    root, origin = frontier.root.hex(), settings.PUBLIC_URL
    signed = checkpoint_bytes(origin=origin, size=frontier.size, root=root, sealed_at=instant(now))
    Checkpoint.objects.create(
        size=frontier.size,
        root=root,
        frontier=" ".join(item.hex() for item in frontier.hashes),
        sealed_at=now,
        origin=origin,
        key_id=key_id(),
        signature=signing_key().sign(signed).hex(),
    )
    return len(entries)
