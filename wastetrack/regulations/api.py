"""`/waste-codes`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from wastetrack.regulations.selectors import search_waste_codes
from wastetrack.schemas import Text

router = Router(tags=["regulations"])


@router.get("/waste-codes")
def waste_codes(request: HttpRequest, q: Text = "", edition: Text = "", limit: int = 20) -> dict[str, Any]:
    """Waste codes by a fragment of the code, by name or by category (zh, en); best first."""
    found = search_waste_codes(q[:60], edition=edition or None, limit=max(1, min(limit, 100)))
    return {
        "items": [
            {
                "code": waste.code,
                "category": waste.category,
                "category_name": {"zh": waste.category_name_zh, "en": waste.category_name_en},
                "name": waste.name_zh,
                "hazards": list(waste.hazards.letters),
                "hazard_mode": waste.hazards.mode,
                "industry": waste.industry,
                "description": waste.description,
            }
            for waste in found
        ],
        "next": None,
    }
