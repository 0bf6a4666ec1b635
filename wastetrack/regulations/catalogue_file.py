"""Reads an official waste-code list from csv, json or xlsx. Pure: nothing is stored, and what is wrong is all named.

Every error is an Invalid whose field is `<row>.<column>` (or `file`) and whose params hold file, row, column and value.
Rows are counted as the file shows them: the sheet's rows with its header, or the n-th entry of a json list.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from wastetrack.errors import FieldError, Invalid
from wastetrack.regulations.catalogue import WasteCode, builtin, categories, industry_name, normalise_code
from wastetrack.regulations.hazards import parse_hazards

MAX_BYTES = 5_000_000
MAX_ROWS = 5_000
MAX_ERRORS = 50
HEADER_WITHIN = 10
SHORT_NAME = 24

# What a column may be called; the first is our name for it.
COLUMNS = {
    "code": {"code", "waste_code", "废物代码", "危废代码", "代码"},
    "hazard": {"hazard", "hazards", "危险特性"},
    "description": {"description", "危险废物", "危险废物描述", "描述"},
    "name": {"name", "名称", "简称"},
    "category": {"category", "废物类别", "类别"},
    "category_name": {"category_name", "类别名称"},
    "industry": {"industry", "行业来源", "行业"},
}
REQUIRED = ("code", "hazard")
_COLUMN_OF = {title: column for column, titles in COLUMNS.items() for title in titles}

Cells = dict[str, str]


@dataclass(frozen=True)
class CatalogueFile:
    """What a file holds: its codes, the edition it says it is (a year, or None), and a fingerprint of its bytes."""

    codes: tuple[WasteCode, ...]
    edition: str | None
    digest: str


class _Problems:
    """Collects what is wrong with one file and refuses it as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[FieldError] = []

    def add(self, code: str, row: int = 0, column: str = "", value: str = "") -> None:
        field = f"{row}.{column}" if row else "file"
        params = {"file": self.path.name, "row": row, "column": column, "value": value[:80]}
        self.found.append(FieldError(field, code, params))

    def refuse(self, code: str, row: int = 0, column: str = "", value: str = "") -> Invalid:
        self.add(code, row, column, value)
        return self.invalid()

    def invalid(self) -> Invalid:
        return Invalid(*self.found[:MAX_ERRORS], code="bad_catalogue", file=self.path.name, problems=len(self.found))


def read_catalogue(path: Path) -> CatalogueFile:
    """The codes of an official list; Invalid bad_catalogue with every problem of the file, row and column named."""
    problems = _Problems(path)
    data = _bytes(path, problems)
    rows, says = _READERS[path.suffix.lower()](data, problems)
    if len(rows) > MAX_ROWS:
        raise problems.refuse("too_many_rows", MAX_ROWS + 1, "code")
    codes = _codes(rows, problems)
    if problems.found:
        raise problems.invalid()
    if not codes:
        raise problems.refuse("no_rows")
    return CatalogueFile(codes, _edition_named(says) or _edition_named(path.stem), hashlib.sha256(data).hexdigest())


def _bytes(path: Path, problems: _Problems) -> bytes:
    if path.suffix.lower() not in _READERS:
        raise problems.refuse("unknown_format", value=path.suffix)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        raise problems.refuse("file_unreadable") from None
    if len(data) > MAX_BYTES:
        raise problems.refuse("file_too_large")
    return data


def _edition_named(text: str) -> str | None:
    """The year in "名录（2021年版）" or "hw_catalogue_2021", if it is the only one."""
    years = set(re.findall(r"名录\s*[（(]\s*(20[0-9]{2})\s*年版", text))
    years = years or set(re.findall(r"(?<![0-9])20[0-9]{2}(?![0-9])", text))
    return years.pop() if len(years) == 1 else None


# --- the three formats: each gives rows of (row number, cells by our column name) and what the file says it is ---


def _read_json(data: bytes, problems: _Problems) -> tuple[list[tuple[int, Cells]], str]:
    try:
        document: Any = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise problems.refuse("bad_encoding") from None
    except json.JSONDecodeError as error:
        raise problems.refuse("bad_json", error.lineno, str(error.colno)) from None
    except (RecursionError, ValueError):  # nested too deep, or a number too long to read
        raise problems.refuse("bad_json") from None
    head: dict[str, Any] = document if isinstance(document, dict) else {}
    entries = head.get("entries") if head else document
    if not isinstance(entries, list):
        raise problems.refuse("missing_column", 1, "entries")
    if "count" in head and head["count"] != len(entries):
        raise problems.refuse("count_mismatch", value=f"{head['count']} ≠ {len(entries)}")
    rows = [(number, _json_cells(entry, number, problems)) for number, entry in enumerate(entries, start=1)]
    return rows, " ".join(str(head.get(key, "")) for key in ("title", "source"))


