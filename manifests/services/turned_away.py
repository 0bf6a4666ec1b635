"""Drums that a receiver turned away go back to their sender under a manifest of their own (article 18)."""

from __future__ import annotations

from datetime import datetime

from manifests.checks import turned_away
from manifests.models import Manifest
from manifests.services.common import require_party
from manifests.services.drafting import draft
from wastetrack.errors import Refused
from wastetrack.parties.actors import Actor


def send_back(*, actor: Actor, manifest: Manifest, now: datetime) -> Manifest:
    """The receiver drafts the return of everything it refused, with the carrier that has it still, in one step.

    To another receiver its sender sends it on: a draft of these drums does that.
    Raises NotPermitted(not_your_part), Refused(nothing_turned_away).
    """
    require_party(actor, manifest, "receiver")
    lines = turned_away(manifest).select_related("container__generator", "container__holder")
    containers = [line.container for line in lines]
    if not containers:
        raise Refused("nothing_turned_away", manifest=manifest.number)
    return draft(
        actor=actor,
        receiver=manifest.sender,
        containers=containers,
        carrier=manifest.carrier,
        emergency_measures=manifest.emergency_measures,
        now=now,
    )
