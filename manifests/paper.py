"""A manifest as its page tells it: how far it is, the three parts of the official form, and who signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from django.utils.translation import gettext as _

from manifests.models import AFTER_RECEIPT, Attachment, Discrepancy, Leg, Line, Manifest, ManifestState, Statement
from manifests.selectors import legs_of
from manifests.services import digest_of
from manifests.turns import is_disputed, was_turned_away
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import Attestation, attest, history_of
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Permit, PermitKind
from wastetrack.parties.selectors import valid_permits
from wastetrack.sentences import listed
from wastetrack.telling import DIFFERENCES


@dataclass(frozen=True)
class Step:
    """One step on the way; phase is done, now, ahead or stopped."""

    label: str
    at: datetime | None
    phase: str


def steps_of(manifest: Manifest) -> list[Step]:
    """The way of a manifest from draft to closed, as far as it has come."""
    state = manifest.state
    way = [
        (_("Drafted"), manifest.created_at),
        (_("Issued"), manifest.issued_at),
        (_("On the road"), manifest.departed_at),
        (_("Delivered"), manifest.delivered_at),
        (manifest.get_state_display() if state in AFTER_RECEIPT else _("Received"), manifest.received_at),
        (_("Closed"), manifest.closed_at),
    ]
    if state == ManifestState.CANCELLED:
        done = [Step(label, at, "done") for label, at in way if at]
        return [*done, Step(manifest.get_state_display(), None, "stopped")]
    reached = max(number for number, (_label, at) in enumerate(way) if at)
    last = len(way) - 1
    return [
        Step(label, at, "done" if number < reached or reached == last else "now" if number == reached else "ahead")
        for number, (label, at) in enumerate(way)
    ]


@dataclass(frozen=True)
class Found:
    """A line as received against what was declared: the difference in grams and in percent of the declared mass."""

    line: Line

    @cached_property
    def difference_g(self) -> int | None:
        received = self.line.received_mass_g
        return None if received is None else received - self.line.mass_g

    @property
    def difference_abs_g(self) -> int:
        return abs(self.difference_g or 0)

    @property
    def percent(self) -> str:
        return f"{Decimal(self.difference_abs_g * 100) / self.line.mass_g:.1f}"

    @property
    def is_turned_away(self) -> bool:
        """Whether the drum waits to be taken back or sent on."""
        return was_turned_away(self.line.manifest, self.line)

    @property
    def is_disputed(self) -> bool:
        return is_disputed(self.line)

    @property
    def discrepancy(self) -> Discrepancy | None:
        return getattr(self.line, "discrepancy", None)

    @property
    def differing(self) -> str:
        """What else than the mass is not as declared, in words."""
        names = self.discrepancy.differs.split() if self.discrepancy else []
        return listed(str(DIFFERENCES[name]) for name in names)

    @property
    def said_by_sender(self) -> Statement | None:
        return self._said_by("sender")

    @property
    def said_by_receiver(self) -> Statement | None:
        return self._said_by("receiver")

    def _said_by(self, side: str) -> Statement | None:
        found = self.discrepancy.statements.all() if self.discrepancy else []
        return next((said for said in found if said.side == side), None)


@dataclass(frozen=True)
class Signed:
    """One entry of the log about the manifest, with its SHA-256 in hex; empty while it is being sealed."""

    entry: Entry

    @property
    def digest(self) -> str:
        return bytes(self.entry.leaf_hash).hex() if self.entry.leaf_hash else ""


@dataclass(frozen=True)
class Paper:
    """Everything a manifest's page shows beside its forms."""

    manifest: Manifest
    steps: Sequence[Step]
    found: Sequence[Found]
    legs: Sequence[Leg]
    receiver_permits: Sequence[Permit]
    carrier_permits: Sequence[Permit]
    signed: Sequence[Signed]
    attestation: Attestation

    @cached_property
    def scans(self) -> list[Attachment]:
        """The scans of a manifest that ran on paper."""
        return list(self.manifest.attachments.defer("content").order_by("pk")) if self.manifest.paper else []

    @property
    def digest(self) -> str:
        """The digest of what is shown: a form that signs sends it back."""
        return digest_of(self.manifest, [row.line for row in self.found], self.legs)

    @property
    def is_treated(self) -> bool:
        """Whether the receiver has treated any of it, as it came or regrouped: then there is a certificate."""
        as_it_came = any(row.line.treatments.all() for row in self.found)
        return as_it_came or any(one.entry.kind == "manifest.treat" for one in self.signed)

    @property
    def differences(self) -> list[Found]:
        """The lines whose masses departed from each other, settled or not."""
        return [row for row in self.found if row.discrepancy is not None]

    @property
    def missing(self) -> int:
        """Lines of which the receiver has not yet said what it found."""
        return sum(1 for row in self.found if not row.line.outcome)

    @property
    def received_g(self) -> int | None:
        """Grams accepted so far; None before anything was."""
        masses = [row.line.received_mass_g for row in self.found if row.line.received_mass_g is not None]
        return sum(masses) if masses else None


def paper_of(actor: Actor, manifest: Manifest, lines: Sequence[Line], on: date) -> Paper:
    """The paper of a manifest the actor may see (a constant number of queries)."""
    entries = list(history_of([manifest.subject]))
    carrier = manifest.carrier
    return Paper(
        manifest=manifest,
        steps=steps_of(manifest),
        found=[Found(line) for line in lines],
        legs=legs_of(manifest),
        receiver_permits=[p for p in valid_permits(manifest.receiver, on) if p.kind != PermitKind.TRANSPORT],
        carrier_permits=[p for p in valid_permits(carrier, on) if p.kind == PermitKind.TRANSPORT] if carrier else [],
        # A draft's own entry was addressed to its sender alone, and stays so.
        signed=[Signed(entry) for entry in entries if entry.addressed_to(actor)],
        attestation=attest(entries, whole=[manifest.subject]),
    )
