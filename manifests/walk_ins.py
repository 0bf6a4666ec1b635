"""Reading what happens at the counter: walk-ins, and whom and what a depot may take in without a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Sum
from django.utils import timezone

from depots.models import Depot
from labels.codes import read
from manifests.checks import receiver_problems
from manifests.models import WalkIn, WalkInLine, WalkInState
from wastetrack.errors import FieldError, NotFound, Refused
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import MemberRole, Membership, Organisation
from wastetrack.regulations import divisions
from wastetrack.waste.models import GONE, Container, ContainerState, WasteStream
from wastetrack.waste.selectors import by_code

MOST_FIRMS, LEAST_SEARCH = 8, 2
USCC_LENGTH = 18


def firms_near(depot: Depot) -> QuerySet[Organisation]:
    """The firms that may walk in here: of the depot's own district, with somebody who can sign for them."""
    writers = Membership.objects.filter(organisation=OuterRef("pk"), user__is_active=True)
    return (
        Organisation.objects.filter(
            Exists(writers.exclude(role=MemberRole.VIEWER)),
            roles__contains="generator",
            division__startswith=divisions.short(depot.site.division),
        )
        .exclude(pk=depot.organisation_id)
        .order_by("name", "pk")
    )


def find_firms(depot: Depot, search: str) -> list[Organisation]:
    """The first few firms by a part of their name or their whole credit code: no list to leaf through."""
    text = " ".join(search.split())[:60]
    plain = text.replace(" ", "").upper()
    if len(plain) == USCC_LENGTH and plain.isascii():
        return list(firms_near(depot).filter(uscc=plain))
    if len(text) < LEAST_SEARCH:
        return []
    return list(firms_near(depot).filter(name__icontains=text)[:MOST_FIRMS])


def get_firm(depot: Depot, uscc: str) -> Organisation:
    """A firm that may walk in here by its credit code. Raises NotFound(unknown_firm)."""
    firm: Organisation | None = firms_near(depot).filter(uscc=uscc.strip().upper()).first()
    if firm is None:
        raise NotFound("unknown_firm")
    return firm


def usual_wastes(firm: Organisation, depot: Depot, now: datetime) -> list[WasteStream]:
    """The firm's usual wastes as far as the depot's organisation may take them today: what it needs to know."""
    streams = WasteStream.objects.filter(organisation=firm, active=True).select_related("site").order_by("name", "pk")
    receiver = depot.site.organisation
    permits = list(receiver.permits.all())
    return [
        stream
        for stream in streams
        if not receiver_problems(receiver, permits, {stream.waste_code}, timezone.localdate(now))
    ]


def drum_in_hand(text: str) -> Container:
    """The drum whose label is scanned or typed at the counter. Raises NotFound(unknown_code), Refused(foreign_code)."""
    scanned = read(text, settings.PUBLIC_URL)
    found = by_code(scanned.code).first() if scanned.code and scanned.kind in ("container", "short") else None
    if found is None:
        if scanned.kind in ("foreign", "bay"):
            raise Refused("foreign_code" if scanned.kind == "foreign" else "is_a_bay")
        raise NotFound("unknown_code")
    container: Container = found
    return container


def not_to_walk_in(actor: Actor, container: Container) -> Refused | None:
    """Why nobody can bring this drum in without a manifest, whosever it is; None where its firm may.

    Who may not see the drum hears what a gate is told of it: that it is on the road to somebody, or no walk-in.
    """
    if container.state in (ContainerState.LOGGED, ContainerState.STORED):
        if container.holder_id == actor.organisation_id:
            return Refused("already_here")
        # In another depot's hands: no firm brings it.
        return None if "generator" in container.holder.role_set else Refused("not_for_counter")
    if not container.seen_by(actor):
        return Refused("wrong_depot" if container.state == ContainerState.IN_TRANSIT else "not_for_counter")
    if container.state in GONE:
        return Refused(GONE[container.state])
    return Refused("container_not_free", container=container.short_grouped, state=container.state)


def walk_ins_of(actor: Actor) -> QuerySet[WalkIn]:
    """The walk-ins the actor may see, with parties, drums and mass; newest first."""
    return (
        WalkIn.objects.visible_to(actor)
        .select_related("depot__site__organisation", "firm", "started_by", "manifest")
        .annotate(line_count=Count("lines"), mass_g=Sum("lines__mass_g"))
        .order_by("-id")
    )


def get_walk_in(actor: Actor, walk_in_id: object) -> WalkIn:
    """One walk-in with its lines. Raises NotFound(unknown_walk_in) alike for hidden and unknown ones."""
    text = str(walk_in_id)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("unknown_walk_in")
    lines = WalkInLine.objects.select_related("container", "stream", "bay")
    found = walk_ins_of(actor).prefetch_related(Prefetch("lines", lines)).filter(pk=int(text)).first()
    if found is None:
        raise NotFound("unknown_walk_in")
    return found


def waiting_for_firm(actor: Actor, now: datetime) -> QuerySet[WalkIn]:
    """What the actor's organisation is asked to confirm."""
    return walk_ins_of(actor).filter(firm=actor.organisation_id, state=WalkInState.WAITING, expires_at__gt=now)


def waiting_at_counter(actor: Actor, now: datetime) -> QuerySet[WalkIn]:
    """What the actor's depots have weighed and no firm has confirmed yet."""
    mine = Q(depot__site__organisation=actor.organisation_id)
    return walk_ins_of(actor).filter(mine, state=WalkInState.WAITING, expires_at__gt=now)


def state_at(walk_in: WalkIn, now: datetime) -> str:
    """Its state as it is now: one whose time is over has expired, noted or not."""
    over = walk_in.state == WalkInState.WAITING and now >= walk_in.expires_at
    return WalkInState.EXPIRED if over else walk_in.state


def not_at_counter(containers: Sequence[tuple[str, Container]], firm: Organisation, now: datetime) -> list[FieldError]:
    """Which of these, each with its field, are not the firm's to hand over."""
    waiting = WalkInLine.objects.filter(walk_in__state=WalkInState.WAITING, walk_in__expires_at__gt=now)
    asked = set(waiting.filter(container__in=[one for _, one in containers]).values_list("container", flat=True))
    found = []
    for field, container in containers:
        params = {"container": container.short_grouped, "state": container.state, "firm": firm.name}
        if container.holder_id != firm.pk:
            found.append(FieldError(field, "not_the_firms", params))
        elif container.state not in (ContainerState.LOGGED, ContainerState.STORED):
            found.append(FieldError(field, "container_not_free", params))
        elif container.pk in asked:
            found.append(FieldError(field, "already_at_counter", params))
    return found
