"""`advance`: the one writer of a state. Also the two small keepers beside it: number series and remembered answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

from django.db import IntegrityError, connection, transaction

from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.models import Answer, Series
from wastetrack.lifecycle.states import Guard, Stateful
from wastetrack.parties.actors import Actor

Row = TypeVar("Row", bound=Stateful)
Extra = Mapping[str, Any] | Callable[[Row], Mapping[str, Any]] | None


def lock(rows: Sequence[Row]) -> list[Row]:
    """The rows as they are now, locked until the transaction ends, in the order given.

    Locks are taken in key order, so two callers never wait for each other. On SQLite the transaction itself
    (BEGIN IMMEDIATE) is the lock, and this is the fresh reading under it. A row locked already in the same
    `with transaction.atomic()` block is returned as it is.
    """
    here = transaction.get_connection().atomic_blocks[-1]
    wanted = [row.pk for row in rows if row.locked_in is not here]
    if not wanted:
        return list(rows)
    manager: Any = type(rows[0])._default_manager
    found = {row.pk: row for row in manager.select_for_update().filter(pk__in=wanted).order_by("pk")}
    locked = []
    for row in rows:
        if row.locked_in is here:
            locked.append(row)
            continue
        if (fresh := found.get(row.pk)) is None:
            raise Refused("lost_race", subject=row.subject)
        fresh.locked_in = here
        _keep_related(row, fresh)
        locked.append(fresh)
    return locked


def _keep_related(row: Stateful, fresh: Stateful) -> None:
    """Related rows that came with the first reading still belong to the fresh one where the key is the same."""
    for name, related in row._state.fields_cache.items():
        field = row._meta.get_field(name)
        if field.concrete and getattr(row, field.attname) == getattr(fresh, field.attname):
            fresh._state.fields_cache[name] = related


def advance(
    rows: Sequence[Row], verb: str, *, actor: Actor, now: datetime, event_time: datetime | None = None, **step: Any
) -> list[Row]:
    """`move` and record its entries: the whole step of a service that moves rows of one model. Returns them."""
    with transaction.atomic():
        rows, facts = move(rows, verb, actor=actor, **step)
        record(actor, facts, now=now, event_time=event_time)
    return rows


def move(
    rows: Sequence[Row],
    verb: str,
    *,
    actor: Actor,
    position: str | None = None,
    payload: Extra[Row] = None,
    change: Extra[Row] = None,
) -> tuple[list[Row], list[Fact]]:
    """Move rows of one model by `verb`: lock, check party and guards, transition, save. All move or none.

    The caller is in a transaction and records the returned facts in it, maybe together with others of the same step.
    `position` is the party that a calling service has already established (a manifest moves its drums as `manifest`);
    else the row says which parties the actor speaks for. `change` sets further fields with the state; `payload` goes
    into the entry beside `from` and `to`.

    Raises NotPermitted(read_only | not_your_part), Refused(illegal_state, a guard's own code, or lost_race).
    """
    actor.require_write()
    moved, facts, steps = lock(rows), list[Fact](), list[_Step]()
    for row in moved:
        before = row.state
        step = _permitted_step(row, verb, actor, position)
        changed = _of(change, row)
        for name, value in changed.items():
            setattr(row, name, value)
        step()
        steps.append((row, before, changed))
        entry = {"from": before, "to": row.state, **_of(payload, row)}
        facts.append(Fact(f"{row.SUBJECT}.{verb}", row.subject, row.readers(), entry))
    _save(steps)
    return moved, facts


_Step = tuple[Stateful, str, dict[str, Any]]
"""A row that has moved, its state before, and the fields that changed with it."""


def _save(steps: Sequence[_Step]) -> None:
    """Write what has moved: one statement for all that change alike, and only if none has moved meanwhile."""
    for (before, state, changed), alike in groupby(steps, key=lambda step: (step[1], step[0].state, step[2])):
        rows = [row for row, _, _ in alike]
        if _still(rows, before).update(state=state, **changed) != len(rows):
            raise Refused("lost_race", subject=rows[0].subject)
        for row in rows:
            row.note_state()


def _still(rows: Sequence[Stateful], state: str) -> Any:
    """Those of the rows that are in this state now."""
    manager: Any = type(rows[0])._base_manager
    return manager.filter(pk__in=[row.pk for row in rows], state=state)


def _of(extra: Extra[Row], row: Row) -> dict[str, Any]:
    return dict(extra(row) if callable(extra) else extra or {})


def _permitted_step(row: Stateful, verb: str, actor: Actor, position: str | None) -> Callable[[], Any]:
    """The bound transition, once party, state and guards allow it."""
    method = getattr(row, verb)
    meta = method._django_fsm
    step = meta.get_transition(row.state)
    parties = {position} if position else row.positions(actor)
    # The party is checked against every declaration of the verb first: a stranger learns nothing of the state.
    allowed = step.custom["by"] if step else frozenset().union(*(t.custom["by"] for t in meta.transitions.values()))
    if allowed.isdisjoint(parties):
        raise NotPermitted("not_your_part", verb=verb, subject=row.subject)
    if step is None:
        raise Refused("illegal_state", verb=verb, state=row.state, subject=row.subject)
    for guard in step.conditions:
        if not guard(row):
            raise Refused(guard.code if isinstance(guard, Guard) else "guard", verb=verb, subject=row.subject)
    return method


def next_number(key: str, *, limit: int, code: str = "series_exhausted") -> int:
    """The next number of a series, 1…limit, without gaps or doubles; call it in the transaction that uses it.

    Raises Refused(code) when the series is used up.
    """
    # One statement on SQLite and PostgreSQL alike: make the row or count it up, and hold its lock to the commit.
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Series._meta.db_table} (key, last) VALUES (%s, 1) ON CONFLICT (key) DO UPDATE "
            f"SET last = {Series._meta.db_table}.last + 1 WHERE {Series._meta.db_table}.last < %s RETURNING last",
            [key, limit],
        )
        row = cursor.fetchone()
    if row is None:
        raise Refused(code, series=key, limit=limit)
    return int(row[0])


def hold_series(key: str) -> None:
    """Hold a series to the end of the transaction without taking a number yet: before what is locked after it."""
    table = Series._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key, last) VALUES (%s, 0) ON CONFLICT (key) DO UPDATE SET last = {table}.last", [key]
        )


def once(
    *, organisation_id: int, key: str, fingerprint: str, now: datetime, make: Callable[[], tuple[int, str]]
) -> tuple[int, str]:
    """Run `make` once for this key and remember its (status, body); a retry gets the first answer.

    A refusal rolls back and is not remembered, so it may be tried again. Raises Refused(idempotency_key_reused) when
    the key comes with another request.
    """
    try:
        with transaction.atomic():
            answer = Answer.objects.create(
                organisation_id=organisation_id, key=key, fingerprint=fingerprint, created_at=now
            )
            answer.status, answer.body = make()
            answer.save(update_fields=["status", "body"])
            return answer.status, answer.body
    except IntegrityError:
        first = Answer.objects.filter(organisation_id=organisation_id, key=key).first()
        if first is None:
            raise
    if first.fingerprint != fingerprint:
        raise Refused("idempotency_key_reused", status=422)
    return first.status, first.body
