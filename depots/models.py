"""Where waste stands: depots, their bays, and every stay of a container in one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Permit, Site
from wastetrack.parties.visibility import VisibleModel, in_district
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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["depot", "code"], name="bay_code_once")]
        ordering = ["depot", "code"]

    def __str__(self) -> str:
        return self.code

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(depot__site__organisation=actor.organisation_id) | in_district("depot__site__division", actor)


class Stay(VisibleModel):
    """One container in one depot, from coming in to going out. Stock is the stays that have not ended."""

    container = models.ForeignKey(Container, models.PROTECT, related_name="stays")
    depot = models.ForeignKey(Depot, models.PROTECT, related_name="stays")
    bay = models.ForeignKey(Bay, models.PROTECT, null=True, blank=True, related_name="stays")
    entered_at = models.DateTimeField()
    mass_in_g = models.BigIntegerField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # One place for a drum, whatever the code above believes.
            models.UniqueConstraint(fields=["container"], condition=Q(left_at=None), name="one_place_a_container")
        ]
        indexes = [models.Index(fields=["depot", "left_at", "id"], name="stay_stock")]

    def __str__(self) -> str:
        return f"{self.container_id} @ {self.depot_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(depot__site__organisation=actor.organisation_id) | in_district("depot__site__division", actor)
