"""Setting deadlines, ending them, and the sweep that finds what is due."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from wastetrack.alerts.models import Alert, AlertState
from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.canonical import canonical_json, instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import advance, lock
from wastetrack.parties.actors import SYSTEM, Actor

log = logging.getLogger(__name__)
SWEEP_BATCH = 200


@dataclass(frozen=True)
class Deadline:
    """What to watch: a registered kind, the subject, who answers for it and where, the times, the clause."""

    kind: str
    about: str
    organisation_id: int
    division: str
    warn_at: datetime
    due_at: datetime
    clause: str
    details: Mapping[str, Any]


def watch(deadlines: Iterable[Deadline]) -> None:
    """Start watching deadlines, one query for all. A subject's earlier deadline of the kind must have been ended."""
    Alert.objects.bulk_create(
        [
            Alert(
                kind=deadline.kind,
                about=deadline.about,
                organisation_id=deadline.organisation_id,
                division=deadline.division,
                clause=deadline.clause,
                warn_at=deadline.warn_at,
                due_at=deadline.due_at,
                next_at=deadline.warn_at,
                details=canonical_json(deadline.details),
            )
            for deadline in deadlines
        ],
        batch_size=500,
    )


def end(kind: str, abouts: Sequence[str], *, actor: Actor, now: datetime) -> None:
    """The cause has ended: quiet deadlines are forgotten, open alerts resolve with an entry."""
    mine = Alert.objects.filter(kind=kind, about__in=abouts, resolved_at=None)
    quiet, _ = mine.filter(state=AlertState.WATCHING).delete()
    # One is open of a kind and subject at most: where all were quiet, nothing is left to look for.
    raised = [] if quiet == len(abouts) else list(mine.select_for_update())
    if raised:
        advance(
            raised,
            "resolve",
            actor=actor,
            now=now,
            position="cause",
            payload=_payload,
            change={"resolved_at": now, "next_at": None},
        )


def acknowledge(alert: Alert, *, actor: Actor, note: str, now: datetime) -> Alert:
    """Say that it was seen and what is planned. It does not hide the alert.

    Raises NotPermitted(not_your_part) for anybody but the organisation that answers for it, and Refused(alert_closed)
    when its cause has ended meanwhile.
    """
    if alert.organisation_id != actor.organisation_id:
        raise NotPermitted("not_your_part", subject=alert.subject)
    with transaction.atomic():
        (alert,) = lock([alert])
        if not alert.is_open:
            raise Refused("alert_closed", subject=alert.subject)
        alert.acknowledged_at, alert.acknowledged_by, alert.note = now, actor.user, note[:200]
        alert.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
        fact = Fact("alert.acknowledge", alert.subject, alert.readers(), {**_payload(alert), "note": alert.note})
        record(actor, [fact], now=now)
    return alert


def sweep(now: datetime, *, recorded_at: datetime | None = None, batch: int = SWEEP_BATCH) -> int:
    """Raise every alert that is due by `now`; returns how many moved. Reads only what is due, in bounded batches.

    Each batch is a transaction over locked rows: a kill loses nothing and another sweeper skips what is taken.
    A row that cannot be moved is logged and left; it does not stop the rest. `recorded_at` is the clock's time where
    `now` is a rehearsal's; without it they are the same.
    """
    recorded_at = recorded_at or now
    moved, stuck = 0, set[int]()
    while True:
        with transaction.atomic():
            due = Alert.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
            alerts = list(due.filter(next_at__lte=now).exclude(pk__in=stuck).order_by("next_at", "id")[:batch])
            for verb in ("warn", "fall_due"):
                rows = [alert for alert in alerts if ("fall_due" if alert.due_at <= now else "warn") == verb]
                moved += _raise(rows, verb, now, recorded_at, stuck)
        if len(alerts) < batch:
            return moved


def _raise(alerts: list[Alert], verb: str, now: datetime, recorded_at: datetime, stuck: set[int]) -> int:
    if not alerts:
        return 0
    try:
        with transaction.atomic():
            advance(
                alerts,
                verb,
                actor=SYSTEM,
                now=recorded_at,
                event_time=now,
                payload=_payload,
                change=lambda alert: {
                    "opened_at": alert.opened_at or now,
                    "next_at": alert.due_at if verb == "warn" else None,
                },
            )
        return len(alerts)
    except Exception:
        if len(alerts) == 1:
            log.exception("alert %s cannot be raised", alerts[0].pk)
            stuck.add(alerts[0].pk)
            return 0
    return sum(_raise([alert], verb, now, recorded_at, stuck) for alert in alerts)


def _payload(alert: Alert) -> dict[str, Any]:
    return {
        "kind": alert.kind,
        "about": alert.about,
        "due_at": instant(alert.due_at),
        "clause": alert.clause,
        **alert.data,
    }
