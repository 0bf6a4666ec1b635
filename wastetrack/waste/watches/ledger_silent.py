"""Stock that stands while nobody writes anything about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import CharField, Count, Max, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wastetrack.alerts.models import OPEN_STATES, Alert, Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register
from wastetrack.ledger.models import Entry, EntryReader
from wastetrack.parties.models import Organisation
from wastetrack.parties.visibility import ORGANISATION_KEY
from wastetrack.regulations.parameters import Parameter
from wastetrack.units import kg_text
from wastetrack.waste.clock import end_of, start_of
from wastetrack.waste.generation import fillers
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import RESTING, STOCK_ENTRIES

KIND = "ledger_silent"


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    """From the firm's own last entry about any drum; its stock and that entry in one query."""
    uscc = [about.partition(":")[2] for about in abouts]
    organisations = list(_with_last_entry(Organisation.objects.filter(uscc__in=uscc)))
    held = Container.objects.filter(holder__in=organisations, state__in=RESTING).order_by().values("holder")
    stock = {row["holder"]: row for row in held.annotate(n=Count("id"), mass_g=Sum("mass_g"), last=Max("logged_at"))}
    places = {one: (one.division, one.pk) for one in organisations if one.pk in stock}
    figures = look.figures("ledger", places.values())
    for one, place in places.items():
        stands = stock[one.pk]
        last = timezone.localdate(one.last_said_at or stands["last"])
        silent = last + timedelta(days=int(figures[place]["silent_days"]))
        yield Deadline(
            about=f"organisation:{one.uscc}",
            organisation_id=one.pk,
            division=one.division,
            warn_at=start_of(silent),
            due_at=end_of(silent + timedelta(days=int(figures[place]["silent_overdue_days"]))),
            details={
                "last": last.isoformat(),
                "drums": stands["n"],
                "mass_kg": kg_text(stands["mass_g"]),
            },
        )


def _with_last_entry(organisations: QuerySet[Organisation]) -> QuerySet[Any]:
    """With `last_said_at`: when the organisation itself last recorded anything about a container; null: never.

    Walks back from its newest entry, which is a short way as long as it writes at all.
    """
    key = Concat(Value(ORGANISATION_KEY), Cast(OuterRef("pk"), CharField()))
    own = EntryReader.objects.filter(
        reader=key, entry__organisation_uscc=OuterRef("uscc"), entry__kind__startswith="container."
    )
    return organisations.annotate(last_said_at=Subquery(own.order_by("-entry").values("entry__recorded_at")[:1]))


def _concerned(entries: Sequence[Entry]) -> set[str]:
    """Who has these containers now, and who filled them."""
    codes = {entry.subject.partition(":")[2] for entry in entries}
    holders = Container.objects.filter(code__in=codes).values_list("holder__uscc", flat=True).distinct()
    return fillers(entries) | {f"organisation:{uscc}" for uscc in holders}


def _silent(entries: Sequence[Entry]) -> Iterable[str]:
    """Those of them who are told to be silent: any entry ends that. The others' time is looked up when it has come."""
    told = Alert.objects.filter(kind=KIND, about__in=_concerned(entries), state__in=OPEN_STATES)
    return set(told.values_list("about", flat=True))


SILENT = register(
    Watch(
        kind=KIND,
        title=_("Ledger without entries"),
        sentences={
            "watching": _(
                "%(organisation)s has %(drums)s drums (%(mass_kg)s kg) in store: should it record nothing about any "
                "for long, it is asked why."
            ),
            "warned": _(
                "%(organisation)s has %(drums)s drums (%(mass_kg)s kg) in store and has recorded nothing about any "
                "since %(last)s: record what has happened since then."
            ),
            "overdue": _(
                "%(organisation)s has %(drums)s drums (%(mass_kg)s kg) in store and has still recorded nothing about "
                "any since %(last)s."
            ),
        },
        action=_("Record what has happened"),
        states={"warned": _("No entries"), "overdue": _("Still no entries")},
        find=_find,
        on={**dict.fromkeys(STOCK_ENTRIES, _concerned), "container.*": _silent},
        subjects=Subjects(
            rows=lambda: Organisation.objects.filter(held__state__in=RESTING).distinct(),
            about=lambda one: f"organisation:{one.uscc}",
            organisation="id",
            division="division",
        ),
        clause="plan_ledger_declaration",
        severity=Severity.WARNING,
        by_silence=True,
        legal=False,
        figures=("ledger.silent_days",),
        parameters={
            "ledger.silent_overdue_days": Parameter(
                30,
                "calendar days",
                "本项目自定：台账断更预警后仍无记录的天数",
                "D",
                _("Still no entry: overdue after a further"),
                "lower",
            )
        },
        link="/containers",
    )
)
