"""`/manifests/national`: the national system's list against ours. Nothing of the file is kept."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from manifests.national.matching import Reconciled, reconcile
from manifests.national.reading import read_list, vocabulary
from manifests.national.tables import MAX_BYTES
from manifests.services.national import MOST_LINKS, Linked, record_links
from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.http import actor_of, field_json, now_of, problem_json
from wastetrack.pages import field_messages
from wastetrack.parties.actors import Actor

COLUMNS = {
    "national_number": gettext_lazy("National number"),
    "sender_name": gettext_lazy("Sender"),
    "sender_uscc": gettext_lazy("Sender's credit code"),
    "receiver_name": gettext_lazy("Receiver"),
    "receiver_uscc": gettext_lazy("Receiver's credit code"),
    "waste_code": gettext_lazy("Waste code"),
    "planned": gettext_lazy("Mass sent"),
    "confirmed": gettext_lazy("Mass accepted"),
    "day": gettext_lazy("Day"),
    "state": gettext_lazy("State"),
    "voided": gettext_lazy("Called off"),
}
"""The columns that a list may have, in words."""
SENDERS_AND_RECEIVERS = {"generator", "collector", "treater"}


@require_http_methods(["GET", "HEAD", "POST"])
def national(request: HttpRequest) -> HttpResponse:
    """Choose the file; a POST answers with what matches, differs, is missing, and what may be linked."""
    actor = _actor(request)
    if request.method != "POST":
        return _page(request)
    try:
        listed = read_list(_data(request))
        return _page(request, result=reconcile(actor, actor.principal, listed))
    except Refused as refusal:
        return _page(request, refusal=refusal)


@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Record the ticked numbers, each on its own; what was refused is told with its reason."""
    actor = _actor(request)
    pairs = [pair.partition(" ") for pair in request.POST.getlist("link")]
    try:
        done = record_links(actor=actor, links=[(ours, theirs) for ours, _, theirs in pairs], now=now_of(request))
    except Refused as refusal:
        return _page(request, refusal=refusal)
    return _page(request, done=done)


def _actor(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    if not actor.roles & SENDERS_AND_RECEIVERS:
        raise NotPermitted("not_your_part")
    return actor


def _data(request: HttpRequest) -> bytes:
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise invalid("file", "list_missing")
    return file.read(MAX_BYTES + 1)


def _page(
    request: HttpRequest,
    *,
    result: Reconciled | None = None,
    done: list[Linked] | None = None,
    refusal: Refused | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "result": result,
        "most_links": MOST_LINKS,
        "recorded": [one for one in done or () if one.refusal is None],
        "refused": [(one, problem_json(one.refusal)["detail"]) for one in done or () if one.refusal],
        "errors": field_messages(refusal) if refusal else {},
        "found_wrong": [field_json(error)["message"] for error in refusal.errors] if refusal else [],
        "columns": [(COLUMNS[name], " · ".join(titles)) for name, titles in vocabulary()["columns"].items()],
        "limit_mb": MAX_BYTES // 1_000_000,
    }
    return render(request, "manifests/national/national.html", context, status=refusal.status if refusal else 200)
