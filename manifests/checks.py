"""What must hold before a manifest is issued. All problems are found at once, each with its code and field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

from django.db.models import Case, DateField, Q, QuerySet, Sum, Value, When, prefetch_related_objects
from django.db.models.functions import Coalesce

from depots.models import Stay
from manifests.models import NO_RETURN, TURNED_AWAY, UNDER_WAY, Approval, Line, Manifest, ManifestState, Outcome
from wastetrack.districts.selectors import Reactions, figure, reactions
from wastetrack.errors import FieldError
from wastetrack.parties.models import Organisation, Permit, PermitKind
from wastetrack.regulations.divisions import province_of
from wastetrack.units import GRAMS_PER_KG, kg_text
from wastetrack.waste.clock import start_of
from wastetrack.waste.models import Container, ContainerState


def problems_of(manifest: Manifest, lines: Sequence[Line], on: date) -> list[FieldError]:
    """Why the manifest can't be issued on this day; empty when it can (articles 10, 11, 14 and 21)."""
    containers = [line.container for line in lines]
    found = transfer_problems(manifest, containers, on)
    if manifest.follows:
        return found + turned_away_problems(manifest, containers)
    return found + container_problems(manifest, containers)


def transfer_problems(manifest: Manifest, containers: Sequence[Container], on: date) -> list[FieldError]:
    """Why these may not go from its sender to its receiver with its carriers, wherever they are now.

    Of permits and approvals, what the manifest itself uses up already is left out.
    """
    found: list[FieldError] = []
    mass_g = sum(container.mass_g for container in containers)
    if not containers:
        found.append(FieldError("containers", "no_lines"))
    if len({one.kind for one in containers}) > 1:
        found += vehicle_problems(containers, reactions(manifest.sender_site.division))
    prefetch_related_objects([one for one in (manifest.receiver, manifest.carrier) if one], "permits")
    found += permit_problems(manifest, containers, on)
    if manifest.purpose != "return":
        found += yearly_problems(manifest, mass_g, on)
    if manifest.self_delivered:
        found += self_delivery_problems(manifest, mass_g)
    elif manifest.carrier is None:
        found.append(FieldError("carrier", "carrier_missing"))
    else:
        found += carriage_problems(manifest, mass_g, on)
    return found


def permit_problems(manifest: Manifest, containers: Sequence[Container], on: date) -> list[FieldError]:
    """Why the receiver's permits, or the approval to leave the province, do not bear this transfer on a day."""
    if manifest.purpose == "return":
        # A firm needs no permit to get its own waste back.
        return []
    codes = {container.waste_code for container in containers}
    found = receiver_problems(manifest.receiver, manifest.receiver.permits.all(), codes, on)
    return found + approval_problems(manifest, containers, on)


def carriage_problems(manifest: Manifest, mass_g: int, on: date) -> list[FieldError]:
    """Why one of its carriers may not carry this, on this day, on any vehicle it has."""
    carriers = [manifest.carrier] if manifest.carrier else []
    if manifest.relay:
        carriers += [leg.carrier for leg in manifest.legs.select_related("carrier").filter(departed_at=None)]
    found = []
    for carrier in carriers:
        found += carrier_problems(carrier, carrier.permits.all(), on)
        loads: list[int | None] = list(carrier.vehicles.filter(ended_at=None).values_list("capacity_g", flat=True))
        known = [load for load in loads if load is not None]
        if not loads:
            found.append(FieldError("carrier", "carrier_without_vehicle", {"carrier": carrier.name}))
        elif len(known) == len(loads) and max(known) < mass_g:
            params = {"carrier": carrier.name, "mass_kg": kg_text(mass_g), "limit_kg": kg_text(max(known))}
            found.append(FieldError("carrier", "too_heavy_for_carrier", params))
    return found


