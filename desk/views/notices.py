"""One's own notices: what one is told by mail and where, the calendar's private link, and the links in mails."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wastetrack.errors import NotFound, Refused
from wastetrack.http import actor_of, now_of
from wastetrack.notices.ical import calendar_of
from wastetrack.notices.keys import leaving
from wastetrack.notices.models import Mail, Purpose, When
from wastetrack.notices.selectors import (
    acts_for_others,
    address_of,
    calendar_path,
    confirmation_of,
    is_reached,
    kinds_here,
    last_mails,
    mail_is_on,
    member_of_calendar,
    membership_of,
)
from wastetrack.notices.services import ask_address, choose, confirm_address, renew_calendar, stop_all
from wastetrack.pages import field_messages, go_to, printable
from wastetrack.parties.models import Membership

WHEN = "when:"
"""How the form names the choice of a kind."""


@never_cache
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """The reader's choices, address and calendar."""
    return _page(request)


@require_POST
def set_choice(request: HttpRequest) -> HttpResponse:
    """Choose when to be told of what: of all the kinds of the form, or of none."""
    sent = {name.removeprefix(WHEN): text for name, text in request.POST.dict().items() if name.startswith(WHEN)}
    try:
        choose(actor=actor_of(request), choices=sent)
    except Refused as refusal:
        return _page(request, refusal)
    return go_to("/notices?kept=1#choices")


@require_POST
def set_address(request: HttpRequest) -> HttpResponse:
    """Have a link mailed to an address."""
    typed = printable(request.POST)
    email = typed.get("email", "")
    try:
        ask_address(actor=actor_of(request), email=email, again=typed.get("again", ""), now=now_of(request))
    except Refused as refusal:
        return _page(request, refusal)
    return go_to("/notices#address")


@require_POST
def set_calendar(request: HttpRequest) -> HttpResponse:
    """Another private link."""
    renew_calendar(actor=actor_of(request))
    return go_to("/notices#calendar")


def _page(request: HttpRequest, refusal: Refused | None = None) -> HttpResponse:
    member = membership_of(actor_of(request))
    general, kinds = kinds_here(member)
    waiting = Mail.objects.filter(user=member.user_id, purpose=Purpose.CONFIRM).exclude(to="").first()
    address = address_of(member.user)
    link = f"{settings.PUBLIC_URL}{calendar_path(member)}"
    context = {
        "member": member,
        "acts_for_others": acts_for_others(member),
        "mail_on": mail_is_on(),
        "is_reached": is_reached(member),
        "address": address,
        "waiting": waiting if waiting and waiting.to != address else None,
        "digest_at": settings.DIGEST_AT,
        "general": general,
        "kinds": kinds,
        "whens": When.choices,
        "never": When.NEVER,
        "any_bound": any(here.bound for here in kinds),
        "mails": last_mails(member),
        "link": link,
        "webcal": link.partition("://")[2],
        "kept": "kept" in request.GET,
        "typed": request.POST,
        "errors": field_messages(refusal) if refusal else {},
    }
    return render(request, "desk/notices.html", context, status=refusal.status if refusal else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link in a confirmation: one tap, and the address is the person's own. Nobody need be signed in."""
    # Read by programs that look at every link before its reader does: GET changes nothing.
    email, done = confirmation_of(token).to, request.method == "POST"
    if done:
        confirm_address(token=token, now=now_of(request))
    return render(request, "desk/notices_confirm.html", {"email": email, "done": done})


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """The link under a mail: one tap stops them, also from the mail program itself (RFC 8058)."""
    found = Membership.objects.filter(pk=leaving(token)).select_related("user", "organisation").first()
    if found is None:
        raise NotFound
    done = request.method == "POST"
    left = stop_all(found) if done else False
    return render(request, "desk/notices_leave.html", {"member": found, "done": done, "left": left})


@require_safe
def calendar_file(request: HttpRequest, token: str) -> HttpResponse:
    """The deadlines for a calendar program: whoever has the link may read them, until it is renewed or they leave."""
    member = member_of_calendar(token)
    content = calendar_of(member, now_of(request))
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8", headers={"ETag": etag})
    patch_cache_control(response, private=True, no_cache=True)
    return get_conditional_response(request, etag=etag, response=response) or response
