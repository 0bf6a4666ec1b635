"""Drums: the list, one drum's life, and what a label says to anybody."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from depots.models import Stay
from depots.selectors import get_depot, own_depots
from depots.services import check_in, void
from desk.family import family_of
from desk.groups import group_choices
from desk.selectors import Life, life_of
from desk.todo import hand_over_url, with_places
from labels.services import label_of
from manifests.fates import fates_of
from manifests.models import UNDER_WAY, Manifest
from manifests.permits import unnamed_by
from manifests.services import draft_as_last_time
from wastetrack.errors import NotFound, Refused, invalid
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.pages import NONCE, go_to, printable, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.regulations.identifiers import normalise_short_code
from wastetrack.waste.clock import due_soon, warned
from wastetrack.waste.generation import generated_in
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import RESTING, by_code, get_container, overdue

PAGE = 50
LABEL_IS_OFF = (ContainerState.VOIDED, ContainerState.TREATED, ContainerState.EMPTIED)
ENDED_IN_OTHERS = (ContainerState.EMPTIED, ContainerState.TREATED)
"""States after which its page tells where its waste ended."""
FILTERS = ("state", "waste_code", "q", "overdue", "due", "holder", "depot", "generator", "generated", "at", "unnamed")
MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])", re.ASCII)


@require_safe
def containers(request: HttpRequest) -> HttpResponse:
    """The drums the reader may see, newest first, filtered as the address says."""
    actor, now = actor_of(request), now_of(request)
    chosen = {name: request.GET.get(name, "").strip()[:60] for name in FILTERS}
    rows = Container.objects.visible_to(actor).select_related("generator", "holder").annotate(warned=warned())
    page = page_of(_filtered(rows, actor, chosen, now), request.GET.get("cursor"), PAGE, with_places)
    context = {
        "page": page,
        "chosen": chosen,
        "filtered": any(chosen.values()),
        # Asked for what was made in a month, not for a drum: then nothing is an answer.
        "nothing_logged": chosen["generated"]
        and {name for name in FILTERS if chosen[name]} <= {"generator", "generated"},
        "states": ContainerState.choices,
        "may_pick": actor.may_write and not actor.is_regulator,
        "may_regroup": actor.may_write and bool(actor.roles & {"generator", "collector", "treater"}),
    }
    return render(request, "desk/containers.html", context)


def _filtered(rows: Any, actor: Actor, chosen: dict[str, str], now: Any) -> Any:
    """Raises Invalid for a state, a month or a whereabouts that does not exist, NotFound for a depot not to be seen."""
    if chosen["state"]:
        if chosen["state"] not in ContainerState.values:
            raise invalid("state", "unknown_state")
        rows = rows.filter(state=chosen["state"])
    if chosen["waste_code"]:
        rows = rows.filter(waste_code__startswith=chosen["waste_code"])
    rows = _of_organisations(rows, chosen, now)
    if chosen["generated"]:
        rows = generated_in(_month(chosen["generated"]), rows)
    rows = _standing(rows, actor, chosen["at"])
    if chosen["depot"]:
        rows = rows.filter(stays__depot=get_depot(actor, chosen["depot"]), stays__left_at=None)
    if chosen["overdue"]:
        rows = overdue(rows, now)
    elif chosen["due"]:
        rows = rows.filter(due_soon(now), state__in=RESTING)
    return rows.filter(_named(chosen["q"])) if chosen["q"] else rows


def _of_organisations(rows: Any, chosen: dict[str, str], now: Any) -> Any:
    """Those that one holds, that one generated, or that no permit of one names."""
    if chosen["holder"]:
        rows = rows.filter(holder__uscc=chosen["holder"].upper())
    if chosen["generator"]:
        rows = rows.filter(generator__uscc=chosen["generator"].upper())
    if chosen["unnamed"]:
        rows = rows.filter(unnamed_by(chosen["unnamed"].upper(), timezone.localdate(now)))
    return rows


def _standing(rows: Any, actor: Actor, where: str) -> Any:
    """All of them, those that are not handed over yet (`rest`), or those that a store holds (`store`)."""
    if not where:
        return rows
    if where == "rest":
        return rows.filter(state__in=RESTING)
    if where == "store":
        return rows.filter(pk__in=Stay.objects.visible_to(actor).filter(left_at=None).values("container"))
    raise invalid("at", "wrong_type")


def _month(text: str) -> date:
    """The first day of a month as `2026-11`. Raises Invalid(wrong_type)."""
    if not MONTH.fullmatch(text):
        raise invalid("generated", "wrong_type")
    return date.fromisoformat(f"{text}-01")


def _named(text: str) -> Q:
    """A short or long code, or a piece of either, or of the waste's name."""
    long, short = "".join(text.split()).upper(), normalise_short_code(text)
    return Q(short_code__startswith=short) | Q(code__startswith=long) | Q(name__icontains=text)


