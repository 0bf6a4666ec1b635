"""Proving that the one who signs is the one who is meant: by password, by PIN, or by PIN at another's counter."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from wastetrack.errors import NotPermitted
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership, Organisation
from wastetrack.parties.pins import Tried, has_pin, keep_pin, plain, read_pin, try_nobody, try_pin
from wastetrack.parties.services import confirm_password
from wastetrack.parties.tries import count_try, forget_tries
from wastetrack.parties.visibility import audience


def confirm_signer(actor: Actor, password: str = "", pin: str = "", *, now: datetime) -> Actor:
    """The one who signs gives the password again, or the PIN instead of it; the actor of the step that is signed.

    Raises Invalid(password_missing), NotPermitted(wrong_password | wrong_pin | no_pin),
    Refused(too_many_requests | pin_locked, 429). Call it outside a transaction: a try stays counted.
    """
    if password or not plain(pin):
        confirm_password(actor, password, now=now)
        return actor.confirmed_by("password")
    if not _tried(actor, pin, now).right:
        raise NotPermitted("wrong_pin")
    return actor.confirmed_by("pin")


def set_pin(*, actor: Actor, password: str, pin: object, now: datetime) -> None:
    """Set one's own PIN; the password says that it is one's own.

    Raises Invalid(pin_missing | pin_digits | pin_trivial | password_missing), NotPermitted(read_only | wrong_password).
    """
    actor.require_write()
    digits = read_pin(pin)
    confirm_password(actor, password, now=now)
    with transaction.atomic():
        keep_pin(actor.person, digits, now)
        record(actor, [Fact("person.set_pin", _subject(actor), _readers(actor), {})], now=now)


def confirm_at_counter(
    *, actor: Actor, organisation: Organisation, username: str, pin: str, place: str, now: datetime
) -> Actor:
    """The member of `organisation` who typed name and PIN on the actor's device, which stands at `place`.

    Raises NotPermitted(wrong_at_counter), and after some of these Refused(pin_locked, 429), alike for a wrong PIN,
    somebody without one and somebody else's name; Refused(too_many_requests, 429).
    """
    actor.require_write()
    # Names can be tried too, and not every name has a PIN that counts its tries.
    tries = count_try(f"counter\n{actor.person.pk}", now=now)
    name = username.encode("utf-8", "replace").decode().replace("\0", "").strip()[:150]
    members = Membership.objects.filter(organisation=organisation, user__username=name)
    member = members.filter(user__is_active=True).select_related("user", "organisation").first()
    signer = Actor.of(member).at_counter(place) if member else None
    if signer is None or not signer.may_write or not has_pin(signer.user_id):
        # As many tries and as long as a comparison takes: the depot learns nothing about who works there.
        try_nobody(f"{organisation.pk}\n{name}", now)
        make_password(plain(pin))
        raise NotPermitted("wrong_at_counter")
    if not _tried(signer, pin, now).right:
        raise NotPermitted("wrong_at_counter")
    forget_tries(tries)
    return signer.confirmed_by("pin")


def _tried(actor: Actor, pin: str, now: datetime) -> Tried:
    tried = try_pin(user=actor.person, pin=pin, now=now)
    if tried.locked_until is not None:
        with transaction.atomic():
            payload = {"until": instant(tried.locked_until)}
            record(actor, [Fact("person.pin_locked", _subject(actor), _readers(actor), payload)], now=now)
    return tried


def _subject(actor: Actor) -> str:
    return f"person:{actor.person.pk}"


def _readers(actor: Actor) -> frozenset[str]:
    """A PIN is its person's: the organisation they belong to, not one they act for."""
    return audience([(actor.via or actor.principal).pk])
