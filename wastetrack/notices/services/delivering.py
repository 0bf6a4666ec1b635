"""Delivering to webhooks: one entry a POST, in order, signed; the first that does not arrive holds up the rest."""

from __future__ import annotations

import operator
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from wastetrack.ledger.canonical import canonical_json, instant
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import head
from wastetrack.notices.keys import webhook_signature
from wastetrack.notices.models import Delivery, Webhook
from wastetrack.notices.services.webhooks import note_failing, note_given_up, note_working, wants
from wastetrack.notices.wire import SECONDS, Answer, post
from wastetrack.parties.actors import Actor

HOLD = timedelta(minutes=2)
"""How long a taken webhook is nobody else's: longer than a delivery takes."""
GO_ON = 2.0
"""So many seconds a courier goes on with the webhook that it has taken, while its entries arrive."""
PATIENCE = 2.0
"""So many seconds a webhook that was quick until now is waited for; whoever needs more than half of it is slow."""
WAITS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 1_800, 7_200, 21_600, 43_200))
"""After which the next try follows a failed one; the last again and again."""
GIVE_UP = timedelta(days=3)
TOLD_AFTER = 3
"""Failures in a row after which the firm is told."""
GONE = 410
"""The answer that says: never again."""
LOOKED_THROUGH = 100
"""Webhooks offered to one courier at once: another may take the first of them."""
READ = 500
"""Entries of the log that one courier looks through at once, from the place of the first in line."""


def deliver_next(now: datetime, *, slow: bool | None = None) -> bool:
    """Deliver the next entries of one webhook that is due, and move on those that nothing concerns.

    `slow`: of this lane alone. A quick webhook waits for slow ones at most PATIENCE, as often as couriers of its lane
    are all taken by others that have become slow just now; for one that was slow the last time, never. Of an
    organisation's webhooks, and of those at one host, one at a time is taken in each lane: so nobody keeps two couriers
    of a lane from the others.

    Returns whether any was due. A webhook is taken before and moved on after by compare and swap, and the POST goes out
    between transactions: two couriers never deliver the same webhook, and one that dies in between has its last entry
    delivered again, under the same id.
    """
    top = head() - 1
    lane = Webhook.objects.all() if slow is None else Webhook.objects.filter(slow=slow)
    due = lane.filter(paused_at=None, next_at__lte=now, after__lt=top).select_related("organisation")
    held = Webhook.objects.filter(held_until__gt=now, slow=OuterRef("slow"))
    due = due.exclude(Exists(held.filter(Q(organisation=OuterRef("organisation")) | Q(host=OuterRef("host")))))
    line = list(due.order_by("next_at", "pk")[:LOOKED_THROUGH])
    if line:
        # By the place of the first, whose turn it is: one that is far behind holds up nobody but itself.
        begin, end = line[0].after, min(line[0].after + READ, top)
        _look(line, begin, end, now)
    return bool(line)


def _look(line: Sequence[Webhook], begin: int, end: int, now: datetime) -> None:
    """Read the log in (begin, end] once for all in line whose place is there."""
    near = [webhook for webhook in line if begin <= webhook.after < end]
    first = _first_entries(near, begin, end)
    _pass_over([webhook for webhook in near if webhook.pk not in first], end, now)
    for webhook in near:
        if webhook.pk in first and _take(webhook, now):
            _go_on(webhook, first[webhook.pk], end, now)
            break


def _go_on(webhook: Webhook, first: int, end: int, now: datetime) -> None:
    """Deliver one entry after another of the log up to end to a webhook that was taken."""
    held, over, entry = webhook.next_at, time.monotonic() + GO_ON, Entry.objects.get(pk=first)
    while _deliver(webhook, entry, now) and time.monotonic() < over:
        # Read again: it may have been paused, set back, given another secret, or found to be of the other lane.
        rows = Webhook.objects.filter(pk=webhook.pk, next_at=held, slow=webhook.slow)
        again = rows.select_related("organisation").first()
        following = _first_entries([again], again.after, end) if again else {}
        if again is None or again.pk not in following:
            break
        webhook, entry = again, Entry.objects.get(pk=following[again.pk])
    _let_go(webhook, held, now)


def _first_entries(webhooks: Sequence[Webhook], begin: int, end: int) -> dict[int, int]:
    """By webhook the first entry after its place that its organisation may read and that is of its kinds."""
    waiting = defaultdict[str, list[Webhook]](list)
    for webhook in webhooks:
        for key in Actor(user=None, organisation=webhook.organisation, role="webhook").readers:
            waiting[key].append(webhook)
    rows = Entry.objects.filter(index__gt=begin, index__lte=end).only("index", "kind", "subject", "readers")
    first: dict[int, int] = {}
    for entry in rows.order_by("index"):
        for webhook in (one for key in entry.readers.split() for one in waiting.get(key, ())):
            if webhook.pk not in first and webhook.after < (entry.index or 0) and wants(webhook, entry):
                first[webhook.pk] = entry.pk
    return first