@require_safe
def container(request: HttpRequest, code: str) -> HttpResponse:
    """A drum like a parcel: where it is, how long it may stay, every step of its way, and whether the log is intact."""
    actor, now = actor_of(request), now_of(request)
    life = life_of(actor, code)
    holds = actor.may_write and life.container.holder_id == actor.organisation_id
    stands = holds and life.container.state == ContainerState.STORED and life.place is not None
    context = {
        "life": life,
        "container": life.container,
        "days": life.left(now),
        "depots": list(own_depots(actor)) if holds and life.container.state == ContainerState.LOGGED else [],
        "may_store": holds and life.container.state == ContainerState.LOGGED,
        "may_hand_over": holds and life.container.state == ContainerState.STORED,
        "hand_over": hand_over_url([life.container.short_code]),
        "leaves_on": _leaves_on(life),
        "may_void": holds
        and life.container.generator_id == actor.organisation_id
        and life.container.state in (ContainerState.LOGGED, ContainerState.STORED)
        and not life.container.derived,
        "may_print": actor.may_write and not actor.is_regulator and life.container.state not in LABEL_IS_OFF,
        "may_regroup": stands and not (life.container.treated_g or life.container.disputed),
        "may_extend": holds and life.place is not None,
        "may_state": actor.may_write
        and actor.organisation_id in (life.container.holder_id, life.container.generator_id)
        and life.container.state not in LABEL_IS_OFF,
        "reacts_with": _reacts_with(life.container),
        "family": family_of(actor, life.container),
        "fates": fates_of(actor, life.container) if life.container.state in ENDED_IN_OTHERS else None,
        "certified": life.container.generator_id == actor.organisation_id or actor.is_regulator,
    }
    return render(request, "desk/container.html", context)


def _leaves_on(life: Life) -> Manifest | None:
    """The manifest that a drum standing somewhere is bound to, if the reader may see it."""
    if life.container.state != ContainerState.COMMITTED:
        return None
    return next((manifest for manifest in life.manifests if manifest.state in UNDER_WAY), None)


def _reacts_with(container: Container) -> list[str] | None:
    """The names of its reaction groups; None where nobody has said."""
    if container.reactions is None:
        return None
    return [name for _, name, has_it in group_choices(container.reactions) if has_it]


@require_POST
def store(request: HttpRequest, code: str) -> HttpResponse:
    """Put the firm's own drum from the workshop into its store."""
    actor, now = actor_of(request), now_of(request)
    found = get_container(actor, code)
    check_in(actor=actor, container=found, depot=get_depot(actor, request.POST.get("depot", "")), now=now)
    return go_to(f"/containers/{found.short_code}")


@require_POST
def void_container(request: HttpRequest, code: str) -> HttpResponse:
    """Say that a drum was logged by mistake."""
    actor, now = actor_of(request), now_of(request)
    reason = " ".join(printable(request.POST).get("reason", "").split())
    if not reason:
        raise invalid("reason", "missing")
    found = void(actor=actor, container=get_container(actor, code), reason=reason, now=now)
    return go_to(f"/containers/{found.short_code}")


@require_POST
def hand_over(request: HttpRequest) -> HttpResponse:
    """From the ticked rows of the list to a draft as last time; to the page where one chooses, if that can't be."""
    actor, now = actor_of(request), now_of(request)
    actor.require_write()
    codes = request.POST.getlist("codes")
    if not codes:
        raise invalid("codes", "no_codes")

    def make() -> str:
        found = Container.objects.visible_to(actor).filter(code__in=codes)
        drums = list(found.select_related("generator", "holder", "origin").order_by("storage_deadline", "pk"))
        made = draft_as_last_time(actor=actor, containers=drums, now=now) if len(drums) == len(set(codes)) else None
        return f"/manifests/{made.number}" if made else hand_over_url(codes)

    return redirect_once(request, make) if request.POST.get(NONCE) else go_to(make())


@require_safe
def label(request: HttpRequest, code: str) -> HttpResponse:
    """What is printed on the drum's label, to anybody who holds it; its whole page to whoever may see it."""
    if request.actor:  # type: ignore[attr-defined]
        try:
            return go_to(f"/containers/{get_container(actor_of(request), code).short_code}")
        except Refused:
            pass
    found = by_code(code).first()
    if found is None:
        raise NotFound("unknown_code")
    response = render(request, "desk/label.html", {"label": label_of(found)})
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
