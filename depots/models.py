"""Where waste stands: depots, their bays, and every stay of a container in one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from wastetrack.lifecycle.states import Guard, Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Permit, Site, User
from wastetrack.parties.visibility import VisibleModel, audience, in_district
from wastetrack.waste.models import Container


class DepotKind(models.TextChoices):
    STORAGE_POINT = "storage_point", _("Storage point")
    COLLECTION_DEPOT = "collection_depot", _("Collection depot")
    PLANT_STORE = "plant_store", _("Plant store")


class Depot(VisibleModel):
    """Any place where waste is stored: a firm's storage point, a collection depot, a plant's store."""

    site = models.ForeignKey(Site, models.PROTECT, related_name="depots")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, choices=DepotKind)
    facility_code = models.CharField(max_length=10)
    """HJ 608 number of the facility: TS001."""
    permit = models.ForeignKey(Permit, models.PROTECT, null=True, blank=True, related_name="depots")
    """The permit it works under; its kind sets the storage limit. None for a generator's own."""
    capacity_g = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "facility_code"], name="facility_code_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def organisation_id(self) -> int:
        return self.site.organisation_id

    def readers(self) -> frozenset[str]:
        """Who reads what happens to the depot itself: its organisation and its district."""
        return audience([self.organisation_id], [self.site.division])

    @property
    def takes_from_others(self) -> bool:
        """Whether waste of other firms may come here at all, by manifest."""
        return self.kind != DepotKind.STORAGE_POINT

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(site__organisation=actor.organisation_id) | in_district("site__division", actor)


