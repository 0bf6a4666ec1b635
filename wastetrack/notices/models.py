"""The ways out: who wants which mail where, the mails themselves, firms' webhooks and calendar links."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership, Organisation, User
from wastetrack.parties.visibility import NOBODY, VisibleModel, audience

SECRET_SHOWN = timedelta(minutes=10)
"""How long a new secret of a webhook can be read."""
OLD_SECRET = timedelta(days=1)
"""How long messages are signed with the secrets before, too."""
MOST_SECRETS = 8
"""So many sign at the same time, however often they are changed in a day."""


class When(models.TextChoices):
    """When somebody is mailed of a kind of alert."""

    AT_ONCE = "at_once", _("Everything at once")
    USUAL = "usual", _("Overdue at once, warnings once a day")
    DAILY = "daily", _("Everything once a day")
    NEVER = "never", _("Nothing")


class Choice(VisibleModel):
    """What a member has chosen of one kind; of the kind "" for all without a choice of their own."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="notice_choices")
    kind = models.CharField(max_length=40, blank=True)
    email = models.CharField(max_length=10, choices=When)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["membership", "kind"], name="notice_choice_once")]

    def __str__(self) -> str:
        return f"{self.membership_id} {self.kind or '*'} {self.email}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(membership__user=actor.user_id)


class Address(VisibleModel):
    """The address that a person has proved to read. It holds while it is the user's own (`User.email`)."""

    user = models.OneToOneField(User, models.CASCADE, related_name="notice_address")
    email = models.EmailField()
    confirmed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"address of {self.user_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(user=actor.user_id)


class Purpose(models.TextChoices):
    """What a mail is for."""

    AT_ONCE = "at_once", _("Overdue")
    DAILY = "daily", _("Once a day")
    CONFIRM = "confirm", _("Your address")
    REPLACED = "replaced", _("Another address")


class MailState(models.TextChoices):
    """How a mail is, in words."""

    WAITING = "waiting", pgettext_lazy("mail", "Waits")
    SENT = "sent", pgettext_lazy("mail", "Sent")
    TRIED = "tried", pgettext_lazy("mail", "Not sent yet")
    GAVE_UP = "gave_up", pgettext_lazy("mail", "Not sent")
    NEEDLESS = "needless", pgettext_lazy("mail", "No longer needed")


class Mail(VisibleModel):
    """A mail to be sent, or sent. Its words are made when it goes out: what was resolved by then is not in it.

    Whoever sends it first moves `next_at` to the next try (compare and swap): that holds it, and if the sender dies it
    is tried again then.
    """

    purpose = models.CharField(max_length=10, choices=Purpose)
    key = models.CharField(max_length=80, unique=True)
    """What makes it one mail: the member and the day, or the member and where in the log it begins."""
    user = models.ForeignKey(User, models.CASCADE, related_name="notices")
    membership = models.ForeignKey(Membership, models.CASCADE, null=True, related_name="notices")
    to = models.EmailField(blank=True)
    """Of a confirmation, the address to be confirmed, empty once its link has been used or another was asked for; of
    a replacement, the address that was replaced; else the member's own at the time of sending."""
    alerts = models.TextField(default="[]")
    """JSON: the ids of the alerts that it tells of; a daily mail tells of all that are open."""
    next_at = models.DateTimeField(null=True)
    """When to try; null: sent, dropped, or given up."""
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["next_at", "id"], name="mail_next", condition=Q(next_at__isnull=False))]

    def __str__(self) -> str:
        return self.key

    @property
    def state(self) -> MailState:
        if self.sent_at is not None:
            return MailState.SENT
        if self.next_at is not None:
            return MailState.TRIED if self.error else MailState.WAITING
        return MailState.GAVE_UP if self.error else MailState.NEEDLESS

    @property
    def alert_ids(self) -> list[int]:
        return json.loads(self.alerts)

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(user=actor.user_id)


class CalendarLink(VisibleModel):
    """How often a member has renewed the private link of the calendar; no row: never."""

    membership = models.OneToOneField(Membership, models.CASCADE, related_name="calendar_link")
    serial = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.membership_id} {self.serial}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(membership__user=actor.user_id)


