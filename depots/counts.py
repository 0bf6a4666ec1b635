"""Counting a bay by scanning: blind, compared with the books when it is closed, every difference settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max, OuterRef, Subquery
from django.utils import timezone

from depots.count_selectors import (
    Book,
    book_of,
    counters_of,
    seen_since,
    still_missed,
    watched,
    way_to_settle,
)
from depots.models import UNSETTLED, Bay, Count, CountLine, CountResult, CountState, Depot, Stay
from depots.services import Place, enter, find_place, leave, not_before, put_away, require_own
from depots.terms import family_term
from labels.codes import read
from wastetrack.alerts.services import Deadline, end, watch
from wastetrack.alerts.services import settle as settle_alerts
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.units import kg_text
from wastetrack.waste import clock
from wastetrack.waste.models import Container, ContainerState

MISSING = "missing"
"""The kind of alert for a drum that a count did not find."""
TO_SETTLE = timedelta(days=1)
"""How long the depot may look for it before its alert counts as overdue. Ours: no clause names a time."""
TEXT_LENGTH, REASON_LENGTH = 300, 200
WAYS = ("moved", "lost", "seen", "returned", "noted")


def begin(*, actor: Actor, bay: Bay, now: datetime) -> Count:
    """Begin to count a bay; who scans in it from now on is told nothing of what should be there.

    Raises NotPermitted(read_only | not_your_depot), Refused(count_running).
    """
    require_own(actor, bay.depot)
    with transaction.atomic():
        count = Count(depot=bay.depot, bay=bay, begun_by=actor.person, begun_at=now)
        try:
            with transaction.atomic():
                count.save(force_insert=True)
        except IntegrityError:
            # The constraint decides, also between two who begin at the same moment.
            raise Refused("count_running", bay=bay.code) from None
        record(actor, [Fact("count.begin", count.subject, count.readers(), _where(count))], now=now)
    return count


def note(
    *, actor: Actor, bay: Bay, container: Container | None, text: str, now: datetime, at: datetime | None = None
) -> CountLine:
    """Note that this stands in the bay: a container, or a label that names none the actor may see.

    Raises NotPermitted(read_only | not_your_depot), Refused(no_count | count_over | already_counted | not_a_code).
    """
    require_own(actor, bay.depot)
    with transaction.atomic():
        # Locked, so that nothing is noted between the comparison of a closing count and its commit.
        running = Count.objects.filter(bay=bay, state=CountState.COUNTING).select_for_update().first()
        if running is None:
            raise Refused("no_count", bay=bay.code)
        if at is not None and at < running.begun_at and _belongs_to_another(bay, at):
            raise Refused("count_over", bay=bay.code)
        line, is_new = CountLine.objects.get_or_create(
            count=running,
            **_named(actor, container, text),
            defaults={"counted_by": actor.person, "counted_at": not_before(at or now, running.begun_at)},
        )
        if not is_new:
            raise Refused("already_counted", bay=bay.code)
    return line


def _belongs_to_another(bay: Bay, at: datetime) -> bool:
    """Whether a scan at this time belongs to an earlier count of the bay, which is over."""
    return Count.objects.filter(bay=bay, begun_at__lte=at, counted_at__gte=at).exists()


def _named(actor: Actor, container: Container | None, text: str) -> dict[str, Any]:
    """What a line is about. Of a container that the actor may not see, its text alone: nothing leaks."""
    if container is not None and container.seen_by(actor):
        return {"container": container}
    scanned = read(text, settings.PUBLIC_URL)
    label = (scanned.code or scanned.text)[:TEXT_LENGTH]
    if not label:
        raise Refused("not_a_code")
    return {"container": None, "text": label}


def unnote(*, actor: Actor, line: CountLine, now: datetime) -> None:
    """Take back a scan of a count that still runs. Raises Refused(cannot_undo) once it is closed."""
    require_own(actor, line.count.depot)
    with transaction.atomic():
        (count,) = lock([line.count])
        gone, _ = CountLine.objects.filter(pk=line.pk).delete() if count.state == CountState.COUNTING else (0, {})
        if not gone:
            raise Refused("cannot_undo")


def drop(*, actor: Actor, count: Count, now: datetime) -> Count:
    """Call a counting off: it says nothing."""
    require_own(actor, count.depot)
    with transaction.atomic():
        (count,), facts = move([count], "drop", actor=actor, payload=_where(count), change={"counted_at": now})
        record(actor, facts, now=now)
    return count


# --- closing -----------------------------------------------------------------------------------------------


def close(*, actor: Actor, count: Count, now: datetime) -> Count:
    """Everything in the bay has been scanned: compare with the books, and put the result into the log.

    Its entry is the assertion: what stands there. A drum that is not found is an alert at once. However many drums
    there are, it takes the same queries. Raises NotPermitted(not_your_depot), Refused(illegal_state).
    """
    require_own(actor, count.depot)
    with transaction.atomic():
        (count,) = lock([count])
        book = book_of(count)
        lines = list(CountLine.objects.filter(count=count, result=CountResult.COUNTED).select_related("container"))
        for line in lines:
            line.result = _result(count, line, book)
        expected_g = sum(stay.container.mass_g for stay in book.in_bay)
        missing = _not_found(count, book, lines)
        change = {"counted_at": now, "expected": len(book.in_bay), "expected_mass_g": expected_g}
        # The state first: a count that is not running any more is refused before anything is written.
        (count,), facts = move(
            [count], "close", actor=actor, change=change, payload=_assertion(count, book, lines, missing)
        )
        _write_results(count, lines, missing, now)
        _watch(count, lines, missing, actor, now)
        record(actor, facts, now=now)
        _settle_all(actor, count, now)
    return count


def _result(count: Count, line: CountLine, book: Book) -> CountResult:
    """What a scanned line turns out to be, by the books."""
    if line.container_id is None:
        return CountResult.UNKNOWN
    assert line.counted_at is not None
    stay = book.of_scanned.get(line.container_id)
    if stay is None or (stay.left_at is not None and stay.left_at <= line.counted_at):
        return CountResult.FOUND
    if stay.bay_id == count.bay_id or stay.left_at is not None or stay.moved_at > line.counted_at:
        # Also what was taken away after it had been scanned: it was there, and the books know where it went.
        return CountResult.MATCHED
    return CountResult.MISPLACED


def _not_found(count: Count, book: Book, lines: Sequence[CountLine]) -> list[Container]:
    """What the books have in the bay and nobody scanned; what came while it was counted may have come too late."""
    scanned = {line.container_id for line in lines}
    return [
        stay.container for stay in book.in_bay if stay.container_id not in scanned and stay.moved_at <= count.begun_at
    ]


def _assertion(count: Count, book: Book, lines: Sequence[CountLine], missing: Sequence[Container]) -> dict[str, Any]:
    by_result = {
        result.value: [line.container.code for line in lines if line.result == result and line.container is not None]
        for result in (CountResult.FOUND, CountResult.MISPLACED)
    }
    matched = sum(line.result == CountResult.MATCHED for line in lines)
    return {
        **_where(count),
        "begun_at": instant(count.begun_at),
        "expected": len(book.in_bay),
        "expected_kg": kg_text(sum(stay.container.mass_g for stay in book.in_bay)),
        "counted": len(lines),
        "matched": matched,
        "missing": [container.code for container in missing],
        **by_result,
        "unknown": [line.text for line in lines if line.result == CountResult.UNKNOWN],
        "differences": len(lines) - matched + len(missing),
    }


def _write_results(count: Count, lines: Sequence[CountLine], missing: Sequence[Container], now: datetime) -> None:
    """The lines with what they turned out to be, and a line for everything that is missing."""
    stays = Stay.objects.filter(container=OuterRef("container"), depot=count.depot_id, left_at=None)
    for result in {line.result for line in lines}:
        book_bay: dict[str, Any] = (
            {} if result == CountResult.FOUND else {"book_bay": Subquery(stays.values("bay")[:1])}
        )
        pks = [line.pk for line in lines if line.result == result]
        CountLine.objects.filter(pk__in=pks).update(result=result, **book_bay)
    CountLine.objects.bulk_create(
        CountLine(count=count, container=container, result=CountResult.MISSING, book_bay_id=count.bay_id)
        for container in missing
    )


def _watch(count: Count, lines: Sequence[CountLine], missing: Sequence[Container], actor: Actor, now: datetime) -> None:
    """An alert for what is missing, and none any more for what has turned up in stock."""
    turned_up = [
        line.container.subject
        for line in lines
        if line.container is not None and line.container.state != ContainerState.MISSING
    ]
    end(MISSING, turned_up, actor=actor, now=now)
    known = watched(MISSING, missing)
    watch(MISSING, [missing_since(count, one, now) for one in missing if one.subject not in known])
    if missing:
        _tell_at_once([one.subject for one in missing], now)


def _tell_at_once(abouts: Sequence[str], now: datetime) -> None:
    """Raise it after the commit; what else is due is the sweep's."""
    transaction.on_commit(partial(settle_alerts, MISSING, abouts, now=now), robust=True)


