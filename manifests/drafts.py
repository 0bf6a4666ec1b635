"""A draft as pages and programs say it: what is wanted, read; what is wrong with it and what mends that, said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils import timezone

from manifests.checks import problems_of
from manifests.fixes import problem_with_fix
from manifests.models import Attachment, Line, Manifest, ManifestState
from manifests.plan import plan_warnings
from manifests.schemas import DraftIn
from manifests.selectors import get_manifest
from manifests.services.drafting import Wanted
from manifests.services.streams import FromStream
from wastetrack.errors import FieldError, NotFound, invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Site
from wastetrack.parties.selectors import organisation_of
from wastetrack.schemas import row_id
from wastetrack.units import grams
from wastetrack.waste.models import WasteStream
from wastetrack.waste.reading import read_day
from wastetrack.waste.selectors import by_codes


def wanted_of(actor: Actor, body: DraftIn) -> Wanted:
    """What a draft's body asks for. Raises Invalid at its fields for what there is not."""
    carriers = [organisation_of(actor, uscc, f"carriers.{n}") for n, uscc in enumerate(body.carriers)]
    if not carriers and body.carrier:
        carriers = [organisation_of(actor, body.carrier, "carrier")]
    return Wanted(
        receiver=organisation_of(actor, body.receiver, "receiver"),
        containers=by_codes(actor, body.containers, field="containers") if body.containers else [],
        from_streams=[from_stream(actor, row.model_dump(), f"streams.{n}") for n, row in enumerate(body.streams)],
        carriers=carriers,
        emergency_measures=body.emergency_measures,
        contract=body.contract,
    )


def from_stream(actor: Actor, row: dict[str, Any], field: str) -> FromStream:
    """So much of a usual waste of the actor's. Raises Invalid(unknown_stream | mass_… | date_…) at its field."""
    stream = WasteStream.objects.filter(organisation=actor.organisation_id, active=True)
    found = stream.filter(pk=row_id(str(row["stream"]))).select_related("site", "organisation").first()
    if found is None:
        raise invalid(f"{field}.stream", "unknown_stream")
    return FromStream(found, grams(row["mass_kg"], field=f"{field}.mass_kg"), _since(row, field))


def _since(row: dict[str, Any], field: str) -> date | None:
    told = row.get("accumulation_start")
    if not told:
        return None
    day = read_day(told)
    if day is None:
        raise invalid(f"{field}.accumulation_start", "date_unreadable")
    return day


def site_of(actor: Actor, code: str = "") -> Site:
    """The actor's own site of a code; without one, its first. Raises NotFound(not_found)."""
    sites = Site.objects.filter(organisation=actor.organisation_id).order_by("pk")
    site: Site | None = (sites.filter(code=code) if code else sites).first()
    if site is None:
        raise NotFound
    return site


def findings(
    manifest: Manifest, now: datetime, lines: Sequence[Line] | None = None
) -> tuple[list[FieldError], list[FieldError]]:
    """What stands in the way of issuing a draft today, and what is only to be thought of. None of either later.

    `lines`, with their containers: where the caller has read them.
    """
    if manifest.state != ManifestState.DRAFT:
        return [], []
    if lines is None:
        lines = list(manifest.lines.select_related("container"))
    on = timezone.localdate(now)
    return problems_of(manifest, lines, on), plan_warnings(manifest, [line.container for line in lines], on)


def draft_json(manifest: Manifest, now: datetime, lines: Sequence[Line] | None = None) -> dict[str, Any]:
    """`problems` and `warnings` of a draft, each with its fix."""
    problems, warnings = findings(manifest, now, lines)
    return {"problems": _fixed(manifest, problems), "warnings": _fixed(manifest, warnings)}


def _fixed(manifest: Manifest, problems: Sequence[FieldError]) -> list[dict[str, Any]]:
    return [problem_with_fix(manifest, problem) for problem in problems]


def read_attachment(upload: UploadedFile, limit: int) -> tuple[str, bytes]:
    """A file's name and content, read no further than one byte past the limit. Raises Invalid(scan missing)."""
    content = upload.read(limit + 1)
    if not content:
        raise invalid("scan", "missing")
    return upload.name or "", content


def get_attachment(actor: Actor, number: str, sha256: str) -> HttpResponse:
    """A scan of the paper, byte for byte; never shown as part of our own pages. Raises NotFound."""
    manifest = get_manifest(actor, number)
    kept: Attachment | None = manifest.attachments.filter(sha256=sha256).first()
    if kept is None:
        raise NotFound
    answer = HttpResponse(bytes(kept.content), content_type=kept.content_type)
    answer["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(kept.name)}"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer
