"""The family tree: what went out of containers into others. Mass is conserved to the gram, here and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

from wastetrack.districts.selectors import Reactions
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.services import Fact
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Site
from wastetrack.parties.visibility import audience
from wastetrack.regulations.hazards import NAMES
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, ContainerState, Derivation, Share
from wastetrack.waste.selectors import ancestors, contents_of, descendants
from wastetrack.waste.services import describe, mint
from wastetrack.waste.shares import Contents, apportion, in_parts, portions, together


@dataclass(frozen=True)
class Part:
    """What a new container is and how much goes into it: kind, litres, grams."""

    container_kind: str
    volume_l: Decimal
    mass_g: int


def require_conserved(parents: Sequence[Container], parts: Sequence[Part]) -> None:
    """Raises Invalid(masses_differ) unless the parts hold what the parents held, to the gram."""
    whole, held = sum(parent.mass_g for parent in parents), sum(part.mass_g for part in parts)
    if whole != held:
        raise invalid("mass_kg", "masses_differ", whole_kg=kg_text(whole), parts_kg=kg_text(held))


def mixture(parents: Sequence[Container], waste_code: str, table: Reactions) -> dict[str, Any]:
    """What the parents are when they are put together, as fields of a container.

    Raises Invalid(forms_differ | choose_waste_code), Refused(parts_react | reaction_unknown).
    """
    _require_mixable(parents, table)
    codes = {parent.waste_code for parent in parents}
    if not waste_code and len(codes) > 1:
        raise invalid("waste_code", "choose_waste_code")
    named = [parent for parent in parents if parent.waste_code == (waste_code or parent.waste_code)]
    if not named:
        raise invalid("waste_code", "choose_waste_code")
    first = max(named, key=lambda parent: parent.mass_g)
    unknown = any(parent.reactions is None for parent in parents)
    groups = frozenset[str]().union(*(parent.reactions or () for parent in parents))
    letters = {letter for parent in parents for letter in parent.hazard_letters}
    earliest = min(parents, key=lambda parent: (parent.storage_deadline is None, parent.storage_deadline))
    return {
        "waste_code": first.waste_code,
        "category": first.category,
        "name": first.name,
        "form": first.form,
        "hazards": " ".join(letter for letter in NAMES if letter in letters),
        "components": first.components,
        "harmful_components": first.harmful_components,
        "precautions": first.precautions,
        "reaction_groups": None if unknown else " ".join(sorted(groups)),
        # To mix waste gives no part of it more time.
        "storage_deadline": earliest.storage_deadline,
        "storage_clause": earliest.storage_clause,
        "extension": earliest.extension,
    }


def _require_mixable(parents: Sequence[Container], table: Reactions) -> None:
    if len({parent.form for parent in parents}) > 1:
        raise invalid("containers", "forms_differ")
    # One of each kind is enough to compare.
    for one, other in combinations({parent.kind: parent for parent in parents}.values(), 2):
        clash = table.clash(one.kind, other.kind)
        if clash == "reacts":
            raise Refused("parts_react", container=one.short_grouped, other=other.short_grouped)
        if clash == "unknown":
            raise Refused("reaction_unknown", container=(one if one.reactions is None else other).short_grouped)


def derive(
    parents: Sequence[Container],
    what: Mapping[str, Any],
    parts: Sequence[Part],
    *,
    how: str,
    actor: Actor,
    site: Site,
    since: date,
    now: datetime,
) -> tuple[list[Container], list[Fact]]:
    """New containers of `what` out of the parents, one of either side being single; the caller empties the parents.

    `since`: from when their storage time counts. Firms whose waste is in them go on seeing where it goes.
    """
    if len(parents) > 1 and len(parts) > 1:
        raise ValueError("many into many would not say what went where")
    require_conserved(parents, parts)
    organisation = actor.principal
    readers = audience([organisation.pk], [site.division]) | inherited_readers(parents)
    children, facts = [], []
    for part in parts:
        child = Container(
            container_kind=part.container_kind,
            volume_l=part.volume_l,
            mass_g=part.mass_g,
            accumulation_start=since,
            logged_at=now,
            **what,
        )
        mint(child, organisation=organisation, site=site, readers=readers)
        children.append(child)
        payload = {**describe(child), "how": how, "parents": len(parents)}
        facts.append(Fact("container.derive", child.subject, readers, payload))
    Derivation.objects.bulk_create(
        Derivation(parent=parent, child=child, mass_g=min(parent.mass_g, child.mass_g))
        for parent in parents
        for child in children
    )
    _write_shares(dict(zip([child.pk for child in children], _divided(parents, parts), strict=True)))
    return children, facts


def _divided(parents: Sequence[Container], parts: Sequence[Part]) -> list[Contents]:
    """What is in each part by its origins (one query)."""
    return portions(together(contents_of(parents).values()), [part.mass_g for part in parts])


def _write_shares(contents: Mapping[int, Contents]) -> None:
    Share.objects.bulk_create(
        [
            Share(container_id=container, origin_id=origin, mass_g=mass_g)
            for container, shares in contents.items()
            for origin, mass_g in sorted(shares.items())
        ],
        batch_size=2_000,
    )


def inherited_readers(parents: Sequence[Container]) -> frozenset[str]:
    """Who sees what came out of these, whatever becomes of it: the firms whose waste is in it, and the districts."""
    firms = {one.generator_id for one in [*parents, *ancestors(parents)]}
    return audience(firms) | {key for parent in parents for key in parent.readers() if key.startswith("d:")}


def readers_by_descent(containers: Sequence[Container]) -> dict[int, frozenset[str]]:
    """The inherited readers of those among these that came out of others, by id (one query where none did)."""
    parents: dict[int, list[Container]] = {}
    for row in Derivation.objects.filter(child__in=containers).select_related("parent"):
        parents.setdefault(row.child_id, []).append(row.parent)
    return {child: inherited_readers(found) for child, found in parents.items()}


# --- a mass is corrected -----------------------------------------------------------------------------------

COMPUTED = (ContainerState.LOGGED, ContainerState.STORED, ContainerState.MISSING, ContainerState.EMPTIED)
"""States in which a container's mass still follows from what went into it, unless somebody weighed it since."""


