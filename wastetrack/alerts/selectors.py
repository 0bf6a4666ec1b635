"""Reading alerts: the bell, the list, and the sentence of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, Exists, F, Max, Min, Q, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce, Least, RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from wastetrack.alerts.models import OPEN_STATES, PAST_DUE, Alert, AlertState, Severity
from wastetrack.alerts.registry import Watch, Whereabouts, kinds, watch_of, watches
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import Actor
from wastetrack.regulations.clauses import Citation, cite
from wastetrack.units import GRAMS_PER_KG, mass_text

GRAVEST_FIRST = (Severity.ALARM, Severity.WARNING, Severity.NOTICE)
"""What an open alert may be, the gravest first."""
URGENT = Coalesce("due_at", "warn_at")
"""By what the most urgent comes first: when it is due; of a level, since when it is there."""
A_MASS = re.compile(r"%\((\w+)\)s kg")
"""Where a sentence says a mass: kilograms below a tonne, tonnes above, whichever way the details have it."""
FOLDED = 3
"""So many of a kind are shown in a list of all kinds; the others are one tap away."""


def open_alerts(actor: Actor) -> QuerySet[Any]:
    """The actor's open alerts `as_felt`, most urgent first. The bell, the home pages and the lists count these."""
    return are_open(alerts_of(actor)).order_by(URGENT, "id")


def alerts_of(actor: Actor) -> QuerySet[Any]:
    """All that the actor may read, quiet and resolved ones too, `as_felt`."""
    return as_felt(in_words(Alert.objects.visible_to(actor)), actor)


