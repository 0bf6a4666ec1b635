"""Setting deadlines, ending them, and saying that an alert was seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from wastetrack.alerts.models import Alert, AlertState, AlsoTold
from wastetrack.alerts.registry import Deadline
from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.ledger.canonical import canonical_json, instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import advance, lock
from wastetrack.parties.actors import Actor
from wastetrack.parties.visibility import audience

NOTE_LENGTH = 200


def watch(kind: str, deadlines: Iterable[Deadline]) -> list[Alert]:
    """Start watching deadlines, one query for all. A subject's earlier one of the kind must have been ended."""
    return Alert.objects.bulk_create(
        [
            Alert(
                kind=kind,
                about=deadline.about,
                organisation_id=deadline.organisation_id,
                division=deadline.division,
                clause=deadline.clause,
                warn_at=deadline.warn_at,
                due_at=deadline.due_at,
                next_at=first_of(deadline.warn_at, deadline.due_at, deadline.look_at),
                details=details_of(deadline),
            )
            for deadline in deadlines
        ],
        batch_size=500,
    )


def details_of(deadline: Deadline) -> str:
    """What an alert keeps of a deadline's details: canonical JSON, its cause and who else is told in it."""
    cause = {"cause": deadline.cause} if deadline.cause else {}
    also = {"also": sorted(set(deadline.also))} if deadline.also else {}
    return canonical_json({**deadline.details, **cause, **also})


def tomorrow(now: datetime) -> datetime:
    """The first moment of the local day after `now`."""
    return (timezone.localtime(now) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def first_of(*moments: datetime | None) -> datetime | None:
    """The earliest of these; None where there is none."""
    return min((at for at in moments if at is not None), default=None)


def tell_also(alerts: Iterable[Alert]) -> None:
    """Let the further organisations that open alerts name read them."""
    told = [
        AlsoTold(alert=row, organisation_id=pk) for row in alerts for pk in row.also_ids if pk != row.organisation_id
    ]
    if told:
        AlsoTold.objects.bulk_create(told)


def end(kind: str, abouts: Sequence[str], *, actor: Actor, now: datetime) -> None:
    """The cause has ended: quiet deadlines are forgotten, open alerts resolve with an entry."""
    mine = Alert.objects.filter(kind=kind, about__in=abouts, resolved_at=None)
    quiet, _ = mine.filter(state=AlertState.WATCHING).delete()
    # One is open of a kind and subject at most: where all were quiet, nothing is left to look for.
    raised = [] if quiet == len(abouts) else list(mine.select_for_update())
    if raised:
        resolve(raised, actor=actor, now=now)


def resolve(alerts: Sequence[Alert], *, actor: Actor, now: datetime, event_time: datetime | None = None) -> None:
    """Their cause has ended."""
    advance(
        alerts,
        "resolve",
        actor=actor,
        now=now,
        event_time=event_time,
        position="cause",
        payload=payload_of,
        change={"resolved_at": event_time or now, "next_at": None, "severity": 0},
    )


def acknowledge(alert: Alert, *, actor: Actor, note: str, now: datetime) -> Alert:
    """Say that it was seen and what is planned. It does not hide the alert.

    Raises NotPermitted(not_your_part) for anybody but the organisation that answers for it, Invalid(too_long), and
    Refused(alert_closed) when its cause has ended meanwhile.
    """
    if alert.organisation_id != actor.organisation_id:
        raise NotPermitted("not_your_part", subject=alert.subject)
    if len(note) > NOTE_LENGTH:
        raise invalid("note", "too_long", limit=NOTE_LENGTH)
    with transaction.atomic():
        (alert,) = lock([alert])
        if not alert.is_open:
            raise Refused("alert_closed", subject=alert.subject)
        alert.acknowledged_at, alert.acknowledged_by, alert.note = now, actor.user, note
        alert.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
        # What it plans is told to its district, and not to whoever else reads the alert.
        readers = audience([alert.organisation_id], [alert.division])
        fact = Fact("alert.acknowledge", alert.subject, readers, {**payload_of(alert), "note": alert.note})
        record(actor, [fact], now=now)
    return alert


def payload_of(alert: Alert) -> dict[str, Any]:
    """What an entry about an alert says of it."""
    return {
        "kind": alert.kind,
        "about": alert.about,
        "due_at": instant(alert.due_at) if alert.due_at else None,
        "severity": alert.severity,
        "for_district": alert.for_district,
        "clause": alert.clause,
        # Who else is told stands in the entry's readers: a row's key says nothing outside.
        **{name: said for name, said in alert.data.items() if name != "also"},
    }
