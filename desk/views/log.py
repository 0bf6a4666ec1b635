"""Logging waste: tap the usual waste, give the weight, done; anything else by its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from desk.groups import group_choices
from desk.places import place_named, places_of, usual_place
from desk.selectors import places
from desk.services import log_at
from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, nonce_again, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Site
from wastetrack.regulations.catalogue import WasteCode
from wastetrack.regulations.compatibility import groups_for
from wastetrack.regulations.selectors import find_waste_code, search_waste_codes
from wastetrack.regulations.vocabulary import CONTAINER_KINDS, FORMS
from wastetrack.sentences import sentence
from wastetrack.units import typed_kg
from wastetrack.waste.models import WasteStream
from wastetrack.waste.reading import NO_REACTION
from wastetrack.waste.selectors import get_container

MOST_FOUND = 20
FIELDS = ("name", "form", "mass_kg", "container_kind", "volume_l", "accumulation_start")
TEXTS = ("components", "harmful_components", "precautions", "remarks")


@require_http_methods(["GET", "HEAD", "POST"])
def log(request: HttpRequest) -> HttpResponse:
    """Choose the waste, then the form; a POST logs the drum and goes to its label."""
    actor = actor_of(request)
    actor.require_write()
    if not actor.roles & {"generator", "collector", "treater"}:
        raise NotPermitted("page_of_keepers")
    if request.method == "POST":
        return _save(request, actor)
    streams = list(_streams(actor))
    stream = next((stream for stream in streams if str(stream.pk) == request.GET.get("stream")), None)
    waste = _waste(request, request.GET.get("waste_code", ""))
    homeless = not Site.objects.filter(organisation=actor.organisation_id).exists()
    if not homeless and (stream is not None or waste is not None):
        return _form(request, actor, stream, waste)
    query = request.GET.get("q", "")
    unknown = _unknown(request) if not homeless else ""
    context = {
        "streams": streams,
        "q": query,
        "found": _search(request, query),
        "other": "q" in request.GET,
        "homeless": homeless,
        "unknown": unknown,
    }
    return render(request, "desk/log_choose.html", context, status=404 if unknown else 200)


def _unknown(request: HttpRequest) -> str:
    """The sentence for a waste that the address names and that is none; empty when it names none."""
    named = [name for name in ("stream", "waste_code") if request.GET.get(name)]
    return sentence(f"unknown_{named[0]}") if named else ""


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Waste codes while somebody types."""
    actor_of(request)
    query = request.GET.get("q", "")
    return render(request, "desk/log_found.html", {"found": _search(request, query), "q": query})


@require_safe
def logged(request: HttpRequest, code: str) -> HttpResponse:
    """It is logged: its short code to write on the drum, its label to print."""
    container = get_container(actor_of(request), code)
    return render(request, "desk/logged.html", {"container": container, "place": places([container]).get(container.pk)})


def _streams(actor: Actor) -> Any:
    return (
        WasteStream.objects.filter(organisation=actor.organisation_id, active=True)
        .select_related("site")
        .order_by("pk")
    )


def _search(request: HttpRequest, query: str) -> list[WasteCode]:
    on = timezone.localdate(now_of(request))
    return search_waste_codes(query[:60], limit=MOST_FOUND, on=on) if query.strip() else []


def _waste(request: HttpRequest, code: str) -> WasteCode | None:
    return find_waste_code(code, on=timezone.localdate(now_of(request))) if code else None


# --- the form ----------------------------------------------------------------------------------------------


