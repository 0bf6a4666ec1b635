"""Changes after a signature: a proposal with old and new values, and the consent of the others who signed."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from manifests.models.manifest import Manifest
from wastetrack.lifecycle.states import Guard, Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import VisibleModel


class CorrectionState(models.TextChoices):
    OPEN = "open", _("Proposed")
    APPROVED = "approved", _("Agreed")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Correction(Stateful):
    """A proposal to change what was signed, or to call a manifest off under way (`cancels`)."""

    SUBJECT = "correction"

    state = FSMField(default=CorrectionState.OPEN, choices=CorrectionState, protected=True)
    manifest = models.ForeignKey(Manifest, models.PROTECT, related_name="corrections")
    proposer = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    cancels = models.BooleanField(default=False)
    changes = models.TextField(default="[]")
    """JSON: `[{container, field, old, new}]`; container is a code, or null for the manifest's own fields."""
    proposed_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveSmallIntegerField(null=True, blank=True)
    """The manifest's version that it made; null unless agreed."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["manifest"], condition=Q(settled_at=None), name="correction_open_once")
        ]
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.manifest_id} {self.state}"

    @property
    def subject(self) -> str:
        return f"correction:{self.pk}"

    @property
    def data(self) -> list[dict[str, Any]]:
        return json.loads(self.changes)

    def positions(self, actor: Actor) -> frozenset[str]:
        found = {"proposer"} if self.proposer_id == actor.organisation_id else set()
        if any(consent.organisation_id == actor.organisation_id for consent in self.consents.all()):
            found.add("consenter")
        return frozenset(found)

    def readers(self) -> frozenset[str]:
        return self.manifest.readers()

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(manifest__in=Manifest.objects.visible_to(actor))

    @verb(
        source=CorrectionState.OPEN,
        target=CorrectionState.APPROVED,
        by="consenter",
        guards=[Guard("consent_missing", lambda correction: not correction.consents.filter(given_at=None).exists())],
    )
    def approve(self) -> None:
        """The last of those asked agrees; what was proposed holds from now on."""

    @verb(source=CorrectionState.OPEN, target=CorrectionState.DECLINED, by="consenter")
    def decline(self) -> None:
        """One of those asked does not agree; nothing changes."""

    @verb(source=CorrectionState.OPEN, target=CorrectionState.WITHDRAWN, by="proposer")
    def withdraw(self) -> None:
        """Who proposed it takes it back."""


class Consent(VisibleModel):
    """The agreement of one party that signed: asked for, and when it was given."""

    correction = models.ForeignKey(Correction, models.CASCADE, related_name="consents")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    given_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    given_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["correction", "organisation"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.correction_id} {self.organisation_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(correction__in=Correction.objects.visible_to(actor))
