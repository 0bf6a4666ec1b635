"""From the log to the outbox: each entry about an alert becomes part of the mails of those who want it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from wastetrack.alerts.models import Bookmark
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import head
from wastetrack.notices.models import Delivery, Mail, Purpose, When
from wastetrack.notices.selectors import Circle, address_of, agents_of, circles, mail_is_on
from wastetrack.parties.models import Membership, Organisation
from wastetrack.regulations.divisions import short

BOOKMARK = "notices"
READ = 2_000
"""Entries of the log looked through at once."""
MOST_IN_A_MAIL = 1_000
"""Alerts that one mail speaks of; there is another for more."""
MAILS_KEPT = timedelta(days=90)
FORGOTTEN = 500
"""How many old rows go at once."""
_OVERDUE = {"alert.warn": False, "alert.fall_due": True, "alert.escalate": True}


def gather(now: datetime) -> bool:
    """Read on in the log and write what it asks to be mailed; whether there may be more. Nothing while mail is off.

    The bookmark and the mails change in one transaction: whatever dies, each entry counts once. A site that begins
    to mail begins with what happens from then on.
    """
    if not mail_is_on():
        return False
    top = head() - 1
    known = Bookmark.objects.filter(name=BOOKMARK).first()
    if known is not None and top <= known.after:
        # Asked outside a transaction: on SQLite one would take the write lock only to find nothing.
        return False
    with transaction.atomic():
        Bookmark.objects.get_or_create(name=BOOKMARK, defaults={"after": top})
        marks = Bookmark.objects.filter(name=BOOKMARK)
        mark = marks.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).first()
        if mark is None or mark.after >= top:
            return False
        upto = min(top, mark.after + READ)
        entries = Entry.objects.filter(index__gt=mark.after, index__lte=upto, kind__in=_OVERDUE).order_by("index")
        _write(list(entries), now)
        marks.update(after=upto)
    return upto < top


def _write(entries: Sequence[Entry], now: datetime) -> None:
    if not entries:
        return
    told = _told(entries)
    of = circles({pk for organisations in told.values() for pk in organisations})
    at_once, daily = defaultdict[Membership, list[int]](list), set[Membership]()
    for entry in entries:
        for circle in (of[pk] for pk in told[entry.pk] if pk in of):
            for member, when in _wanting(circle, entry):
                if when == When.AT_ONCE:
                    at_once[member].append(int(entry.subject.partition(":")[2]))
                else:
                    daily.add(member)
    _write_at_once(at_once, entries[0].index or 0, now)
    _write_daily(daily, now)


def _wanting(circle: Circle, entry: Entry) -> Iterable[tuple[Membership, When]]:
    kind, overdue = entry.data["kind"], _OVERDUE[entry.kind]
    for member in circle.members:
        when = circle.wanted(member, kind, overdue=overdue)
        if when != When.NEVER and address_of(member.user):
            yield member, when


def _told(entries: Sequence[Entry]) -> dict[int, set[int]]:
    """The organisations that each entry is addressed to: those it names, who acts for them, the district's if told."""
    own: dict[int, set[int]] = {}
    districts: dict[int, set[str]] = {}
    for entry in entries:
        keys = [key.partition(":") for key in entry.readers.split()]
        own[entry.pk] = {int(name) for sort, _, name in keys if sort == "o"}
        if entry.data.get("for_district"):
            districts[entry.pk] = {name for sort, _, name in keys if sort == "d"}
    agents = agents_of(set().union(*own.values()))
    for named in own.values():
        named.update(*[agents[pk] for pk in named if pk in agents])
    if districts:
        regulators = defaultdict[str, set[int]](set)
        for pk, division in Organisation.objects.filter(roles__contains="regulator").values_list("pk", "division"):
            regulators[short(division)].add(pk)
        for entry_pk, levels in districts.items():
            own[entry_pk] |= {pk for level in levels for pk in regulators[level]}
    return own


def _write_at_once(told: Mapping[Membership, Sequence[int]], first: int, now: datetime) -> None:
    """Put alerts into each member's next mail: the one that still waits, so that a burst is one mail."""
    # Nobody has taken these: whoever does moves `attempts`, and waits for us or is no longer found.
    rows = Mail.objects.select_for_update().filter(membership__in=told, purpose=Purpose.AT_ONCE, attempts=0)
    waiting = {mail.membership_id: mail for mail in rows.filter(next_at__isnull=False).order_by("id")}
    new = []
    for member, pks in told.items():
        mail = waiting.get(member.pk)
        known = mail.alert_ids if mail else []
        alerts = list(dict.fromkeys([*known, *pks]))
        if mail is not None:
            mail.alerts, alerts = json.dumps(alerts[:MOST_IN_A_MAIL]), alerts[MOST_IN_A_MAIL:]
        for start in range(0, len(alerts), MOST_IN_A_MAIL):
            some = json.dumps(alerts[start : start + MOST_IN_A_MAIL])
            new.append(_mail(member, Purpose.AT_ONCE, f"{first}:{start}", now, _gathered(now), alerts=some))
    Mail.objects.bulk_update(waiting.values(), ["alerts"], batch_size=200)
    Mail.objects.bulk_create(new, batch_size=200)


def _gathered(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.GATHER_SECONDS)


def _mail(member: Membership, purpose: Purpose, key: str, now: datetime, at: datetime, **more: str) -> Mail:
    key = f"{purpose}:{member.pk}:{key}"
    return Mail(purpose=purpose, key=key, user=member.user, membership=member, next_at=at, created_at=now, **more)


def _write_daily(members: Iterable[Membership], now: datetime) -> None:
    """The members' mails of the day, each once."""
    at = next_digest(now)
    mails = [_mail(member, Purpose.DAILY, at.date().isoformat(), now, at) for member in members]
    Mail.objects.bulk_create(mails, batch_size=200, ignore_conflicts=True)


def next_digest(now: datetime) -> datetime:
    """When the next daily mail goes out."""
    here = timezone.localtime(now, timezone.get_default_timezone())
    today = datetime.combine(here.date(), settings.DIGEST_AT, here.tzinfo)
    return today if here < today else today + timedelta(days=1)


def forget_old(now: datetime) -> None:
    """Some of what nobody needs to know any more goes: done mails, the log of deliveries."""
    mails = Mail.objects.filter(created_at__lt=now - MAILS_KEPT, next_at=None)
    deliveries = Delivery.objects.filter(at__lt=now - timedelta(days=settings.WEBHOOK_LOG_DAYS))
    for old in (mails, deliveries):
        if found := list(old.values_list("pk", flat=True)[:FORGOTTEN]):
            old.filter(pk__in=found).delete()
