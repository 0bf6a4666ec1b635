"""A firm's webhooks: made, renewed, paused, set back and removed by whoever says how the organisation works."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from wastetrack.errors import NotFound, NotPermitted, Refused, invalid
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import head
from wastetrack.ledger.services import Fact, record
from wastetrack.notices.models import Webhook
from wastetrack.notices.wire import check_url
from wastetrack.parties.actors import SYSTEM, Actor
from wastetrack.parties.models import Organisation
from wastetrack.telling import TELLINGS

MOST = 10
"""Webhooks of one organisation."""
PING = "webhook.ping"
_PATTERN = re.compile(r"\*|[a-z_]+\.(\*|[a-z_]+)", re.ASCII)


def create(*, actor: Actor, url: str, kinds: Sequence[str], now: datetime) -> Webhook:
    """A webhook that is told of what happens from now on.

    Raises NotPermitted(own_members_only | read_only | not_permitted), Invalid(missing | unknown_entry_kind | too_long,
    or what `check_url` says of `url`), Refused(too_many_webhooks).
    """
    _require_manager(actor)
    url, patterns = check_url(url), read_kinds(kinds)
    with transaction.atomic():
        # Held: two who make the last one at the same moment do so one after the other.
        Organisation.objects.select_for_update().get(pk=actor.principal.pk)
        if Webhook.objects.filter(organisation=actor.principal).count() >= MOST:
            raise Refused("too_many_webhooks", limit=MOST)
        webhook = Webhook.objects.create(
            organisation=actor.principal,
            url=url,
            host=urlsplit(url).hostname or "",
            kinds=" ".join(patterns),
            rotated_at=now,
            created_at=now,
            after=head() - 1,
            next_at=now,
        )
        _record(actor, "webhook.create", webhook, now, kinds=patterns)
    return webhook


def read_kinds(kinds: Sequence[str]) -> list[str]:
    """The kinds or patterns of kinds as they are kept. Raises Invalid(missing | unknown_entry_kind | too_long)."""
    patterns = list(dict.fromkeys(pattern.strip() for pattern in kinds if pattern.strip()))
    if not patterns:
        raise invalid("kinds", "missing")
    if not all(_PATTERN.fullmatch(one) and any(fnmatchcase(kind, one) for kind in TELLINGS) for one in patterns):
        raise invalid("kinds", "unknown_entry_kind")
    if len(" ".join(patterns)) > 400:
        raise invalid("kinds", "too_long", limit=400)
    return patterns


def wants(webhook: Webhook, entry: Entry) -> bool:
    """Whether an entry is of its kinds; its own tests always are, and no other's."""
    if entry.kind == PING:
        return entry.subject == webhook.subject
    return any(fnmatchcase(entry.kind, pattern) for pattern in webhook.patterns)


def rotate(*, actor: Actor, webhook: Webhook, now: datetime) -> Webhook:
    """Another secret; for a day messages are signed with those before it too, however often it is changed."""
    with _changing(actor, webhook) as held:
        held.oldest = min(held.serials(now))
        held.serial, held.rotated_at = held.serial + 1, now
        held.save(update_fields=["serial", "oldest", "rotated_at"])
        _record(actor, "webhook.rotate", held, now)
    return held


def pause(*, actor: Actor, webhook: Webhook, now: datetime) -> Webhook:
    """Nothing is sent until it is resumed; nothing is lost by that. Raises Refused(webhook_paused)."""
    with _changing(actor, webhook) as held:
        if held.paused_at is not None:
            raise Refused("webhook_paused")
        _settle(held, now, paused_at=now, failing_since=None)
        _record(actor, "webhook.pause", held, now)
    return held


def resume(*, actor: Actor, webhook: Webhook, now: datetime) -> Webhook:
    """Go on where it stopped, at once. Raises Refused(webhook_not_paused)."""
    with _changing(actor, webhook) as held:
        if held.paused_at is None:
            raise Refused("webhook_not_paused")
        _settle(held, now, paused_at=None, failing_since=None)
        _record(actor, "webhook.resume", held, now)
    return held


def ping(*, actor: Actor, webhook: Webhook, now: datetime) -> Webhook:
    """Send a test: an entry of its own, delivered in its turn like any other. Raises Refused(webhook_paused)."""
    with _changing(actor, webhook) as held:
        if held.paused_at is not None:
            raise Refused("webhook_paused")
        if held.attempts:
            # Whoever waits for it does not wait for the next try.
            Webhook.objects.filter(pk=held.pk).update(next_at=now)
        _record(actor, PING, held, now)
    return held


def replay(*, actor: Actor, webhook: Webhook, index: int, now: datetime) -> Webhook:
    """Deliver again from an entry on, under the same ids. Raises Invalid(unknown_index), for what is not yet there."""
    with _changing(actor, webhook) as held:
        if not 0 <= index <= held.after:
            raise invalid("index", "unknown_index")
        # One that fails goes on to do so until something has arrived.
        _settle(held, now, after=index - 1, attempts=held.attempts)
        _record(actor, "webhook.replay", held, now, index=index)
    return held


def remove(*, actor: Actor, webhook: Webhook, now: datetime) -> None:
    """It is told of nothing any more."""
    with _changing(actor, webhook) as held:
        _record(actor, "webhook.remove", held, now)
        held.delete()


def require_own(actor: Actor) -> None:
    """Raises NotPermitted(own_members_only) for whoever acts for another: a webhook would outlast the delegation."""
    if actor.via is not None:
        raise NotPermitted("own_members_only")


# --- how it goes, as the courier finds it ------------------------------------------------------------------


def note_failing(webhook: Webhook, now: datetime) -> None:
    """It has failed several times in a row; in the caller's transaction."""
    _record(SYSTEM, "webhook.fail", webhook, now, error=webhook.error)


def note_working(webhook: Webhook, now: datetime) -> None:
    """It works again."""
    _record(SYSTEM, "webhook.recover", webhook, now)


def note_given_up(webhook: Webhook, now: datetime) -> None:
    """It has failed for so long that it is not tried any more until somebody resumes it."""
    _record(SYSTEM, "webhook.give_up", webhook, now, error=webhook.error)


def _require_manager(actor: Actor) -> None:
    require_own(actor)
    actor.require_write()
    if not actor.manages:
        raise NotPermitted


@contextmanager
def _changing(actor: Actor, webhook: Webhook) -> Iterator[Webhook]:
    """A transaction over the webhook's row, locked. Raises NotFound(unknown_webhook) when it is gone."""
    _require_manager(actor)
    with transaction.atomic():
        held = Webhook.objects.select_for_update().filter(pk=webhook.pk).first()
        if held is None:
            raise NotFound("unknown_webhook")
        yield held


def _settle(webhook: Webhook, now: datetime, **changes: Any) -> None:
    """Change what the courier goes by: whoever delivers at this moment no longer holds it, and it begins anew."""
    changes = {"attempts": 0, **changes, "next_at": now}
    for name, value in changes.items():
        setattr(webhook, name, value)
    webhook.save(update_fields=[*changes])


def _record(actor: Actor, kind: str, webhook: Webhook, now: datetime, **payload: Any) -> None:
    fact = Fact(kind, webhook.subject, webhook.readers(), {"host": webhook.host, **payload})
    record(actor, [fact], now=now)
