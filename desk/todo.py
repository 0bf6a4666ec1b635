"""The home pages: for each role what there is to do now, the most urgent first. A list of things, not a menu."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Min, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from depots.count_selectors import counts_to_settle
from desk.selectors import places
from manifests.corrections import open_one
from manifests.deadlines import DISCREPANCY, RECEIPT
from manifests.models import (
    UNDER_WAY,
    CollectionState,
    Correction,
    Line,
    Manifest,
    ManifestState,
    RoundState,
    to_treat,
)
from manifests.rounds import most_urgent_first, requests_of, rounds_of
from manifests.selectors import visible_manifests
from manifests.turns import turn_of, waiting
from manifests.walk_ins import waiting_for_firm
from scanner.rows import row_of
from scanner.selectors import to_be_seen
from wastetrack.alerts.models import Severity
from wastetrack.alerts.selectors import Explained, explained, foremost, open_alerts, tally
from wastetrack.parties.actors import Actor
from wastetrack.templatetags.trade import GRADES, LOOKS, Look
from wastetrack.waste.clock import KIND as STORAGE
from wastetrack.waste.clock import due_soon, warned
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import RESTING

SHOWN = 5
"""Rows of a section; the whole list is one tap away."""
MOST_WAITING = 60
SHOWN_ELSEWHERE = Q(kind=STORAGE) | Q(kind__in=[RECEIPT, DISCREPANCY], felt__lt=Severity.ALARM)
"""Alerts whose drums and manifests stand in sections of their own; those of manifests do not say that they are late."""
KEEPERS = frozenset({"collector", "treater"})
"""Who keeps others' waste, scans it in and counts it."""


@dataclass(frozen=True)
class Action:
    """Where something is done, in the words of a button."""

    label: str
    url: str


@dataclass(frozen=True)
class Section:
    """One thing to do or to know: its sentence, its first rows, where the rest is, and the one action it offers.

    `kind` says what the rows are: drums, manifests, wastes, walk_ins, scans, counts, collections, rounds, alerts.
    """

    key: str
    look: Look
    title: str
    kind: str
    rows: Sequence[Any]
    action: Action | None = None
    more: str = ""
    hidden: int = 0


@dataclass(frozen=True)
class Stock:
    """What the organisation holds, in figures."""

    containers: int = 0
    mass_g: int = 0
    overdue: int = 0
    due: int = 0
    logged: int = 0


@dataclass(frozen=True)
class Todo:
    """One organisation's day: what presses, what is only to be known, and its stock."""

    stock: Stock
    tasks: list[Section] = field(default_factory=list)
    notes: list[Section] = field(default_factory=list)


def todo_of(actor: Actor, now: datetime) -> Todo:
    """What the actor's organisation has to do, by its roles. The number of queries does not grow with its stock."""
    held = Container.objects.filter(holder=actor.organisation_id, state__in=RESTING)
    stock = _stock(held, now)
    tasks, notes = _manifest_tasks(actor), _on_the_way(actor)
    tasks[:0] = [*_to_drive(actor, now), *_leaving(actor, held, stock, now)]
    if actor.roles & KEEPERS:
        tasks += [*_to_fetch(actor), *_scans(actor), *_counts(actor)]
    alerts = _other_alerts(actor, now)
    if alerts and alerts[0].look == GRADES[Severity.ALARM]:
        tasks = alerts + tasks
    else:
        tasks += alerts
    # Who stands at a counter waits minutes for an answer, an alarm days.
    tasks = _at_counter(actor, now) + tasks
    if stock.logged:
        tasks.append(_unstored(held, stock.logged))
    if actor.roles & KEEPERS and stock.containers:
        notes += _by_waste(held)
    return Todo(stock, tasks, notes)


# --- drums -------------------------------------------------------------------------------------------------


def _stock(held: QuerySet[Container], now: datetime) -> Stock:
    late = Q(storage_deadline__lt=now)
    found = held.aggregate(
        containers=Count("id"),
        mass_g=Coalesce(Sum("mass_g"), 0),
        overdue=Count("id", filter=late),
        due=Count("id", filter=due_soon(now)),
        logged=Count("id", filter=Q(state=ContainerState.LOGGED)),
    )
    return Stock(**found)


