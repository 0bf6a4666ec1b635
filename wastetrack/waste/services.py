"""Logging waste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, next_number
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site
from wastetrack.parties.visibility import audience
from wastetrack.regulations.identifiers import MAX_CONTAINER_SERIAL, ContainerCode, container_prefix, short_code
from wastetrack.units import kg_text
from wastetrack.waste import clock
from wastetrack.waste.models import ENDED, Container, ContainerReader, ContainerState, WasteStream
from wastetrack.waste.reading import NO_REACTION, Reader, read_waste_fields

SHORT_CODE_ATTEMPTS = 5
STREAM_FIELDS = (
    "waste_code",
    "name",
    "form",
    "hazards",
    "components",
    "harmful_components",
    "precautions",
    "reaction_groups",
    "container_kind",
    "volume_l",
)
"""What a usual waste remembers of a container."""


def log_waste(
    *, actor: Actor, site: Site, data: dict[str, Any], now: datetime, stream: WasteStream | None = None
) -> Container:
    """Log a container at a site of the actor's organisation: code minted, storage deadline set, entry written.

    `data` has the contract's fields as they were sent. Raises Invalid (see reading), NotPermitted, and
    Refused(container_serial_exhausted) for the 1,000th container of one waste code and day.
    """
    with transaction.atomic():
        container, fact = make_container(actor=actor, site=site, data=data, now=now, stream=stream)
        record(actor, [fact], now=now)
    return container


def make_container(
    *, actor: Actor, site: Site, data: dict[str, Any], now: datetime, stream: WasteStream | None = None
) -> tuple[Container, Fact]:
    """`log_waste` without its entry: the caller records the returned fact together with what it does next."""
    actor.require_write()
    organisation = actor.principal
    if site.organisation_id != organisation.pk:
        raise NotPermitted("not_your_site")
    if stream is not None and stream.reaction_groups is not None and not data.get("reaction_groups"):
        data = {**data, "reaction_groups": stream.reaction_groups or NO_REACTION}
    fields = read_waste_fields(data, now=now)
    limit = clock.limit_for(["generator"], None, fields.waste.code, fields.accumulation_start)
    container = Container(
        stream=stream,
        waste_code=fields.waste.code,
        category=fields.waste.category,
        name=fields.name,
        form=fields.form,
        hazards=fields.hazards,
        reaction_groups=fields.reaction_groups,
        container_kind=fields.container_kind,
        volume_l=fields.volume_l,
        mass_g=fields.mass_g,
        accumulation_start=fields.accumulation_start,
        logged_at=now,
        **fields.texts,
    )
    clock.set_deadline(container, limit, fields.accumulation_start)
    mint(container, organisation=organisation, site=site, readers=audience([organisation.pk], [site.division]))
    clock.start([container], organisation_id=organisation.pk, division=site.division)
    return container, Fact("container.log", container.subject, container.readers(), describe(container))


def mint(container: Container, *, organisation: Organisation, site: Site, readers: frozenset[str]) -> None:
    """Give a new container its code, owner and readers, and save it: the one birth of a container.

    Its code, by which its label names it, is that of the organisation which fills it (HJ 1276).
    Raises Refused(container_serial_exhausted).
    """
    prefix = container_prefix(organisation.uscc, container.waste_code, container.accumulation_start)
    serial = next_number(prefix, limit=MAX_CONTAINER_SERIAL, code="container_serial_exhausted")
    container.code = str(ContainerCode(organisation.uscc, container.waste_code, container.accumulation_start, serial))
    container.generator = container.holder = organisation
    container.origin = site
    container.reader_keys = " ".join(sorted(readers))
    _save_with_short_code(container)
    ContainerReader.objects.bulk_create([ContainerReader(container=container, reader=key) for key in sorted(readers)])


def _save_with_short_code(container: Container) -> None:
    """A short code is drawn from the long one; the unique constraint tells the rare clash, and the next is drawn."""
    for attempt in range(SHORT_CODE_ATTEMPTS):
        container.short_code = short_code(container.code, attempt)
        try:
            with transaction.atomic():
                container.save(force_insert=True)
            return
        except IntegrityError:
            if not Container.objects.filter(short_code=container.short_code).exists():
                raise
            container.pk = None
    raise Refused("short_code_exhausted")


def describe(container: Container) -> dict[str, Any]:
    """What a container is, as the entry of its birth says it."""
    assert container.storage_deadline is not None
    return {
        "short_code": container.short_code,
        "waste_code": container.waste_code,
        "name": container.name,
        "form": container.form,
        "hazards": container.hazards,
        "reaction_groups": container.reaction_groups,
        "container_kind": container.container_kind,
        "volume_l": str(container.volume_l),
        "mass_kg": kg_text(container.mass_g),
        "accumulation_start": container.accumulation_start.isoformat(),
        "storage_deadline": instant(container.storage_deadline),
        "storage_clause": container.storage_clause,
        "site": container.origin.name,
    }


def save_stream(*, actor: Actor, container: Container, now: datetime) -> WasteStream:
    """Keep what a container of the actor's own firm holds as a usual waste, for one tap the next time."""
    actor.require_write()
    if container.generator_id != actor.organisation_id:
        raise NotPermitted("not_your_part")
    with transaction.atomic():
        (container,) = lock([container])
        same = {name: getattr(container, name) for name in STREAM_FIELDS}
        stream = WasteStream.objects.create(organisation=container.generator, site=container.origin, **same)
        container.stream = stream
        container.save(update_fields=["stream"])
        payload = {"name": stream.name, "waste_code": stream.waste_code, "container": container.code}
        fact = Fact("stream.save", f"stream:{stream.pk}", container.readers(), payload)
        record(actor, [fact], now=now)
    return stream


