"""The pages of manifests: the list, a new one, and one with its three parts and its next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from depots.selectors import get_depot
from manifests.corrections import corrections_of, open_one, shown
from manifests.draft_pages import SENDERS
from manifests.drafts import draft_json
from manifests.drive_pages import load_page
from manifests.forms import Typed, errors_of, read_form
from manifests.models import AFTER_RECEIPT, UNDER_WAY, Manifest, ManifestState
from manifests.paper import paper_of
from manifests.selectors import get_manifest, lines_of, visible_manifests
from manifests.services import may_number
from manifests.steps import step_forms
from manifests.turns import expected_by, turn_of, waiting, waits_for
from manifests.verbs import perform
from wastetrack.errors import NotFound, Refused, invalid
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.pages import NONCE, NONCE_LENGTH, go_to, next_of, nonce_again, printable
from wastetrack.parties.actors import Actor
from wastetrack.regulations.identifiers import typed_digits

PAGE, MOST_WAITING = 30, 10
FILTERS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "under_way": (gettext_lazy("Under way"), UNDER_WAY),
    "draft": (gettext_lazy("Draft"), (ManifestState.DRAFT,)),
    "issued": (gettext_lazy("Issued"), (ManifestState.ISSUED,)),
    "in_transit": (gettext_lazy("On the road"), (ManifestState.IN_TRANSIT,)),
    "delivered": (gettext_lazy("Delivered"), (ManifestState.DELIVERED,)),
    "received": (gettext_lazy("Received"), AFTER_RECEIPT),
    "closed": (gettext_lazy("Closed"), (ManifestState.CLOSED,)),
    "cancelled": (gettext_lazy("Cancelled"), (ManifestState.CANCELLED,)),
}
"""The list's filters by state, as the address names them."""
AROUND: Sequence[tuple[str, Any, frozenset[str]]] = (
    ("/collections", gettext_lazy("Collections"), frozenset({"generator", "collector"})),
    ("/rounds", gettext_lazy("Rounds"), frozenset({"collector", "carrier"})),
    ("/vehicles", gettext_lazy("Vehicles"), frozenset({"carrier"})),
    ("/plan", gettext_lazy("Planned transfers"), SENDERS),
    ("/filings", gettext_lazy("Plans and declarations"), SENDERS | {"regulator"}),
    ("/approvals", gettext_lazy("Approvals to leave the province"), SENDERS | {"regulator"}),
    ("/contracts", gettext_lazy("Contracts"), SENDERS | {"carrier", "regulator"}),
    ("/permits", gettext_lazy("Permits"), frozenset({"collector", "treater", "carrier", "regulator"})),
    ("/manifests/national", gettext_lazy("National list"), SENDERS),
)
"""The pages around the manifest, and which roles they are for."""
PARTIES = {"sender": gettext_lazy("Going out"), "receiver": gettext_lazy("Coming in")}


# --- the list ----------------------------------------------------------------------------------------------


@require_safe
def manifest_list(request: HttpRequest) -> HttpResponse:
    """The actor's manifests: first those that wait for it, then all, filtered as the address says."""
    actor = actor_of(request)
    chosen = {name: request.GET.get(name, "") for name in ("state", "party", "search", "disputed")}
    cursor = request.GET.get("cursor")
    first = [] if any(chosen.values()) or cursor or actor.is_regulator else list(waiting(actor)[: MOST_WAITING + 1])
    context = {
        "page": page_of(_filtered(actor, chosen), cursor, PAGE, lambda found: found),
        "waiting": first[:MOST_WAITING],
        "more_waiting": len(first) > MOST_WAITING,
        "filters": [(name, label) for name, (label, _states) in FILTERS.items()],
        "parties": PARTIES.items(),
        "chosen": chosen,
        "around": [(path, label) for path, label, roles in AROUND if actor.roles & roles],
        "may_draft": actor.may_write and bool(actor.roles & SENDERS),
    }
    return render(request, "manifests/list.html", context)


def _filtered(actor: Actor, chosen: Mapping[str, str]) -> QuerySet[Manifest]:
    """The manifests that the address asks for. Raises Invalid for a filter that does not exist."""
    rows = visible_manifests(actor)
    state, party, search = chosen["state"], chosen["party"], chosen["search"].strip()[:40]
    if state == "waiting":
        rows = rows.filter(waits_for(actor))
    elif state:
        if state not in FILTERS:
            raise invalid("state", "unknown_state")
        rows = rows.filter(state__in=FILTERS[state][1])
    if party:
        if party not in PARTIES:
            raise invalid("party", "wrong_type")
        rows = rows.filter(**{party: actor.organisation_id})
    digits = typed_digits(search)
    if digits.isascii() and digits.isdigit() and any(character.isdigit() for character in search):
        rows = rows.filter(Q(number__startswith=digits) | Q(national_number__startswith=digits))
    elif search:
        names = [Q(**{f"{name}__name__icontains": search}) for name in ("sender", "receiver", "carrier")]
        rows = rows.filter(names[0] | names[1] | names[2])
    return rows.filter(Q(disputed=True)) if chosen["disputed"] else rows