@dataclass(frozen=True)
class Stretch:
    """A part of this year up to a day: what the permits that held in it let be taken, and what was taken; grams."""

    first: date
    granted_g: int
    taken_g: int

    @property
    def left_g(self) -> int:
        """What may still be taken; below nothing where more was."""
        return self.granted_g - self.taken_g

    @property
    def share(self) -> float:
        """What was taken as a part of what was granted."""
        return self.taken_g / (self.granted_g or 1)

    def goes_beyond(self, percent: int) -> bool:
        """Whether more than so many per cent beyond what was granted is taken."""
        return self.taken_g * 100 > self.granted_g * (100 + percent)


def stretches_of(
    takers: Iterable[Organisation], on: date, without: Manifest | None = None
) -> dict[Organisation, list[Stretch]]:
    """What each receiver may take this year and has taken; none for one whose permits of the day name no mass (one
    query).

    A new permit is needed once more than a fifth beyond the yearly mass that was approved is taken (State Council
    408, art. 12 (4)). Where permits of a year follow each other, end early or are withdrawn, what was taken while
    others held, too, is measured by what all of them granted, and only what was taken since they ended by what those
    granted that go on: so there is a stretch from the year's first day and from each day on which one has begun or
    another had ended, up to now, and each has to do for itself.

    What is announced counts as taken, but for the manifest `without`.
    """
    year = on.replace(month=1, day=1)
    grants = {taker: found for taker in takers if (found := _grants(taker, on))}
    since = [
        When(manifest__receiver=taker.pk, received_at__gte=start_of(first), then=Value(first))
        for taker, found in grants.items()
        for first in sorted(found, reverse=True)
        if first > year
    ]
    taken = Q(outcome=Outcome.ACCEPTED, received_at__gte=start_of(year))
    taken |= Q(outcome="", manifest__state__in=UNDER_WAY)
    rows = (
        Line.objects.filter(taken & NO_RETURN, manifest__receiver__in=list(grants))
        .exclude(manifest=without)
        .annotate(since=Case(When(outcome="", then=Value(on)), *since, default=Value(year), output_field=DateField()))
        .order_by()
        .values_list("manifest__receiver", "since")
        .annotate(sum_g=Sum(Coalesce("received_mass_g", "mass_g")))
    )
    sums: dict[int, list[tuple[date, int]]] = {}
    for pk, day, sum_g in rows:
        sums.setdefault(pk, []).append((day, sum_g))
    return {
        taker: [
            Stretch(first, mass_g, sum(sum_g for day, sum_g in sums.get(taker.pk, ()) if day >= first))
            for first, mass_g in found.items()
        ]
        for taker, found in grants.items()
    }


def yearly_left(takers: Iterable[Organisation], on: date, without: Manifest | None = None) -> dict[Organisation, int]:
    """Grams that each receiver's permits leave it this year, where they name a yearly mass (one query).

    Below nothing once it has taken more. See `stretches_of`.
    """
    found = stretches_of(takers, on, without)
    return {taker: min(one.left_g for one in stretches) for taker, stretches in found.items()}


def _grants(taker: Organisation, on: date) -> dict[date, int]:
    """Grams that the permits of each stretch of this year let a receiver take, by its first day; empty where those of
    the day itself do not name a mass. A stretch in which one holds that names none has no bound."""
    year = on.replace(month=1, day=1)
    begun = [one for one in taker.permits.all() if one.kind != PermitKind.TRANSPORT and one.valid_from <= on]
    held = [one for one in begun if max(one.valid_from, year) <= one.valid_to]
    turns = {one.valid_from for one in held} | {one.valid_to + timedelta(days=1) for one in held}
    firsts = sorted({year} | {day for day in turns if year < day <= on})
    found = {first: granted([one for one in held if one.valid_to >= first]) for first in firsts}
    if found[firsts[-1]] is None:
        return {}
    return {first: mass_g for first, mass_g in found.items() if mass_g is not None}


def granted(permits: Sequence[Permit]) -> int | None:
    """Grams a year that these let their holder take together; None unless all that count name a yearly mass.

    One that later ones renew does not count beside them: it is the same year's mass once more. But where they grant
    less, it is not taken back by them what was granted before they began.
    """
    sums = []
    for begun in {one.valid_from for one in permits}:
        there = [one for one in permits if one.valid_from <= begun]
        counted = [one for one in there if not names_all([other for other in there if _is_later(other, one)], one)]
        known = [one.yearly_mass_g for one in counted if one.yearly_mass_g is not None]
        if len(known) < len(counted):
            return None
        sums.append(sum(known))
    return max(sums, default=None)


