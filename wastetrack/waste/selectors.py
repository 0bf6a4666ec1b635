"""Reading containers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from wastetrack.errors import FieldError, Invalid, NotFound
from wastetrack.parties.actors import Actor
from wastetrack.parties.visibility import VisibleQuerySet
from wastetrack.regulations.identifiers import CONTAINER_CODE_RE, normalise_short_code, short_code_ok
from wastetrack.waste.models import Container, ContainerState

RESTING = (ContainerState.LOGGED, ContainerState.STORED, ContainerState.COMMITTED)
"""States in which a container stands somewhere and its storage clock runs."""


def by_code(text: str) -> VisibleQuerySet:
    """The container of a 37-digit or short code as typed; none for anything else."""
    containers: VisibleQuerySet = Container.objects.select_related("generator", "holder", "origin")
    long = "".join(text.split()).upper()
    if CONTAINER_CODE_RE.fullmatch(long):
        return containers.filter(code=long)
    short = normalise_short_code(text)
    return containers.filter(short_code=short) if short_code_ok(short) else containers.none()


def get_container(actor: Actor, text: str) -> Container:
    """The container, if the actor may see it. Raises NotFound(unknown_code) alike for hidden and for unknown ones."""
    container: Container | None = by_code(text).visible_to(actor).first()
    if container is None:
        raise NotFound("unknown_code")
    return container


def overdue(containers: QuerySet[Container], now: datetime) -> QuerySet[Container]:
    """Those that stand somewhere longer than they may."""
    return containers.filter(state__in=RESTING, storage_deadline__lt=now)


def by_codes(actor: Actor, texts: Sequence[str], *, field: str = "codes") -> list[Container]:
    """The containers of these codes, in this order, all of which the actor may see (one query).

    Raises Invalid naming every code that is unknown or hidden, alike, and every code given twice.
    """
    wanted = ["".join(text.split()).upper() for text in texts]
    shorts = [normalise_short_code(text) for text in texts]
    rows = Container.objects.visible_to(actor).filter(Q(code__in=wanted) | Q(short_code__in=shorts))
    found = {
        code: row for row in rows.select_related("generator", "holder", "origin") for code in (row.code, row.short_code)
    }
    containers, errors = [], []
    for number, (long, short) in enumerate(zip(wanted, shorts, strict=True)):
        container = found.get(long) or found.get(short)
        if container is None:
            errors.append(FieldError(f"{field}.{number}", "unknown_code"))
        elif container in containers:
            errors.append(FieldError(f"{field}.{number}", "duplicate_container"))
        else:
            containers.append(container)
    if errors:
        raise Invalid(*errors)
    return containers
