"""The whole demo at once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from desk.demo.filings import Paperwork
from desk.demo.history import UsualCourse
from desk.demo.parties import found_district
from desk.demo.plans import put_down_plans
from desk.demo.rounds import put_down_rounds
from desk.demo.story import Story
from desk.demo.today import Today
from wastetrack.alerts.models import Bookmark
from wastetrack.alerts.services import sweep
from wastetrack.ledger.services import seal
from wastetrack.notices.services.gathering import BOOKMARK

FEWEST_FIRMS, FEWEST_DAYS = 4, 30


class TooSmall(Exception):
    """A district or a time too small for what the demo shows."""


def build_demo(*, firms: int, days: int, seed: int, now: datetime) -> None:
    """Found a district and tell its days up to `now`: everything or nothing. Ends with a sealed log.

    The same arguments give the same log in an empty database; another time of the same day the same codes.
    Raises TooSmall for fewer firms or days than its scenes need.
    """
    if firms < FEWEST_FIRMS or days < FEWEST_DAYS:
        raise TooSmall(f"A demo has at least {FEWEST_FIRMS} firms and {FEWEST_DAYS} days.")
    with transaction.atomic():
        story = Story(found_district(firms=firms, days=days, now=now), now=now, days=days, seed=seed)
        UsualCourse(story).put_down()
        Today(story).put_down()
        Paperwork(story).put_down()
        story.tell()
        put_down_plans(story.district, now)
        put_down_rounds(story.district, now)
        # Mailed is what the first sweep finds, as if the site had mailed all along.
        Bookmark.objects.create(name=BOOKMARK)
        sweep(now)
    seal()
