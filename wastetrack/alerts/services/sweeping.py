"""The sweep: reads what the log has new for the watches, raises what is due, looks again at what must be looked at."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Q

from wastetrack.alerts.models import Alert, Bookmark, Recheck
from wastetrack.alerts.registry import Subjects, Watch, kinds, watch_of, watches
from wastetrack.alerts.services.deadlines import tomorrow
from wastetrack.alerts.services.settling import astray, settle
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import head
from wastetrack.ledger.services import seal
from wastetrack.parties.models import Organisation

log = logging.getLogger(__name__)
BATCH = 200
LOG_BATCH = 200
LOG = "log"
AGAIN = timedelta(minutes=10)
"""When a subject that could not be looked at gets its next turn."""
DAY = timedelta(days=1)


def sweep(now: datetime, *, recorded_at: datetime | None = None) -> int:
    """Raise every alert that is due by `now`; returns how many moved. Reads only what is due or new in the log.

    Works in bounded batches, each a transaction: a kill loses nothing, and several sweepers take turns (decision 0024).
    What cannot be looked at is logged, tried again later, and does not stop the rest. `recorded_at` is the clock's
    time where `now` is a rehearsal's; without it they are the same.
    """
    seal()
    work = _Sweep(now, recorded_at or now)
    work.begin()
    while any([work.read_log(), work.raise_due(), work.look_again()]):
        pass
    return work.moved


@dataclass
class _Sweep:
    now: datetime
    recorded_at: datetime
    moved: int = 0
    stuck: set[int] = field(default_factory=set)
    end: int | None = None
    """The log's size when it first read it: what comes later is the next sweep's, by a later clock."""

    def begin(self) -> None:
        """A watch that is new here has all its subjects looked at once, before what happens from now on.

        So has one that was away: what happened meanwhile was not looked at by it.
        """
        begun = set(Bookmark.objects.filter(Q(name=LOG) | Q(name__startswith="watch:")).values_list("name", flat=True))
        known = {f"watch:{watch.kind}": watch for watch in watches() if watch.find}
        if begun == {LOG, *known}:
            return
        with transaction.atomic():
            Bookmark.objects.get_or_create(name=LOG, defaults={"after": head() - 1})
            for name in begun - {LOG, *known}:
                Recheck.objects.filter(kind=name.partition(":")[2]).delete()
                Bookmark.objects.filter(name=name).delete()
            for name in known.keys() - begun:
                _, made = Bookmark.objects.get_or_create(name=name)
                if made:
                    watch = known[name]
                    Recheck.objects.create(kind=watch.kind, next_at=self.now, daily=_subjects_of(watch).daily)

    # --- what is new in the log ---

    def read_log(self) -> bool:
        """Look at the subjects that the next entries of the log concern; whether there may be more."""
        after = Bookmark.objects.get(name=LOG).after
        fields = ("index", "kind", "subject", "payload")
        entries = list(Entry.objects.filter(index__gt=after).order_by("index").only(*fields)[:LOG_BATCH])
        if entries and self.end is None:
            self.end = head()
        entries = [entry for entry in entries if entry.index < (self.end or 0)]
        if not entries:
            return False
        wrong = {watch.kind: self._astray(watch.kind, sorted(_touched(watch, entries))) for watch in watches()}
        with _turn() as turn:
            # Where another sweeper was faster, it has looked at the same and noted the same.
            if turn.filter(after=after).update(after=entries[-1].index):
                for kind, abouts in wrong.items():
                    self._settle(kind, abouts)
                _note_figures(entries, self.now)
        return True

    # --- what is due ---

    def raise_due(self) -> bool:
        """Move the next batch of what is due; whether there may be more."""
        # Of a kind that nobody knows any more nothing is looked at.
        due = Alert.objects.filter(next_at__lte=self.now, kind__in=kinds()).exclude(pk__in=self.stuck)
        if not due.exists():
            return False
        with _turn():
            # Those of one kind alone: a turn is short, and holds no rows in an order that others do not have.
            kind = due.order_by("next_at", "id").values_list("kind", flat=True).first()
            rows = list(due.filter(kind=kind).order_by("next_at", "id")[:BATCH])
            if kind:
                self._settle(kind, [row.about for row in rows], remember=False)
            # What is due still although it was looked at would be due for ever.
            again = Alert.objects.filter(pk__in=[row.pk for row in rows], next_at__lte=self.now)
            states = {row.pk: row.state for row in rows}
            self.stuck |= {pk for pk, state in again.values_list("pk", "state") if state == states[pk]}
        return bool(rows)

    # --- what must be looked at again ---

    def look_again(self) -> bool:
        """Look at the next batch of one recheck; whether there may be more."""
        waiting = Q(next_at__lte=self.now)
        if self.now == self.recorded_at:
            # A rehearsal of a later day has put daily looks off to that day: by the clock they are due.
            waiting |= Q(daily=True, next_at__gt=self.now + 2 * DAY)
        recheck = Recheck.objects.filter(waiting).order_by("next_at", "id").first()
        if recheck is None:
            return False
        if recheck.kind not in kinds():
            Recheck.objects.filter(pk=recheck.pk).delete()
            return True
        page = _page_of(recheck)
        wrong = self._astray(recheck.kind, page.abouts)
        with _turn():
            # Two sweepers may look at the same page: the second finds that it was turned.
            mine = Recheck.objects.filter(pk=recheck.pk, after=recheck.after, next_at=recheck.next_at)
            if page.last:
                turned = mine.update(after=page.last)
            elif recheck.daily:
                turned = mine.update(after=0, next_at=tomorrow(self.now))
            else:
                turned, _ = mine.delete()
            if turned:
                self._settle(recheck.kind, wrong)
        return True

    # --- one bad subject stops nothing ---

    def _astray(self, kind: str, abouts: Sequence[str]) -> Sequence[str]:
        """The subjects that must be settled.

        SQLite has one lock for all: there the look comes first, since most is as it should be. It may be trusted
        because facts change there one transaction after the other, as the log tells them. Where rows are locked one
        by one, a settling that is under way may not be seen yet: there all are settled, each in its turn.
        """
        if connection.features.has_select_for_update:
            return abouts
        wrong: list[str] = []
        for batch in _batches(abouts):
            try:
                wrong += astray(kind, batch, now=self.now)
            except Exception:
                log.info("%s: one of %d cannot be looked at", kind, len(batch))
                wrong += batch
        return wrong

    def _settle(self, kind: str, abouts: Sequence[str], *, remember: bool = True) -> None:
        """Settle these; those that cannot be are logged, and get another turn unless they are due anyway."""
        for batch in _batches(abouts):
            try:
                with transaction.atomic():
                    self.moved += settle(kind, batch, now=self.now, recorded_at=self.recorded_at)
            except Exception:
                if len(batch) > 1:
                    for about in batch:
                        self._settle(kind, [about], remember=remember)
                    continue
                log.exception("%s of %s cannot be looked at", kind, batch[0])
                if remember:
                    Recheck.objects.get_or_create(kind=kind, about=batch[0], defaults={"next_at": self.now + AGAIN})


@contextmanager
def _turn() -> Iterator[Any]:
    """A transaction in which no other sweeper reads facts and moves alerts: one after the other has its turn.

    So whoever reads the log on sees every alert that was made from the facts before.
    """
    with transaction.atomic():
        turn = Bookmark.objects.filter(name=LOG)
        list(turn.select_for_update())
        yield turn


def _batches(abouts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (abouts[start : start + BATCH] for start in range(0, len(abouts), BATCH))


def _touched(watch: Watch, entries: Sequence[Entry]) -> set[str]:
    """Which subjects the entries ask a watch to look at; an entry that it cannot read is logged and left."""
    try:
        return watch.touched(entries)
    except Exception:
        if len(entries) == 1:
            log.exception("%s cannot read entry %s", watch.kind, entries[0].index)
            return set()
    return set().union(*(_touched(watch, [entry]) for entry in entries))


class _Page(NamedTuple):
    abouts: Sequence[str]
    last: int
    """The key of its last row; 0 where it is the last page."""


def _page_of(recheck: Recheck) -> _Page:
    """What a recheck has to look at next."""
    if recheck.about:
        return _Page([recheck.about], 0)
    subjects = _subjects_of(watch_of(recheck.kind))
    found = subjects.rows().filter(pk__gt=recheck.after).order_by("pk")
    if recheck.division:
        found = found.filter(**{f"{subjects.division}__startswith": recheck.division})
    if recheck.organisation_id:
        found = found.filter(**{subjects.organisation: recheck.organisation_id})
    rows = list(found[:BATCH])
    return _Page([subjects.about(row) for row in rows], rows[-1].pk if len(rows) == BATCH else 0)


def _subjects_of(watch: Watch) -> Subjects:
    """All that a watch may look at: where it does not say, the subjects that have a deadline set."""
    if watch.subjects is not None:
        return watch.subjects
    return Subjects(
        rows=lambda: Alert.objects.filter(kind=watch.kind, resolved_at=None),
        about=lambda alert: str(alert.about),
        organisation="organisation_id",
        division="division",
    )


def _note_figures(entries: Iterable[Entry], now: datetime) -> None:
    """Figures have changed: what is timed by them is looked at again, by batches and not now."""
    changed: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.kind in {"district.set_figure", "district.withdraw", "organisation.tighten", "organisation.loosen"}:
            changed.add((entry.subject, entry.data.get("key", "pairs")))
        elif entry.kind == "district.set_pair":
            changed.add((entry.subject, "pairs"))
    for subject, key in sorted(changed):
        scope, _, name = subject.partition(":")
        own = Organisation.objects.filter(uscc=name).first() if scope == "organisation" else None
        for watch in watches():
            if key in watch.reads and (own or scope == "district"):
                where = {"organisation": own} if own else {"division": name}
                Recheck.objects.create(kind=watch.kind, next_at=now, **where)
