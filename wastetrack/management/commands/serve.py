"""`manage.py serve`: the site on one address, with what BACKGROUND names inside."""

from __future__ import annotations

from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wastetrack.settings import LOOPBACK


class Command(BaseCommand):
    help = "Serve the site (pages, API and live feed)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DEMO and options["host"] not in LOOPBACK:
            raise CommandError("Demo mode has public passwords: it serves loopback addresses only.")
        uvicorn.run(
            "wastetrack.asgi:application",
            host=options["host"],
            port=options["port"],
            log_level="info",
            access_log=False,
            ws="wastetrack.sockets:PatientSocket",
            ws_max_size=16_384,
            # A frame is short and comes seldom; the memory for packing it would be most of what a socket costs.
            ws_per_message_deflate=False,
            proxy_headers=False,
        )
