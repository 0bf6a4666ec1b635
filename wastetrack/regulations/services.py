"""Putting an edition of the waste-code list on the shelf."""

import re
from datetime import date, datetime
from pathlib import Path

from django.db import transaction

from wastetrack.errors import Refused, invalid
from wastetrack.regulations import selectors
from wastetrack.regulations.catalogue import EDITIONS, WasteCode
from wastetrack.regulations.catalogue_file import read_catalogue
from wastetrack.regulations.models import ImportedEdition


def import_catalogue(
    *, path: Path, edition: str | None = None, effective_from: date | None = None, now: datetime
) -> ImportedEdition:
    """Reads an official list and stores it as an edition, in the place of an earlier import of the same.

    Without an edition, the year that the file names; without a date, the known one of that edition. Anything wrong
    changes nothing: Invalid bad_catalogue, edition_missing, bad_edition, effective_from_missing; Refused
    edition_date_taken when another edition begins that day.
    """
    path = Path(path)
    file = read_catalogue(path)
    key = _key(edition or file.edition)
    begins = effective_from or _known_date(key)
    with transaction.atomic():
        if ImportedEdition.objects.exclude(key=key).filter(effective_from=begins).exists() or _taken(key, begins):
            raise Refused("edition_date_taken", edition=key, effective_from=begins)
        imported, _ = ImportedEdition.objects.update_or_create(
            key=key,
            defaults={
                "title": _title(key),
                "effective_from": begins,
                "source_name": path.name,
                "digest": file.digest,
                "imported_at": now,
                "codes": [_row(waste) for waste in file.codes],
            },
        )
        # Now for this transaction, and once more for what another thread reads before it commits.
        selectors.forget()
        transaction.on_commit(selectors.forget)
    return imported


def _key(edition: str | None) -> str:
    if not edition:
        raise invalid("edition", "edition_missing")
    if not re.fullmatch(r"[0-9]{4}[0-9A-Za-z-]{0,12}", edition):
        raise invalid("edition", "bad_edition", value=edition)
    return edition


def _known_date(key: str) -> date:
    stored = ImportedEdition.objects.filter(key=key).values_list("effective_from", flat=True).first()
    known = {edition.key: edition.effective_from for edition in EDITIONS}
    begins = stored or known.get(key)
    if begins is None:
        raise invalid("effective_from", "effective_from_missing", edition=key)
    return begins


def _taken(key: str, begins: date) -> bool:
    return any(edition.effective_from == begins for edition in EDITIONS if edition.key != key)


def _title(key: str) -> str:
    known = {edition.key: edition.title for edition in EDITIONS}
    return known.get(key, f"国家危险废物名录（{key}年版）")


def _row(waste: WasteCode) -> list[str]:
    return [
        waste.code,
        str(waste.hazards),
        waste.name_zh,
        waste.description,
        waste.category_name_zh,
        waste.industry,
        waste.also_called,
    ]