def remember_reactions(*, actor: Actor, container: Container, now: datetime) -> None:
    """What was said of a container's reactions holds for its usual waste too, where nobody had said it of that."""
    actor.require_write()
    if container.stream_id is None or container.reaction_groups is None:
        return
    with transaction.atomic():
        streams = WasteStream.objects.select_for_update().filter(organisation=actor.organisation_id)
        stream = streams.filter(pk=container.stream_id, reaction_groups=None).first()
        if stream is None:
            return
        stream.reaction_groups = container.reaction_groups
        stream.save(update_fields=["reaction_groups"])
        payload = {"name": stream.name, "waste_code": stream.waste_code, "container": container.code}
        payload["reaction_groups"] = stream.reaction_groups
        record(actor, [Fact("stream.save", f"stream:{stream.pk}", container.readers(), payload)], now=now)


def require_stating(*, actor: Actor, container: Container) -> None:
    """Raises NotPermitted unless the actor may say of this container with what it reacts, Refused where it is gone."""
    actor.require_write()
    if actor.organisation_id not in (container.holder_id, container.generator_id):
        raise NotPermitted("not_your_part")
    if container.state in ENDED:
        raise Refused(container.state)


def state_reactions(*, actor: Actor, container: Container, groups: object, now: datetime) -> Container:
    """Holder or generator says with what a container reacts: group codes, or `none`.

    Raises Invalid(missing | unknown_group), NotPermitted(not_your_part), Refused(treated | emptied | voided).
    """
    require_stating(actor=actor, container=container)
    reader = Reader()
    stated = reader.groups("reaction_groups", groups, None)
    if stated is None:
        reader.fail("reaction_groups", "missing")
    reader.finish()
    with transaction.atomic():
        (container,) = lock([container])
        payload = {"from_groups": container.reaction_groups, "reaction_groups": stated}
        container.reaction_groups = stated
        container.save(update_fields=["reaction_groups"])
        record(actor, [Fact("container.state_reactions", container.subject, container.readers(), payload)], now=now)
    return container


def require_stored_state(container: Container) -> None:
    """Raises Refused(container_not_free) unless it stands in a store and on no manifest."""
    if container.state != ContainerState.STORED:
        raise Refused("container_not_free", container=container.short_grouped, state=container.state)


def share(containers: Sequence[Container], readers: frozenset[str]) -> None:
    """Let further organisations and districts see these locked containers from now on (two queries)."""
    _write_readers(containers, {container.pk: container.readers() | readers for container in containers})


def set_readers(containers: Sequence[Container], readers: Mapping[int, frozenset[str]]) -> None:
    """Draw anew who may see these locked containers, by container id (four queries)."""
    rows = ContainerReader.objects.filter(container__in=containers)
    gone = [row.pk for row in rows if row.reader not in readers[row.container_id]]
    ContainerReader.objects.filter(pk__in=gone).delete()
    _write_readers(containers, readers)


def _write_readers(containers: Sequence[Container], readers: Mapping[int, frozenset[str]]) -> None:
    for container in containers:
        container.reader_keys = " ".join(sorted(readers[container.pk]))
    Container.objects.bulk_update(containers, ["reader_keys"], batch_size=500)
    ContainerReader.objects.bulk_create(
        [ContainerReader(container=container, reader=key) for container in containers for key in container.readers()],
        ignore_conflicts=True,
        batch_size=2_000,
    )