def are_open(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of which somebody is warned. A watch that is quiet at worst warns nobody."""
    return rows.filter(state__in=OPEN_STATES, severity__gt=Severity.QUIET)


def overdue_before(rows: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
    """Those that are overdue since before the moment."""
    return are_open(rows).filter(state__in=PAST_DUE, due_at__lt=moment)


def is_told(kind: str, about: Any, organisation: Any) -> Exists:
    """Whether an alert of this kind is open about a row of another table, for the organisation that answers for it.

    `about` and `organisation` are expressions over that row (`OuterRef`). It costs one look into an index a row,
    however many alerts there are.
    """
    found = Alert.objects.filter(kind=kind, about=about, organisation=organisation)
    # The index is of those that are not resolved: an open state alone would not lead to it.
    return Exists(found.filter(resolved_at=None, state__in=OPEN_STATES))


def in_words(rows: QuerySet[Alert]) -> QuerySet[Alert]:
    """The rows with what `explain` and a page need of others."""
    return rows.select_related("organisation", "acknowledged_by")


def falling_due(rows: QuerySet[Any]) -> QuerySet[Any]:
    """What is to be done by a day, quiet or told: what a calendar shows.

    What would come only of silence is no such thing until it has come.
    """
    silent = [watch.kind for watch in watches() if watch.by_silence]
    return rows.filter(resolved_at=None, due_at__isnull=False).exclude(state=AlertState.WATCHING, kind__in=silent)


def open_counts(actor: Actor) -> dict[str, int]:
    """How many alerts are open that concern the actor, by severity as it is felt, the gravest first: the bell's."""
    counts = dict(
        open_alerts(actor).filter(Alert.addressed_to(actor)).order_by().values_list("felt").annotate(n=Count("id"))
    )
    return {grade.name.lower(): counts.get(grade.value, 0) for grade in GRAVEST_FIRST}


def as_felt(rows: QuerySet[Alert], actor: Actor) -> QuerySet[Any]:
    """The rows with `own`, whether the actor answers for it, and `felt`, how grave it is to the actor.

    An office has all of its district in its care, and answers for what is addressed to it; to others, what they do not
    answer for is a notice at most.
    """
    if actor.is_regulator:
        # Not the bare column: a window over a second name of a column loses its rows.
        rows = rows.annotate(felt=Least(F("severity"), Value(int(Severity.ALARM))))
        own = Alert.addressed_to(actor)
    else:
        own = Q(organisation=actor.organisation_id)
        others = Least(F("severity"), Value(int(Severity.NOTICE)))
        rows = rows.annotate(felt=Case(When(own, then=F("severity")), default=others))
    return rows.annotate(own=Case(When(own, then=Value(True)), default=Value(False)))


def severity_felt(alert: Alert) -> Severity:
    """How grave the alert is to whom it was read for (`as_felt`); of a row read for nobody, how grave it is."""
    return Severity(getattr(alert, "felt", alert.severity))


# --- many alerts, folded -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How many open alerts there are of a kind and a severity as it is felt, the reader's own or others'."""

    severity: Severity
    kind: str
    own: bool
    title: str
    count: int
    first: datetime
    """When the most urgent of them is due."""


def tally(rows: QuerySet[Any]) -> list[Tally]:
    """These alerts (`as_felt`) counted by severity and kind and whether they are the reader's own (one query).

    The gravest and then the most urgent first.
    """
    found = rows.order_by().values_list("felt", "kind", "own").annotate(n=Count("id"), first=Min(URGENT))
    counted = [Tally(Severity(felt), kind, bool(own), title_of(kind), n, first) for felt, kind, own, n, first in found]
    return sorted(counted, key=lambda one: (-one.severity, one.first, one.kind, not one.own))


def foremost(rows: QuerySet[Any], most: int = FOLDED) -> list[Any]:
    """Of each of the groups that `tally` counts the most urgent alerts (one query)."""
    groups = [F("felt"), F("kind"), F("own")]
    place = Window(RowNumber(), partition_by=groups, order_by=[URGENT.asc(), F("id").asc()])
    return list(rows.annotate(place=place).filter(place__lte=most).order_by(URGENT, "id"))


def page_by_urgency(rows: QuerySet[Alert], cursor: Alert | None, limit: int) -> tuple[list[Alert], bool]:
    """The alerts after `cursor` (None: from the beginning), the most urgent first, and whether there are more."""
    if cursor is not None:
        at = cursor.due_at or cursor.warn_at
        rows = rows.alias(urgent=URGENT).filter(Q(urgent__gt=at) | Q(urgent=at, id__gt=cursor.pk))
    found = list(rows.order_by(URGENT, "id")[: limit + 1])
    return found[:limit], len(found) > limit


# --- one alert, in words -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explained:
    """An alert in words: what, where, since when, by which clause, and the one action that ends it."""

    alert: Alert
    title: str
    sentence: str
    state: str
    """What its state is called."""
    action: str
    link: str
    office_action: str
    """What the office of its district can do to end it, where anything; done at `office_link`."""
    office_link: str
    more: Sequence[tuple[str, str]]
    """What else is to be seen before one decides: words and where."""
    citation: Citation | None
    severity: Severity
    days_left: int | None
    """Days to its due time, negative when it has passed; None for a level that is not over. Of what is resolved: when
    it was."""
    escalated_at: datetime | None = None
    """When the district was told that it stays overdue, where `explained` has read it."""

    @property
    def due_at(self) -> datetime | None:
        """When it is or was due; None where being late has another word: then that began, see `late_since`."""
        worded = _was_late(self.alert) and own_word(self.alert.kind, AlertState.OVERDUE)
        return None if worded else self.alert.due_at

    @property
    def late_since(self) -> date | None:
        """See `late_since`."""
        return late_since(self.alert.due_at) if self.alert.due_at else None

    @property
    def told_at(self) -> datetime | None:
        """Since when it is before the office, of what is addressed to it: escalated, or told of at once."""
        return self.escalated_at or self.alert.opened_at


def title_of(kind: str) -> str:
    """What alerts of a kind are about; the kind itself where its watch is no longer known."""
    return str(_watch_of(kind).title)


def late_since(due_at: datetime) -> date:
    """The first day of being late: where a whole day was in time, the next one."""
    return timezone.localdate(due_at + timedelta(seconds=1))


def own_word(kind: str, state: str) -> str:
    """What a state of this kind is called; empty where the usual word fits it."""
    return str(_watch_of(kind).states.get(state, ""))


def known_kinds() -> list[tuple[str, str]]:
    """Every kind there is and its title, by title."""
    return sorted(((kind, title_of(kind)) for kind in kinds()), key=lambda both: both[1])


def _watch_of(kind: str) -> Watch:
    """The watch of a kind. One that is no longer registered has left alerts behind, which are told by their subject."""
    try:
        return watch_of(kind)
    except KeyError:
        return Watch(kind=kind, title=kind, sentences={"warned": "%(subject)s"}, action="")


def explain(alert: Alert, now: datetime) -> Explained:
    """Put one alert into words in the active language; of several, see `explained`."""
    return explained([alert], now)[0]


def _explain(alert: Alert, now: datetime, escalated_at: datetime | None, where: Whereabouts | None) -> Explained:
    watch = _watch_of(alert.kind)
    told_at = alert.due_at or alert.warn_at
    day: date = told_at.astimezone(now.tzinfo).date()
    at = alert.resolved_at.astimezone(now.tzinfo) if alert.resolved_at else now
    days, late = (day - at.date()).days, _was_late(alert)
    # Never below zero: a rehearsed sweep makes overdue what by this clock is not.
    told = max(0, -days if late else days)
    since = (alert.opened_at or alert.warn_at).astimezone(now.tzinfo).date()
    names = {
        "organisation": alert.organisation.name,
        "subject": alert.about,
        "key": alert.about.partition(":")[2],
        "due": day.isoformat(),
        "since": since.isoformat(),
        "days": told,
    }
    words = _Words({**alert.data, **names})
    said = watch.sentences.get(alert.state) or (watch.sentences.get("overdue") if late else None)
    sentence = _with_masses(str(said or watch.sentences["warned"]), words) % words
    return Explained(
        alert=alert,
        title=str(watch.title),
        sentence=_("%(sentence)s %(where)s") % {"sentence": sentence, "where": where.sentence} if where else sentence,
        state=str(watch.states.get(alert.state) or alert.get_state_display()),
        action=where.action if where and where.action else str(watch.action) % words,
        link=where.link if where and where.link else watch.link % words,
        office_action=str(watch.office_action),
        office_link=watch.office_link % words,
        more=[(str(label) % words, link % words) for label, link in watch.more],
        citation=cite(alert.clause, day) if alert.clause else watch.citation,
        severity=severity_felt(alert),
        days_left=days if alert.due_at else None,
        escalated_at=escalated_at,
    )


class _Words(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        # An alert from before its sentence came to need this.
        return "—"


def _with_masses(sentence: str, words: Mapping[str, Any]) -> str:
    def said(match: re.Match[str]) -> str:
        try:
            return mass_text(int(Decimal(words[match[1]]) * GRAMS_PER_KG))
        except ArithmeticError:
            return match[0]

    return A_MASS.sub(said, sentence)


def _was_late(alert: Alert) -> bool:
    """Whether it is told as overdue: it is, or it was when its cause ended."""
    ended_late = alert.resolved_at is not None and alert.due_at is not None and alert.due_at < alert.resolved_at
    return alert.state in PAST_DUE or ended_late


def explained(alerts: Iterable[Alert], now: datetime) -> list[Explained]:
    """Alerts in words in the active language, with where their subjects stand, and when the district was told of those
    that stayed overdue (a query for the latter, a constant number for each kind that tells where it stands)."""
    rows = list(alerts)
    told = _escalations([alert.subject for alert in rows if alert.state == AlertState.ESCALATED])
    where = _whereabouts(rows)
    return [_explain(alert, now, told.get(alert.subject), where.get(alert.pk)) for alert in rows]


def _whereabouts(alerts: Sequence[Alert]) -> dict[int, Whereabouts]:
    """Where the subjects are, by the alert's id, of watches that tell it.

    Of what is resolved it is not told: by now its subject may stand with somebody else.
    """
    found: dict[int, Whereabouts] = {}
    for kind in {alert.kind for alert in alerts}:
        open_ones = [alert for alert in alerts if alert.kind == kind and alert.resolved_at is None]
        if open_ones and (where := _watch_of(kind).where):
            said = where([alert.about for alert in open_ones])
            found |= {alert.pk: said[alert.about] for alert in open_ones if alert.about in said}
    return found


def _escalations(subjects: list[str]) -> dict[str, datetime]:
    """When the district was told, by the alert's subject."""
    rows = Entry.objects.filter(subject__in=subjects, kind="alert.escalate")
    return dict(rows.order_by().values_list("subject").annotate(at=Max("event_time")))
