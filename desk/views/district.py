"""What a district has decided for itself: which wastes stand apart, and its figures. Open to all whom it binds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_safe

from wastetrack.districts.models import Figure, Pair
from wastetrack.districts.selectors import PairHere, division_of, figures_here, own_row, pairs_here
from wastetrack.districts.services import require_district, set_figure, set_pair, withdraw
from wastetrack.districts.words import (
    CONFIDENCE,
    direction,
    figure_name,
    group_name,
    source_name,
    table_names,
    unit_name,
)
from wastetrack.errors import NotFound, Refused
from wastetrack.http import actor_of, now_of
from wastetrack.ledger.selectors import history_of
from wastetrack.pages import field_messages, nonce_again, printable, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.regulations.compatibility import ANYTHING, GROUPS
from wastetrack.regulations.divisions import chain

LATEST = 30
"""So many of the last changes."""


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """The district's rules, the reader's own district unless the address names another."""
    return _page(request, request.GET)


@require_http_methods(["POST"])
def set_rule(request: HttpRequest, what: str) -> HttpResponse:
    """Set a figure or a pair for the actor's own district, or take it back."""
    if what not in ("figure", "pair"):
        raise NotFound
    require_district(actor_of(request))
    try:
        return redirect_once(request, lambda: _set(request, what))
    except Refused as refusal:
        return _page(request, request.POST, refusal)


def _set(request: HttpRequest, what: str) -> str:
    actor, now, typed = actor_of(request), now_of(request), printable(request.POST)
    if typed.get("withdraw"):
        withdraw(actor=actor, row=_own(actor, what, typed), now=now)
        return "/district/rules#history"
    source = typed.get("source", "")
    if what == "figure":
        key = typed.get("key", "")
        set_figure(actor=actor, key=key, value=typed.get("value", ""), source=source, now=now)
        return f"/district/rules#{_anchor(key)}"
    set_pair(
        actor=actor,
        group_a=typed.get("group_a", ""),
        group_b=typed.get("group_b", ""),
        apart=typed.get("apart") == "yes",
        consequence=typed.get("consequence", ""),
        source=source,
        now=now,
    )
    return "/district/rules#pairs"


def _anchor(key: str) -> str:
    """A figure's place on the page."""
    return key.replace(".", "-").replace("_", "-")


def _own(actor: Actor, what: str, typed: QueryDict) -> Figure | Pair:
    if what == "figure":
        return own_row(actor, Figure.objects.filter(key=typed.get("key", "")))
    both = [typed.get("group_a", ""), typed.get("group_b", "")]
    return own_row(actor, Pair.objects.filter(group_a__in=both, group_b__in=both))


def _page(request: HttpRequest, typed: QueryDict, refusal: Refused | None = None) -> HttpResponse:
    actor = actor_of(request)
    division = division_of(actor, request.GET.get("division", ""))
    language = "en" if (get_language() or "").startswith("en") else "zh"
    pairs = pairs_here(division)
    history = history_of([f"district:{level}" for level in chain(division)]).order_by("-id")[:LATEST]
    context = {
        "division": division,
        "may_set": actor.may_write and actor.district == division,
        "pairs": [_told(pair, language) for pair in pairs],
        "groups": [(group.code, group_name(group.code, language)) for group in GROUPS.values()],
        "matrix": _matrix(pairs, language),
        "tables": _tables(division),
        "history": history,
        "confidence": CONFIDENCE.items(),
        "typed": typed,
        "errors": field_messages(refusal) if refusal else {},
        "wrong_key": typed.get("key", "") if refusal else "",
        **nonce_again(refusal),
    }
    return render(request, "desk/district_rules.html", context, status=refusal.status if refusal else 200)


def _told(pair: PairHere, language: str) -> dict[str, Any]:
    """A pair in words."""
    return {
        "pair": pair,
        "source": source_name(pair.rule.source) if pair.rule else "",
        "a": group_name(pair.group_a, language),
        "b": group_name(pair.group_b, language),
        "consequence": pair.consequence[language == "en"],
    }


def _matrix(pairs: Sequence[PairHere], language: str) -> list[dict[str, Any]]:
    """The groups against each other: for each two, what holds; None where nobody says anything."""
    here = {frozenset((pair.group_a, pair.group_b)): pair for pair in pairs}
    alone = {pair.group_a: pair for pair in pairs if pair.group_b == ANYTHING}
    codes = list(GROUPS)
    return [
        {
            "code": row,
            "name": group_name(row, language),
            "cells": [
                (column, None if row == column else here.get(frozenset((row, column))) or _aside(alone, row, column))
                for column in codes
            ],
        }
        for row in codes
    ]


def _aside(alone: dict[str, PairHere], row: str, column: str) -> PairHere | None:
    """What holds because one of the two must stand apart from everything."""
    return alone.get(row) or alone.get(column)


def _tables(division: str) -> list[dict[str, Any]]:
    found = figures_here(division)
    return [
        {
            "name": name,
            "figures": [
                {
                    "here": here,
                    "name": figure_name(here.key),
                    "way": direction(here.key, here.rule.confidence),
                    "unit": unit_name(here.rule.unit),
                    "source": source_name(here.rule.source),
                    "anchor": _anchor(here.key),
                }
                for here in found[table]
            ],
        }
        for table, name in table_names().items()
    ]
