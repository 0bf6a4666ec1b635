"""A draft in one tap: these drums, to the usual receiver with the usual carrier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from manifests.checks import carrier_problems, receiver_problems
from manifests.choices import last_sent
from manifests.models import Manifest
from manifests.services.drafting import draft
from wastetrack.errors import Refused
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container


def draft_as_last_time(*, actor: Actor, containers: Sequence[Container], now: datetime) -> Manifest | None:
    """A draft of these drums with the parties, contract and measures of the organisation's last manifest.

    None where there is no last one, where its parties may not take these today, or the drums can't be one draft: then
    somebody has to choose.
    """
    last = last_sent(actor)
    if last is None or last.carrier is None or last.self_delivered or last.follows_id:
        return None
    today = timezone.localdate(now)
    codes = {container.waste_code for container in containers}
    problems = receiver_problems(last.receiver, last.receiver.permits.all(), codes, today)
    problems += carrier_problems(last.carrier, last.carrier.permits.all(), today)
    if problems:
        return None
    try:
        return draft(
            actor=actor,
            receiver=last.receiver,
            carrier=last.carrier,
            containers=containers,
            emergency_measures=last.emergency_measures,
            contract=last.contract,
            now=now,
        )
    except Refused:
        return None
