"""Reading containers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from wastetrack.errors import FieldError, Invalid, NotFound
from wastetrack.parties.actors import Actor
from wastetrack.parties.visibility import VisibleQuerySet
from wastetrack.regulations.identifiers import CONTAINER_CODE_RE, normalise_short_code, short_code_ok
from wastetrack.waste.models import Container, ContainerState, Derivation, Share
from wastetrack.waste.shares import Contents, apportion, portions, together

RESTING = (ContainerState.LOGGED, ContainerState.STORED, ContainerState.COMMITTED)
"""States in which a container stands somewhere and its storage clock runs."""
STOCK_ENTRIES = tuple(
    f"container.{verb}"
    for verb in (
        *("log", "derive", "store", "unstore", "commit", "release", "depart", "take_over", "reroute", "unroute"),
        *("receive", "unreceive", "take_back", "weigh", "treat", "empty", "lose", "find", "void"),
    )
)
"""Entries of a container that change what its holder has, and of what mass: none that tells of a look or a label."""


def by_code(text: str) -> VisibleQuerySet:
    """The container of a 37-digit or short code as typed; none for anything else."""
    containers: VisibleQuerySet = Container.objects.select_related("generator", "holder", "origin")
    long = "".join(text.split()).upper()
    if CONTAINER_CODE_RE.fullmatch(long):
        return containers.filter(code=long)
    short = normalise_short_code(text)
    return containers.filter(short_code=short) if short_code_ok(short) else containers.none()


def get_container(actor: Actor, text: str) -> Container:
    """The container, if the actor may see it. Raises NotFound(unknown_code) alike for hidden and for unknown ones."""
    container: Container | None = by_code(text).visible_to(actor).first()
    if container is None:
        raise NotFound("unknown_code")
    return container


def overdue(containers: QuerySet[Container], now: datetime) -> QuerySet[Container]:
    """Those that stand somewhere longer than they may."""
    return containers.filter(state__in=RESTING, storage_deadline__lt=now)


def by_codes(actor: Actor, texts: Sequence[str], *, field: str = "codes") -> list[Container]:
    """The containers of these codes, in this order, all of which the actor may see (one query).

    Raises Invalid naming every code that is unknown or hidden, alike, and every code given twice.
    """
    wanted = ["".join(text.split()).upper() for text in texts]
    shorts = [normalise_short_code(text) for text in texts]
    rows = Container.objects.visible_to(actor).filter(Q(code__in=wanted) | Q(short_code__in=shorts))
    found = {
        code: row for row in rows.select_related("generator", "holder", "origin") for code in (row.code, row.short_code)
    }
    containers, errors = [], []
    for number, (long, short) in enumerate(zip(wanted, shorts, strict=True)):
        container = found.get(long) or found.get(short)
        if container is None:
            errors.append(FieldError(f"{field}.{number}", "unknown_code"))
        elif container in containers:
            errors.append(FieldError(f"{field}.{number}", "duplicate_container"))
        else:
            containers.append(container)
    if errors:
        raise Invalid(*errors)
    return containers


def ancestors(containers: Sequence[Container]) -> list[Container]:
    """All that these came out of, near ones first (one query a generation)."""
    return _family(containers, "child", "parent")


def descendants(containers: Sequence[Container]) -> list[Container]:
    """All that came out of these, near ones first (one query a generation)."""
    return _family(containers, "parent", "child")


def _family(containers: Sequence[Container], near: str, far: str) -> list[Container]:
    found: dict[int, Container] = {}
    edge = [container.pk for container in containers]
    while edge:
        rows = Derivation.objects.filter(**{f"{near}__in": edge}).select_related(far).order_by("pk")
        new = {getattr(row, far).pk: getattr(row, far) for row in rows}
        edge = [pk for pk in new if pk not in found]
        found |= {pk: new[pk] for pk in edge}
    return list(found.values())


def contents_of(containers: Sequence[Container]) -> dict[int, Contents]:
    """Grams of each origin in each of these containers, by id, as it weighs now: an origin is all its own (one query).

    Where later scales found more or less than went in, every origin has its part of the difference.
    """
    shares: dict[int, Contents] = {}
    for container, origin, mass_g in Share.objects.filter(container__in=containers).values_list(
        "container", "origin", "mass_g"
    ):
        shares.setdefault(container, {})[origin] = mass_g
    return {one.pk: apportion(shares.get(one.pk, {one.pk: 1}), one.mass_g) for one in containers}


def ends_of(containers: Sequence[Container]) -> list[tuple[Container, Contents]]:
    """Where the waste of these is now or ended: each last container, and what it holds as it weighs now.

    The part of each of these stands under its id; the parts of others under theirs, or all together under 0. Three
    queries where only origins were emptied, three more and one a generation where what came out of others was too.
    """
    emptied = [one for one in containers if one.state == ContainerState.EMPTIED]
    found = [(one, {one.pk: one.mass_g}) for one in containers if one.state != ContainerState.EMPTIED]
    if not emptied:
        return found
    carried = _carried(emptied) if Derivation.objects.filter(child__in=emptied).exists() else {}
    here = (
        Q(pk__in=carried) if carried else Q(Exists(Share.objects.filter(origin__in=emptied, container=OuterRef("pk"))))
    )
    rows = Container.objects.filter(here).exclude(state=ContainerState.EMPTIED).select_related("holder")
    below = list(rows.order_by("pk"))
    contents = carried or contents_of(below)
    return found + [(one, contents[one.pk]) for one in below]


def _carried(containers: Sequence[Container]) -> dict[int, Contents]:
    """What came out of emptied containers, and how much of each is in it now: under its id, the rest under 0."""
    below = {edge.child_id for edge in _edges([one.pk for one in containers], "parent", "child")}
    edges = list(Derivation.objects.filter(child__in=below).order_by("child"))
    masses = dict(Container.objects.filter(pk__in=below).values_list("pk", "mass_g"))
    into, out = defaultdict[int, list[Derivation]](list), defaultdict[int, list[Derivation]](list)
    for edge in edges:
        into[edge.child_id].append(edge)
        out[edge.parent_id].append(edge)
    given: dict[int, Contents] = {edge.pk: {0: edge.mass_g} for edge in edges}
    contents: dict[int, Contents] = {one.pk: {one.pk: one.mass_g} for one in containers}
    for pk in sorted(below | contents.keys()):
        if pk not in contents:
            contents[pk] = apportion(together(given[edge.pk] for edge in into[pk]), masses[pk])
        parts = portions(contents[pk], [edge.mass_g for edge in out[pk]])
        given |= dict(zip([edge.pk for edge in out[pk]], parts, strict=True))
    return contents


@dataclass(frozen=True)
class Branch:
    """Grams that went from one container into another; None stands for all those on that side that are hidden."""

    parent: Container | None
    child: Container | None
    mass_g: int


def lineage(actor: Actor, container: Container) -> list[Branch]:
    """The family tree of a container, both ways: up to where its waste came from and down to where it went.

    Of containers that the actor may not see it says only how much they gave or took in all. One query a generation.
    """
    up, down = _edges([container.pk], "child", "parent"), _edges([container.pk], "parent", "child")
    rows = {row.pk: row for row in [*up, *down]}
    pks = {pk for row in rows.values() for pk in (row.parent_id, row.child_id)}
    rows_seen = Container.objects.visible_to(actor).filter(pk__in=pks).select_related("generator", "holder")
    seen = {one.pk: one for one in rows_seen}
    masses: dict[tuple[int | None, int | None], int] = {}
    for _, row in sorted(rows.items()):
        ends = tuple(pk if pk in seen else None for pk in (row.parent_id, row.child_id))
        masses[ends[0], ends[1]] = masses.get((ends[0], ends[1]), 0) + row.mass_g
    return [
        Branch(seen.get(parent or 0), seen.get(child or 0), mass_g)
        for (parent, child), mass_g in masses.items()
        if parent or child
    ]


def _edges(pks: Sequence[int], near: str, far: str) -> list[Derivation]:
    found: dict[int, Derivation] = {}
    edge, met = list(pks), set(pks)
    while edge:
        rows = list(Derivation.objects.filter(**{f"{near}__in": edge}).order_by("pk"))
        found |= {row.pk: row for row in rows}
        edge = list({getattr(row, f"{far}_id") for row in rows} - met)
        met.update(edge)
    return list(found.values())