class WebhookState(models.TextChoices):
    """How a webhook is, in words."""

    WORKING = "working", _("Working")
    FAILING = "failing", _("Failing")
    GAVE_UP = "gave_up", _("Given up")
    PAUSED = "paused", _("Paused")


class Webhook(VisibleModel):
    """An address of a firm's own system that is told of the entries it may read, one at a time, in order.

    `after` is its place in the log. Whoever delivers first moves `next_at` on (compare and swap): that holds it.
    """

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="webhooks")
    url = models.CharField(max_length=500)
    host = models.CharField(max_length=500, db_index=True)
    """Of the url: many organisations may use one system, and share its couriers when it hangs."""
    kinds = models.CharField(max_length=400)
    """Kinds of entries or patterns of them (`alert.*`), one space between."""
    serial = models.PositiveIntegerField(default=0)
    """Which of its secrets holds: they are derived from the site's own and kept nowhere."""
    oldest = models.PositiveIntegerField(default=0)
    """The first of those that signed within a day before the last change: they sign on for a day."""
    rotated_at = models.DateTimeField()
    created_at = models.DateTimeField()
    after = models.BigIntegerField()
    next_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    """How often in a row a message has failed."""
    failing_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=40, blank=True)
    paused_at = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True)
    """Until when a courier is delivering to it; null: none is. Of an organisation's webhooks, and of a host's, one at a
    time is held in each lane."""
    slow = models.BooleanField(default=False)
    """Its lane: whether the last answer came slowly or not at all. Slow ones have couriers of their own."""

    class Meta:
        indexes = [
            models.Index(fields=["next_at", "id"], name="webhook_next", condition=Q(paused_at=None)),
            models.Index(fields=["organisation"], name="webhook_held", condition=Q(held_until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} → {self.host}"

    @property
    def subject(self) -> str:
        return f"webhook:{self.pk}"

    @property
    def patterns(self) -> list[str]:
        return self.kinds.split()

    @property
    def state(self) -> WebhookState:
        if self.paused_at is not None:
            return WebhookState.GAVE_UP if self.failing_since else WebhookState.PAUSED
        return WebhookState.FAILING if self.failing_since else WebhookState.WORKING

    @property
    def trouble(self) -> str:
        """What went wrong last, in words; the status of an answer that was no yes as it is."""
        return str(Trouble(self.error).label) if self.error in Trouble.values else self.error

    def readers(self) -> frozenset[str]:
        return audience([self.organisation_id])

    def shows_secret(self, now: datetime) -> bool:
        """Whether its newest secret can still be read."""
        return now < self.rotated_at + SECRET_SHOWN

    def serials(self, now: datetime) -> list[int]:
        """The secrets that sign now: the newest, and for a day those before it, as many as a header holds."""
        oldest = self.oldest if now < self.rotated_at + OLD_SECRET else self.serial
        return list(range(self.serial, oldest - 1, -1))[:MOST_SECRETS]

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id) if actor.manages and actor.via is None else NOBODY


class Trouble(models.TextChoices):
    """Why a delivery did not arrive."""

    UNKNOWN_HOST = "unknown_host", _("the name was not found")
    PRIVATE = "private", _("the name leads to an address inside a network")
    NOT_HTTPS = "not_https", _("the address does not begin with https")
    REFUSED = "refused", _("no connection")
    TLS = "tls", _("the certificate does not hold")
    TOO_SLOW = "too_slow", _("no answer in time")
    BROKEN = "broken", _("the connection broke")
    STATUS = "status", _("an answer other than 2xx")


class Delivery(VisibleModel):
    """One try to deliver one entry: the log that a firm reads when its own system was not told."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    index = models.BigIntegerField()
    kind = models.CharField(max_length=60)
    attempt = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=20, choices=Trouble, blank=True)
    answer = models.CharField(max_length=200, blank=True)
    ms = models.PositiveIntegerField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["webhook", "-id"], name="delivery_of_webhook")]

    def __str__(self) -> str:
        return f"{self.webhook_id} #{self.index} {self.status or self.error}"

    @property
    def arrived(self) -> bool:
        return not self.error

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(webhook__organisation=actor.organisation_id) if actor.manages and actor.via is None else NOBODY
