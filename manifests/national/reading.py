"""The table of an exported list → the manifests it names. Every row and cell that cannot be read is named."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from manifests.national.tables import Table, read_table
from wastetrack.errors import FieldError, Invalid, invalid
from wastetrack.regulations.catalogue import normalise_code
from wastetrack.regulations.identifiers import parse_manifest_number

HEADER_WITHIN = 10
MAX_PROBLEMS = 30
NEEDED = ("national_number", "sender", "receiver", "waste_code", "planned", "day")
_MAX_G = 10**12
_TONNE_G, _KG_G = 1_000_000, 1_000
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T].*)?", re.ASCII)
_MASS = re.compile(r"\d{1,9}(\.\d{1,20})?", re.ASCII)


@cache
def vocabulary() -> dict[str, Any]:
    """The parsed file, read once a process: callers must not change it."""
    return tomllib.loads((Path(__file__).parent.parent / "cn" / "national.toml").read_text("utf-8"))


@cache
def _titles() -> dict[str, str]:
    """Our name of each column by every title that we read, compared plainly."""
    return {_bare(title): name for name, titles in vocabulary()["columns"].items() for title in titles}


def _bare(title: str) -> str:
    return plain(title).replace("_", "")


@dataclass(frozen=True)
class Side:
    """A party as the list names it: by credit code, by name, or by both."""

    name: str = ""
    uscc: str = ""

    def is_it(self, name: str, uscc: str) -> bool:
        """Whether this names that organisation: by its code where the list has one, else by its name."""
        return self.uscc == uscc if self.uscc else plain(self.name) == plain(name)

    def __str__(self) -> str:
        return self.name or self.uscc


@dataclass(frozen=True)
class Theirs:
    """A manifest of the list: its rows added up. `step_g`: what its masses are rounded to, grams."""

    number: str
    sender: Side
    receiver: Side
    planned_g: Mapping[str, int | None]
    """Grams planned, by waste code."""
    confirmed_g: Mapping[str, int | None]
    day: date
    state: str
    voided: bool
    row: int
    step_g: int = 1

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(self.planned_g)

    @property
    def planned_total_g(self) -> int | None:
        return _total(self.planned_g.values())

    @property
    def confirmed_total_g(self) -> int | None:
        return _total(self.confirmed_g.values())


def _total(masses: Any) -> int | None:
    known = list(masses)
    return None if None in known else sum(known)


def plain(text: str) -> str:
    """A name for comparing: full-width brackets and letters as plain ones, no spaces."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


@dataclass(frozen=True)
class Listed:
    """What a file holds, and how many of its rows stood there twice and count once."""

    manifests: Sequence[Theirs]
    repeated: int = 0


@dataclass
class _Problems:
    found: list[FieldError] = field(default_factory=list)

    def add(self, row: int, column: str, value: object) -> None:
        params = {"row": row, "column": column, "value": str(value)[:40]}
        self.found.append(FieldError(f"{row}.{column}", "list_value", params))


@dataclass(frozen=True)
class _Column:
    place: int
    title: str
    unit_g: int = _TONNE_G


def read_list(data: bytes) -> Listed:
    """The manifests that a file lists.

    Raises Invalid, at `file` or `row.column`: what tables.read_table raises, list_column_missing, list_column_twice,
    list_value, list_conflict, list_empty.
    """
    table = read_table(data)
    at, columns = _header(table)
    problems, found, seen, repeated = _Problems(), dict[str, Theirs](), set[tuple[str, ...]](), 0
    for number, cells in enumerate(table[at + 1 :], start=at + 2):
        texts = tuple(_text(cell) for cell in cells)
        if not any(texts):
            continue
        if texts in seen:
            repeated += 1
            continue
        seen.add(texts)
        if one := _row(number, cells, columns, problems):
            _join(found, one, problems)
    if problems.found:
        raise Invalid(*problems.found[:MAX_PROBLEMS], code="list_unusable", problems=len(problems.found))
    if not found:
        raise invalid("file", "list_empty")
    return Listed(list(found.values()), repeated)


# --- the header --------------------------------------------------------------------------------------------


def _header(table: Table) -> tuple[int, dict[str, _Column]]:
    """Where the header stands, below a title maybe, and its columns by our names."""
    candidates = [_columns_of(row) for row in table[:HEADER_WITHIN]]
    if not candidates:
        raise invalid("file", "list_empty")
    at = max(range(len(candidates)), key=lambda number: len(candidates[number]))
    columns = candidates[at]
    _require_once(table[at])
    has = {
        **{name: name in columns for name in ("national_number", "waste_code", "day")},
        **{side: bool({f"{side}_name", f"{side}_uscc"} & columns.keys()) for side in ("sender", "receiver")},
        "planned": bool({"planned", "confirmed"} & columns.keys()),
    }
    missing = [name for name in NEEDED if not has[name]]
    if missing:
        called = vocabulary()["columns"]
        titles = [called[name if name in called else f"{name}_name"][0] for name in missing]
        raise Invalid(*(FieldError("file", "list_column_missing", {"column": title}) for title in titles))
    return at, columns


def _columns_of(row: Sequence[object]) -> dict[str, _Column]:
    """The columns of a header by our names; of several for one, the first."""
    found: dict[str, _Column] = {}
    for place, cell in enumerate(row):
        title = _text(cell)
        name, unit = _named(title)
        if name:
            found.setdefault(name, _Column(place, title, unit))
    return found


