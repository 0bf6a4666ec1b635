"""Recording the national numbers that somebody confirmed after comparing a list with ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from manifests.models import Manifest
from manifests.selectors import get_manifest
from manifests.services.numbers import set_national_number
from wastetrack.errors import Refused, invalid
from wastetrack.parties.actors import Actor

MOST_LINKS = 500


@dataclass(frozen=True)
class Linked:
    """One confirmed pair of numbers: recorded, or why not."""

    number: str
    national_number: str
    refusal: Refused | None = None


def record_links(*, actor: Actor, links: Sequence[tuple[str, str]], now: datetime) -> list[Linked]:
    """Record each pair of our number and the national one on its own: one that is refused stops no other.

    Raises Invalid(links: missing | too_many).
    """
    actor.require_write()
    if not links:
        raise invalid("links", "missing")
    if len(links) > MOST_LINKS:
        raise invalid("links", "too_many", limit=MOST_LINKS)
    return [_linked(actor, number, national, now) for number, national in links]


def _linked(actor: Actor, number: str, national: str, now: datetime) -> Linked:
    try:
        manifest: Manifest = get_manifest(actor, number)
        set_national_number(actor=actor, manifest=manifest, number=national, now=now)
    except Refused as refusal:
        return Linked(number, national, refusal)
    return Linked(number, national)
