"""The page of plans and declarations: what is due when, that it was filed, and what was filed before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from compliance.duties import Duty, Firm
from compliance.models import Filing, FilingKind
from compliance.periods import read_period
from compliance.selectors import WATCHES, filings_of, firm_of, get_filing, matching, open_duties, overdue_filings
from compliance.services import FILERS, record_filing, withdraw_filing
from compliance.words import period_name
from wastetrack.alerts.selectors import explained, title_of
from wastetrack.districts.selectors import figures_for
from wastetrack.errors import Refused
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.pages import field_messages, nonce_again, printable, redirect_once, seen_from
from wastetrack.parties.actors import Actor
from wastetrack.regulations.clauses import cite
from wastetrack.waste.clock import end_of

PAGE = 50


@dataclass(frozen=True)
class Row:
    """A duty or a filing in words."""

    title: str
    period: str
    value: str
    """How the form says which one is meant."""
    due: datetime | None = None
    warned: bool = False
    """Whether it is near enough to be warned of."""
    duty: Duty | None = None
    filing: Filing | None = None
    fileable: bool = False


@require_http_methods(["GET", "HEAD", "POST"])
def filings(request: HttpRequest) -> HttpResponse:
    """What is due and what was filed; a filing recorded. A regulator sees what its district has not filed in time."""
    actor, refusal = actor_of(request), None
    if request.method == "POST":
        try:
            return redirect_once(request, lambda: f"/filings#filing-{_recorded(request).pk}")
        except Refused as error:
            refusal = error
    asked = {name: request.GET.get(name, "").strip()[:60] for name in ("search", "kind", "year")}
    context = {
        "asked": asked,
        "kinds": FilingKind.choices,
        **_duties(actor, now_of(request)),
        "page": page_of(
            matching(filings_of(actor), **asked),
            request.GET.get("cursor"),
            PAGE,
            lambda found: list(map(_filed, found)),
        ),
        **(_overdue(actor, now_of(request)) if actor.is_regulator else {}),
        "may_record": actor.may_write and bool(actor.roles & FILERS),
        "typed": request.POST if refusal else {"filing": request.GET.get("filing", ""), "filed_on": _today(request)},
        "errors": _at_fields(refusal) if refusal else {},
        **seen_from(actor, "/manifests"),
        **nonce_again(refusal),
    }
    return render(request, "compliance/filings.html", context, status=refusal.status if refusal else 200)


@require_POST
def withdraw(request: HttpRequest, filing_id: str) -> HttpResponse:
    """Take back that it was filed."""
    actor, now = actor_of(request), now_of(request)
    filing = get_filing(actor, filing_id)
    reason = printable(request.POST).get("reason", "")
    return redirect_once(
        request,
        lambda: f"/filings#filing-{withdraw_filing(actor=actor, filing=filing, reason=reason, now=now).pk}",
    )


def _recorded(request: HttpRequest) -> Filing:
    typed = printable(request.POST)
    kind, _, period = typed.get("filing", "").partition(" ")
    return record_filing(
        actor=actor_of(request),
        kind=kind,
        period=period,
        filed_on=typed.get("filed_on", ""),
        reference=typed.get("reference", ""),
        now=now_of(request),
    )


def _at_fields(refusal: Refused) -> dict[str, str]:
    """The form has one field for kind and period."""
    named = {"kind": "filing", "period": "filing"}
    return {named.get(name, name): text for name, text in field_messages(refusal).items()}


def _today(request: HttpRequest) -> str:
    return timezone.localdate(now_of(request)).isoformat()


def _duties(actor: Actor, now: datetime) -> dict[str, Any]:
    """What the organisation has still to file, and the class that this follows from; nothing for a regulator."""
    if not actor.roles & FILERS:
        return {"duties": [], "firm": None}
    firm, place = firm_of(actor.principal, now), (actor.principal.division, actor.principal.pk)
    days = timedelta(days=int(figures_for("filings", [place])[place]["warn_days"]))
    duties = [_due(firm, duty, days) for duty in open_duties(firm)]
    return {
        "firm": firm,
        "standing": firm.on(firm.today),
        "clause": cite("supervision_class", firm.today),
        "limits": firm.limits,
        "duties": duties,
        "fileable": [row for row in duties if row.fileable],
    }


def _overdue(actor: Actor, now: datetime) -> dict[str, Any]:
    """What a regulator's district has not filed in time, the longest overdue first; of many, ways to all of them."""
    found = list(overdue_filings(actor)[: PAGE + 1])
    return {
        "overdue": explained(found[:PAGE], now),
        "ways_on": [(kind, title_of(kind)) for kind in WATCHES] if len(found) > PAGE else [],
    }


def _due(firm: Firm, duty: Duty, warn_days: timedelta) -> Row:
    return Row(
        title=str(duty.kind.label),
        period=period_name(duty.period),
        value=f"{duty.kind.value} {duty.period.code}",
        due=end_of(duty.due),
        # Not by an alert: of several duties of a kind it tells of the first alone.
        warned=duty.due - warn_days <= firm.today,
        duty=duty,
        fileable=duty.fileable_from <= firm.today,
    )


def _filed(filing: Filing) -> Row:
    period = read_period(filing.period)
    assert period is not None
    return Row(
        title=str(FilingKind(filing.kind).label),
        period=period_name(period),
        value=f"{filing.kind} {filing.period}",
        filing=filing,
    )
