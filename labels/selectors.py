"""Reading the print log."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from labels.models import Print
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import RESTING


def unlabelled() -> QuerySet[Container]:
    """The containers that stand somewhere and of which no label was ever printed."""
    return Container.objects.filter(~Exists(Print.objects.filter(container=OuterRef("pk"))), state__in=RESTING)
