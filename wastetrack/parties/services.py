"""Signing in by token, and proving that the one who signs is the one who is signed in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import authenticate
from django.core.cache import cache

from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Token, User
from wastetrack.parties.selectors import choose

TRIES, TRIES_SECONDS = 10, 300
"""Wrong passwords before every password is refused for a while."""


@dataclass(frozen=True)
class Granted:
    """A new token: its secret (shown this once), the actor it stands for, and its end."""

    secret: str
    actor: Actor
    expires_at: datetime


def count_try(who: str) -> str:
    """Count a password tried, before it is looked at: during the lock-out a right one is not told from a wrong one.

    Returns the counter's key, for `forget_tries` when the password was right. Raises Refused(too_many_requests, 429).
    """
    key = "tries:" + hashlib.sha256(who.encode()).hexdigest()
    cache.add(key, 0, TRIES_SECONDS)
    if cache.incr(key) > TRIES:
        raise Refused("too_many_requests", status=429, seconds=TRIES_SECONDS)
    return key


def forget_tries(key: str) -> None:
    """It was right: the count begins anew."""
    cache.delete(key)


def recognise(*, username: str, password: str, address: str = "") -> User:
    """Whoever has this name and password; tries are counted per name and `address`.

    Raises Refused(wrong_credentials, 401), Refused(too_many_requests, 429).
    """
    tries = count_try(f"{address}\n{username.lower()}")
    user = authenticate(username=username, password=password)
    if not isinstance(user, User):
        raise Refused("wrong_credentials", status=401)
    forget_tries(tries)
    return user


def grant_token(*, username: str, password: str, uscc: str | None, now: datetime, address: str = "") -> Granted:
    """A token for a user acting for one organisation (the first one when not named).

    Raises what `recognise` raises, and NotPermitted(not_a_member).
    """
    user = recognise(username=username, password=password, address=address)
    chosen = choose(user, uscc)
    if chosen is None:
        raise NotPermitted("not_a_member")
    membership, delegation = chosen
    expires = now + timedelta(days=settings.TOKEN_DAYS)
    secret = Token.mint(membership=membership, delegation=delegation, now=now, expires=expires)
    return Granted(secret, Actor.of(membership, delegation), expires)


def confirm_password(actor: Actor, password: str) -> None:
    """The one who signs gives the password again; tries are counted per user.

    Raises Invalid(password_missing), NotPermitted(wrong_password), Refused(too_many_requests, 429).
    """
    if not password:
        raise invalid("password", "password_missing")
    tries = count_try(f"signer\n{actor.person.pk}")
    if not actor.person.check_password(password):
        raise NotPermitted("wrong_password")
    forget_tries(tries)
