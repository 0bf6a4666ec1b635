"""What holds in a division: the narrowest district that has set it, else the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeVar

from django.db.models import QuerySet

from wastetrack.districts.models import Figure, Pair
from wastetrack.districts.words import TABLES
from wastetrack.errors import NotFound, invalid
from wastetrack.parties.actors import Actor
from wastetrack.regulations import divisions
from wastetrack.regulations.compatibility import PAIRS, Conflict, conflict
from wastetrack.regulations.parameters import Parameter, parameter, parameters_of

Row = TypeVar("Row", Figure, Pair)


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


Kind = tuple[str, frozenset[str] | None]
"""A waste as far as it may meet others: its code, and what it reacts with; None where nobody has said."""


@dataclass(frozen=True)
class Reactions:
    """Which reaction groups must stand apart somewhere."""

    pairs: tuple[Conflict, ...] = PAIRS

    def clash(self, one: Kind, other: Kind) -> Literal["reacts", "unknown"] | None:
        """Why two wastes must not be together, in a bay, a drum or on a vehicle; None where they may.

        What nobody has said anything about is not to be taken for harmless: it goes with its own waste code alone.
        """
        if self.between(one[1] or frozenset(), other[1] or frozenset()):
            return "reacts"
        return "unknown" if one[0] != other[0] and None in (one[1], other[1]) else None

    def between(self, a: frozenset[str], b: frozenset[str]) -> Conflict | None:
        """Why wastes of these groups must not meet, the gravest reason first; None where no known pair reacts."""
        return conflict(a, b, self.pairs)


def reactions(division: str, *, any_set: bool = True) -> Reactions:
    """The compatibility table that holds in this division (one query; none where the caller knows of no row)."""
    if not any_set:
        return Reactions()
    return Reactions(tuple(pair.conflict for pair in pairs_here(division) if pair.apart))


@dataclass(frozen=True)
class FigureHere:
    """A figure as it holds in a division: the rules' own, and the row of the narrowest district that has set it."""

    key: str
    rule: Parameter
    row: Figure | None

    @property
    def value(self) -> int | Decimal:
        return self.rule.value if self.row is None else self.row.value


def figures_here(division: str) -> dict[str, list[FigureHere]]:
    """Every figure that a district may set, by its table (one query)."""
    rows: dict[str, Figure] = {}
    for row in sorted(Figure.objects.filter(Figure.binding(division)), key=lambda row: len(row.division)):
        rows[row.key] = row
    return {
        table: [
            FigureHere(key := f"{table}.{name}", rule, rows.get(key)) for name, rule in parameters_of(table).items()
        ]
        for table in TABLES
    }


@dataclass(frozen=True)
class PairHere:
    """Two groups as they hold in a division: whether they must stand apart, why, and who says so."""

    group_a: str
    group_b: str
    apart: bool
    rule: Conflict | None
    """What the rules' own table says; None where it lets them stand together."""
    row: Pair | None
    """What the narrowest district has set; None where none has."""

    @property
    def consequence(self) -> tuple[str, str]:
        """What happens if they meet, zh and en."""
        own = self.row.consequence if self.row else ""
        rule = (self.rule.consequence_zh, self.rule.consequence_en) if self.rule else ("", "")
        return (own or rule[0], own or rule[1])

    @property
    def conflict(self) -> Conflict:
        """Why they must stand apart, as a rule of place says it."""
        if self.row is None:
            assert self.rule is not None
            return self.rule
        return Conflict(self.group_a, self.group_b, *self.consequence, self.row.source, "district")


def pairs_here(division: str) -> list[PairHere]:
    """Every pair of groups that the rules or a district speak of, as it holds in a division (one query).

    The rules' own come first, the gravest first, then what districts have added.
    """
    rules = {frozenset((pair.group_a, pair.group_b)): pair for pair in PAIRS}
    rows: dict[frozenset[str], Pair] = {}
    for row in sorted(Pair.objects.filter(Pair.binding(division)), key=lambda row: (len(row.division), row.pk)):
        rows[frozenset((row.group_a, row.group_b))] = row
    found = []
    for both in [*rules, *(both for both in rows if both not in rules)]:
        rule, own = rules.get(both), rows.get(both)
        one = rule or own
        assert one is not None
        found.append(PairHere(one.group_a, one.group_b, own.apart if own else True, rule, own))
    return found


def division_of(actor: Actor, asked: str = "") -> str:
    """The division to speak of: the one asked for, else the actor's district or where its organisation lies.

    What a district has decided is open to all. Raises Invalid(unknown_district).
    """
    division = asked.strip() or actor.district or (actor.organisation.division if actor.organisation else "")
    if not divisions.exists(division):
        raise invalid("division", "unknown_district")
    return divisions.short(division)


def own_row(actor: Actor, rows: QuerySet[Row]) -> Row:
    """The row that the actor's own district has among these. Raises NotFound(not_set_here)."""
    row = rows.filter(division=actor.district).first() if actor.district else None
    if row is None:
        raise NotFound("not_set_here")
    return row