def reweigh(container: Container, mass_g: int) -> list[Fact]:
    """A locked container has another mass; what came out of it follows as far as that was only computed.

    What has been weighed since, stands on a manifest, or is treated keeps its own mass; what is in it is told anew.
    The caller records the facts, one `container.weigh` for each container whose mass changes. Raises Refused(
    treated_too_much | treated | voided | too_little_for_parts).
    """
    if container.mass_g == mass_g:
        return []
    if container.state in (ContainerState.TREATED, ContainerState.VOIDED) and mass_g >= container.treated_g:
        raise Refused(container.state)
    if mass_g < container.treated_g:
        left_kg = kg_text(container.mass_g - container.treated_g)
        raise Refused("treated_too_much", container=container.short_grouped, left_kg=left_kg)
    before = {container.pk: container.mass_g}
    container.mass_g = mass_g
    changed = [container]
    if container.state == ContainerState.EMPTIED:
        family = _lock_descendants(container)
        before |= {one.pk: one.mass_g for one in family}
        _redraw([container, *family])
        changed += [one for one in family if one.mass_g != before[one.pk]]
    Container.objects.bulk_update(changed, ["mass_g"], batch_size=500)
    return [
        Fact(
            "container.weigh",
            one.subject,
            one.readers(),
            {"from_kg": kg_text(before[one.pk]), "to_kg": kg_text(one.mass_g)},
        )
        for one in changed
    ]


def _lock_descendants(container: Container) -> list[Container]:
    """All that came out of it, locked, in key order: a parent has the lower key. Nothing more can come out of them."""
    found: list[Container] = []
    while len(more := descendants([container])) > len(found):
        found = lock(sorted(more, key=lambda one: one.pk))
    return found


def _redraw(family: Sequence[Container]) -> None:
    """Branches, computed masses and shares below the first of the family, whose mass has changed: parents first."""
    first, own = family[0], {one.pk for one in family}
    edges = list(Derivation.objects.filter(child__in=family[1:]).select_related("parent").order_by("child", "parent"))
    contents = contents_of([first, *{edge.parent_id: edge.parent for edge in edges}.values()])
    into, out = defaultdict[int, list[Derivation]](list), defaultdict[int, list[Derivation]](list)
    for edge in edges:
        into[edge.child_id].append(edge)
        out[edge.parent_id].append(edge)
    was_g = {pk: sum(edge.mass_g for edge in came) for pk, came in into.items()}
    given: dict[int, Contents] = {edge.pk: contents[edge.parent_id] for edge in edges if edge.parent_id not in own}
    shares: dict[int, Contents] = {}
    for one in family:
        if one is not first:
            shares[one.pk] = together(given[edge.pk] for edge in into[one.pk])
            if _is_computed(one, was_g[one.pk]):
                one.mass_g = sum(edge.mass_g for edge in into[one.pk])
            contents[one.pk] = apportion(shares[one.pk], one.mass_g)
        if one.state == ContainerState.EMPTIED:
            given |= _given(one, contents[one.pk], out[one.pk])
    Derivation.objects.bulk_update(edges, ["mass_g"], batch_size=500)
    Share.objects.filter(container__in=shares).delete()
    _write_shares(shares)


def _is_computed(one: Container, went_in_g: int) -> bool:
    """Whether its mass is what went into it and nobody has said another: no scale, no receipt, no treatment."""
    stays = one.holder_id == one.generator_id and one.state in COMPUTED
    return stays and not one.treated_g and one.mass_g == went_in_g


def _given(parent: Container, contents: Contents, out: Sequence[Derivation]) -> dict[int, Contents]:
    """What goes through each branch out of an emptied container now, by branch; the branches' masses follow its own."""
    try:
        masses = in_parts([edge.mass_g for edge in out], parent.mass_g)
    except ValueError:
        raise Refused("too_little_for_parts", container=parent.short_grouped, parts=len(out)) from None
    for edge, mass_g in zip(out, masses, strict=True):
        edge.mass_g = mass_g
    return dict(zip([edge.pk for edge in out], portions(contents, masses), strict=True))
