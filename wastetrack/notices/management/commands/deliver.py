"""`manage.py deliver [--loop]`: send what is to be told, by mail and to webhooks."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from wastetrack.ledger.services import seal
from wastetrack.notices.courier import Courier, deliver, mail


class Command(BaseCommand):
    help = "Mail what is to be told and deliver to webhooks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until told to stop (SIGTERM, Ctrl-C)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["loop"]:
            seal()
            mails, deliveries = mail(timezone.localtime), deliver(timezone.localtime)
            self.stdout.write(f"{timezone.localtime().isoformat()} {mails} mails, {deliveries} to webhooks")
            return
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        courier = Courier()
        courier.start()
        over.wait()
        courier.stop()
