from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from manifests.national.matching import Pair, Reconciled, reconcile
from manifests.national.reading import read_list
from manifests.national.tables import MAX_BYTES
from wastetrack.errors import Refused
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.sentences import sentence


class Command(BaseCommand):
    help = "Compares an exported list of national manifests (xlsx or csv) with an organisation's own. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--organisation", required=True, metavar="USCC", help="its credit code")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(uscc=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation {options['organisation']}.")
        with translation.override("en"):
            try:
                listed = read_list(_read(options["file"]))
            except Refused as refusal:
                told = [sentence(error.code, error.params) for error in refusal.errors]
                raise CommandError("\n".join(told or [sentence(refusal.code, refusal.params)])) from refusal
            self._tell(reconcile(Actor(None, organisation, "viewer"), organisation, listed))

    def _tell(self, found: Reconciled) -> None:
        self.stdout.write(f"Matching: {len(found.matching)}")
        for title, pairs in (("Differing", found.differing), ("To be linked", found.proposed)):
            self.stdout.write(f"{title}: {len(pairs)}")
            self.stdout.writelines(_line(pair) for pair in pairs)
        self.stdout.write(f"Only here: {len(found.ours_only)}")
        self.stdout.writelines(f"  {ours.manifest.number}" for ours in found.ours_only)
        self.stdout.write(f"Only in the list: {len(found.theirs_only)}")
        self.stdout.writelines(f"  {theirs.number} (row {theirs.row})" for theirs in found.theirs_only)
        self.stdout.write(f"Of others: {found.of_others}. Rows that stood twice: {found.repeated}.")


def _line(pair: Pair) -> str:
    told = "; ".join(f"{one.field}: {one.ours} here, {one.theirs} there" for one in pair.differences)
    return f"  {pair.ours.manifest.number} {pair.theirs.number}" + (f": {told}" if told else "")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be opened: {error.strerror}.") from error
