"""A manifest as its page tells it: how far it is, the three parts of the official form, and who signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from django.utils.translation import gettext as _

from manifests.models import (
    AFTER_RECEIPT,
    Attachment,
    Discrepancy,
    Leg,
    Line,
    Manifest,
    ManifestState,
    Outcome,
    Statement,
)
from manifests.selectors import legs_of
from manifests.services import digest_of
from manifests.services.changes import last_leg
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


class Difference(Found):
    """A difference as it was found: by the scale, whatever was agreed on since."""

    @cached_property
    def difference_g(self) -> int | None:
        found = self.discrepancy
        return found.received_mass_g - found.declared_mass_g if found else None

    @property
    def percent(self) -> str:
        declared_g = self.discrepancy.declared_mass_g if self.discrepancy else self.line.mass_g
        return f"{Decimal(self.difference_abs_g * 100) / declared_g:.1f}"


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

    actor: Actor
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
    def differences(self) -> list[Difference]:
        """The lines whose masses departed from each other, settled or not."""
        return [Difference(row.line) for row in self.found if row.discrepancy is not None]

    @property
    def missing(self) -> int:
        """Lines of which the receiver has not yet said what it found."""
        return sum(1 for row in self.found if not row.line.outcome)

    @property
    def received_g(self) -> int | None:
        """Grams accepted so far; None before anything was."""
        masses = [row.line.received_mass_g for row in self.found if row.line.received_mass_g is not None]
        return sum(masses) if masses else None

    @property
    def refused_g(self) -> int | None:
        """Grams refused, as weighed where they were, else as declared; None where nothing was."""
        refused = [row.line for row in self.found if row.line.outcome == Outcome.REJECTED]
        return sum(line.mass_g if line.refused_mass_g is None else line.refused_mass_g for line in refused) or None

    @property
    def difference_g(self) -> int | None:
        """By how many grams what was accepted differs from what was declared of it; None before anything was."""
        found = [row.difference_g for row in self.found if row.difference_g is not None]
        return sum(found) if found else None

    @property
    def difference_abs_g(self) -> int:
        return abs(self.difference_g or 0)

    @property
    def last_leg(self) -> Leg | None:
        """The leg that goes, or went, to the receiver; those before it ended where they were handed over."""
        return last_leg(self.legs)

    @cached_property
    def followers(self) -> list[Manifest]:
        """The manifests, not called off, that take refused drums on or back (at most two queries)."""
        if not any(row.line.outcome == Outcome.REJECTED for row in self.found) and not self.called_off:
            return []
        found = Manifest.objects.visible_to(self.actor).filter(follows=self.manifest)
        return list(found.exclude(state=ManifestState.CANCELLED).prefetch_related("lines").order_by("pk"))

    @property
    def called_off(self) -> bool:
        """Whether it was called off under way."""
        return self.manifest.state == ManifestState.CANCELLED and self.manifest.departed_at is not None

    @cached_property
    def left_behind(self) -> list[Found]:
        """Drums that were turned away and that no manifest the reader may see takes, not even a draft."""
        taken = {line.container_id for one in self.followers for line in one.lines.all()}
        return [row for row in self.found if row.is_turned_away and row.line.container_id not in taken]


def paper_of(actor: Actor, manifest: Manifest, lines: Sequence[Line], on: date) -> Paper:
    """The paper of a manifest the actor may see (a constant number of queries)."""
    entries = list(history_of([manifest.subject]))
    carrier = manifest.carrier
    return Paper(
        actor=actor,
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