def missing_since(count: Count, container: Container, since: datetime, *, lost: bool = False) -> Deadline:
    """The depot may look for a container for a while after a count did not find it; once `lost` it is overdue."""
    return Deadline(
        about=container.subject,
        organisation_id=count.depot.organisation_id,
        division=count.depot.site.division,
        warn_at=since,
        due_at=since if lost else since + TO_SETTLE,
        details={
            "code": container.code,
            "short_code": container.short_grouped,
            "name": container.name,
            "bay": count.bay.code,
            "depot": str(count.depot_id),
            "count": str(count.pk),
        },
    )


def _where(count: Count) -> dict[str, Any]:
    return {"depot": str(count.depot_id), "depot_name": count.depot.name, "bay": count.bay.code}


# --- settling ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settled:
    """A difference that is settled, and what its place breaks although the drum stands there."""

    line: CountLine
    count: Count
    broken: Refused | None = None


def settle(*, actor: Actor, line: CountLine, how: str, reason: str, now: datetime) -> Settled:
    """Settle one difference in the one way that things allow (count_selectors.way_to_settle), with a reason.

    moved: the books follow the drum. lost: it is recorded as missing, by somebody who neither began the count nor
    scanned in it. seen: the books know something newer of it. returned: what was missing stands here again.
    noted: nothing to put right in the books. The last one settles the count.

    Raises NotPermitted(not_your_depot | second_person_needed), Invalid(missing | too_long | unprintable |
    unknown_way), Refused(not_counted_yet | already_settled | no_difference | seen_since | not_seen | put_right_first |
    return_first | not_missing | wrong_way | missing_committed | partly_treated_missing).
    """
    require_own(actor, line.count.depot)
    reason = _checked(how, reason)
    with transaction.atomic():
        (count,) = lock([line.count])
        line = CountLine.objects.select_related("container").get(pk=line.pk)
        line.count = count
        _require_open(line)
        if line.container is not None:
            (line.container,) = lock([line.container])
        seen = seen_since(count, [line])
        _require_way(line, how, way_to_settle(line, count.depot.organisation_id, seen))
        broken, facts = _put_right(actor, line, how, reason, now)
        line.settled_as, line.reason, line.settled_by, line.settled_at = how, reason, actor.person, now
        line.save(update_fields=["settled_as", "reason", "settled_by", "settled_at"])
        if how == "seen" and line.container is not None and not still_missed(line.container):
            end(MISSING, [line.container.subject], actor=actor, now=now)
        record(actor, [*facts, _told(line, broken)], now=now)
        count = _settle_all(actor, count, now)
    return Settled(line, count, broken)