def _as_read(webhook: Webhook) -> Q:
    """Its row, unless somebody has taken it, moved it on, set it back or paused it since it was read."""
    return Q(pk=webhook.pk, next_at=webhook.next_at, after=webhook.after, paused_at=None)


def _pass_over(webhooks: Sequence[Webhook], end: int, now: datetime) -> None:
    """Move these to the end of what was looked through, all in one: nothing of it concerns them."""
    if not webhooks:
        return
    rows = Webhook.objects.filter(reduce(operator.or_, map(_as_read, webhooks)))
    with transaction.atomic():
        # Locked in one order: several couriers do this at the same moment.
        held = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        Webhook.objects.filter(pk__in=held).update(after=end, next_at=now)


def _take(webhook: Webhook, now: datetime) -> bool:
    """Hold it, if it is still as it was read and no other of its organisation or host is held in its lane."""
    with transaction.atomic():
        # All of them are locked, in one order: another courier may want another one at this moment.
        kin = Webhook.objects.select_for_update().filter(Q(organisation=webhook.organisation_id) | Q(host=webhook.host))
        held = kin.order_by("pk").values_list("held_until", "slow")
        if any(until and until > now and slow == webhook.slow for until, slow in held):
            return False
        as_read = Webhook.objects.filter(_as_read(webhook), slow=webhook.slow)
        webhook.next_at = now + HOLD
        return bool(as_read.update(next_at=webhook.next_at, held_until=webhook.next_at))


def _let_go(webhook: Webhook, held: datetime, now: datetime) -> None:
    """It is anybody's again: now, unless it is to be tried later."""
    Webhook.objects.filter(pk=webhook.pk, next_at=held).update(next_at=now)
    Webhook.objects.filter(pk=webhook.pk, held_until=held).update(held_until=None)


def _deliver(webhook: Webhook, entry: Entry, now: datetime) -> bool:
    """Send it and note how that went; whether it arrived."""
    answer = send(webhook, entry, now)
    with transaction.atomic():
        # The log of tries is true whoever has the webhook by now; unless it was removed meanwhile.
        if not Webhook.objects.select_for_update().filter(pk=webhook.pk).exists():
            return False
        Delivery.objects.create(
            webhook=webhook,
            index=entry.index or 0,
            kind=entry.kind,
            attempt=webhook.attempts + 1,
            status=answer.status,
            error=answer.error or "",
            answer=answer.text,
            ms=answer.ms,
            at=now,
        )
        if answer.error is None:
            _arrived(webhook, entry, answer, now)
        else:
            _failed(webhook, answer, now)
    return answer.error is None


def _held(webhook: Webhook):  # type: ignore[no-untyped-def]
    """Its row, if it is still ours: nobody has paused it, set it back or taken it over."""
    return Webhook.objects.filter(pk=webhook.pk, next_at=webhook.next_at)


def _is_slow(answer: Answer) -> bool:
    return answer.ms > PATIENCE / 2 * 1000


def _arrived(webhook: Webhook, entry: Entry, answer: Answer, now: datetime) -> None:
    told = webhook.attempts >= TOLD_AFTER
    # Also when it was paused meanwhile: it has arrived. When it was set back meanwhile, its place is another.
    still = Webhook.objects.filter(pk=webhook.pk, after=webhook.after)
    changes = {"after": entry.index, "attempts": 0, "failing_since": None, "error": "", "slow": _is_slow(answer)}
    if still.update(**changes) and told:
        note_working(webhook, now)


def _failed(webhook: Webhook, answer: Answer, now: datetime) -> None:
    since = webhook.failing_since or now
    attempts = webhook.attempts + 1
    webhook.error = str(answer.status or answer.error)
    over = now - since >= GIVE_UP or answer.status == GONE
    changes = {
        "attempts": attempts,
        "failing_since": since,
        "error": webhook.error,
        "next_at": now + WAITS[min(attempts, len(WAITS)) - 1],
        "paused_at": now if over else None,
        "slow": _is_slow(answer),
    }
    if not _held(webhook).update(**changes):
        return
    if over:
        note_given_up(webhook, now)
    elif attempts == TOLD_AFTER:
        note_failing(webhook, now)


def send(webhook: Webhook, entry: Entry, now: datetime) -> Answer:
    """POST one entry, as the feed frames it, signed by Standard Webhooks with each secret that holds."""
    frame = {
        "index": entry.index,
        "kind": entry.kind,
        "subject": entry.subject,
        "at": instant(entry.event_time),
        "data": entry.data,
    }
    body = canonical_json(frame).encode()
    message, timestamp = f"msg_{webhook.pk}_{entry.index}", int(now.timestamp())
    signed = [webhook_signature(webhook.pk, serial, message, timestamp, body) for serial in webhook.serials(now)]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "WasteTrack-Webhook/1",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }
    return post(webhook.url, body, headers, seconds=SECONDS if webhook.slow else PATIENCE)
