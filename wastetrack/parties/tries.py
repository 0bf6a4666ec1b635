"""Counting tries of what can be guessed: in the database, so that the count holds for every process and for any flood.

Each is counted before it is looked at, in a transaction of its own: a refusal that rolls back what it belongs to does
not roll back the count.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import connection, transaction

from wastetrack.errors import Refused
from wastetrack.parties.models import Tries

TRIES, TRIES_SECONDS = 10, 300
"""Wrong passwords before every password is refused for a while."""
TABLE = Tries._meta.db_table
SWEPT = 20
"""How many counts that are over go when a new one begins: more than come, so there are never many of them."""


def count_try(who: str, *, now: datetime, most: int = TRIES) -> str:
    """Count a try, before it is looked at: during the lock-out a right one is not told from a wrong one (one query).

    Returns what `forget_tries` takes when it was right. Raises Refused(too_many_requests, 429).
    """
    key = _key(who)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # Count up, or begin anew where there is none or it is over: one statement, so nobody counts beside it.
        cursor.execute(
            f"INSERT INTO {TABLE} (key, tries, forgotten_at) VALUES (%s, 1, %s) ON CONFLICT (key) DO UPDATE SET "
            f"tries = CASE WHEN {TABLE}.forgotten_at <= %s THEN 1 ELSE {TABLE}.tries + 1 END, "
            f"forgotten_at = CASE WHEN {TABLE}.forgotten_at <= %s THEN excluded.forgotten_at "
            f"ELSE {TABLE}.forgotten_at END RETURNING tries",
            [key, *map(_stored, (now + timedelta(seconds=TRIES_SECONDS), now, now))],
        )
        tries = cursor.fetchone()[0]
    if tries > most:
        raise Refused("too_many_requests", status=429, seconds=_seconds_left(key, now))
    return key


def _key(who: str) -> str:
    return hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()


def _stored(moment: datetime) -> Any:
    """A time as this database keeps it."""
    return Tries._meta.get_field("forgotten_at").get_db_prep_value(moment, connection)


def _seconds_left(key: str, now: datetime) -> int:
    until = Tries.objects.filter(key=key).values_list("forgotten_at", flat=True).first()
    return max(1, ceil((until - now).total_seconds())) if until else 1


def forget_tries(key: str) -> None:
    """It was right: the count begins anew."""
    Tries.objects.filter(key=key).delete()


def hold_tries(who: str, *, now: datetime, seconds: int) -> Tries:
    """The count of `who`, locked to the end of the caller's transaction; what is over begins anew, for `seconds`."""
    key = _key(who)
    fresh = Tries(key=key, forgotten_at=now + timedelta(seconds=seconds))
    # Written even where it stands already: that locks it, whether it was there or not, and whoever sweeps meanwhile.
    Tries.objects.bulk_create([fresh], update_conflicts=True, unique_fields=["key"], update_fields=["key"])
    counted: Tries = Tries.objects.get(key=key)
    if counted.forgotten_at <= now:
        counted.tries, counted.locked_until, counted.forgotten_at = 0, None, fresh.forgotten_at
        counted.save()
    if counted.tries == 0:
        sweep_tries(now)
    return counted


def sweep_tries(now: datetime) -> None:
    """Some of the counts that are over go: asked for wherever anybody can begin new ones."""
    over = Tries.objects.select_for_update(skip_locked=True).filter(forgotten_at__lte=now)
    Tries.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:SWEPT])).delete()
