"""Reading alerts: the bell, the list, and the sentence of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, QuerySet

from wastetrack.alerts.models import OPEN_STATES, Alert, AlertState
from wastetrack.alerts.registry import watch_of
from wastetrack.parties.actors import Actor
from wastetrack.regulations.clauses import Citation, cite


def open_alerts(actor: Actor) -> QuerySet[Alert]:
    """The actor's open alerts, most urgent first."""
    return (
        Alert.objects.visible_to(actor)
        .filter(state__in=OPEN_STATES)
        .select_related("organisation")
        .order_by("due_at", "id")
    )


def open_counts(actor: Actor) -> dict[str, int]:
    """How many alerts are open, by state: what the bell shows."""
    rows = Alert.objects.visible_to(actor).filter(state__in=OPEN_STATES).order_by().values("state")
    counts = {row["state"]: row["n"] for row in rows.annotate(n=Count("id"))}
    return {state.value: counts.get(state.value, 0) for state in (AlertState.OVERDUE, AlertState.WARNED)}


@dataclass(frozen=True)
class Explained:
    """An alert in words: what, where, since when, by which clause, and the one action that ends it."""

    alert: Alert
    title: str
    sentence: str
    state: str
    """What its state is called."""
    action: str
    link: str
    citation: Citation | None
    days_left: int


def explain(alert: Alert, now: datetime) -> Explained:
    """Put an alert into words in the active language."""
    watch = watch_of(alert.kind)
    local_due: date = alert.due_at.astimezone(now.tzinfo).date()
    days = (local_due - now.date()).days
    # Never below zero: a rehearsed sweep makes overdue what by this clock is not.
    told = max(0, days if alert.state == AlertState.WARNED else -days)
    words = {**alert.data, "organisation": alert.organisation.name, "due": local_due.isoformat(), "days": told}
    sentence = watch.sentences.get(alert.state) or watch.sentences[AlertState.WARNED]
    return Explained(
        alert=alert,
        title=str(watch.title),
        sentence=str(sentence) % words,
        state=str(watch.states.get(alert.state) or alert.get_state_display()),
        action=str(watch.action),
        link=watch.link % words,
        citation=cite(alert.clause, local_due) if alert.clause else None,
        days_left=days,
    )
