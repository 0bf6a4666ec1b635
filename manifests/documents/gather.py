"""What the document of a manifest says, read for one reader in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.db.models import prefetch_related_objects
from django.utils import timezone

from manifests.documents.words import document_words
from manifests.models import (
    Correction,
    CorrectionState,
    Discrepancy,
    Leg,
    Line,
    Manifest,
    ManifestState,
    Outcome,
    Severity,
)
from manifests.selectors import legs_of, lines_of
from manifests.services.content import digest_of
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import history_of
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Permit, PermitKind
from wastetrack.waste.models import Container

FOLLOWING = frozenset({"correction.approve", "manifest.correct", "manifest.call_off"})
"""What the last consent to a correction brings about: the consent, or a proposal that needs none, is the signature."""
STATED = frozenset({"manifest.settle"})
"""What a side says under its own name without a form of its own to sign."""


@dataclass(frozen=True)
class Group:
    """Lines that the form takes as one: the same waste, in the same form and packaging."""

    drum: Container
    """Any of them: they agree in all that the form asks."""
    lines: Sequence[Line]
    sent_g: int

    @property
    def accepted(self) -> list[Line]:
        return [line for line in self.lines if line.outcome == Outcome.ACCEPTED]

    @property
    def refused(self) -> list[Line]:
        return [line for line in self.lines if line.outcome == Outcome.REJECTED]

    @property
    def accepted_g(self) -> int | None:
        """Grams accepted; None while nothing of it was received or refused."""
        if not any(line.outcome for line in self.lines):
            return None
        return sum(line.received_mass_g or 0 for line in self.accepted)

    @property
    def severities(self) -> frozenset[str]:
        return frozenset(found.severity for _, found in differences_of(self.lines))

    @property
    def significant(self) -> bool:
        return Severity.SIGNIFICANT in self.severities

    @property
    def methods(self) -> list[str]:
        """The codes by which its waste was treated so far, sorted."""
        return sorted({done.method for line in self.accepted for done in line.treatments.all()})


@dataclass(frozen=True)
class Facts:
    """A manifest with all that its document names."""

    manifest: Manifest
    lines: Sequence[Line]
    legs: Sequence[Leg]
    permits: Sequence[Permit]
    """Of the receiver and of every carrier, whenever in force."""
    entries: Sequence[Entry]
    corrections: Sequence[Correction]
    now: datetime

    @cached_property
    def groups(self) -> list[Group]:
        """The lines grouped as the form has them, in the order in which each first appears."""
        found: dict[tuple[str, ...], list[Line]] = {}
        for line in self.lines:
            found.setdefault(_alike(line.container), []).append(line)
        return [Group(lines[0].container, lines, sum(map(self.sent_g, lines))) for lines in found.values()]

    def sent_g(self, line: Line) -> int:
        """Grams sent; of a draft what the drum holds now, for it follows its drums until it is issued."""
        return line.container.mass_g if self.manifest.state == ManifestState.DRAFT else line.mass_g

    @property
    def sent_total_g(self) -> int:
        return sum(map(self.sent_g, self.lines))

    @property
    def accepted_total_g(self) -> int | None:
        masses = [line.received_mass_g for line in self.lines if line.outcome == Outcome.ACCEPTED]
        return sum(mass or 0 for mass in masses) if any(line.outcome for line in self.lines) else None

    @property
    def demo(self) -> bool:
        return any(party.demo for party in (self.manifest.sender, self.manifest.receiver, *self._carriers()))

    def _carriers(self) -> list[Organisation]:
        found = [leg.carrier for leg in self.legs]
        return [*found, self.manifest.carrier] if self.manifest.carrier else found

    def permits_of(self, organisation_id: int, *, transport: bool, on: date) -> list[str]:
        """The numbers of an organisation's permits in force on a day: to carry, or to take waste."""
        return [
            permit.number
            for permit in self.permits
            if permit.organisation_id == organisation_id
            and (permit.kind == PermitKind.TRANSPORT) == transport
            and permit.valid_on(on)
        ]

    @property
    def signatures(self) -> list[Entry]:
        """The entries by which somebody signed, in their order: one of each act, not what followed from it."""
        return [entry for entry in self.entries if _is_signature(entry)]

    def last_entry(self, *kinds: str) -> Entry | None:
        """The newest entry of one of these kinds."""
        return next((entry for entry in reversed(self.entries) if entry.kind in kinds), None)

    @cached_property
    def digest(self) -> str:
        """The digest of what a signer of the manifest sees now."""
        return digest_of(self.manifest, self.lines, self.legs)


def differences_of(lines: Sequence[Line]) -> list[tuple[Line, Discrepancy]]:
    """The lines of which something else was received than declared, each with what was found."""
    return [(line, found) for line in lines if (found := getattr(line, "discrepancy", None)) is not None]


def _is_signature(entry: Entry) -> bool:
    if entry.kind in FOLLOWING:
        return False
    said = entry.data
    signed = "meaning" in said or entry.kind in STATED
    return signed or ("confirmed" in said and entry.kind in document_words()["meanings"])


def _alike(drum: Container) -> tuple[str, ...]:
    harmful = drum.harmful_components or drum.components
    return (drum.name, drum.waste_code, drum.hazards, drum.form, harmful, drum.container_kind)


def facts_of(actor: Actor, manifest: Manifest, now: datetime) -> Facts:
    """Everything the document says of a manifest that the actor may see."""
    legs = legs_of(manifest)
    if manifest.received_at or manifest.state == ManifestState.CLOSED:
        # A planned leg that was not used is no part of the way.
        legs = [leg for leg in legs if leg.departed_at]
    corrections = list(
        Correction.objects.filter(manifest=manifest, state__in=(CorrectionState.OPEN, CorrectionState.APPROVED))
        .select_related("proposer")
        .prefetch_related("consents__organisation", "consents__given_by")
    )
    lines = lines_of(manifest)
    prefetch_related_objects([one for _, found in differences_of(lines) for one in found.statements.all()], "by")
    carriers = {leg.carrier_id for leg in legs} | {manifest.carrier_id}
    subjects = [manifest.subject, *(correction.subject for correction in corrections)]
    return Facts(
        manifest=manifest,
        lines=lines,
        legs=legs,
        permits=list(Permit.objects.filter(organisation__in={manifest.receiver_id, *carriers} - {None}).order_by("pk")),
        entries=[entry for entry in history_of(subjects) if entry.addressed_to(actor)],
        corrections=corrections,
        now=timezone.localtime(now),
    )
