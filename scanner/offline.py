"""What lets a scanner go on without a network: the service worker, the installed app, and whose session this is."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import get_language, pgettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from wastetrack.errors import Refused
from wastetrack.http import actor_of, owner_of, problem

WORKER = "wastetrack/scan/sw.js"
FOLDERS = ("wastetrack/", "vendor/")
SKIPPED = {WORKER, "vendor/tabler.min.js"}


@require_safe
@cache_control(no_cache=True)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker with what it keeps. It changes, and is installed anew, when one of these files does."""
    return HttpResponse(_worker(), content_type="text/javascript; charset=utf-8")


@cache
def _worker() -> str:
    found = finders.find(WORKER)
    assert isinstance(found, str)
    source = Path(found).read_text(encoding="utf-8")
    files = [static(name) for name in _files()]
    version = hashlib.sha256("\n".join([source, *files]).encode()).hexdigest()[:12]
    known = {"VERSION": version, "STATIC": settings.STATIC_URL, "FILES": files}
    return "".join(f"const {name} = {json.dumps(value)};\n" for name, value in known.items()) + source


def _files() -> list[str]:
    """The site's own static files and the packages' that its pages use."""
    found = [(name, storage) for finder in finders.get_finders() for name, storage in finder.list([])]
    names = {f"{prefix}/{name}" if (prefix := getattr(storage, "prefix", "")) else name for name, storage in found}
    return sorted(name for name in names if name.startswith(FOLDERS) and name not in SKIPPED)


@require_safe
@cache_control(no_cache=True)
def app_manifest(request: HttpRequest) -> HttpResponse:
    """What a phone needs to put the scan page on its home screen."""
    mark = {"src": static("wastetrack/mark.svg"), "type": "image/svg+xml", "sizes": "any"}
    body = {
        "id": "/scan",
        "name": pgettext("app", "WasteTrack scanner"),
        "short_name": pgettext("app", "WasteTrack"),
        "lang": get_language(),
        "start_url": "/scan",
        "scope": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#ffffff",
        "icons": [{**mark, "purpose": "any"}, {**mark, "purpose": "maskable"}],
    }
    return HttpResponse(json.dumps(body, ensure_ascii=False), content_type="application/manifest+json")


@require_safe
@cache_control(no_store=True)
def session(request: HttpRequest) -> HttpResponse:
    """Who is signed in here now, and the token for what is sent: for a page that was opened long ago."""
    try:
        actor = actor_of(request)
    except Refused as refusal:
        return problem(refusal)
    name = f"{actor.person.display_name} · {actor.principal.name}"
    return JsonResponse({"owner": owner_of(actor), "name": name, "token": get_token(request)})


@require_safe
def offline_page(request: HttpRequest) -> HttpResponse:
    """What the service worker shows in place of a page that needs the network; it knows nobody."""
    return render(request, "scanner/offline.html", {"actor": None})
