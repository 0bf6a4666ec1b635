"""The print log: which label was drawn for whom, when."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import User
from wastetrack.parties.visibility import VisibleModel
from wastetrack.waste.models import Container


class Print(VisibleModel):
    """One drawing of one container's label."""

    container = models.ForeignKey(Container, models.PROTECT, related_name="prints")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    layout = models.CharField(max_length=10)
    printed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.container_id} {self.printed_at:%Y-%m-%d}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(container__in=Container.objects.visible_to(actor))
