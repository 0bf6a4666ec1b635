"""What holds in a division: the narrowest district that has set it, else the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from wastetrack.districts.models import Figure, Pair
from wastetrack.regulations.compatibility import PAIRS, Conflict, conflict
from wastetrack.regulations.parameters import parameter, parameters_of


def figures(division: str, table: str) -> Mapping[str, int | Decimal]:
    """Every figure of a parameter table (`mass_deviation`) as it holds in this division, by its name (one query)."""
    found: dict[str, int | Decimal] = {name: one.value for name, one in parameters_of(table).items()}
    rows = Figure.objects.filter(Figure.binding(division), key__startswith=f"{table}.")
    # Widest first: the narrowest has the last word.
    for row in sorted(rows, key=lambda row: len(row.division)):
        name = row.key.partition(".")[2]
        if name in found:
            found[name] = int(row.value) if row.value == int(row.value) else row.value
    return found


def figure(division: str, key: str) -> int | Decimal:
    """One figure by its dotted key as it holds in this division; KeyError for an unknown one (one query)."""
    table, _, name = key.partition(".")
    parameter(key)
    return figures(division, table)[name]


@dataclass(frozen=True)
class Reactions:
    """Which reaction groups must stand apart somewhere."""

    pairs: tuple[Conflict, ...] = PAIRS

    def between(self, a: frozenset[str], b: frozenset[str]) -> Conflict | None:
        """Why wastes of these groups must not meet, the gravest reason first; None where no known pair reacts."""
        return conflict(a, b, self.pairs)


def reactions(division: str, *, any_set: bool = True) -> Reactions:
    """The compatibility table that holds in this division (one query; none where the caller knows of no row)."""
    if not any_set:
        return Reactions()
    rows = sorted(Pair.objects.filter(Pair.binding(division)), key=lambda row: (len(row.division), row.pk))
    table = {(pair.group_a, pair.group_b): pair for pair in PAIRS}
    for row in rows:
        key = next((k for k in ((row.group_a, row.group_b), (row.group_b, row.group_a)) if k in table), None)
        if row.apart:
            said = row.consequence or (table[key].consequence_zh if key else "")
            english = row.consequence or (table[key].consequence_en if key else "")
            place = key or (row.group_a, row.group_b)
            table[place] = Conflict(*place, said, english, row.source, "district")
        elif key:
            del table[key]
    return Reactions(tuple(table.values()))
