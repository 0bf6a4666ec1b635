"""The codes of the trade: how each is built, read and checked.

A reader (`parse`, `normalise`) raises ValueError whose text is a stable code; a `…_ok` only answers.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Self

# GB 32100: digits and capitals without I, O, S, V, Z.
ALPHABET31 = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUE31 = {character: value for value, character in enumerate(ALPHABET31)}
_ALPHABET36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_USCC_WEIGHTS = [pow(3, position, 31) for position in range(17)]
_BODY_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_BODY_CHECKS = "0123456789X"

MAX_SITES = 999
MAX_CONTAINER_SERIAL = 999
MAX_MANIFEST_SERIAL = 999_999
_DIGIT_LOOKALIKES = str.maketrans("OIL", "011")


# --- unified social credit code (GB 32100) -----------------------------------------------------------------


def _weighted31(text: str, weights: "list[int] | tuple[int, ...]") -> int:
    return sum(_VALUE31[character] * weight for character, weight in zip(text, weights, strict=True)) % 31


def _body_check(body: str) -> str:
    """The check character of an organisation code's first eight characters (GB 11714)."""
    total = sum(_ALPHABET36.index(character) * weight for character, weight in zip(body, _BODY_WEIGHTS, strict=True))
    return _BODY_CHECKS[-total % 11]


def _main_check(first17: str) -> str:
    return ALPHABET31[-_weighted31(first17, _USCC_WEIGHTS) % 31]


def uscc_problem(code: str) -> str | None:
    """What is wrong with a credit code: uscc_length, uscc_alphabet, uscc_check, uscc_body_check; None if nothing."""
    if len(code) != 18:
        return "uscc_length"
    if not set(code) <= set(ALPHABET31):
        return "uscc_alphabet"
    if code[17] != _main_check(code[:17]):
        return "uscc_check"
    if code[16] != _body_check(code[8:16]):
        return "uscc_body_check"
    return None


def uscc_ok(code: str) -> bool:
    """Whether both check characters of an 18-character credit code hold (GB 32100, and GB 11714 inside it)."""
    return uscc_problem(code) is None


def make_uscc(body: str) -> str:
    """The credit code for its 16 free characters: registration 1, kind 1, division 6, organisation body 8."""
    if len(body) != 16:
        raise ValueError("uscc_length")
    if not set(body) <= set(ALPHABET31):
        raise ValueError("uscc_alphabet")
    first17 = body + _body_check(body[8:])
    return first17 + _main_check(first17)


# --- site code (HJ 608) ------------------------------------------------------------------------------------


def site_code_ok(code: str) -> bool:
    """Whether this is a site code: a valid credit code, a serial 001..999 and the letter P (22 characters)."""
    return bool(re.fullmatch(r".{18}(?!000)[0-9]{3}P", code)) and uscc_ok(code[:18])


def make_site_code(uscc: str, n: int) -> str:
    """The code of an organisation's n-th site, 1..999; ValueError uscc_… or site_serial."""
    if problem := uscc_problem(uscc):
        raise ValueError(problem)
    if not 1 <= n <= MAX_SITES:
        raise ValueError("site_serial")
    return f"{uscc}{n:03d}P"


# --- container code (HJ 1276, 37 digits) -------------------------------------------------------------------

CONTAINER_CODE_RE = re.compile(
    rf"(?P<unit>[{ALPHABET31}]{{18}})(?P<waste>[0-9]{{8}})(?P<day>[0-9]{{8}})(?P<serial>[0-9]{{3}})"
)
_UNIT_RE = re.compile(rf"[{ALPHABET31}]{{18}}")
_WASTE_RE = re.compile(r"[0-9]{3}-[0-9]{3}-[0-9]{2}")


def container_prefix(unit: str, waste_code: str, day: date) -> str:
    """The 34 characters that the containers of one unit, waste code and day share; their serials run from 001."""
    return f"{unit}{waste_code.replace('-', '')}{day.isoformat().replace('-', '')}"


