"""The append-only log: entries, who may read them, the tree over them, and its signed checkpoints."""

from __future__ import annotations

import json
from typing import Any, ClassVar, NoReturn

from django.db import IntegrityError, connection, models
from django.db.models import Exists, OuterRef, Q

from wastetrack.ledger.canonical import instant, leaf_bytes
from wastetrack.parties.actors import Actor
from wastetrack.parties.visibility import NOBODY, VisibleModel, VisibleQuerySet


class Immutable(Exception):
    """Somebody tried to change or remove what the log has already said."""


class AppendOnlyQuerySet(VisibleQuerySet):
    """Rows may be added and read; nothing else."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise Immutable("the ledger is append-only")

    def delete(self) -> NoReturn:
        raise Immutable("the ledger is append-only")

    def bulk_update(self, objs: Any, fields: Any, batch_size: Any = None) -> NoReturn:
        raise Immutable("the ledger is append-only")

    def seal(self, entries: list[Entry]) -> None:
        """Write the index and leaf hash of new entries: the sealer's one right.

        An entry that has an index already keeps it: raises IntegrityError when another sealer was faster.
        """
        with connection.cursor() as cursor:
            cursor.executemany(
                f'UPDATE {Entry._meta.db_table} SET "index" = %s, leaf_hash = %s WHERE id = %s AND "index" IS NULL',
                [(entry.index, bytes(entry.leaf_hash or b""), entry.pk) for entry in entries],
            )
            if cursor.rowcount != len(entries):
                raise IntegrityError("another sealer was faster")


class AppendOnlyModel(VisibleModel):
    """A model whose rows are added once and never change."""

    objects: ClassVar[Any] = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Immutable("the ledger is append-only")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Immutable("the ledger is append-only")


class Entry(AppendOnlyModel):
    """One fact: who, acting for whom, did what to which subject, when it happened and when it was recorded.

    Names are copied as text, so a later change of name changes no record. `index` is given after commit by the sealer,
    without gaps: it is the leaf's place in the Merkle tree and the cursor of the live feed.
    """

    index = models.BigIntegerField(unique=True, null=True, editable=False)
    leaf_hash = models.BinaryField(max_length=32, null=True, editable=False)
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=80)
    serial = models.PositiveIntegerField()
    """1…n among the subject's entries, so that a step that is gone leaves a gap."""
    username = models.CharField(max_length=150, blank=True)
    user_name = models.CharField(max_length=60, blank=True)
    role = models.CharField(max_length=20)
    organisation_uscc = models.CharField(max_length=18, blank=True)
    organisation_name = models.CharField(max_length=120, blank=True)
    via_uscc = models.CharField(max_length=18, blank=True)
    via_name = models.CharField(max_length=120, blank=True)
    event_time = models.DateTimeField()
    recorded_at = models.DateTimeField()
    payload = models.TextField()
    """Canonical JSON."""
    readers = models.TextField()
    """The reader keys this entry was addressed to when it was written, sorted, one space between."""

    class Meta:
        indexes = [
            models.Index(fields=["subject", "id"], name="entry_subject"),
            # What the sealer looks for after every commit: without it each look reads the whole log.
            models.Index(fields=["id"], name="entry_unsealed", condition=Q(index=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(Exists(EntryReader.objects.filter(entry=OuterRef("pk"), reader__in=actor.readers)))

    def addressed_to(self, actor: Actor) -> bool:
        """Whether the entry itself names the actor as a reader: holds before it is sealed, when it is in no index."""
        return not actor.readers.isdisjoint(self.readers.split())

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.payload)

    def as_leaf(self) -> dict[str, Any]:
        """The entry as the mapping that its leaf binds."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "serial": self.serial,
            "username": self.username,
            "user_name": self.user_name,
            "role": self.role,
            "organisation_uscc": self.organisation_uscc,
            "organisation_name": self.organisation_name,
            "via_uscc": self.via_uscc,
            "via_name": self.via_name,
            "event_time": instant(self.event_time),
            "recorded_at": instant(self.recorded_at),
            "payload": self.payload,
            "readers": self.readers,
        }

    def leaf_bytes(self) -> bytes:
        return leaf_bytes(self.as_leaf())


class Subject(VisibleModel):
    """How many entries there are about a subject; counted up in the transaction that records them."""

    subject = models.CharField(max_length=80, primary_key=True)
    last = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.subject} {self.last}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return NOBODY


class EntryReader(AppendOnlyModel):
    """An index over `Entry.readers`, made by the sealer: which sealed entries a reader key may read."""

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="reader_rows")
    reader = models.CharField(max_length=24)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "entry"], name="entry_reader_once")]

    def __str__(self) -> str:
        return f"{self.reader} → {self.entry_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(reader__in=actor.readers)


class Node(AppendOnlyModel):
    """An inner node of the tree (perfect subtrees only), so a proof reads O(log n) rows."""

    level = models.PositiveSmallIntegerField()
    position = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "position"], name="node_once")]

    def __str__(self) -> str:
        return f"{self.level}/{self.position}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q()


class Checkpoint(AppendOnlyModel):
    """The signed root over the first `size` entries. It tells nothing of them, so anybody signed in may read it."""

    size = models.BigIntegerField(unique=True)
    root = models.CharField(max_length=64)
    frontier = models.TextField()
    """The peaks' hashes in hex, left to right, one space between: enough to go on appending."""
    sealed_at = models.DateTimeField()
    origin = models.CharField(max_length=200)
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=128)

    def __str__(self) -> str:
        return f"{self.size} {self.root}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q()
