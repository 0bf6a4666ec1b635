"""The national list of hazardous wastes: codes, categories and hazards by edition. Built in is the 2021 edition.

The names are short ones of our own; the official descriptions come with an imported edition.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from wastetrack.regulations.data import read_json
from wastetrack.regulations.hazards import Hazards, parse_hazards

BUILTIN = "2021"


@dataclass(frozen=True, slots=True)
class Category:
    """One of the list's categories, `HW08`."""

    code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class WasteCode:
    """A waste of the list. `name_zh` is short and ours; a note says what to know before using the entry."""

    code: str
    category: str
    category_name_zh: str
    category_name_en: str
    industry_code: str
    industry: str
    name_zh: str
    hazards: Hazards
    description: str = ""
    also_called: str = ""
    edition: str = BUILTIN
    note_zh: str = ""
    note_en: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition of the list and when it is in force (both days included, None = until further notice)."""

    key: str
    title: str
    effective_from: date
    effective_to: date | None


EDITIONS: tuple[Edition, ...] = (
    Edition("2021", "国家危险废物名录（2021年版）", date(2021, 1, 1), date(2024, 12, 31)),
    # In force, but its data is for the user to import; until then the built-in edition serves.
    Edition("2025", "国家危险废物名录（2025年版）", date(2025, 1, 1), None),
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The codes that serve for an edition; the notes say so when they are another edition's."""

    edition: Edition
    codes: Mapping[str, WasteCode]
    note_zh: str = ""
    note_en: str = ""

    @property
    def data_edition(self) -> str:
        """The edition that the codes are of."""
        return BUILTIN if self.note_zh else self.edition.key

    def find(self, text: str) -> WasteCode | None:
        """The entry of a code, with or without dashes; 900-000-XX in every category; None if there is none."""
        code = normalise_code(text)
        found = None if code is None else self.codes.get(code) or by_testing(code, self.data_edition)
        return found and self._noted(found)

    def search(self, q: str, limit: int = 20) -> list[WasteCode]:
        """Entries whose code contains q's digits, or which have all its words; the best first."""
        hits = _search(self.codes, q)
        if not hits and (tested := self.find(q)):
            return [tested]
        return [self._noted(waste) for waste in hits[: max(limit, 0)]]

    def _noted(self, waste: WasteCode) -> WasteCode:
        if not self.note_zh:
            return waste
        return replace(waste, note_zh=waste.note_zh + self.note_zh, note_en=f"{waste.note_en} {self.note_en}".strip())


def standing_in(edition: Edition, codes: Mapping[str, WasteCode]) -> Catalogue:
    """The built-in codes in the place of an edition that nobody has imported."""
    return Catalogue(
        edition,
        codes,
        note_zh=f"{edition.title}自{edition.effective_from}起施行，其数据尚未导入，暂按{BUILTIN}年版提供。",
        note_en=f"The {edition.key} edition, in force since {edition.effective_from}, has not been imported: "
        f"this is the {BUILTIN} edition.",
    )


def edition_on(day: date, editions: Iterable[Edition] = EDITIONS) -> Edition:
    """The edition in force on a day; the earliest known one for days before all."""
    oldest_first = sorted(editions, key=lambda edition: edition.effective_from)
    in_force = [edition for edition in oldest_first if edition.effective_from <= day]
    return in_force[-1] if in_force else oldest_first[0]


def normalise_code(text: str) -> str | None:
    """`900-249-08` for `900-249-08` or `90024908`, also between spaces; None for what has not this shape."""
    match = re.fullmatch(r"([0-9]{3})(-?)([0-9]{3})\2([0-9]{2})", text.strip())
    return f"{match[1]}-{match[3]}-{match[4]}" if match else None


@cache
def _table() -> Any:
    return read_json("waste_codes_2021.json")


def categories() -> Mapping[str, Category]:
    """The 46 categories by code, `HW01` first."""
    return {f"HW{n}": Category(f"HW{n}", zh, en) for n, (zh, en) in _table()["categories"].items()}


def industry_name(industry_code: str) -> str:
    """The industry of a code's first three digits (GB/T 4754), empty if the list does not name it."""
    return str(_table()["industries"].get(industry_code, ""))


@cache
def builtin(edition: str = BUILTIN) -> Mapping[str, WasteCode]:
    """The shipped codes of an edition, in the list's order; KeyError for an edition that is not shipped."""
    if edition != BUILTIN:
        raise KeyError(edition)
    named = categories()
    codes = {}
    for code, hazards, name in _table()["codes"]:
        category = named[f"HW{code[-2:]}"]
        codes[code] = WasteCode(
            code=code,
            category=category.code,
            category_name_zh=category.name_zh,
            category_name_en=category.name_en,
            industry_code=code[:3],
            industry=industry_name(code[:3]),
            name_zh=name,
            hazards=parse_hazards(hazards),
            also_called=_table()["also_called"].get(code, ""),
        )
    return MappingProxyType(codes)


# Tests look for the four properties of GB 5085; infectious waste is known by where it comes from.
_TESTED_HAZARDS = Hazards(("T", "C", "I", "R"), "any_of")


def by_testing(code: str, edition: str = BUILTIN) -> WasteCode | None:
    """The entry for 900-000-XX: waste that tests have shown to be hazardous, filed under the category XX."""
    category = categories().get(f"HW{code[-2:]}")
    if category is None or not code.startswith("900-000-"):
        return None
    return WasteCode(
        code=code,
        category=category.code,
        category_name_zh=category.name_zh,
        category_name_en=category.name_en,
        industry_code="900",
        industry=industry_name("900"),
        name_zh=f"经鉴别的{category.name_zh}",
        hazards=_TESTED_HAZARDS,
        edition=edition,
        note_zh="经鉴别归入本类别，危险特性按鉴别结论填写。",
        note_en="Filed here after testing; its hazards are those the tests have found.",
    )


def _text(waste: WasteCode) -> str:
    words = (waste.name_zh, waste.also_called, waste.category, waste.category_name_zh, waste.category_name_en)
    return " ".join((*words, waste.description)).casefold()


def _by_digits(codes: Mapping[str, WasteCode], digits: str) -> list[WasteCode]:
    hits = [waste for waste in codes.values() if digits in waste.code.replace("-", "")]
    hits.sort(key=lambda waste: not waste.code.replace("-", "").startswith(digits))
    return hits


def _search(codes: Mapping[str, WasteCode], q: str) -> list[WasteCode]:
    words = q.casefold().split()
    if not words:
        return []
    digits = "".join(words).replace("-", "")
    if digits.isascii() and digits.isdigit():
        return _by_digits(codes, digits)
    hits = [waste for waste in codes.values() if all(word in _text(waste) for word in words)]
    # A hit in the name or in what people call it counts for more than one in the category's name.
    hits.sort(key=lambda waste: not all(word in f"{waste.name_zh} {waste.also_called}".casefold() for word in words))
    return hits
