"""The driver's pages: the day's loads, and one load with its next step; for a phone in one hand."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from manifests.drive import get_load, loads_of
from manifests.selectors import legs_of
from manifests.services import digest_of
from manifests.steps import step_forms
from manifests.turns import turn_of
from wastetrack.http import actor_of, now_of

DRIVEN = frozenset({"depart", "take-over", "deliver", "hand-over"})
"""The steps that are a driver's."""


@require_safe
def drive(request: HttpRequest) -> HttpResponse:
    """What this organisation's drivers have to fetch, to take over and to bring."""
    loads, more = loads_of(actor_of(request))
    return render(request, "manifests/drive/loads.html", {"loads": loads, "more": more})


@require_safe
def drive_load(request: HttpRequest, number: str) -> HttpResponse:
    """One load: where to, what it lacks, and its next step. What the step refuses is said on the manifest's page."""
    actor = actor_of(request)
    load, lines = get_load(actor, number)
    manifest = load.manifest
    turn = turn_of(manifest, lines, actor)
    forms = step_forms(actor, manifest, lines, turn, now_of(request), refused_verb="", typed={}, errors={})
    context = {
        "load": load,
        "manifest": manifest,
        "lines": lines,
        "forms": [form for form in forms if form.verb in DRIVEN],
        "digest": digest_of(manifest, lines, legs_of(manifest)),
        "next": "/drive",
    }
    return render(request, "manifests/drive/load.html", context)
