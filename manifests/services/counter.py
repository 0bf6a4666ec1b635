"""At the counter: a firm brings drums without a manifest; depot and firm make and sign it on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from depots import services as store
from depots.models import Bay, Depot
from depots.selectors import get_bay
from manifests.checks import receiver_problems
from manifests.models import Line, Manifest, WalkIn, WalkInLine, WalkInState
from manifests.services.carriage import deliver, depart
from manifests.services.common import NOTE_LENGTH
from manifests.services.drafting import draft, issue, series_of
from manifests.services.receipt import receive
from manifests.services.receipt_rows import Receipt
from manifests.services.streams import FromStream, logged_from, store_of
from manifests.walk_ins import firms_near, not_at_counter
from wastetrack.districts.selectors import figures
from wastetrack.errors import FieldError, Invalid, NotFound, NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import advance, hold_series, lock, move
from wastetrack.parties.actors import SYSTEM, Actor
from wastetrack.parties.models import Membership, Organisation, Site
from wastetrack.units import GRAMS_PER_KG, kg_text
from wastetrack.waste.models import Container, ContainerState, WasteStream
from wastetrack.waste.reading import read_day


@dataclass(frozen=True)
class Brought:
    """A drum on the counter's scale: one that the firm has logged, or a new one of a usual waste of the firm."""

    mass_g: int
    container: Container | None = None
    stream: WasteStream | None = None
    accumulation_start: object = None
    """Since when a new one was filled, as sent; nothing: today."""
    bay: str = ""

    @property
    def waste_code(self) -> str:
        return (self.container or self.stream).waste_code  # type: ignore[union-attr]

    @property
    def site_id(self) -> int:
        """The site of the firm that it comes from."""
        return self.container.origin_id if self.container else self.stream.site_id  # type: ignore[union-attr]


def start_walk_in(*, actor: Actor, depot: Depot, firm: Organisation, drums: Sequence[Brought], now: datetime) -> WalkIn:
    """The depot has weighed what a firm brought and asks the firm to confirm it. Nothing happens to any drum yet.

    Raises NotPermitted(read_only | not_your_depot | not_your_part), NotFound(unknown_firm | unknown_bay),
    Refused(no_walk_ins_here | firm_has_no_store), Invalid at `drums` and `drums.N`: no_lines, too_many,
    duplicate_container, not_the_firms, container_not_free, already_at_counter, unknown_stream, several_sites,
    permit_lacks_code, walk_in_too_heavy, and at a drum's accumulation_start.
    """
    store.require_own(actor, depot)
    if actor.via is not None:
        # The receipt will be its own: somebody who acts for others leaves no membership to give it by.
        raise NotPermitted("not_your_part")
    if not depot.takes_from_others:
        raise Refused("no_walk_ins_here")
    if not firms_near(depot).filter(pk=firm.pk).exists():
        raise NotFound("unknown_firm")
    limits = figures(depot.site.division, "walk_in")
    if errors := _problems(depot, firm, drums, now, int(limits["max_kg"]), int(limits["most_drums"])):
        raise Invalid(*errors)
    store_of(firm, drums[0].site_id)
    lines = [_line(depot, number, drum, now) for number, drum in enumerate(drums)]
    with transaction.atomic():
        walk_in = WalkIn.objects.create(
            depot=depot,
            firm=firm,
            started_by=actor.person,
            created_at=now,
            expires_at=now + timedelta(hours=int(limits["hours"])),
        )
        for line in lines:
            line.walk_in = walk_in
        WalkInLine.objects.bulk_create(lines)
        payload = {"depot": str(depot.pk), "depot_name": depot.name, "firm": firm.name, "lines": [*map(_told, lines)]}
        record(actor, [Fact("walk_in.start", walk_in.subject, walk_in.readers(), payload)], now=now)
    return walk_in


