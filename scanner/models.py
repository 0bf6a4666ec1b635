"""Every scan is kept, refused ones too: the row is the record and, by its nonce, the answer to a retry."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from depots.models import CountLine
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import VisibleModel
from wastetrack.waste.models import Container


class Intent(models.TextChoices):
    LOOKUP = "lookup", _("Look up")
    CHECK_IN = "check_in", _("Check in")
    PUT_AWAY = "put_away", _("Put away")
    CHECK_OUT = "check_out", _("Check out")
    COUNT = "count", _("Count")
    UNDO = "undo", _("Undo")


class Verdict(models.TextChoices):
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", pgettext_lazy("verdict", "Refused")
    REPEATED = "repeated", _("Repeated")


TO_BE_SEEN = Q(said="accepted", seen_at=None) & (Q(verdict="refused") | ~Q(flag=""))
"""Scans that had happened in the yard and that the rules do not bear: somebody must look at the drum."""


class Scan(VisibleModel):
    """One scan by one organisation. `verdict` is the first answer; a retry is answered from here as `repeated`."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="scans")
    nonce = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    """SHA-256 of what was asked: the same nonce with another question is refused."""
    text = models.CharField(max_length=300)
    intent = models.CharField(max_length=12, choices=Intent)
    depot_asked = models.CharField(max_length=20, blank=True)
    """The depot as the scanner named it: a refused scan may name one that does not exist."""
    container = models.ForeignKey(Container, models.PROTECT, null=True, blank=True, related_name="scans")
    verdict = models.CharField(max_length=10, choices=Verdict)
    reason = models.CharField(max_length=40, blank=True)
    params = models.TextField(default="{}")
    """JSON: the values of the reason's sentence."""
    bay_asked = models.CharField(max_length=120, blank=True)
    """The bay as the scanner named it: its code, or the text of its sign."""
    flag = models.CharField(max_length=40, blank=True)
    """A rule that the scan breaks and that does not undo it: it had happened already, or is to be looked at."""
    flag_params = models.TextField(default="{}")
    weigh_again = models.BooleanField(default=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    device = models.CharField(max_length=40, blank=True)
    """The device's own name for itself."""
    seq = models.BigIntegerField(null=True, blank=True)
    """The device's own count of its scans."""
    said = models.CharField(max_length=10, blank=True, choices=Verdict)
    """What the device told the operator by itself, without a network."""
    scanned_at = models.DateTimeField()
    """By the device's clock, whatever that is worth."""
    happened_at = models.DateTimeField()
    """By our clock: when it was recorded, less how long the device says that it has waited."""
    recorded_at = models.DateTimeField()
    entry = models.BigIntegerField(null=True, blank=True)
    """The id of the last entry that it wrote about its container."""
    count_line = models.ForeignKey(CountLine, models.SET_NULL, null=True, blank=True, related_name="scans")
    """What it noted in a count."""
    undoes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="undone_by")
    seen_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_note = models.CharField(max_length=200, blank=True)
    """What was done about a scan that had happened and was refused or flagged."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "nonce"], name="scan_nonce_once")]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="scan_of_organisation"),
            models.Index(fields=["organisation", "-id"], name="scan_to_be_seen", condition=TO_BE_SEEN),
            models.Index(fields=["organisation", "device", "-id"], name="scan_of_device", condition=~Q(device="")),
        ]

    def __str__(self) -> str:
        return f"{self.intent} {self.verdict}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id)
