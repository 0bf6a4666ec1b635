"""How a container's label looks and what is printed on it, from `cn/label.toml` and the regulations' sizes."""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from labels.symbols import Colour
from wastetrack.regulations.parameters import label_size


@cache
def label_standard() -> dict[str, Any]:
    """The parsed file, read once a process: callers must not change it."""
    return tomllib.loads((Path(__file__).parent / "cn" / "label.toml").read_text("utf-8"))


def caption(name: str) -> str:
    """The fixed words of a field."""
    return str(label_standard()["captions"][name])


def unit_caption(kind: str) -> str:
    """The caption of the unit: `generator` or `collector`; KeyError for another."""
    return str(label_standard()["captions"]["unit"][kind])


def colour(name: str) -> Colour:
    """`ground` or `ink`, RGB 0..255."""
    red, green, blue = label_standard()["colours"][name]
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard as the label shows it: a diamond with the two halves of its ground, or without them words alone."""

    letter: str
    name: str
    halves: tuple[Colour, Colour] | None


@cache
def hazard(letter: str) -> Hazard:
    """C, T, I, R or In; KeyError for another."""
    row = label_standard()["hazards"][letter]
    halves = (tuple(row["upper"]), tuple(row["lower"])) if "upper" in row else None
    return Hazard(letter, row["name"], halves)


@dataclass(frozen=True, slots=True)
class Size:
    """A label's measures in millimetres: the square's side, lowest text, blank outside the frame, frame."""

    side: int
    text: int
    margin: float
    line: float

    @property
    def inner(self) -> float:
        """The side of the square inside the frame."""
        return self.side - 2 * (self.margin + self.line)


def size_for(volume_l: int | Decimal) -> Size:
    """The label of a container of this volume in litres."""
    smallest, frame = label_size(volume_l), label_standard()["frame"]
    return Size(smallest.width_mm, smallest.text_mm, frame["margin_mm"], frame["line_mm"])
