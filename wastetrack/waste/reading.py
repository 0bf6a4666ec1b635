"""Reading what a clerk or a program sent about a container: every problem is found and named at its field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from wastetrack.errors import FieldError, Invalid
from wastetrack.regulations import selectors as catalogue
from wastetrack.regulations.catalogue import WasteCode
from wastetrack.regulations.compatibility import GROUPS, groups_for
from wastetrack.regulations.vocabulary import container_kind, form
from wastetrack.units import grams

MAX_VOLUME_L = Decimal(100_000)
NAME_LENGTH, TEXT_LENGTH = 60, 200
NO_REACTION = "NONE"
"""What a form sends for a waste that reacts with nothing: to say nothing means that nobody knows."""
_INVISIBLE = " \u115f\u1160\u2800\u3164\uffa0"
"""Letters that count as printable and show nothing: the fillers of Korean, and Braille without a dot."""
_PLAIN_VOLUME = re.compile(r"\d{1,9}(\.\d0*)?", re.ASCII)


@dataclass(frozen=True)
class WasteFields:
    """What a container holds, read and checked."""

    waste: WasteCode
    name: str
    form: str
    hazards: str
    container_kind: str
    volume_l: Decimal
    mass_g: int
    accumulation_start: date
    reaction_groups: str | None
    texts: dict[str, str]


class Reader:
    """Collects field errors while values are read; `finish` raises them all at once."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def fail(self, field: str, code: str, **params: Any) -> None:
        self.errors.append(FieldError(field, code, params))

    def finish(self) -> None:
        """Raises Invalid with everything that was found."""
        if self.errors:
            raise Invalid(*self.errors)

    def text(self, field: str, value: object, length: int, *, required: bool = False) -> str:
        text = " ".join(str(value or "").split())
        if not text.strip(_INVISIBLE):
            text = ""
        if required and not text:
            self.fail(field, "missing")
        if len(text) > length:
            self.fail(field, "too_long", limit=length)
        if not text.isprintable():
            self.fail(field, "unprintable")
        return text

    def mass(self, field: str, value: object) -> int:
        try:
            return grams(value, field=field)
        except Invalid as error:
            self.errors += error.errors
            return 0

    def day(self, field: str, value: object, *, now: datetime) -> date | None:
        """A past or present local day, from a date, a datetime or ISO text."""
        found = read_day(value)
        if value is None or value == "":
            self.fail(field, "missing")
        elif found is None:
            self.fail(field, "date_unreadable")
        elif found > timezone.localdate(now):
            self.fail(field, "date_in_future")
        elif found.year < 2000:
            self.fail(field, "date_too_old")
        return found

    def word(self, field: str, value: object, find: Any, code: str) -> str:
        """A word of a vocabulary, by `find`."""
        if value is None or str(value).strip() == "":
            self.fail(field, "missing")
            return ""
        term = find(str(value))
        if term is None:
            self.fail(field, code)
            return ""
        return str(term.code)

    def kind(self, field: str, value: object) -> str:
        """A kind of container."""
        return self.word(field, value, container_kind, "unknown_container_kind")

    def volume(self, field: str, value: object) -> Decimal:
        if value is None or value == "":
            self.fail(field, "missing")
            return Decimal(0)
        # A plain figure: no exponent, no digits of another script, no more places than are kept.
        volume = Decimal(text) if _PLAIN_VOLUME.fullmatch(text := str(value).strip()) else Decimal(0)
        if not 0 < volume <= MAX_VOLUME_L:
            self.fail(field, "volume_out_of_range", limit=MAX_VOLUME_L)
            return Decimal(0)
        return volume.quantize(Decimal("0.1"))

    def waste(self, field: str, value: object, on: date) -> WasteCode | None:
        if not value:
            self.fail(field, "missing")
            return None
        found = catalogue.find_waste_code(str(value).strip(), on=on)
        if found is None:
            self.fail(field, "unknown_waste_code")
        return found

    def groups(self, field: str, value: object, waste: WasteCode | None) -> str | None:
        """Reaction groups: as given (`none`: with nothing), else as the code tells them; None where it does not."""
        given = _letters(value)
        if not given:
            usual = groups_for(waste.code) if waste else None
            return None if usual is None else " ".join(sorted(usual))
        groups = {text.upper() for text in given} - {NO_REACTION}
        if groups - GROUPS.keys():
            self.fail(field, "unknown_group")
        return " ".join(sorted(groups))

    def hazards(self, field: str, value: object, waste: WasteCode | None) -> str:
        """The hazard letters: as given, else as the catalogue fixes them; a choice of several must be made."""
        if waste is None:
            return ""
        given = _letters(value)
        if not given:
            if waste.hazards.mode == "any_of" and len(waste.hazards.letters) > 1:
                self.fail(field, "hazards_missing", choices=" / ".join(waste.hazards.letters))
            return " ".join(waste.hazards.letters)
        if not waste.hazards.allows(set(given)):
            self.fail(field, "hazards_not_of_code", choices=" / ".join(waste.hazards.letters))
        return " ".join(letter for letter in waste.hazards.letters if letter in given)


def _letters(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        value = value.replace(",", " ").replace("/", " ").split()
    return [str(letter).strip() for letter in value] if isinstance(value, Iterable) else [str(value)]


def read_day(value: object) -> date | None:
    """A local day from a date, an aware datetime or ISO text; None when it cannot be read: never a guess."""
    if isinstance(value, datetime):
        return timezone.localdate(value) if timezone.is_aware(value) else value.date()
    if isinstance(value, date):
        return value
    text = str(value or "").strip()
    try:
        return date.fromisoformat(text) if len(text) == 10 else read_day(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # an offset can lead out of the calendar
        return None


def read_waste_fields(data: dict[str, Any], *, now: datetime) -> WasteFields:
    """Read a container's description. Raises Invalid with one error for every wrong field:

    missing, unknown_waste_code, hazards_missing, hazards_not_of_code, unknown_form, unknown_container_kind,
    volume_out_of_range, unknown_group, mass_…, date_unreadable, date_in_future, date_too_old, too_long, unprintable.
    """
    reader = Reader()
    waste = reader.waste("waste_code", data.get("waste_code"), timezone.localdate(now))
    start = reader.day("accumulation_start", data.get("accumulation_start"), now=now)
    fields: dict[str, Any] = {
        "name": reader.text("name", data.get("name"), NAME_LENGTH, required=True),
        "form": reader.word("form", data.get("form"), form, "unknown_form"),
        "hazards": reader.hazards("hazards", data.get("hazards"), waste),
        "container_kind": reader.kind("container_kind", data.get("container_kind")),
        "volume_l": reader.volume("volume_l", data.get("volume_l")),
        "mass_g": reader.mass("mass_kg", data.get("mass_kg")),
        "reaction_groups": reader.groups("reaction_groups", data.get("reaction_groups"), waste),
        "texts": {
            key: reader.text(key, data.get(key), TEXT_LENGTH)
            for key in ("components", "harmful_components", "precautions", "remarks")
        },
    }
    reader.finish()
    assert waste is not None
    assert start is not None
    return WasteFields(waste=waste, accumulation_start=start, **fields)
