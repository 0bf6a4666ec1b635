"""Reading the log: pages of entries, proofs, and whether anything was altered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery

from wastetrack.errors import Refused, invalid
from wastetrack.ledger import merkle
from wastetrack.ledger.canonical import checkpoint_bytes, instant
from wastetrack.ledger.keys import public_key_hex, signing_key
from wastetrack.ledger.models import Checkpoint, Entry, EntryReader, Node, Subject
from wastetrack.parties.actors import Actor


def head() -> int:
    """How many entries are sealed: the cursor of somebody who has seen everything is head() - 1."""
    last = Entry.objects.aggregate(last=Max("index"))["last"]
    return 0 if last is None else last + 1


def entries_after(actor: Actor, after: int, limit: int = 200, upto: int | None = None) -> list[Entry]:
    """The actor's sealed entries with index > after (and ≤ upto), in order."""
    # Walks the index from `after` on and probes the readers: near the head, where clients are, that is a short walk.
    rows = Entry.objects.visible_to(actor).filter(index__gt=after)
    if upto is not None:
        rows = rows.filter(index__lte=upto)
    return list(rows.order_by("index")[:limit])


def history_of(subjects: Sequence[str]) -> QuerySet[Entry]:
    """Every entry about the subjects, in the order they were recorded. The caller has checked that they may be seen.

    Each has `last`, the number of its subject's entries, read in the same statement: a step recorded meanwhile is
    in both or in neither.
    """
    last = Subject.objects.filter(subject=OuterRef("subject")).values("last")
    return Entry.objects.filter(subject__in=subjects).order_by("id").annotate(last=Subquery(last))


def latest_checkpoint() -> Checkpoint | None:
    """The newest signed root."""
    return Checkpoint.objects.order_by("-size").first()


def _lookup(addresses: Sequence[merkle.Address]) -> dict[merkle.Address, bytes]:
    leaves = [position for level, position in addresses if level == 0]
    # One condition a level, not one a node: SQLite reads no expression with a thousand of them.
    by_level = defaultdict[int, list[int]](list)
    for level, position in addresses:
        if level:
            by_level[level].append(position)
    inner = Q(pk__in=[])
    for level, positions in by_level.items():
        inner |= Q(level=level, position__in=positions)
    found: dict[merkle.Address, bytes] = {
        (0, index): bytes(leaf)
        for index, leaf in Entry.objects.filter(index__in=leaves).values_list("index", "leaf_hash")
    }
    found |= {(n.level, n.position): bytes(n.hash) for n in Node.objects.filter(inner)}
    return found


def inclusion_proof(index: int, size: int) -> list[bytes]:
    """The audit path of entry `index` in the tree of `size` (two queries)."""
    return merkle.proof(merkle.inclusion_ranges(index, size), _lookup)


def consistency_proof(old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` extends that of `old`. Raises Invalid(sizes_out_of_order)."""
    if not 0 < old <= new <= head():
        raise invalid("old", "sizes_out_of_order")
    return merkle.proof(merkle.consistency_ranges(old, new), _lookup)


def checkpoint_json(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as the API and bundles give it."""
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "sealed_at": instant(checkpoint.sealed_at),
        "key_id": checkpoint.key_id,
        "public_key": public_key_hex(),
        "signature": checkpoint.signature,
    }


@dataclass(frozen=True)
class Attestation:
    """What checking entries against the signed log found.

    `altered` names entries that no longer fit, or next to which a step is missing; `missing` the subjects without it.
    """

    checked: int
    unsealed: int
    altered: tuple[int, ...]
    checkpoint: Checkpoint | None
    missing: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        return not self.altered and not self.missing and self.checkpoint is not None


def attest(entries: Sequence[Entry], whole: Sequence[str] = ()) -> Attestation:
    """Check entries as they are now against the newest signed root: recomputed leaf, audit path, signature, readers.

    Of the subjects in `whole` the entries must be the entire history, as `history_of` gave it: serials 1…n and no more.
    Four queries for all entries together.
    """
    checkpoint = latest_checkpoint()
    sealed = {entry.index: entry for entry in entries if entry.index is not None}
    unsealed = len(entries) - len(sealed)
    altered, missing = set[int](), []
    for subject in whole:
        history = [entry for entry in entries if entry.subject == subject]
        gap = _out_of_place(history)
        altered.update(gap)
        if gap or not history:
            missing.append(subject)
    if checkpoint is None or not signature_holds(checkpoint):
        altered.update(entry.pk for entry in sealed.values())
        return Attestation(len(sealed), unsealed, tuple(sorted(altered)), None, tuple(missing))
    altered.update(_readers_differ(sealed.values()))
    paths = {index: merkle.inclusion_ranges(index, checkpoint.size) for index in sealed if index < checkpoint.size}
    nodes = _lookup(sorted({a for ranges in paths.values() for r in ranges for a in merkle.peaks(*r)}))
    for index, entry in sealed.items():
        try:
            path = merkle.proof(paths[index], lambda _: nodes)
        except KeyError:
            # Not under the root, or a node is gone: either way nothing proves this entry.
            altered.add(entry.pk)
            continue
        leaf = merkle.leaf_hash(entry.leaf_bytes())
        if not merkle.verify_inclusion(leaf, index, checkpoint.size, path, bytes.fromhex(checkpoint.root)):
            altered.add(entry.pk)
    return Attestation(len(sealed), unsealed, tuple(sorted(altered)), checkpoint, tuple(missing))


def _out_of_place(history: Sequence[Any]) -> list[int]:
    """Entries whose serial is not their place; else the last one, when its subject has had more or fewer."""
    moved = [entry.pk for place, entry in enumerate(history, 1) if entry.serial != place]
    return moved or [entry.pk for entry in history[-1:] if entry.last != len(history)]


def _readers_differ(sealed: Iterable[Entry]) -> list[int]:
    """Entries whose rows in the index of readers are not the readers they name."""
    named = {entry.pk: sorted(entry.readers.split()) for entry in sealed}
    indexed = defaultdict[int, list[str]](list)
    for pk, reader in EntryReader.objects.filter(entry__in=named).values_list("entry", "reader"):
        indexed[pk].append(reader)
    return [pk for pk, readers in named.items() if sorted(indexed[pk]) != readers]


def signature_holds(checkpoint: Checkpoint) -> bool:
    """Whether this site's key signed the checkpoint as it is."""
    signed = checkpoint_bytes(
        origin=checkpoint.origin, size=checkpoint.size, root=checkpoint.root, sealed_at=instant(checkpoint.sealed_at)
    )
    try:
        signing_key().public_key().verify(bytes.fromhex(checkpoint.signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def require_newest(subject: str, entry_id: int) -> None:
    """Raises Refused(cannot_undo) unless this is the last that has happened to the subject, whose row is locked."""
    newest = Entry.objects.filter(subject=subject).order_by("-id").values_list("id", flat=True).first()
    if newest != entry_id:
        raise Refused("cannot_undo")
