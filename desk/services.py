"""What a page does across rooms in one step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from depots.services import log_into
from desk.places import Place
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container, WasteStream
from wastetrack.waste.services import log_waste, remember_reactions, save_stream


def log_at(
    *,
    actor: Actor,
    place: Place,
    data: dict[str, Any],
    now: datetime,
    stream: WasteStream | None = None,
    keep: bool = False,
) -> Container:
    """Log a container where it stands; with `keep`, its waste becomes a usual waste of the firm.

    Raises what depots.services.log_into and waste.services.log_waste raise.
    """
    with transaction.atomic():
        if place.depot is not None:
            container = log_into(actor=actor, depot=place.depot, bay=place.bay, data=data, stream=stream, now=now)
        else:
            container = log_waste(actor=actor, site=place.site, data=data, stream=stream, now=now)
        if keep and stream is None:
            save_stream(actor=actor, container=container, now=now)
        if stream is not None and data.get("reaction_groups"):
            remember_reactions(actor=actor, container=container, now=now)
    return container
