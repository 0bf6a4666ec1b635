"""Mass: integer grams in the database, Decimal kilograms in Python and on the wire, tonnes on official forms."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from wastetrack.errors import invalid

GRAMS_PER_KG = 1000
GRAMS_PER_TONNE = 1_000_000
MAX_CONTAINER_G = 60 * GRAMS_PER_TONNE
"""60 t: more than any lorry carries, so a larger figure is a slip of the finger."""

_PLAIN_DECIMAL = re.compile(r"[+-]?\d{1,12}(\.\d{1,12})?", re.ASCII)


def grams(value: object, *, field: str = "mass_kg", allow_zero: bool = False, most_g: int = MAX_CONTAINER_G) -> int:
    """Kilograms as written (a decimal string, int, float literal or Decimal) → integer grams.

    Raises Invalid at `field`: mass_missing, mass_not_a_number, mass_negative, mass_zero, mass_too_large (> `most_g`,
    60 t unless told), mass_too_precise (> 3 decimals).
    """
    if value is None or value == "":
        raise invalid(field, "mass_missing")
    plain = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    text = str(value).strip() if plain else ""
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise invalid(field, "mass_not_a_number")
    scaled = Decimal(text) * GRAMS_PER_KG
    if scaled != scaled.to_integral_value():
        raise invalid(field, "mass_too_precise")
    if scaled < 0:
        raise invalid(field, "mass_negative")
    if scaled == 0 and not allow_zero:
        raise invalid(field, "mass_zero")
    if scaled > most_g:
        raise invalid(field, "mass_too_large")
    return int(scaled)


_TYPED = re.compile(r"(\d*)([.,\u3002]?)(\d*)", re.ASCII)
_UNIT = re.compile(r"\s*(kg|公斤|千克)$")
_TONNES = re.compile(r"\s*(t|吨)$")


def typed_kg(text: str | None) -> str:
    """A weight as people type it → as `grams` reads it: full-width digits, a unit, `18,5`, `18。5`, `5.` and `.5`.

    What may mean two things (`1,234`) or nothing stays as it is: `grams` refuses it. None is an empty field.
    """
    plain = _UNIT.sub("", unicodedata.normalize("NFKC", text or "").strip().lower())
    match = _TYPED.fullmatch(plain)
    if not match or not (match[1] or match[3]):
        return plain
    whole, sign, rest = match.groups()
    if sign and sign != "." and (len(rest) > 3 or (sign == "," and len(rest) == 3 and whole.strip("0"))):
        return plain
    return f"{whole or 0}.{rest}" if rest else whole


def typed_tonnes(text: str | None) -> str:
    """The same where tonnes are meant, unless it says kilograms → kilograms as `grams` reads them."""
    plain = unicodedata.normalize("NFKC", text or "").strip().lower()
    bare, of_tonnes = _TONNES.subn("", plain)
    if _UNIT.search(bare):
        # Both units are none.
        return plain if of_tonnes else typed_kg(plain)
    number = typed_kg(bare)
    return f"{Decimal(number) * (GRAMS_PER_TONNE // GRAMS_PER_KG):f}" if _PLAIN_DECIMAL.fullmatch(number) else number


def kg(mass_g: int) -> Decimal:
    """Integer grams → Decimal kilograms, exactly."""
    return Decimal(mass_g).scaleb(-3)


def kg_text(mass_g: int | None) -> str | None:
    """Integer grams → the contract's decimal string without trailing zeros: 18500 → "18.5"; None stays None."""
    if mass_g is None:
        return None
    text = f"{kg(mass_g):.3f}".rstrip("0").rstrip(".")
    return text or "0"


def figure_and_unit(mass_g: int) -> tuple[str, str]:
    """Integer grams as people read them: kilograms below a tonne, tonnes above."""
    if mass_g < GRAMS_PER_TONNE:
        return kg_text(mass_g) or "0", "kg"
    return f"{tonnes(mass_g):.3f}".rstrip("0").rstrip("."), "t"


def mass_text(mass_g: int) -> str:
    """The same in a sentence, to the gram: what is a little more than it may be never reads as just that much."""
    return f"{tonnes(mass_g).normalize():f} t" if mass_g >= GRAMS_PER_TONNE else f"{kg_text(mass_g)} kg"


def percent_of(part: int, whole: int) -> int:
    """How many per cent, a half rounded up; of nothing it is all."""
    return (part * 200 + whole) // (2 * whole) if whole else 100


def tonnes(mass_g: int) -> Decimal:
    """Integer grams → Decimal tonnes, exactly."""
    return Decimal(mass_g).scaleb(-6)
