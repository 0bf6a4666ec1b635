"""`/alerts`: what is due, and acknowledging it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from wastetrack.alerts.models import OPEN_STATES, Alert, AlertState, Severity
from wastetrack.alerts.registry import kinds
from wastetrack.alerts.selectors import Explained, explain, explained
from wastetrack.alerts.services import acknowledge
from wastetrack.errors import NotFound, invalid
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.ledger.canonical import instant
from wastetrack.parties.actors import Actor
from wastetrack.schemas import Body, Note, Text, row_id

router = Router(tags=["alerts"])
SEVERITIES = {grade.name.lower(): grade for grade in Severity}


class AcknowledgeIn(Body):
    note: Note = ""


def alert_json(words: Explained, actor: Actor) -> dict[str, Any]:
    """An alert in data and in words, as this actor reads it."""
    alert, plan = words.alert, words.alert.plan_seen_by(actor)
    return {
        "id": str(alert.pk),
        "kind": alert.kind,
        "state": alert.state,
        "subject": alert.about,
        "organisation": alert.organisation.uscc,
        "severity": Severity(alert.severity).name.lower(),
        "due_at": instant(alert.due_at) if alert.due_at else None,
        "opened_at": instant(alert.opened_at) if alert.opened_at else None,
        "resolved_at": instant(alert.resolved_at) if alert.resolved_at else None,
        "acknowledged_at": instant(alert.acknowledged_at) if alert.acknowledged_at and plan else None,
        "title": words.title,
        "message": words.sentence,
        "action": words.action,
        "clause": words.citation.reference_zh if words.citation else None,
        "confidence": words.citation.confidence if words.citation else None,
        "note": alert.note if plan else "",
    }


@router.get("")
def alerts(
    request: HttpRequest,
    open: bool | None = None,
    kind: Text = "",
    severity: Text = "",
    cursor: Text = "",
    limit: int = PAGE_SIZE,
) -> dict[str, Any]:
    """The caller's alerts, newest first. What is resolved has no severity any more: it is `quiet`."""
    actor = actor_of(request)
    rows = Alert.objects.visible_to(actor).select_related("organisation")
    rows = rows.exclude(state=AlertState.WATCHING)
    if open is not None:
        rows = rows.filter(state__in=OPEN_STATES) if open else rows.exclude(state__in=OPEN_STATES)
    if kind:
        if kind not in kinds():
            raise invalid("kind", "unknown_kind")
        rows = rows.filter(kind=kind)
    if severity:
        if severity not in SEVERITIES:
            raise invalid("severity", "unknown_severity")
        rows = rows.filter(severity=SEVERITIES[severity])
    now = now_of(request)
    return page_of(rows, cursor, limit, lambda found: [alert_json(words, actor) for words in explained(found, now)])


@router.post("/{alert_id}/acknowledge")
def acknowledge_alert(request: HttpRequest, alert_id: Text, body: AcknowledgeIn) -> dict[str, Any]:
    """Say that it was seen and what is planned; it stays open until its cause ends."""
    actor, now = actor_of(request), now_of(request)
    rows = Alert.objects.visible_to(actor).exclude(state=AlertState.WATCHING).select_related("organisation")
    alert = rows.filter(pk=row_id(alert_id)).first()
    if alert is None:
        raise NotFound("unknown_alert")
    return alert_json(explain(acknowledge(alert, actor=actor, note=body.note, now=now), now), actor)
