"""Administrative divisions: a province (2 digits), its cities (4) and counties (6). The table is `cn/divisions.json`.

Of the provinces that the software serves it has every city and county; of the others the province alone, and any city
or county code within it is taken as it is: waste is sent there, but nobody there is supervised here.

A code is also understood in its padded form: 330000 is 33 and 330600 is 3306.
"""

import re
from collections.abc import Mapping

from wastetrack.regulations.data import read_json

_CODE = re.compile(r"[1-9][0-9](?:[0-9]{2}){0,2}")


def _names() -> Mapping[str, tuple[str, str]]:
    return {code: (zh, en) for code, (zh, en) in read_json("divisions.json")["divisions"].items()}


_NAMES = _names()
_OTHERS: Mapping[str, tuple[str, str]] = {
    code: (zh, en) for code, (zh, en) in read_json("divisions.json")["provinces"].items()
}
"""Provinces of which the table has the name alone."""


def short(code: str) -> str:
    """The code without the zeros that only fill it up: 330600 → 3306; ValueError division for what is no code."""
    if not _CODE.fullmatch(code):
        raise ValueError("division")
    while len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return code


def exists(code: str) -> bool:
    """Whether the table knows this division, or at least the province it would lie in."""
    return bool(_CODE.fullmatch(code)) and (short(code) in _NAMES or code[:2] in _OTHERS)


def province_of(code: str) -> str:
    """The two digits of the province that a division lies in."""
    return short(code)[:2]


def chain(code: str) -> list[str]:
    """The division and all it lies in, widest first: 330602 → 33, 3306, 330602."""
    code = short(code)
    return [code[:length] for length in range(2, len(code) + 1, 2)]


def city_of(code: str) -> str:
    """The four digits of the city that a county or city lies in; ValueError division for a province."""
    code = short(code)
    if len(code) < 4:
        raise ValueError("division")
    return code[:4]


def within(code: str, district: str) -> bool:
    """Whether a division is the district or lies in it (330602 in 3306, in 33); what is no code lies nowhere."""
    if not _CODE.fullmatch(code) or not _CODE.fullmatch(district):
        return False
    return short(district) in chain(code)


def name_of(code: str, language: str = "zh") -> str:
    """The division's own name, zh or en; what was asked for where the table does not know it."""
    plain = short(code) if exists(code) else code
    zh, en = _NAMES.get(plain) or _OTHERS.get(plain) or (code, code)
    return en if language == "en" else zh


def full_name(code: str, language: str = "zh") -> str:
    """The name with all it lies in: 浙江省绍兴市越城区; Yuecheng District, Shaoxing, Zhejiang."""
    names = [name_of(part, language) for part in chain(code) if part in _NAMES or part in _OTHERS]
    return ", ".join(reversed(names)) if language == "en" else "".join(names)
