"""Deadlines that are watched, and what becomes of them: one row from `watching` to `resolved`."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from wastetrack.lifecycle.states import Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import audience, in_district


class AlertState(models.TextChoices):
    WATCHING = "watching", _("Watching")
    WARNED = "warned", _("Due soon")
    OVERDUE = "overdue", _("Overdue")
    RESOLVED = "resolved", _("Resolved")


OPEN_STATES = (AlertState.WARNED, AlertState.OVERDUE)


class Alert(Stateful):
    """One thing that must happen by a time. Quiet while `watching`; to a reader it is an alert from `warned` on."""

    SUBJECT = "alert"

    state = FSMField(default=AlertState.WATCHING, choices=AlertState, protected=True)
    kind = models.CharField(max_length=40)
    about = models.CharField(max_length=80)
    """The subject it is about, as the ledger names it: `container:<code>`."""
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="alerts")
    division = models.CharField(max_length=6, db_index=True)
    clause = models.CharField(max_length=60, blank=True)
    warn_at = models.DateTimeField()
    due_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    """When the sweep must look at it again; null: never."""
    opened_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)
    details = models.TextField(default="{}")
    """JSON: what the alert's sentence needs."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "about"], condition=Q(resolved_at=None), name="alert_open_once")
        ]
        indexes = [
            # The sweep's one question: what is due by now?
            models.Index(fields=["next_at", "id"], name="alert_next", condition=Q(next_at__isnull=False)),
            models.Index(fields=["organisation", "state"], name="alert_of_organisation"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.about} {self.state}"

    @property
    def subject(self) -> str:
        return f"alert:{self.pk}"

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.details)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def positions(self, actor: Actor) -> frozenset[str]:
        return frozenset({"clock"} if actor.role == "system" else ())

    def readers(self) -> frozenset[str]:
        return audience([self.organisation_id], [self.division])

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id) | in_district("division", actor)

    @verb(source=AlertState.WATCHING, target=AlertState.WARNED, by="clock")
    def warn(self) -> None:
        """The warning time has come."""

    @verb(source=[AlertState.WATCHING, AlertState.WARNED], target=AlertState.OVERDUE, by="clock")
    def fall_due(self) -> None:
        """The deadline has passed."""

    @verb(source=OPEN_STATES, target=AlertState.RESOLVED, by="cause")
    def resolve(self) -> None:
        """Its cause has ended."""
