"""The transfer manifest (危险废物转移联单, 部令第23号): its lines and its legs."""

from __future__ import annotations

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from wastetrack.lifecycle.states import Guard, Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site, Vehicle
from wastetrack.parties.visibility import VisibleModel, audience, in_district
from wastetrack.waste.models import Container, in_hand


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
    """The national system's, in the same form; a party records it when it is known."""
    sender = models.ForeignKey(Organisation, models.PROTECT, related_name="sent")
    sender_site = models.ForeignKey(Site, models.PROTECT, related_name="manifests")
    receiver = models.ForeignKey(Organisation, models.PROTECT, related_name="receiving")
    carrier = models.ForeignKey(Organisation, models.PROTECT, null=True, blank=True, related_name="carrying")
    """Who carries it now; before departure, who is to carry it first."""
    next_carrier = models.ForeignKey(Organisation, models.PROTECT, null=True, blank=True, related_name="+")
    """To whom the carrier has handed it over, until that one signs for it."""
    self_delivered = models.BooleanField(default=False)
    """The sender brings it in its own vehicle, within the district's limit: it is its own carrier."""
    emergency_measures = models.CharField(max_length=300, blank=True)
    contract = models.CharField(max_length=60, blank=True)
    """The written contract it rests on (article 10)."""
    approval = models.ForeignKey("Approval", models.PROTECT, null=True, blank=True, related_name="manifests")
    """The approval that a transfer out of the province uses up (article 21)."""
    follows = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="followers")
    """The manifest whose refused drums this one takes back to their sender, or on to another receiver."""
    paper = models.BooleanField(default=False)
    """It ran on paper and is typed in afterwards (article 20)."""
    paper_number = models.CharField(max_length=30, blank=True)
    paper_completed_at = models.DateTimeField(null=True, blank=True)
    """When the transfer on paper was complete: from then on the days to type it in count."""
    relay = models.BooleanField(default=False)
    """More than one carrier takes part, or was to: their legs say which."""
    version = models.PositiveSmallIntegerField(default=1)
    """Counts the corrections agreed on after a signature."""
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
        constraints = [
            models.UniqueConstraint(
                fields=["national_number"], condition=~Q(national_number=""), name="manifest_national_number_once"
            )
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def subject(self) -> str:
        return f"manifest:{self.number}"

    def positions(self, actor: Actor) -> frozenset[str]:
        parties = {"sender": self.sender_id, "carrier": self.carrier_id, "receiver": self.receiver_id}
        parties["next_carrier"] = self.next_carrier_id
        return frozenset(name for name, pk in parties.items() if pk and pk == actor.organisation_id)

    @property
    def purpose(self) -> str:
        """`transfer`, or of one that follows another: `return` to its sender, or `onward` to another receiver."""
        if self.follows is None:
            return "transfer"
        return "return" if self.receiver_id == self.follows.sender_id else "onward"

    def readers(self) -> frozenset[str]:
        """A draft is its sender's alone; once issued, every party's and both ends' districts'."""
        if self.issued_at is None:
            return audience([self.sender_id])
        carriers = {self.carrier_id, self.next_carrier_id}
        if self.relay:
            carriers.update(leg.carrier_id for leg in self.legs.all())
        return audience(
            [self.sender_id, self.receiver_id, *carriers], [self.sender_site.division, self.receiver.division]
        )

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        others = Q(carrier=actor.organisation_id) | Q(receiver=actor.organisation_id)
        if "carrier" in actor.roles:
            # Who carried a part of the way goes on reading; a leg that was not used is gone, and its carrier with it.
            others |= Q(Exists(Leg.objects.filter(manifest=OuterRef("pk"), carrier=actor.organisation_id)))
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

    @verb(source=ManifestState.IN_TRANSIT, target=ManifestState.IN_TRANSIT, by="carrier")
    def hand_over(self) -> None:
        """The carrier says where and when it hands the load over, and to whom (article 17). It carries on till then."""

    @verb(source=ManifestState.IN_TRANSIT, target=ManifestState.IN_TRANSIT, by="next_carrier")
    def take_over(self) -> None:
        """The next carrier has checked the load and signs for it: from now on it carries."""

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
                lambda manifest: (
                    not manifest.lines.filter(discrepancy__isnull=False, discrepancy__settled_at=None).exists()
                ),
            ),
            Guard("correction_open", lambda manifest: not manifest.corrections.filter(settled_at=None).exists()),
            Guard("not_treated", lambda manifest: not manifest.awaits_treatment()),
            Guard("not_taken_back", lambda manifest: not manifest.awaits_return()),
        ],
    )
    def close(self) -> None:
        """Nothing is left to do: all settled, all treated, all refused drums back."""

    @verb(source=[ManifestState.DRAFT, ManifestState.ISSUED], target=ManifestState.CANCELLED, by="sender")
    def cancel(self) -> None:
        """Called off before departure; the containers are free again."""

    @verb(
        source=ON_THE_WAY,
        target=ManifestState.CANCELLED,
        by="consent",
        guards=[Guard("already_received", lambda manifest: not manifest.lines.exclude(outcome="").exists())],
    )
    def call_off(self) -> None:
        """Called off under way, by consent of all who signed; the drums turn back."""

    @property
    def is_final_transfer(self) -> bool:
        """Whether the receiver treats what it gets: a collector sends it on, and one's own waste only comes home."""
        return "treater" in self.receiver.role_set and self.purpose != "return"

    @property
    def lines_may_be_treated(self) -> bool:
        """Whether it is received so far that something of it can have been treated."""
        return self.state in (*AFTER_RECEIPT, ManifestState.DELIVERED, ManifestState.CLOSED)

    def awaits_treatment(self) -> bool:
        """Whether a drum it accepted, or anything that came out of one, still stands with its receiver (one query)."""
        return self.is_final_transfer and self.lines.filter(to_treat(self.receiver_id)).exists()

    def awaits_return(self) -> bool:
        """Whether a drum that was turned away is neither back nor taken in elsewhere yet (one query)."""
        return self.lines.filter(TURNED_AWAY, taken_back_at=None).exists()


