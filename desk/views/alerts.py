"""Alerts: what is due and overdue, the bell, and the word about a new one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from wastetrack.alerts.models import OPEN_STATES, Alert, AlertState
from wastetrack.alerts.registry import kinds, watch_of
from wastetrack.alerts.selectors import Explained, explain
from wastetrack.alerts.services import acknowledge
from wastetrack.errors import NotFound, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import go_to, printable
from wastetrack.parties.actors import Actor

SHOWN, RESOLVED_SHOWN = 50, 20
MOST_TOLD = 2


@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """The open alerts by urgency, each in words with its action; below, what has been resolved."""
    actor, now = actor_of(request), now_of(request)
    kind = request.GET.get("kind", "")
    if kind and kind not in kinds():
        raise invalid("kind", "wrong_type")
    rows = _rows(actor)
    if kind:
        rows = rows.filter(kind=kind)
    groups = []
    for state in (AlertState.OVERDUE, AlertState.WARNED):
        found = list(rows.filter(state=state).order_by("due_at", "id")[: SHOWN + 1])
        groups.append((state, [explain(alert, now) for alert in found[:SHOWN]], len(found) > SHOWN))
    resolved = rows.filter(state=AlertState.RESOLVED).order_by("-resolved_at", "-id")[:RESOLVED_SHOWN]
    context = {
        "groups": groups,
        "any_open": any(explained for _, explained, _ in groups),
        "resolved": [explain(alert, now) for alert in resolved],
        "kind": kind,
        "kinds": [(name, watch_of(name).title) for name in kinds()],
    }
    return render(request, "desk/alerts.html", context)


def _rows(actor: Actor):  # type: ignore[no-untyped-def]
    return Alert.objects.visible_to(actor).select_related("organisation", "acknowledged_by")


@require_safe
def bell(request: HttpRequest) -> HttpResponse:
    """The bell with its counts."""
    actor_of(request)
    return render(request, "partials/bell.html")


@require_safe
def toast(request: HttpRequest) -> HttpResponse:
    """What to say about new alerts: a few in words, the rest as a number."""
    actor, now = actor_of(request), now_of(request)
    ids = [int(text) for text in request.GET.getlist("id")[:MOST_TOLD] if text.isascii() and text.isdigit()]
    found: list[Explained] = [
        explain(alert, now) for alert in _rows(actor).filter(pk__in=ids, state__in=OPEN_STATES).order_by("due_at")
    ]
    more = request.GET.get("more", "")
    more_count = int(more) if more.isascii() and more.isdigit() and len(more) < 9 else 0
    return render(request, "desk/toast.html", {"alerts": found, "more": more_count})


@require_POST
def acknowledge_alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Say that it was seen and what is planned; it stays open until its cause ends."""
    actor, now = actor_of(request), now_of(request)
    alert = _rows(actor).filter(pk=alert_id, state__in=OPEN_STATES).first()
    if alert is None:
        raise NotFound("unknown_alert")
    acknowledge(alert, actor=actor, note=" ".join(printable(request.POST).get("note", "").split()), now=now)
    return go_to(f"/alerts#alert-{alert_id}")
