"""What a receipt found: differences to settle, what each side says of them, and how the waste was treated."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from depots.models import Depot
from manifests.models.manifest import Line, Manifest
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import VisibleModel
from wastetrack.waste.models import Container


class Severity(models.TextChoices):
    NOTICE = "notice", _("Notice")
    SIGNIFICANT = "significant", _("Significant")


class Discrepancy(VisibleModel):
    """What was declared and what was received of a line differ; both sides must settle it before closing."""

    line = models.OneToOneField(Line, models.PROTECT, related_name="discrepancy")
    severity = models.CharField(max_length=12, choices=Severity)
    declared_mass_g = models.BigIntegerField()
    received_mass_g = models.BigIntegerField()
    differs = models.CharField(max_length=60, blank=True)
    """What else than the mass differs (article 18), one space between: name, hazards, form, packaging."""
    note = models.CharField(max_length=200, blank=True)
    """What the receiver found instead."""
    opened_at = models.DateTimeField()
    weighed_again_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.line_id}: {self.declared_mass_g} → {self.received_mass_g} g"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(line__manifest__in=Manifest.objects.visible_to(actor))


class Statement(VisibleModel):
    """What one side says the mass is. The two statements that agree settle a discrepancy."""

    discrepancy = models.ForeignKey(Discrepancy, models.PROTECT, related_name="statements")
    side = models.CharField(max_length=10)
    """`sender` or `receiver`."""
    mass_g = models.BigIntegerField()
    note = models.CharField(max_length=200)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["discrepancy", "side"], name="statement_once_a_side")]

    def __str__(self) -> str:
        return f"{self.side}: {self.mass_g} g"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(discrepancy__line__manifest__in=Manifest.objects.visible_to(actor))


class Treatment(VisibleModel):
    """What was done with a container at a plant: method (HJ 1033 appendix F), grams, when."""

    container = models.ForeignKey(Container, models.PROTECT, related_name="treatments")
    plant = models.ForeignKey(Organisation, models.PROTECT, related_name="treatments")
    line = models.ForeignKey(Line, models.PROTECT, null=True, blank=True, related_name="treatments")
    """The line it came in on; null for what the plant regrouped before."""
    residue = models.CharField(max_length=200, blank=True)
    """What was left over, in words: slag, sludge, scrap, and where that goes."""
    method = models.CharField(max_length=4)
    mass_g = models.BigIntegerField()
    treated_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    depot = models.ForeignKey(Depot, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(mass_g__gt=0), name="treatment_mass_positive")]

    def __str__(self) -> str:
        return f"{self.container_id} {self.method} {self.mass_g} g"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(container__in=Container.objects.visible_to(actor).values("pk"))
