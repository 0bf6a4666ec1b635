"""Types of the API's fields. What a rule must judge arrives as it was sent; what can't be a value is refused here."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from django.utils import timezone
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from wastetrack.errors import FieldError, invalid
from wastetrack.regulations.identifiers import uscc_problem
from wastetrack.sentences import SENTENCES

T = TypeVar("T")
EARLIEST_YEAR = 2000
MOST_LINES = 500
NOTE_LENGTH, LONG_NOTE_LENGTH = 200, 300
_SPACES = "\t\n\r\u00a0\u3000"


class Body(BaseModel):
    """What a call takes: a JSON object. Ninja's own Schema would read a list or a text as an empty object."""


def required(*names: str) -> ConfigDict:
    """These fields are needed, as the schema says; a rule finds them missing, in its own words, with all else."""
    return ConfigDict(json_schema_extra={"required": list(names)})


def field_errors(found: Iterable[Mapping[str, Any]], skip: int = 0) -> list[FieldError]:
    """Pydantic's findings with our codes; the first `skip` parts of each place are no part of the field's name."""
    errors = []
    for error in found:
        place = error["loc"][skip:] or error["loc"][-1:] or ("body",)
        # A type of our own is its code. Pydantic's own are all one thing to the reader, but for a field not there.
        code = error["type"] if error["type"] in SENTENCES else "wrong_type"
        errors.append(FieldError(".".join(map(str, place)), code, error.get("ctx") or {}))
    return errors


def _moment(value: object) -> datetime | None:
    """ISO 8601 with an offset; anything else is an invalid field, not a guess."""
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        # At the ends of the calendar an offset can lead out of it.
        year = moment.astimezone(UTC).year if moment else 0
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise PydanticCustomError("time_unreadable", "unreadable")
    if timezone.is_naive(moment):
        raise PydanticCustomError("time_without_offset", "no offset")
    if year < EARLIEST_YEAR:
        raise PydanticCustomError("time_too_old", "too old")
    return moment


def _storable(text: str) -> str:
    """No NUL and no half of a surrogate pair: some database or reader would choke on them."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("unprintable", "not storable")
    return text


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise PydanticCustomError("wrong_type", "not a text")
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("wrong_type", "not a number")
    return _storable(str(value))


def _loose(value: object) -> object:
    """A plain value or a flat list of them: what is nested deeper is no value of any field."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, list | dict):
            raise PydanticCustomError("wrong_type", "nested")
        if isinstance(item, str):
            _storable(item)
    return value


def is_printable(text: str) -> bool:
    """Without control and direction characters; lines may break."""
    return all(character.isprintable() or character in _SPACES for character in text)


def _note(limit: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > limit:
            raise PydanticCustomError("too_long", "too long", {"limit": limit})
        if not is_printable(text):
            raise PydanticCustomError("unprintable", "control characters")
        return text

    return AfterValidator(check)


def _uscc(value: object) -> str:
    text = "".join(_text(value).split()).upper()
    if text and (problem := uscc_problem(text)):
        raise PydanticCustomError(problem, "not a credit code")
    return text


def _few(rows: list[T]) -> list[T]:
    if len(rows) > MOST_LINES:
        raise PydanticCustomError("too_many", "too many", {"limit": MOST_LINES})
    return rows


def states_of(text: str, known: Collection[str]) -> list[str]:
    """A filter's states, with commas between. Raises Invalid(unknown_state) for one that there is not."""
    states = text.split(",")
    if not set(states) <= set(known):
        raise invalid("state", "unknown_state")
    return states


def row_id(text: str) -> int:
    """The database's number in an outside id; -1, which no row has, for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


Moment = Annotated[datetime | None, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time with its offset, or nothing."""
Text = Annotated[str, BeforeValidator(_text)]
"""A text; a number is taken as written, nothing as empty."""
Note = Annotated[Text, _note(NOTE_LENGTH)]
"""A remark in a person's words, 200 characters at most; lines may break."""
LongNote = Annotated[Text, _note(LONG_NOTE_LENGTH)]
"""The same, 300 characters at most."""
Uscc = Annotated[str, BeforeValidator(_uscc)]
"""A credit code with both its check characters, as stored; spaces and small letters allowed, nothing as empty."""
Mass = Annotated[Any, WithJsonSchema({"type": "string", "format": "decimal", "examples": ["18.5"]})]
"""Kilograms as a decimal string; judged by `units.grams`."""
Loose = Annotated[Any, BeforeValidator(_loose), WithJsonSchema({"type": ["string", "number"]})]
"""A value that its rule reads and refuses with a code of its own."""
Letters = Annotated[Any, BeforeValidator(_loose), WithJsonSchema({"type": "array", "items": {"type": "string"}})]
"""Hazard letters: a list, or a text with commas."""
Few = Annotated[list[T], AfterValidator(_few)]
"""A list of at most 500."""
