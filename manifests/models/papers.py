"""The papers around a manifest: what approves and plans it, scans of paper, and the look at the roadside."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from manifests.models.manifest import Manifest
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site, User
from wastetrack.parties.visibility import VisibleModel, in_district


class Approval(VisibleModel):
    """Leave to send waste out of the province (articles 21 to 28): its manifests use it up."""

    number = models.CharField(max_length=60)
    """The approving authority's document number."""
    sender = models.ForeignKey(Organisation, models.PROTECT, related_name="approvals")
    receiver = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    waste_codes = models.TextField()
    """Waste codes, one space between."""
    mass_g = models.BigIntegerField()
    method = models.CharField(max_length=4)
    route = models.CharField(max_length=200, blank=True)
    """Which provinces and roads it names, in words."""
    valid_from = models.DateField()
    valid_to = models.DateField()
    """Last day; at most twelve months, and no longer than the receiver's permit (article 27)."""
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "number"], name="approval_number_once"),
            models.CheckConstraint(condition=Q(mass_g__gt=0), name="approval_mass_positive"),
            models.CheckConstraint(condition=Q(valid_to__gte=models.F("valid_from")), name="approval_not_backwards"),
        ]

    def __str__(self) -> str:
        return self.number

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        parties = Q(sender=actor.organisation_id) | Q(receiver=actor.organisation_id)
        return parties | in_district("sender__division", actor) | in_district("receiver__division", actor)


class ContractPurpose(models.TextChoices):
    TAKE = "take", _("takes the waste")
    CARRY = "carry", _("carries the waste")


class Contract(VisibleModel):
    """A written contract that manifests rest on (article 10): its client's waste is taken, or carried, by a partner."""

    number = models.CharField(max_length=60)
    client = models.ForeignKey(Organisation, models.PROTECT, related_name="contracts")
    """Who hands its waste over, and has recorded it."""
    partner = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10, choices=ContractPurpose)
    """What the partner does."""
    valid_from = models.DateField()
    valid_to = models.DateField()
    """Last day."""
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "number"], name="contract_number_once"),
            models.CheckConstraint(condition=Q(valid_to__gte=models.F("valid_from")), name="contract_not_backwards"),
        ]

    def __str__(self) -> str:
        return self.number

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        parties = Q(client=actor.organisation_id) | Q(partner=actor.organisation_id)
        return parties | in_district("client__division", actor) | in_district("partner__division", actor)


class PlannedTransfer(VisibleModel):
    """A row of a site's yearly plan (HJ 1259 table A.7): how much of which waste goes to whom."""

    site = models.ForeignKey(Site, models.PROTECT, related_name="planned_transfers")
    year = models.PositiveSmallIntegerField()
    waste_code = models.CharField(max_length=10)
    receiver = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    method = models.CharField(max_length=4, blank=True)
    mass_g = models.BigIntegerField()
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "year", "waste_code", "receiver"], name="planned_transfer_once"),
            models.CheckConstraint(condition=Q(mass_g__gt=0), name="planned_mass_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.year} {self.waste_code} → {self.receiver_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(site__organisation=actor.organisation_id) | in_district("site__division", actor)


class Attachment(VisibleModel):
    """A scan of the paper manifest, kept as it was sent; its SHA-256 stands in the ledger."""

    manifest = models.ForeignKey(Manifest, models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=100)
    content_type = models.CharField(max_length=40)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["manifest", "sha256"], name="attachment_once")]

    def __str__(self) -> str:
        return f"{self.manifest_id} {self.name}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(manifest__in=Manifest.objects.visible_to(actor))


class RoadsideCheck(VisibleModel):
    """A link by which an officer without an account sees a load on the road, for a short while."""

    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="roadside_checks")
    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of the link's secret, which is kept nowhere."""
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    """When it was first opened."""

    def __str__(self) -> str:
        return f"{self.manifest_id} until {self.expires_at}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(manifest__in=Manifest.objects.visible_to(actor))