def _checked(how: str, reason: str) -> str:
    errors = [] if how in WAYS else [FieldError("as", "unknown_way")]
    reason = " ".join(reason.split())
    if not reason:
        errors.append(FieldError("reason", "missing"))
    if len(reason) > REASON_LENGTH:
        errors.append(FieldError("reason", "too_long", {"limit": REASON_LENGTH}))
    if not reason.isprintable():
        errors.append(FieldError("reason", "unprintable"))
    if errors:
        raise Invalid(*errors)
    return reason


def _require_open(line: CountLine) -> None:
    if line.settled_at is not None:
        raise Refused("already_settled")
    if line.count.state != CountState.COUNTED:
        raise Refused("not_counted_yet")
    if line.result in (CountResult.COUNTED, CountResult.MATCHED):
        raise Refused("no_difference")


def _require_way(line: CountLine, how: str, way: str) -> None:
    """Raises the refusal that says why it is not settled like this, and what comes first."""
    if how == way:
        return
    raise Refused(
        {
            ("lost", "seen"): "seen_since",
            ("moved", "noted"): "seen_since",
            ("seen", "lost"): "not_seen",
            ("noted", "moved"): "put_right_first",
            ("noted", "returned"): "return_first",
            ("moved", "returned"): "return_first",
            ("returned", "noted"): "not_missing",
            ("returned", "moved"): "not_missing",
        }.get((how, way), "wrong_way"),
        container=line.container.short_grouped if line.container else line.text,
    )


def _put_right(
    actor: Actor, line: CountLine, how: str, reason: str, now: datetime
) -> tuple[Refused | None, list[Fact]]:
    """Make the books say what is so; returns what the place breaks, and the facts still to be recorded."""
    if line.container is None or how not in ("moved", "lost", "returned"):
        return None, []
    if how == "lost":
        return None, _lose(actor, line, line.container, reason, now)
    breaches: list[Refused] = []
    facts: list[Fact] = []
    if how == "moved":
        # It has stood there since it was scanned there.
        place = {"bay": line.count.bay, "at": line.counted_at, "breaches": breaches}
        put_away(actor=actor, container=line.container, now=now, **place)  # type: ignore[arg-type]
    else:
        facts = _return(actor, line, line.container, breaches, reason, now)
    return (breaches[-1] if breaches else None), facts


