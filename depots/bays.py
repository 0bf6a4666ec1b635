"""Setting up a depot: its bays, what each admits and holds, and where it lies on the plan. Every change is an entry."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from copy import copy
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from depots.models import Bay, Count, Depot, Stay
from depots.services import lock_bays, require_own
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.regulations.catalogue import categories
from wastetrack.regulations.hazards import NAMES, parse_hazards
from wastetrack.regulations.selectors import catalogue_for
from wastetrack.units import GRAMS_PER_KG, kg_text, typed_kg

ROWS, COLUMNS = 20, 12
CODE_LENGTH, NAME_LENGTH, TEMPERATURE_LENGTH, ADMITS_LENGTH = 12, 60, 40, 300
MOST_PLACES, MOST_LITRES, MOST_KG = 100_000, 10_000_000, 10_000_000

_CODE = re.compile(r"[^\W_]+(-[^\W_]+)*")
_SEPARATORS = re.compile(r"[\s,;，、；]+")
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_KG = re.compile(r"\d{1,9}(\.\d{1,3})?", re.ASCII)


def require_keeper(actor: Actor, depot: Depot) -> None:
    """Raises NotPermitted(not_your_depot | not_permitted) unless the actor may set up this depot."""
    require_own(actor, depot)
    if not actor.manages:
        raise NotPermitted


def may_keep(actor: Actor, depot: Depot) -> bool:
    """Whether the actor may set up this depot."""
    return actor.organisation_id == depot.organisation_id and actor.manages


def save_bay(*, actor: Actor, depot: Depot, data: Mapping[str, Any], now: datetime, bay: Bay | None = None) -> Bay:
    """Add a bay to the depot, or change the one given; what `data` does not name stays as it is.

    `data`: code, name, row and column (of the plan, from 1), admits (waste codes and categories), hazards (letters),
    capacity_kg, places (0: closed), bund_l, temperature. That less fits than stands there is the truth, and allowed.
    Raises Invalid with the code of every field that is wrong: missing, bay_code_unusable, bay_code_taken, too_long,
    unprintable, unknown_admitted, bad_hazard, bay_capacity_unusable, bay_places_unusable, bay_bund_unusable,
    bay_place_unusable, bay_place_half, bay_place_taken. NotPermitted(not_your_depot | not_permitted).
    """
    require_keeper(actor, depot)
    values = _Reader(data, timezone.localdate(now)).read(new=bay is None)
    with transaction.atomic():
        # Two who save at once come one after the other: a code and a place on the plan are looked at, then taken.
        Depot.objects.select_for_update().get(pk=depot.pk)
        lock_bays(depot)
        before = Bay.objects.filter(pk=bay.pk).first() if bay is not None else None
        if bay is not None and before is None:
            raise Refused("lost_race")
        saved = copy(before) if before else Bay()
        saved.depot = depot
        for name, value in values.items():
            setattr(saved, name, value)
        _check_plan(saved)
        changed = _changed(before, saved)
        if changed:
            saved.save()
            payload = {**_about(saved), "new": before is None, "changed": changed}
            record(actor, [Fact("bay.set", f"bay:{saved.pk}", depot.readers(), payload)], now=now)
    return saved


def remove_bay(*, actor: Actor, bay: Bay, now: datetime) -> None:
    """Take away a bay that was never used. One with drums in it, or in the books, stays.

    Raises Refused(bay_not_empty | bay_in_books), NotPermitted(not_your_depot | not_permitted).
    """
    require_keeper(actor, bay.depot)
    with transaction.atomic():
        lock_bays(bay.depot, bay)
        stays = Stay.objects.filter(bay=bay)
        if stays.filter(left_at=None).exists():
            raise Refused("bay_not_empty", bay=bay.code)
        if stays.exists() or Count.objects.filter(bay=bay).exists():
            # What stood there once says so for ever.
            raise Refused("bay_in_books", bay=bay.code)
        fact = Fact("bay.remove", f"bay:{bay.pk}", bay.depot.readers(), _about(bay))
        bay.delete()
        record(actor, [fact], now=now)


def _about(bay: Bay) -> dict[str, Any]:
    return {"depot": str(bay.depot_id), "depot_name": bay.depot.name, "bay": bay.code}


def _check_plan(bay: Bay) -> None:
    """Raises Invalid for a code or a place that another bay of the depot has, or for half a place."""
    others = Bay.objects.filter(depot=bay.depot_id).exclude(pk=bay.pk)
    errors = []
    if others.filter(code__iexact=bay.code).exists():
        errors.append(FieldError("code", "bay_code_taken", {"bay": bay.code}))
    if (bay.row is None) != (bay.column is None):
        errors.append(FieldError("row" if bay.row is None else "column", "bay_place_half"))
    elif bay.row is not None and (there := others.filter(row=bay.row, column=bay.column).first()):
        errors.append(FieldError("row", "bay_place_taken", {"bay": there.code}))
    if errors:
        raise Invalid(*errors)


WRITTEN: Mapping[str, Callable[[Bay], Any]] = {
    "code": lambda bay: bay.code,
    "name": lambda bay: bay.name,
    "place": lambda bay: [bay.row, bay.column] if bay.row else None,
    "admits": lambda bay: bay.admits,
    "hazards": lambda bay: bay.hazards,
    "capacity_kg": lambda bay: kg_text(bay.capacity_g),
    "places": lambda bay: bay.places,
    "bund_l": lambda bay: bay.bund_l,
    "temperature": lambda bay: bay.temperature,
}
"""What of a bay can change, as an entry writes it."""


def _changed(before: Bay | None, after: Bay) -> dict[str, list[Any]]:
    """Each thing that is not as before: from what, to what."""
    old, new = _written(before), _written(after)
    return {name: [old[name], new[name]] for name in WRITTEN if old[name] != new[name]}


def _written(bay: Bay | None) -> dict[str, Any]:
    """What of it can change; an empty text is nothing, but 0 places are not."""
    found = {name: write(bay) if bay else None for name, write in WRITTEN.items()}
    return {name: None if value == "" else value for name, value in found.items()}


class _Reader:
    """Reads what was sent about a bay, and remembers everything that is wrong with it."""

    def __init__(self, data: Mapping[str, Any], today: date) -> None:
        self.data = data
        self.today = today
        self.errors: list[FieldError] = []

    def read(self, *, new: bool) -> dict[str, Any]:
        """The bay's attributes that `data` names. Raises Invalid."""
        readers: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
            "code": ("code", self._code),
            "name": ("name", lambda value: self._text("name", value, NAME_LENGTH)),
            "row": ("row", lambda value: self._place("row", value, ROWS)),
            "column": ("column", lambda value: self._place("column", value, COLUMNS)),
            "admits": ("admits", self._admits),
            "hazards": ("hazards", self._hazards),
            "capacity_kg": ("capacity_g", self._capacity),
            "places": ("places", lambda value: self._whole("places", value, MOST_PLACES, "bay_places_unusable")),
            "bund_l": ("bund_l", lambda value: self._whole("bund_l", value, MOST_LITRES, "bay_bund_unusable")),
            "temperature": ("temperature", lambda value: self._text("temperature", value, TEMPERATURE_LENGTH)),
        }
        named = {"code": "", **self.data} if new else self.data
        values = {attribute: read(named[name]) for name, (attribute, read) in readers.items() if name in named}
        if self.errors:
            raise Invalid(*self.errors)
        return values

    def fail(self, field: str, code: str, **params: Any) -> None:
        """Note what is wrong with a field."""
        self.errors.append(FieldError(field, code, params))

    def _text(self, field: str, value: Any, limit: int) -> str:
        text = " ".join(str(value or "").split())
        if len(text) > limit:
            self.fail(field, "too_long", limit=limit)
        elif not text.isprintable():
            self.fail(field, "unprintable")
        return text

    def _code(self, value: Any) -> str:
        text = unicodedata.normalize("NFKC", str(value or "")).strip().upper()
        if not text:
            self.fail("code", "missing")
        elif len(text) > CODE_LENGTH or not _CODE.fullmatch(text) or text.isdecimal():
            # A number alone could be taken for the number by which programs know another bay.
            self.fail("code", "bay_code_unusable", limit=CODE_LENGTH)
        return text

    def _whole(self, field: str, value: Any, most: int, code: str) -> int | None:
        text = unicodedata.normalize("NFKC", str("" if value is None else value)).strip()
        if not text:
            return None
        if isinstance(value, bool) or not _WHOLE.fullmatch(text) or int(text) > most:
            self.fail(field, code, limit=most)
            return None
        return int(text)

    def _place(self, field: str, value: Any, most: int) -> int | None:
        number = self._whole(field, value, most, "bay_place_unusable")
        if number == 0:
            self.fail(field, "bay_place_unusable", limit=most)
        return number or None

    def _capacity(self, value: Any) -> int | None:
        text = typed_kg(str("" if value is None else value))
        if not text:
            return None
        if isinstance(value, bool) or not _KG.fullmatch(text) or not 0 < Decimal(text) <= MOST_KG:
            self.fail("capacity_kg", "bay_capacity_unusable", limit=MOST_KG)
            return None
        return int(Decimal(text) * GRAMS_PER_KG)

    def _admits(self, value: Any) -> str:
        """Waste codes and categories of the list in force, each once, in the order given."""
        catalogue, known = catalogue_for(self.today), categories()
        found: dict[str, None] = {}
        for word in self._words(value):
            waste = catalogue.find(word)
            plain = waste.code if waste else word.upper()
            if waste is None and plain not in known:
                self.fail("admits", "unknown_admitted", value=word[:20])
            found[plain] = None
        text = " ".join(found)
        if len(text) > ADMITS_LENGTH and not self.errors:
            self.fail("admits", "too_long", limit=ADMITS_LENGTH)
        return text

    def _hazards(self, value: Any) -> str:
        """Hazard letters in the catalogue's order."""
        letters: set[str] = set()
        for word in self._words(value):
            try:
                letters.update(parse_hazards(word).letters)
            except ValueError:
                self.fail("hazards", "bad_hazard")
        return " ".join(letter for letter in NAMES if letter in letters)

    @staticmethod
    def _words(value: Any) -> list[str]:
        """The words of a list, or of a text with spaces or commas between."""
        texts = value if isinstance(value, list | tuple) else [value]
        joined = " ".join(str(text) for text in texts if text is not None)
        return [word for word in _SEPARATORS.split(unicodedata.normalize("NFKC", joined)) if word]
