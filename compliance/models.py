"""What a firm has filed with the authority."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import VisibleModel, audience, in_district


class FilingKind(models.TextChoices):
    PLAN = "plan", _("Management plan")
    DECLARATION = "declaration", _("Declaration")


class Supervision(models.TextChoices):
    """How closely a firm is watched, and so how often it declares (HJ 1259 4.2)."""

    KEY = "key", _("Key supervision")
    SIMPLIFIED = "simplified", _("Simplified management")
    REGISTERED = "registered", _("Registration only")


class Filing(VisibleModel):
    """A plan or declaration that a firm says it has filed with the national system, and the receipt it got there."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="filings")
    kind = models.CharField(max_length=12, choices=FilingKind)
    period = models.CharField(max_length=7)
    """`2026`, `2026-Q4`, `2026-11`."""
    filed_on = models.DateField()
    reference = models.CharField(max_length=60)
    """The receipt's number."""
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    """Why it was withdrawn: it had been recorded by mistake, or the authority sent it back."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "period"], condition=Q(withdrawn_at=None), name="filing_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.period}"

    @property
    def subject(self) -> str:
        return f"filing:{self.pk}"

    def readers(self) -> frozenset[str]:
        return audience([self.organisation_id], [self.organisation.division])

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id) | in_district("organisation__division", actor)