def _problems(
    depot: Depot, firm: Organisation, drums: Sequence[Brought], now: datetime, most_kg: int, most_drums: int
) -> list[FieldError]:
    if not drums:
        return [FieldError("drums", "no_lines")]
    if len(drums) > most_drums:
        return [FieldError("drums", "too_many", {"limit": most_drums})]
    logged = [(f"drums.{n}.container", drum.container) for n, drum in enumerate(drums) if drum.container]
    errors = not_at_counter(logged, firm, now)
    if len({container.pk for _, container in logged}) != len(logged):
        errors.append(FieldError("drums", "duplicate_container"))
    errors += [
        FieldError(f"drums.{number}.stream", "unknown_stream")
        for number, drum in enumerate(drums)
        if drum.stream and (drum.stream.organisation_id != firm.pk or not drum.stream.active)
    ]
    if not errors and len({drum.site_id for drum in drums}) != 1:
        errors.append(FieldError("drums", "several_sites"))
    receiver, today = depot.site.organisation, timezone.localdate(now)
    codes = {drum.waste_code for drum in drums}
    found = receiver_problems(receiver, receiver.permits.all(), codes, today)
    errors += [replace(error, field="drums") for error in found]
    total = sum(drum.mass_g for drum in drums)
    if total > most_kg * GRAMS_PER_KG:
        errors.append(FieldError("drums", "walk_in_too_heavy", {"limit": most_kg, "mass_kg": kg_text(total)}))
    return errors


def _line(depot: Depot, number: int, drum: Brought, now: datetime) -> WalkInLine:
    return WalkInLine(
        position=number + 1,
        container=drum.container,
        stream=None if drum.container else drum.stream,
        accumulation_start=None if drum.container else _since(drum, f"drums.{number}.accumulation_start", now),
        mass_g=drum.mass_g,
        bay=get_bay(depot, drum.bay) if drum.bay else None,
    )


def _since(drum: Brought, field: str, now: datetime) -> date:
    today = timezone.localdate(now)
    if drum.accumulation_start in (None, ""):
        return today
    day = read_day(drum.accumulation_start)
    if day is None or day > today:
        raise invalid(field, "date_unreadable" if day is None else "date_in_future")
    return day


def _told(line: WalkInLine) -> dict[str, str]:
    what = line.container or line.stream
    assert what is not None
    code = {"container": line.container.code} if line.container else {}
    return {**code, "name": what.name, "waste_code": what.waste_code, "mass_kg": kg_text(line.mass_g) or ""}


def confirm_walk_in(*, actor: Actor, walk_in: WalkIn, now: datetime) -> WalkIn:
    """The firm signs, and all of it happens at once: drums logged and stored, manifest issued, brought, received.

    `actor` is the firm's member; with `counter` where it was typed on the depot's device. All or nothing: whatever
    stands in the way of one step stands in the way of all.
    Raises NotPermitted(not_your_part), Refused(illegal_state | walk_in_expired | walk_in_stale) and what the steps
    raise (see issue and receive).
    """
    if actor.is_regulator:
        raise NotPermitted("not_your_part")
    with transaction.atomic():
        (walk_in,), facts = move([walk_in], "confirm", actor=actor, change={"settled_at": now})
        if now >= walk_in.expires_at:
            raise Refused("walk_in_expired")
        record(actor, facts, now=now)
        receiver = _weigher(walk_in)
        lines = list(walk_in.lines.select_related("container__origin", "stream__site", "bay"))
        _into_the_firms_store(actor, walk_in, lines, now)
        # What the steps hold, they hold in everybody's order: drums, then bays, then stays and alerts.
        store.lock_bays(walk_in.depot)
        containers = [line.container for line in lines if line.container]
        manifest = draft(actor=actor, receiver=receiver.principal, containers=containers, self_delivered=True, now=now)
        walk_in.manifest = manifest
        walk_in.save(update_fields=["manifest"])
        manifest = issue(actor=actor, manifest=manifest, now=now)
        manifest = depart(actor=actor, manifest=manifest, now=now)
        manifest = deliver(actor=actor, manifest=manifest, now=now)
        _take_in(receiver, walk_in, manifest, lines, now)
    return walk_in


