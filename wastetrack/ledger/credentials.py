"""What a socket was opened with, and whom it stands for now: one look for all the sockets of a process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import parse_cookie
from django.utils.crypto import constant_time_compare

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import User, token_hash
from wastetrack.parties.selectors import Choice, actors_of_choices, actors_of_tokens


class Credential(NamedTuple):
    """A token by its digest, or a session by its key."""

    means: str
    key: str


def header(scope: Mapping[str, Any], name: bytes) -> str:
    """A header of the handshake; empty where there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def query(scope: Mapping[str, Any], name: str) -> str | None:
    """A value out of the address."""
    values = parse_qs(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True).get(name)
    return values[0] if values else None


def credential_of(scope: Mapping[str, Any]) -> Credential | None:
    """The token in the Authorization header or as `?token=`, else the site's session."""
    scheme, _, secret = header(scope, b"authorization").partition(" ")
    secret = secret if scheme.lower() == "bearer" else query(scope, "token") or ""
    if secret:
        return Credential("token", token_hash(secret))
    key = parse_cookie(header(scope, b"cookie")).get(settings.SESSION_COOKIE_NAME)
    return Credential("session", key) if key else None


def actors_of(credentials: Collection[Credential], now: datetime) -> dict[Credential, Actor]:
    """Whom each stands for at `now`, in four queries at most; who is missing stands for nobody."""
    digests = [one.key for one in credentials if one.means == "token"]
    keys = [one.key for one in credentials if one.means == "session"]
    tokens = actors_of_tokens(digests, now) if digests else {}
    sessions = _actors_of_sessions(keys, now) if keys else {}
    return {
        one: found
        for one in credentials
        if (found := (tokens if one.means == "token" else sessions).get(one.key)) is not None
    }


def _actors_of_sessions(keys: Iterable[str], now: datetime) -> dict[str, Actor]:
    """Read from the database each time: a session may end, or choose another organisation, while a socket is open."""
    kept = import_module(settings.SESSION_ENGINE).SessionStore.get_model_class().objects
    signed_in = {
        row.session_key: data
        for row in kept.filter(session_key__in=keys, expire_date__gt=now)
        if (data := row.get_decoded()).get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
    }
    actors = actors_of_choices({_choice(data) for data in signed_in.values()})
    return {
        key: actor
        for key, data in signed_in.items()
        if (actor := actors.get(_choice(data))) and _is_theirs(data, actor.person)
    }


def _choice(data: Mapping[str, Any]) -> Choice:
    return int(data[SESSION_KEY]), data.get("membership"), data.get("delegation")


def _is_theirs(data: Mapping[str, Any], user: User) -> bool:
    """A session ends with the password it was signed in by."""
    given = data.get(HASH_SESSION_KEY) or ""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(given, one) for one in hashes)
