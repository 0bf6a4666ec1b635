"""Limits and figures that a rule uses, from `cn/parameters.toml`, each with its source and its confidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wastetrack.regulations.data import toml

MOST: Mapping[str, int] = {
    "hours": 8_760,
    "calendar days": 3_650,
    "working days": 2_500,
    "months": 120,
    "years": 100,
    "%": 1_000,
}
"""The most that a figure of a unit may be set to: what lies beyond is no date any more. Of others: MOST_OF_ANY."""
MOST_OF_ANY = 100_000_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One figure: whole numbers as int, others as Decimal; confidence A (official text) to D (ours)."""

    value: int | Decimal
    unit: str
    source: str
    confidence: str
    name: Any = ""
    """What it is called, where it is declared in code (`declare`); the file's are named in districts.words."""
    stricter: str = ""
    """Which way it is stricter, `lower` or `higher`: the way an organisation may set it for itself."""
    group: Any = ""
    """What the rule is called that brings it."""

    @property
    def most(self) -> int:
        """The most that it may be set to, by its unit."""
        return MOST.get(self.unit, MOST_OF_ANY)


_declared: dict[str, Parameter] = {}


def declare(key: str, figure: Parameter) -> None:
    """Add a figure to those of the file: a rule that is written in one place brings its own. ValueError for another
    one under a key that is taken."""
    table, _, name = key.partition(".")
    if _declared.get(key, figure) != figure or name in toml("parameters.toml")["figures"].get(table, {}):
        raise ValueError(f"two figures are called {key}")
    _declared[key] = figure


def withdraw(key: str) -> None:
    """Forget a declared figure."""
    _declared.pop(key, None)


@dataclass(frozen=True, slots=True)
class LabelSize:
    """The smallest label for a volume, millimetres; a big container bears it on two opposite sides."""

    width_mm: int
    height_mm: int
    text_mm: int
    sides: int
    source: str
    confidence: str


def parameter(key: str) -> Parameter:
    """The figure of a dotted key, `storage_point.max_kg`; KeyError for an unknown one."""
    table, _, name = key.partition(".")
    try:
        return _declared.get(key) or Parameter(**toml("parameters.toml")["figures"][table][name])
    except KeyError:
        raise KeyError(key) from None


def parameters_of(table: str) -> Mapping[str, Parameter]:
    """Every figure of a table (`mass_deviation`) by its name; KeyError for an unknown one."""
    found = {name: Parameter(**row) for name, row in toml("parameters.toml")["figures"].get(table, {}).items()}
    found |= {key.partition(".")[2]: one for key, one in _declared.items() if key.startswith(f"{table}.")}
    if not found:
        raise KeyError(table)
    return found


def tables() -> list[str]:
    """The tables of figures, in the file's order, then those that are declared."""
    return list(dict.fromkeys([*toml("parameters.toml")["figures"], *(key.partition(".")[0] for key in _declared)]))


def label_size(volume_l: int | Decimal) -> LabelSize:
    """The smallest label of a container by its volume in litres (HJ 1276 table 1)."""
    labels = toml("parameters.toml")["label_sizes"]
    row = next(row for row in labels["rows"] if "up_to_l" not in row or volume_l <= row["up_to_l"])
    side = row["side_mm"]
    return LabelSize(side, side, row["text_mm"], row["sides"], labels["source"], labels["confidence"])
