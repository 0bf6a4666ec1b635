"""Which actor a session or a token stands for, and the parties a page may offer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime

from django.db.models import Q, QuerySet

from wastetrack.errors import invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Delegation, Membership, Organisation, Permit, Token, User, Vehicle, token_hash


def actor_of_token(secret: str, now: datetime) -> Actor | None:
    """The actor of a bearer token, in one query; None when unknown, expired, or its delegation has ended."""
    digest = token_hash(secret)
    return actors_of_tokens([digest], now).get(digest)


def actors_of_tokens(digests: Iterable[str], now: datetime) -> dict[str, Actor]:
    """The actors of tokens by their digests, in one query; without those that stand for nobody any more."""
    tokens = Token.objects.filter(
        Q(delegation=None) | Q(delegation__ended_at=None),
        digest__in=digests,
        expires_at__gt=now,
        membership__user__is_active=True,
    ).select_related("membership__user", "membership__organisation", "delegation__principal")
    return {token.digest: Actor.of(token.membership, token.delegation) for token in tokens}


Choice = tuple[int, int | None, int | None]
"""What a session holds: its user, and the membership and the delegation they chose to act under."""


def actor_of_session(user_id: int, membership_id: int | None, delegation_id: int | None) -> Actor | None:
    """The actor a session chose, or the user's first membership where it chose none; None when the choice has ended."""
    choice = (user_id, membership_id, delegation_id)
    return actors_of_choices([choice]).get(choice)


def actors_of_choices(choices: Collection[Choice]) -> dict[Choice, Actor]:
    """The actors that sessions chose, in two queries at most; without those whose choice has ended."""
    users, delegated = {user for user, _, _ in choices}, {delegation for _, _, delegation in choices} - {None}
    memberships = Membership.objects.filter(user__in=users, user__is_active=True).order_by("pk")
    of: dict[tuple[int, int | None], Membership] = {}
    for membership in memberships.select_related("user", "organisation"):
        of.setdefault((membership.user_id, None), membership)
        of[membership.user_id, membership.pk] = membership
    held = Delegation.objects.filter(ended_at=None).select_related("principal").in_bulk(delegated) if delegated else {}
    actors = {}
    for choice in choices:
        user, chosen, through = choice
        acting, delegation = of.get((user, chosen or None)), held.get(through)
        if acting is None or (through and (delegation is None or delegation.agent_id != acting.organisation_id)):
            continue
        actors[choice] = Actor.of(acting, delegation if through else None)
    return actors


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
