"""Who is told of what, and how a member's own ways out stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from wastetrack.alerts.models import OPEN_STATES, PAST_DUE, Alert, AlsoTold
from wastetrack.alerts.registry import Watch, kinds, watch_of, watches
from wastetrack.alerts.selectors import Explained, explained
from wastetrack.errors import NotFound, NotPermitted
from wastetrack.notices.keys import calendar_token, confirming, is_calendar_token, membership_of_calendar
from wastetrack.notices.models import CalendarLink, Choice, Mail, Purpose, Webhook, When
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Delegation, MemberRole, Membership, User

KEEPERS = (MemberRole.ADMIN, MemberRole.OPERATOR, MemberRole.DRIVER)
"""In rank, whose duty it is that what the law asks for is done. A reader's it is not."""
LAST_MAILS = 10
"""So many mails stand on the page of a member's notices."""
TOLD = 20
"""So many alerts of one kind stand in a mail; the rest is a number."""


def mail_is_on() -> bool:
    """Whether this site sends mail at all."""
    return not settings.EMAIL_BACKEND.endswith("dummy.EmailBackend")


def address_of(user: User) -> str:
    """Where the person has proved to read mail; empty: nowhere. `notice_address` is joined by the caller."""
    address = getattr(user, "notice_address", None)
    return address.email if address is not None and address.email == user.email else ""


def confirmation_of(token: str) -> Mail:
    """The mail whose link this is. Raises NotFound(confirmation_over) for one that no longer leads anywhere."""
    rows = Mail.objects.filter(pk=confirming(token), purpose=Purpose.CONFIRM, user__is_active=True)
    found: Mail | None = rows.exclude(to="").first()
    if found is None:
        raise NotFound("confirmation_over")
    return found


# --- who is told -------------------------------------------------------------------------------------------


@dataclass
class Circle:
    """The members of one organisation and what they have chosen."""

    members: list[Membership] = field(default_factory=list)
    choices: dict[tuple[int, str], When] = field(default_factory=dict)

    def chosen(self, member: Membership, kind: str) -> When:
        """What holds for a member and a kind by their own choice."""
        return self.choices.get((member.pk, kind)) or self.choices.get((member.pk, "")) or When.USUAL

    @cached_property
    def reached(self) -> list[Membership]:
        """Those who may act for the organisation and have an address."""
        return [member for member in self.members if member.role in KEEPERS and address_of(member.user)]

    @cached_property
    def keepers(self) -> list[Membership]:
        """Those of whom one is always told what the law asks for: of those who can be reached, the first in rank.

        While nobody can be reached, the first in rank of all: one of them is told as soon as they have an address.
        """
        some = self.reached or [member for member in self.members if member.role in KEEPERS]
        first = min((KEEPERS.index(member.role) for member in some), default=0)
        return [member for member in some if member.role == KEEPERS[first]]

    def must_hear(self, member: Membership, kind: str) -> bool:
        """Whether this member is told when it is overdue, whatever they chose: no other keeper would be."""
        if kind not in kinds() or not watch_of(kind).legal or member not in self.keepers:
            return False
        others = [keeper for keeper in self.keepers if keeper != member and address_of(keeper.user)]
        return all(self.chosen(other, kind) == When.NEVER for other in others)

    def wanted(self, member: Membership, kind: str, *, overdue: bool) -> When:
        """When to tell a member of an alert: AT_ONCE, DAILY or NEVER."""
        chosen = self.chosen(member, kind)
        if chosen == When.NEVER and overdue and self.must_hear(member, kind):
            chosen = When.USUAL
        if chosen == When.USUAL:
            return When.AT_ONCE if overdue else When.DAILY
        return chosen


def circles(organisation_ids: Collection[int]) -> dict[int, Circle]:
    """The circles of organisations (two queries)."""
    found = defaultdict[int, Circle](Circle)
    members = Membership.objects.filter(organisation__in=organisation_ids, user__is_active=True).order_by("pk")
    of: dict[int, Circle] = {}
    for member in members.select_related("user__notice_address", "organisation"):
        found[member.organisation_id].members.append(member)
        of[member.pk] = found[member.organisation_id]
    for pk, kind, email in Choice.objects.filter(membership__in=of).values_list("membership", "kind", "email"):
        of[pk].choices[pk, kind] = When(email)
    return found


def agents_of(organisation_ids: Collection[int]) -> dict[int, set[int]]:
    """Who acts for these organisations now: they are told, too (one query)."""
    agents = defaultdict[int, set[int]](set)
    held = Delegation.objects.filter(principal__in=organisation_ids, ended_at=None)
    for principal, agent in held.values_list("principal", "agent"):
        agents[principal].add(agent)
    return agents


def membership_of(actor: Actor) -> Membership:
    """The actor's own membership: of the organisation they belong to, not of one they act for.

    Raises NotPermitted(not_permitted) for the clock.
    """
    organisation = actor.via or actor.principal
    rows = Membership.objects.select_related("user__notice_address", "organisation")
    found: Membership | None = rows.filter(user=actor.person, organisation=organisation).first()
    if found is None:
        raise NotPermitted
    return found


