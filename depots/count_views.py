"""The pages of counting: which bay, what is scanned, and what came of it, each difference with its one action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from depots import counts
from depots.count_selectors import (
    DIFFERENCES,
    bays_to_count,
    counters_of,
    counts_of,
    get_count,
    get_line,
    lines_of,
    seen_since,
    shown_to,
    way_to_settle,
)
from depots.models import Count, CountLine, CountResult, CountState, Depot
from depots.selectors import get_bay, get_depot
from wastetrack.errors import NotFound, Refused
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.ledger.selectors import history_of
from wastetrack.pages import field_messages, go_to, nonce_again, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.sentences import sentence
from wastetrack.waste.models import Container, ContainerState

PAGE, SCANS_SHOWN = 20, 30


@dataclass(frozen=True)
class Way:
    """How a difference is settled: the words on its button, and those for what has been done."""

    label: Any
    done: Any
    icon: str


WAYS = {
    "moved": Way(_("Let the books follow"), _("The books follow"), icon="arrows-move"),
    "lost": Way(_("Record as missing"), _("Recorded as missing"), icon="help-circle"),
    "seen": Way(_("It is there"), _("Was there"), icon="eye"),
    "returned": Way(_("Take back into the books"), _("Back in the books"), icon="arrow-back-up"),
    "noted": Way(pgettext_lazy("settle a difference", "Note it"), _("Noted"), icon="pencil"),
}
TITLES = {
    CountResult.MISSING: (_("Missing"), _("The books have it in this bay; nobody scanned it.")),
    CountResult.FOUND: (_("Found"), _("It stands here, but is not in this depot's stock.")),
    CountResult.MISPLACED: (_("In the wrong bay"), _("It stands here; the books have it in another bay.")),
    CountResult.UNKNOWN: (_("Unknown"), _("A label that names no drum you may see.")),
}
ENDED = {ContainerState.TREATED: "treated", ContainerState.EMPTIED: "emptied", ContainerState.VOIDED: "voided"}


@dataclass(frozen=True)
class Row:
    """A difference on the page: its drum as far as the reader may see it, its one action, what to know before."""

    line: CountLine
    container: Container | None
    way: str
    hint: Any
    scan: str
    """The scan mode that comes first, where one does."""
    broken: str
    """The sentence of the rule that its place breaks all the same."""
    allowed: bool

    @property
    def action(self) -> Way:
        return WAYS[self.line.settled_as or self.way]


@require_http_methods(["GET", "HEAD", "POST"])
def counts_page(request: HttpRequest, depot_id: str) -> HttpResponse:
    """The bays to count and the counts so far; a POST begins one."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    if request.method != "POST":
        return _counts(request, depot)

    def begin() -> str:
        bay = get_bay(depot, request.POST.get("bay", ""))
        return _address(counts.begin(actor=actor, bay=bay, now=now_of(request)))

    try:
        return redirect_once(request, begin)
    except Refused as refusal:
        return _counts(request, depot, refusal)


def _address(count: Count) -> str:
    return f"/depots/{count.depot_id}/counts/{count.pk}"


def _counts(request: HttpRequest, depot: Depot, refusal: Refused | None = None) -> HttpResponse:
    chosen = request.GET.get("bay", "")
    bays = bays_to_count(depot)
    context = {
        "depot": depot,
        "is_ours": depot.organisation_id == actor_of(request).organisation_id,
        "bays": sorted(bays, key=lambda pair: pair[0].code != chosen),
        "chosen": chosen,
        "page": page_of(counts_of(depot), request.GET.get("cursor", ""), PAGE, lambda found: found),
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "depots/counts.html", context, status=refusal.status if refusal else 200)


@require_safe
def count_page(request: HttpRequest, depot_id: str, count_id: str) -> HttpResponse:
    """A count that runs: what is scanned so far and nothing else. One that is closed: its result."""
    depot = get_depot(actor_of(request), depot_id)
    return _count(request, get_count(depot, count_id))


