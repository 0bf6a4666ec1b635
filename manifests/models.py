"""The transfer manifest (危险废物转移联单, 部令第23号): its lines, its legs, what did not agree, and the treatment."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from depots.models import Bay, Depot
from wastetrack.lifecycle.states import Guard, Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site, User, Vehicle
from wastetrack.parties.visibility import VisibleModel, audience, in_district
from wastetrack.waste.models import Container, WasteStream


class ManifestState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ISSUED = "issued", _("Issued")
    IN_TRANSIT = "in_transit", _("On the road")
    DELIVERED = "delivered", _("Delivered")
    RECEIVED = "received", _("Received")
    PARTLY_RECEIVED = "partly_received", _("Partly received")
    REJECTED = "rejected", _("Rejected")
    CLOSED = "closed", _("Closed")
    CANCELLED = "cancelled", _("Cancelled")


UNDER_WAY = (ManifestState.ISSUED, ManifestState.IN_TRANSIT, ManifestState.DELIVERED)
ON_THE_WAY = (ManifestState.IN_TRANSIT, ManifestState.DELIVERED)
AFTER_RECEIPT = (ManifestState.RECEIVED, ManifestState.PARTLY_RECEIVED, ManifestState.REJECTED)


class Outcome(models.TextChoices):
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Refused")


class Manifest(Stateful):
    """One transfer from one sender's site to one receiver. A draft belongs to its sender alone."""

    SUBJECT = "manifest"

    state = FSMField(default=ManifestState.DRAFT, choices=ManifestState, protected=True)
    number = models.CharField(max_length=14, unique=True)
    """Ours: year, city of origin, serial (article 15)."""
    national_number = models.CharField(max_length=30, blank=True)
    sender = models.ForeignKey(Organisation, models.PROTECT, related_name="sent")
    sender_site = models.ForeignKey(Site, models.PROTECT, related_name="manifests")
    receiver = models.ForeignKey(Organisation, models.PROTECT, related_name="receiving")
    carrier = models.ForeignKey(Organisation, models.PROTECT, null=True, blank=True, related_name="carrying")
    self_delivered = models.BooleanField(default=False)
    """The sender brings it in its own vehicle, within the district's limit: it is its own carrier."""
    emergency_measures = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True, blank=True)
    departed_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    progress: tuple[int, int] = (0, 0)
    """After a receipt: how many lines have an outcome, of how many."""

    class Meta:
        indexes = [
            models.Index(fields=["sender", "-id"], name="manifest_sent"),
            models.Index(fields=["receiver", "-id"], name="manifest_receiving"),
            models.Index(fields=["carrier", "-id"], name="manifest_carrying"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def subject(self) -> str:
        return f"manifest:{self.number}"

    def positions(self, actor: Actor) -> frozenset[str]:
        parties = {"sender": self.sender_id, "carrier": self.carrier_id, "receiver": self.receiver_id}
        return frozenset(name for name, pk in parties.items() if pk and pk == actor.organisation_id)

    def readers(self) -> frozenset[str]:
        """A draft is its sender's alone; once issued, every party's and both ends' districts'."""
        if self.issued_at is None:
            return audience([self.sender_id])
        return audience(
            [self.sender_id, self.receiver_id, self.carrier_id], [self.sender_site.division, self.receiver.division]
        )

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        others = Q(carrier=actor.organisation_id) | Q(receiver=actor.organisation_id)
        others |= in_district("sender_site__division", actor) | in_district("receiver__division", actor)
        return Q(sender=actor.organisation_id) | (Q(issued_at__isnull=False) & others)

    @verb(
        source=ManifestState.DRAFT,
        target=ManifestState.ISSUED,
        by="sender",
        guards=[
            Guard("no_lines", lambda manifest: manifest.lines.exists()),
            Guard("carrier_missing", lambda manifest: manifest.carrier_id is not None),
        ],
    )
    def issue(self) -> None:
        """The sender signs: these containers, to this receiver, by this carrier."""

    @verb(source=ManifestState.ISSUED, target=ManifestState.IN_TRANSIT, by="carrier")
    def depart(self) -> None:
        """The carrier has loaded what the manifest says and departs."""

    @verb(source=ManifestState.IN_TRANSIT, target=ManifestState.DELIVERED, by=["carrier", "receiver"])
    def deliver(self) -> None:
        """The load is at the receiver's gate. A first receipt says so too: nobody waits for a carrier who forgot."""

    @verb(source=ON_THE_WAY, target=ManifestState.RECEIVED, by="receiver")
    def receive(self) -> None:
        """Every line was accepted."""

    @verb(source=ON_THE_WAY, target=ManifestState.PARTLY_RECEIVED, by="receiver")
    def receive_partly(self) -> None:
        """Some lines were accepted, some refused."""

    @verb(source=ON_THE_WAY, target=ManifestState.REJECTED, by="receiver")
    def reject(self) -> None:
        """Every line was refused."""

    @verb(source=AFTER_RECEIPT, target=ManifestState.DELIVERED, by="receiver")
    def reopen(self) -> None:
        """The receiver takes back the receipt of a drum that was scanned by mistake."""

    @verb(
        source=AFTER_RECEIPT,
        target=ManifestState.CLOSED,
        by="receiver",
        guards=[
            Guard(
                "open_discrepancy",
                lambda manifest: not Discrepancy.objects.filter(line__manifest=manifest, settled_at=None).exists(),
            ),
            Guard("not_treated", lambda manifest: not manifest.awaits_treatment()),
            Guard("not_taken_back", lambda manifest: not manifest.awaits_return()),
        ],
    )
    def close(self) -> None:
        """Nothing is left to do: all settled, all treated, all refused drums back."""

    @verb(source=[ManifestState.DRAFT, ManifestState.ISSUED], target=ManifestState.CANCELLED, by="sender")
    def cancel(self) -> None:
        """Called off before departure; the containers are free again."""

    @property
    def is_final_transfer(self) -> bool:
        """Whether the receiver treats what it gets; a collector only stores it and sends it on."""
        return "treater" in self.receiver.role_set

    def awaits_treatment(self) -> bool:
        if not self.is_final_transfer:
            return False
        accepted = self.lines.filter(outcome=Outcome.ACCEPTED)
        return accepted.exclude(container__state="treated").exists()

    def awaits_return(self) -> bool:
        return self.lines.filter(outcome=Outcome.REJECTED, taken_back_at=None).exists()


class Line(VisibleModel):
    """One container on a manifest: as declared when it was issued, as found when it was received."""

    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    container = models.ForeignKey(Container, models.PROTECT, related_name="lines")
    mass_g = models.BigIntegerField()
    """Declared, grams; follows the container while the manifest is a draft, frozen by issue."""
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    received_mass_g = models.BigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    taken_back_at = models.DateTimeField(null=True, blank=True)
    loaded_at = models.DateTimeField(null=True, blank=True)
    """When it was scanned onto the vehicle."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["manifest", "container"], name="line_once"),
            models.UniqueConstraint(fields=["manifest", "position"], name="line_position_once"),
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.manifest_id}/{self.position}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(manifest__in=Manifest.objects.visible_to(actor))


class Leg(VisibleModel):
    """One carrier's part of the way."""

    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="legs")
    position = models.PositiveSmallIntegerField(default=1)
    carrier = models.ForeignKey(Organisation, models.PROTECT, related_name="legs")
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, null=True, blank=True, related_name="legs")
    plate = models.CharField(max_length=12)
    driver_name = models.CharField(max_length=60)
    departed_at = models.DateTimeField()
    arrived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["manifest", "position"], name="leg_position_once")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.manifest_id}/{self.position}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(manifest__in=Manifest.objects.visible_to(actor))


class Severity(models.TextChoices):
    NOTICE = "notice", _("Notice")
    SIGNIFICANT = "significant", _("Significant")


class Discrepancy(VisibleModel):
    """Declared and received mass of a line differ beyond the limits; both sides must settle it before closing."""

    line = models.OneToOneField(Line, models.PROTECT, related_name="discrepancy")
    severity = models.CharField(max_length=12, choices=Severity)
    declared_mass_g = models.BigIntegerField()
    received_mass_g = models.BigIntegerField()
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
    """What was done with the waste of a line: method (HJ 1033 appendix F), grams, when."""

    line = models.ForeignKey(Line, models.PROTECT, related_name="treatments")
    method = models.CharField(max_length=4)
    mass_g = models.BigIntegerField()
    treated_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    depot = models.ForeignKey(Depot, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(mass_g__gt=0), name="treatment_mass_positive")]

    def __str__(self) -> str:
        return f"{self.line_id} {self.method} {self.mass_g} g"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(line__manifest__in=Manifest.objects.visible_to(actor))


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
