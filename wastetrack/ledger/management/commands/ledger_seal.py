"""`manage.py ledger_seal`: seal what is unsealed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from wastetrack.ledger.services import seal


class Command(BaseCommand):
    help = "Give every recorded entry its place in the log and sign the new root."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{seal()} sealed")
