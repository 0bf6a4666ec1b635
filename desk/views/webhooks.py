"""A firm's webhooks: which there are, how each goes, and what may be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wastetrack.errors import NotFound, NotPermitted, Refused
from wastetrack.http import actor_of, now_of
from wastetrack.ledger.models import Entry
from wastetrack.notices.keys import webhook_secret
from wastetrack.notices.models import Delivery, Webhook
from wastetrack.notices.selectors import webhook_of
from wastetrack.notices.services import create, pause, ping, remove, replay, require_own, resume, rotate
from wastetrack.notices.services.webhooks import PING
from wastetrack.pages import field_messages, go_to, nonce_again, printable, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.schemas import row_id

SHOWN = 50
OFFERED = (
    ("alert.*", _("Alerts: due soon, overdue, resolved")),
    ("container.*", _("Drums: logged, stored, handed over, treated")),
    ("manifest.*", _("Manifests: issued, on the road, received, closed")),
)
VERBS: dict[str, Callable[..., Any]] = {"rotate": rotate, "pause": pause, "resume": resume, "ping": ping}
SENDING = ("ping", "replay")
"""After these somebody waits for what is delivered."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: HttpRequest) -> HttpResponse:
    """The organisation's webhooks, and another one."""
    actor = _manager(request)
    if request.method != "POST":
        return _list(request, actor)
    try:
        return redirect_once(request, lambda: _create(request, actor))
    except Refused as refusal:
        return _list(request, actor, refusal)


def _create(request: HttpRequest, actor: Actor) -> str:
    typed = printable(request.POST)
    kinds = [*typed.getlist("kinds"), *typed.get("more", "").replace(",", " ").split()]
    return f"/webhooks/{create(actor=actor, url=typed.get('url', ''), kinds=kinds, now=now_of(request)).pk}"


def _list(request: HttpRequest, actor: Actor, refusal: Refused | None = None) -> HttpResponse:
    context = {
        "webhooks": [(one, _told_of(one)) for one in Webhook.objects.visible_to(actor).order_by("pk")],
        "offered": OFFERED,
        "typed": request.POST,
        "chosen": request.POST.getlist("kinds") if refusal else [name for name, _words in OFFERED],
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "desk/webhooks.html", context, status=refusal.status if refusal else 200)


@never_cache
@require_safe
def webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """One webhook: its secret while it is new, its state, and the log of its deliveries."""
    actor, now = _manager(request), now_of(request)
    found = webhook_of(actor, webhook_id)
    deliveries = list(Delivery.objects.filter(webhook=found).order_by("-id")[: SHOWN + 1])
    context = {
        "webhook": found,
        "secret": webhook_secret(found.pk, found.serial) if found.shows_secret(now) else "",
        "deliveries": deliveries[:SHOWN],
        "more": len(deliveries) > SHOWN,
        "told_of": _told_of(found),
        "test_waits": _test_waits(found),
    }
    return render(request, "desk/webhook.html", context)


def _told_of(webhook: Webhook) -> list[str]:
    """Its kinds in the words they were chosen by; others as they were typed."""
    words = dict(OFFERED)
    return [str(words.get(pattern, pattern)) for pattern in webhook.patterns]


def _test_waits(webhook: Webhook) -> bool:
    """Whether a test has been asked for that is neither delivered nor tried."""
    if webhook.paused_at is not None:
        return False
    last = Entry.objects.filter(subject=webhook.subject, kind=PING).order_by("-id").first()
    if last is None or last.index is None:
        return last is not None
    return last.index > webhook.after and not Delivery.objects.filter(webhook=webhook, index=last.index).exists()


@require_POST
def change(request: HttpRequest, webhook_id: int, verb: str) -> HttpResponse:
    """Another secret, a test, a pause, going on, going back, the end."""
    actor, now = _manager(request), now_of(request)
    found = webhook_of(actor, webhook_id)
    if verb == "remove":
        remove(actor=actor, webhook=found, now=now)
        return go_to("/webhooks")
    if verb == "replay":
        replay(actor=actor, webhook=found, index=row_id(request.POST.get("index", "")), now=now)
    elif verb in VERBS:
        VERBS[verb](actor=actor, webhook=found, now=now)
    else:
        raise NotFound
    return go_to(f"/webhooks/{webhook_id}#log" if verb in SENDING else f"/webhooks/{webhook_id}")


def _manager(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    require_own(actor)
    if not actor.manages:
        raise NotPermitted
    return actor
