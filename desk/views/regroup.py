"""Split, merge, repack, keep longer, say what it reacts with: what is done with a drum in store; and its family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from depots.extensions import DOCUMENT_LENGTH, extend
from depots.models import Bay, Stay
from depots.regroup import MOST_PARTS, merge, repack, require_regroupable, split, why_not_merge
from desk.family import family_of
from desk.groups import group_choices
from desk.parts import bay_near, read_parts
from desk.selectors import places
from manifests.fates import fates_of
from wastetrack.districts.selectors import figure
from wastetrack.errors import NotFound, Refused, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, go_to, next_of, nonce_again, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.regulations.vocabulary import CONTAINER_KINDS
from wastetrack.units import grams, kg_text, typed_kg
from wastetrack.waste.models import Container
from wastetrack.waste.reading import NO_REACTION, read_day
from wastetrack.waste.selectors import by_codes, get_container
from wastetrack.waste.services import require_stating, state_reactions

PARTS = 2
"""What the page of a split begins with, and the fewest drums that can be merged."""


@dataclass
class Row:
    """One new container as it was typed, and what is wrong with it."""

    container_kind: str
    volume_l: str
    mass_kg: str
    errors: dict[str, str]


# --- where the drums come from -----------------------------------------------------------------------------


@require_POST
def choose(request: HttpRequest, what: str) -> HttpResponse:
    """From the ticked rows of a list to the page that merges them or keeps them longer."""
    actor_of(request)
    if what not in ("merge", "extend"):
        raise NotFound
    codes = request.POST.getlist("codes")
    if not codes:
        raise invalid("codes", "no_codes")
    return go_to(f"/containers/{what}?{urlencode([('container', code) for code in codes])}")


def _named(request: HttpRequest, actor: Actor) -> list[Container]:
    """The drums that the form or the address names. Raises Invalid(no_codes | unknown_code | duplicate_container)."""
    sent = request.POST if request.method == "POST" else request.GET
    codes = sent.getlist("container")
    if not codes:
        raise invalid("codes", "no_codes")
    return by_codes(actor, codes)


# --- split, repack, merge ----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def split_page(request: HttpRequest, code: str) -> HttpResponse:
    """All of a drum into two or more new ones; what is left to place is counted while masses are typed."""
    actor = actor_of(request)
    actor.require_write()
    drum = get_container(actor, code)
    if request.method != "POST":
        require_regroupable(actor=actor, containers=[drum])
        return _page(request, "split", [drum], _rows(drum, PARTS))
    rows = _typed_rows(request)
    if "add" in request.POST:
        return _page(request, "split", [drum], [*rows, *_rows(drum, 1)][:MOST_PARTS])

    def make() -> str:
        parts, bay = read_parts(rows), bay_near(drum, request.POST.get("bay", ""))
        made = split(actor=actor, container=drum, parts=parts, bay=bay, now=now_of(request))
        return _after([drum], made)

    return _once(request, "split", [drum], rows, make)


@require_http_methods(["GET", "HEAD", "POST"])
def repack_page(request: HttpRequest, code: str) -> HttpResponse:
    """All of a drum into a new one of another kind."""
    actor = actor_of(request)
    actor.require_write()
    drum = get_container(actor, code)
    rows = _one_row(request) if request.method == "POST" else _rows(drum, 1)
    if request.method != "POST":
        require_regroupable(actor=actor, containers=[drum])
        return _page(request, "repack", [drum], rows)

    def make() -> str:
        (part,) = read_parts(rows, drum.mass_g)
        bay = bay_near(drum, request.POST.get("bay", ""))
        return _after([drum], [repack(actor=actor, container=drum, part=part, bay=bay, now=now_of(request))])

    return _once(request, "repack", [drum], rows, make)


@require_http_methods(["GET", "HEAD", "POST"])
def merge_page(request: HttpRequest) -> HttpResponse:
    """All of several drums into a new one; what speaks against it is said before anything is typed."""
    actor = actor_of(request)
    actor.require_write()
    drums = _named(request, actor)
    if request.method != "POST":
        if len(drums) < PARTS:
            raise invalid("codes", "too_few_to_merge")
        require_regroupable(actor=actor, containers=drums)
        largest = max(drums, key=lambda drum: drum.volume_l)
        return _page(request, "merge", drums, _rows(largest, 1), why_not_merge(drums))
    rows = _one_row(request)

    def make() -> str:
        (part,) = read_parts(rows, sum(drum.mass_g for drum in drums))
        bay, waste_code = bay_near(drums[0], request.POST.get("bay", "")), request.POST.get("waste_code", "")
        now = now_of(request)
        made = merge(actor=actor, containers=drums, part=part, waste_code=waste_code, bay=bay, now=now)
        return _after(drums, [made])

    return _once(request, "merge", drums, rows, make)


def _once(
    request: HttpRequest, what: str, drums: Sequence[Container], rows: list[Row], make: Callable[[], str]
) -> HttpResponse:
    try:
        return redirect_once(request, make)
    except Refused as refusal:
        return _page(request, what, drums, rows, refusal)


def _rows(drum: Container, count: int) -> list[Row]:
    """Empty rows of the old drum's kind and volume."""
    return [Row(drum.container_kind, f"{drum.volume_l.normalize():f}", "", {}) for _ in range(count)]


