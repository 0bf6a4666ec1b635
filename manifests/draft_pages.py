"""The pages of what is not issued yet: a new manifest, a draft said anew, paper; the plan and the approvals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from depots.models import Stay
from manifests.approvals import approvals_of
from manifests.checks import turned_away
from manifests.choices import Choice, FreeDrums, carriers, free_drums, last_sent, receivers
from manifests.contracts import numbers_to_name
from manifests.drafts import from_stream, get_attachment, read_attachment, site_of
from manifests.forms import moment_of
from manifests.models import Manifest, ManifestState
from manifests.plan import YEARS, plan_of
from manifests.selectors import get_manifest
from manifests.services import draft_wanted, plan_transfer, record_approval, revise, send_back
from manifests.services.drafting import Wanted
from manifests.services.paper import MOST_BYTES, attach
from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, go_to, nonce_again, printable, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import organisation_of
from wastetrack.regulations.vocabulary import TREATMENT_METHODS
from wastetrack.units import typed_kg
from wastetrack.waste.models import ContainerState, WasteStream
from wastetrack.waste.reading import read_day
from wastetrack.waste.selectors import by_code, by_codes

SENDERS = frozenset({"generator", "collector", "treater"})
LATER_CARRIERS = 2
_BOUND = (ContainerState.LOGGED, ContainerState.COMMITTED)


@require_http_methods(["GET", "HEAD", "POST"])
def new_manifest(request: HttpRequest) -> HttpResponse:
    """Choose drums, receiver and carrier; the draft shows at once what would stop its issue."""
    actor = actor_of(request)
    actor.require_write()
    if not actor.roles & SENDERS:
        raise NotPermitted("not_your_part")
    if request.method != "POST":
        return _its_own_page(actor, request.GET) or _page(request, request.GET)
    try:
        return redirect_once(request, lambda: f"/manifests/{_drafted(request).number}")
    except Refused as refusal:
        return _page(request, request.POST, refusal)


def _its_own_page(actor: Actor, typed: Any) -> HttpResponse | None:
    """To the one drum that is named, where it may not be chosen: it is not in the store yet, or leaves already."""
    codes = typed.getlist("container")
    if len(codes) != 1:
        return None
    bound = by_code(codes[0]).filter(holder=actor.organisation_id, state__in=_BOUND).first()
    return go_to(f"/containers/{bound.short_code}") if bound else None


@require_http_methods(["GET", "HEAD", "POST"])
def edit_draft(request: HttpRequest, number: str) -> HttpResponse:
    """Say a draft anew: the same page, filled in as it stands."""
    actor = actor_of(request)
    actor.require_write()
    manifest = get_manifest(actor, number)
    if manifest.state != ManifestState.DRAFT:
        return go_to(f"/manifests/{number}")
    if request.method != "POST":
        return _page(request, request.GET if "container" in request.GET else _as_it_stands(manifest), manifest=manifest)
    try:
        wanted = _wanted(actor, printable(request.POST))
        revise(actor=actor, manifest=manifest, wanted=wanted, now=now_of(request))
    except Refused as refusal:
        return _page(request, request.POST, refusal, manifest)
    return go_to(f"/manifests/{number}")


class _Typed(dict[str, Any]):
    """A draft as the form would have sent it."""

    def getlist(self, name: str) -> list[str]:
        found = self.get(name, [])
        return found if isinstance(found, list) else [found]


def _as_it_stands(manifest: Manifest) -> _Typed:
    legs = manifest.legs.select_related("carrier")
    return _Typed(
        container=[line.container.short_code for line in manifest.lines.select_related("container")],
        receiver=manifest.receiver.uscc,
        carrier=manifest.carrier.uscc if manifest.carrier else "",
        next_carrier=[leg.carrier.uscc for leg in legs],
        emergency_measures=manifest.emergency_measures,
        contract=manifest.contract,
        follows=manifest.follows.number if manifest.follows else "",
    )


def _drafted(request: HttpRequest) -> Manifest:
    actor, typed, now = actor_of(request), printable(request.POST), now_of(request)
    wanted = _wanted(actor, typed)
    completed = moment_of(typed.get("paper_completed_at", ""), "paper_completed_at")
    if typed.get("paper_number", "").strip() and completed is None:
        raise invalid("paper_completed_at", "missing")
    return draft_wanted(
        actor=actor,
        wanted=wanted,
        paper_number=typed.get("paper_number", "").strip()[:30],
        paper_completed_at=completed,
        now=now,
    )


def _wanted(actor: Actor, typed: Any) -> Wanted:
    codes = typed.getlist("container")
    stream = str(typed.get("stream", ""))
    row = {
        "stream": stream,
        "mass_kg": typed_kg(typed.get("stream_mass_kg", "")),
        "accumulation_start": typed.get("stream_since", ""),
    }
    uscc = [typed.get("carrier", ""), *typed.getlist("next_carrier")]
    return Wanted(
        receiver=organisation_of(actor, typed.get("receiver", ""), "receiver"),
        containers=by_codes(actor, codes, field="containers") if codes else [],
        from_streams=[from_stream(actor, row, "streams.0")] if stream else [],
        carriers=[organisation_of(actor, one, "carrier") for one in uscc if one],
        emergency_measures=typed.get("emergency_measures", ""),
        contract=typed.get("contract", "").strip(),
    )


def _page(
    request: HttpRequest, typed: Any, refusal: Refused | None = None, manifest: Manifest | None = None
) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    today = timezone.localdate(now)
    codes = {code.upper().replace("-", "").replace(" ", "") for code in typed.getlist("container")}
    follows = typed.get("follows", "")
    drums = _turned_away(actor, follows) if follows else free_drums(actor, codes, typed.get("search", ""), manifest)
    chosen = [stay for stay in drums.stays if {stay.container.code, stay.container.short_code} & codes]
    likely = _likely(actor)
    errors = field_messages(refusal) if refusal else {}
    able = carriers(actor, today)
    context = {
        "manifest": manifest,
        "follows": follows,
        "drums": drums,
        "chosen": {stay.container_id for stay in chosen},
        "chosen_mass_g": sum(stay.container.mass_g for stay in chosen),
        **_parted("receivers", receivers(actor, {stay.container.waste_code for stay in chosen}, today)),
        **_parted("carriers", able),
        "receiver": typed.get("receiver", likely.get("receiver", "")),
        "carrier": typed.get("carrier", likely.get("carrier", "")),
        "later": _later(typed.getlist("next_carrier")),
        "search": typed.get("search", ""),
        "contract": typed.get("contract", likely.get("contract", "")),
        "contracts": numbers_to_name(actor, today),
        "streams": WasteStream.objects.filter(organisation=actor.organisation_id, active=True).order_by("name"),
        "typed": typed,
        "emergency_measures": typed.get("emergency_measures", _usual_measures()),
        "errors": {name.partition(".")[0]: text for name, text in errors.items()},
        "now": now,
        **nonce_again(refusal),
    }
    return render(request, "manifests/new.html", context, status=refusal.status if refusal else 200)


def _later(chosen: Sequence[str]) -> list[str]:
    """The carriers after the first, as many fields as the page has."""
    return [*chosen, *[""] * LATER_CARRIERS][: max(LATER_CARRIERS, len(chosen))]


def _likely(actor: Actor) -> Mapping[str, str]:
    """The parties of the organisation's last manifest: likely the ones again."""
    last = last_sent(actor)
    if last is None:
        return {}
    return {
        "receiver": last.receiver.uscc,
        "carrier": last.carrier.uscc if last.carrier else "",
        "contract": last.contract,
    }


