"""`manage.py ledger_bundle OUT`: export the log for `wastetrack-verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wastetrack.errors import NotFound
from wastetrack.ledger.bundle import write_bundle
from wastetrack.ledger.services import seal


class Command(BaseCommand):
    help = "Export the sealed log and its signed roots to a folder that wastetrack-verify checks offline."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        seal()
        try:
            size = write_bundle(options["out"])
        except NotFound:
            raise CommandError("Nothing has been recorded yet.") from None
        self.stdout.write(f"{size} entries written to {options['out']}")
