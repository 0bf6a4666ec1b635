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


@dataclass(frozen=True)
class Granted:
    """A new token: its secret (shown this once), the actor it stands for, and its end."""

    secret: str
    actor: Actor
    expires_at: datetime


def grant_token(*, username: str, password: str, uscc: str | None, now: datetime) -> Granted:
    """A token for a user acting for one organisation (the first one when not named).

    Raises Refused(wrong_credentials, 401), NotPermitted(not_a_member).
    """
    user = authenticate(username=username, password=password)
    if not isinstance(user, User):
        raise Refused("wrong_credentials", status=401)
    chosen = choose(user, uscc)
    if chosen is None:
        raise NotPermitted("not_a_member")
    membership, delegation = chosen
    expires = now + timedelta(days=settings.TOKEN_DAYS)
    secret = Token.mint(membership=membership, delegation=delegation, now=now, expires=expires)
    return Granted(secret, Actor.of(membership, delegation), expires)


def confirm_signer(actor: Actor, password: str) -> None:
    """The one who signs gives the password again. Raises Invalid(password_missing), NotPermitted(wrong_password)."""
    if not password:
        raise invalid("password", "password_missing")
    if actor.user is None or not actor.user.check_password(password):
        raise NotPermitted("wrong_password")
