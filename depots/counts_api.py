"""`/depots/{id}/counts`: counting a bay. While it is counted, no answer says what or how much should be there."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from depots import counts
from depots.count_selectors import counts_of, get_count, get_line, lines_of, shown_to
from depots.models import Bay, Count, CountLine, CountResult, CountState, Depot
from depots.selectors import get_bay, get_depot
from wastetrack.creation import create_once
from wastetrack.errors import NotFound, Refused, invalid
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.ledger.canonical import instant
from wastetrack.parties.actors import Actor
from wastetrack.schemas import Body, Note, Text, required
from wastetrack.sentences import sentence
from wastetrack.units import kg_text

router = Router(tags=["depots"])
COMPARED = (CountState.COUNTED, CountState.SETTLED)


class CountIn(Body):
    model_config = required("bay")

    bay: Text = ""


class SettleIn(Body):
    model_config = required("line", "as", "reason")

    line: Text = ""
    how: Text = Field("", alias="as")
    reason: Note = ""


def count_json(count: Count) -> dict[str, Any]:
    """A count: which bay, in what state, how much was scanned; once compared, also what the books had."""
    found = {
        "id": str(count.pk),
        "state": count.state,
        "depot": str(count.depot_id),
        "bay": count.bay.code,
        "begun_by": count.begun_by.display_name,
        "begun_at": instant(count.begun_at),
        "ended_at": instant(count.counted_at) if count.counted_at else None,
        "counted": getattr(count, "scanned", 0),
    }
    if count.state not in COMPARED:
        return found
    compared = {
        "expected": count.expected,
        "expected_kg": kg_text(count.expected_mass_g),
        "to_settle": getattr(count, "to_settle", 0),
    }
    return {**found, **compared}


def line_json(actor: Actor, count: Count, line: CountLine) -> dict[str, Any]:
    """A line of a count; its result and how it was settled only once the count is compared."""
    container = line.container
    shown = shown_to(actor, line)
    found = {
        "id": str(line.pk),
        "container": container.code if container else None,
        "short_code": container.short_code if container else None,
        "name": shown.name if shown else None,
        "text": line.text,
        "counted_by": line.counted_by.display_name if line.counted_by else None,
        "counted_at": instant(line.counted_at) if line.counted_at else None,
    }
    if count.state not in COMPARED:
        return found
    settled = {
        "result": line.result,
        "book_bay": line.book_bay.code if line.book_bay else None,
        "state": shown.state if shown else None,
        "settled_as": line.settled_as or None,
        "settled_by": line.settled_by.display_name if line.settled_by else None,
        "settled_at": instant(line.settled_at) if line.settled_at else None,
        "reason": line.reason,
    }
    return {**found, **settled}


def detail_json(actor: Actor, depot: Depot, count_id: object) -> dict[str, Any]:
    """A count with its lines, as it is now."""
    count = get_count(depot, count_id)
    lines = lines_of(count)
    body = {**count_json(count), "lines": [line_json(actor, count, line) for line in lines]}
    if count.state in COMPARED:
        by_result = [line.result for line in lines]
        body["results"] = {
            result.value: by_result.count(result) for result in CountResult if result != CountResult.COUNTED
        }
    return body


@router.get("/{depot_id}/counts")
def list_counts(request: HttpRequest, depot_id: Text, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The depot's counts, newest first."""
    rows = counts_of(get_depot(actor_of(request), depot_id))
    return page_of(rows, cursor, limit, lambda found: [count_json(count) for count in found])


@router.post("/{depot_id}/counts", response={201: dict[str, Any]})
def begin_count(request: HttpRequest, depot_id: Text, body: CountIn) -> HttpResponse:
    """Begin to count a bay: one count a bay at a time. What is in it is scanned with the intent `count`."""
    actor, now = actor_of(request), now_of(request)
    depot = get_depot(actor, depot_id)

    def make() -> dict[str, Any]:
        return count_json(counts.begin(actor=actor, bay=_bay(depot, body.bay), now=now))

    return create_once(request, make)


def _bay(depot: Depot, code: str) -> Bay:
    if not code:
        raise invalid("bay", "missing")
    try:
        return get_bay(depot, code)
    except NotFound:
        raise invalid("bay", "unknown_bay", bay=code) from None


@router.get("/{depot_id}/counts/{count_id}")
def read_count(request: HttpRequest, depot_id: Text, count_id: Text) -> dict[str, Any]:
    """One count with its lines."""
    actor = actor_of(request)
    return detail_json(actor, get_depot(actor, depot_id), count_id)


@router.post("/{depot_id}/counts/{count_id}/close")
def close_count(request: HttpRequest, depot_id: Text, count_id: Text) -> dict[str, Any]:
    """Everything is scanned: compare with the books. The answer is the result."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    counts.close(actor=actor, count=get_count(depot, count_id), now=now_of(request))
    return detail_json(actor, depot, count_id)


@router.post("/{depot_id}/counts/{count_id}/drop")
def drop_count(request: HttpRequest, depot_id: Text, count_id: Text) -> dict[str, Any]:
    """Call a counting off: it says nothing."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    counts.drop(actor=actor, count=get_count(depot, count_id), now=now_of(request))
    return detail_json(actor, depot, count_id)


@router.post("/{depot_id}/counts/{count_id}/settle")
def settle_line(request: HttpRequest, depot_id: Text, count_id: Text, body: SettleIn) -> dict[str, Any]:
    """Settle one difference: as moved, lost, seen, returned or noted. `flag`: what its place breaks all the same."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    line = get_line(get_count(depot, count_id), body.line)
    settled = counts.settle(actor=actor, line=line, how=body.how, reason=body.reason, now=now_of(request))
    return {**detail_json(actor, depot, count_id), "flag": _flag(settled.broken)}


def _flag(broken: Refused | None) -> dict[str, str] | None:
    return {"code": broken.code, "message": sentence(broken.code, broken.params)} if broken else None
