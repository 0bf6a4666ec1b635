"""Who may see a row: one method, `visible_to(actor)`, on every queryset of the house."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from wastetrack.regulations.divisions import chain

if TYPE_CHECKING:
    from wastetrack.parties.actors import Actor

NOBODY = Q(pk__in=[])
ORGANISATION_KEY = "o:"
"""What the reader key of an organisation begins with; its id follows."""


class VisibleQuerySet(models.QuerySet[Any]):
    """A queryset that can be narrowed to what an actor may see."""

    def visible_to(self, actor: Actor | None) -> Self:
        """Only the rows `actor` may see; nobody signed in sees nothing."""
        if actor is None or actor.organisation is None:
            return self.none()
        return self.filter(self.model.visibility(actor))


class VisibleModel(models.Model):
    """A model that says, as a `Q`, which of its rows an actor may see."""

    objects: ClassVar[Any] = VisibleQuerySet.as_manager()

    class Meta:
        abstract = True

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        """The rows `actor` may see. Every model answers this for itself."""
        raise NotImplementedError


def in_district(field: str, actor: Actor) -> Q:
    """Rows whose division code in `field` lies in the regulator's district; nothing for anybody else."""
    district = actor.district
    return Q(**{f"{field}__startswith": district}) if district else NOBODY


def organisation_key(organisation_id: int) -> str:
    """The reader key of an organisation, as ledger entries name their audience."""
    return f"{ORGANISATION_KEY}{organisation_id}"


def audience(organisation_ids: Iterable[int | None], divisions: Iterable[str] = ()) -> frozenset[str]:
    """Reader keys of organisations and of every district level above the given divisions."""
    organisations = {organisation_key(pk) for pk in organisation_ids if pk is not None}
    districts = {f"d:{level}" for division in divisions if division for level in chain(division)}
    return frozenset(organisations | districts)
