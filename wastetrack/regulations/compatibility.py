"""Which wastes must not meet: reaction groups and the pairs that react. The table is `cn/compatibility.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wastetrack.regulations.data import toml


@dataclass(frozen=True, slots=True)
class Group:
    """A reaction group: acids, alkalis, cyanides …"""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two groups that must not meet, and what happens if they do."""

    group_a: str
    group_b: str
    consequence_zh: str
    consequence_en: str
    source: str
    confidence: str


# Stands for whatever is there, even what reacts with nothing: the other side of a waste that is stored alone.
ANYTHING = "*"


def _groups() -> Mapping[str, Group]:
    rows = toml("compatibility.toml")["groups"]
    return MappingProxyType({row["code"]: Group(**row) for row in rows})


GROUPS: Mapping[str, Group] = _groups()


def groups_for(waste_code: str) -> frozenset[str] | None:
    """The usual groups of a waste by its code; None = not known from the code alone, the firm's own entry must say."""
    defaults = toml("compatibility.toml")["defaults"]
    groups = defaults["codes"].get(waste_code)
    if groups is None:
        groups = defaults["categories"].get(waste_code[-2:])
    return None if groups is None else frozenset(groups)


def _meet(a: frozenset[str], b: frozenset[str], left: str, right: str) -> bool:
    if right == ANYTHING:
        return left in a and left not in b
    return left in a and right in b


def _pairs() -> tuple[Conflict, ...]:
    rows = toml("compatibility.toml")["pairs"]
    return tuple(
        Conflict(row["a"], other, row["zh"], row["en"], row["source"], row["confidence"])
        for row in rows
        for other in row["b"]
    )


PAIRS: tuple[Conflict, ...] = _pairs()
"""Every pair of the rules' own table, gravest first."""


def conflict(
    groups_a: frozenset[str], groups_b: frozenset[str], pairs: tuple[Conflict, ...] = PAIRS
) -> Conflict | None:
    """Why two wastes must not stand together, gravest reason first; None if no known pair reacts."""
    for pair in pairs:
        left, right = pair.group_a, pair.group_b
        if _meet(groups_a, groups_b, left, right) or _meet(groups_b, groups_a, left, right):
            return pair
    return None
