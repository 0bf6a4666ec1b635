"""Alerts: what is due and overdue, one of them with its history, the bell, and the word about a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from desk.district import warnings_of
from wastetrack.alerts.models import Alert, AlertState, Severity
from wastetrack.alerts.registry import kinds
from wastetrack.alerts.selectors import (
    FOLDED,
    GRAVEST_FIRST,
    Explained,
    Tally,
    alerts_of,
    are_open,
    explained,
    falling_due,
    foremost,
    open_alerts,
    overdue_before,
    page_by_urgency,
    tally,
    title_of,
)
from wastetrack.alerts.services import acknowledge
from wastetrack.errors import Invalid, NotFound, NotPermitted, invalid
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import history_of
from wastetrack.pages import field_messages, go_to, next_of, printable, seen_from
from wastetrack.parties.actors import Actor
from wastetrack.templatetags.trade import GRADES, Look
from wastetrack.waste.clock import start_of

PAGE, RESOLVED_SHOWN = 30, 5
TOLD = "told"
"""The section of what others answer for."""
MOST_TOLD, MOST_ASKED = 2, 50
"""Alerts that a toast puts into words, and those that a page may ask about at once."""
YEARS = range(2000, 2200)
SEVERITIES = {grade.name.lower(): grade for grade in GRAVEST_FIRST}
NAMES = {Severity.ALARM: _("Alarms"), Severity.WARNING: _("Warnings"), Severity.NOTICE: _("Notices")}


# --- the list ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """Which alerts the address asks for."""

    kind: str = ""
    severity: str = ""
    organisation: str = ""
    """The code of an organisation, or a piece of its name."""
    day: date | None = None
    """Only what is due that day, what nobody is warned of yet among it."""
    before: date | None = None
    """Only what is overdue since before that day."""
    whole: bool = False
    """For a regulator: all of the district, not only what it is told of."""
    resolved: bool = False

    @classmethod
    def by(cls, fields: QueryDict) -> Wanted:
        """Raises Invalid(unknown_kind | unknown_severity | wrong_type) at the field."""
        names = ("kind", "severity", "organisation", "day", "before")
        asked = {name: fields.get(name, "").strip()[:60] for name in names}
        if asked["kind"] and asked["kind"] not in kinds():
            raise invalid("kind", "unknown_kind")
        if asked["severity"] and asked["severity"] not in SEVERITIES:
            raise invalid("severity", "unknown_severity")
        return cls(
            kind=asked["kind"],
            severity=asked["severity"],
            organisation=asked["organisation"],
            day=_day("day", asked["day"]),
            before=_day("before", asked["before"]),
            whole=fields.get("scope") == "all",
            resolved=fields.get("resolved") == "1",
        )

    def address(self, **changes: Any) -> str:
        """The address of this list, or of another that differs by `changes`."""
        to = replace(self, **changes)
        fields = {
            "scope": "all" if to.whole else "",
            "kind": to.kind,
            "severity": to.severity,
            "organisation": to.organisation,
            "day": to.day.isoformat() if to.day else "",
            "before": to.before.isoformat() if to.before else "",
            "resolved": "1" if to.resolved else "",
        }
        query = urlencode({name: text for name, text in fields.items() if text})
        return f"/alerts?{query}" if query else "/alerts"

    @property
    def is_mixed(self) -> bool:
        """Whether a list of single alerts may hold several kinds."""
        return not self.kind

    @property
    def is_dated(self) -> bool:
        """Whether it is what the calendar leads to: of everybody whom the reader sees there."""
        return bool(self.day or self.before)

    @property
    def is_one_list(self) -> bool:
        """Whether every single alert is listed, page by page; otherwise the kinds are folded."""
        return bool(self.kind or self.is_dated or self.resolved)

    def among(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The open alerts, or those of the day, that are asked for."""
        if self.day is None:
            rows = are_open(rows)
        else:
            begins = start_of(self.day)
            rows = falling_due(rows).filter(due_at__gte=begins, due_at__lt=begins + timedelta(days=1))
        if self.before:
            rows = overdue_before(rows, start_of(self.before))
        if self.kind:
            rows = rows.filter(kind=self.kind)
        return rows.filter(felt=SEVERITIES[self.severity]) if self.severity else rows


def _day(field: str, text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        raise invalid(field, "wrong_type") from None
    if found and found.year not in YEARS:
        raise invalid(field, "wrong_type")
    return found


@dataclass(frozen=True)
class Tab:
    """One of the ways to narrow a list: its words, its address, how many it would show."""

    label: Any
    address: str
    count: int
    here: bool
    look: Look | None = None


@dataclass(frozen=True)
class Group:
    """A kind's alerts of one severity, folded: the most urgent in words, and where all are."""

    title: str
    count: int
    shown: Sequence[Explained]
    address: str

    @property
    def hidden(self) -> int:
        return self.count - len(self.shown)


@dataclass(frozen=True)
class Section:
    """All open alerts of one severity, or all that the reader is only told of."""

    name: str
    label: Any
    look: Look
    groups: Sequence[Group]

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)