def _typed_rows(request: HttpRequest) -> list[Row]:
    kinds, volumes = request.POST.getlist("container_kind"), request.POST.getlist("volume_l")
    masses = request.POST.getlist("mass_kg") or [""] * len(kinds)
    rows = zip(kinds, volumes, masses, strict=False)
    return [Row(kind, volume, typed_kg(mass), {}) for kind, volume, mass in list(rows)[: MOST_PARTS + 1]]


def _one_row(request: HttpRequest) -> list[Row]:
    """The one new drum as it was typed; where nothing was sent of it, an empty row, which says what it lacks."""
    return _typed_rows(request)[:1] or [Row("", "", "", {})]


def _page(
    request: HttpRequest, what: str, drums: Sequence[Container], rows: list[Row], refusal: Refused | None = None
) -> HttpResponse:
    errors = field_messages(refusal) if refusal else {}
    for number, row in enumerate(rows):
        at = f"parts.{number}."
        row.errors = {name.removeprefix(at): text for name, text in errors.items() if name.startswith(at)}
    where = places(drums)
    stay = where.get(drums[0].pk)
    whole_g = sum(drum.mass_g for drum in drums)
    left_g = whole_g - sum(map(_grams, rows))
    last = [drum.storage_deadline for drum in drums if drum.storage_deadline is not None]
    context = {
        "drums": [(drum, where.get(drum.pk)) for drum in drums],
        "container": drums[0],
        "rows": rows,
        "whole_g": whole_g,
        "left_g": left_g,
        "left_kg": kg_text(abs(left_g)),
        "deadline": min(last) if last else None,
        "codes": sorted({drum.waste_code for drum in drums}),
        "waste_code": request.POST.get("waste_code", ""),
        "kinds": CONTAINER_KINDS.values(),
        "stay": stay,
        "scattered": len({place.depot_id for place in where.values()}) > 1,
        "common": stay if len({place.bay_id for place in where.values()}) == 1 else None,
        "bays": list(Bay.objects.filter(depot=stay.depot_id)) if stay else [],
        "bay": request.POST.get("bay", ""),
        "most": MOST_PARTS,
        "errors": errors,
        **nonce_again(refusal),
    }
    failed = refusal is not None and request.method == "POST"
    return render(request, f"desk/{what}.html", context, status=refusal.status if failed and refusal else 200)


def _grams(row: Row) -> int:
    """A row's mass as far as it can be read."""
    try:
        return grams(row.mass_kg, allow_zero=True) if row.mass_kg else 0
    except Refused:
        return 0


def _after(old: Sequence[Container], new: Sequence[Container]) -> str:
    codes = [("new", one.short_code) for one in new] + [("old", one.short_code) for one in old]
    return f"/containers/regrouped?{urlencode(codes)}"


