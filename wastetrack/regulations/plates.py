"""Number plates of vehicles (GA 36): how they are read, compared and checked. Pure."""

from __future__ import annotations

import re
import unicodedata

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
_LETTERS = "A-HJ-NP-Z"
"""I and O are not given out: they would be taken for 1 and 0."""
_SERIAL = rf"[{_LETTERS}0-9]"
_PLATE = re.compile(
    rf"[{PROVINCES}][{_LETTERS}](?:"
    rf"(?:{_SERIAL}){{5}}|"
    # New energy: a small one has its letter first, a large one last.
    rf"[A-HJK](?:[{_LETTERS}0-9])[0-9]{{4}}|[0-9]{{5}}[A-HJK]|"
    rf"(?:{_SERIAL}){{4}}挂)"
)


def plain(plate: str) -> str:
    """A plate without separators, half-width, in capitals: how two spellings of one plate are compared."""
    return "".join(c for c in unicodedata.normalize("NFKC", plate).upper() if c.isalnum())


def same(a: str, b: str) -> bool:
    """Whether two spellings name one plate; nothing is no plate."""
    return plain(a) == plain(b) != ""


def normal(plate: str) -> str | None:
    """The plate as it is kept, 浙D12345; None for what is none: a missing province, a letter I or O, a wrong length.

    Five characters after the authority's letter, six on a new-energy plate, 挂 last on a trailer's.
    """
    found = plain(plate)
    return found if _PLATE.fullmatch(found) else None
