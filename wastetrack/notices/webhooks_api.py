"""`/webhooks`: addresses of a firm's own systems that are told of what happens, and how that went."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from wastetrack.creation import create_once
from wastetrack.errors import NotFound
from wastetrack.http import PAGE_SIZE, actor_of, answer_json, now_of, page_of
from wastetrack.ledger.canonical import instant
from wastetrack.notices.keys import webhook_secret
from wastetrack.notices.models import Delivery, Webhook
from wastetrack.notices.selectors import webhook_of
from wastetrack.notices.services import create, pause, ping, remove, replay, resume, rotate
from wastetrack.schemas import Body, Few, Text, required, row_id

router = Router(tags=["webhooks"])
VERBS: dict[str, Any] = {"rotate": rotate, "pause": pause, "resume": resume, "ping": ping}


class WebhookIn(Body):
    model_config = required("url", "kinds")

    url: Text = ""
    kinds: Few[Text] = []


class ReplayIn(Body):
    model_config = required("index")

    index: Text = ""


def webhook_json(webhook: Webhook, now: Any) -> dict[str, Any]:
    """A webhook; its secret only for ten minutes after it was made or renewed."""
    return {
        "id": str(webhook.pk),
        "url": webhook.url,
        "kinds": webhook.patterns,
        "state": webhook.state,
        "after": webhook.after,
        "error": webhook.error,
        "failing_since": instant(webhook.failing_since) if webhook.failing_since else None,
        "secret": webhook_secret(webhook.pk, webhook.serial) if webhook.shows_secret(now) else None,
    }


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """One try to deliver one entry."""
    return {
        "index": delivery.index,
        "kind": delivery.kind,
        "attempt": delivery.attempt,
        "at": instant(delivery.at),
        "arrived": delivery.arrived,
        "status": delivery.status,
        "error": delivery.error or None,
        "ms": delivery.ms,
        "answer": delivery.answer,
    }


@router.get("")
def webhooks(request: HttpRequest, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The organisation's webhooks, newest first."""
    now = now_of(request)
    rows = Webhook.objects.visible_to(actor_of(request))
    return page_of(rows, cursor, limit, lambda found: [webhook_json(webhook, now) for webhook in found])


@router.post("")
def create_webhook(request: HttpRequest, body: WebhookIn) -> HttpResponse:
    """Have an address told of entries of these kinds from now on. Answers with the secret.

    Each entry is a POST, signed as the Standard Webhooks say: `webhook-signature` has one or two `v1,` and the base64
    of HMAC-SHA256 over `webhook-id.webhook-timestamp.body` under the secret's bytes. Compare in constant time, refuse
    a `webhook-timestamp` (seconds) more than five minutes from now, and drop a `webhook-id` that was taken before: an
    entry may come again under its own, with a new timestamp. Answer 2xx within a second, then do the work; whoever
    needs longer is waited for ten seconds, behind others like it.
    """
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, str]:
        # The number alone is remembered for a retry: a secret stands in no table.
        return {"id": str(create(actor=actor, url=body.url, kinds=body.kinds, now=now).pk)}

    answer = create_once(request, make)
    return answer_json(webhook_json(webhook_of(actor, row_id(json.loads(answer.content)["id"])), now), 201)


@router.get("/{webhook_id}")
def one_webhook(request: HttpRequest, webhook_id: Text) -> dict[str, Any]:
    """One webhook."""
    return webhook_json(webhook_of(actor_of(request), row_id(webhook_id)), now_of(request))


@router.get("/{webhook_id}/deliveries")
def deliveries(request: HttpRequest, webhook_id: Text, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """Every try of the last weeks, newest first."""
    rows = Delivery.objects.filter(webhook=webhook_of(actor_of(request), row_id(webhook_id)))
    return page_of(rows, cursor, limit, lambda found: [delivery_json(delivery) for delivery in found])


@router.post("/{webhook_id}/replay")
def replay_webhook(request: HttpRequest, webhook_id: Text, body: ReplayIn) -> dict[str, Any]:
    """Deliver again from an entry on, by its index."""
    actor, now = actor_of(request), now_of(request)
    webhook = webhook_of(actor, row_id(webhook_id))
    return webhook_json(replay(actor=actor, webhook=webhook, index=row_id(body.index), now=now), now)


@router.post("/{webhook_id}/remove")
def remove_webhook(request: HttpRequest, webhook_id: Text) -> dict[str, Any]:
    """It is told of nothing any more."""
    actor = actor_of(request)
    remove(actor=actor, webhook=webhook_of(actor, row_id(webhook_id)), now=now_of(request))
    return {"removed": webhook_id}


@router.post("/{webhook_id}/{verb}")
def change_webhook(request: HttpRequest, webhook_id: Text, verb: Text) -> dict[str, Any]:
    """rotate: another secret · pause · resume · ping: a test, delivered in its turn."""
    actor, now = actor_of(request), now_of(request)
    if verb not in VERBS:
        raise NotFound
    webhook = webhook_of(actor, row_id(webhook_id))
    return webhook_json(VERBS[verb](actor=actor, webhook=webhook, now=now), now)
