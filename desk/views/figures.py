"""When an organisation wants to be warned: its own figures beside the rules' and its district's."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from wastetrack.alerts.registry import watches
from wastetrack.districts.selectors import OwnHere, own_here
from wastetrack.districts.services import tighten
from wastetrack.districts.words import CONFIDENCE, figure_name, source_name, table_names, unit_name
from wastetrack.errors import Refused
from wastetrack.http import actor_of, now_of
from wastetrack.ledger.selectors import history_of
from wastetrack.pages import field_messages, go_to, nonce_again, printable, redirect_once, seen_from

LATEST = 20
"""So many of the last changes."""


@require_http_methods(["GET", "HEAD", "POST"])
def figures(request: HttpRequest) -> HttpResponse:
    """The figures by which the organisation is warned; a POST tightens one, or takes its own one back."""
    if actor_of(request).is_regulator:
        # A district's own figures are set on its page.
        return go_to("/district/rules#figures-title")
    if request.method != "POST":
        return _page(request, QueryDict())
    try:
        return redirect_once(request, lambda: _set(request))
    except Refused as refusal:
        return _page(request, request.POST, refusal)


def _set(request: HttpRequest) -> str:
    typed = printable(request.POST)
    key, value = typed.get("key", ""), None if typed.get("loosen") else typed.get("value", "")
    tighten(actor=actor_of(request), key=key, value=value, now=now_of(request))
    return f"/figures#{_anchor(key)}"


def _anchor(key: str) -> str:
    """A figure's place on the page."""
    return key.replace(".", "-").replace("_", "-")


def _page(request: HttpRequest, typed: QueryDict, refusal: Refused | None = None) -> HttpResponse:
    actor = actor_of(request)
    firm = actor.principal
    context = {
        "tables": _tables(own_here(firm)),
        "may_set": actor.manages,
        "confidence": CONFIDENCE.items(),
        "history": _history(f"organisation:{firm.uscc}"),
        "typed": typed,
        "errors": field_messages(refusal) if refusal else {},
        "wrong_key": typed.get("key", "") if refusal else "",
        **nonce_again(refusal),
        **seen_from(actor, "/alerts"),
    }
    return render(request, "desk/figures.html", context, status=refusal.status if refusal else 200)


def _history(subject: str) -> Any:
    return (
        history_of([subject]).filter(kind__in=["organisation.tighten", "organisation.loosen"]).order_by("-id")[:LATEST]
    )


def _tables(found: list[OwnHere]) -> list[dict[str, Any]]:
    tables = []
    for table, of_table in groupby(found, key=lambda one: one.key.partition(".")[0]):
        told = [_told(one) for one in of_table]
        # What a watch has brought is named by the watch.
        name = table_names()[table]
        tables.append({"name": name, "figures": told})
    return tables


def _told(found: OwnHere) -> dict[str, Any]:
    """A figure in words: what it is, in which unit, and which alerts go by it."""
    return {
        "own": found,
        "here": found.here,
        "name": figure_name(found.key),
        "unit": unit_name(found.here.rule.unit),
        "source": source_name(found.here.rule.source),
        "anchor": _anchor(found.key),
        "alerts": [watch.title for watch in watches() if found.key in watch.reads],
    }
