"""Limits and figures that a rule uses, from `cn/parameters.toml`, each with its source and its confidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from wastetrack.regulations.data import toml


@dataclass(frozen=True, slots=True)
class Parameter:
    """One figure: whole numbers as int, others as Decimal; confidence A (official text) to D (ours)."""

    value: int | Decimal
    unit: str
    source: str
    confidence: str


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
        return Parameter(**toml("parameters.toml")["figures"][table][name])
    except KeyError:
        raise KeyError(key) from None


def parameters_of(table: str) -> Mapping[str, Parameter]:
    """Every figure of a table (`mass_deviation`) by its name; KeyError for an unknown one."""
    return {name: Parameter(**row) for name, row in toml("parameters.toml")["figures"][table].items()}


def tables() -> list[str]:
    """The tables of figures, in the file's order."""
    return list(toml("parameters.toml")["figures"])


def label_size(volume_l: int | Decimal) -> LabelSize:
    """The smallest label of a container by its volume in litres (HJ 1276 table 1)."""
    labels = toml("parameters.toml")["label_sizes"]
    row = next(row for row in labels["rows"] if "up_to_l" not in row or volume_l <= row["up_to_l"])
    side = row["side_mm"]
    return LabelSize(side, side, row["text_mm"], row["sides"], labels["source"], labels["confidence"])