def _leaving(actor: Actor, held: QuerySet[Container], stock: Stock, now: datetime) -> list[Section]:
    """What is overdue and what is due soon, each with the manifest that would take it away."""
    drums = held.annotate(warned=warned()).select_related("generator").order_by("storage_deadline", "id")
    late = with_places(drums.filter(storage_deadline__lt=now)[:SHOWN]) if stock.overdue else []
    due = with_places(drums.filter(due_soon(now))[:SHOWN]) if stock.due else []
    # Of the drums that the actor sees some stand with others, by whose deadlines nothing is to be done here.
    here = urlencode({"holder": actor.principal.uscc})
    sections = []
    if late:
        title = ngettext("%(n)d drum is overdue", "%(n)d drums are overdue", stock.overdue) % {"n": stock.overdue}
        sections.append(_drums("overdue", title, late, f"/containers?overdue=1&{here}", stock.overdue))
    if due:
        title = ngettext("%(n)d drum is due soon", "%(n)d drums are due soon", stock.due) % {"n": stock.due}
        sections.append(_drums("due", title, due, f"/containers?due=1&{here}", stock.due))
    return sections


def _drums(key: str, title: str, rows: Sequence[Container], more: str, count: int) -> Section:
    free = [row.short_code for row in rows if row.state == ContainerState.STORED]
    action = Action(_("Hand over"), hand_over_url(free)) if free else None
    return Section(key, LOOKS[key], title, "drums", rows, action, more, count - len(rows))


def hand_over_url(codes: Iterable[str]) -> str:
    """The page of a new manifest with these drums on it."""
    return f"/manifests/new?{urlencode([('container', code) for code in codes])}"


def _unstored(held: QuerySet[Container], count: int) -> Section:
    logged = held.filter(state=ContainerState.LOGGED).annotate(warned=warned()).select_related("generator")
    rows = with_places(logged.order_by("id")[:SHOWN])
    title = ngettext("%(n)d drum is not in the store yet", "%(n)d drums are not in the store yet", count) % {"n": count}
    more = "/containers?state=logged"
    action = Action(_("Scan in"), "/scan")
    return Section("logged", LOOKS["logged"], title, "drums", rows, action, more, count - len(rows))


def with_places(rows: Iterable[Container]) -> list[Container]:
    """The containers, each with `place`: the stay it is in now, or None (one query)."""
    containers = list(rows)
    where = places(containers) if containers else {}
    for container in containers:
        container.place = where.get(container.pk)  # type: ignore[attr-defined]
    return containers


def _by_waste(held: QuerySet[Container]) -> list[Section]:
    """What should leave next: the stock by waste, the nearest deadline first."""
    stored = held.filter(state=ContainerState.STORED)
    rows = list(
        stored.values("waste_code")
        .annotate(
            n=Count("id"),
            mass_g=Sum("mass_g"),
            first=Min("storage_deadline"),
            name=Min("name"),
            warned=Count("id", filter=warned()),
        )
        .order_by("first")[:SHOWN]
    )
    if not rows:
        return []
    return [Section("stock", Look("resting", icon="stack-2"), _("What should leave next"), "wastes", rows)]


def _at_counter(actor: Actor, now: datetime) -> list[Section]:
    """What the firm brought to a depot and is asked to confirm: somebody stands there and waits."""
    rows = list(waiting_for_firm(actor, now).order_by("id")[:SHOWN])
    if not rows:
        return []
    title = ngettext("A depot waits for you to confirm", "Depots wait for you to confirm", len(rows))
    return [Section("counter", LOOKS["waiting"], title, "walk_ins", rows)]


# --- rounds ------------------------------------------------------------------------------------------------


def _to_drive(actor: Actor, now: datetime) -> list[Section]:
    """The carrier's rounds of today, and those that are late or under way."""
    if "carrier" not in actor.roles:
        return []
    due = Q(state=RoundState.UNDER_WAY) | Q(state=RoundState.PLANNED, day__lte=timezone.localdate(now))
    found = list(rounds_of(actor).filter(due, carrier=actor.organisation_id).order_by("day", "id")[:MOST_WAITING])
    if not found:
        return []
    n, shown = len(found), found[:SHOWN]
    title = ngettext("%(n)d round to drive", "%(n)d rounds to drive", n) % {"n": n}
    action = Action(_("Drive it"), f"/rounds/{shown[0].pk}") if n == 1 else None
    return [Section("rounds", Look("moving", icon="route"), title, "rounds", shown, action, "/rounds", n - len(shown))]


