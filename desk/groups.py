"""The reaction groups as a form offers them."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import get_language

from wastetrack.districts.words import group_name
from wastetrack.regulations.compatibility import GROUPS


def group_choices(ticked: Collection[str] | None) -> list[tuple[str, str, bool]]:
    """Every reaction group: its code, its name, and whether it is ticked."""
    language = "en" if (get_language() or "").startswith("en") else "zh"
    return [(code, group_name(code, language), code in (ticked or ())) for code in GROUPS]
