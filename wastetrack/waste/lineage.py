"""The family tree: what went out of containers into others. Mass is conserved to the gram, here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

from wastetrack.districts.selectors import Reactions
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.services import Fact
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Site
from wastetrack.parties.visibility import audience
from wastetrack.regulations.hazards import NAMES
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, Derivation
from wastetrack.waste.selectors import ancestors
from wastetrack.waste.services import describe, mint


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
    return children, facts


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
