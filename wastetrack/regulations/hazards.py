"""Hazardous properties and the catalogue's way to write them: "T,I" and "T/C" do not mean the same."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["single", "first_always", "any_of"]

# In the order of the catalogue: name zh, name en.
NAMES: Mapping[str, tuple[str, str]] = {
    "C": ("腐蚀性", "Corrosivity"),
    "T": ("毒性", "Toxicity"),
    "I": ("易燃性", "Ignitability"),
    "R": ("反应性", "Reactivity"),
    "In": ("感染性", "Infectivity"),
}
LETTERS = frozenset(NAMES)
_BY_CAPITALS = {letter.upper(): letter for letter in NAMES}


@dataclass(frozen=True, slots=True)
class Hazards:
    """The properties listed for a waste code: one; the first for certain and others possibly; or one or more of all."""

    letters: tuple[str, ...]
    mode: Mode

    def __str__(self) -> str:
        return ("/" if self.mode == "any_of" else ",").join(self.letters)

    @property
    def certain(self) -> frozenset[str]:
        """The letters that every waste of this code has."""
        return frozenset() if self.mode == "any_of" else frozenset(self.letters[:1])

    def allows(self, chosen: set[str] | frozenset[str]) -> bool:
        """Whether a waste of this code can have just these properties."""
        return bool(chosen) and self.certain <= chosen <= set(self.letters)


def parse_hazards(text: str) -> Hazards:
    """Reads "T", "T,I" or "T/In", full-width signs too; ValueError bad_hazard for anything else."""
    plain = "".join(unicodedata.normalize("NFKC", text).replace("、", ",").split()).upper()
    separators = set(plain) & set(",/")
    parts = re.split("[,/]", plain)
    if len(separators) > 1 or len(set(parts)) < len(parts) or not set(parts) <= set(_BY_CAPITALS):
        raise ValueError("bad_hazard")
    letters = tuple(_BY_CAPITALS[part] for part in parts)
    if len(letters) == 1:
        return Hazards(letters, "single")
    return Hazards(letters, "any_of" if "/" in separators else "first_always")


def name_of(letter: str, language: str = "zh") -> str:
    """The name of a property, zh or en; KeyError for an unknown letter."""
    return NAMES[letter][language == "en"]
