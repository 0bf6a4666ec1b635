"""The Actor: a user, the organisation acted for, and in which role. Services take one; nothing below knows requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from wastetrack.errors import NotPermitted
from wastetrack.regulations import divisions

if TYPE_CHECKING:
    from wastetrack.parties.models import Delegation, Membership, Organisation, User


@dataclass(frozen=True, eq=False)
class Actor:
    """Who acts: `user` for `organisation` in `role`, through `via` when a steward acts under a delegation."""

    user: User | None
    organisation: Organisation | None
    role: str
    via: Organisation | None = None
    counter: str = ""
    """The depot on whose device it was typed, where that is not the actor's own."""
    confirmed: str = ""
    """By what the person proved, for this one step, to be there: `password` or `pin`."""

    @classmethod
    def of(cls, membership: Membership, delegation: Delegation | None = None) -> Actor:
        """The actor of a membership, or of a delegation held by the membership's organisation."""
        if delegation is None:
            return cls(membership.user, membership.organisation, membership.role)
        return cls(membership.user, delegation.principal, membership.role, via=membership.organisation)

    def at_counter(self, depot: str) -> Actor:
        """The same actor where something was typed on another's device, which stands at this depot."""
        return Actor(self.user, self.organisation, self.role, self.via, depot, self.confirmed)

    def confirmed_by(self, means: str) -> Actor:
        """The same actor for a step that is signed: by `password` or by `pin`."""
        return Actor(self.user, self.organisation, self.role, self.via, self.counter, means)

    @property
    def person(self) -> User:
        """The user. Raises NotPermitted(not_permitted) for the clock."""
        if self.user is None:
            raise NotPermitted
        return self.user

    @property
    def principal(self) -> Organisation:
        """The organisation acted for. Raises NotPermitted(not_permitted) for the clock."""
        if self.organisation is None:
            raise NotPermitted
        return self.organisation

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None

    @property
    def organisation_id(self) -> int | None:
        return self.organisation.pk if self.organisation else None

    @cached_property
    def roles(self) -> frozenset[str]:
        """The organisation's roles in the chain."""
        return self.organisation.role_set if self.organisation else frozenset()

    @property
    def district(self) -> str:
        """A regulator's district as a division prefix (3306, also where it is kept as 330600); empty for others."""
        division = self.organisation.division if self.organisation and "regulator" in self.roles else ""
        return divisions.short(division) if divisions.exists(division) else ""

    @property
    def is_regulator(self) -> bool:
        return bool(self.district)

    @cached_property
    def readers(self) -> frozenset[str]:
        """The reader keys under which ledger entries and containers address this actor."""
        keys = set()
        if self.organisation is not None:
            keys.add(f"o:{self.organisation.pk}")
        if self.district:
            keys.add(f"d:{self.district}")
        return frozenset(keys)

    @property
    def may_write(self) -> bool:
        return self is SYSTEM or (self.user is not None and self.role != "viewer")

    @property
    def manages(self) -> bool:
        """Whether the actor says how its organisation works: an administrator or operator, no driver."""
        return self.may_write and self.role in {"admin", "operator"}

    def require_write(self) -> None:
        """Raises NotPermitted(read_only) for a member who may only read."""
        if not self.may_write:
            raise NotPermitted("read_only")


SYSTEM = Actor(user=None, organisation=None, role="system")
"""The clock itself: what the sweep does is done by nobody."""