def names_all(permits: Iterable[Permit], permit: Permit) -> bool:
    """Whether these together name everything that a permit names; what names nothing has nothing to be named."""
    permits = list(permits)
    return bool(permits) and all(any(one.covers(code) for one in permits) for code in permit.codes.split())


def _is_later(permit: Permit, than: Permit) -> bool:
    """One that begins later and ends earlier stands beside the other: it takes the place of nothing."""
    return permit.valid_from > than.valid_from and permit.valid_to >= than.valid_to


def yearly_problems(manifest: Manifest, mass_g: int, on: date) -> list[FieldError]:
    """Whether this takes its receiver past what it may take a year without a new permit (State Council 408, art. 12).

    A first issue and a receipt count alike, so a load on its way is counted once.
    """
    receiver = manifest.receiver
    stretches = stretches_of([receiver], on, without=manifest).get(receiver, [])
    left_g = min((one.left_g for one in stretches), default=mass_g)
    if mass_g <= left_g:
        return []
    over_percent = int(figure(receiver.division, "permit.overrun_percent"))
    if not any(replace(one, taken_g=one.taken_g + mass_g).goes_beyond(over_percent) for one in stretches):
        return []
    params = {"receiver": receiver.name, "left_kg": kg_text(max(0, left_g)), "mass_kg": kg_text(mass_g)}
    return [FieldError("receiver", "permit_mass_exceeded", params)]


def approval_problems(manifest: Manifest, containers: Sequence[Container], on: date) -> list[FieldError]:
    """Why a transfer out of the province has no leave to go (articles 21 to 28); the manifest names its approval."""
    if not leaves_province(manifest):
        return []
    codes = {container.waste_code for container in containers}
    approval = manifest.approval
    if approval is None or (approval.sender_id, approval.receiver_id) != (manifest.sender_id, manifest.receiver_id):
        return [FieldError("approval", "approval_missing", {"receiver": manifest.receiver.name})]
    found = []
    if not approval.valid_from <= on <= approval.valid_to:
        params = {"approval": approval.number, "day": approval.valid_to.isoformat()}
        found.append(FieldError("approval", "approval_expired", params))
    found += [
        FieldError("approval", "approval_lacks_code", {"approval": approval.number, "waste_code": code})
        for code in sorted(codes - set(approval.waste_codes.split()))
    ]
    left_g = approvals_left([approval], without=manifest)[approval]
    mass_g = sum(container.mass_g for container in containers)
    if mass_g > left_g:
        given: dict[str, Any] = {"approval": approval.number, "left_kg": kg_text(left_g), "mass_kg": kg_text(mass_g)}
        found.append(FieldError("approval", "approval_used_up", given))
    return found


def leaves_province(manifest: Manifest) -> bool:
    """Whether sender and receiver lie in different provinces."""
    return province_of(manifest.sender_site.division) != province_of(manifest.receiver.division)


def approval_left(approval: Approval) -> int:
    """Grams that the manifests issued on it have not used up yet (one query)."""
    return approvals_left([approval])[approval]


def approvals_left(approvals: Sequence[Approval], without: Manifest | None = None) -> dict[Approval, int]:
    """The same of several, with what the manifest `without` uses up (one query)."""
    used = Line.objects.filter(manifest__approval__in=approvals, manifest__issued_at__isnull=False)
    used = used.exclude(manifest=without)
    used = used.exclude(outcome=Outcome.REJECTED).exclude(manifest__state=ManifestState.CANCELLED).order_by()
    sums: Mapping[int, int] = dict(
        used.values_list("manifest__approval").annotate(sum_g=Sum(Coalesce("received_mass_g", "mass_g")))
    )
    return {one: max(0, one.mass_g - sums.get(one.pk, 0)) for one in approvals}


