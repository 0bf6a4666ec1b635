"""A member's deadlines as an iCalendar (RFC 5545): one all-day event a day and kind, always in the same words.

Of those whom the member's organisation acts for, one each, with its name, as long as they let it.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from wastetrack.alerts.agenda import Item, agenda
from wastetrack.notices.selectors import in_care
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership

AHEAD, BEHIND = timedelta(days=366), timedelta(days=366)
MOST = 2_000
"""Events in one calendar, the earliest first."""


def calendar_of(member: Membership, now: datetime) -> bytes:
    """Every deadline within a year of now of the member's organisation and of those it acts for, in their language."""
    now = timezone.localtime(now, timezone.get_default_timezone())
    today = now.date()
    host = urlsplit(settings.PUBLIC_URL).hostname
    with translation.override(member.user.language or settings.LANGUAGE_CODE):
        calendar = Calendar()
        calendar.add("prodid", "-//WasteTrack//deadlines//EN")
        calendar.add("version", "2.0")
        calendar.add("method", "PUBLISH")
        calendar.add("x-wr-calname", _("Deadlines: %(name)s") % {"name": member.organisation.name})
        calendar.add("x-wr-timezone", settings.TIME_ZONE)
        calendar.add("refresh-interval", timedelta(hours=4), parameters={"value": "DURATION"})
        calendar.add("x-published-ttl", "PT4H")
        actor = Actor.of(member)
        days = agenda(actor, today - BEHIND, today + AHEAD, now=now, others=in_care(actor))
        stamp = datetime.combine(today, time.min, now.tzinfo)
        for day, item in [(found.date, item) for found in days for item in found.rows][:MOST]:
            ends = f"{member.pk}-{item.whose.pk}" if item.whose else f"{member.pk}"
            calendar.add_component(_event(day, item, f"{item.kind}-{day:%Y%m%d}-{ends}@{host}", stamp))
        return bytes(calendar.to_ical())


def _event(day: date, item: Item, uid: str, stamp: datetime) -> Event:
    event = Event()
    event.add("uid", uid)
    # The day, not the moment: asked twice a day it is the same calendar.
    event.add("dtstamp", stamp)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    one = _("%(title)s: %(count)d") if item.count > 1 else "%(title)s"
    summary = one % {"title": item.title, "count": item.count}
    if item.whose:
        summary = _("%(title)s (%(organisation)s)") % {"title": summary, "organisation": item.whose.name}
    event.add("summary", summary)
    said = [told.sentence for told in item.told]
    if (more := item.count - len(said)) > 0:
        said.append(_("and %(n)d more") % {"n": more})
    event.add("description", "\n".join(said))
    # Another's is read after one has chosen to act for it.
    event.add("url", f"{settings.PUBLIC_URL}{'/act-as' if item.whose else item.link or '/calendar'}")
    return event
