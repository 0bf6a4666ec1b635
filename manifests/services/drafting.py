"""Drafting, issuing and calling off: what the sender does before anything moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.db import transaction
from django.db.models import Prefetch, prefetch_related_objects
from django.utils import timezone

from depots.models import Stay
from depots.selectors import own_depots
from manifests.approvals import approval_for
from manifests.checks import problems_of, turned_away
from manifests.deadlines import paper_done, paper_due
from manifests.models import (
    TURNED_AWAY,
    Approval,
    Leg,
    Line,
    Manifest,
    ManifestState,
    Outcome,
)
from manifests.services.common import (
    CONTRACT_LENGTH,
    MEASURES_LENGTH,
    NOTE_LENGTH,
    about,
    move_containers,
    require_party,
)
from manifests.services.content import content_of, signature
from manifests.services.followers import leave_to_first
from manifests.services.readers import draw_readers
from manifests.services.streams import FromStream, drop_logged, logged_from
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move, next_number
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Permit, Site
from wastetrack.regulations.identifiers import MAX_MANIFEST_SERIAL, manifest_number, manifest_series
from wastetrack.waste.lineage import reweigh
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.services import require_stored_state, share

MOST_CARRIERS = 5


@dataclass(frozen=True)
class Wanted:
    """What a draft says: to whom, with whom, what."""

    receiver: Organisation
    containers: Sequence[Container] = ()
    from_streams: Sequence[FromStream] = ()
    """Besides: so much of a usual waste, not logged as a drum yet."""
    carriers: Sequence[Organisation] = ()
    """In the order in which they take it on; without the last ones it still arrives."""
    emergency_measures: str = ""
    contract: str = ""
    self_delivered: bool = False
    """The sender brings it itself, as its own carrier; issue checks the district's limit."""


def draft(
    *,
    actor: Actor,
    receiver: Organisation,
    now: datetime,
    containers: Sequence[Container] = (),
    carrier: Organisation | None = None,
    carriers: Sequence[Organisation] = (),
    from_streams: Sequence[FromStream] = (),
    emergency_measures: str = "",
    contract: str = "",
    self_delivered: bool = False,
    paper_number: str = "",
    paper_completed_at: datetime | None = None,
) -> Manifest:
    """A draft from the actor's own stored containers, all in stores of one site. Nobody else sees it.

    Or from drums that a receiver turned away: then it follows that manifest, back to its sender or on to another
    receiver. `carriers` beyond the first are planned legs. With `paper_completed_at` it ran on paper.

    Raises Invalid(no_lines | duplicate_container | not_your_container | several_sites | receiver_is_sender |
    not_a_receiver | not_a_carrier | carrier_twice | too_many | too_long), Refused(container_not_free).
    """
    wanted = Wanted(
        receiver,
        containers,
        from_streams,
        carriers or ([carrier] if carrier else []),
        emergency_measures,
        contract,
        self_delivered,
    )
    return draft_wanted(
        actor=actor, wanted=wanted, now=now, paper_number=paper_number, paper_completed_at=paper_completed_at
    )


def draft_wanted(
    *,
    actor: Actor,
    wanted: Wanted,
    now: datetime,
    paper_number: str = "",
    paper_completed_at: datetime | None = None,
) -> Manifest:
    """`draft` of what a page or a program has read as wanted."""
    actor.require_write()
    if actor.is_regulator:
        raise NotPermitted("not_your_part")
    if paper_completed_at is not None and paper_completed_at > now:
        raise invalid("paper_completed_at", "time_in_future")
    follows = _followed(actor, wanted)
    _check(actor.principal, wanted, follows)
    site = _site_of(actor, wanted, follows)
    with transaction.atomic():
        serial = next_number(series_of(site, now), limit=MAX_MANIFEST_SERIAL)
        manifest = Manifest.objects.create(
            number=manifest_number(timezone.localdate(now).year, site.division, serial),
            sender=actor.principal,
            sender_site=site,
            follows=follows,
            created_at=now,
            paper=paper_completed_at is not None,
            paper_number=paper_number,
            paper_completed_at=paper_completed_at,
            **_said(actor.principal, wanted),
        )
        if paper_completed_at is not None:
            paper_due(manifest, paper_completed_at)
        _write(actor, manifest, wanted, "manifest.draft", now)
    return manifest


