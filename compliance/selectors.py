"""What firms must file, and what they have filed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from compliance.duties import Duty, Firm, Standing, masses_from
from compliance.models import Filing, FilingKind
from wastetrack.alerts.models import PAST_DUE, Alert
from wastetrack.districts.selectors import Figures, figures_for
from wastetrack.errors import NotFound, invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Permit, PermitKind
from wastetrack.schemas import row_id
from wastetrack.waste.generation import first_logged, masses_by_month

YEAR = timedelta(days=365)
YEAR_TYPED = re.compile(r"\d{4}", re.ASCII)
MOST_OPEN = 24
"""Of what is still to be filed, so many are shown at once."""
WATCHES = ("declaration", "management_plan")
"""The kinds of alert about filings."""


def firms_of(
    organisations: Sequence[Organisation], limits: dict[int, Figures], today: date, *, classed: bool = True
) -> list[Firm]:
    """What the duties of these follow from, whatever they are (four queries); `limits` by the organisation's id.

    Without `classed` they have no masses, and so no class: enough for the plans, which all file alike.
    """
    ids = [one.pk for one in organisations]
    first = {pk: timezone.localdate(moment) for pk, moment in first_logged(ids).items()}
    months: Mapping[int, Mapping[date, int]] = {}
    if classed and first:
        months = masses_by_month(list(first), max(min(first.values()), masses_from(today)), today)
    permits = defaultdict[int, list[tuple[date, date]]](list)
    held = Permit.objects.filter(organisation__in=ids).exclude(kind=PermitKind.TRANSPORT)
    for pk, valid_from, valid_to in held.values_list("organisation", "valid_from", "valid_to"):
        permits[pk].append((valid_from, valid_to))
    filed = defaultdict[int, set[tuple[str, str]]](set)
    filings = Filing.objects.filter(organisation__in=ids, withdrawn_at=None)
    for pk, kind, period in filings.values_list("organisation", "kind", "period"):
        filed[pk].add((kind, period))
    return [
        Firm(
            organisation=one,
            today=today,
            first=first.get(one.pk),
            months=months.get(one.pk, {}),
            permits=tuple(permits[one.pk]),
            limits=limits[one.pk],
            filed=frozenset(filed[one.pk]),
        )
        for one in organisations
    ]


def firm_of(organisation: Organisation, now: datetime) -> Firm:
    """What one organisation's duties follow from (six queries)."""
    place = (organisation.division, organisation.pk)
    limits = figures_for("supervision", [place])[place]
    return firms_of([organisation], {organisation.pk: limits}, timezone.localdate(now))[0]


def supervision_class(organisation: Organisation, now: datetime) -> Standing:
    """How closely an organisation is watched, and why: by its permits, and by the most it logged in a year."""
    firm = firm_of(organisation, now)
    return firm.on(firm.today)


def open_duties(firm: Firm) -> list[Duty]:
    """What the firm has still to file and could file now, and what comes within a year, the first due first."""
    duties = [duty for kind in FilingKind for duty in firm.open(kind, MOST_OPEN)]
    near = [duty for duty in duties if min(duty.due - YEAR, duty.fileable_from) <= firm.today]
    return sorted(near, key=lambda duty: duty.due)


def filings_of(actor: Actor) -> QuerySet[Filing]:
    """What was filed, what was recorded last first, as far as the actor may see it."""
    rows: QuerySet[Filing] = Filing.objects.visible_to(actor)
    return rows.select_related("organisation", "recorded_by").order_by("-id")


def matching(filings: QuerySet[Filing], search: str, kind: str, year: str) -> QuerySet[Filing]:
    """Of these those of firms whose name holds this text, or who have this credit code; of a kind; of a year.

    Raises Invalid(unknown_kind_of_filing at `kind`, wrong_type at `year`).
    """
    if search:
        filings = filings.filter(Q(organisation__name__icontains=search) | Q(organisation__uscc=search.upper()))
    if kind and kind not in FilingKind.values:
        raise invalid("kind", "unknown_kind_of_filing")
    if year and not YEAR_TYPED.fullmatch(year):
        raise invalid("year", "wrong_type")
    return filings.filter(**({"kind": kind} if kind else {}), period__startswith=year)


def get_filing(actor: Actor, filing_id: str) -> Filing:
    """Raises NotFound(unknown_filing) alike for one that is hidden and one that there is not."""
    filing = filings_of(actor).filter(pk=row_id(filing_id)).first()
    if filing is None:
        raise NotFound("unknown_filing")
    return filing


def overdue_filings(actor: Actor) -> QuerySet[Alert]:
    """The open alerts of what was not filed in time, the longest overdue first, as far as the actor may see them."""
    rows: QuerySet[Alert] = Alert.objects.visible_to(actor).filter(kind__in=WATCHES, state__in=PAST_DUE)
    return rows.select_related("organisation", "acknowledged_by").order_by("due_at", "id")
