"""Collection: firms ask to be fetched from, a depot plans a round, each stop makes one manifest."""

from __future__ import annotations

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from depots.models import Depot
from manifests.models.manifest import Manifest
from wastetrack.lifecycle.states import Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site, User, Vehicle
from wastetrack.parties.visibility import VisibleModel, audience, in_district
from wastetrack.waste.models import Container, WasteStream


class CollectionState(models.TextChoices):
    ASKED = "asked", _("Asked")
    PLANNED = "planned", _("On a round")
    SERVED = "served", _("Fetched")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class CollectionRequest(Stateful):
    """A firm asks a depot to fetch drums, or about so much of a usual waste."""

    SUBJECT = "collection"

    state = FSMField(default=CollectionState.ASKED, choices=CollectionState, protected=True)
    site = models.ForeignKey(Site, models.PROTECT, related_name="collection_requests")
    depot = models.ForeignKey(Depot, models.PROTECT, related_name="collection_requests")
    window = models.CharField(max_length=60, blank=True)
    """When somebody is there, in the firm's words."""
    note = models.CharField(max_length=200, blank=True)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["depot", "state", "id"], name="collection_at_depot")]

    def __str__(self) -> str:
        return f"{self.site_id} → {self.depot_id}"

    @property
    def subject(self) -> str:
        return f"collection:{self.pk}"

    def positions(self, actor: Actor) -> frozenset[str]:
        parties = {"firm": self.site.organisation_id, "depot": self.depot.organisation_id}
        return frozenset(name for name, pk in parties.items() if pk == actor.organisation_id)

    def readers(self) -> frozenset[str]:
        return audience(
            [self.site.organisation_id, self.depot.organisation_id], [self.site.division, self.depot.site.division]
        )

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        parties = Q(site__organisation=actor.organisation_id) | Q(depot__site__organisation=actor.organisation_id)
        if "carrier" in actor.roles:
            # Who is to fetch it must know where, and nobody who is not.
            driven = Stop.objects.filter(round__carrier=actor.organisation_id, missed_at=None)
            parties |= Q(Exists(driven.filter(request=OuterRef("pk"), round__state__in=CARRIED_OUT)))
        return parties | in_district("site__division", actor) | in_district("depot__site__division", actor)

    @verb(source=CollectionState.ASKED, target=CollectionState.PLANNED, by="depot")
    def plan(self) -> None:
        """It is a stop on a round."""

    @verb(source=CollectionState.PLANNED, target=CollectionState.ASKED, by=["depot", "round"])
    def fall_back(self) -> None:
        """The stop was not served, or the round was changed: it waits for the next one."""

    @verb(source=[CollectionState.PLANNED, CollectionState.ASKED], target=CollectionState.SERVED, by="round")
    def serve(self) -> None:
        """The driver was there; a manifest says what was fetched. From asked: it was signed before it fell back."""

    @verb(source=CollectionState.ASKED, target=CollectionState.WITHDRAWN, by="firm")
    def withdraw(self) -> None:
        """The firm no longer wants it."""


