"""What holds in a division: the narrowest district that has set it, else the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeVar

from django.db.models import QuerySet

from wastetrack.districts.models import Figure, OwnFigure, Pair
from wastetrack.districts.words import table_names, tightening
from wastetrack.errors import NotFound, invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.regulations import divisions
from wastetrack.regulations.compatibility import PAIRS, Conflict, conflict
from wastetrack.regulations.parameters import Parameter, parameter, parameters_of

Row = TypeVar("Row", Figure, Pair)


def figures(division: str, table: str) -> Mapping[str, int | Decimal]:
    """Every figure of a parameter table (`mass_deviation`) as it holds in this division, by its name (one query)."""
    rules = parameters_of(table)
    found: dict[str, int | Decimal] = {name: one.value for name, one in rules.items()}
    rows = Figure.objects.filter(Figure.binding(division), key__startswith=f"{table}.")
    # Widest first: the narrowest has the last word.
    for row in sorted(rows, key=lambda row: len(row.division)):
        name = row.key.partition(".")[2]
        if name in found:
            found[name] = _within(rules[name], row.value)
    return found


Place = tuple[str, int]
"""Where a figure holds and for whom: a division (empty: nowhere special) and an organisation's id."""
Figures = Mapping[str, "int | Decimal"]


def figures_for(table: str, places: Iterable[Place]) -> dict[Place, Figures]:
    """The figures of a table for many places at once, each organisation's own tightenings in them (two queries).

    A tightening that its district has meanwhile gone beyond does not loosen the district's.
    """
    rules = parameters_of(table)
    rule: Figures = {name: one.value for name, one in rules.items()}
    set_here: dict[str, dict[str, int | Decimal]] = {}
    wanted = set(places)
    above = {division: sorted(divisions.chain(division), key=len) if division else [] for division, _ in wanted}
    levels = {level for found in above.values() for level in found}
    for row in Figure.objects.filter(division__in=levels, key__startswith=f"{table}."):
        if (name := row.key.partition(".")[2]) in rules:
            set_here.setdefault(row.division, {})[name] = _within(rules[name], row.value)
    own: dict[int, dict[str, int | Decimal]] = {}
    organisations = {organisation_id for _, organisation_id in wanted}
    for mine in OwnFigure.objects.filter(organisation__in=organisations, key__startswith=f"{table}."):
        if (name := mine.key.partition(".")[2]) in rules:
            own.setdefault(mine.organisation_id, {})[name] = _within(rules[name], mine.value)
    found: dict[Place, Figures] = {}
    for division, organisation_id in wanted:
        here = dict(rule)
        for level in above[division]:
            here |= set_here.get(level, {})
        for name, value in own.get(organisation_id, {}).items():
            here[name] = (max if tightening(f"{table}.{name}") == "higher" else min)(here[name], value)
        found[division, organisation_id] = here
    return found


def _within(rule: Parameter, value: Decimal) -> int | Decimal:
    """A figure as it was set, whole ones as int. A row from before there were bounds is held to them."""
    value = min(value, Decimal(rule.most))
    return int(value) if value == int(value) else value


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
    return _table(pairs_here(division))


def reactions_in(places: Iterable[str]) -> dict[str, Reactions]:
    """The compatibility tables that hold in many divisions, each by its division (one query)."""
    above = {division: divisions.chain(division) for division in places}
    rows = list(Pair.objects.filter(division__in={level for levels in above.values() for level in levels}))
    if not rows:
        return dict.fromkeys(above, Reactions())
    here = {division: [row for row in rows if row.division in levels] for division, levels in above.items()}
    return {division: _table(_pairs(found)) for division, found in here.items()}


def _table(pairs: Iterable[PairHere]) -> Reactions:
    return Reactions(tuple(pair.conflict for pair in pairs if pair.apart))


@dataclass(frozen=True)
class FigureHere:
    """A figure as it holds in a division: the rules' own, and the row of the narrowest district that has set it."""

    key: str
    rule: Parameter
    row: Figure | None

    @property
    def value(self) -> int | Decimal:
        return self.rule.value if self.row is None else _within(self.rule, self.row.value)


def figures_here(division: str) -> dict[str, list[FigureHere]]:
    """Every figure that a district may set, by its table (one query)."""
    rows: dict[str, Figure] = {}
    for row in sorted(Figure.objects.filter(Figure.binding(division)), key=lambda row: len(row.division)):
        rows[row.key] = row
    return {
        table: [
            FigureHere(key := f"{table}.{name}", rule, rows.get(key)) for name, rule in parameters_of(table).items()
        ]
        for table in table_names()
    }


@dataclass(frozen=True)
class OwnHere:
    """A figure that an organisation may tighten for itself: the rules' and the district's, and its own."""

    here: FigureHere
    stricter: str
    """Which way it may: `lower` or `higher`."""
    own: Decimal | None

    @property
    def key(self) -> str:
        return self.here.key

    @property
    def holds(self) -> int | Decimal:
        """What it is warned by: its own, unless its district has meanwhile gone beyond that."""
        if self.own is None:
            return self.here.value
        return (max if self.stricter == "higher" else min)(self.here.value, self.own)


def own_here(organisation: Organisation) -> list[OwnHere]:
    """Every figure that an organisation may tighten for itself, by table (two queries)."""
    own = dict(OwnFigure.objects.filter(organisation=organisation).values_list("key", "value"))
    here = [found for table in figures_here(organisation.division).values() for found in table]
    ways = [(found, way) for found in here if (way := tightening(found.key))]
    return [OwnHere(found, way, _own(found.rule, own.get(found.key))) for found, way in ways]


def _own(rule: Parameter, value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(_within(rule, value))


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
    return _pairs(Pair.objects.filter(Pair.binding(division)))


def _pairs(binding: Iterable[Pair]) -> list[PairHere]:
    rules = {frozenset((pair.group_a, pair.group_b)): pair for pair in PAIRS}
    rows: dict[frozenset[str], Pair] = {}
    for row in sorted(binding, key=lambda row: (len(row.division), row.pk)):
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
