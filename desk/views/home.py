"""The home page: what there is to do, by role."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from desk.district import district_of
from desk.firms import firms_of
from desk.todo import todo_of
from wastetrack.http import actor_of, now_of

HOLDERS = {"generator", "collector", "treater", "carrier"}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """A regulator's district, a steward's firms, or everybody else's day."""
    actor, now = actor_of(request), now_of(request)
    if actor.is_regulator:
        return render(request, "desk/home_regulator.html", {"district": district_of(actor, now)})
    context = {
        "todo": todo_of(actor, now) if actor.roles & HOLDERS else None,
        "firms": firms_of(actor, now) if "steward" in actor.roles else [],
        "may_log": actor.may_write and "generator" in actor.roles,
        "may_scan": actor.may_write and bool(actor.roles & {"collector", "treater"}),
    }
    return render(request, "desk/home.html", context)
