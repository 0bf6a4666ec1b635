"""`/ledger`: checkpoints, entries, proofs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from wastetrack.errors import NotFound, invalid
from wastetrack.http import actor_of
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import (
    checkpoint_json,
    consistency_proof,
    entries_after,
    inclusion_proof,
    latest_checkpoint,
)

router = Router(tags=["ledger"])
PAGE = 200


@router.get("/checkpoint")
def checkpoint(request: HttpRequest) -> dict[str, Any]:
    """The newest signed root, with the public key it can be checked with."""
    newest = latest_checkpoint()
    if newest is None:
        raise NotFound("no_checkpoint")
    return checkpoint_json(newest)


@router.get("/entries")
def entries(request: HttpRequest, after: int = -1) -> dict[str, Any]:
    """The caller's entries with index > after, in order; `next` is the `after` of the next page."""
    found = entries_after(actor_of(request), after, PAGE)
    items = [{"index": entry.index, "id": str(entry.pk), **entry.as_leaf(), "data": entry.data} for entry in found]
    return {"items": items, "next": str(found[-1].index) if len(found) == PAGE else None}


@router.get("/inclusion")
def inclusion(request: HttpRequest, entry: int) -> dict[str, Any]:
    """The audit path of an entry (by index) under the newest root."""
    found = Entry.objects.visible_to(actor_of(request)).filter(index=entry).first()
    newest = latest_checkpoint()
    if found is None or newest is None or entry >= newest.size:
        raise NotFound("unknown_entry")
    return {
        "index": entry,
        "leaf": found.as_leaf(),
        "leaf_hash": bytes(found.leaf_hash).hex(),
        "path": [step.hex() for step in inclusion_proof(entry, newest.size)],
        "checkpoint": checkpoint_json(newest),
    }


@router.get("/consistency")
def consistency(request: HttpRequest, old: int, new: int) -> dict[str, Any]:
    """The proof that the tree of `new` entries begins with the tree of `old`."""
    newest = latest_checkpoint()
    if newest is None or new > newest.size:
        raise invalid("new", "sizes_out_of_order")
    return {"old": old, "new": new, "path": [step.hex() for step in consistency_proof(old, new)]}
