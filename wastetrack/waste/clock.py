"""The storage clock of a container: set when it comes to rest somewhere, stopped when it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Concat
from django.utils import timezone

from wastetrack.alerts.selectors import is_told
from wastetrack.alerts.services import Deadline, end, watch
from wastetrack.parties.actors import Actor
from wastetrack.regulations.parameters import parameter
from wastetrack.regulations.storage import StorageLimit, deadline, storage_limit, unit_of, warn_from
from wastetrack.waste.models import Container

KIND = "storage"
LAST_MOMENT = time(23, 59, 59)
WARN_DAYS = {"calendar": "warn_days", "working": "warn_working_days"}
"""Which figure of the storage time says how long before to warn, by the unit in which the limit counts."""


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


def start(containers: Sequence[Container], *, organisation_id: int, division: str) -> None:
    """Watch the containers' storage deadlines for whoever holds them now, warned of by the rules' own figures.

    Where the district or the holder wants to be warned at another time, the sweep that reads the entry sets it right:
    no scan waits for their figures.
    """
    rules = {name: parameter(f"storage.{name}").value for name in WARN_DAYS.values()}
    watch(KIND, [deadline_of(container, organisation_id, division, rules) for container in containers])


def deadline_of(
    container: Container, organisation_id: int, division: str, figures: Mapping[str, int | Decimal]
) -> Deadline:
    """The deadline of a container's storage time; `figures` are those of the table `storage` where it stands."""
    assert container.storage_deadline is not None
    last_day, unit = timezone.localdate(container.storage_deadline), unit_of(container.storage_clause)
    return Deadline(
        about=container.subject,
        organisation_id=organisation_id,
        division=division,
        warn_at=start_of(warn_from(last_day, int(figures[WARN_DAYS[unit]]), unit)),
        due_at=container.storage_deadline,
        clause=container.storage_clause,
        details={"code": container.code, "short_code": container.short_grouped, "name": container.name},
    )


def stop(containers: Sequence[Container], *, actor: Actor, now: datetime) -> None:
    """It left, was treated or voided: nothing to be late with."""
    end(KIND, [container.subject for container in containers], actor=actor, now=now)


def warned(at: str = "") -> Exists:
    """Whether a container's holder is warned of its storage time, for rows that lead to it at `at` (`container__`).

    It is the open alert itself: so a page says what the bell says, by the figures of the district and of the holder.
    A container that no sweep has looked at yet is not warned of.
    """
    about = Concat(Value("container:"), OuterRef(f"{at}code"), output_field=CharField())
    return is_told(KIND, about, OuterRef(f"{at}holder"))


def due_soon(now: datetime, at: str = "") -> Q:
    """The containers that are due soon: warned of and not overdue. `at` as for `warned`."""
    return Q(**{f"{at}storage_deadline__gte": now}) & Q(warned(at))
