"""Whose consent a proposed correction needs, as things are now: who signs meanwhile is asked too."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from manifests.models import Consent, Correction, Leg, Line, Manifest, ManifestState
from manifests.selectors import legs_of, lines_of
from manifests.services.common import about
from wastetrack.ledger.services import Fact
from wastetrack.parties.models import Organisation

PROPOSED = Exists(Correction.objects.filter(manifest=OuterRef("manifest"), settled_at=None))
"""Lines of a manifest for which a correction is open."""


def signers(manifest: Manifest, lines: Sequence[Line], legs: Sequence[Leg], *, carriage: bool) -> set[int]:
    """Whose signature a change touches: the sender's; the receiver's once it received; the carriers' until then.

    After a receipt a carrier's signature is touched only where the change is of the carriage itself. To call a load
    off at its receiver's gate needs the receiver too.
    """
    received = any(line.outcome for line in lines)
    found = {manifest.sender_id}
    if received or (carriage and manifest.state == ManifestState.DELIVERED):
        found.add(manifest.receiver_id)
    if carriage or not received:
        found |= {leg.carrier_id for leg in legs if leg.departed_at}
    return found


def needed(manifest: Manifest, correction: Correction) -> set[int]:
    """Who must agree to an open correction as things are: all whose signature it touches, but its proposer."""
    carriage = correction.cancels or any(change["field"] == "vehicle" for change in correction.data)
    return signers(manifest, lines_of(manifest), legs_of(manifest), carriage=carriage) - {correction.proposer_id}


def ask_further(manifest: Manifest) -> list[Fact]:
    """Ask those who have signed since a correction was proposed; the caller holds the lock and records the facts.

    One query where nothing is proposed.
    """
    correction = manifest.corrections.filter(settled_at=None).first()
    if correction is None:
        return []
    more = needed(manifest, correction) - set(correction.consents.values_list("organisation", flat=True))
    if not more:
        return []
    asked = list(Organisation.objects.filter(pk__in=more).order_by("pk"))
    Consent.objects.bulk_create(Consent(correction=correction, organisation=one) for one in asked)
    payload = {**about(manifest), "asked": [one.name for one in asked]}
    return [Fact("correction.ask", correction.subject, correction.readers(), payload)]


def all_agreed(manifest: Manifest, correction: Correction) -> bool:
    """Whether nobody's consent is missing any more; who was asked and no longer counts need not answer."""
    waiting = correction.consents.filter(given_at=None)
    waiting.exclude(organisation__in=needed(manifest, correction)).delete()
    return not waiting.exists()
