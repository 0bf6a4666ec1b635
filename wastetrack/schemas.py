"""Types of the API's fields. What a rule must judge arrives as it was sent; what can't be a value is refused here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.utils import timezone
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


def _moment(value: object) -> datetime | None:
    """ISO 8601 with an offset; anything else is an invalid field, not a guess."""
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise PydanticCustomError("time_unreadable", "unreadable") from None
    if isinstance(value, (int, float)) or timezone.is_naive(moment):
        raise PydanticCustomError("time_without_offset", "no offset")
    return moment


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise PydanticCustomError("wrong_type", "not a text")
    return str(value)


Moment = Annotated[datetime | None, BeforeValidator(_moment)]
"""A time with its offset, or nothing."""
Text = Annotated[str, BeforeValidator(_text)]
"""A text; a number is taken as written, nothing as empty."""
Mass = Annotated[Any, WithJsonSchema({"type": "string", "format": "decimal", "examples": ["18.5"]})]
"""Kilograms as a decimal string; judged by `units.grams`."""
Loose = Annotated[Any, WithJsonSchema({"type": "string"})]
"""A value that its rule reads and refuses with a code of its own."""
