"""Drafting, issuing and calling off: what the sender does before anything moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from depots.models import Stay
from manifests.checks import problems_of
from manifests.models import (
    Line,
    Manifest,
    ManifestState,
)
from manifests.services.common import (
    NOTE_LENGTH,
    about,
    move_containers,
    require_party,
)
from manifests.services.content import content_of, signature
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move, next_number
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site
from wastetrack.parties.visibility import audience
from wastetrack.regulations.identifiers import MAX_MANIFEST_SERIAL, manifest_number, manifest_series
from wastetrack.waste.lineage import readers_by_descent
from wastetrack.waste.models import Container
from wastetrack.waste.services import require_stored_state, set_readers, share

MEASURES_LENGTH = 300


def draft(
    *,
    actor: Actor,
    receiver: Organisation,
    containers: Sequence[Container],
    now: datetime,
    carrier: Organisation | None = None,
    emergency_measures: str = "",
    self_delivered: bool = False,
) -> Manifest:
    """A draft from the actor's own stored containers, all in stores of one site. Nobody else sees it.

    `self_delivered`: the sender brings them itself, as its own carrier; issue checks the district's limit.

    Raises Invalid(no_lines | duplicate_container | not_your_container | several_sites | receiver_is_sender |
    not_a_receiver | not_a_carrier | too_long), Refused(container_not_free).
    """
    actor.require_write()
    organisation = actor.principal
    if actor.is_regulator:
        raise NotPermitted("not_your_part")
    if len(emergency_measures) > MEASURES_LENGTH:
        raise invalid("emergency_measures", "too_long", limit=MEASURES_LENGTH)
    _check_draft(organisation, receiver, None if self_delivered else carrier, containers)
    for container in containers:
        require_stored_state(container)
    site = _common_site(containers)
    with transaction.atomic():
        serial = next_number(series_of(site, now), limit=MAX_MANIFEST_SERIAL)
        manifest = Manifest.objects.create(
            number=manifest_number(timezone.localdate(now).year, site.division, serial),
            sender=organisation,
            sender_site=site,
            receiver=receiver,
            carrier=organisation if self_delivered else carrier,
            self_delivered=self_delivered,
            emergency_measures=emergency_measures,
            created_at=now,
        )
        lines = Line.objects.bulk_create(
            Line(manifest=manifest, position=position, container=container, mass_g=container.mass_g)
            for position, container in enumerate(containers, 1)
        )
        fact = Fact("manifest.draft", manifest.subject, manifest.readers(), content_of(manifest, lines))
        record(actor, [fact], now=now)
    return manifest


def series_of(site: Site, now: datetime) -> str:
    """The number series of the manifests that leave a site this year."""
    return f"manifest:{manifest_series(timezone.localdate(now).year, site.division)}"


def _check_draft(
    sender: Organisation, receiver: Organisation, carrier: Organisation | None, containers: Sequence[Container]
) -> None:
    errors = []
    if not containers:
        errors.append(FieldError("containers", "no_lines"))
    if len({container.pk for container in containers}) != len(containers):
        errors.append(FieldError("containers", "duplicate_container"))
    errors += [
        FieldError("containers", "not_your_container", {"container": container.short_grouped})
        for container in containers
        if container.holder_id != sender.pk
    ]
    if receiver.pk == sender.pk:
        errors.append(FieldError("receiver", "receiver_is_sender"))
    elif not receiver.role_set & {"collector", "treater"}:
        errors.append(FieldError("receiver", "not_a_receiver", {"receiver": receiver.name}))
    if carrier is not None and "carrier" not in carrier.role_set:
        errors.append(FieldError("carrier", "not_a_carrier", {"carrier": carrier.name}))
    if errors:
        raise Invalid(*errors)


def _common_site(containers: Sequence[Container]) -> Site:
    stays = Stay.objects.filter(container__in=containers, left_at=None).select_related("depot__site")
    sites = {stay.depot.site for stay in stays}
    if len(sites) != 1:
        raise invalid("containers", "several_sites")
    return sites.pop()


def problems(manifest: Manifest, now: datetime) -> list[FieldError]:
    """Everything that stands in the way of issuing this draft today."""
    return problems_of(manifest, list(manifest.lines.select_related("container")), timezone.localdate(now))


def issue(*, actor: Actor, manifest: Manifest, now: datetime) -> Manifest:
    """The sender signs. Its containers are committed; carrier and receiver see manifest and containers from now on.

    Raises Refused with the first problem's code and all problems in `errors` (see checks.problems_of).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "sender")
        lines = list(manifest.lines.select_related("container__generator"))
        containers = lock([line.container for line in lines])
        for line, container in zip(lines, containers, strict=True):
            line.container, line.mass_g = container, container.mass_g
        if manifest.state == ManifestState.DRAFT and (found := problems_of(manifest, lines, timezone.localdate(now))):
            raise Refused(found[0].code, errors=found, **found[0].params)
        manifest.issued_at = now
        content = signature(content_of(manifest, lines), "issue")
        (manifest,), facts = move([manifest], "issue", actor=actor, change={"issued_at": now}, payload=content)
        Line.objects.bulk_update(lines, ["mass_g"])
        share(containers, manifest.readers())
        _, container_facts = move(containers, "commit", actor=actor, position="manifest", payload=about(manifest))
        record(actor, [*facts, *container_facts], now=now)
    return manifest


def cancel(*, actor: Actor, manifest: Manifest, reason: str, now: datetime) -> Manifest:
    """The sender calls it off before departure; committed containers are free again."""
    with transaction.atomic():
        (manifest,) = lock([manifest])
        issued = manifest.state == ManifestState.ISSUED
        (manifest,), facts = move([manifest], "cancel", actor=actor, payload={"reason": reason[:NOTE_LENGTH]})
        if issued:
            containers, released = move_containers(manifest, "release", actor)
            _withdraw(containers)
            facts += released
        record(actor, facts, now=now)
    return manifest


def _withdraw(containers: Sequence[Container]) -> None:
    """Who would have received or carried these has nothing to do with them any more: readers are drawn anew."""
    readers = {container.pk: audience([container.generator_id, container.holder_id]) for container in containers}
    for stay in Stay.objects.filter(container__in=containers).select_related("container__origin", "depot__site"):
        divisions = [stay.container.origin.division, stay.depot.site.division]
        readers[stay.container_id] |= audience([stay.depot.organisation_id], divisions)
    lines = Line.objects.filter(container__in=containers, manifest__issued_at__isnull=False)
    lines = lines.exclude(manifest__state=ManifestState.CANCELLED)
    for line in lines.select_related("manifest__sender_site", "manifest__receiver"):
        readers[line.container_id] |= line.manifest.readers()
    # Whose waste went into it goes on seeing it.
    for pk, inherited in readers_by_descent(containers).items():
        readers[pk] |= inherited
    set_readers(containers, readers)
