"""Writing to the log: `record` inside the transaction of the change, `seal` after its commit."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from wastetrack.ledger import background, feed
from wastetrack.ledger.canonical import canonical_json, checkpoint_bytes, instant
from wastetrack.ledger.keys import key_id, signing_key
from wastetrack.ledger.merkle import Frontier, leaf_hash
from wastetrack.ledger.models import Checkpoint, Entry, EntryReader, Node, Subject
from wastetrack.ledger.selectors import head, latest_checkpoint, signature_holds
from wastetrack.parties.actors import Actor

log = logging.getLogger(__name__)
SEAL_BATCH = 2_000
SEAL_ATTEMPTS = 1_000
"""Batches and lost races in one call: far more than either ever takes, and not for ever."""


class LogBroken(Exception):
    """What is sealed is not what was signed: nothing may be signed on top of it."""


@dataclass(frozen=True)
class Fact:
    """One thing to record: a kind (`container.store`), a subject (`container:<code>`), and who may read it."""

    kind: str
    subject: str
    readers: frozenset[str]
    payload: Mapping[str, Any] = field(default_factory=dict)


_noted: ContextVar[list[Entry] | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[list[Entry]]:
    """What is recorded inside, in its order: for who must know which entry a step of others wrote."""
    entries: list[Entry] = []
    token = _noted.set(entries)
    try:
        yield entries
    finally:
        _noted.reset(token)


def record(actor: Actor, facts: Iterable[Fact], *, now: datetime, event_time: datetime | None = None) -> list[Entry]:
    """Append an entry for every fact, in the caller's transaction (two queries, however many facts).

    Raises NotPermitted(read_only) for a member who may only read: nobody changes a fact without passing here.
    """
    actor.require_write()
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a fact is recorded in the transaction that changes it")
    facts = list(facts)
    serials = _serials(fact.subject for fact in facts)
    how = {name: said for name in ("counter", "confirmed") if (said := getattr(actor, name))}
    entries = Entry.objects.bulk_create(
        [
            Entry(
                kind=fact.kind,
                subject=fact.subject,
                serial=next(serials[fact.subject]),
                username=actor.user.username if actor.user else "",
                user_name=actor.user.display_name if actor.user else "",
                role=actor.role,
                organisation_uscc=actor.organisation.uscc if actor.organisation else "",
                organisation_name=actor.organisation.name if actor.organisation else "",
                via_uscc=actor.via.uscc if actor.via else "",
                via_name=actor.via.name if actor.via else "",
                event_time=event_time or now,
                recorded_at=now,
                payload=canonical_json({**fact.payload, **how}),
                readers=" ".join(sorted(fact.readers)),
            )
            for fact in facts
        ],
        batch_size=500,
    )
    if (noted := _noted.get()) is not None:
        noted += entries
    transaction.on_commit(partial(background.wake_sealer, seal), robust=True)
    return entries


def _serials(subjects: Iterable[str]) -> dict[str, Iterator[int]]:
    """The next serials of each subject. One statement, which holds the subjects' rows to the commit."""
    # Sorted, so that two callers never wait for each other.
    counts = sorted(Counter(subjects).items())
    if not counts:
        return {}
    table = Subject._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (subject, last) VALUES {', '.join(['(%s, %s)'] * len(counts))} "
            f"ON CONFLICT (subject) DO UPDATE SET last = {table}.last + excluded.last RETURNING subject, last",
            [value for pair in counts for value in pair],
        )
        lasts = dict(cursor.fetchall())
    return {subject: iter(range(lasts[subject] - count + 1, lasts[subject] + 1)) for subject, count in counts}


def seal(now: datetime | None = None) -> int:
    """Give every committed entry its index, grow the tree, sign the new root; returns how many were sealed.

    Safe to run anywhere at once: the unique index makes one sealer win, and the other begins again after it. On a log
    that is not what was signed it seals nothing and says so in the server's log.
    """
    sealed = 0
    for _ in range(SEAL_ATTEMPTS):
        # Asked outside a transaction: on SQLite one would take the write lock only to find nothing.
        if not Entry.objects.filter(index=None).exists():
            break
        # The checkpoint is read before the entries: if another sealer comes between, our numbers clash with its numbers
        # and the unique index stops us. The other way round they would follow them, with a gap.
        last = latest_checkpoint()
        try:
            count = _seal_batch(last, now or timezone.now())
        except (IntegrityError, LogBroken) as error:
            if latest_checkpoint() != last:
                log.info("another sealer was faster")
                continue
            log.error("the log is not what was signed (%s): nothing is sealed until it is mended", error)
            break
        sealed += count
        if count < SEAL_BATCH:
            break
    if sealed:
        feed.announce()
    return sealed


@transaction.atomic
def _seal_batch(last: Checkpoint | None, now: datetime) -> int:
    entries = list(Entry.objects.filter(index=None).order_by("id")[:SEAL_BATCH])
    if not entries:
        return 0
    frontier = _signed_frontier(last)
    nodes = []
    for entry in entries:
        entry.index = frontier.size
        entry.leaf_hash = leaf_hash(entry.leaf_bytes())
        nodes += [
            Node(level=level, position=position, hash=node)
            for (level, position), node in frontier.append(entry.leaf_hash)
        ]
    Entry.objects.seal(entries)
    EntryReader.objects.bulk_create(
        [EntryReader(entry=entry, reader=reader) for entry in entries for reader in entry.readers.split()],
        batch_size=2_000,
    )
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


def _signed_frontier(last: Checkpoint | None) -> Frontier:
    """The edge to append to. Raises LogBroken unless the newest checkpoint signed it and the log ends there."""
    try:
        frontier = Frontier(last.size, [bytes.fromhex(item) for item in last.frontier.split()]) if last else Frontier()
    except ValueError as error:
        raise LogBroken("the frontier cannot be read") from error
    if last is not None and not signature_holds(last):
        raise LogBroken("the newest checkpoint's signature does not fit this site's key")
    if last is not None and frontier.root.hex() != last.root:
        raise LogBroken("the frontier is not that of the signed root")
    if head() != frontier.size:
        raise LogBroken("the sealed entries do not end where the newest checkpoint does")
    return frontier
