"""Since when and for how long a container may stay in a depot, by its own way and that of what it came out of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from depots.models import Depot
from depots.selectors import kept_since, permit_of
from wastetrack.regulations.storage import StorageLimit, deadline
from wastetrack.waste import clock
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import ancestors


@dataclass(frozen=True)
class Term:
    """The day from which the storage time counts, and its limit."""

    since: date
    limit: StorageLimit


def plain_term(container: Container, depot: Depot, *, since: date, on: date) -> Term:
    """The term of a container that came out of no other."""
    return Term(since, _limit(container.waste_code, depot, on))


def family_term(container: Container, depot: Depot, *, on: date) -> Term:
    """The term of a container that may have come out of others: the strictest that any of them would have.

    Otherwise waste would gain time by being put into another drum, under another's code, and going out and coming
    back. One query a generation and one more.
    """
    family = [container, *ancestors([container])]
    since = earliest(family, depot, on=on)
    limits = [_limit(code, depot, on) for code in sorted({one.waste_code for one in family})]
    return Term(since, min(limits, key=lambda limit: deadline(since, limit)))


def earliest(family: Sequence[Container], depot: Depot, *, on: date) -> date:
    """The first day on which the depot's organisation had any of these; `on` where it never had one."""
    return min([*kept_since(family, depot.organisation_id).values(), on])


def _limit(waste_code: str, depot: Depot, on: date) -> StorageLimit:
    permit = permit_of(depot, on)
    return clock.limit_for(depot.site.organisation.role_set, permit.kind if permit else None, waste_code, on)
