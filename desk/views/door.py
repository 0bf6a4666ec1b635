"""Coming in, going out, and for whom: the pages of the door."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.demo.logins import LOGINS, PASSWORD
from wastetrack.errors import NotPermitted, Refused
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, go_to, next_of
from wastetrack.parties.models import Delegation, Membership, User
from wastetrack.parties.selectors import choices_of
from wastetrack.parties.services import recognise

Choice = tuple[Membership, Delegation | None]


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form; in demo mode its accounts as buttons. Then on to where the reader wanted to go."""
    if request.method != "POST":
        if _choices(request):
            return go_to(next_of(request, fields=request.GET))
        return _door(request, next_of(request, fields=request.GET))
    try:
        login(request, _user(request))
    except Refused as refusal:
        return _door(request, next_of(request), refusal)
    return go_to(next_of(request))


def _door(request: HttpRequest, onward: str, refusal: Refused | None = None) -> HttpResponse:
    context = {
        "next": onward,
        "logins": LOGINS if settings.DEMO else (),
        "username": request.POST.get("username", ""),
        "errors": field_messages(refusal) if refusal else {},
        "homeless": request.user.is_authenticated,
    }
    return render(request, "desk/sign_in.html", context, status=refusal.status if refusal else 200)


def _user(request: HttpRequest) -> User:
    """Whoever the form names. Raises Refused(wrong_credentials, 401), Refused(too_many_requests, 429)."""
    name, password = request.POST.get("username", ""), request.POST.get("password", "")
    demo = request.POST.get("demo", "")
    if settings.DEMO and any(account.username == demo for account in LOGINS):
        name, password = demo, PASSWORD
    return recognise(username=name, password=password, now=now_of(request), address=request.META.get("REMOTE_ADDR", ""))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Out, and back to the door."""
    logout(request)
    return go_to(settings.LOGIN_URL)


@require_http_methods(["GET", "HEAD", "POST"])
def act_as(request: HttpRequest) -> HttpResponse:
    """Everybody the reader may act for, also when the last choice has ended; a choice is kept in the session."""
    choices = _choices(request)
    if not choices:
        raise Refused("not_signed_in", status=401)
    if request.method != "POST":
        return render(request, "desk/act_as.html", {"choices": _marked(request, choices)})
    wanted = (request.POST.get("membership", ""), request.POST.get("delegation", ""))
    for membership, delegation in choices:
        if wanted == ("" if delegation else str(membership.pk), str(delegation.pk) if delegation else ""):
            request.session["membership"] = membership.pk
            request.session["delegation"] = delegation.pk if delegation else None
            return go_to(next_of(request))
    raise NotPermitted("not_a_member")


@require_safe
def act_as_menu(request: HttpRequest) -> HttpResponse:
    """The same choices, for the menu in the header."""
    actor_of(request)
    choices = _marked(request, _choices(request))
    return render(request, "desk/act_as_menu.html", {"choices": choices if len(choices) > 1 else []})


def _choices(request: HttpRequest) -> list[Choice]:
    """For whom the reader may act; nobody for a stranger."""
    return choices_of(request.user) if isinstance(request.user, User) else []


def _marked(request: HttpRequest, choices: list[Choice]) -> list[tuple[Membership, Delegation | None, bool]]:
    """The choices, each with whether it is the present one."""
    actor = request.actor  # type: ignore[attr-defined]
    here = (actor.organisation_id, actor.via.pk if actor.via else None) if actor else None
    return [
        (membership, delegation, here == (delegation.principal_id, membership.organisation_id))
        if delegation
        else (membership, delegation, here == (membership.organisation_id, None))
        for membership, delegation in choices
    ]
