"""What a firm generates, month by month: the drums it logged itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from django.db.models import Case, OuterRef, QuerySet, Subquery, Sum, Value, When

from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Organisation
from wastetrack.regulations.identifiers import CONTAINER_CODE_RE
from wastetrack.waste.clock import start_of
from wastetrack.waste.models import Container, ContainerState

USCC_LENGTH = 18


def generated(rows: QuerySet[Container] | None = None) -> QuerySet[Container]:
    """The containers, of all or of these, that their generators have filled with waste of their own.

    What came out of other containers is no new waste, and what was logged by mistake is none.
    """
    rows = Container.objects.all() if rows is None else rows
    return rows.filter(parents=None).exclude(state=ContainerState.VOIDED)


def generated_in(month: date, rows: QuerySet[Container]) -> QuerySet[Container]:
    """Of these containers those that count for the local month that begins on this day."""
    return generated(rows).filter(logged_at__gte=start_of(month), logged_at__lt=start_of(month_of(month, 1)))


def masses_by_month(organisation_ids: Collection[int], since: date, last: date) -> dict[int, dict[date, int]]:
    """Grams that each has logged in each local month, from one to another, by its first day (one query).

    The mass is what it weighs now; the month is that of its logging, so that what is past changes by correction alone.
    """
    months = [month_of(since)]
    while months[-1] < month_of(last):
        months.append(month_of(months[-1], 1))
    ends = [start_of(month_of(month, 1)) for month in months]
    rows = generated().filter(
        generator__in=organisation_ids, logged_at__gte=start_of(months[0]), logged_at__lt=ends[-1]
    )
    sums = rows.order_by().annotate(month=_number(months, ends)).values_list("generator", "month")
    found: dict[int, dict[date, int]] = {pk: {} for pk in organisation_ids}
    for pk, number, mass_g in sums.annotate(mass_g=Sum("mass_g")):
        found[pk][months[number]] = mass_g
    return found


def _number(months: Sequence[date], ends: Sequence[datetime]) -> Case:
    """In which of these months a drum was logged, asked for by year first.

    The database compares moments: SQLite has no time zones, and would call Python for the month of every drum.
    """
    years: dict[int, list[int]] = {}
    for number, month in enumerate(months):
        years.setdefault(month.year, []).append(number)
    return Case(
        *(
            When(logged_at__lt=ends[year[-1]], then=Case(*(When(logged_at__lt=ends[n], then=Value(n)) for n in year)))
            for year in years.values()
        )
    )


def first_logged(organisation_ids: Collection[int]) -> dict[int, datetime]:
    """When each logged its first drum; those are left out that never did (one query)."""
    drums = generated().filter(generator=OuterRef("pk")).order_by("logged_at")
    firms = Organisation.objects.filter(pk__in=organisation_ids)
    firms = firms.annotate(first=Subquery(drums.values("logged_at")[:1])).filter(first__isnull=False)
    return dict(firms.values_list("pk", "first"))


def month_of(day: date, months: int = 0) -> date:
    """The first day of a day's month, or of one so many months later."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def fillers(entries: Iterable[Entry]) -> set[str]:
    """For a watch's `on`: the organisations that filled the containers of these entries. The code names them."""
    codes = {entry.subject.partition(":")[2] for entry in entries}
    return {f"organisation:{code[:USCC_LENGTH]}" for code in codes if CONTAINER_CODE_RE.fullmatch(code)}