def _named(title: str) -> tuple[str, int]:
    """Our name of a column and the grams of its unit; no name for one we do not need."""
    text = plain(title)
    bare = re.sub(r"[(\[【][^)\]】]*[)\]】]", "", text)
    unit = _KG_G if any(word in text.removeprefix(bare) for word in vocabulary()["words"]["kilograms"]) else _TONNE_G
    return _titles().get(_bare(bare), ""), unit


def _require_once(row: Sequence[object]) -> None:
    titles = [_text(cell) for cell in row]
    names = [(name, title) for title in titles if (name := _named(title)[0])]
    # The day of the transfer and the planned one may both be there: the first counts.
    twice = {name for name, _ in names if sum(name == other for other, _ in names) > 1}
    if twice - {"day", "state"}:
        title = next(title for name, title in names if name in twice - {"day", "state"})
        raise invalid("file", "list_column_twice", column=title)


# --- the rows ----------------------------------------------------------------------------------------------


def _text(cell: object) -> str:
    """A cell as it reads in the sheet. Excel's way to keep digits, `="2026…"`, is undone; no formula is worked out."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell).strip() if cell is not None else ""
    match = re.fullmatch(r'="([^"]*)"', text)
    return match[1].strip() if match else text.lstrip("'")


@dataclass
class _Cells:
    """One row by our names of its columns; what cannot be read is noted."""

    number: int
    cells: Sequence[object]
    columns: Mapping[str, _Column]
    problems: _Problems

    def raw(self, name: str) -> object:
        column = self.columns.get(name)
        return self.cells[column.place] if column and column.place < len(self.cells) else ""

    def text(self, name: str) -> str:
        return _text(self.raw(name))

    def wrong(self, name: str) -> None:
        column = self.columns.get(name)
        self.problems.add(self.number, column.title if column else name, self.text(name))

    def national(self) -> str:
        try:
            return str(parse_manifest_number(self.text("national_number")))
        except ValueError:
            self.wrong("national_number")
            return ""

    def mass(self, name: str) -> tuple[int | None, int]:
        """Grams, None where there are none, and to how many grams they are rounded."""
        column, text = self.columns.get(name), self.text(name)
        if column is None or not text:
            return None, _TONNE_G
        mass_g, step_g = _grams(text, column.unit_g)
        if mass_g is None:
            self.wrong(name)
        return mass_g, step_g

    def side(self, name: str) -> Side:
        side = Side(self.text(f"{name}_name"), plain(self.text(f"{name}_uscc")).upper())
        if not side.name and not side.uscc:
            self.wrong(f"{name}_name" if f"{name}_name" in self.columns else f"{name}_uscc")
        return side


def _row(number: int, cells: Sequence[object], columns: Mapping[str, _Column], problems: _Problems) -> Theirs | None:
    """The manifest of one row; None when something in it cannot be read, which is noted."""
    before = len(problems.found)
    row = _Cells(number, cells, columns, problems)
    national, code, day = row.national(), normalise_code(row.text("waste_code")), _day(row.raw("day"))
    if code is None:
        row.wrong("waste_code")
    if day is None:
        row.wrong("day")
    (planned, planned_step), (confirmed, confirmed_step) = row.mass("planned"), row.mass("confirmed")
    sender, receiver = row.side("sender"), row.side("receiver")
    if len(problems.found) > before or code is None or day is None:
        return None
    return Theirs(
        number=national,
        sender=sender,
        receiver=receiver,
        planned_g={code: planned},
        confirmed_g={code: confirmed},
        day=day,
        state=row.text("state"),
        voided=_voided(row.text("voided"), row.text("state")),
        row=number,
        step_g=min(planned_step, confirmed_step),
    )


def _voided(flag: str, state: str) -> bool:
    words = vocabulary()["words"]
    return flag.casefold() in words["yes"] or words["voided"] in state


def _day(cell: object) -> date | None:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    match = _DAY.fullmatch(unicodedata.normalize("NFKC", _text(cell)))
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def _grams(text: str, unit_g: int) -> tuple[int | None, int]:
    """Grams to the nearest, and to how many grams the text is rounded; None for what is no mass."""
    bare = plain(text).replace(",", "").removesuffix("吨").removesuffix("t")
    if not _MASS.fullmatch(bare):
        return None, unit_g
    try:
        mass_g = int((Decimal(bare) * unit_g).to_integral_value())
    except InvalidOperation:
        return None, unit_g
    decimals = len(bare.partition(".")[2])
    return (mass_g if mass_g <= _MAX_G else None), max(1, unit_g // 10**decimals) if decimals < 12 else 1


def _join(found: dict[str, Theirs], one: Theirs, problems: _Problems) -> None:
    """Rows of one number are one manifest: their masses are added by waste code; their parties must be the same."""
    known = found.get(one.number)
    if known is None:
        found[one.number] = one
        return
    if (known.sender, known.receiver) != (one.sender, one.receiver):
        params = {"row": one.row, "other": known.row, "number": one.number}
        problems.found.append(FieldError(f"{one.row}.number", "list_conflict", params))
        return
    found[one.number] = replace(
        known,
        planned_g=_added(known.planned_g, one.planned_g),
        confirmed_g=_added(known.confirmed_g, one.confirmed_g),
        step_g=min(known.step_g, one.step_g),
        voided=known.voided or one.voided,
    )


def _added(ours: Mapping[str, int | None], more: Mapping[str, int | None]) -> dict[str, int | None]:
    total = dict(ours)
    for code, mass_g in more.items():
        before = total.get(code, 0)
        total[code] = None if before is None or mass_g is None else before + mass_g
    return total
