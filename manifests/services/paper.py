"""Paper fallback (article 20): a transfer that ran on paper is typed in afterwards, with a scan of the paper."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from PIL import Image

from manifests.deadlines import paper_done, paper_late
from manifests.models import UNDER_WAY, Attachment, Leg, Manifest, ManifestState
from manifests.services.carriage import arrive, read_plate, set_out
from manifests.services.common import event_time, require_party
from manifests.services.drafting import issue
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.waste.clock import start_of

MOST_BYTES = 10 * 1024 * 1024
MOST_SCANS = 10
MOST_PIXELS = 100_000_000
NAME_LENGTH, DRIVER_LENGTH = 100, 60
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg"}


def attach(*, actor: Actor, manifest: Manifest, name: str, content: bytes, now: datetime) -> Attachment:
    """Keep a scan of the paper with its manifest, until all of it is received: PDF, JPEG or PNG.

    The same file again is the same scan.
    Raises NotPermitted(not_your_part), Refused(not_on_paper | illegal_state | scan_too_large, 413 | scan_kind),
    Invalid(too_many).
    """
    actor.require_write()
    if len(content) > MOST_BYTES:
        raise Refused("scan_too_large", status=413, limit=MOST_BYTES // 1024 // 1024)
    kind = _kind_of(content)
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "sender")
        if not manifest.paper:
            raise Refused("not_on_paper", manifest=manifest.number)
        digest = hashlib.sha256(content).hexdigest()
        known = {one.sha256: one for one in manifest.attachments.defer("content")}
        if digest in known:
            return known[digest]
        if manifest.state not in (ManifestState.DRAFT, *UNDER_WAY):
            raise Refused("illegal_state", verb="attach", state=manifest.state, subject=manifest.subject)
        if len(known) >= MOST_SCANS:
            raise invalid("scan", "too_many", limit=MOST_SCANS)
        kept = Attachment.objects.create(
            manifest=manifest,
            name=" ".join(name.split())[-NAME_LENGTH:] or "scan",
            content_type=kind,
            content=content,
            size=len(content),
            sha256=digest,
            added_by=actor.person,
            added_at=now,
        )
        payload = {"name": kept.name, "sha256": digest, "bytes": len(content)}
        record(actor, [Fact("manifest.attach", manifest.subject, manifest.readers(), payload)], now=now)
    return kept


def _kind_of(content: bytes) -> str:
    """The type that a file is by what is in it. Raises Refused(scan_kind)."""
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    try:
        with Image.open(io.BytesIO(content), formats=list(KINDS)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Refused("scan_kind")
            image.verify()
            return KINDS[str(image.format)]
    except Refused:
        raise
    except Exception as unreadable:
        # Whatever a broken picture makes the reader say, it is no scan.
        raise Refused("scan_kind") from unreadable


def type_in(
    *,
    actor: Actor,
    manifest: Manifest,
    departed_at: datetime | None,
    delivered_at: datetime | None,
    plate: str,
    driver: str,
    now: datetime,
) -> Manifest:
    """The sender types in what the paper says of its own and the carrier's part; the receiver still signs its own.

    The sender signs for having typed it truly: the paper bears the other signatures. From here on the manifest is
    delivered, and its receipt is awaited as any other.
    Raises Refused(illegal_state | not_on_paper | paper_scan_missing | what stands in the way of issuing it that day),
    Invalid(missing | plate_format | time_in_future | time_out_of_order | delivered_after_completed).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "sender")
        if not manifest.paper:
            raise Refused("not_on_paper", manifest=manifest.number)
        if manifest.state != ManifestState.DRAFT:
            raise Refused("illegal_state", verb="type_in", state=manifest.state, subject=manifest.subject)
        if not manifest.attachments.exists():
            raise Refused("paper_scan_missing")
        departed, delivered = _times(manifest, departed_at, delivered_at, now)
        if not driver.strip():
            raise invalid("driver", "missing")
        plate = "" if manifest.self_delivered else read_plate(plate)
        late = paper_late(manifest, delivered, now)
        manifest = issue(actor=actor, manifest=manifest, now=now, at=departed)
        (manifest,) = lock([manifest])
        # Alerts are locked by kind, in the order of the kinds' names, as the sweep does it: paper before storage.
        paper_done(manifest, actor=actor, now=now)
        lines = list(manifest.lines.select_related("container"))
        assert manifest.carrier is not None
        leg = Leg(carrier=manifest.carrier, plate=plate, driver_name=driver.strip()[:DRIVER_LENGTH])
        leg.departed_at = departed
        told = {"vehicle": plate, "departed_at": instant(departed), "on_paper": manifest.paper_number, "late": late}
        manifest = set_out(actor=actor, manifest=manifest, lines=lines, leg=leg, told=told, now=now, position="carrier")
        arrival = arrive(manifest, delivered)
        completed = manifest.paper_completed_at
        differs = {} if completed in (None, delivered) else {"completed_at": instant(completed)}
        (manifest,), facts = move(
            [manifest],
            "deliver",
            actor=actor,
            position="carrier",
            change=arrival.change,
            payload={"on_paper": manifest.paper_number, **differs, **arrival.payload},
        )
        record(actor, facts, now=now, event_time=delivered)
    return manifest


def _times(
    manifest: Manifest, departed_at: datetime | None, delivered_at: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """When it departed, not before the last of its drums was begun; and when it was delivered.

    The transfer was complete once it was delivered, or noted the day after: what the paper says later is a slip.
    """
    if departed_at is None:
        raise invalid("departed_at", "missing")
    begun = manifest.lines.aggregate(last=Max("container__accumulation_start"))["last"]
    departed = event_time("departed_at", departed_at, now, not_before=start_of(begun) if begun else None)
    completed = manifest.paper_completed_at
    delivered = event_time("delivered_at", delivered_at or completed, now, not_before=departed)
    if completed is not None and delivered > completed + timedelta(days=1):
        raise invalid("delivered_at", "delivered_after_completed")
    return departed, delivered
