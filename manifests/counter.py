"""Signing a walk-in: on the firm's own device, or on the depot's with user name and PIN."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from manifests.models import WalkIn, WalkInState
from manifests.services.counter import confirm_walk_in, expire_if_over
from manifests.walk_ins import get_walk_in
from wastetrack.errors import NotPermitted, Refused
from wastetrack.parties.actors import Actor
from wastetrack.signing import confirm_at_counter, confirm_signer


@dataclass(frozen=True)
class Signed:
    """What came with a confirmation; `username` only where a member of the firm signs on the depot's device."""

    password: str = ""
    pin: str = ""
    username: str = ""


def sign(*, actor: Actor, walk_in_id: object, signed: Signed, now: datetime) -> WalkIn:
    """Confirm a walk-in in the name of whoever signs, and return it as it is then.

    Raises NotFound(unknown_walk_in), NotPermitted(not_your_part | read_only | wrong_at_counter | wrong_…), and what
    confirm_walk_in raises. A PIN is only looked at while there is something to sign.
    """
    actor.require_write()
    walk_in = get_walk_in(actor, walk_in_id)
    parties = walk_in.positions(actor)
    if not parties or actor.is_regulator:
        raise NotPermitted("not_your_part", verb="confirm", subject=walk_in.subject)
    expire_if_over(walk_in, now)
    if walk_in.state != WalkInState.WAITING:
        raise Refused("illegal_state", verb="confirm", state=walk_in.state, subject=walk_in.subject)
    confirm_walk_in(actor=_signer(actor, walk_in, signed, now), walk_in=walk_in, now=now)
    return get_walk_in(actor, walk_in_id)


def _signer(actor: Actor, walk_in: WalkIn, signed: Signed, now: datetime) -> Actor:
    if "firm" in walk_in.positions(actor):
        actor = confirm_signer(actor, signed.password, signed.pin, now=now)
        return actor
    return confirm_at_counter(
        actor=actor,
        organisation=walk_in.firm,
        username=signed.username,
        pin=signed.pin,
        place=walk_in.depot.name,
        now=now,
    )
