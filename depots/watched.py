"""What the watches of depots and bays share: their subjects, which entries concern them, and how a level is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import FilteredRelation, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from depots.models import Bay, Depot, Stay
from depots.selectors import BayLoad, loads_of
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, Whereabouts, subjects_themselves
from wastetrack.districts.selectors import Figures, Place
from wastetrack.ledger.models import Entry
from wastetrack.waste.models import Container

_CHANGES = frozenset(
    f"container.{verb}"
    for verb in (
        *("store", "receive", "take_back", "find", "put_away", "weigh", "state_reactions"),
        *("depart", "treat", "empty", "void", "lose", "unstore", "unreceive"),
    )
)
"""Entries of a container that change what stands in a depot or a bay, or what is known of it."""
_UNDONE = {"container.unstore", "container.unreceive"}
_PUT_IN = ("container.store", "container.receive")

DEPOTS = Subjects(
    rows=lambda: Depot.objects.all(),
    about=lambda depot: f"depot:{depot.pk}",
    organisation="site__organisation",
    division="site__division",
    # No entry says that its capacity was set.
    daily=True,
)
BAYS = Subjects(
    rows=lambda: Bay.objects.all(),
    about=lambda bay: f"bay:{bay.pk}",
    organisation="depot__site__organisation",
    division="depot__site__division",
)
BAY_LINK = "/depots/%(depot)s?bay=%(bay)s#stock"
"""To the drums of a bay, below what is wrong with it."""


def depots_of(abouts: Sequence[str]) -> QuerySet[Depot]:
    """The depots of these subjects, with where they lie."""
    return Depot.objects.filter(pk__in=_keys(abouts)).select_related("site")


def loads(abouts: Sequence[str]) -> list[BayLoad]:
    """The bays of these subjects with what stands in them (three queries)."""
    return loads_of(Bay.objects.filter(pk__in=_keys(abouts)))


def _keys(abouts: Sequence[str]) -> list[int]:
    return [int(about.partition(":")[2]) for about in abouts]


def place_of(depot: Depot) -> Place:
    """Whose figures hold for a depot."""
    return depot.site.division, depot.organisation_id


def figures_of(table: str, depots: Iterable[Depot], look: Look) -> dict[Place, Figures]:
    """The figures of a table as they hold for these depots (two queries)."""
    return look.figures(table, {place_of(depot) for depot in depots})


def is_over(used: int, limit: int | Decimal | None, warn_percent: int | Decimal) -> bool | None:
    """Whether more is there than may be; None where it is well within, or no limit is known."""
    if limit is None or not used:
        return None
    if used > limit:
        return True
    return False if used * 100 >= limit * warn_percent else None


def of_depot(depot: Depot, *, over: bool, **details: Any) -> Deadline:
    """The level of a depot as it is now."""
    said: Mapping[str, Any] = {"depot": str(depot.pk), "depot_name": depot.name, **details}
    return Deadline(f"depot:{depot.pk}", depot.organisation_id, depot.site.division, over=over, details=said)


def own_limit(
    *,
    measured: Callable[[BayLoad], tuple[int, int | None]],
    told: Callable[[int, int], Mapping[str, Any]],
    **words: Any,
) -> Watch:
    """The watch of a bay's limit of one kind: `measured` what is there and what its keeper lets in, `told` in words.

    What fits into a bay is its keeper's own word; what the depot may hold is the law's, and another watch.
    """

    def find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
        found = loads(abouts)
        figures = figures_of("facility", [load.bay.depot for load in found], look)
        for load in found:
            used, limit = measured(load)
            over = is_over(used, limit, figures[place_of(load.bay.depot)]["warn_percent"])
            if limit is not None and over is not None:
                yield of_bay(load.bay, over=over, **told(used, limit))

    return Watch(
        find=find,
        action=_("See the bays"),
        on=OF_BAY,
        subjects=BAYS,
        figures=("facility.warn_percent",),
        severity=Severity.WARNING,
        legal=False,
        district="never",
        link=BAY_LINK,
        **words,
    )


def of_bay(bay: Bay, *, over: bool, **details: Any) -> Deadline:
    """The level of a bay as it is now."""
    depot = bay.depot
    said = {"depot": str(depot.pk), "depot_name": depot.name, "bay": bay.code, **details}
    return Deadline(f"bay:{bay.pk}", depot.organisation_id, depot.site.division, over=over, details=said)


# --- where a drum is ---------------------------------------------------------------------------------------


def where_drums_stand(abouts: Sequence[str]) -> dict[str, Whereabouts]:
    """For a watch's `where`: a drum's bay and depot, or the site at which it was logged and is not stored yet.

    One query however many.
    """
    drums = Container.objects.filter(code__in=[about.partition(":")[2] for about in abouts]).order_by()
    drums = drums.annotate(stay=FilteredRelation("stays", condition=Q(stays__left_at=None)))
    return {
        f"{Container.SUBJECT}:{code}": Whereabouts(_stands(depot, bay, site))
        for code, depot, bay, site in drums.values_list("code", "stay__depot__name", "stay__bay__code", "origin__name")
    }


def _stands(depot: str | None, bay: str | None, site: str) -> str:
    if depot and bay:
        return gettext("It stands in bay %(bay)s of %(depot)s.") % {"bay": bay, "depot": depot}
    if depot:
        return gettext("It stands in %(depot)s.") % {"depot": depot}
    return gettext("It is in no store yet: it was logged at %(site)s.") % {"site": site}


# --- which entries concern whom ----------------------------------------------------------------------------


def _depots_touched(entries: Sequence[Entry]) -> Iterable[str]:
    stays = _stays(_codes(entries)).values_list("depot", flat=True).distinct()
    return {f"depot:{pk}" for pk in [*stays, *_undone(entries)]}


def _bays_touched(entries: Sequence[Entry]) -> Iterable[str]:
    stays = _stays(_codes(entries)).filter(bay__isnull=False).values_list("bay", flat=True).distinct()
    left = [entry.data["from_bay_id"] for entry in entries if entry.kind == "container.put_away"]
    undone = _undone(entries)
    around = Bay.objects.filter(depot__in=undone).values_list("pk", flat=True) if undone else ()
    return {f"bay:{pk}" for pk in [*stays, *left, *around] if pk}


def _stays(codes: set[str]) -> QuerySet[Stay]:
    """Every stay of these containers, those that are over too: one of them may have ended just now."""
    return Stay.objects.filter(container__code__in=codes).order_by()


def _codes(entries: Iterable[Entry]) -> set[str]:
    return {entry.subject.partition(":")[2] for entry in entries if entry.kind in _CHANGES}


def _corrected(entries: Sequence[Entry]) -> Iterable[str]:
    """The bays of drums of which a correction says that they are another thing: a liquid, say."""
    codes = {code for entry in entries for code in entry.data.get("drums", ())}
    return {f"bay:{pk}" for pk in _stays(codes).filter(left_at=None, bay__isnull=False).values_list("bay", flat=True)}


def _undone(entries: Iterable[Entry]) -> set[int]:
    """The ids of depots in which a drum never was after all: no stay tells of it any more, but the log does."""
    subjects = {entry.subject for entry in entries if entry.kind in _UNDONE}
    if not subjects:
        return set()
    told = Entry.objects.filter(subject__in=subjects, kind__in=_PUT_IN)
    return {int(entry.data["depot"]) for entry in told.only("kind", "subject", "payload")}


OF_DEPOT = {"container.*": _depots_touched}
"""For `on`: the depots in which the mass that stands there may have changed."""
OF_BAY = {"container.*": _bays_touched, "manifest.correct": _corrected, "bay.*": subjects_themselves}
"""For `on`: the bays that may be another thing than before, or may hold other things."""
