"""The family tree of a drum, drawn: generations from left to right, masses on the branches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from depots.models import Stay
from desk.selectors import places
from wastetrack.parties.actors import Actor
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, Derivation
from wastetrack.waste.selectors import Branch, lineage

BOX_WIDTH, BOX_HEIGHT, ROW_GAP, COLUMN_GAP, MARGIN = 196, 78, 14, 96, 6

Key = tuple[str, int]
"""A container, or all the hidden ones beside it: (`seen`, its id), (`before`, the child's), (`after`, the parent's)."""


@dataclass(eq=False)
class Node:
    """A container of the family and where it is drawn; without one, all those on that side that are hidden."""

    container: Container | None
    mass_g: int
    level: int = 0
    place: Stay | None = None
    x: int = 0
    y: int = 0
    came: list[Edge] = field(default_factory=list, repr=False)
    went: list[Edge] = field(default_factory=list, repr=False)

    @property
    def mass_kg(self) -> str | None:
        return kg_text(self.mass_g)

    @property
    def middle(self) -> int:
        return self.y + BOX_HEIGHT // 2


@dataclass(frozen=True, eq=False)
class Edge:
    """Grams that went from one node into the next."""

    start: Node
    end: Node
    mass_g: int

    @property
    def mass_kg(self) -> str | None:
        return kg_text(self.mass_g)

    @property
    def path(self) -> str:
        x1, y1, x2, y2 = self.start.x + BOX_WIDTH, self.start.middle, self.end.x, self.end.middle
        bend = x1 + (x2 - x1) // 2
        return f"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}"

    @property
    def label(self) -> tuple[int, int, str]:
        """Where its mass is written: at the end where it is alone."""
        if len(self.start.went) > 1:
            return self.end.x - 8, self.end.middle - 6, "end"
        return self.start.x + BOX_WIDTH + 8, self.start.middle - 6, "start"


@dataclass(frozen=True)
class Generation:
    """The nodes of one step, counted from the drum that is looked at: -1 is what it came out of."""

    step: int
    nodes: Sequence[Node]

    @property
    def away(self) -> int:
        return abs(self.step)


@dataclass(frozen=True)
class Family:
    """The whole drawing, in the units of its view box."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    generations: Sequence[Generation]
    width: int
    height: int

    box_width = BOX_WIDTH
    box_height = BOX_HEIGHT


def family_of(actor: Actor, container: Container) -> Family | None:
    """The family of a container as far as the actor may see it; None where it has none."""
    if not Derivation.objects.filter(Q(parent=container) | Q(child=container)).exists():
        return None
    branches = lineage(actor, container)
    nodes, edges = _graph(branches)
    where = places([node.container for node in nodes.values() if node.container is not None])
    _level(edges)
    columns = _placed(nodes.values())
    own = next(node.level for node in nodes.values() if node.container == container)
    for node in nodes.values():
        node.place = where.get(node.container.pk) if node.container else None
    most = max(len(column) for column in columns)
    return Family(
        nodes=list(nodes.values()),
        edges=edges,
        generations=[Generation(level - own, column) for level, column in enumerate(columns)],
        width=len(columns) * (BOX_WIDTH + COLUMN_GAP) - COLUMN_GAP + 2 * MARGIN,
        height=most * (BOX_HEIGHT + ROW_GAP) - ROW_GAP + 2 * MARGIN,
    )


def _graph(branches: Sequence[Branch]) -> tuple[dict[Key, Node], list[Edge]]:
    nodes: dict[Key, Node] = {}
    edges = []
    for branch in branches:
        ends = []
        for one, key in (
            (branch.parent, ("before", branch.child.pk if branch.child else 0)),
            (branch.child, ("after", branch.parent.pk if branch.parent else 0)),
        ):
            key = ("seen", one.pk) if one is not None else key
            ends.append(nodes.setdefault(key, Node(one, one.mass_g if one is not None else branch.mass_g)))
        edge = Edge(ends[0], ends[1], branch.mass_g)
        ends[0].went.append(edge)
        ends[1].came.append(edge)
        edges.append(edge)
    return nodes, edges


def _level(edges: Sequence[Edge]) -> None:
    """A node lies one step after the last of those it came out of, and right before what came out of it."""
    moved = True
    while moved:
        moved = False
        for edge in edges:
            if edge.end.level <= edge.start.level:
                edge.end.level, moved = edge.start.level + 1, True
    for edge in edges:
        if not edge.start.came:
            edge.start.level = min(one.end.level for one in edge.start.went) - 1


def _placed(nodes: Iterable[Node]) -> list[list[Node]]:
    """The nodes by generation, each with its coordinates, the columns centred."""
    by_level: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        by_level[node.level].append(node)
    columns = [by_level[level] for level in sorted(by_level)]
    most = max(len(column) for column in columns)
    for level, column in enumerate(columns):
        top = (most - len(column)) * (BOX_HEIGHT + ROW_GAP) // 2
        for row, node in enumerate(column):
            node.level = level
            node.x = MARGIN + level * (BOX_WIDTH + COLUMN_GAP)
            node.y = MARGIN + top + row * (BOX_HEIGHT + ROW_GAP)
    return columns
