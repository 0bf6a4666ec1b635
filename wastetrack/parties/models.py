"""Organisations, the places and permits they have, and who may act for them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wastetrack.errors import invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.visibility import NOBODY, VisibleModel, audience, in_district
from wastetrack.regulations import divisions


class OrganisationRole(models.TextChoices):
    """What an organisation does in the chain; one may do several."""

    GENERATOR = "generator", _("Generator")
    COLLECTOR = "collector", _("Collector")
    CARRIER = "carrier", _("Carrier")
    TREATER = "treater", _("Treatment plant")
    REGULATOR = "regulator", _("Regulator")
    STEWARD = "steward", _("Steward")
    PARK = "park", _("Park")


LICENSED = (OrganisationRole.COLLECTOR, OrganisationRole.CARRIER, OrganisationRole.TREATER)
"""Roles that hold a permit: their names and permits are public."""


def is_licensed(path: str = "") -> Q:
    """Rows whose organisation, found by `path` (`organisation__`), has a licensed role."""
    return Q(*((f"{path}roles__contains", role) for role in LICENSED), _connector=Q.OR)


class User(AbstractUser):
    """A person. What they may do comes from their memberships alone."""

    name = models.CharField(max_length=60, blank=True)
    language = models.CharField(max_length=10, blank=True)

    @property
    def display_name(self) -> str:
        return self.name or self.username


class Placed(VisibleModel):
    """A model that lies in an administrative division, which the table must know: who sees it hangs on that."""

    division = models.CharField(max_length=6, db_index=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it. Raises Invalid(division) at `division` for one that the table does not know."""
        if not divisions.exists(self.division):
            raise invalid("division", "division")
        super().save(*args, **kwargs)


class Organisation(Placed):
    """A legal unit, known by its unified social credit code (GB 32100, 18 characters)."""

    uscc = models.CharField(max_length=18, unique=True)
    name = models.CharField(max_length=120)
    short_name = models.CharField(max_length=40, blank=True)
    # Space-separated OrganisationRole values: read with every actor, so no join for them.
    roles = models.CharField(max_length=120, blank=True)
    # Of a regulator, `division` is its district: 33, 3306, 330602.
    address = models.CharField(max_length=200, blank=True)
    industry = models.CharField(max_length=80, blank=True)
    park = models.CharField(max_length=80, blank=True)
    contact_name = models.CharField(max_length=60, blank=True)
    contact_phone = models.CharField(max_length=30, blank=True)
    demo = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name

    @property
    def role_set(self) -> frozenset[str]:
        return frozenset(self.roles.split())

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        own = Q(pk=actor.organisation_id)
        if actor.via is not None:
            own |= Q(pk=actor.via.pk)
        return own | is_licensed() | in_district("division", actor)


