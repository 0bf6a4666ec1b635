"""The look at the roadside: a link by which an officer without an account sees one load for a short while."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from manifests.models import Manifest, ManifestState, RoadsideCheck
from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import SYSTEM, Actor
from wastetrack.parties.tries import count_try, sweep_tries
from wastetrack.regulations.parameters import parameter

PARTIES = frozenset({"sender", "carrier", "receiver"})
SECRET_BYTES = 20
"""160 bits make 32 letters without padding: too many to guess, and few enough for a code that a phone reads well."""


@dataclass(frozen=True)
class Shown:
    """A link as it is shown, this once: its secret is kept nowhere."""

    address: str
    expires_at: datetime


def show_roadside(*, actor: Actor, manifest: Manifest, now: datetime) -> Shown:
    """A party of a load on the road opens it to whoever holds the link, for half an hour.

    Raises NotPermitted(not_your_part | read_only), Refused(not_on_the_road).
    """
    actor.require_write()
    with transaction.atomic():
        (manifest,) = lock([manifest])
        if not manifest.positions(actor) & PARTIES:
            raise NotPermitted("not_your_part", subject=manifest.subject)
        if manifest.state != ManifestState.IN_TRANSIT:
            raise Refused("not_on_the_road", manifest=manifest.number)
        secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
        expires_at = now + timedelta(minutes=int(parameter("roadside.minutes").value))
        RoadsideCheck.objects.create(
            manifest=manifest, digest=_digest(secret), made_by=actor.person, made_at=now, expires_at=expires_at
        )
        fact = Fact("manifest.show", manifest.subject, manifest.readers(), {"until": instant(expires_at)})
        record(actor, [fact], now=now)
    return Shown(f"{settings.PUBLIC_URL}/R/{secret}".upper(), expires_at)


def look_at_roadside(*, secret: str, address: str, now: datetime) -> RoadsideCheck:
    """The check of this link, while it holds and the load is on the road; the first look is recorded.

    Raises Refused(roadside_over, 410) alike for what is over and what never was, and Refused(too_many_requests, 429)
    for an `address` that goes on guessing.
    """
    digest = _digest(secret.upper())
    # Found first: whoever guesses from the same address takes no right link from anybody.
    if not RoadsideCheck.objects.filter(digest=digest).exists():
        count_try(f"roadside\n{address}", now=now)
        sweep_tries(now)
        raise Refused("roadside_over", status=410)
    with transaction.atomic():
        check = RoadsideCheck.objects.select_for_update(of=("self",)).select_related("manifest", "made_by")
        found = check.get(digest=digest)
        if now >= found.expires_at or found.manifest.state != ManifestState.IN_TRANSIT:
            raise Refused("roadside_over", status=410)
        if found.opened_at is None:
            found.opened_at = now
            found.save(update_fields=["opened_at"])
            manifest = found.manifest
            told = {"shown_by": found.made_by.display_name, "until": instant(found.expires_at)}
            record(SYSTEM, [Fact("manifest.roadside", manifest.subject, manifest.readers(), told)], now=now)
    return found


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
