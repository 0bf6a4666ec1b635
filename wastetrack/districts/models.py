"""What a district has set for itself: figures, and which wastes must stand apart. What it has not set is the rules'."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.parties.visibility import VisibleModel, in_district
from wastetrack.regulations.divisions import chain


class DistrictRow(VisibleModel):
    """A row that a district's regulator sets; open to everybody whom it binds, and so to everybody signed in."""

    division = models.CharField(max_length=6)
    """33, 3306 or 330602: it holds there and in all that lies in it, unless a narrower district says otherwise."""
    source = models.CharField(max_length=200)
    """On what it rests: a document, a decision."""
    set_at = models.DateTimeField()

    class Meta:
        abstract = True

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q()

    @classmethod
    def binding(cls, division: str) -> Q:
        """The rows that hold in a division."""
        return Q(division__in=chain(division))


class Figure(DistrictRow):
    """A parameter's value in a district: `mass_deviation.notice_percent` is 5 here."""

    key = models.CharField(max_length=60)
    value = models.DecimalField(max_digits=12, decimal_places=3)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["division", "key"], name="figure_once_a_district")]

    def __str__(self) -> str:
        return f"{self.division} {self.key} {self.value}"


class OwnFigure(VisibleModel):
    """A figure that an organisation has tightened for itself: it wants to be warned earlier."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="own_figures")
    key = models.CharField(max_length=60)
    value = models.DecimalField(max_digits=12, decimal_places=3)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "key"], name="figure_once_an_organisation")]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.key} {self.value}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id) | in_district("organisation__division", actor)


class Pair(DistrictRow):
    """Two reaction groups that must stand apart in a district, or need not (`apart` false)."""

    group_a = models.CharField(max_length=4)
    group_b = models.CharField(max_length=4)
    apart = models.BooleanField()
    consequence = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["division", "group_a", "group_b"], name="pair_once_a_district")]

    def __str__(self) -> str:
        return f"{self.division} {self.group_a}/{self.group_b} {self.apart}"
