"""The storage clock of a container: set when it comes to rest somewhere, stopped when it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from wastetrack.alerts.services import Deadline, end, watch
from wastetrack.parties.actors import Actor
from wastetrack.regulations.storage import StorageLimit, deadline, storage_limit, warn_from
from wastetrack.waste.models import Container

KIND = "storage"
LAST_MOMENT = time(23, 59, 59)


def end_of(day: date) -> datetime:
    """The last second of a local day."""
    return timezone.make_aware(datetime.combine(day, LAST_MOMENT))


def start_of(day: date) -> datetime:
    """The first moment of a local day."""
    return timezone.make_aware(datetime.combine(day, time.min))


def storage_role(roles: Iterable[str]) -> str:
    """Which of an organisation's roles sets its storage limit: the strictest business it is in."""
    return next((role for role in ("collector", "treater") if role in set(roles)), "generator")


def limit_for(roles: Iterable[str], permit_kind: str | None, waste_code: str, on: date) -> StorageLimit:
    """The storage limit for a holder with these roles and this permit."""
    return storage_limit(storage_role(roles), permit_kind, waste_code, on)


def set_deadline(container: Container, limit: StorageLimit, start: date) -> None:
    """Put the deadline and its clause on the container (not saved here)."""
    container.storage_deadline = end_of(deadline(start, limit))
    container.storage_clause = limit.clause


def start(containers: Sequence[Container], *, limit: StorageLimit, organisation_id: int, division: str) -> None:
    """Watch the containers' storage deadlines for whoever holds them now; `limit` says how long before to warn."""
    watch(_deadline(container, limit, organisation_id, division) for container in containers)


def _deadline(container: Container, limit: StorageLimit, organisation_id: int, division: str) -> Deadline:
    assert container.storage_deadline is not None
    last_day = timezone.localdate(container.storage_deadline)
    return Deadline(
        kind=KIND,
        about=container.subject,
        organisation_id=organisation_id,
        division=division,
        warn_at=start_of(warn_from(last_day, limit)),
        due_at=container.storage_deadline,
        clause=container.storage_clause,
        details={"code": container.code, "short_code": container.short_grouped, "name": container.name},
    )


def stop(containers: Sequence[Container], *, actor: Actor, now: datetime) -> None:
    """It left, was treated or voided: nothing to be late with."""
    end(KIND, [container.subject for container in containers], actor=actor, now=now)


def soon(now: datetime) -> datetime:
    """Deadlines before this count as due soon: the usual warning time ahead of now."""
    return now + timedelta(days=storage_limit("generator", None, "900-249-08", timezone.localdate(now)).warn_days)
