"""`manage.py seed_demo [--firms N] [--days D] [--seed S] [--now T]`: a deterministic demo district and its logins."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation

from desk.demo.build import TooSmall, build_demo
from desk.demo.logins import LOGINS, PASSWORD, PIN
from manifests.models import Line, Manifest, ManifestState
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Membership, Organisation
from wastetrack.waste.models import Container


class Command(BaseCommand):
    help = "Make a demo district with a year of history, once, and tell its logins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--firms", type=int, default=44, help="how many firms (44)")
        parser.add_argument("--days", type=int, default=365, help="how many days of history (365)")
        parser.add_argument("--seed", type=int, default=1, help="another seed, another history (1)")
        parser.add_argument("--now", help="the history ends at this time (ISO 8601; without an offset: local time)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Demo logins have a public password: set WASTETRACK_DEMO=1 for a demo on this machine.")
        if Organisation.objects.exists():
            self.stdout.write("There are organisations already: nothing was added.")
        else:
            self.seed(options)
        # The languages of the site are for its pages; a command speaks English, like all the others.
        with translation.override("en"):
            self.tell_logins()
            self.tell_codes()

    def seed(self, options: dict[str, Any]) -> None:
        now = _moment(options["now"]) if options["now"] else timezone.localtime()
        start = monotonic()
        try:
            build_demo(firms=options["firms"], days=options["days"], seed=options["seed"], now=now)
        except TooSmall as error:
            raise CommandError(str(error)) from None
        made = (
            f"{Container.objects.count()} drums, {Manifest.objects.count()} manifests, {Entry.objects.count()} entries"
        )
        self.stdout.write(f"Demo district of {options['firms']} firms: {made} in {monotonic() - start:.0f} s.")

    def tell_logins(self) -> None:
        usernames = [login.username for login in LOGINS]
        memberships = Membership.objects.filter(user__username__in=usernames, organisation__demo=True)
        acts_for = dict(memberships.values_list("user__username", "organisation__name"))
        rows = [
            (login.username, acts_for[login.username], str(login.does))
            for login in LOGINS
            if login.username in acts_for
        ]
        if rows:
            self.stdout.write(f"\nDemo logins, password {PASSWORD}:")
            self.stdout.write(table([("user", "acts for", "what to try"), *rows]))
            self.stdout.write(f"By PIN sign firm, firm2 at the counter, carrier and carrier2 on the road: {PIN}")

    def tell_codes(self) -> None:
        """What the depot can scan at once: drums at its gate, and one that it must refuse."""
        at_the_gate = Line.objects.filter(
            manifest__state=ManifestState.DELIVERED, outcome="", manifest__receiver__memberships__user__username="depot"
        )
        lines = at_the_gate.select_related("container", "manifest").order_by("pk")
        rows = [(line.container.short_grouped, line.manifest.number, line.container.name) for line in lines]
        if rows:
            self.stdout.write("\nAt the gate of depot, ready to scan (code, manifest, waste):")
            self.stdout.write(table(rows))
        elsewhere = Container.objects.filter(state="stored", holder__memberships__user__username="firm2")
        if rows and (stray := elsewhere.order_by("pk").last()):
            self.stdout.write(f"One that it must refuse, since no manifest brings it: {stray.short_grouped}")


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as text in columns; a Chinese character is two wide."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"This is not a time: {text}") from None
    return timezone.localtime(timezone.make_aware(moment) if timezone.is_naive(moment) else moment)