def _weigher(walk_in: WalkIn) -> Actor:
    """Who weighed the drums, acting for the depot as then. Raises Refused(walk_in_stale) when they no longer may."""
    membership = (
        Membership.objects.filter(
            user=walk_in.started_by_id, user__is_active=True, organisation=walk_in.depot.organisation_id
        )
        .select_related("user", "organisation")
        .first()
    )
    if membership is None or not Actor.of(membership).may_write:
        raise Refused("walk_in_stale")
    return Actor.of(membership)


def _into_the_firms_store(actor: Actor, walk_in: WalkIn, lines: Sequence[WalkInLine], now: datetime) -> None:
    """Every line's drum as it stood, if only on paper, in the firm's store, where a manifest fetches it from."""
    # Whoever drafts holds the series of manifests before any drum, and nobody holds two drums out of order.
    hold_series(series_of(_site(lines[0]), now))
    named = [line for line in lines if line.container is not None]
    for line, container in zip(named, lock([line.container for line in named if line.container]), strict=True):
        if container.holder_id != walk_in.firm_id:
            raise Refused("not_the_firms", container=container.short_grouped, firm=walk_in.firm.name)
        line.container = container
    # What is new was typed at the counter, wherever the firm confirms it.
    typist = actor.at_counter(walk_in.depot.name)
    # New ones by code and day: so two walk-ins count up the series of codes one after the other.
    for line in sorted((line for line in lines if line.container is None), key=_code_and_day):
        assert line.stream is not None
        one = FromStream(line.stream, line.mass_g, line.accumulation_start)
        line.container = logged_from(one, actor=typist, since=timezone.localdate(now), now=now)
        line.save(update_fields=["container"])
    for line in named:
        drum = line.container
        if drum is not None and drum.state == ContainerState.LOGGED:
            place = store_of(walk_in.firm, drum.origin_id)
            line.container = store.check_in(actor=typist, container=drum, depot=place, now=now, on_paper=True)


def _site(line: WalkInLine) -> Site:
    return line.container.origin if line.container else line.stream.site  # type: ignore[union-attr]


def _code_and_day(line: WalkInLine) -> tuple[str, date, int]:
    assert line.stream is not None
    assert line.accumulation_start is not None
    return line.stream.waste_code, line.accumulation_start, line.position


def _take_in(actor: Actor, walk_in: WalkIn, manifest: Manifest, lines: Sequence[WalkInLine], now: datetime) -> None:
    """The depot receives every drum at the scale's mass: the wanted bays first, then where it suits best."""
    rows: dict[int | None, Line] = {row.container_id: row for row in manifest.lines.select_related("container")}
    wanted: dict[Bay | None, list[WalkInLine]] = {}
    for line in sorted(lines, key=lambda line: (line.bay is None, line.position)):
        wanted.setdefault(line.bay, []).append(line)
    for bay, group in wanted.items():
        receipts = [Receipt(rows[line.container_id], mass_g=line.mass_g) for line in group]
        manifest = receive(
            actor=actor,
            manifest=manifest,
            receipts=receipts,
            depot=walk_in.depot,
            bay=bay,
            unsigned="at_counter",
            now=now,
        )


def decline_walk_in(*, actor: Actor, walk_in: WalkIn, reason: str, now: datetime) -> WalkIn:
    """The firm does not want it so, or the depot takes it back. Raises NotPermitted(not_your_part), Refused."""
    actor.require_write()
    if not walk_in.positions(actor):
        raise NotPermitted("not_your_part", verb="decline", subject=walk_in.subject)
    expire_if_over(walk_in, now)
    payload = {"reason": " ".join(reason.split())[:NOTE_LENGTH]}
    (walk_in,) = advance([walk_in], "decline", actor=actor, now=now, payload=payload, change={"settled_at": now})
    return walk_in


def expire_if_over(walk_in: WalkIn, now: datetime) -> None:
    """Note, for good, that its time is over. Raises Refused(walk_in_expired) when it is."""
    if now < walk_in.expires_at or walk_in.state not in (WalkInState.WAITING, WalkInState.EXPIRED):
        return
    if walk_in.state == WalkInState.WAITING:
        advance([walk_in], "expire", actor=SYSTEM, now=now, change={"settled_at": now})
    raise Refused("walk_in_expired")
