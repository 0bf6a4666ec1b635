"""What the verbs of a manifest share."""

from __future__ import annotations

from datetime import datetime

from manifests.models import (
    Manifest,
)
from wastetrack.errors import NotPermitted, invalid
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact
from wastetrack.lifecycle.services import move
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container

NOTE_LENGTH, MEASURES_LENGTH, CONTRACT_LENGTH = 200, 300, 60


def plain_code(text: object) -> str:
    """A container code as typed, without dashes and spaces."""
    return str(text or "").upper().replace("-", "").replace(" ", "")


def move_containers(manifest: Manifest, verb: str, actor: Actor) -> tuple[list[Container], list[Fact]]:
    """Move every container of the manifest by `verb`, in the manifest's name; the caller records the facts."""
    containers = [line.container for line in manifest.lines.select_related("container")]
    return move(containers, verb, actor=actor, position="manifest", payload=about(manifest))


def about(manifest: Manifest) -> dict[str, str]:
    """Which manifest, as an entry says it."""
    return {"manifest": manifest.number}


def brought_by(manifest: Manifest) -> dict[str, str]:
    """That the sender carries it itself, as an entry says it; nothing where a carrier does."""
    return {"brought_by": "sender"} if manifest.self_delivered else {}


def require_party(actor: Actor, manifest: Manifest, party: str) -> None:
    """Raises NotPermitted(not_your_part) unless the actor speaks for this party: sender, carrier or receiver."""
    actor.require_write()
    if party not in manifest.positions(actor):
        raise NotPermitted("not_your_part", subject=manifest.subject)


def event_time(field: str, at: datetime | None, now: datetime, *, not_before: datetime | None) -> datetime:
    """When it happened: now unless said otherwise; not in the future, not before what must come first."""
    if at is None:
        return now
    if at > now:
        raise invalid(field, "time_in_future")
    if not_before is not None and at < not_before:
        raise invalid(field, "time_out_of_order", earliest=instant(not_before))
    return at