class Site(Placed):
    """A production or operating site (生产经营场所), HJ 608 code: credit code + 3 digits + P."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="sites")
    code = models.CharField(max_length=22, unique=True)
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=200, blank=True)
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id) | is_licensed("organisation__") | in_district("division", actor)


class PermitKind(models.TextChoices):
    """Kinds of permit (408号令; the pilot kind is 环办固体函〔2022〕66号)."""

    COMPREHENSIVE = "comprehensive", _("Comprehensive operating permit")
    COLLECTION = "collection", _("Collection permit")
    PILOT = "pilot", _("Small-generator collection pilot")
    TRANSPORT = "transport", _("Dangerous-goods transport permit")


class Permit(VisibleModel):
    """What an organisation may take or carry: codes, yearly mass, validity."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="permits")
    number = models.CharField(max_length=40)
    kind = models.CharField(max_length=20, choices=PermitKind)
    # Space-separated: a waste code, or a category (HW08) for all of its codes.
    codes = models.TextField(blank=True)
    yearly_mass_g = models.BigIntegerField(null=True, blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField()
    """Last day; before the first, of one that never held."""
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    """When it was said to end early, or to have been put on record by mistake: nothing follows it."""
    version = models.PositiveIntegerField(default=1)
    """Grows with each correction, so that a page shown before one does not undo it."""

    class Meta:
        constraints = [
            # What was withdrawn may have been so by mistake: it can be put on record anew.
            models.UniqueConstraint(
                fields=["organisation", "number"], condition=Q(withdrawn_at=None), name="permit_number_once"
            )
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def subject(self) -> str:
        return f"permit:{self.pk}"

    def readers(self) -> frozenset[str]:
        return audience([self.organisation_id], [self.organisation.division])

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        own = Q(organisation=actor.organisation_id)
        return own | is_licensed("organisation__") | in_district("organisation__division", actor)

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day <= self.valid_to

    def covers(self, waste_code: str) -> bool:
        """Whether the permit names this code, or its whole category."""
        codes = set(self.codes.split())
        return waste_code in codes or f"HW{waste_code[-2:]}" in codes


class Vehicle(VisibleModel):
    """A vehicle that may carry hazardous waste."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="vehicles")
    plate = models.CharField(max_length=12)
    permit_number = models.CharField(max_length=40, blank=True)
    capacity_g = models.BigIntegerField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    """Last day of its transport certificate; null: not on record."""
    ended_at = models.DateTimeField(null=True, blank=True)
    """Since when the organisation has it no longer; it may be on record with another then."""

    class Meta:
        constraints = [
            # Another's record of the same plate is not ours to judge, and must not keep anybody off the road.
            models.UniqueConstraint(
                fields=["organisation", "plate"], condition=Q(ended_at=None), name="vehicle_on_record_once"
            )
        ]

    def __str__(self) -> str:
        return self.plate

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id) | in_district("organisation__division", actor)


class MemberRole(models.TextChoices):
    ADMIN = "admin", _("Administrator")
    OPERATOR = "operator", _("Operator")
    DRIVER = "driver", _("Driver")
    VIEWER = "viewer", _("Viewer")


class Membership(VisibleModel):
    """A user may act for an organisation in a role."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=MemberRole)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organisation"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.organisation_id} · {self.role}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id)


class Pin(VisibleModel):
    """A person's PIN for signing, as its hash; the tries since it was last right, and until when none is looked at."""

    user = models.OneToOneField(User, models.CASCADE, related_name="pin")
    digest = models.CharField(max_length=128)
    set_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"PIN of {self.user_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(user=actor.user_id)


class Tries(VisibleModel):
    """How often something was tried of late, by a hash of who tried what; it counts until `forgotten_at`."""

    key = models.CharField(max_length=64, unique=True)
    tries = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    forgotten_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.tries} tries"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return NOBODY


class Delegation(VisibleModel):
    """`principal` lets the members of `agent` act for it, until it ends it."""

    principal = models.ForeignKey(Organisation, models.PROTECT, related_name="delegations_given")
    agent = models.ForeignKey(Organisation, models.PROTECT, related_name="delegations_held")
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["principal", "agent"], condition=Q(ended_at=None), name="delegation_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.principal_id} → {self.agent_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(principal=actor.organisation_id) | Q(agent=actor.organisation_id)


def token_hash(secret: str) -> str:
    """How a token is kept: its SHA-256, never itself."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Token(VisibleModel):
    """A bearer token: one membership, maybe through one delegation. It ends with either."""

    digest = models.CharField(max_length=64, unique=True)
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="tokens")
    delegation = models.ForeignKey(Delegation, models.CASCADE, null=True, related_name="tokens")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"token {self.pk}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(membership__user=actor.user_id, membership__organisation=actor.organisation_id)

    @classmethod
    def mint(cls, *, membership: Membership, delegation: Delegation | None, now: datetime, expires: datetime) -> str:
        """Make a token; the secret is returned this once and not kept."""
        secret = secrets.token_urlsafe(32)
        cls.objects.create(
            digest=token_hash(secret),
            membership=membership,
            delegation=delegation,
            created_at=now,
            expires_at=expires,
        )
        return secret
