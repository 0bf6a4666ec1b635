"""Loading: each drum that is scanned onto the vehicle is ticked off on the manifest that sends it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from depots.services import not_before
from manifests.models import Line, Manifest, ManifestState
from manifests.selectors import line_to_load
from manifests.services.common import about
from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.selectors import require_newest
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container


def load(*, actor: Actor, container: Container, now: datetime, manifest: str = "", at: datetime | None = None) -> Line:
    """Tick a drum off on the issued manifest that sends it; sender or carrier scans it. `manifest`: the one expected.

    Raises Refused(not_on_a_manifest | other_manifest | already_loaded | already_departed).
    """
    actor.require_write()
    with transaction.atomic():
        line = line_to_load(actor, container)
        if line is None:
            raise Refused("not_on_a_manifest", container=container.short_grouped)
        (row,) = lock([line.manifest])
        line = _open_line(actor, row, line)
        if manifest and row.number != manifest:
            raise Refused("other_manifest", container=container.short_grouped, manifest=row.number)
        if line.loaded_at is not None:
            raise Refused("already_loaded", container=container.short_grouped)
        at = not_before(at or now, row.issued_at or now)
        line.loaded_at = at
        _write(actor, row, line, "container.load", now, at)
    return line


def unload(*, actor: Actor, line: Line, entry_id: int, now: datetime) -> Line:
    """Take a drum off the vehicle again before it departs.

    Raises Refused(already_departed), Refused(cannot_undo) unless the entry of that loading is the drum's newest.
    """
    with transaction.atomic():
        (row,) = lock([line.manifest])
        line = _open_line(actor, row, line)
        (line.container,) = lock([line.container])
        require_newest(line.container.subject, entry_id)
        if line.loaded_at is None:
            raise Refused("cannot_undo")
        line.loaded_at = None
        _write(actor, row, line, "container.unload", now, now)
    return line


def _open_line(actor: Actor, manifest: Manifest, line: Line) -> Line:
    """The line as it is under the manifest's lock."""
    if not manifest.positions(actor) & {"sender", "carrier"}:
        raise NotPermitted("not_your_part", subject=manifest.subject)
    if manifest.state != ManifestState.ISSUED:
        raise Refused("already_departed", manifest=manifest.number)
    return Line.objects.select_related("container").get(pk=line.pk)


def _write(actor: Actor, manifest: Manifest, line: Line, kind: str, now: datetime, at: datetime) -> None:
    line.manifest = manifest
    line.save(update_fields=["loaded_at"])
    container = line.container
    record(actor, [Fact(kind, container.subject, container.readers(), about(manifest))], now=now, event_time=at)


def require_loaded(lines: Sequence[Line], *, compared: bool | None) -> dict[str, Any]:
    """What a departure's entry says of the loading: all drums scanned on, or none and each compared by eye.

    `compared`: whether the driver says so; None where a program departs, whose word it is that the load is right.
    Raises Refused(not_all_loaded) where only some are scanned (article 13), Refused(not_scanned).
    """
    scanned = sum(1 for line in lines if line.loaded_at)
    if 0 < scanned < len(lines):
        raise Refused("not_all_loaded", missing=len(lines) - scanned, manifest=lines[0].manifest.number)
    if not scanned and compared is False:
        raise Refused("not_scanned", drums=len(lines))
    return {"scanned": scanned, "drums": len(lines), **({} if scanned or not compared else {"compared": True})}
