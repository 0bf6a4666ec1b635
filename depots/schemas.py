"""What the API says of depots and their stock."""

from __future__ import annotations

from typing import Any

from depots.models import Depot, Stay
from depots.selectors import BayFill
from wastetrack.ledger.canonical import instant
from wastetrack.units import kg_text


def depot_json(depot: Depot) -> dict[str, Any]:
    """A depot: whose, where, of what kind, how large."""
    return {
        "id": str(depot.pk),
        "name": depot.name,
        "kind": depot.kind,
        "organisation": depot.site.organisation.uscc,
        "site": depot.site.code,
        "facility_code": depot.facility_code,
        "capacity_kg": kg_text(depot.capacity_g),
    }


def bay_json(fill: BayFill) -> dict[str, Any]:
    """A bay and how full it is."""
    return {
        "code": fill.bay.code,
        "name": fill.bay.name,
        "capacity_kg": kg_text(fill.bay.capacity_g),
        "containers": fill.containers,
        "mass_kg": kg_text(fill.mass_g),
        "next_deadline": instant(fill.next_deadline) if fill.next_deadline else None,
    }


def stay_json(stay: Stay) -> dict[str, Any]:
    """A container in stock: what it is, in which bay, since when, until when."""
    container = stay.container
    return {
        "code": container.code,
        "short_code": container.short_code,
        "state": container.state,
        "waste_code": container.waste_code,
        "name": container.name,
        "mass_kg": kg_text(container.mass_g),
        "generator": container.generator.name,
        "bay": stay.bay.code if stay.bay else None,
        "entered_at": instant(stay.entered_at),
        "storage_deadline": instant(container.storage_deadline) if container.storage_deadline else None,
    }