@dataclass(frozen=True)
class KindHere:
    """One kind of alert on the page of choices."""

    watch: Watch
    own: When | None
    """The member's own choice of it; None: as for all."""
    bound: bool
    """Whether nothing is no choice here: nobody else would be told what the law asks for."""


def is_reached(member: Membership) -> bool:
    """Whether anybody of the member's organisation is mailed of what the law asks for (two queries)."""
    return bool(circles([member.organisation_id])[member.organisation_id].reached)


def kinds_here(member: Membership) -> tuple[When, list[KindHere]]:
    """The member's choice for all kinds, and each kind (two queries)."""
    circle = circles([member.organisation_id])[member.organisation_id]
    rows = [
        KindHere(watch, circle.choices.get((member.pk, watch.kind)), circle.must_hear(member, watch.kind))
        for watch in watches()
    ]
    return circle.choices.get((member.pk, ""), When.USUAL), rows


def last_mails(member: Membership) -> list[Mail]:
    """The last mails to a member, and those about the person's address, newest first (one query)."""
    rows = Mail.objects.filter(Q(membership=member) | Q(membership=None), user=member.user_id)
    return list(rows.order_by("-id")[:LAST_MAILS])


# --- what a mail tells -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """The open alerts of one kind: how many, and the first of them in words."""

    title: str
    count: int
    late: int
    soon: int
    """Those with a day that is still to come; neither late nor soon is what is high or open without one."""
    alerts: Sequence[Explained]

    @property
    def more(self) -> int:
        return self.count - len(self.alerts)


def open_now(actor: Actor, of_kinds: Iterable[str], now: datetime, ids: Sequence[int] | None = None) -> list[Told]:
    """What is open, addressed to the actor or to whom it acts for, of these kinds, the gravest first.

    `ids`: of these alone. Each alert has `is_ours`: whether the actor reads it without acting for another.
    """
    ours = Alert.visibility(actor) & Alert.addressed_to(actor)
    rows = Alert.objects.filter(ours | in_care(actor), state__in=OPEN_STATES)
    rows = rows.filter(kind__in=set(of_kinds) & set(kinds()))
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    order = [F("severity").desc(), F("due_at").asc(), F("pk").asc()]
    few = rows.annotate(rank=Window(RowNumber(), partition_by=[F("kind")], order_by=order)).filter(rank__lte=TOLD)
    told = defaultdict[str, list[Explained]](list)
    few = few.annotate(is_ours=ExpressionWrapper(ours, BooleanField()))
    for words in explained(few.select_related("organisation").order_by(*order), now):
        told[words.alert.kind].append(words)
    late, soon = Q(state__in=PAST_DUE), Q(due_at__isnull=False) & ~Q(state__in=PAST_DUE)
    numbers = {"n": Count("pk"), "late": Count("pk", filter=late), "soon": Count("pk", filter=soon)}
    found = rows.order_by().values_list("kind").annotate(**numbers)
    counted = {kind: (n, late, soon) for kind, n, late, soon in found}
    return [Told(words[0].title, *counted.get(kind, (len(words), 0, 0)), words) for kind, words in told.items()]


def in_care(actor: Actor) -> Q:
    """The alerts of those whom the actor's organisation acts for, as long as they let it."""
    firms = Delegation.objects.filter(agent=actor.organisation_id, ended_at=None).values("principal")
    also = Exists(AlsoTold.objects.filter(alert=OuterRef("pk"), organisation__in=firms))
    return Q(organisation__in=firms) | Q(also)


def acts_for_others(member: Membership) -> bool:
    """Whether organisations let the member's own act for them: the member is told of theirs, too."""
    return bool(Delegation.objects.filter(agent=member.organisation_id, ended_at=None).exists())


# --- the calendar's link, webhooks -------------------------------------------------------------------------


def calendar_path(member: Membership) -> str:
    """The path of a member's private calendar."""
    serial = CalendarLink.objects.filter(membership=member).values_list("serial", flat=True).first() or 0
    return f"/calendar/{calendar_token(member.pk, serial)}.ics"


def member_of_calendar(token: str) -> Membership:
    """Whose calendar a private link opens. Raises NotFound for one that is forged, renewed since, or has ended."""
    rows = Membership.objects.filter(user__is_active=True).select_related("user", "organisation", "calendar_link")
    member: Membership | None = rows.filter(pk=membership_of_calendar(token)).first()
    link = getattr(member, "calendar_link", None)
    if member is None or not is_calendar_token(token, member.pk, link.serial if link else 0):
        raise NotFound
    return member


def webhook_of(actor: Actor, pk: int) -> Webhook:
    """A webhook of the actor's organisation. Raises NotFound(unknown_webhook)."""
    found: Webhook | None = Webhook.objects.visible_to(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound("unknown_webhook")
    return found
