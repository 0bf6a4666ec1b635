"""What a call or a page says about new containers: kind, volume and mass of each, and the bay."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from depots.models import Bay, Stay
from depots.selectors import get_bay
from wastetrack.errors import FieldError, Invalid
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container
from wastetrack.waste.reading import Reader


class PartRow(Protocol):
    """One new container as it was sent."""

    container_kind: Any
    volume_l: Any
    mass_kg: Any


def read_parts(rows: Sequence[PartRow], whole_g: int | None = None, field: str = "parts") -> list[Part]:
    """Parts as sent, each with its problems at its fields; without a mass, one part takes the whole."""
    found, errors = [], list[FieldError]()
    for number, row in enumerate(rows):
        at = f"{field}.{number}." if field else ""
        reader = Reader()
        kind = reader.kind(f"{at}container_kind", row.container_kind)
        volume: Decimal = reader.volume(f"{at}volume_l", row.volume_l)
        missing = row.mass_kg in (None, "")
        mass_g = whole_g if whole_g is not None and missing else reader.mass(f"{at}mass_kg", row.mass_kg)
        errors += reader.errors
        found.append(Part(kind, volume, mass_g or 0))
    if errors:
        raise Invalid(*errors)
    return found


def bay_near(container: Container, code: str) -> Bay | None:
    """The bay named, in the depot where the container stands; None without a name. Raises NotFound(unknown_bay)."""
    stay = Stay.objects.filter(container=container, left_at=None).select_related("depot__site").first()
    return get_bay(stay.depot, code) if code and stay else None