def _count(request: HttpRequest, count: Count, refusal: Refused | None = None, line: str = "") -> HttpResponse:
    actor = actor_of(request)
    lines = lines_of(count)
    common = {
        "count": count,
        "depot": count.depot,
        "is_ours": count.depot.organisation_id == actor.organisation_id,
        "refused_line": line,
        "typed": request.POST,
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    if count.state in (CountState.COUNTED, CountState.SETTLED):
        page, context = "depots/count_result.html", _result(actor, count, lines)
    else:
        latest = sorted(lines, key=lambda one: -one.pk)[:SCANS_SHOWN]
        page = "depots/count.html"
        context = {"scans": [(one, shown_to(actor, one)) for one in latest], "scanned": len(lines)}
    # In place, a refusal is part of the page: a script shows only what comes as success.
    status = refusal.status if refusal and "HX-Request" not in request.headers else 200
    return render(request, page, {**common, **context}, status=status)


def _result(actor: Actor, count: Count, lines: list[CountLine]) -> dict[str, Any]:
    differences = [line for line in lines if line.result in DIFFERENCES]
    by_result = [line.result for line in lines]
    rows = _rows(actor, count, differences)
    settled = sum(line.settled_at is not None for line in differences)
    return {
        "groups": [(result, *TITLES[result], rows[result]) for result in DIFFERENCES],
        "matched": by_result.count(CountResult.MATCHED),
        "scanned": len(lines) - by_result.count(CountResult.MISSING),
        "differences": len(differences),
        "settled": settled,
    }


def _rows(actor: Actor, count: Count, lines: list[CountLine]) -> dict[CountResult, list[Row]]:
    unsettled = [line for line in lines if line.settled_at is None]
    seen, counters = seen_since(count, unsettled), counters_of(count)
    broken = _broken(count)
    rows: dict[CountResult, list[Row]] = {result: [] for result in DIFFERENCES}
    for line in lines:
        way = way_to_settle(line, count.depot.organisation_id, seen)
        line.count, shown = count, shown_to(actor, line)
        obstacle = _obstacle(line, actor.user_id in counters) if way == "lost" else ""
        hint, scan = _hint(line, shown, way, obstacle)
        row = Row(line, shown, way, hint, scan, broken.get(line.pk, ""), allowed=not obstacle)
        rows[CountResult(line.result)].append(row)
    return rows


def _broken(count: Count) -> dict[int, str]:
    """Line → the rule that its place breaks, as the log has it."""
    entries = history_of([count.subject]).filter(kind="count.settle_line")
    told = [entry.data for entry in entries]
    return {data["line"]: sentence(data["broken"], {"bay": data["bay"]}) for data in told if data.get("broken")}


def _obstacle(line: CountLine, has_counted: bool) -> Any:
    """Why this reader cannot record a drum as missing, as things are; empty where nothing is in the way."""
    container = line.container
    assert container is not None
    if container.state == ContainerState.COMMITTED:
        return _("It is on a manifest: call that off before it is recorded as missing.")
    if container.treated_g:
        return sentence("partly_treated_missing", {"container": container.short_grouped})
    return _("To say that it is gone takes somebody who did not count.") if has_counted else ""


def _hint(line: CountLine, shown: Container | None, way: str, obstacle: Any) -> tuple[Any, str]:
    """What to know before, and the scan mode to go to first."""
    if way == "lost":
        means = _("Recorded as missing, it leaves the stock and the district is told.")
        found = _("Found it? Scan it into its bay.")
        return f"{obstacle or means} {found}", "put_away"
    if way in ("seen", "moved", "returned") or shown is None:
        return "", ""
    if line.result == CountResult.MISPLACED:
        return _("It has been moved since: say where it is."), ""
    return _hint_to_found(shown, line.count.depot)


def _hint_to_found(container: Container, depot: Depot) -> tuple[Any, str]:
    ours = container.holder_id == depot.organisation_id
    if container.state in ENDED:
        return sentence(ENDED[ContainerState(container.state)]), ""
    if container.state == ContainerState.IN_TRANSIT:
        return _("On the road: if a manifest brings it here, check it in by scan first, then note it."), "check_in"
    if container.state == ContainerState.LOGGED and ours:
        return _("Never checked in: scan it in first, then note it."), "check_in"
    return _("Say how it came here, and who takes it where it belongs."), ""


# --- steps -------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest, depot_id: str, count_id: str) -> HttpResponse:
    """Compare with the books."""
    return _step(request, depot_id, count_id, counts.close)


@require_http_methods(["GET", "HEAD", "POST"])
def drop(request: HttpRequest, depot_id: str, count_id: str) -> HttpResponse:
    """Call the counting off."""
    return _step(request, depot_id, count_id, counts.drop)


def _step(request: HttpRequest, depot_id: str, count_id: str, step: Callable[..., Count]) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    count = get_count(get_depot(actor, depot_id), count_id)
    if request.method != "POST":
        return go_to(_address(count))
    try:
        return redirect_once(request, lambda: _address(step(actor=actor, count=count, now=now)))
    except Refused as refusal:
        return _count(request, get_count(count.depot, count_id), refusal)


@require_http_methods(["GET", "HEAD", "POST"])
def settle(request: HttpRequest, depot_id: str, count_id: str, line_id: str) -> HttpResponse:
    """Settle one difference; a refusal shows it again with what was typed."""
    actor, now = actor_of(request), now_of(request)
    count = get_count(get_depot(actor, depot_id), count_id)
    if request.method != "POST":
        return go_to(_address(count))
    typed = request.POST

    def done() -> str:
        line = get_line(count, line_id)
        counts.settle(actor=actor, line=line, how=typed.get("as", ""), reason=typed.get("reason", ""), now=now)
        return f"{_address(count)}#line-{line.pk}"

    try:
        return redirect_once(request, done)
    except NotFound:
        raise
    except Refused as refusal:
        return _count(request, get_count(count.depot, count_id), refusal, line_id)
