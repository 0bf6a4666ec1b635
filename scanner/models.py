"""Every scan is kept, refused ones too: the row is the record and, by its nonce, the answer to a retry."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import VisibleModel
from wastetrack.waste.models import Container


class Intent(models.TextChoices):
    LOOKUP = "lookup", _("Look up")
    CHECK_IN = "check_in", _("Check in")
    PUT_AWAY = "put_away", _("Put away")


class Verdict(models.TextChoices):
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    REPEATED = "repeated", _("Repeated")


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
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    scanned_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "nonce"], name="scan_nonce_once")]
        indexes = [models.Index(fields=["organisation", "-id"], name="scan_of_organisation")]

    def __str__(self) -> str:
        return f"{self.intent} {self.verdict}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id)
