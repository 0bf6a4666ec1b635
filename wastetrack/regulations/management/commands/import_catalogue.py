from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation

from wastetrack.errors import FieldError, Refused
from wastetrack.regulations.services import import_catalogue
from wastetrack.sentences import sentence


class Command(BaseCommand):
    help = "Imports an edition of the official waste-code list (csv, json or xlsx). A broken file changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--edition", help="its year, such as 2025; without it, the year that the file names")
        parser.add_argument(
            "--effective-from", type=date.fromisoformat, help="YYYY-MM-DD; known for the editions of 2021 and 2025"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            edition = import_catalogue(
                path=options["file"],
                edition=options["edition"],
                effective_from=options["effective_from"],
                now=timezone.now(),
            )
        except Refused as refusal:
            # As everything a command prints, in English.
            with translation.override("en"):
                lines = map(_line, refusal.errors) if refusal.errors else [_told(refusal.code, refusal.params)]
                raise CommandError("\n".join(["Nothing was imported.", *lines])) from refusal
        self.stdout.write(
            f"{len(edition.codes)} codes imported as the {edition.key} edition, in force from {edition.effective_from}."
        )


def _line(error: FieldError) -> str:
    """hw.csv, row 12, column hazard: bad_hazard “X”. These are not hazards …"""
    params = error.params
    if "file" not in params:
        return f"{error.field}: {_told(error.code, params)}"
    place = f", row {params['row']}, column {params['column']}" if params["row"] else ""
    return f"{params['file']}{place}: {_told(error.code, params)}"


def _told(code: str, params: Mapping[str, Any]) -> str:
    shown = f" “{params['value']}”" if params.get("value") else ""
    return f"{code}{shown}. {sentence(code, params)}"