class CollectionItem(VisibleModel):
    """What is to be fetched: a drum, or about so much of a usual waste."""

    request = models.ForeignKey(CollectionRequest, models.CASCADE, related_name="items")
    container = models.ForeignKey(Container, models.PROTECT, null=True, blank=True, related_name="collection_items")
    stream = models.ForeignKey(WasteStream, models.PROTECT, null=True, blank=True, related_name="+")
    mass_g = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "container"], name="collection_container_once"),
            models.CheckConstraint(
                condition=Q(container__isnull=False) | Q(stream__isnull=False), name="collection_item_of_something"
            ),
            models.CheckConstraint(condition=Q(mass_g__gt=0), name="collection_mass_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.mass_g} g"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(request__in=CollectionRequest.objects.visible_to(actor))


class RoundState(models.TextChoices):
    PLANNED = "planned", _("Planned")
    UNDER_WAY = "under_way", _("Under way")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Called off")


CARRIED_OUT = (RoundState.PLANNED, RoundState.UNDER_WAY, RoundState.FINISHED)
"""Rounds that concern their carrier: one that was called off no longer tells it who wanted to be fetched from."""


class Round(Stateful):
    """One vehicle's day: which firms, in which order (小微收运)."""

    SUBJECT = "round"

    state = FSMField(default=RoundState.PLANNED, choices=RoundState, protected=True)
    depot = models.ForeignKey(Depot, models.PROTECT, related_name="rounds")
    carrier = models.ForeignKey(Organisation, models.PROTECT, related_name="rounds")
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, related_name="rounds")
    day = models.DateField()
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["depot", "-day", "-id"], name="round_of_depot"),
            models.Index(fields=["carrier", "state", "day"], name="round_of_carrier"),
        ]

    def __str__(self) -> str:
        return f"{self.depot_id} {self.day}"

    @property
    def subject(self) -> str:
        return f"round:{self.pk}"

    def positions(self, actor: Actor) -> frozenset[str]:
        parties = {"depot": self.depot.organisation_id, "carrier": self.carrier_id}
        return frozenset(name for name, pk in parties.items() if pk == actor.organisation_id)

    def readers(self) -> frozenset[str]:
        return audience([self.depot.organisation_id, self.carrier_id], [self.depot.site.division])

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        parties = Q(depot__site__organisation=actor.organisation_id)
        parties |= Q(carrier=actor.organisation_id, state__in=CARRIED_OUT)
        return parties | in_district("depot__site__division", actor)

    @verb(source=RoundState.PLANNED, target=RoundState.UNDER_WAY, by=["carrier", "depot"])
    def start(self) -> None:
        """The driver sets out."""

    @verb(source=RoundState.UNDER_WAY, target=RoundState.FINISHED, by="carrier")
    def finish(self) -> None:
        """The carrier, which alone knows what its phones hold, is back; what was not served waits for the next."""

    @verb(source=RoundState.PLANNED, target=RoundState.CANCELLED, by="depot")
    def cancel(self) -> None:
        """Called off before anybody set out."""


class Stop(VisibleModel):
    """A firm on a round: pending, served by a manifest, or not served and why."""

    round = models.ForeignKey(Round, models.CASCADE, related_name="stops")
    request = models.ForeignKey(CollectionRequest, models.PROTECT, related_name="stops")
    position = models.PositiveSmallIntegerField()
    manifest = models.OneToOneField(Manifest, models.PROTECT, null=True, blank=True, related_name="stop")
    missed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    """Why it was not served."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["round", "position"], name="stop_position_once"),
            models.UniqueConstraint(fields=["round", "request"], name="stop_request_once"),
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.round_id}/{self.position}"

    @property
    def phase(self) -> str:
        """`served`, `missed` or `pending`."""
        if self.manifest_id:
            return "served"
        return "missed" if self.missed_at else "pending"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        mine = Q(round__in=Round.objects.visible_to(actor))
        return mine | Q(request__site__organisation=actor.organisation_id)


class SignedStopState(models.TextChoices):
    RECORDED = "recorded", _("Recorded")
    PARKED = "parked", _("Not recorded")


class SignedStop(VisibleModel):
    """What a driver's phone sent of a stop that both had signed: recorded, or parked with its reasons.

    Kept under the nonce that the phone gave it, so that what is sent again is answered the same and done once.
    """

    stop = models.ForeignKey(Stop, models.CASCADE, related_name="signings")
    nonce = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=SignedStopState)
    content = models.TextField()
    """JSON: the drums and masses as signed. Never a PIN."""
    reasons = models.TextField(default="[]")
    """JSON: why it was not recorded, each a code with its values."""
    signed_at = models.DateTimeField()
    """When both signed: by the phone's account, within what our clock can bear out."""
    received_at = models.DateTimeField()
    sent_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stop", "nonce"], name="signed_stop_once")]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.stop_id}: {self.state}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(stop__round__in=Round.objects.visible_to(actor))
