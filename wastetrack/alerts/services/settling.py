"""Bringing alerts in line with the facts: the one place where a watch's finding becomes a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from wastetrack.alerts.models import OPEN_STATES, PAST_DUE, Alert, AlertState, AlsoTold
from wastetrack.alerts.registry import ESCALATION, Deadline, Look, Watch, watch_of
from wastetrack.alerts.services.deadlines import details_of, first_of, payload_of, resolve, tell_also, tomorrow, watch
from wastetrack.lifecycle.services import advance
from wastetrack.parties.actors import SYSTEM

_SAID = ("division", "clause", "warn_at", "due_at", "next_at", "details")
_RANK = {state: rank for rank, state in enumerate((AlertState.WATCHING, AlertState.WARNED, AlertState.OVERDUE))}


def settle(kind: str, abouts: Sequence[str], *, now: datetime, recorded_at: datetime | None = None) -> int:
    """Look at these subjects and bring their alerts in line; returns how many alerts moved.

    What has a cause is watched, warned of or overdue as its times say by `now`; what has none any more resolves by
    itself. It depends on the facts alone, so it may be done at any time, again, and by several at once; its queries do
    not grow with the number of subjects. `recorded_at` is the clock's time where `now` is a rehearsal's.
    """
    work = _Settling(watch_of(kind), now, recorded_at or now)
    try:
        with transaction.atomic():
            return work.run(abouts)
    except IntegrityError:
        # Somebody else has begun to watch one of them meanwhile: by now we see it.
        with transaction.atomic():
            return work.run(abouts)


def astray(kind: str, abouts: Sequence[str], *, now: datetime) -> list[str]:
    """Those of the subjects whose alerts are not as the facts say, by reading alone: no lock is taken.

    Facts that change after the reading have an entry of their own in the log, and are looked at after it.
    """
    return _Settling(watch_of(kind), now, now).astray(abouts)


@dataclass
class _Settling:
    watch: Watch
    now: datetime
    recorded_at: datetime

    def run(self, abouts: Sequence[str]) -> int:
        # Locked before the facts are read: whoever changes them afterwards has the subject looked at again.
        rows = {row.about: row for row in self._rows(abouts).select_for_update().order_by("pk")}
        found = {deadline.about: deadline for deadline in self._find(abouts, rows)}
        over = [row for about, row in rows.items() if self._has_ended(row, found.get(about))]
        kept = [row for row in rows.values() if row not in over]
        self._end(over)
        days = self._escalation_days(found.values())
        new = [self._timed(found[about], None) for about in sorted(found.keys() - {row.about for row in kept})]
        made = watch(self.watch.kind, new)
        current = {row.about: self._timed(found[row.about], row) for row in kept} | {d.about: d for d in new}
        self._keep(kept, current, days)
        raised = [row for row in over if row.is_open]
        return len(raised) + self._move([*kept, *made], current, days)

    def astray(self, abouts: Sequence[str]) -> list[str]:
        rows = {row.about: row for row in self._rows(abouts)}
        found = {deadline.about: deadline for deadline in self._find(abouts, rows)}
        days = self._escalation_days(found.values())
        return [about for about in abouts if self._is_astray(rows.get(about), found.get(about), days)]

    def _is_astray(self, row: Alert | None, deadline: Deadline | None, days: Mapping[Any, Any]) -> bool:
        if row is None or deadline is None:
            return (row is None) != (deadline is None)
        if self._has_ended(row, deadline):
            return True
        deadline = self._timed(deadline, row)
        return bool(self._verb(row, deadline, days)) or _differs(row, self._values(row, deadline, days))

    def _rows(self, abouts: Sequence[str]) -> Any:
        return Alert.objects.filter(kind=self.watch.kind, about__in=abouts, resolved_at=None)

    def _find(self, abouts: Sequence[str], rows: Mapping[str, Alert]) -> Iterable[Deadline]:
        if self.watch.find is not None:
            return self.watch.find(abouts, Look(self.now))
        return [
            Deadline(
                row.about,
                row.organisation_id,
                row.division,
                warn_at=row.warn_at,
                due_at=row.due_at,
                clause=row.clause,
                cause=row.data.get("cause", ""),
                details={name: said for name, said in row.data.items() if name not in {"also", "cause"}},
                also=row.also_ids,
            )
            for row in rows.values()
        ]

    def _has_ended(self, row: Alert, deadline: Deadline | None) -> bool:
        """Whether this alert is over: its cause is gone, another answers for it, or it is less late than was said."""
        if deadline is None or deadline.organisation_id != row.organisation_id:
            return True
        # Who reads an open alert has been told of it by name: another cause or district is told anew.
        if deadline.cause != row.data.get("cause", "") or (row.is_open and deadline.division != row.division):
            return True
        said = AlertState.OVERDUE if row.state in PAST_DUE else AlertState(row.state)
        return _RANK[self._state_of(self._timed(deadline, row))] < _RANK[said]

    def _timed(self, deadline: Deadline, row: Alert | None) -> Deadline:
        """The deadline with its times: a level has been there since it was first seen."""
        clause = deadline.clause or self.watch.clause
        if deadline.warn_at is not None:
            return replace(deadline, clause=clause)
        seen_over = row.due_at if row is not None and row.state in PAST_DUE else None
        return replace(
            deadline,
            clause=clause,
            warn_at=row.warn_at if row is not None and row.is_open else self.now,
            due_at=(seen_over or self.now) if deadline.over else None,
        )

    def _state_of(self, deadline: Deadline) -> AlertState:
        if deadline.due_at is not None and deadline.due_at <= self.now:
            return AlertState.OVERDUE
        return AlertState.WARNED if deadline.warn_at and deadline.warn_at <= self.now else AlertState.WATCHING

    def _end(self, rows: Sequence[Alert]) -> None:
        # What was quiet is forgotten: nobody was ever told of it.
        Alert.objects.filter(pk__in=[row.pk for row in rows if not row.is_open]).delete()
        if raised := [row for row in rows if row.is_open]:
            resolve(raised, actor=SYSTEM, now=self.recorded_at, event_time=self.now)

    def _escalation_days(self, deadlines: Iterable[Deadline]) -> Mapping[tuple[str, int], Any]:
        late = {(d.division, d.organisation_id) for d in deadlines if d.over or (d.due_at and d.due_at <= self.now)}
        if not late or self.watch.district != "escalated":
            return {}
        table, _, name = ESCALATION.partition(".")
        return {place: figures[name] for place, figures in Look(self.now).figures(table, late).items()}

    def _next(self, state: str, deadline: Deadline, days: Mapping[tuple[str, int], Any]) -> datetime | None:
        """When an alert in this state must be looked at again."""
        watching = first_of(deadline.warn_at, deadline.due_at)
        ahead = {AlertState.WATCHING: watching, AlertState.WARNED: deadline.due_at}.get(AlertState(state))
        if state == AlertState.OVERDUE and deadline.due_at and (wait := days.get(_place(deadline))) is not None:
            ahead = deadline.due_at + timedelta(days=int(wait))
        look_at = deadline.look_at if deadline.look_at and deadline.look_at > self.now else None
        return first_of(ahead, look_at, self._daily(state))

    def _daily(self, state: str) -> datetime | None:
        """What changes without an entry may end without one: while it is open, it is looked at every day."""
        daily = self.watch.subjects is not None and self.watch.subjects.daily
        return tomorrow(self.now) if daily and state in OPEN_STATES else None

    def _values(self, row: Alert, deadline: Deadline, days: Mapping[Any, Any]) -> dict[str, Any]:
        """What the alert of a deadline says beside its state."""
        return {
            "division": deadline.division,
            "clause": deadline.clause,
            "warn_at": deadline.warn_at,
            "due_at": deadline.due_at,
            "next_at": self._next(row.state, deadline, days),
            "details": details_of(deadline),
        }

    def _keep(self, rows: Sequence[Alert], current: Mapping[str, Deadline], days: Mapping[Any, Any]) -> None:
        """Write what has changed in alerts that go on, without an entry: the facts behind it have theirs."""
        changed, told_anew = [], []
        for row in rows:
            values, also = self._values(row, current[row.about], days), row.also_ids
            if not _differs(row, values):
                continue
            for name, value in values.items():
                setattr(row, name, value)
            changed.append(row)
            if row.is_open and row.also_ids != also:
                told_anew.append(row)
        if changed:
            Alert.objects.bulk_update(changed, _SAID, batch_size=200)
        if told_anew:
            AlsoTold.objects.filter(alert__in=told_anew).delete()
            tell_also(told_anew)

    def _move(self, rows: Sequence[Alert], current: Mapping[str, Deadline], days: Mapping[Any, Any]) -> int:
        steps: dict[str, list[Alert]] = {}
        for row in rows:
            if verb := self._verb(row, current[row.about], days):
                steps.setdefault(verb, []).append(row)
        for verb, moving in steps.items():
            self._advance(moving, verb, current, days)
        return sum(map(len, steps.values()))

    def _verb(self, row: Alert, deadline: Deadline, days: Mapping[Any, Any]) -> str:
        if row.state == AlertState.OVERDUE:
            at = self._next(row.state, deadline, days)
            return "escalate" if at is not None and at <= self.now else ""
        if row.state == AlertState.ESCALATED or self._state_of(deadline) == row.state:
            return ""
        return "warn" if self._state_of(deadline) == AlertState.WARNED else "fall_due"

    def _advance(self, rows: list[Alert], verb: str, current: Mapping[str, Deadline], days: Mapping[Any, Any]) -> None:
        state = {"warn": AlertState.WARNED, "fall_due": AlertState.OVERDUE, "escalate": AlertState.ESCALATED}[verb]
        tell_also(row for row in rows if not row.is_open)
        advance(
            rows,
            verb,
            actor=SYSTEM,
            now=self.recorded_at,
            event_time=self.now,
            payload=payload_of,
            change=lambda row: {
                "opened_at": row.opened_at or self.now,
                "severity": int(self.watch.severity_at(state)),
                "for_district": self.watch.tells_district(state),
                "next_at": self._next(state, current[row.about], days),
            },
        )


def _differs(row: Alert, values: Mapping[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in values.items())


def _place(deadline: Deadline) -> tuple[str, int]:
    return deadline.division, deadline.organisation_id
