"""At the counter: a firm brings drums without a manifest."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from depots.models import Bay, Depot
from manifests.models.manifest import Manifest
from wastetrack.lifecycle.states import Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import VisibleModel, audience, in_district
from wastetrack.waste.models import Container, WasteStream


class WalkInState(models.TextChoices):
    WAITING = "waiting", _("Waiting for the firm")
    CONFIRMED = "confirmed", _("Confirmed")
    DECLINED = "declined", _("Declined")
    EXPIRED = "expired", _("Expired")


class WalkIn(Stateful):
    """A firm stands at a depot's counter with drums and no manifest: what was weighed, until the firm confirms it."""

    SUBJECT = "walk_in"

    state = FSMField(default=WalkInState.WAITING, choices=WalkInState, protected=True)
    depot = models.ForeignKey(Depot, models.PROTECT, related_name="walk_ins")
    firm = models.ForeignKey(Organisation, models.PROTECT, related_name="walk_ins")
    started_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    """Who weighed the drums: the receipt is theirs."""
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    manifest = models.OneToOneField(Manifest, models.PROTECT, null=True, blank=True, related_name="walk_in")

    class Meta:
        indexes = [
            models.Index(fields=["firm", "state", "-id"], name="walk_in_of_firm"),
            models.Index(fields=["depot", "state", "-id"], name="walk_in_at_depot"),
        ]

    def __str__(self) -> str:
        return f"{self.firm_id} @ {self.depot_id}"

    @property
    def subject(self) -> str:
        return f"walk_in:{self.pk}"

    def positions(self, actor: Actor) -> frozenset[str]:
        if actor.role == "system":
            return frozenset({"clock"})
        parties = {"firm": self.firm_id, "depot": self.depot.organisation_id}
        return frozenset(name for name, pk in parties.items() if pk == actor.organisation_id)

    def readers(self) -> frozenset[str]:
        return audience([self.firm_id, self.depot.organisation_id], [self.depot.site.division])

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        parties = Q(firm=actor.organisation_id) | Q(depot__site__organisation=actor.organisation_id)
        return parties | in_district("depot__site__division", actor)

    @verb(source=WalkInState.WAITING, target=WalkInState.CONFIRMED, by="firm")
    def confirm(self) -> None:
        """The firm signs: the drums are logged, on a manifest and received, all at once."""

    @verb(source=WalkInState.WAITING, target=WalkInState.DECLINED, by=["firm", "depot"])
    def decline(self) -> None:
        """The firm does not want it so, or the depot takes it back; nothing has happened to any drum."""

    @verb(source=WalkInState.WAITING, target=WalkInState.EXPIRED, by="clock")
    def expire(self) -> None:
        """Nobody confirmed it in time."""


class WalkInLine(VisibleModel):
    """A drum at the counter: one that the firm has logged, or a new one of a usual waste; and what the scale says."""

    walk_in = models.ForeignKey(WalkIn, models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    container = models.ForeignKey(Container, models.PROTECT, null=True, blank=True, related_name="walk_in_lines")
    """Null for a new one until the firm has confirmed it."""
    stream = models.ForeignKey(WasteStream, models.PROTECT, null=True, blank=True, related_name="+")
    accumulation_start = models.DateField(null=True, blank=True)
    mass_g = models.BigIntegerField()
    bay = models.ForeignKey(Bay, models.SET_NULL, null=True, blank=True, related_name="+")
    """Where the depot wants it; null: where it suits best."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["walk_in", "position"], name="walk_in_position_once"),
            models.UniqueConstraint(fields=["walk_in", "container"], name="walk_in_container_once"),
            models.CheckConstraint(
                condition=Q(container__isnull=False) | Q(stream__isnull=False), name="walk_in_line_of_something"
            ),
            models.CheckConstraint(condition=Q(mass_g__gt=0), name="walk_in_mass_positive"),
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.walk_in_id}/{self.position}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(walk_in__in=WalkIn.objects.visible_to(actor))