def _form(
    request: HttpRequest,
    actor: Actor,
    stream: WasteStream | None,
    waste: WasteCode | None,
    refusal: Refused | None = None,
) -> HttpResponse:
    choices = places_of(actor)
    begin = _begin(request, stream, waste) | {"place": usual_place(choices, stream.site_id if stream else None)}
    typed = begin | _typed(request.POST) if refusal else begin
    context = {
        "stream": stream,
        "waste": waste,
        "typed": typed,
        "today": timezone.localdate(now_of(request)).isoformat(),
        "errors": field_messages(refusal) if refusal else {},
        "choices": choices,
        "place": next((place for place in choices if place.value == typed["place"]), None),
        "forms": FORMS.values(),
        "kinds": CONTAINER_KINDS.values(),
        **_reactions(stream, waste, typed),
        **nonce_again(refusal),
    }
    return render(request, "desk/log_form.html", context, status=refusal.status if refusal else 200)


def _reactions(stream: WasteStream | None, waste: WasteCode | None, typed: Mapping[str, Any]) -> dict[str, Any]:
    """The choice of reaction groups, where neither the waste's code nor the usual waste tells them; it may be left."""
    known = stream.reaction_groups if stream else None
    if known is not None or groups_for(stream.waste_code if stream else waste.code if waste else "") is not None:
        return {}
    ticked = typed.get("reaction_groups", [])
    return {
        "groups": group_choices(ticked),
        "nothing": NO_REACTION in ticked,
        "nothing_value": NO_REACTION,
    }


def _begin(request: HttpRequest, stream: WasteStream | None, waste: WasteCode | None) -> dict[str, Any]:
    """What the form begins with: the usual waste's own words, or the catalogue's."""
    start = {"accumulation_start": timezone.localdate(now_of(request)).isoformat(), "mass_kg": "", "remarks": ""}
    if stream is not None:
        kept = {name: getattr(stream, name) for name in ("name", "form", "container_kind", *TEXTS[:3])}
        return start | kept | {"hazards": stream.hazards.split(), "volume_l": f"{stream.volume_l.normalize():f}"}
    assert waste is not None
    certain = [letter for letter in waste.hazards.letters if waste.hazards.mode != "any_of"]
    # The commonest drum of all; another is two taps away.
    usual = {"container_kind": "steel_drum", "volume_l": "200", "form": "", **dict.fromkeys(TEXTS[:3], "")}
    return start | usual | {"name": waste.name_zh[:60], "hazards": certain}


def _typed(sent: QueryDict) -> dict[str, Any]:
    """What was typed, as it was typed."""
    found: dict[str, Any] = {name: sent[name] for name in (*FIELDS, *TEXTS, "place") if name in sent}
    if "hazards" in sent or "waste_code" in sent:
        found["hazards"] = sent.getlist("hazards")
    if "reaction_groups" in sent:
        found["reaction_groups"] = sent.getlist("reaction_groups")
    return found | {"keep": bool(sent.get("keep"))}


def _save(request: HttpRequest, actor: Actor) -> HttpResponse:
    sent = request.POST
    stream = _streams(actor).filter(pk=_number(sent["stream"])).first() if sent.get("stream") else None
    if sent.get("stream") and stream is None:
        raise invalid("stream", "unknown_stream")
    waste = _waste(request, sent.get("waste_code", ""))
    if stream is None and waste is None:
        raise invalid("waste_code", "unknown_waste_code")
    try:
        return redirect_once(request, lambda: _logged(request, actor, stream, waste))
    except Refused as refusal:
        return _form(request, actor, stream, waste, refusal)


def _logged(request: HttpRequest, actor: Actor, stream: WasteStream | None, waste: WasteCode | None) -> str:
    data: Mapping[str, Any] = _begin(request, stream, waste) | _typed(request.POST)
    code = stream.waste_code if stream else waste.code if waste else ""
    container = log_at(
        actor=actor,
        place=place_named(places_of(actor), data.get("place", "")),
        data={**data, "waste_code": code, "mass_kg": typed_kg(data["mass_kg"])},
        stream=stream,
        keep=bool(data["keep"]),
        now=now_of(request),
    )
    again = f"?{urlencode({'stream': stream.pk})}" if stream else ""
    return f"/log/{container.short_code}{again}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
