"""`/containers/split`, `/merge`, `/repack`, `/extend`, `…/reactions`, `…/lineage`: what becomes of a drum in store."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from depots.extensions import extend
from depots.regroup import merge, repack, split
from desk.containers_json import container_json, containers_json
from desk.parts import bay_near, read_parts
from wastetrack.creation import create_once
from wastetrack.errors import invalid
from wastetrack.http import actor_of, now_of
from wastetrack.parties.actors import Actor
from wastetrack.schemas import Body, Few, Letters, Loose, Mass, Text, required
from wastetrack.units import kg_text
from wastetrack.waste.models import Container
from wastetrack.waste.reading import read_day
from wastetrack.waste.selectors import by_codes, get_container, lineage
from wastetrack.waste.services import state_reactions

router = Router(tags=["containers"])


class PartIn(Body):
    mass_kg: Mass = None
    container_kind: Text = ""
    volume_l: Loose = None


class SplitIn(Body):
    model_config = required("container", "parts")

    container: Text = ""
    parts: Few[PartIn] = []
    bay: Text = ""


class MergeIn(PartIn):
    model_config = required("containers", "container_kind", "volume_l")

    containers: Few[Text] = []
    waste_code: Text = ""
    bay: Text = ""


class RepackIn(PartIn):
    model_config = required("container", "container_kind", "volume_l")

    container: Text = ""
    bay: Text = ""


class ExtendIn(Body):
    model_config = required("containers", "until", "document")

    containers: Few[Text] = []
    until: Loose = None
    document: Text = ""


class ReactionsIn(Body):
    reaction_groups: Letters = None


def _one(actor: Actor, code: str, field: str) -> Container:
    (found,) = by_codes(actor, [code], field=field) if code.strip() else [None]
    if found is None:
        raise invalid(field, "missing")
    return found


@router.post("/split", response={201: dict[str, Any]})
def split_container(request: HttpRequest, body: SplitIn) -> HttpResponse:
    """All of a container goes into two or more new ones; the masses add up to the gram."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        container = _one(actor, body.container, "container")
        parts, bay = read_parts(body.parts), bay_near(container, body.bay)
        return {"containers": containers_json(split(actor=actor, container=container, parts=parts, bay=bay, now=now))}

    return create_once(request, make)


@router.post("/merge", response={201: dict[str, Any]})
def merge_containers(request: HttpRequest, body: MergeIn) -> HttpResponse:
    """All of several containers goes into a new one, whose time is the shortest of theirs."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        containers = by_codes(actor, body.containers, field="containers")
        (part,) = read_parts([body], sum(one.mass_g for one in containers), field="")
        bay = bay_near(containers[0], body.bay) if containers else None
        merged = merge(actor=actor, containers=containers, part=part, waste_code=body.waste_code, bay=bay, now=now)
        return containers_json([merged])[0]

    return create_once(request, make)


@router.post("/repack", response={201: dict[str, Any]})
def repack_container(request: HttpRequest, body: RepackIn) -> HttpResponse:
    """All of a container goes into a new one: the old is damaged or of the wrong kind."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        container = _one(actor, body.container, "container")
        (part,) = read_parts([body], container.mass_g, field="")
        child = repack(actor=actor, container=container, part=part, bay=bay_near(container, body.bay), now=now)
        return containers_json([child])[0]

    return create_once(request, make)


@router.post("/extend")
def extend_containers(request: HttpRequest, body: ExtendIn) -> dict[str, Any]:
    """They may stay longer than the rule, by the number of the document that says so."""
    actor = actor_of(request)
    until = read_day(body.until)
    if until is None and body.until not in (None, ""):
        raise invalid("until", "date_unreadable")
    containers = by_codes(actor, body.containers, field="containers")
    extended = extend(actor=actor, containers=containers, until=until, document=body.document, now=now_of(request))
    return {"containers": containers_json(extended)}


@router.post("/{code}/reactions")
def say_reactions(request: HttpRequest, code: Text, body: ReactionsIn) -> dict[str, Any]:
    """Say with what a container reacts: group codes, or `none`."""
    actor = actor_of(request)
    found = get_container(actor, code)
    stated = state_reactions(actor=actor, container=found, groups=body.reaction_groups, now=now_of(request))
    return containers_json([stated])[0]


@router.get("/{code}/lineage")
def family(request: HttpRequest, code: Text) -> dict[str, Any]:
    """Where a container's waste came from and where it went, both ways; hidden containers have no code."""
    actor = actor_of(request)
    found = get_container(actor, code)
    branches = lineage(actor, found)
    seen = {one.pk: one for branch in branches for one in (branch.parent, branch.child) if one is not None}
    seen.setdefault(found.pk, found)
    return {
        "container": found.code,
        "containers": [container_json(one, None) for one in seen.values()],
        "steps": [
            {
                "parent": branch.parent.code if branch.parent else None,
                "child": branch.child.code if branch.child else None,
                "mass_kg": kg_text(branch.mass_g),
            }
            for branch in branches
        ],
    }