def _lose(actor: Actor, line: CountLine, container: Container, reason: str, now: datetime) -> list[Fact]:
    if actor.user_id in counters_of(line.count):
        raise NotPermitted("second_person_needed")
    if container.state == ContainerState.MISSING:
        # Another count has said so before.
        return []
    if container.state == ContainerState.COMMITTED:
        raise Refused("missing_committed", container=container.short_grouped, manifest=_manifest_of(container))
    if container.treated_g:
        raise Refused("partly_treated_missing", container=container.short_grouped)
    payload = {**_where(line.count), "reason": reason, "count": str(line.count.pk), **_extended(container)}
    (container,), facts = move(
        [container], "lose", actor=actor, payload=payload, change={"storage_deadline": None, "extension": ""}
    )
    leave([container], at=now)
    # Alerts are locked by kind, in the order of the kinds' names, as the sweep does it. First the drum that is looked
    # for becomes one that is gone: overdue from now on, until it is found.
    end(MISSING, [container.subject], actor=actor, now=now)
    watch(MISSING, [missing_since(line.count, container, now, lost=True)])
    clock.stop([container], actor=actor, now=now)
    _tell_at_once([container.subject], now)
    return facts


def _extended(container: Container) -> dict[str, str]:
    """Until when an authority's document lets it stay, for when it is found."""
    if not container.extension or container.storage_deadline is None:
        return {}
    return {"extension": container.extension, "storage_deadline": instant(container.storage_deadline)}


def _manifest_of(container: Container) -> str:
    """The manifest that a container is on, as the log has it."""
    return str(_last_told(container, "container.commit").get("manifest", ""))


def _last_told(container: Container, kind: str) -> dict[str, Any]:
    """What the container's last entry of this kind says; nothing where there is none."""
    entry = Entry.objects.filter(subject=container.subject, kind=kind).order_by("-id").first()
    return entry.data if entry else {}


def _return(
    actor: Actor, line: CountLine, container: Container, breaches: list[Refused], reason: str, now: datetime
) -> list[Fact]:
    """What was missing stands in the bay: a new stay, and its clock again from when it counted before."""
    count, depot = line.count, line.count.depot
    place = Place(depot, count.bay, breaches)
    find_place(place, container, container.mass_g)
    gone_at = Stay.objects.filter(container=container).aggregate(last=Max("left_at"))["last"]
    at = not_before(line.counted_at or now, gone_at or now)
    term = family_term(container, depot, on=timezone.localdate(at))
    clock.set_deadline(container, term.limit, term.since)
    _extend_again(container, depot)
    deadline = {
        "storage_deadline": container.storage_deadline,
        "storage_clause": container.storage_clause,
        "extension": container.extension,
    }
    payload = {**place.payload(), "reason": reason, "count": str(count.pk)}
    (container,), facts = move([container], "find", actor=actor, payload=payload, change=deadline)
    enter([container], place=place, at=at)
    end(MISSING, [container.subject], actor=actor, now=now)
    clock.start([container], organisation_id=depot.organisation_id, division=depot.site.division)
    return facts


def _extend_again(container: Container, depot: Depot) -> None:
    """The deadline that an authority had granted before it went missing here, where it is the later one."""
    told = _last_told(container, "container.lose")
    if "extension" not in told or told["depot"] != str(depot.pk):
        return
    until = datetime.fromisoformat(told["storage_deadline"])
    if container.storage_deadline is None or until > container.storage_deadline:
        container.storage_deadline, container.extension = until, told["extension"]


def _told(line: CountLine, broken: Refused | None) -> Fact:
    count = line.count
    payload = {
        **_where(count),
        "line": line.pk,
        "container": line.container.code if line.container else "",
        "text": line.text,
        "result": line.result,
        "settled_as": line.settled_as,
        "reason": line.reason,
        **({"broken": broken.code} if broken else {}),
    }
    return Fact("count.settle_line", count.subject, count.readers(), payload)


def _settle_all(actor: Actor, count: Count, now: datetime) -> Count:
    """The count itself is settled once none of its differences is open."""
    if count.lines.filter(UNSETTLED).exists():
        return count
    (count,), facts = move([count], "settle", actor=actor, payload=_where(count))
    record(actor, facts, now=now)
    return count
