"""What the API says of depots and their stock."""

from __future__ import annotations

from typing import Any

from depots.boards import Tile
from depots.models import Depot, Stay
from wastetrack.ledger.canonical import instant
from wastetrack.schemas import Body, Letters, Loose, Mass, Text
from wastetrack.sentences import sentence
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


class BayIn(Body):
    code: Text = ""
    name: Text = ""
    row: Loose = None
    """Where it lies on the plan, from 1; null takes it off the plan."""
    column: Loose = None
    admits: Loose = None
    """Waste codes and categories (HW08): a list, or a text; nothing: all."""
    hazards: Letters = None
    """Hazard letters that may stand in it; nothing: all."""
    capacity_kg: Mass = None
    places: Loose = None
    """How many containers may stand in it; 0 closes it."""
    bund_l: Loose = None
    temperature: Text = ""


def bay_json(tile: Tile) -> dict[str, Any]:
    """A bay: where, what it admits, how full it is, and what is wrong with it as it stands."""
    bay, deadline = tile.bay, tile.standing.next_deadline
    return {
        "id": str(bay.pk),
        "code": bay.code,
        "name": bay.name,
        "row": bay.row,
        "column": bay.column,
        "admits": bay.admits.split(),
        "hazards": list(bay.hazard_letters),
        "capacity_kg": kg_text(bay.capacity_g),
        "places": bay.places,
        "bund_l": bay.bund_l,
        "temperature": bay.temperature,
        "containers": tile.load.containers,
        "mass_kg": kg_text(tile.load.used_g),
        "next_deadline": instant(deadline) if deadline else None,
        "faults": [{"code": fault.code, "message": sentence(fault.code, fault.params)} for fault in tile.faults],
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
