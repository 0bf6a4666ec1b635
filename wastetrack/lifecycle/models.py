"""Number series and remembered answers: what makes numbers gapless and retries harmless."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.parties.visibility import NOBODY, VisibleModel


class Series(VisibleModel):
    """The last number given in a series. Its row lock lasts to the commit, so a rolled-back number is given again."""

    key = models.CharField(max_length=60, primary_key=True)
    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key} {self.last}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return NOBODY


class Answer(VisibleModel):
    """The first answer to a request that carried an Idempotency-Key."""

    organisation = models.ForeignKey(Organisation, models.CASCADE)
    key = models.CharField(max_length=120)
    fingerprint = models.CharField(max_length=64)
    """SHA-256 of method, path and body: the same key with another request is a mistake, not a retry."""
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "key"], name="answer_once")]

    def __str__(self) -> str:
        return self.key

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id)
