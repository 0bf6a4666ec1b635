"""Looking up waste codes: the imported edition of the day if there is one, otherwise the built-in list."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from time import monotonic

from wastetrack.errors import invalid
from wastetrack.regulations.catalogue import (
    BUILTIN,
    EDITIONS,
    Catalogue,
    Edition,
    WasteCode,
    builtin,
    categories,
    edition_on,
    standing_in,
)
from wastetrack.regulations.hazards import parse_hazards
from wastetrack.regulations.models import ImportedEdition

RECHECK_SECONDS = 30.0
"""How long another process's import may go unseen here. One small query is the price of a look."""

Revision = tuple[str, datetime]


class _Shelf:
    """What this process has read of the imported editions."""

    def __init__(self) -> None:
        self.asked_at = float("-inf")
        self.read: Mapping[str, tuple[Revision, Catalogue]] = {}

    def look(self) -> Mapping[str, Catalogue]:
        asked_at = monotonic()
        if asked_at - self.asked_at >= RECHECK_SECONDS:
            there = ImportedEdition.objects.values_list("key", "digest", "imported_at")
            self.read = {key: self._edition(key, (digest, at)) for key, digest, at in there}
            self.asked_at = asked_at
        return {key: catalogue for key, (_, catalogue) in self.read.items()}

    def _edition(self, key: str, revision: Revision) -> tuple[Revision, Catalogue]:
        known = self.read.get(key)
        if known and known[0] == revision:
            return known
        row = ImportedEdition.objects.get(key=key)
        return (row.digest, row.imported_at), _catalogue(row)


def _catalogue(row: ImportedEdition) -> Catalogue:
    english = {category.code: category.name_en for category in categories().values()}
    codes = {}
    for code, hazards, name, description, category_name, industry, also_called in row.codes:
        category = f"HW{code[-2:]}"
        codes[code] = WasteCode(
            code=code,
            category=category,
            category_name_zh=category_name,
            category_name_en=english.get(category, category),
            industry_code=code[:3],
            industry=industry,
            name_zh=name,
            hazards=parse_hazards(hazards),
            description=description,
            also_called=also_called,
            edition=row.key,
        )
    return Catalogue(Edition(row.key, row.title, row.effective_from, None), codes)


_shelf = _Shelf()


def forget() -> None:
    """Look at the shelf again at the next lookup; an import calls it."""
    _shelf.asked_at = float("-inf")


def editions() -> list[Edition]:
    """Every edition this site knows of, imported or not, oldest first; each ends when the next begins."""
    by_key = {edition.key: edition for edition in EDITIONS}
    by_key |= {key: catalogue.edition for key, catalogue in _shelf.look().items()}
    known = sorted(by_key.values(), key=lambda edition: edition.effective_from)
    ended = [
        replace(edition, effective_to=following.effective_from - timedelta(days=1))
        for edition, following in pairwise(known)
    ]
    return [*ended, known[-1]]


def catalogue_for(on: date | None = None, edition: str | None = None) -> Catalogue:
    """The list by edition, else by day, else the newest: take it once for many lookups; Invalid unknown_edition.

    Costs no query but one small one every RECHECK_SECONDS a process, and one more to read a new import.
    """
    known = editions()
    if edition is not None:
        chosen = next((one for one in known if one.key == edition), None)
        if chosen is None:
            raise invalid("edition", "unknown_edition", value=edition)
    else:
        chosen = edition_on(on, known) if on else known[-1]
    imported = _shelf.look()
    if chosen.key in imported:
        return replace(imported[chosen.key], edition=chosen)
    codes = imported[BUILTIN].codes if BUILTIN in imported else builtin()
    return Catalogue(chosen, codes) if chosen.key == BUILTIN else standing_in(chosen, codes)


def find_waste_code(code: str, on: date | None = None, edition: str | None = None) -> WasteCode | None:
    """The entry of a code, with or without dashes, in the edition asked for or in force on a day; None if none."""
    return catalogue_for(on, edition).find(code)


def search_waste_codes(q: str, edition: str | None = None, limit: int = 20, on: date | None = None) -> list[WasteCode]:
    """Entries by a fragment of the code, by name, by what people call it, or by category (zh, en); the best first."""
    return catalogue_for(on, edition).search(q, limit)
