"""Reading counts. Of one that runs, only what was scanned: what should be there is read when it is closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count as CountOf
from django.db.models import Exists, F, FilteredRelation, OuterRef, Q, QuerySet

from depots.models import UNSETTLED, Bay, Count, CountLine, CountResult, CountState, Depot, Stay
from wastetrack.alerts.models import Alert
from wastetrack.errors import NotFound, invalid
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import Actor
from wastetrack.schemas import row_id
from wastetrack.waste.models import Container, ContainerState

SIGHTINGS = ("container.put_away", "container.treat_part", "container.load")
"""Entries that leave a drum where it is, and for which somebody had it at hand."""
DIFFERENCES = (CountResult.MISSING, CountResult.FOUND, CountResult.MISPLACED, CountResult.UNKNOWN)
"""What has to be settled, in the order in which it presses."""


def counts_of(depot: Depot) -> QuerySet[Count]:
    """A depot's counts with `scanned`, how much was scanned, and `to_settle`, how many differences are open."""
    lines = Q(lines__counted_at__isnull=False)
    still_open = Q(lines__result__in=DIFFERENCES, lines__settled_at=None)
    return (
        Count.objects.filter(depot=depot)
        .select_related("bay", "begun_by", "depot__site__organisation", "depot__permit")
        .annotate(scanned=CountOf("lines", filter=lines), to_settle=CountOf("lines", filter=still_open))
    )


def counts_to_settle(actor: Actor) -> QuerySet[Count]:
    """The actor's own counts with open differences, each with `to_settle`; the oldest first."""
    still_open = Q(lines__result__in=DIFFERENCES, lines__settled_at=None)
    return (
        Count.objects.filter(depot__site__organisation=actor.organisation_id, state=CountState.COUNTED)
        .select_related("bay", "depot")
        .annotate(to_settle=CountOf("lines", filter=still_open))
        .order_by("id")
    )


def get_count(depot: Depot, count_id: object) -> Count:
    """A count of a depot that the caller may see. Raises NotFound(unknown_count)."""
    count = counts_of(depot).filter(pk=row_id(str(count_id))).first()
    if count is None:
        raise NotFound("unknown_count")
    return count


def bays_to_count(depot: Depot) -> list[tuple[Bay, Count | None]]:
    """The depot's bays, each with the count that runs in it; how much stands there is not told (one query)."""
    running = FilteredRelation("counts", condition=Q(counts__state=CountState.COUNTING))
    bays = Bay.objects.filter(depot=depot).annotate(running=running, running_id=F("running__id")).order_by("code")
    return [(bay, Count(pk=bay.running_id, bay=bay, depot=depot) if bay.running_id else None) for bay in bays]


def lines_of(count: Count, *, differences: bool = False) -> list[CountLine]:
    """A count's lines with their containers and who counted and settled them (one query); the differences alone."""
    lines = CountLine.objects.filter(count=count)
    if differences:
        lines = lines.filter(result__in=DIFFERENCES)
    return list(lines.select_related("container__generator", "book_bay", "counted_by", "settled_by").order_by("id"))


def get_line(count: Count, line_id: str) -> CountLine:
    """A line of the count. Raises Invalid(missing | unknown_count_line)."""
    if not line_id:
        raise invalid("line", "missing")
    line = CountLine.objects.filter(count=count, pk=row_id(line_id)).first()
    if line is None:
        raise invalid("line", "unknown_count_line")
    line.count = count
    return line


def counters_of(count: Count) -> set[int]:
    """The people who had a hand in it: who began it and everybody who scanned."""
    scanned = CountLine.objects.filter(count=count, counted_by__isnull=False).values_list("counted_by", flat=True)
    return {count.begun_by_id, *scanned.distinct()}


def shown_to(actor: Actor, line: CountLine) -> Container | None:
    """The line's container where the actor may see more of it than its code."""
    container = line.container
    return container if container is not None and container.seen_by(actor) else None


@dataclass(frozen=True)
class Book:
    """What the books had when the counting ended: what stands in the bay, and where each scanned drum is."""

    in_bay: Sequence[Stay]
    of_scanned: dict[int, Stay]


def book_of(count: Count) -> Book:
    """The books at this moment, in one statement: a drum that moves meanwhile is in one place or in the other."""
    scanned = CountLine.objects.filter(count=count, container=OuterRef("container"))
    lately = Q(left_at=None) | Q(left_at__gt=count.begun_at)
    stays = list(
        Stay.objects.filter(lately, depot=count.depot_id)
        .annotate(is_scanned=Exists(scanned))
        .filter(Q(bay=count.bay_id, left_at=None) | Q(is_scanned=True))
        .select_related("container")
        .order_by("id")
    )
    in_bay = [stay for stay in stays if stay.left_at is None and stay.bay_id == count.bay_id]
    # The latest stay is the last that is put in.
    return Book(in_bay, {stay.container_id: stay for stay in stays if stay.is_scanned})