def container_problems(manifest: Manifest, containers: Sequence[Container]) -> list[FieldError]:
    """Which containers are not the sender's, not free, not whole, or not at the site the manifest leaves from."""
    here = set(
        Stay.objects.filter(container__in=containers, left_at=None, depot__site=manifest.sender_site_id).values_list(
            "container", flat=True
        )
    )
    found = []
    for container in containers:
        params = {"container": container.short_grouped, "state": container.state}
        if container.holder_id != manifest.sender_id:
            found.append(FieldError("containers", "not_your_container", params))
        elif container.state != ContainerState.STORED:
            found.append(FieldError("containers", "container_not_free", params))
        elif container.pk not in here:
            found.append(FieldError("containers", "not_at_site", params))
        elif container.treated_g:
            found.append(FieldError("containers", "partly_treated", params))
    return found


def turned_away_problems(manifest: Manifest, containers: Sequence[Container]) -> list[FieldError]:
    """Which containers are no longer waiting, refused, under the manifest that this one follows."""
    waiting = set(turned_away(manifest.follows).values_list("container", flat=True)) if manifest.follows else set()
    return [
        FieldError("containers", "container_not_free", {"container": one.short_grouped, "state": one.state})
        for one in containers
        if one.pk not in waiting or one.state != ContainerState.IN_TRANSIT
    ]


def turned_away(manifest: Manifest) -> QuerySet[Line]:
    """The manifest's lines whose drum was not taken and is neither back nor on its way under another manifest."""
    return Line.objects.filter(TURNED_AWAY, manifest=manifest, taken_back_at=None, followed_by=None)


def vehicle_problems(containers: Sequence[Container], table: Reactions) -> list[FieldError]:
    """Which of these may not ride on one vehicle: what reacts, and what nobody has said anything about."""
    kinds = list({one.kind: one for one in containers}.values())
    found = []
    for one, other in combinations(kinds, 2):
        params = {"container": one.short_grouped, "other": other.short_grouped}
        if table.clash(one.kind, other.kind) == "reacts":
            found.append(FieldError("containers", "vehicle_incompatible", params))
    strange = [one for one in kinds if one.reactions is None]
    if strange and len({one.waste_code for one in kinds}) > 1:
        found += [
            FieldError("containers", "vehicle_reaction_unknown", {"container": one.short_grouped}) for one in strange
        ]
    return found


def self_delivery_problems(manifest: Manifest, mass_g: int) -> list[FieldError]:
    """Why the sender may not bring this itself: more than the district lets anybody carry without a carrier."""
    if manifest.carrier_id != manifest.sender_id:
        return [FieldError("carrier", "not_a_carrier", {"carrier": manifest.carrier.name if manifest.carrier else "—"})]
    limit = figure(manifest.sender_site.division, "walk_in.max_kg")
    if mass_g > limit * GRAMS_PER_KG:
        return [FieldError("containers", "walk_in_too_heavy", {"limit": limit, "mass_kg": kg_text(mass_g)})]
    return []


def receiver_problems(
    receiver: Organisation, permits: Iterable[Permit], waste_codes: Iterable[str], on: date
) -> list[FieldError]:
    """Which of these waste codes the receiver, having these permits, may not take on this day."""
    operating = [permit for permit in permits if permit.kind != PermitKind.TRANSPORT]
    valid = [permit for permit in operating if permit.valid_on(on)]
    found = []
    for code in sorted(waste_codes):
        if any(permit.covers(code) for permit in valid):
            continue
        expired = any(permit.covers(code) for permit in operating)
        params = {"receiver": receiver.name, "waste_code": code}
        found.append(FieldError("receiver", "permit_expired" if expired else "permit_lacks_code", params))
    return found


def carrier_problems(carrier: Organisation, permits: Iterable[Permit], on: date) -> list[FieldError]:
    """Why this organisation, having these permits, may not carry on this day."""
    if "carrier" not in carrier.role_set:
        return [FieldError("carrier", "not_a_carrier", {"carrier": carrier.name})]
    if not any(permit.kind == PermitKind.TRANSPORT and permit.valid_on(on) for permit in permits):
        return [FieldError("carrier", "carrier_permit_expired", {"carrier": carrier.name})]
    return []