def _json_cells(entry: Any, number: int, problems: _Problems) -> Cells:
    if not isinstance(entry, dict):
        problems.add("bad_row", number, "code", str(entry))
        return {}
    cells = {}
    for title, value in entry.items():
        column = _COLUMN_OF.get(title)
        if column and isinstance(value, str):
            cells[column] = value.strip()
        elif column and value is not None:
            problems.add("bad_value", number, column, str(value))
            return {}
    for column in REQUIRED:
        if column not in cells:
            problems.add("missing_column", number, column)
            return {}
    return cells


def _read_csv(data: bytes, problems: _Problems) -> tuple[list[tuple[int, Cells]], str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")  # what Chinese Excel saves by default
        except UnicodeDecodeError:
            raise problems.refuse("bad_encoding") from None
    table: list[list[str]] = []
    try:
        table.extend(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise problems.refuse("bad_csv", len(table) + 1, "code", str(error)) from None
    return _by_header(table, problems)


def _read_xlsx(data: bytes, problems: _Problems) -> tuple[list[tuple[int, Cells]], str]:
    try:
        sheets = CalamineWorkbook.from_filelike(io.BytesIO(data))
        table = [
            [_as_text(cell) for cell in row] for row in sheets.get_sheet_by_index(0).to_python(skip_empty_area=False)
        ]
    except (CalamineError, OSError, ValueError, IndexError) as error:
        raise problems.refuse("bad_xlsx", value=str(error)) from None
    return _by_header(table, problems)


def _as_text(cell: object) -> str:
    """A cell as it reads in the sheet: whole numbers without the point that Excel's numbers carry."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


_READERS = {".json": _read_json, ".csv": _read_csv, ".xlsx": _read_xlsx}


def _by_header(table: Sequence[Sequence[str]], problems: _Problems) -> tuple[list[tuple[int, Cells]], str]:
    """Rows below the header, which may stand under a title; Invalid missing_column where there is none."""
    headers = [[_COLUMN_OF.get("".join(cell.split()).lower()) for cell in row] for row in table[:HEADER_WITHIN]]
    at = max(range(len(headers)), key=lambda n: sum(map(bool, headers[n])), default=0)
    header = headers[at] if headers else []
    for column in REQUIRED:
        if column not in header:
            problems.add("missing_column", at + 1, column)
    for known, times in Counter(filter(None, header)).items():
        if times > 1:
            problems.add("column_twice", at + 1, known)
    if problems.found:
        raise problems.invalid()
    rows = []
    for number, row in enumerate(table[at + 1 :], start=at + 2):
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            problems.add("extra_cells", number, str(len(header) + 1), row[len(header)])
        elif any(cell.strip() for cell in row):
            rows.append((number, {column: cell.strip() for column, cell in zip(header, row, strict=False) if column}))
    return rows, " ".join(cell for row in table[:at] for cell in row)


# --- rows to waste codes ---


def _codes(rows: Iterable[tuple[int, Cells]], problems: _Problems) -> tuple[WasteCode, ...]:
    codes: dict[str, WasteCode] = {}
    for number, cells in rows:
        waste = _waste_code(number, cells, problems) if cells else None
        if waste is None:
            continue
        if waste.code in codes:
            problems.add("duplicate_code", number, "code", waste.code)
        codes[waste.code] = waste
    return tuple(codes.values())


def _waste_code(number: int, cells: Cells, problems: _Problems) -> WasteCode | None:
    code = normalise_code(cells.get("code", ""))
    if code is None:
        problems.add("bad_waste_code", number, "code", cells.get("code", ""))
        return None
    try:
        hazards = parse_hazards(cells.get("hazard", ""))
    except ValueError:
        problems.add("bad_hazard", number, "hazard", cells.get("hazard", ""))
        return None
    category, category_name = _category(number, code, cells, problems)
    if not category_name:
        return None
    shipped, known = builtin().get(code), categories().get(category)
    description = "".join(cells.get("description", "").split())
    return WasteCode(
        code=code,
        category=category,
        category_name_zh=category_name,
        category_name_en=known.name_en if known else category,
        industry_code=code[:3],
        industry=cells.get("industry") or industry_name(code[:3]),
        name_zh=cells.get("name") or (shipped.name_zh if shipped else _shortened(description) or code),
        hazards=hazards,
        description=description,
        also_called=shipped.also_called if shipped else "",
    )


def _category(number: int, code: str, cells: Cells, problems: _Problems) -> tuple[str, str]:
    """The category and its name; the official table writes both in one cell, which its rows below leave empty."""
    category = f"HW{code[-2:]}"
    written = re.fullmatch(r"(HW[0-9]{2})?(.*)", "".join(cells.get("category", "").split()))
    named = written[2] if written else ""
    if written and written[1] and written[1] != category:
        problems.add("category_mismatch", number, "category", cells["category"])
        return category, ""
    known = categories().get(category)
    name = cells.get("category_name") or named or (known.name_zh if known else "")
    if not name:
        problems.add("unknown_category", number, "category", category)
    return category, name


def _shortened(description: str) -> str:
    return description if len(description) <= SHORT_NAME else description[: SHORT_NAME - 1] + "…"
