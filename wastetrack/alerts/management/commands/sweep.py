"""`manage.py sweep [--loop] [--now T]`: raise what is due."""

from __future__ import annotations

import logging
import signal
import sys
import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from wastetrack.alerts.services import sweep

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Evaluate the watches: raise every alert that is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on, looking every FEED_POLL_SECONDS")
        parser.add_argument(
            "--now",
            help="rehearse at this time (ISO 8601; without an offset: local time). "
            "It raises and tells for real: use a copy of the data",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["loop"] and options["now"]:
            raise CommandError("--loop reads the clock itself: it does not go with --now.")
        if options["loop"]:
            self._go_on()
        clock = timezone.localtime()
        now = _moment(options["now"]) if options["now"] else clock
        self.stdout.write(f"{now.isoformat()} {sweep(now, recorded_at=clock)} raised")

    def _go_on(self) -> None:
        """Sweep until SIGTERM, which rolls the batch back that is under way. Idle, it costs six look-ups."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        while True:
            now = timezone.localtime()
            try:
                if moved := sweep(now):
                    self.stdout.write(f"{now.isoformat()} {moved} raised")
            except Exception:
                # It must outlive a database that is away for a while.
                log.exception("the sweep failed; trying again")
                connections.close_all()
            time.sleep(settings.FEED_POLL_SECONDS)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"This is not a time: {text}") from None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
