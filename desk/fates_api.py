"""`/containers/{code}/fates`: where a drum's waste ended."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from manifests.fates import fates_json, fates_of
from wastetrack.http import actor_of
from wastetrack.schemas import Text
from wastetrack.waste.selectors import get_container

router = Router(tags=["containers"])


@router.get("/{code}/fates")
def fates(request: HttpRequest, code: Text) -> dict[str, Any]:
    """Every end of a drum's waste: its final treatments, what still stands, and what weighing made of the rest."""
    actor = actor_of(request)
    return fates_json(fates_of(actor, get_container(actor, code)))