NO_RETURN = Q(manifest__follows=None) | ~Q(manifest__receiver=F("manifest__follows__sender"))
"""Lines of manifests that do not take refused drums back to their sender."""
TURNED_AWAY = (Q(outcome=Outcome.REJECTED) & NO_RETURN) | Q(
    manifest__state=ManifestState.CANCELLED, manifest__departed_at__isnull=False, manifest__follows=None
)
"""Lines whose drum set out and was not taken: refused at the gate, or called off under way.

A manifest that follows another and is called off, and a return that is refused, leave the drum to the one it follows.
"""


def to_treat(plant_id: int | None) -> Q:
    """Lines of manifests to this plant whose drum it accepted and has not seen to the end: a filter.

    What it sent on concerns the manifest that takes it; what a second person says is lost can't be treated.
    """
    return Q(outcome=Outcome.ACCEPTED) & NO_RETURN & in_hand("container", plant_id)


class Line(VisibleModel):
    """One container on a manifest: as declared when it was issued, as found when it was received."""

    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    container = models.ForeignKey(Container, models.PROTECT, related_name="lines")
    from_stream = models.BooleanField(default=False)
    """Its drum was logged from a usual waste for this draft, and goes with it if the draft does not need it."""
    mass_g = models.BigIntegerField()
    """Declared, grams; follows the container while the manifest is a draft, frozen by issue."""
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    received_mass_g = models.BigIntegerField(null=True, blank=True)
    """What was accepted of it, grams."""
    refused_mass_g = models.BigIntegerField(null=True, blank=True)
    """Of a refused drum, as the receiver weighed it, where it did."""
    reason = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    taken_back_at = models.DateTimeField(null=True, blank=True)
    """Of a drum that was turned away: when it was back with its sender, or taken in elsewhere."""
    loaded_at = models.DateTimeField(null=True, blank=True)
    """When it was scanned onto the vehicle."""
    followed_by = models.ForeignKey(Manifest, models.PROTECT, null=True, blank=True, related_name="+")
    """Of a drum that was turned away: the manifest under which it travels on or back."""

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
    """One carrier's part of the way: planned until it departs. A planned leg that was not used falls away."""

    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="legs")
    position = models.PositiveSmallIntegerField(default=1)
    carrier = models.ForeignKey(Organisation, models.PROTECT, related_name="legs")
    vehicle = models.ForeignKey(Vehicle, models.PROTECT, null=True, blank=True, related_name="legs")
    plate = models.CharField(max_length=12, blank=True)
    driver_name = models.CharField(max_length=60, blank=True)
    handed_over_at = models.DateTimeField(null=True, blank=True)
    """When the carrier before says that it handed the load over; null on the first leg."""
    place = models.CharField(max_length=100, blank=True)
    """Where it took the load over; empty on the first leg: at the sender's site."""
    departed_at = models.DateTimeField(null=True, blank=True)
    """When this carrier took the load and signed for it; null while the leg is planned or only offered."""
    planned = models.BooleanField(default=True)
    """Named before departure; else made by a hand-over, and gone with it when that is said to another carrier."""
    arrived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["manifest", "position"], name="leg_position_once")]
        indexes = [models.Index(fields=["carrier", "manifest"], name="leg_of_carrier")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.manifest_id}/{self.position}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(manifest__in=Manifest.objects.visible_to(actor))
