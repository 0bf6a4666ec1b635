"""The number that the national system gave a manifest: recorded beside ours when it is known."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from manifests.models import Manifest, ManifestState
from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import Actor
from wastetrack.regulations.identifiers import ManifestNumber, manifest_series, parse_manifest_number

KIND = "manifest.number"
MAY_SET = frozenset({"sender", "carrier", "receiver"})
MAY_CHANGE = frozenset({"sender", "receiver"})
"""The two who work in the national system; a carrier only reads the number off the paper."""
ENDED = (ManifestState.CLOSED, ManifestState.CANCELLED)


def may_number(actor: Actor, manifest: Manifest) -> bool:
    """Whether the actor's organisation may record a national number, or change the one there is."""
    if manifest.national_number:
        return _may_change(actor, manifest)
    return manifest.issued_at is not None and not MAY_SET.isdisjoint(manifest.positions(actor))


def _may_change(actor: Actor, manifest: Manifest) -> bool:
    return manifest.state not in ENDED and not MAY_CHANGE.isdisjoint(manifest.positions(actor))


def set_national_number(*, actor: Actor, manifest: Manifest, number: str, now: datetime) -> Manifest:
    """A party records the national number of an issued manifest (article 15).

    Sender and receiver may change it until the manifest is closed, whoever recorded it; a carrier only where there is
    none. The entry keeps the old one.

    Raises Invalid(national_number: missing | manifest_number), NotPermitted(not_your_part), Refused(not_issued |
    national_number_set | national_number_other_city | national_number_taken).
    """
    if not number.strip():
        raise invalid("national_number", "missing")
    try:
        read = parse_manifest_number(number)
    except ValueError:
        raise invalid("national_number", "manifest_number") from None
    with transaction.atomic():
        (manifest,) = lock([manifest])
        actor.require_write()
        if MAY_SET.isdisjoint(manifest.positions(actor)):
            raise NotPermitted("not_your_part", subject=manifest.subject)
        if manifest.issued_at is None:
            raise Refused("not_issued", manifest=manifest.number)
        _require_series(manifest, read)
        was = manifest.national_number
        if was == str(read):
            return manifest
        if was and not _may_change(actor, manifest):
            raise Refused("national_number_set", number=was)
        manifest.national_number = str(read)
        _save(manifest)
        payload = {"number": manifest.national_number, **({"was": was} if was else {})}
        record(actor, [Fact(KIND, manifest.subject, manifest.readers(), payload)], now=now)
    return manifest


def series_of_national(manifest: Manifest) -> list[str]:
    """With which 8 digits its national number may begin: the sender's city, the year of issue or of departure."""
    years = {timezone.localdate(at).year for at in (manifest.issued_at, manifest.departed_at) if at}
    return [manifest_series(year, manifest.sender_site.division) for year in sorted(years)]


def _require_series(manifest: Manifest, read: ManifestNumber) -> None:
    allowed = series_of_national(manifest)
    if str(read)[:8] not in allowed:
        raise Refused("national_number_other_city", found=str(read)[:8], wanted=allowed[0])


def _save(manifest: Manifest) -> None:
    try:
        # In a savepoint: PostgreSQL gives up the whole transaction otherwise.
        with transaction.atomic():
            manifest.save(update_fields=["national_number"])
    except IntegrityError:
        raise Refused("national_number_taken", number=manifest.national_number) from None
