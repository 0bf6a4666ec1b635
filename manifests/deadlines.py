"""What falls due with a manifest: its receipt, paper to be typed in, an approval that ends, a difference to settle.

Each deadline is built in one place: when it is set with the step that begins it, and when the facts are looked at anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from manifests.models import Approval, Discrepancy, Manifest, Severity
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import Deadline, end, settle, watch
from wastetrack.districts.selectors import Figures, Place, figures, figures_for
from wastetrack.parties.actors import Actor
from wastetrack.regulations.calendar import add_working_days
from wastetrack.waste.clock import end_of, start_of

RECEIPT, PAPER, APPROVAL, DISCREPANCY = "receipt", "paper", "approval", "discrepancy"
MANIFEST = "manifest"
"""The table of figures they all go by."""


def _limits(place: Place) -> Figures:
    return figures_for(MANIFEST, [place])[place]


def named(manifest: Manifest) -> Mapping[str, str]:
    """A manifest and its two ends, as a sentence names them."""
    return {"number": manifest.number, "sender": manifest.sender.name, "receiver": manifest.receiver.name}


# --- a receipt to confirm ----------------------------------------------------------------------------------


def receipt_place(manifest: Manifest) -> Place:
    """By whose figures a receipt is due: the receiver's."""
    return manifest.receiver.division, manifest.receiver_id


def receipt_deadline(manifest: Manifest, at: datetime, limits: Figures) -> Deadline:
    """From its arrival on, the receiver has five working days to confirm what it received (article 18)."""
    first = timezone.localdate(at)
    return Deadline(
        about=manifest.subject,
        organisation_id=manifest.receiver_id,
        division=manifest.receiver.division,
        warn_at=start_of(add_working_days(first, int(limits["confirm_warn_working_days"]))),
        due_at=end_of(add_working_days(first, int(limits["confirm_working_days"]))),
        clause="receipt_5_working_days",
        details=named(manifest),
        also=[manifest.sender_id],
    )


def receipt_due(manifest: Manifest, at: datetime) -> None:
    """It has arrived: the days to confirm it begin."""
    watch(RECEIPT, [receipt_deadline(manifest, at, _limits(receipt_place(manifest)))])


def receipt_done(manifest: Manifest, *, actor: Actor, now: datetime) -> None:
    """Every line has its outcome, or nothing is to be received any more."""
    end(RECEIPT, [manifest.subject], actor=actor, now=now)


# --- paper to type in --------------------------------------------------------------------------------------


def paper_place(manifest: Manifest) -> Place:
    """By whose figures paper is to be typed in: the sender's."""
    return manifest.sender_site.division, manifest.sender_id


def paper_deadline(manifest: Manifest, completed_at: datetime, limits: Figures) -> Deadline:
    """A transfer that ran on paper is typed in within ten working days after it was complete (article 20)."""
    first = timezone.localdate(completed_at)
    return Deadline(
        about=manifest.subject,
        organisation_id=manifest.sender_id,
        # A draft is its sender's alone, and so is what it is late with.
        division="",
        warn_at=start_of(add_working_days(first, int(limits["paper_warn_working_days"]))),
        due_at=end_of(add_working_days(first, int(limits["paper_working_days"]))),
        clause="paper_10_working_days",
        details=named(manifest),
    )


def paper_due(manifest: Manifest, completed_at: datetime) -> None:
    """It ran on paper: the days to type it in begin."""
    watch(PAPER, [paper_deadline(manifest, completed_at, _limits(paper_place(manifest)))])


def paper_late(manifest: Manifest, delivered_at: datetime, now: datetime) -> bool:
    """Whether it is typed in later than article 20 allows, counted from its delivery."""
    days = int(figures(manifest.sender_site.division, MANIFEST)["paper_working_days"])
    return timezone.localdate(now) > add_working_days(timezone.localdate(delivered_at), days)


def paper_done(manifest: Manifest, *, actor: Actor, now: datetime) -> None:
    """It is typed in, or dropped."""
    end(PAPER, [manifest.subject], actor=actor, now=now)


# --- an approval that ends ---------------------------------------------------------------------------------


def approval_place(approval: Approval) -> Place:
    """By whose figures an approval's end is told: the sender's."""
    return approval.sender.division, approval.sender_id


def approval_deadline(approval: Approval, limits: Figures) -> Deadline:
    """Leave to send waste out of the province ends on its last day (article 27); warned before.

    It is said for as many days after its end as before: who sends nothing there any more needs no new one.
    """
    days = timedelta(days=int(limits["approval_warn_days"]))
    return Deadline(
        about=f"approval:{approval.pk}",
        organisation_id=approval.sender_id,
        division=approval.sender.division,
        warn_at=start_of(approval.valid_to - days),
        due_at=end_of(approval.valid_to),
        clause="interprovincial_validity",
        details={"approval": approval.number, "receiver": approval.receiver.name, "id": str(approval.pk)},
        look_at=start_of(approval.valid_to + days + timedelta(days=1)),
    )


def approval_ends(approval: Approval) -> None:
    """It is on record: its last day is known."""
    watch(APPROVAL, [approval_deadline(approval, _limits(approval_place(approval)))])


# --- a significant difference ------------------------------------------------------------------------------


def difference_place(manifest: Manifest) -> Place:
    """By whose figures a difference is settled: those of the receiver's district."""
    return manifest.receiver.division, manifest.sender_id


def difference_deadline(manifest: Manifest, since: datetime, limits: Figures) -> Deadline:
    """Sender and receiver settle a significant difference within the district's days (article 18).

    The sender answers for it; the receiver reads it, and the receiver's district.
    """
    return Deadline(
        about=manifest.subject,
        organisation_id=manifest.sender_id,
        division=manifest.receiver.division,
        warn_at=since,
        due_at=end_of(date.fromordinal(timezone.localdate(since).toordinal() + int(limits["settle_days"]))),
        clause="discrepancy",
        details=named(manifest),
        also=[manifest.receiver_id],
    )


def differs(manifest: Manifest, *, now: datetime) -> None:
    """Tell sender and receiver's district at once that a significant difference is open; once is enough."""
    if Alert.objects.filter(kind=DISCREPANCY, about=manifest.subject, resolved_at=None).exists():
        return
    since = _significant(manifest).aggregate(since=Min("opened_at"))["since"] or now
    watch(DISCREPANCY, [difference_deadline(manifest, since, _limits(difference_place(manifest)))])
    # After the commit, and this alone: what else is due is the sweep's.
    transaction.on_commit(partial(settle, DISCREPANCY, [manifest.subject], now=now), robust=True)


def settled(manifest: Manifest, *, actor: Actor, now: datetime) -> None:
    """Ends the alert once no significant difference of the manifest is open."""
    if not _significant(manifest).exists():
        end(DISCREPANCY, [manifest.subject], actor=actor, now=now)


def _significant(manifest: Manifest) -> QuerySet[Discrepancy]:
    return Discrepancy.objects.filter(line__manifest=manifest, settled_at=None, severity=Severity.SIGNIFICANT)