def revise(*, actor: Actor, manifest: Manifest, wanted: Wanted, now: datetime) -> Manifest:
    """Say a draft anew: other drums, another receiver. Its number stays.

    Raises as `draft`, and Refused(illegal_state) once it is issued (then it is corrected, see corrections),
    Invalid(other_city) for drums of another city, whose manifests have numbers of their own.
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "sender")
        if manifest.state != ManifestState.DRAFT:
            raise Refused("illegal_state", verb="revise", state=manifest.state, subject=manifest.subject)
        follows = _followed(actor, wanted)
        _check(actor.principal, wanted, follows)
        site = _site_of(actor, wanted, follows)
        if site.division[:4] != manifest.sender_site.division[:4]:
            raise invalid("containers", "other_city")
        manifest.sender_site, manifest.follows = site, follows
        for name, value in _said(actor.principal, wanted).items():
            setattr(manifest, name, value)
        # Never the state: that is the lifecycle's.
        manifest.save(update_fields=["sender_site", "follows", *_said(actor.principal, wanted)])
        logged = _logged_for(manifest)
        manifest.lines.all().delete()
        manifest.legs.all().delete()
        _write(actor, manifest, wanted, "manifest.revise", now, logged)
    return manifest


def _said(sender: Organisation, wanted: Wanted) -> dict[str, object]:
    return {
        "receiver": wanted.receiver,
        "carrier": sender if wanted.self_delivered else next(iter(wanted.carriers), None),
        "relay": len(wanted.carriers) > 1 and not wanted.self_delivered,
        "self_delivered": wanted.self_delivered,
        "emergency_measures": wanted.emergency_measures,
        "contract": wanted.contract,
    }


def _logged_for(manifest: Manifest) -> list[Container]:
    """The drums that were logged from a usual waste for this draft."""
    return [line.container for line in manifest.lines.filter(from_stream=True).select_related("container")]


def _write(
    actor: Actor, manifest: Manifest, wanted: Wanted, kind: str, now: datetime, logged: Sequence[Container] = ()
) -> None:
    """The lines and planned legs of a draft, what it uses up, and its entry.

    `logged`: the drums logged for the draft as it was. What is still asked for is taken over, the others are voided.
    """
    containers, own = [*wanted.containers], {container.pk for container in logged}
    spare = [container for container in logged if container not in containers]
    for one in wanted.from_streams:
        container = next(filter(one.made, spare), None)
        if container is None:
            since = timezone.localdate(manifest.paper_completed_at or now)
            container = logged_from(one, actor=actor, since=since, now=now)
        else:
            spare.remove(container)
        containers.append(container)
        own.add(container.pk)
    drop_logged(spare, manifest=manifest, actor=actor, now=now)
    lines = Line.objects.bulk_create(
        Line(
            manifest=manifest,
            position=position,
            container=container,
            mass_g=container.mass_g,
            from_stream=container.pk in own,
        )
        for position, container in enumerate(containers, 1)
    )
    if manifest.relay:
        Leg.objects.bulk_create(
            Leg(manifest=manifest, position=position, carrier=carrier)
            for position, carrier in enumerate(wanted.carriers[1:], 2)
        )
    approval = approval_for(manifest, containers, timezone.localdate(now))
    if approval != manifest.approval:
        manifest.approval = approval
        manifest.save(update_fields=["approval"])
    fact = Fact(kind, manifest.subject, manifest.readers(), content_of(manifest, lines))
    record(actor, [fact], now=now)


def series_of(site: Site, now: datetime) -> str:
    """The number series of the manifests that leave a site this year."""
    return f"manifest:{manifest_series(timezone.localdate(now).year, site.division)}"


def _followed(actor: Actor, wanted: Wanted) -> Manifest | None:
    """The manifest under which these drums were turned away, where they are such (two queries at most).

    Raises Refused(container_not_free) for what is neither in a store nor waiting at a gate.
    """
    under_way = [one for one in wanted.containers if one.state == ContainerState.IN_TRANSIT]
    if not under_way:
        for container in wanted.containers:
            require_stored_state(container)
        return None
    lines = list(
        Line.objects.filter(TURNED_AWAY, container__in=under_way, taken_back_at=None, followed_by=None)
        .filter(manifest__in=Manifest.objects.visible_to(actor))
        .select_related("manifest__sender_site", "manifest__sender", "manifest__carrier", "manifest__receiver")
    )
    manifests = {line.manifest for line in lines}
    waiting = {line.container_id for line in lines}
    for container in wanted.containers:
        if container.pk not in waiting:
            raise Refused("container_not_free", container=container.short_grouped, state=container.state)
    if len(manifests) != 1:
        raise invalid("containers", "several_manifests")
    (manifest,) = manifests
    # Its sender sends it on; who refused it sends it back, and nowhere else.
    returns = manifest.receiver_id == actor.organisation_id and wanted.receiver.pk == manifest.sender_id
    if manifest.sender_id != actor.organisation_id and not returns:
        raise NotPermitted("not_your_part", subject=manifest.subject)
    return manifest


def _check(sender: Organisation, wanted: Wanted, follows: Manifest | None) -> None:
    containers, receiver = wanted.containers, wanted.receiver
    errors = []
    if not containers and not wanted.from_streams:
        errors.append(FieldError("containers", "no_lines"))
    if len({container.pk for container in containers}) != len(containers):
        errors.append(FieldError("containers", "duplicate_container"))
    errors += [
        FieldError("containers", "not_your_container", {"container": container.short_grouped})
        for container in containers
        if follows is None and container.holder_id != sender.pk
    ]
    if receiver.pk == sender.pk:
        errors.append(FieldError("receiver", "receiver_is_sender"))
    elif not receiver.role_set & {"collector", "treater"} and not (follows and receiver.pk == follows.sender_id):
        errors.append(FieldError("receiver", "not_a_receiver", {"receiver": receiver.name}))
    if not wanted.self_delivered:
        errors += _check_carriers(wanted.carriers)
    if len(wanted.emergency_measures) > MEASURES_LENGTH:
        errors.append(FieldError("emergency_measures", "too_long", {"limit": MEASURES_LENGTH}))
    if len(wanted.contract) > CONTRACT_LENGTH:
        errors.append(FieldError("contract", "too_long", {"limit": CONTRACT_LENGTH}))
    if errors:
        raise Invalid(*errors)


def _check_carriers(carriers: Sequence[Organisation]) -> list[FieldError]:
    errors = [
        FieldError("carrier", "not_a_carrier", {"carrier": carrier.name})
        for carrier in carriers
        if "carrier" not in carrier.role_set
    ]
    if any(one.pk == other.pk for one, other in pairwise(carriers)):
        errors.append(FieldError("carrier", "carrier_twice"))
    if len(carriers) > MOST_CARRIERS:
        errors.append(FieldError("carrier", "too_many", {"limit": MOST_CARRIERS}))
    return errors


def _site_of(actor: Actor, wanted: Wanted, follows: Manifest | None) -> Site:
    """The one site it leaves from. Raises Invalid(several_sites)."""
    if follows is not None:
        if follows.sender_id == actor.organisation_id:
            return follows.sender_site
        return _gate_of(actor, follows)
    stays = Stay.objects.filter(container__in=wanted.containers, left_at=None).select_related("depot__site")
    sites = {stay.depot.site for stay in stays} | {one.stream.site for one in wanted.from_streams}
    if len(sites) != 1:
        raise invalid("containers", "several_sites")
    return sites.pop()


def _gate_of(actor: Actor, follows: Manifest) -> Site:
    """The site at whose gate drums were refused: where others of the load went in, else the first that takes any."""
    stays = Stay.objects.filter(
        container__lines__manifest=follows, depot__site__organisation=actor.organisation_id
    ).select_related("depot__site")
    stay = stays.order_by("-pk").first()
    depot = stay.depot if stay else own_depots(actor).first()
    if depot is None:
        raise invalid("containers", "several_sites")
    site: Site = depot.site
    return site


def issue(*, actor: Actor, manifest: Manifest, now: datetime, at: datetime | None = None) -> Manifest:
    """The sender signs. Its containers are committed; carrier and receiver see manifest and containers from now on.

    `at`: when it was signed, where that is told only now: on paper, or offline. Permits must have held on that day.
    Raises Refused with the first problem's code and all problems in `errors` (see checks.problems_of).
    """
    at = at or now
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "sender")
        # Kept with the manifest: its guards ask for them again.
        prefetch_related_objects([manifest], Prefetch("lines", Line.objects.select_related("container__generator")))
        lines = list(manifest.lines.all())
        containers = lock([line.container for line in lines])
        changed = []
        for line, container in zip(lines, containers, strict=True):
            changed += [line] if line.mass_g != container.mass_g else []
            line.container, line.mass_g = container, container.mass_g
        if manifest.state == ManifestState.DRAFT:
            hold_what_it_uses_up(manifest, containers, at)
            if found := problems_of(manifest, lines, timezone.localdate(at)):
                raise Refused(found[0].code, errors=found, **found[0].params)
        manifest.issued_at = at
        content = signature(content_of(manifest, lines), "issue")
        change = {"issued_at": manifest.issued_at, "approval": manifest.approval}
        (manifest,), facts = move([manifest], "issue", actor=actor, change=change, payload=content)
        Line.objects.bulk_update(changed, ["mass_g"])
        share(containers, manifest.readers())
        verb = "reroute" if manifest.follows else "commit"
        _, container_facts = move(containers, verb, actor=actor, position="manifest", payload=about(manifest))
        if manifest.follows:
            turned_away(manifest.follows).filter(container__in=containers).update(followed_by=manifest)
        record(actor, [*facts, *container_facts], now=now, event_time=at)
    return manifest


def hold_what_it_uses_up(manifest: Manifest, containers: Sequence[Container], at: datetime) -> None:
    """Two that use up one permit's mass, or one approval's, come after each other. A draft finds its approval here."""
    list(Permit.objects.select_for_update().filter(organisation=manifest.receiver_id).order_by("pk").values("pk"))
    if manifest.state == ManifestState.DRAFT:
        manifest.approval = approval_for(manifest, containers, timezone.localdate(at))
    if manifest.approval is not None:
        manifest.approval = Approval.objects.select_for_update().get(pk=manifest.approval.pk)


def cancel(*, actor: Actor, manifest: Manifest, reason: str, now: datetime) -> Manifest:
    """The sender calls it off before departure; committed containers are free again.

    Drums that were logged for a draft alone are voided with it.
    Raises Invalid(reason_missing), NotPermitted(not_your_part), Refused(illegal_state).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "sender")
        reason = reason.strip()
        if manifest.state in (ManifestState.DRAFT, ManifestState.ISSUED) and not reason:
            raise invalid("reason", "reason_missing")
        issued = manifest.state == ManifestState.ISSUED
        (manifest,), facts = move([manifest], "cancel", actor=actor, payload={"reason": reason[:NOTE_LENGTH]})
        if manifest.paper:
            paper_done(manifest, actor=actor, now=now)
        if issued:
            containers, released = move_containers(manifest, "unroute" if manifest.follows else "release", actor)
            leave_to_first(manifest)
            draw_readers(containers)
            facts += [*released, *_as_agreed(containers)]
        else:
            drop_logged(_logged_for(manifest), manifest=manifest, actor=actor, now=now)
        record(actor, facts, now=now)
    return manifest


def _as_agreed(containers: Sequence[Container]) -> list[Fact]:
    """What was agreed on of these drums while they were announced onward holds now that they are not (one query)."""
    lines = Line.objects.filter(container__in=containers, outcome=Outcome.ACCEPTED).order_by("received_at", "pk")
    last = {line.container_id: line for line in lines.select_related("manifest")}
    facts: list[Fact] = []
    for container in containers:
        line = last.get(container.pk)
        if line is not None and line.manifest.receiver_id == container.holder_id and line.received_mass_g:
            facts += reweigh(container, line.received_mass_g)
    return facts