@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """The open alerts, the gravest first, in words with their action; many of a kind are folded into one row."""
    actor, now = actor_of(request), now_of(request)
    wanted = Wanted.by(request.GET)
    mine = _of(actor, wanted.organisation)
    whole = wanted.whole or wanted.is_dated or not actor.is_regulator
    rows = mine if whole else mine.filter(own=True)
    everybody = tally(are_open(mine))
    counted = [one for one in everybody if whole or one.own]
    among = sorted({(one.kind, one.title) for one in counted}, key=lambda both: both[1])
    context = {
        "wanted": wanted,
        "back": wanted.address(kind="", day=None, before=None, resolved=False),
        "narrowed": bool(wanted.kind or wanted.severity or wanted.organisation),
        "clear": wanted.address(kind="", organisation="", severity=""),
        "heading": title_of(wanted.kind) if wanted.kind else "",
        "kinds": among,
        "filters": not wanted.is_dated and (len(among) > 1 or bool(wanted.kind) or actor.is_regulator),
        "grades": _grades(wanted, counted),
        "scopes": _scopes(wanted, everybody) if actor.is_regulator else [],
        **(_listed(request, rows, wanted) if wanted.is_one_list else _folded(rows, wanted, actor, counted, now)),
    }
    return render(request, "desk/alerts.html", context)


def _of(actor: Actor, organisation: str) -> QuerySet[Any]:
    """The alerts that the actor may read, of everybody or of the organisations that are meant."""
    rows = alerts_of(actor)
    if not organisation:
        return rows
    return rows.filter(Q(organisation__uscc=organisation.upper()) | Q(organisation__name__icontains=organisation))


def _scopes(wanted: Wanted, everybody: Sequence[Tally]) -> list[Tab]:
    """A regulator's two lists: what it is told of, and all of its district."""
    grade = SEVERITIES.get(wanted.severity)
    found = [one for one in everybody if wanted.kind in ("", one.kind)]
    told = _sum([one for one in found if one.own], grade)
    return [
        Tab(_("Addressed to you"), wanted.address(whole=False), told, not wanted.whole),
        Tab(_("All of the district"), wanted.address(whole=True), _sum(found, grade), wanted.whole),
    ]


def _grades(wanted: Wanted, counted: Sequence[Tally]) -> list[Tab]:
    """All of them, and those of each severity."""
    of_kind = [one for one in counted if wanted.kind in ("", one.kind)]
    everything = Tab(_("All"), wanted.address(severity=""), _sum(of_kind), not wanted.severity)
    return [everything] + [
        Tab(NAMES[grade], wanted.address(severity=name), _sum(of_kind, grade), wanted.severity == name, GRADES[grade])
        for name, grade in SEVERITIES.items()
    ]


def _sum(counted: Sequence[Tally], severity: Severity | None = None) -> int:
    return sum(one.count for one in counted if severity in (None, one.severity))


def _folded(
    rows: QuerySet[Any], wanted: Wanted, actor: Actor, counted: Sequence[Tally], now: datetime
) -> dict[str, Any]:
    """What the reader answers for by severity and kind, then what it is only told, then what was resolved lately."""
    groups = _groups(rows, wanted, actor, counted, now)
    sections = [Section(name, NAMES[grade], GRADES[grade], groups.get(name, [])) for name, grade in SEVERITIES.items()]
    sections.append(Section(TOLD, _("For your information"), GRADES[Severity.NOTICE], groups.get(TOLD, [])))
    resolved = rows.filter(state=AlertState.RESOLVED).order_by("-resolved_at", "-id")[:RESOLVED_SHOWN]
    return {
        "sections": [section for section in sections if section.groups],
        "resolved": [] if wanted.severity else explained(resolved, now),
        "resolved_address": wanted.address(resolved=True),
    }


def _groups(
    rows: QuerySet[Any], wanted: Wanted, actor: Actor, counted: Sequence[Tally], now: datetime
) -> dict[str, list[Group]]:
    """Section → of each kind how many there are and the most urgent few in words, the most urgent kind first."""

    def section(severity: Severity, own: bool) -> str:
        return severity.name.lower() if own or actor.is_regulator else TOLD

    counts: dict[tuple[str, str], list[Tally]] = defaultdict(list)
    for one in counted:
        if wanted.severity in ("", one.severity.name.lower()):
            counts[section(one.severity, one.own), one.kind].append(one)
    shown = defaultdict(list)
    for words in explained(foremost(wanted.among(rows)), now):
        own = words.alert.own  # type: ignore[attr-defined]
        shown[section(words.severity, own), words.alert.kind].append(words)
    groups: dict[str, list[Group]] = defaultdict(list)
    for (name, kind), ones in counts.items():
        address = wanted.address(kind=kind, severity=ones[0].severity.name.lower())
        groups[name].append(Group(ones[0].title, _sum(ones), shown[name, kind][:FOLDED], address))
    return groups