def _to_fetch(actor: Actor) -> list[Section]:
    """The firms that ask the actor's depots to be fetched from and are on no round yet."""
    waits = requests_of(actor).filter(state=CollectionState.ASKED, depot__site__organisation=actor.organisation_id)
    found = list(most_urgent_first(waits)[:MOST_WAITING])
    if not found:
        return []
    n, shown = len(found), found[:SHOWN]
    title = ngettext("%(n)d firm waits to be fetched from", "%(n)d firms wait to be fetched from", n) % {"n": n}
    depots = {one.depot_id for one in found}
    action = Action(_("Plan a round"), f"/depots/{depots.pop()}/rounds/new" if len(depots) == 1 else "/rounds")
    look = Look("resting", icon="route")
    return [Section("collections", look, title, "collections", shown, action, "/collections", n - len(shown))]


# --- what was scanned and counted --------------------------------------------------------------------------


def _scans(actor: Actor) -> list[Section]:
    """What had happened in the yard and the rules do not bear: somebody looks at it and says what was done."""
    found = list(to_be_seen(actor)[:MOST_WAITING])
    if not found:
        return []
    n, shown = len(found), [row_of(actor, scan) for scan in found[:SHOWN]]
    title = ngettext("%(n)d scan to be looked at", "%(n)d scans to be looked at", n) % {"n": n}
    action = Action(_("Look"), "/scans?open=1")
    return [Section("scans", Look("due", icon="scan"), title, "scans", shown, action, "/scans?open=1", n - len(shown))]


def _counts(actor: Actor) -> list[Section]:
    """Counted bays whose differences are not all explained."""
    found = list(counts_to_settle(actor)[:MOST_WAITING])
    if not found:
        return []
    n, shown = len(found), found[:SHOWN]
    title = ngettext("%(n)d count with open differences", "%(n)d counts with open differences", n) % {"n": n}
    more = f"/depots/{shown[0].depot_id}/counts"
    return [Section("counts", LOOKS["counted"], title, "counts", shown, None, more, n - len(shown))]


# --- what else is due --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pressing:
    """The alerts of a kind and severity: the most urgent in words, how many there are, and where they are."""

    words: Explained
    count: int

    @property
    def address(self) -> str:
        alert = self.words.alert
        return f"/alerts/{alert.pk}" if self.count == 1 else f"/alerts?{urlencode({'kind': alert.kind})}"


def _other_alerts(actor: Actor, now: datetime) -> list[Section]:
    """The alerts that the organisation answers for and no other section shows: permits, papers, bays, filings…"""
    mine = open_alerts(actor).filter(own=True, felt__gte=Severity.WARNING).exclude(SHOWN_ELSEWHERE)
    counted = tally(mine)
    if not counted:
        return []
    first = {(one.severity, one.alert.kind): one for one in explained(foremost(mine, most=1), now)}
    rows = [Pressing(first[one.severity, one.kind], one.count) for one in counted if (one.severity, one.kind) in first]
    n = sum(one.count for one in counted)
    title = ngettext("%(n)d warning to deal with", "%(n)d warnings to deal with", n) % {"n": n}
    action = Action(_("Look"), "/alerts")
    look, shown = GRADES[counted[0].severity], rows[:SHOWN]
    return [Section("alerts", look, title, "alerts", shown, action, "/alerts", len(rows) - len(shown))]


# --- manifests ---------------------------------------------------------------------------------------------


def _manifest_tasks(actor: Actor) -> list[Section]:
    """The manifests whose next step is the organisation's, by that step."""
    lines = Line.objects.select_related("container", "discrepancy").prefetch_related("discrepancy__statements")
    lines = lines.annotate(untreated=to_treat(actor.organisation_id))
    proposed = Prefetch("corrections", Correction.objects.filter(settled_at=None).prefetch_related("consents"))
    rows = waiting(actor).order_by("id").prefetch_related(Prefetch("lines", lines), proposed)
    found = list(rows[:MOST_WAITING])
    by_step: dict[str, list[Manifest]] = defaultdict(list)
    for manifest in found:
        step = _next_step(manifest, actor)
        if step:
            by_step[step].append(manifest)
    return [_step(step, by_step[step]) for step in STEPS if step in by_step]


