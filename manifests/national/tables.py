"""A csv or xlsx file as a table of cells. Refuses what is too large before it is unpacked, however small it came."""

from __future__ import annotations

import csv
import io
import re
import zipfile

from python_calamine import CalamineError, CalamineWorkbook

from wastetrack.errors import Invalid, invalid

MAX_BYTES = 5_000_000
MAX_UNPACKED = 40_000_000
MAX_ROWS = 20_000
MAX_COLUMNS = 200
_REFERENCE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{1,9})[\"']")
_CHUNK = 1 << 20

Cell = object
Table = list[list[Cell]]


def read_table(data: bytes) -> Table:
    """The rows of a workbook's first sheet or of a csv, told apart by their content.

    Raises Invalid(file: list_empty | list_too_large | list_wrong_type | list_unreadable | list_too_many_rows).
    """
    if not data.strip():
        raise invalid("file", "list_empty")
    if len(data) > MAX_BYTES:
        raise _too_large()
    table = _xlsx(data) if data.startswith(b"PK\x03\x04") else _csv(data)
    if len(table) > MAX_ROWS:
        raise _too_many()
    return table


def _too_large() -> Invalid:
    return invalid("file", "list_too_large", limit=MAX_BYTES // 1_000_000)


def _too_many() -> Invalid:
    return invalid("file", "list_too_many_rows", limit=MAX_ROWS)


def _csv(data: bytes) -> Table:
    for encoding in ("utf-8-sig", "gb18030"):  # the second is what Chinese Excel saves
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise invalid("file", "list_wrong_type")
    if any(ord(character) < 32 and character not in "\t\r\n" for character in text):
        # An old workbook, a picture, a PDF.
        raise invalid("file", "list_wrong_type")
    try:
        return [[*row] for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
    except csv.Error:
        raise invalid("file", "list_unreadable") from None


def _xlsx(data: bytes) -> Table:
    try:
        _require_bounded(data)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        return sheet.to_python(skip_empty_area=False)  # type: ignore[return-value]
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError, IndexError, RuntimeError, NotImplementedError):
        raise invalid("file", "list_unreadable") from None


def _require_bounded(data: bytes) -> None:
    """Unpack the workbook piece by piece, whatever its directory says of sizes; look how far its cells reach.

    One cell far out would make the reader keep room for all between.
    """
    left = MAX_UNPACKED
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            sheet, tail = "worksheets/" in member.filename.lower(), b""
            with archive.open(member) as file:
                while chunk := file.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise _too_large()
                    if sheet:
                        _require_near(tail + chunk)
                        tail = chunk[-64:]


def _require_near(xml: bytes) -> None:
    for letters, digits in _REFERENCE.findall(xml):
        if int(digits) > MAX_ROWS:
            raise _too_many()
        if _column(letters) > MAX_COLUMNS:
            raise invalid("file", "list_unreadable")


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