def _turned_away(actor: Actor, number: str) -> FreeDrums:
    """The drums that were turned away under a manifest, as rows of the page."""
    lines = turned_away(get_manifest(actor, number)).select_related("container__generator", "container__holder")
    rows = []
    for line in lines:
        line.container.drafts = []  # type: ignore[attr-defined]
        rows.append(Stay(container=line.container))
    return FreeDrums(rows, 0)


def _parted(name: str, choices: Sequence[Choice]) -> dict[str, list[Choice]]:
    """Those that may be chosen, and the others with their reasons."""
    able = [choice for choice in choices if not choice.problems]
    return {name: able, f"other_{name}": [choice for choice in choices if choice.problems]}


def _usual_measures() -> str:
    # Translators: 防范措施, printed on the manifest: what to do first when a drum leaks on the way.
    return _(
        "If a drum leaks: move people away, keep off fire and sparks, contain and soak it up with absorbent, "
        "then call the emergency contact and the local environment office."
    )


# --- paper, and what goes back -----------------------------------------------------------------------------


@require_POST
def add_scan(request: HttpRequest, number: str) -> HttpResponse:
    """Add a scan or photo of the paper manifest."""
    actor = actor_of(request)
    manifest = get_manifest(actor, number)
    upload = request.FILES.get("scan")
    if upload is None:
        raise invalid("scan", "missing")
    name, content = read_attachment(upload, MOST_BYTES)
    attach(actor=actor, manifest=manifest, name=name, content=content, now=now_of(request))
    return go_to(f"/manifests/{number}")


