"""The driver's pages: the day's loads, and one load with its next step; for a phone in one hand."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from manifests.drive import get_load, loads_of
from manifests.forms import Typed, errors_of
from manifests.selectors import legs_of
from manifests.services import digest_of
from manifests.steps import step_forms
from manifests.turns import turn_of
from wastetrack.errors import Refused
from wastetrack.http import actor_of, now_of
from wastetrack.pages import nonce_again, seen_from

DRIVEN = frozenset({"depart", "take-over", "deliver", "hand-over"})
"""The steps that are a driver's."""


@require_safe
def drive(request: HttpRequest) -> HttpResponse:
    """What this organisation's drivers have to fetch, to take over and to bring."""
    loads, more = loads_of(actor_of(request))
    return render(request, "manifests/drive/loads.html", {"loads": loads, "more": more})


@require_safe
def drive_load(request: HttpRequest, number: str) -> HttpResponse:
    """One load: where to, what it lacks, and its next step."""
    return load_page(request, number)


def load_page(
    request: HttpRequest,
    number: str,
    refused_verb: str = "",
    refusal: Refused | None = None,
    positions: Sequence[int | str] = (),
) -> HttpResponse:
    """The page of a load, or the same with what a step of it refused. Raises NotFound(unknown_manifest) as get_load."""
    actor = actor_of(request)
    load, lines = get_load(actor, number)
    manifest = load.manifest
    turn = turn_of(manifest, lines, actor)
    errors = errors_of(refusal, positions) if refusal else {}
    typed: Typed = request.POST if refusal else {}
    now = now_of(request)
    forms = step_forms(actor, manifest, lines, turn, now, refused_verb=refused_verb, typed=typed, errors=errors)
    at_a_form = any(form.verb == refused_verb for form in forms)
    context = {
        "load": load,
        "manifest": manifest,
        "lines": lines,
        "forms": [form for form in forms if form.verb in DRIVEN],
        "digest": digest_of(manifest, lines, legs_of(manifest)),
        "next": "/drive",
        "stray": "" if at_a_form else " ".join(errors.values()),
        **seen_from(actor, "/drive"),
        **nonce_again(refusal),
    }
    return render(request, "manifests/drive/load.html", context, status=refusal.status if refusal else 200)
