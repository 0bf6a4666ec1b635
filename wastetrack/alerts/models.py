"""Deadlines that are watched, and what becomes of them: one row from `watching` to `resolved`."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from wastetrack.lifecycle.states import Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, User
from wastetrack.parties.visibility import NOBODY, VisibleModel, audience, in_district


class AlertState(models.TextChoices):
    WATCHING = "watching", _("Watching")
    WARNED = "warned", _("Due soon")
    OVERDUE = "overdue", _("Overdue")
    ESCALATED = "escalated", _("With the district")
    RESOLVED = "resolved", _("Resolved")


OPEN_STATES = (AlertState.WARNED, AlertState.OVERDUE, AlertState.ESCALATED)
PAST_DUE = (AlertState.OVERDUE, AlertState.ESCALATED)


class Severity(models.IntegerChoices):
    """How grave an open alert is; the bell counts by it."""

    QUIET = 0, _("Quiet")
    NOTICE = 1, _("Notice")
    WARNING = 2, _("Warning")
    ALARM = 3, _("Alarm")


class Alert(Stateful):
    """One thing that must happen by a time. Quiet while `watching`; to a reader it is an alert from `warned` on."""

    SUBJECT = "alert"

    state = FSMField(default=AlertState.WATCHING, choices=AlertState, protected=True)
    severity = models.PositiveSmallIntegerField(default=Severity.QUIET, choices=Severity)
    kind = models.CharField(max_length=40)
    about = models.CharField(max_length=80)
    """The subject it is about, as the ledger names it: `container:<code>`."""
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="alerts")
    division = models.CharField(max_length=6, db_index=True)
    clause = models.CharField(max_length=60, blank=True)
    warn_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    """When it is overdue, or since when; null: not by the clock alone (a bay that is nearly full)."""
    next_at = models.DateTimeField(null=True)
    """When the sweep must look at it again; null: never."""
    for_district = models.BooleanField(default=False)
    """Whether the district is told of it: once it is escalated, some from the beginning. It may read all of them."""
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
            models.Index(fields=["division", "severity"], name="alert_of_district", condition=Q(severity__gt=0)),
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
        return audience([self.organisation_id, *self.also_ids], [self.division])

    @property
    def also_ids(self) -> list[int]:
        """The ids of further organisations that are told: they are in the details, too."""
        return [int(pk) for pk in self.data.get("also", ())]

    def plan_seen_by(self, actor: Actor) -> bool:
        """Whether the actor reads who acknowledged it and what is planned: who answers for it, and its district."""
        return not audience([self.organisation_id], [self.division]).isdisjoint(actor.readers)

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        also = Exists(AlsoTold.objects.filter(alert=OuterRef("pk"), organisation=actor.organisation_id))
        return Q(organisation=actor.organisation_id) | Q(also) | in_district("division", actor)

    @classmethod
    def addressed_to(cls, actor: Actor) -> Q:
        """The rows that concern the actor itself: of a district, what it is told of; of others, all that they see."""
        return Q(for_district=True) | Q(organisation=actor.organisation_id) if actor.is_regulator else Q()

    @verb(source=AlertState.WATCHING, target=AlertState.WARNED, by="clock")
    def warn(self) -> None:
        """The warning time has come."""

    @verb(source=[AlertState.WATCHING, AlertState.WARNED], target=AlertState.OVERDUE, by="clock")
    def fall_due(self) -> None:
        """The deadline has passed."""

    @verb(source=AlertState.OVERDUE, target=AlertState.ESCALATED, by="clock")
    def escalate(self) -> None:
        """It has been overdue for the district's days: the district is told."""

    @verb(source=OPEN_STATES, target=AlertState.RESOLVED, by="cause")
    def resolve(self) -> None:
        """Its cause has ended."""


class AlsoTold(VisibleModel):
    """A further organisation that reads an open alert: the sender, when a load is late on its way."""

    # Only what is quiet is ever deleted, and of that nobody is told: nothing to look for when it goes.
    alert = models.ForeignKey(Alert, models.DO_NOTHING, related_name="also_told")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "alert"], name="also_told_once")]

    def __str__(self) -> str:
        return f"{self.alert_id} → {self.organisation_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id)


class Bookmark(VisibleModel):
    """How far the log has been read for the watches: everything up to `after` is looked at."""

    name = models.CharField(max_length=60, primary_key=True)
    after = models.BigIntegerField(default=-1)

    def __str__(self) -> str:
        return f"{self.name} {self.after}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return NOBODY


class Recheck(VisibleModel):
    """Subjects of a watch to be looked at anew, in batches: its figures have changed, or it is new.

    One row a watch goes over all its subjects again every day where they change without an entry in the log.
    """

    kind = models.CharField(max_length=40)
    division = models.CharField(max_length=6, blank=True)
    """Those that lie there; empty: everywhere."""
    organisation = models.ForeignKey(Organisation, models.CASCADE, null=True, related_name="+")
    """Those of one organisation; null: of all."""
    about = models.CharField(max_length=80, blank=True)
    """This one subject alone: it could not be looked at when its turn came."""
    after = models.BigIntegerField(default=0)
    """The primary key up to which it is done."""
    next_at = models.DateTimeField(db_index=True)
    daily = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind"], condition=Q(daily=True), name="recheck_daily_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.division or self.organisation_id or self.about}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return NOBODY