@require_safe
def scan_of_paper(request: HttpRequest, number: str, sha256: str) -> HttpResponse:
    """A scan of the paper, to keep or look at."""
    return get_attachment(actor_of(request), number, sha256)


@require_POST
def return_refused(request: HttpRequest, number: str) -> HttpResponse:
    """Draft the return of what was refused; its page is where it is signed."""
    actor, now = actor_of(request), now_of(request)
    manifest = get_manifest(actor, number)
    return redirect_once(request, lambda: f"/manifests/{send_back(actor=actor, manifest=manifest, now=now).number}")


# --- the plan and the approvals ----------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest) -> HttpResponse:
    """The site's planned transfers of a year against what has gone out."""
    actor, now = actor_of(request), now_of(request)
    typed = request.POST if request.method == "POST" else request.GET
    site = site_of(actor, typed.get("site", ""))
    year = _year(typed.get("year", ""), now)
    refusal: Refused | None = None
    if request.method == "POST":
        try:
            printable(request.POST)
            plan_transfer(
                actor=actor,
                site=site,
                year=year,
                waste_code=typed.get("waste_code", "").strip(),
                receiver=organisation_of(actor, typed.get("receiver", ""), "receiver"),
                mass_kg=typed_kg(typed.get("mass_kg", "")),
                method=typed.get("method", ""),
                now=now,
            )
            return go_to(f"/plan?site={site.code}&year={year}")
        except Refused as error:
            refusal = error
    context = {
        "site": site,
        "year": year,
        "years": [other for other in (year - 1, year + 1) if other in YEARS],
        "rows": plan_of(site, year),
        "receivers": [one.organisation for one in receivers(actor, (), timezone.localdate(now))],
        "methods": [method for method in TREATMENT_METHODS.values() if method.final],
        "typed": typed if refusal else {},
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "manifests/plan.html", context, status=refusal.status if refusal else 200)


def _year(text: str, now: datetime) -> int:
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else 0
    return year if year in YEARS else timezone.localdate(now).year


@require_http_methods(["GET", "HEAD", "POST"])
def approvals(request: HttpRequest) -> HttpResponse:
    """Approvals to send waste out of the province, how far each is used up; and a new one recorded."""
    actor, now = actor_of(request), now_of(request)
    typed, refusal = request.POST, None
    if request.method == "POST":
        try:
            return redirect_once(request, lambda: f"/approvals#approval-{_recorded(request)}")
        except Refused as error:
            refusal = error
    today = timezone.localdate(now)
    context = {
        "approvals": approvals_of(actor, today),
        "receivers": [one.organisation for one in receivers(actor, (), today)] if actor.may_write else [],
        "methods": [method for method in TREATMENT_METHODS.values() if method.final],
        "may_record": actor.may_write and bool(actor.roles & SENDERS),
        "typed": typed if refusal else {},
        "errors": {name.partition(".")[0]: text for name, text in field_messages(refusal).items()} if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "manifests/approvals.html", context, status=refusal.status if refusal else 200)


def _recorded(request: HttpRequest) -> int:
    actor, typed = actor_of(request), printable(request.POST)
    made = record_approval(
        actor=actor,
        number=typed.get("number", ""),
        receiver=organisation_of(actor, typed.get("receiver", ""), "receiver"),
        waste_codes=typed.get("waste_codes", "").replace("，", " ").replace(",", " ").split(),
        mass_kg=typed_kg(typed.get("mass_kg", "")),
        method=typed.get("method", ""),
        route=typed.get("route", ""),
        valid_from=read_day(typed.get("valid_from", "")),
        valid_to=read_day(typed.get("valid_to", "")),
        now=now_of(request),
    )
    return int(made.pk)