# --- one manifest ------------------------------------------------------------------------------------------


@require_safe
def manifest_page(request: HttpRequest, number: str) -> HttpResponse:
    """A manifest: how far it is, its three parts, its signatures, and the one next step of this reader."""
    return _page(request, get_manifest(actor_of(request), number))


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    """Do a verb; a refusal shows the form again with what was typed."""
    actor, now = actor_of(request), now_of(request)
    if request.method != "POST":
        return go_to(f"/manifests/{number}")
    manifest = get_manifest(actor, number)
    lines = lines_of(manifest)
    positions: Sequence[int | str] = ()
    try:
        form = read_form(verb, lines, printable(request.POST), now)
        positions = form.positions
        perform(verb, actor=actor, number=number, sent=form.sent, now=now, key=key_of(request))
    except NotFound as missing:
        if missing.code in ("unknown_manifest", "unknown_verb"):
            raise
        return _refused(request, manifest, verb, missing, positions)
    except Refused as refusal:
        return _refused(request, get_manifest(actor, number), verb, refusal, positions)
    return go_to(next_of(request, f"/manifests/{number}{_told(verb, form.sent.fields)}"))


def _told(verb: str, fields: Mapping[str, Any]) -> str:
    """What the page says after a number was recorded: how it was read, where it was typed with letters or spaces."""
    if verb != "national-number":
        return ""
    return "?numbered=plain" if str(fields["national_number"]).strip().isdecimal() else "?numbered=read"


def _numbered(request: HttpRequest, manifest: Manifest) -> dict[str, Any]:
    """Right after recording: whether it was read from other characters, and whose number here it is besides."""
    how = request.GET.get("numbered", "") if manifest.national_number else ""
    if not how:
        return {}
    others = Manifest.objects.visible_to(actor_of(request)).filter(number=manifest.national_number)
    return {"number_read": how == "read", "namesake": others.exclude(pk=manifest.pk).first()}


def _refused(
    request: HttpRequest, manifest: Manifest, verb: str, refusal: Refused, positions: Sequence[int | str]
) -> HttpResponse:
    """The form again with what was typed, on the page it was sent from: a driver's load, as long as it is one."""
    if next_of(request).partition("/")[2].startswith("drive"):
        try:
            return load_page(request, manifest.number, verb, refusal, positions)
        except NotFound:
            pass
    return _page(request, manifest, verb, refusal, positions)


def key_of(request: HttpRequest) -> str:
    """The key under which a form acts once. Raises Invalid(nonce_missing | idempotency_key_unusable)."""
    nonce = request.POST.get(NONCE, "")
    if not nonce:
        raise invalid(NONCE, "nonce_missing")
    if len(nonce) > NONCE_LENGTH or not nonce.isprintable():
        raise invalid(NONCE, "idempotency_key_unusable")
    return f"page:{nonce}"


def _page(
    request: HttpRequest,
    manifest: Manifest,
    refused_verb: str = "",
    refusal: Refused | None = None,
    positions: Sequence[int | str] = (),
) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    lines = lines_of(manifest)
    found = draft_json(manifest, now)
    corrections = corrections_of(manifest)
    proposal = open_one(corrections)
    turn = turn_of(manifest, lines, actor, blocked=bool(found["problems"]), proposal=proposal)
    errors = errors_of(refusal, positions) if refusal else {}
    typed: Typed = request.POST if refusal else {}
    forms = step_forms(actor, manifest, lines, turn, now, refused_verb=refused_verb, typed=typed, errors=errors)
    at_a_form = any(form.verb == refused_verb for form in forms)
    context = {
        "manifest": manifest,
        "paper": paper_of(actor, manifest, lines, timezone.localdate(now)),
        **found,
        "may_number": actor.may_write and may_number(actor, manifest),
        **_numbered(request, manifest),
        "typed_number": typed.get("national_number", "") if refused_verb == "national-number" else "",
        "turn": turn,
        "forms": forms,
        "proposal": shown([proposal], lines)[0] if proposal else None,
        "corrections": shown([one for one in corrections if one.settled_at], lines),
        # What can no longer be shown at a form, because that step is not open any more, stands on top.
        "stray": "" if at_a_form else " ".join(errors.values()),
        **nonce_again(refusal),
    }
    return render(request, "manifests/manifest.html", context, status=refusal.status if refusal else 200)


# --- at the depot's door -----------------------------------------------------------------------------------


@require_safe
def expected(request: HttpRequest, depot_id: str) -> HttpResponse:
    """A panel of the depot's board and of the scan page: loads on their way here, and what of each is missing."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    context = {"depot": depot, "loads": expected_by(actor, depot.site.organisation_id)}
    return render(request, "manifests/expected.html", context)
