"""`/district`: what a district has decided for itself, and deciding it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Router

from wastetrack.districts.models import Figure, Pair
from wastetrack.districts.selectors import (
    FigureHere,
    OwnHere,
    PairHere,
    division_of,
    figures_here,
    own_here,
    own_row,
    pairs_here,
)
from wastetrack.districts.services import require_district, set_figure, set_pair, tighten, withdraw
from wastetrack.districts.words import figure_name, unit_name
from wastetrack.http import actor_of, now_of
from wastetrack.schemas import Body, LongNote, Loose, Text, required

router = Router(tags=["district"])
own_router = Router(tags=["figures"])


class FigureIn(Body):
    model_config = required("key", "value", "source")

    key: Text = ""
    value: Loose = None
    """A number; null takes the district's own figure back."""
    source: LongNote = ""


class OwnFigureIn(Body):
    model_config = required("key", "value")

    key: Text = ""
    value: Loose = None
    """A number; null takes the organisation's own figure back."""


class PairIn(Body):
    model_config = required("group_a", "group_b", "apart", "source")

    group_a: Text = ""
    group_b: Text = ""
    apart: bool | None = None
    """True: they must stand apart; false: they need not; null takes the district's own decision back."""
    consequence: LongNote = ""
    source: LongNote = ""


def figure_json(found: FigureHere) -> dict[str, Any]:
    """A figure: by the rules, here, and on what each rests."""
    return {
        "key": found.key,
        "name": figure_name(found.key),
        "unit": unit_name(found.rule.unit),
        "value": f"{Decimal(found.value).normalize():f}",
        "rule": str(found.rule.value),
        "rule_source": found.rule.source,
        "confidence": found.rule.confidence,
        "district": found.row.division if found.row else None,
        "source": found.row.source if found.row else None,
    }


def own_figure_json(found: OwnHere) -> dict[str, Any]:
    """A figure that an organisation may tighten: by the rules, in its district, and its own."""
    return {
        **figure_json(found.here),
        "stricter": found.stricter,
        "own": f"{found.own.normalize():f}" if found.own is not None else None,
        "holds": f"{Decimal(found.holds).normalize():f}",
    }


def pair_json(found: PairHere) -> dict[str, Any]:
    """Two reaction groups: whether they must stand apart here, and who says so."""
    english = (get_language() or "").startswith("en")
    return {
        "group_a": found.group_a,
        "group_b": found.group_b,
        "apart": found.apart,
        "consequence": found.consequence[english],
        "rule": found.rule is not None,
        "rule_source": found.rule.source if found.rule else None,
        "confidence": found.rule.confidence if found.rule else None,
        "district": found.row.division if found.row else None,
        "source": found.row.source if found.row else None,
    }


@router.get("/rules")
def rules(request: HttpRequest, division: Text = "") -> dict[str, Any]:
    """What holds in a district, the caller's own unless another is named: its figures and its compatibility table."""
    where = division_of(actor_of(request), division)
    return {
        "division": where,
        "figures": [figure_json(found) for table in figures_here(where).values() for found in table],
        "pairs": [pair_json(found) for found in pairs_here(where)],
    }


@router.post("/figures")
def figures(request: HttpRequest, body: FigureIn) -> dict[str, Any]:
    """Set a figure for the caller's district, or take its own one back; the answer is what holds now."""
    actor, now = actor_of(request), now_of(request)
    if body.value is None:
        require_district(actor)
        withdraw(actor=actor, row=own_row(actor, Figure.objects.filter(key=body.key)), now=now)
    else:
        set_figure(actor=actor, key=body.key, value=body.value, source=body.source, now=now)
    table = figures_here(division_of(actor)).get(body.key.partition(".")[0], [])
    return figure_json(next(found for found in table if found.key == body.key))


@router.post("/pairs")
def pairs(request: HttpRequest, body: PairIn) -> dict[str, Any]:
    """Say for the caller's district whether two groups must stand apart, or take that back."""
    actor, now = actor_of(request), now_of(request)
    both = {body.group_a, body.group_b}
    if body.apart is None:
        require_district(actor)
        rows = Pair.objects.filter(group_a__in=both, group_b__in=both)
        withdraw(actor=actor, row=own_row(actor, rows), now=now)
    else:
        set_pair(
            actor=actor,
            group_a=body.group_a,
            group_b=body.group_b,
            apart=body.apart,
            consequence=body.consequence,
            source=body.source,
            now=now,
        )
    here = {frozenset((found.group_a, found.group_b)): found for found in pairs_here(division_of(actor))}
    found = here.get(frozenset(both))
    # Taken back, and the rules say nothing of it: they may stand together.
    return pair_json(found or PairHere(body.group_a, body.group_b, apart=False, rule=None, row=None))


# --- what an organisation tightens for itself ---


@own_router.get("")
def own_figures(request: HttpRequest) -> dict[str, Any]:
    """The figures that the caller's organisation may tighten for itself, so as to be warned earlier."""
    return {"items": [own_figure_json(found) for found in own_here(actor_of(request).principal)]}


@own_router.post("")
def set_own_figure(request: HttpRequest, body: OwnFigureIn) -> dict[str, Any]:
    """Tighten a figure for the caller's organisation, or take its own one back; the answer is what holds now."""
    actor, now = actor_of(request), now_of(request)
    tighten(actor=actor, key=body.key, value=body.value, now=now)
    return own_figure_json(next(found for found in own_here(actor.principal) if found.key == body.key))
