"""Drums that a receiver turned away go back to their sender under a manifest of their own (article 18)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from manifests.checks import turned_away
from manifests.models import Manifest, ManifestState
from manifests.services.common import require_party
from manifests.services.drafting import draft
from wastetrack.errors import Refused
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import Actor


def send_back(*, actor: Actor, manifest: Manifest, now: datetime) -> Manifest:
    """The receiver drafts the return of everything it refused, with the carrier that has it still, in one step.

    To another receiver its sender sends it on: a draft of these drums does that. Asked for again, the draft that is
    open still is the answer.
    Raises NotPermitted(not_your_part), Refused(nothing_turned_away).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "receiver")
        lines = turned_away(manifest).select_related("container__generator", "container__holder")
        containers = [line.container for line in lines]
        if not containers:
            raise Refused("nothing_turned_away", manifest=manifest.number)
        return _open_draft(actor, manifest, {container.pk for container in containers}) or draft(
            actor=actor,
            receiver=manifest.sender,
            containers=containers,
            carrier=manifest.carrier,
            emergency_measures=manifest.emergency_measures,
            now=now,
        )


def _open_draft(actor: Actor, manifest: Manifest, containers: Collection[int]) -> Manifest | None:
    """The actor's draft that takes just these drums back already."""
    drafts = manifest.followers.filter(
        state=ManifestState.DRAFT, sender=actor.organisation_id, receiver=manifest.sender_id
    ).prefetch_related("lines")
    return next((one for one in drafts if {line.container_id for line in one.lines.all()} == containers), None)
