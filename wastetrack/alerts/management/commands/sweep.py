"""`manage.py sweep [--loop] [--now T]`: raise what is due."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from wastetrack.alerts.services import sweep
from wastetrack.ledger.services import seal


class Command(BaseCommand):
    help = "Evaluate the watches: raise every alert that is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on every SWEEP_SECONDS")
        parser.add_argument("--now", help="rehearse at this time (ISO 8601; without an offset: local time)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["loop"] and options["now"]:
            raise CommandError("--loop reads the clock itself: it does not go with --now.")
        while True:
            clock = timezone.localtime()
            now = _moment(options["now"]) if options["now"] else clock
            moved = sweep(now, recorded_at=clock)
            seal()
            self.stdout.write(f"{now.isoformat()} {moved} raised")
            if not options["loop"]:
                return
            time.sleep(settings.SWEEP_SECONDS)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"This is not a time: {text}") from None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
