"""What falls due with a manifest: its receipt, paper to be typed in, an approval that ends, a difference to settle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from manifests.models import Approval, Discrepancy, Manifest, Severity
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import Deadline, end, sweep, watch
from wastetrack.districts.selectors import figures
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.regulations.calendar import add_working_days
from wastetrack.waste.clock import end_of, start_of

RECEIPT, PAPER, APPROVAL, DISCREPANCY = "receipt", "paper", "approval", "discrepancy"


def receipt_due(manifest: Manifest, at: datetime) -> None:
    """From its arrival on, the receiver has five working days to confirm what it received (article 18)."""
    division = manifest.receiver.division
    limits = figures(division, "manifest")
    _watch_working_days(
        manifest,
        RECEIPT,
        manifest.receiver,
        at,
        warn=int(limits["confirm_warn_working_days"]),
        due=int(limits["confirm_working_days"]),
        clause="receipt_5_working_days",
    )


def receipt_done(manifest: Manifest, *, actor: Actor, now: datetime) -> None:
    """Every line has its outcome, or nothing is to be received any more."""
    end(RECEIPT, [manifest.subject], actor=actor, now=now)


def paper_due(manifest: Manifest, completed_at: datetime) -> None:
    """A transfer that ran on paper is typed in within ten working days after it was complete (article 20)."""
    limits = figures(manifest.sender_site.division, "manifest")
    _watch_working_days(
        manifest,
        PAPER,
        manifest.sender,
        completed_at,
        warn=int(limits["paper_warn_working_days"]),
        due=int(limits["paper_working_days"]),
        clause="paper_10_working_days",
        # A draft is its sender's alone, and so is what it is late with.
        division="",
    )


def paper_late(manifest: Manifest, delivered_at: datetime, now: datetime) -> bool:
    """Whether it is typed in later than article 20 allows, counted from its delivery."""
    days = int(figures(manifest.sender_site.division, "manifest")["paper_working_days"])
    return timezone.localdate(now) > add_working_days(timezone.localdate(delivered_at), days)


def paper_done(manifest: Manifest, *, actor: Actor, now: datetime) -> None:
    """It is typed in, or dropped."""
    end(PAPER, [manifest.subject], actor=actor, now=now)


def _watch_working_days(
    manifest: Manifest,
    kind: str,
    who: Organisation,
    since: datetime,
    *,
    warn: int,
    due: int,
    clause: str,
    division: str | None = None,
) -> None:
    first = timezone.localdate(since)
    deadline = Deadline(
        kind=kind,
        about=manifest.subject,
        organisation_id=who.pk,
        division=who.division if division is None else division,
        warn_at=start_of(add_working_days(first, warn)),
        due_at=end_of(add_working_days(first, due)),
        clause=clause,
        details=_named(manifest),
    )
    watch([deadline])


def _named(manifest: Manifest) -> Mapping[str, str]:
    return {"number": manifest.number, "sender": manifest.sender.name, "receiver": manifest.receiver.name}


def approval_ends(approval: Approval, warn_days: int) -> None:
    """Leave to send waste out of the province ends on its last day (article 27); warned before."""
    deadline = Deadline(
        kind=APPROVAL,
        about=f"approval:{approval.pk}",
        organisation_id=approval.sender_id,
        division=approval.sender.division,
        warn_at=start_of(date.fromordinal(approval.valid_to.toordinal() - warn_days)),
        due_at=end_of(approval.valid_to),
        clause="interprovincial_validity",
        details={"approval": approval.number, "receiver": approval.receiver.name, "id": str(approval.pk)},
    )
    watch([deadline])


def differs(manifest: Manifest, *, now: datetime) -> None:
    """Tell sender and receiver's district at once that a significant difference is open (article 18); once is enough.

    The sender's organisation answers for it; whoever reads the manifest hears of it by its entry.
    """
    if Alert.objects.filter(kind=DISCREPANCY, about=manifest.subject, resolved_at=None).exists():
        return
    days = int(figures(manifest.receiver.division, "manifest")["settle_days"])
    deadline = Deadline(
        kind=DISCREPANCY,
        about=manifest.subject,
        organisation_id=manifest.sender_id,
        division=manifest.receiver.division,
        warn_at=now,
        due_at=end_of(date.fromordinal(timezone.localdate(now).toordinal() + days)),
        clause="discrepancy",
        details=_named(manifest),
    )
    watch([deadline])
    transaction.on_commit(partial(sweep, now), robust=True)


def settled(manifest: Manifest, *, actor: Actor, now: datetime) -> None:
    """Ends the alert once no significant difference of the manifest is open."""
    still = Discrepancy.objects.filter(line__manifest=manifest, settled_at=None, severity=Severity.SIGNIFICANT)
    if not still.exists():
        end(DISCREPANCY, [manifest.subject], actor=actor, now=now)
