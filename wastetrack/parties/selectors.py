"""Which actor a session or a token stands for, and the parties a page may offer."""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import QuerySet

from wastetrack.errors import invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Delegation, Membership, Organisation, Permit, Token, User, Vehicle, token_hash


def actor_of_token(secret: str, now: datetime) -> Actor | None:
    """The actor of a bearer token, in one query; None when unknown, expired, or its delegation has ended."""
    token = (
        Token.objects.filter(digest=token_hash(secret), expires_at__gt=now, membership__user__is_active=True)
        .select_related("membership__user", "membership__organisation", "delegation__principal")
        .first()
    )
    if token is None or (token.delegation is not None and token.delegation.ended_at is not None):
        return None
    return Actor.of(token.membership, token.delegation)


def actor_of_session(user_id: int, membership_id: int | None, delegation_id: int | None) -> Actor | None:
    """The actor a session chose, or the user's first membership where it chose none; None when the choice has ended."""
    memberships = Membership.objects.filter(user=user_id, user__is_active=True).select_related("user", "organisation")
    if membership_id:
        memberships = memberships.filter(pk=membership_id)
    membership = memberships.order_by("pk").first()
    if membership is None or not delegation_id:
        return Actor.of(membership) if membership else None
    delegation = open_delegations(membership).filter(pk=delegation_id).first()
    return Actor.of(membership, delegation) if delegation else None


def open_delegations(membership: Membership):  # type: ignore[no-untyped-def]
    """The delegations this membership's organisation holds now."""
    return (
        Delegation.objects.filter(agent=membership.organisation_id, ended_at=None)
        .select_related("principal")
        .order_by("principal__name")
    )


def choices_of(user: User) -> list[tuple[Membership, Delegation | None]]:
    """Every (membership, delegation) the user may act under: what the organisation switcher lists."""
    memberships = list(Membership.objects.filter(user=user).select_related("user", "organisation").order_by("pk"))
    choices: list[tuple[Membership, Delegation | None]] = [(membership, None) for membership in memberships]
    for membership in memberships:
        choices += [(membership, delegation) for delegation in open_delegations(membership)]
    return choices


def choose(user: User, uscc: str | None) -> tuple[Membership, Delegation | None] | None:
    """The membership or delegation under which `user` may act for `uscc` (None: the first); None when there is none."""
    for membership, delegation in choices_of(user):
        organisation = delegation.principal if delegation else membership.organisation
        if uscc is None or organisation.uscc == uscc:
            return membership, delegation
    return None


def vehicles_of(organisation_id: int | None) -> QuerySet[Vehicle]:
    """The vehicles that an organisation has on record now, by plate."""
    return Vehicle.objects.filter(organisation=organisation_id, ended_at=None).order_by("plate", "pk")


def valid_permits(organisation: Organisation, on: date) -> list[Permit]:
    """The organisation's permits in force on a day."""
    return list(Permit.objects.filter(organisation=organisation, valid_from__lte=on, valid_to__gte=on))


def organisation_of(actor: Actor, uscc: str, field: str) -> Organisation:
    """An organisation that the actor may see by its credit code. Raises Invalid(missing | unknown_organisation)."""
    found: Organisation | None = Organisation.objects.visible_to(actor).filter(uscc=uscc).first() if uscc else None
    if found is None:
        raise invalid(field, "unknown_organisation" if uscc else "missing")
    return found