class Bay(VisibleModel):
    """A marked part of a depot in which containers stand."""

    depot = models.ForeignKey(Depot, models.CASCADE, related_name="bays")
    code = models.CharField(max_length=12)
    name = models.CharField(max_length=60, blank=True)
    capacity_g = models.BigIntegerField(null=True, blank=True)
    places = models.PositiveIntegerField(null=True, blank=True)
    """How many containers may stand in it."""
    bund_l = models.PositiveIntegerField(null=True, blank=True)
    """Litres that its bund holds back (GB 18597 6.2.2); null: not known, and not checked."""
    admits = models.CharField(max_length=300, blank=True)
    """Waste codes and categories (HW08) that may stand in it, one space between; empty: all."""
    hazards = models.CharField(max_length=20, blank=True)
    """Hazard letters that may stand in it, one space between; empty: all."""
    temperature = models.CharField(max_length=40, blank=True)
    """A note: at what temperature it is kept."""
    row = models.PositiveSmallIntegerField(null=True, blank=True)
    column = models.PositiveSmallIntegerField(null=True, blank=True)
    """Where it lies on the depot's plan, from 1; null: not drawn yet."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["depot", "code"], name="bay_code_once"),
            models.UniqueConstraint(fields=["depot", "row", "column"], name="bay_place_once"),
            models.CheckConstraint(
                condition=Q(row__isnull=True, column__isnull=True) | Q(row__gte=1, column__gte=1),
                name="bay_place_whole",
            ),
        ]
        ordering = ["depot", "code"]

    def __str__(self) -> str:
        return self.code

    @property
    def admitted(self) -> frozenset[str]:
        return frozenset(self.admits.split())

    @property
    def hazard_letters(self) -> tuple[str, ...]:
        return tuple(self.hazards.split())

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(depot__site__organisation=actor.organisation_id) | in_district("depot__site__division", actor)


class Stay(VisibleModel):
    """One container in one depot, from coming in to going out. Stock is the stays that have not ended."""

    container = models.ForeignKey(Container, models.PROTECT, related_name="stays")
    depot = models.ForeignKey(Depot, models.PROTECT, related_name="stays")
    bay = models.ForeignKey(Bay, models.PROTECT, null=True, blank=True, related_name="stays")
    entered_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    """Since when it stands in this bay."""
    mass_in_g = models.BigIntegerField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # One place for a drum, whatever the code above believes.
            models.UniqueConstraint(fields=["container"], condition=Q(left_at=None), name="one_place_a_container"),
            models.CheckConstraint(
                condition=Q(left_at=None) | Q(left_at__gte=models.F("entered_at")), name="stay_ends_after_it_began"
            ),
        ]
        indexes = [
            models.Index(fields=["depot", "left_at", "id"], name="stay_stock"),
            # What stands in a bay now, however much has stood there before.
            models.Index(fields=["bay", "container"], name="stay_in_bay", condition=Q(left_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.container_id} @ {self.depot_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(depot__site__organisation=actor.organisation_id) | in_district("depot__site__division", actor)


UNSETTLED = Q(result__in=["missing", "misplaced", "found", "unknown"], settled_at=None)


class CountState(models.TextChoices):
    COUNTING = "counting", _("Counting")
    COUNTED = "counted", _("To be settled")
    SETTLED = "settled", _("Settled")
    DROPPED = "dropped", _("Called off")


class Count(Stateful):
    """A bay counted by scanning, without being told what should be there. Its result is an assertion in the log."""

    SUBJECT = "count"

    state = FSMField(default=CountState.COUNTING, choices=CountState, protected=True)
    depot = models.ForeignKey(Depot, models.PROTECT, related_name="counts")
    bay = models.ForeignKey(Bay, models.PROTECT, related_name="counts")
    begun_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    begun_at = models.DateTimeField()
    counted_at = models.DateTimeField(null=True, blank=True)
    expected = models.PositiveIntegerField(null=True, blank=True)
    """How many containers the books had in the bay when the counting ended."""
    expected_mass_g = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bay"], condition=Q(state="counting"), name="one_count_a_bay"),
        ]
        indexes = [models.Index(fields=["depot", "-id"], name="count_of_depot")]

    def __str__(self) -> str:
        return f"{self.bay_id} {self.state}"

    @property
    def subject(self) -> str:
        return f"count:{self.pk}"

    def positions(self, actor: Actor) -> frozenset[str]:
        return frozenset({"depot"} if actor.organisation_id == self.depot.organisation_id else ())

    def readers(self) -> frozenset[str]:
        return self.depot.readers()

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(depot__site__organisation=actor.organisation_id) | in_district("depot__site__division", actor)

    @verb(source=CountState.COUNTING, target=CountState.COUNTED, by="depot")
    def close(self) -> None:
        """Everything in the bay has been scanned: compare with the books."""

    @verb(source=CountState.COUNTING, target=CountState.DROPPED, by="depot")
    def drop(self) -> None:
        """The counting is called off and says nothing."""

    @verb(
        source=CountState.COUNTED,
        target=CountState.SETTLED,
        by="depot",
        guards=[Guard("differences_open", lambda count: not count.lines.filter(UNSETTLED).exists())],
    )
    def settle(self) -> None:
        """Every difference has its explanation: the books are those of the bay."""


class CountResult(models.TextChoices):
    COUNTED = "counted", _("Counted")
    MATCHED = "matched", _("As in the books")
    MISSING = "missing", _("Missing")
    MISPLACED = "misplaced", _("In the wrong bay")
    FOUND = "found", _("Found")
    UNKNOWN = "unknown", _("Unknown")


class CountLine(VisibleModel):
    """One container or label of a count: what was scanned, or what the books have and nobody scanned."""

    count = models.ForeignKey(Count, models.CASCADE, related_name="lines")
    container = models.ForeignKey(Container, models.PROTECT, null=True, blank=True, related_name="count_lines")
    text = models.CharField(max_length=300, blank=True)
    """As scanned, where it names no container that we know."""
    result = models.CharField(max_length=10, choices=CountResult, default=CountResult.COUNTED)
    book_bay = models.ForeignKey(Bay, models.PROTECT, null=True, blank=True, related_name="+")
    """Where the books had it when the counting ended."""
    counted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    counted_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_as = models.CharField(max_length=12, blank=True)
    """How: moved, lost, seen, returned, noted."""
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["count", "container"], condition=Q(container__isnull=False), name="counted_once"
            ),
            models.UniqueConstraint(fields=["count", "text"], condition=Q(container=None), name="label_counted_once"),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.count_id} {self.container_id or self.text} {self.result}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(count__in=Count.objects.visible_to(actor))