def _next_step(manifest: Manifest, actor: Actor) -> str:
    """The step that the actor's organisation owes, whether or not this user may take it."""
    proposal = open_one(list(manifest.corrections.all()))
    steps = turn_of(manifest, list(manifest.lines.all()), _as_writer(actor), proposal=proposal).steps
    return next((step for step in steps if step in STEPS), "")


def _as_writer(actor: Actor) -> Actor:
    return Actor(actor.user, actor.organisation, "operator", actor.via)


STEPS = {
    "approve": Look("due", icon="pencil"),
    "receive": Look("moving", icon="map-pin"),
    "take_back": Look("overdue", icon="arrow-back-up"),
    "settle": Look("due", icon="scale"),
    "depart": Look("moving", icon="truck-loading"),
    "take-over": Look("moving", icon="truck-delivery"),
    "deliver": Look("moving", icon="truck-delivery"),
    "treat": Look("resting", icon="recycle"),
    "issue": Look("resting", icon="signature"),
    "revise": Look("due", icon="pencil"),
    "close": Look("resting", icon="circle-check"),
}
"""A manifest's steps in the order in which they press."""


def _title(step: str, n: int) -> str:
    texts = {
        "approve": ngettext("%(n)d correction to agree to", "%(n)d corrections to agree to", n),
        "receive": ngettext("%(n)d load at the gate", "%(n)d loads at the gate", n),
        "take_back": ngettext(
            "%(n)d load with refused drums to take back", "%(n)d loads with refused drums to take back", n
        ),
        "settle": ngettext("%(n)d difference in mass to settle", "%(n)d differences in mass to settle", n),
        "depart": ngettext("%(n)d load to collect", "%(n)d loads to collect", n),
        "take-over": ngettext("%(n)d load to take over", "%(n)d loads to take over", n),
        "deliver": ngettext("%(n)d load to deliver", "%(n)d loads to deliver", n),
        "treat": ngettext("%(n)d receipt to treat", "%(n)d receipts to treat", n),
        "issue": ngettext("%(n)d draft to issue", "%(n)d drafts to issue", n),
        "revise": ngettext("%(n)d draft to revise", "%(n)d drafts to revise", n),
        "close": ngettext("%(n)d manifest to close", "%(n)d manifests to close", n),
    }
    return texts[step] % {"n": n}


def _step(step: str, rows: Sequence[Manifest]) -> Section:
    look, n = STEPS[step], len(rows)
    action = Action(_("Scan"), "/scan") if step in ("receive", "take_back") else None
    shown = rows[:SHOWN]
    return Section(step, look, _title(step, n), "manifests", shown, action, "/manifests?state=waiting", n - len(shown))


def _on_the_way(actor: Actor) -> list[Section]:
    """What others are moving: coming here, and sent from here."""
    mine = visible_manifests(actor)
    coming = mine.filter(receiver=actor.organisation_id, state=ManifestState.IN_TRANSIT).order_by("departed_at", "id")
    sent = mine.filter(sender=actor.organisation_id, state__in=UNDER_WAY).order_by("id")
    carried = mine.filter(carrier=actor.organisation_id, state=ManifestState.DELIVERED).order_by("id")
    sections = [
        _way("coming", _("On the road to you"), coming, "/manifests?state=in_transit&party=receiver"),
        _way("sent", _("Sent and under way"), sent, "/manifests?party=sender"),
        _way("carried", _("Delivered, not yet received"), carried, "/manifests?state=delivered"),
    ]
    return [section for section in sections if section.rows]


def _way(key: str, title: str, rows: QuerySet[Manifest], more: str) -> Section:
    found = list(rows[: SHOWN + 1])
    shown = found[:SHOWN]
    return Section(key, LOOKS["in_transit"], title, "manifests", shown, None, more, len(found) - len(shown))