def _listed(request: HttpRequest, rows: QuerySet[Alert], wanted: Wanted) -> dict[str, Any]:
    """One page of every single alert."""
    now, cursor = now_of(request), request.GET.get("cursor", "")
    if wanted.resolved:
        ended = rows.filter(state=AlertState.RESOLVED)
        page = page_of(ended.filter(kind=wanted.kind) if wanted.kind else ended, cursor, PAGE, list)
        return {"listed": explained(page["items"], now), "next": page["next"]}
    found, more = page_by_urgency(wanted.among(rows), _mark(rows, cursor), PAGE)
    return {"listed": explained(found, now), "next": found[-1].pk if more else None}


def _mark(rows: QuerySet[Alert], cursor: str) -> Alert | None:
    """The alert after which the page begins. Raises Invalid(bad_cursor)."""
    if not cursor:
        return None
    known = cursor.isascii() and cursor.isdigit() and len(cursor) < 19
    alert = rows.filter(pk=int(cursor)).first() if known else None
    if alert is None:
        raise invalid("cursor", "bad_cursor")
    return alert


# --- one alert ---------------------------------------------------------------------------------------------


@require_safe
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """One alert: what it says, what ends it, and what has become of it so far, from the log."""
    return _page(request, _get(actor_of(request), alert_id))


def _page(request: HttpRequest, row: Alert, refusal: Invalid | None = None) -> HttpResponse:
    """The alert's page; with what was typed and why it can't be, where a note was refused."""
    actor = actor_of(request)
    history = [entry for entry in history_of([row.subject]) if entry.addressed_to(actor)]
    context = {
        "words": explained([row], now_of(request))[0],
        "history": history,
        "ended_by": _ended_by(row, actor),
        **seen_from(actor, "/alerts"),
    }
    if refusal:
        context |= {"errors": field_messages(refusal), "typed": request.POST}
    return render(request, "desk/alert_page.html", context, status=refusal.status if refusal else 200)


def _ended_by(row: Alert, actor: Actor) -> Entry | None:
    """The last entry about its subject between the alert's last word and its end, where the actor may read it.

    None where nothing was recorded of the subject itself: time has ended it, a figure, or what became of others.
    """
    if row.resolved_at is None:
        return None
    *before, end = Entry.objects.filter(subject=row.subject).exclude(kind="alert.acknowledge").order_by("pk")
    if not before:
        return None
    found = Entry.objects.filter(subject=row.about, pk__gt=before[-1].pk, pk__lt=end.pk)
    last = found.order_by("pk").last()
    return last if last and last.addressed_to(actor) else None


def _get(actor: Actor, alert_id: int) -> Alert:
    row = alerts_of(actor).filter(pk=alert_id).first()
    if row is None:
        raise NotFound("unknown_alert")
    return row


@require_POST
def acknowledge_alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Say that it was seen and what is planned; it stays open until its cause ends."""
    actor, now = actor_of(request), now_of(request)
    row = _get(actor, alert_id)
    if not row.is_open:
        raise NotFound("unknown_alert")
    note = " ".join(printable(request.POST).get("note", "").split())
    try:
        acknowledge(row, actor=actor, note=note, now=now)
    except Invalid as refusal:
        return _page(request, row, refusal)
    return go_to(next_of(request, f"/alerts/{alert_id}"))


# --- the bell and the toast --------------------------------------------------------------------------------


@require_safe
def bell(request: HttpRequest) -> HttpResponse:
    """The bell with its counts."""
    actor_of(request)
    return render(request, "partials/bell.html")


@require_safe
def lately(request: HttpRequest) -> HttpResponse:
    """The part of a regulator's page that says what it is told of. Raises NotPermitted(not_your_part) for others."""
    actor = actor_of(request)
    if not actor.is_regulator:
        raise NotPermitted("not_your_part")
    return render(request, "desk/district_alerts.html", {"warnings": warnings_of(actor, now_of(request))})


@require_safe
def toast(request: HttpRequest) -> HttpResponse:
    """What to say about new alerts: the gravest in words, the rest as a number; 204 where none concerns the reader."""
    actor, now = actor_of(request), now_of(request)
    ids = [int(text) for text in request.GET.getlist("id")[:MOST_ASKED] if _is_number(text)]
    rows = open_alerts(actor).filter(Alert.addressed_to(actor))
    found = list(rows.filter(pk__in=ids).order_by("-felt", "due_at", "id"))
    if not found:
        return HttpResponse(status=204)
    more = request.GET.get("more", "")
    # Of what was not named nobody knows whether it concerns a regulator.
    unnamed = int(more) if _is_number(more) and not actor.is_regulator else 0
    hidden = len(found[MOST_TOLD:]) + unnamed
    return render(request, "desk/toast.html", {"alerts": explained(found[:MOST_TOLD], now), "more": hidden})


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