@dataclass(frozen=True, slots=True)
class ContainerCode:
    """The number on a container's label: who, what (`900-249-08`), since when, and a serial 1..999 of that day.

    The unit is a credit code, or another 18-character code for one that has none: its check digit is not asked here.
    """

    unit: str
    waste_code: str
    day: date
    serial: int

    def __post_init__(self) -> None:
        if not _UNIT_RE.fullmatch(self.unit):
            raise ValueError("container_code_unit")
        if not _WASTE_RE.fullmatch(self.waste_code):
            raise ValueError("container_code_waste")
        # The standard has three places and no way past 999; a fourth would break every reader of the code.
        if not 1 <= self.serial <= MAX_CONTAINER_SERIAL:
            raise ValueError("container_code_serial")

    def __str__(self) -> str:
        return f"{self.prefix}{self.serial:03d}"

    @property
    def prefix(self) -> str:
        """The first 34 characters."""
        return container_prefix(self.unit, self.waste_code, self.day)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads 37 characters, spaces and small letters allowed; ValueError container_code_…"""
        match = CONTAINER_CODE_RE.fullmatch("".join(text.split()).upper())
        if not match:
            raise ValueError("container_code_format")
        waste, day = match["waste"], match["day"]
        try:
            since = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        except ValueError:
            raise ValueError("container_code_day") from None
        return cls(match["unit"], f"{waste[:3]}-{waste[3:6]}-{waste[6:]}", since, int(match["serial"]))


# --- manifest number (Transfer Measures, art. 15) ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ManifestNumber:
    """A manifest number taken apart: year, city division (4 digits) and serial 1..999999."""

    year: int
    division: str
    serial: int

    def __str__(self) -> str:
        return manifest_number(self.year, self.division, self.serial)


def manifest_series(year: int, division: str) -> str:
    """The 8 digits that number one city's manifests of one year; the division may be the city's or a county's."""
    if not 1000 <= year <= 9999:
        raise ValueError("manifest_year")
    if not re.fullmatch(r"[0-9]{4}(?:[0-9]{2})?", division):
        raise ValueError("manifest_division")
    return f"{year}{division[:4]}"


def manifest_number(year: int, division: str, serial: int) -> str:
    """The 14-digit number: year 4, province 2, city 2, serial 6; ValueError manifest_…"""
    if not 1 <= serial <= MAX_MANIFEST_SERIAL:
        raise ValueError("manifest_serial")
    return f"{manifest_series(year, division)}{serial:06d}"


def parse_manifest_number(text: str) -> ManifestNumber:
    """Reads a 14-digit number as people type it (see `typed_digits`); ValueError manifest_number."""
    digits = typed_digits(text)
    if not re.fullmatch(r"[1-9][0-9]{13}", digits) or digits.endswith("000000"):
        raise ValueError("manifest_number")
    return ManifestNumber(int(digits[:4]), digits[4:8], int(digits[8:]))


def typed_digits(text: str) -> str:
    """A number as typed → without spaces and dashes, full-width digits as plain ones, letters O as 0, I and L as 1.

    What else there is stays: the caller says what is wrong with it.
    """
    plain = unicodedata.normalize("NFKC", text).upper().translate(_DIGIT_LOOKALIKES)
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c) != "Pd")


# --- short code, for typing --------------------------------------------------------------------------------

SHORT_CODE_LENGTH = 8
# All different and none a multiple of 31, a prime: so every wrong character and every swap of two changes the sum.
_SHORT_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 1)
_LOOKALIKES = str.maketrans("IOSZ", "1052")


def short_code(seed: str, attempt: int = 0) -> str:
    """Eight characters for typing: seven drawn from the seed, one check character; the next attempt gives another."""
    number = int.from_bytes(hashlib.sha256(f"{seed}\n{attempt}".encode()).digest())
    digits = []
    for _ in range(SHORT_CODE_LENGTH - 1):
        number, digit = divmod(number, 31)
        digits.append(ALPHABET31[digit])
    body = "".join(digits)
    return body + ALPHABET31[-_weighted31(body, _SHORT_WEIGHTS[:-1]) % 31]


def normalise_short_code(text: str) -> str:
    """As typed → as stored: no dash or space, capitals, look-alikes I O S Z read as 1 0 5 2. V has no partner."""
    plain = unicodedata.normalize("NFKC", text).upper()
    kept = (c for c in plain if not c.isspace() and unicodedata.category(c) != "Pd")
    return "".join(kept).translate(_LOOKALIKES)


def short_code_ok(text: str) -> bool:
    """Whether this normalised text is a short code whose check character holds."""
    return len(text) == SHORT_CODE_LENGTH and set(text) <= set(ALPHABET31) and not _weighted31(text, _SHORT_WEIGHTS)


# --- display -----------------------------------------------------------------------------------------------


def group(code: str) -> str:
    """A code in readable groups: ABCD-EFGH, or 18 8 8 3 with spaces for a container code; others stay as they are."""
    if len(code) == SHORT_CODE_LENGTH:
        return f"{code[:4]}-{code[4:]}"
    if len(code) == 37:
        return " ".join((code[:18], code[18:26], code[26:34], code[34:]))
    return code