@require_safe
def regrouped(request: HttpRequest) -> HttpResponse:
    """It is done: the new labels to print, the old ones to take off."""
    actor = actor_of(request)
    new, old = (by_codes(actor, request.GET.getlist(name)[:500]) for name in ("new", "old"))
    if not new:
        raise NotFound
    where = places(new)
    return render(request, "desk/regrouped.html", {"new": [(one, where.get(one.pk)) for one in new], "old": old})


# --- the family --------------------------------------------------------------------------------------------


@require_safe
def family(request: HttpRequest, code: str) -> HttpResponse:
    """Where a drum's waste came from and where it went, as a tree."""
    actor = actor_of(request)
    found = get_container(actor, code)
    context = {
        "container": found,
        "family": family_of(actor, found),
        "fates": fates_of(actor, found),
        "certified": found.generator_id == actor.organisation_id or actor.is_regulator,
    }
    return render(request, "desk/family.html", context)


# --- what it reacts with -----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def reactions_page(request: HttpRequest, code: str) -> HttpResponse:
    """Say with what a drum reacts; then back to where it was asked for."""
    actor = actor_of(request)
    actor.require_write()
    found = get_container(actor, code)
    if request.method != "POST":
        require_stating(actor=actor, container=found)
        return _reactions_form(request, found, found.reactions)
    groups = request.POST.getlist("reaction_groups")
    try:
        state_reactions(actor=actor, container=found, groups=groups, now=now_of(request))
    except Refused as refusal:
        return _reactions_form(request, found, frozenset(groups), refusal)
    return go_to(next_of(request, fallback=f"/containers/{found.short_code}"))


def _reactions_form(
    request: HttpRequest, found: Container, ticked: frozenset[str] | None, refusal: Refused | None = None
) -> HttpResponse:
    context = {
        "container": found,
        "groups": group_choices(ticked),
        "nothing": ticked is not None and not ticked - {NO_REACTION},
        "nothing_value": NO_REACTION,
        "errors": field_messages(refusal) if refusal else {},
        "next": next_of(request, fallback="", fields=request.POST if refusal else request.GET),
    }
    return render(request, "desk/reactions.html", context, status=refusal.status if refusal else 200)


# --- keeping it longer -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def extend_page(request: HttpRequest) -> HttpResponse:
    """One or many drums may stay longer, by the number of the document that says so."""
    actor = actor_of(request)
    actor.require_write()
    drums = _named(request, actor)
    if request.method != "POST":
        return _extend_form(request, drums)
    try:
        return redirect_once(request, lambda: _extended(request, actor, drums))
    except Refused as refusal:
        return _extend_form(request, drums, refusal)


def _extended(request: HttpRequest, actor: Actor, drums: list[Container]) -> str:
    typed = request.POST.get("until", "")
    until = read_day(typed)
    if until is None and typed:
        raise invalid("until", "date_unreadable")
    document = request.POST.get("document", "")
    extend(actor=actor, containers=drums, until=until, document=document, now=now_of(request))
    if len(drums) == 1:
        return f"/containers/{drums[0].short_code}"
    stay = Stay.objects.filter(container=drums[0], left_at=None).first()
    return f"/depots/{stay.depot_id}#stock" if stay else "/containers"


def _extend_form(request: HttpRequest, drums: Sequence[Container], refusal: Refused | None = None) -> HttpResponse:
    now = now_of(request)
    where = places(drums)
    stay = where.get(drums[0].pk)
    division = stay.depot.site.division if stay else drums[0].origin.division
    most = int(figure(division, "storage.extension_days"))
    last = [drum.storage_deadline for drum in drums if drum.storage_deadline is not None]
    context = {
        "drums": [(drum, where.get(drum.pk)) for drum in drums],
        "container": drums[0],
        "mass_g": sum(drum.mass_g for drum in drums),
        "document": request.POST.get("document", drums[0].extension),
        "until": request.POST.get("until", ""),
        "earliest": timezone.localdate(max(last)) + timedelta(days=1) if last else None,
        "latest": timezone.localdate(now) + timedelta(days=most),
        "length": DOCUMENT_LENGTH,
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "desk/extend.html", context, status=refusal.status if refusal else 200)
