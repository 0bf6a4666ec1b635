"""A container as the API gives it."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from depots.models import Stay
from desk.selectors import places
from wastetrack.ledger.canonical import instant
from wastetrack.regulations.clauses import cite
from wastetrack.units import kg_text
from wastetrack.waste.models import Container


def container_json(container: Container, place: Stay | None) -> dict[str, Any]:
    """A container: what it is, where it is, how long it may stay."""
    deadline = container.storage_deadline
    return {
        "code": container.code,
        "short_code": container.short_code,
        "state": container.state,
        "waste_code": container.waste_code,
        "category": container.category,
        "name": container.name,
        "form": container.form,
        "hazards": list(container.hazard_letters),
        "mass_kg": kg_text(container.mass_g),
        "container_kind": container.container_kind,
        "volume_l": f"{container.volume_l.normalize():f}",
        "accumulation_start": container.accumulation_start.isoformat(),
        "components": container.components,
        "harmful_components": container.harmful_components,
        "precautions": container.precautions,
        "remarks": container.remarks,
        "reaction_groups": None if container.reactions is None else sorted(container.reactions),
        "generator": {"uscc": container.generator.uscc, "name": container.generator.name},
        "holder": {"uscc": container.holder.uscc, "name": container.holder.name},
        "site": container.origin.code,
        "depot": {"id": str(place.depot_id), "name": place.depot.name} if place else None,
        "bay": place.bay.code if place and place.bay else None,
        "storage_deadline": timezone.localtime(deadline).isoformat() if deadline else None,
        "storage_clause": _clause(container),
        "extension": container.extension or None,
        "logged_at": instant(container.logged_at),
    }


def _clause(container: Container) -> dict[str, str] | None:
    if not container.storage_clause or container.storage_deadline is None:
        return None
    cited = cite(container.storage_clause, timezone.localdate(container.storage_deadline))
    return {"id": container.storage_clause, "reference": cited.reference_zh, "zh": cited.text_zh, "en": cited.text_en}


def containers_json(containers: list[Container]) -> list[dict[str, Any]]:
    """A page of containers, their places looked up together."""
    where = places(containers)
    return [container_json(container, where.get(container.pk)) for container in containers]
