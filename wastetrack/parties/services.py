"""Signing in by token, and proving that the one who signs is the one who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import authenticate

from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Token, User
from wastetrack.parties.selectors import choose
from wastetrack.parties.tries import count_try, forget_tries, sweep_tries


@dataclass(frozen=True)
class Granted:
    """A new token: its secret (shown this once), the actor it stands for, and its end."""

    secret: str
    actor: Actor
    expires_at: datetime


def recognise(*, username: str, password: str, now: datetime, address: str = "") -> User:
    """Whoever has this name and password; tries are counted per name and `address`.

    Raises Refused(wrong_credentials, 401), Refused(too_many_requests, 429).
    """
    tries = count_try(f"{address}\n{username.lower()}", now=now)
    # Names are anybody's to invent.
    sweep_tries(now)
    user = authenticate(username=username, password=password)
    if not isinstance(user, User):
        raise Refused("wrong_credentials", status=401)
    forget_tries(tries)
    return user


def grant_token(*, username: str, password: str, uscc: str | None, now: datetime, address: str = "") -> Granted:
    """A token for a user acting for one organisation (the first one when not named).

    Raises what `recognise` raises, and NotPermitted(not_a_member).
    """
    user = recognise(username=username, password=password, now=now, address=address)
    chosen = choose(user, uscc)
    if chosen is None:
        raise NotPermitted("not_a_member")
    membership, delegation = chosen
    expires = now + timedelta(days=settings.TOKEN_DAYS)
    secret = Token.mint(membership=membership, delegation=delegation, now=now, expires=expires)
    return Granted(secret, Actor.of(membership, delegation), expires)


def confirm_password(actor: Actor, password: str, *, now: datetime) -> None:
    """The one who signs gives the password again; tries are counted per user.

    Raises Invalid(password_missing), NotPermitted(wrong_password), Refused(too_many_requests, 429).
    """
    if not password:
        raise invalid("password", "password_missing")
    tries = count_try(f"signer\n{actor.person.pk}", now=now)
    if not actor.person.check_password(password):
        raise NotPermitted("wrong_password")
    forget_tries(tries)
