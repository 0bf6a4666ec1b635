"""`manage.py lifecycle_diagrams [--check]`: write docs/lifecycle/ from the code, or fail when it differs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from wastetrack.lifecycle.diagrams import page_of, stateful_models


class Command(BaseCommand):
    help = "Write the lifecycle pages in docs/ from the code."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.BASE_DIR / "docs" / "lifecycle"
        folder.mkdir(parents=True, exist_ok=True)
        stale = []
        for model in stateful_models():
            path, page = folder / f"{model.SUBJECT}.md", page_of(model)
            if path.exists() and path.read_text(encoding="utf-8") == page:
                continue
            stale.append(path.name)
            if not options["check"]:
                path.write_text(page, encoding="utf-8")
        if stale and options["check"]:
            raise CommandError(f"out of date: {', '.join(stale)}; run manage.py lifecycle_diagrams")
        self.stdout.write(f"{len(stale)} written" if stale else "up to date")
