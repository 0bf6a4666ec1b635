"""The watches: what can fall due, in words. Each app registers its own in `<app>/watches/`, one file a watch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal

from django.db.models import QuerySet

from wastetrack.alerts.models import Severity
from wastetrack.districts.selectors import Figures, Place, figures_for
from wastetrack.ledger.models import Entry
from wastetrack.regulations.clauses import Citation
from wastetrack.regulations.parameters import Parameter, declare, withdraw

ESCALATION = "alerts.escalate_days"


@dataclass(frozen=True)
class Deadline:
    """A cause to warn: the subject, who answers for it and where, and when it is due.

    With `warn_at` it is a date: warned from then on, overdue after `due_at`. Without, it is a level: it is warned of
    since it was first seen, and overdue since it was first seen to be `over`.
    """

    about: str
    """The subject as the ledger names it: `container:<code>`."""
    organisation_id: int
    division: str
    """The district that may read it; empty: none."""
    warn_at: datetime | None = None
    due_at: datetime | None = None
    over: bool = False
    clause: str = ""
    """A key of the clauses; empty: the watch's own."""
    cause: str = ""
    """Which of several causes in turn it is, where a subject has them: the period to declare. Another is another
    alert, with its own times and nobody's note on it."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What the sentences need."""
    also: Sequence[int] = ()
    """The ids of further organisations that are told."""
    look_at: datetime | None = None
    """When to look again although nothing has been recorded by then."""


@dataclass(frozen=True)
class Whereabouts:
    """Where a subject is just now, in a sentence of the active language."""

    sentence: str
    action: str = ""
    """What goes on from there, as the words on a button, where that is something else than its watch's action."""
    link: str = ""


@dataclass(frozen=True)
class Look:
    """One look at subjects: by which clock, and which figures hold where."""

    now: datetime

    def figures(self, table: str, places: Iterable[Place]) -> dict[Place, Figures]:
        """The figures of a table by (division, organisation's id), tightenings in them (two queries)."""
        return figures_for(table, places)


@dataclass(frozen=True)
class Subjects:
    """Every row that a watch may have to look at; paths lead to its organisation's id and its division."""

    rows: Callable[[], QuerySet[Any]]
    about: Callable[[Any], str]
    organisation: str
    division: str
    daily: bool = False
    """Whether all are looked at once a day, because they change without an entry in the log. For small tables."""


Find = Callable[[Sequence[str], Look], Iterable[Deadline]]
"""Of these subjects, the deadlines of those that have a cause; a constant number of queries however many."""


@dataclass(frozen=True)
class Watch:
    """One kind of deadline, whole: what it looks at and when, by which figures, whom it tells, and in which words."""

    kind: str
    title: Any
    sentences: Mapping[str, Any]
    """Its sentence for each state, %(name)s of the alert's details; `overdue` stands for `escalated` too."""
    action: Any
    """What ends it, as the words on a button."""
    find: Find | None = None
    """None: what was set with `services.watch` holds until it is ended."""
    on: Mapping[str, Callable[[Sequence[Entry]], Iterable[str]]] = field(default_factory=dict)
    """Which subjects to look at after entries of a kind (`container.*`)."""
    subjects: Subjects | None = None
    """All it may look at; None: the subjects that have a deadline set."""
    clause: str = ""
    citation: Citation | None = None
    """The clause itself, where the table of clauses does not have it."""
    severity: Severity = Severity.ALARM
    """How grave it is at worst, once overdue; a warning is at most a WARNING."""
    by_silence: bool = False
    """Whether its day comes only if nothing is recorded until then: no calendar has it before somebody is warned."""
    legal: bool = True
    """Whether the law asks for it: somebody of the organisation is told when it is overdue, whatever they choose."""
    figures: Sequence[str] = ()
    """The figures it reads (`storage_point.max_kg`), and `pairs` for the compatibility table: where one changes, its
    subjects are looked at anew."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """Figures that it brings itself, by their dotted keys; they are among those it reads."""
    district: Literal["escalated", "at once", "never"] = "escalated"
    """When the regulator is told of it. It may read all of its district's at any time."""
    link: str = ""
    """Where the action is done, a path with %(name)s of the details."""
    more: Sequence[tuple[Any, str]] = ()
    """What else is to be seen before one decides, for whoever reads it: words and a path, as action and link."""
    office_action: Any = ""
    """Where it is the office of the district that ends it: the words on its button. Its way there is `office_link`."""
    office_link: str = ""
    where: Callable[[Sequence[str]], Mapping[str, Whereabouts]] | None = None
    """Where its subjects are just now: read with the alert, since they move. A constant number of queries."""
    states: Mapping[str, Any] = field(default_factory=dict)
    """What its states are called where the usual words, due soon and overdue, do not fit it."""

    @cached_property
    def reads(self) -> frozenset[str]:
        """Every figure whose change asks for another look."""
        escalation = [ESCALATION] if self.district == "escalated" else []
        return frozenset([*self.figures, *self.parameters, *escalation])

    def touched(self, entries: Sequence[Entry]) -> set[str]:
        """Which subjects these entries ask to look at."""
        found: set[str] = set()
        for pattern, subjects_of in self.on.items():
            if concerned := [entry for entry in entries if fnmatchcase(entry.kind, pattern)]:
                found.update(subjects_of(concerned))
        return found

    def severity_at(self, state: str) -> Severity:
        """How grave it is in a state."""
        usual = {"warned": Severity.WARNING, "overdue": Severity.ALARM, "escalated": Severity.ALARM}
        return min(usual.get(state, Severity.QUIET), self.severity)

    def tells_district(self, state: str) -> bool:
        """Whether the district is told of it in this state."""
        return self.district == "at once" or (self.district == "escalated" and state == "escalated")


def subjects_themselves(entries: Sequence[Entry]) -> Iterable[str]:
    """For `on`: the subjects that the entries are about."""
    return {entry.subject for entry in entries}


_watches: dict[str, Watch] = {}


def register(watch: Watch) -> Watch:
    """Make a watch known. Registering another under the same kind is a mistake."""
    if _watches.get(watch.kind, watch) != watch:
        raise ValueError(f"two watches are called {watch.kind}")
    for key, figure in watch.parameters.items():
        declare(key, replace(figure, group=figure.group or watch.title))
    _watches[watch.kind] = watch
    return watch


def forget(watch: Watch) -> None:
    """Unregister a watch and its own figures; its alerts stay as they are and are not looked at any more."""
    _watches.pop(watch.kind, None)
    for key in watch.parameters:
        withdraw(key)


def watch_of(kind: str) -> Watch:
    """The watch of a kind; KeyError for an unknown one."""
    return _watches[kind]


def kinds() -> list[str]:
    """Every registered kind."""
    return sorted(_watches)


def watches() -> list[Watch]:
    """Every registered watch, by kind."""
    return [_watches[kind] for kind in kinds()]
