"""Sending the outbox: one mail at a time, taken by moving its next try, written in the reader's language."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from wastetrack.alerts.registry import kinds
from wastetrack.notices.keys import confirmation, leave_token
from wastetrack.notices.models import Mail, Purpose, When
from wastetrack.notices.selectors import Circle, Told, address_of, circles, mail_is_on, open_now
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership

log = logging.getLogger(__name__)
MINUTES = (5, 15, 60, 240, 720, 1440, 1440)
"""After which the next try follows a try; the first is longer than any sending takes, for it also holds the mail."""


def send_next(now: datetime) -> bool:
    """Send one mail that is due; whether there was one.

    It is taken before and marked after, and goes out between transactions: two senders never take the same one, and
    one that dies between sending and marking doubles this one mail at most, under the same Message-ID.
    """
    if not mail_is_on():
        return False
    due = Mail.objects.filter(next_at__lte=now).order_by("next_at", "id")
    for mail in due.select_related("user__notice_address", "membership__organisation")[:10]:
        again = now + timedelta(minutes=MINUTES[min(mail.attempts, len(MINUTES) - 1)])
        with transaction.atomic():
            taken = Mail.objects.filter(pk=mail.pk, next_at=mail.next_at)
            if not taken.update(next_at=again, attempts=mail.attempts + 1):
                continue
        # What was added to it until it was taken is in it.
        mail.refresh_from_db(fields=["alerts", "next_at", "attempts"])
        _send(mail, now)
        return True
    return False


def _send(mail: Mail, now: datetime) -> None:
    held = Mail.objects.filter(pk=mail.pk, next_at=mail.next_at)
    try:
        with translation.override(mail.user.language or settings.LANGUAGE_CODE):
            message = _message(mail, timezone.localtime(now, timezone.get_default_timezone()))
        if message is not None:
            message.send()
    except Exception as error:
        log.warning("mail %s was not sent (try %d)", mail.key, mail.attempts, exc_info=True)
        over = {"next_at": None} if mail.attempts > len(MINUTES) else {}
        held.update(error=f"{type(error).__name__}: {error}"[:200], **over)
        return
    held.update(next_at=None, error="", sent_at=now if message is not None else None)


def _message(mail: Mail, now: datetime) -> EmailMultiAlternatives | None:
    """The mail in words; None when there is nothing to tell any more, or nobody to tell it."""
    if mail.purpose == Purpose.CONFIRM:
        return _confirmation(mail)
    if mail.purpose == Purpose.REPLACED:
        return _replacement(mail)
    to = address_of(mail.user)
    if mail.membership is None or not mail.user.is_active or not to:
        return None
    mail.membership.user = mail.user
    circle = circles([mail.membership.organisation_id])[mail.membership.organisation_id]
    told = _told(mail, circle, now)
    if not told:
        return None
    leave = f"{settings.PUBLIC_URL}/notices/leave/{leave_token(mail.membership.pk)}"
    context = {
        "organisation": mail.membership.organisation,
        "told": told,
        "daily": mail.purpose == Purpose.DAILY,
        "site": settings.PUBLIC_URL,
        "leave": leave,
    }
    message = _written(mail, to, _subject(mail.membership, told), "mail", context)
    message.extra_headers |= {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return message


def _told(mail: Mail, circle: Circle, now: datetime) -> list[Told]:
    """What is open of the kinds that the member still wants: at once, of what it was written for; daily, all."""
    assert mail.membership is not None
    at_once = mail.purpose == Purpose.AT_ONCE
    wanted = [kind for kind in kinds() if circle.wanted(mail.membership, kind, overdue=at_once) != When.NEVER]
    return open_now(Actor.of(mail.membership), wanted, now, mail.alert_ids if at_once else None)


def _subject(member: Membership, told: list[Told]) -> str:
    late, soon = sum(kind.late for kind in told), sum(kind.soon for kind in told)
    other = sum(kind.count for kind in told) - late - soon
    parts = [_("%(n)d overdue") % {"n": late}] if late else []
    parts += [_("%(n)d due soon") % {"n": soon}] if soon else []
    parts += [_("%(n)d to look at") % {"n": other}] if other else []
    what = reduce(lambda some, more: _("%(some)s, %(more)s") % {"some": some, "more": more}, parts)
    return _("%(what)s: %(organisation)s") % {"what": what, "organisation": member.organisation.name}


def _confirmation(mail: Mail) -> EmailMultiAlternatives:
    link = f"{settings.PUBLIC_URL}/notices/confirm/{confirmation(mail.pk)}"
    context = {"name": mail.user.display_name, "link": link, "site": settings.PUBLIC_URL}
    return _written(mail, mail.to, _("Confirm your address for WasteTrack"), "confirm", context)


def _replacement(mail: Mail) -> EmailMultiAlternatives:
    context = {"name": mail.user.display_name, "link": f"{settings.PUBLIC_URL}/notices"}
    return _written(mail, mail.to, _("Deadlines go to another address now"), "replaced", context)


def _written(mail: Mail, to: str, subject: str, template: str, context: Mapping[str, object]) -> EmailMultiAlternatives:
    host = urlsplit(settings.PUBLIC_URL).hostname
    context = {**context, "subject": subject, "language": translation.get_language()}
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string(f"notices/{template}.txt", context),
        to=[to],
        # The same at every try: a mailbox that gets it twice can tell.
        headers={"Message-ID": f"<notice-{mail.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string(f"notices/{template}.html", context), "text/html")
    return message