def seen_since(count: Count, lines: Iterable[CountLine]) -> set[int]:
    """Which containers of the missing and misplaced lines the books know something newer of (three queries).

    It stands elsewhere by now, is no longer in stock, was scanned again after the count, or in another bay while this
    one was counted; a drum recorded as missing was not.
    """
    about = {line.container_id: line for line in lines if line.result in (CountResult.MISSING, CountResult.MISPLACED)}
    if not about or count.counted_at is None:
        return set()
    containers = {line.container.pk: line.container for line in about.values() if line.container}
    stays = {stay.container_id: stay for stay in Stay.objects.filter(container__in=containers, left_at=None)}
    again = _scanned_again(count, about, containers.values())
    return {
        pk
        for pk, container in containers.items()
        if container.state != ContainerState.MISSING
        and (pk in again or _stands_elsewhere(count, about[pk], stays.get(pk)))
    }


def _stands_elsewhere(count: Count, line: CountLine, stay: Stay | None) -> bool:
    if stay is None or stay.depot_id != count.depot_id or stay.bay_id != line.book_bay_id:
        return True
    assert count.counted_at is not None
    return stay.moved_at > count.counted_at


def _scanned_again(count: Count, about: Mapping[int | None, CountLine], containers: Iterable[Container]) -> set[int]:
    """Which were at hand after the count; or elsewhere than in its bay, after it began or scanned them itself."""
    by_subject = {container.subject: container.pk for container in containers}
    entries = Entry.objects.filter(subject__in=by_subject, kind__in=SIGHTINGS, event_time__gt=count.begun_at)
    lines = CountLine.objects.filter(
        container__in=by_subject.values(), count__depot=count.depot_id, counted_at__gt=count.begun_at
    ).exclude(count=count)
    here = (str(count.depot_id), count.bay.code)
    sightings = [
        (by_subject[entry.subject], entry.event_time, (entry.data.get("depot"), entry.data.get("bay")) == here)
        for entry in entries
    ]
    sightings += [
        (pk, at, bay == count.bay_id) for pk, at, bay in lines.values_list("container", "counted_at", "count__bay")
    ]
    assert count.counted_at is not None
    return {
        pk
        for pk, at, in_bay in sightings
        # In its own bay it was looked for until the count ended; of any other place the count knows nothing.
        if at > (count.counted_at if in_bay else about[pk].counted_at or count.begun_at)
    }


def way_to_settle(line: CountLine, organisation_id: int, seen: set[int]) -> str:
    """The one way in which a difference is settled, as things are: moved, lost, seen, returned or noted."""
    container = line.container
    if container is None:
        return "noted"
    if line.result == CountResult.MISSING:
        return "seen" if container.pk in seen else "lost"
    if container.state == ContainerState.MISSING:
        # Also a misplaced one that another count has given up since.
        return "returned" if container.holder_id == organisation_id else "noted"
    return "moved" if line.result == CountResult.MISPLACED and container.pk not in seen else "noted"


def still_missed(container: Container) -> bool:
    """Whether a count misses the container and nobody has said what became of it."""
    return CountLine.objects.filter(UNSETTLED, container=container, result=CountResult.MISSING).exists()


def missing_lines(codes: Sequence[str]) -> list[CountLine]:
    """Of these containers that are missing, the line of each that says so since when (one query).

    That is the first count that did not find it, nobody has explained and no later count has contradicted; once it is
    recorded as lost, the line by which it was.
    """
    lines = CountLine.objects.filter(container__code__in=codes, count__counted_at__isnull=False)
    lines = lines.select_related("container", "count__bay", "count__depot__site").order_by("count__counted_at", "id")
    of_each = defaultdict[int | None, list[CountLine]](list)
    for line in lines:
        of_each[line.container_id].append(line)
    return [says for found in of_each.values() if (says := _says_missing(found)) is not None]


def _says_missing(lines: Sequence[CountLine]) -> CountLine | None:
    """Of one container's lines, in their order, the one by which it is missing; None where it is not."""
    found: CountLine | None = None
    container = lines[0].container
    if container is not None and container.state == ContainerState.MISSING:
        settled = [(line.settled_at, line) for line in lines if line.settled_at is not None]
        for _, line in sorted(settled, key=lambda both: both[0]):
            if line.settled_as in ("lost", "returned"):
                found = found or line if line.settled_as == "lost" else None
        return found
    for line in lines:
        if line.result != CountResult.MISSING:
            found = None
        elif line.settled_at is None:
            found = found or line
    return found


def watched(kind: str, containers: Sequence[Container]) -> set[str]:
    """Those of the containers, as subjects, for which an alert of this kind is open or waits."""
    subjects = [container.subject for container in containers]
    found = Alert.objects.filter(kind=kind, about__in=subjects, resolved_at=None)
    return set(found.values_list("about", flat=True))
