"""What must hold before a manifest is issued. All problems are found at once, each with its code and field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import combinations

from depots.models import Stay
from manifests.models import Line, Manifest
from wastetrack.districts.selectors import Reactions, figure, reactions
from wastetrack.errors import FieldError
from wastetrack.parties.models import Organisation, Permit, PermitKind
from wastetrack.units import GRAMS_PER_KG, kg_text
from wastetrack.waste.models import Container, ContainerState


def problems_of(manifest: Manifest, lines: Sequence[Line], on: date) -> list[FieldError]:
    """Why the manifest can't be issued on this day; empty when it can (articles 10, 11 and 14)."""
    found: list[FieldError] = []
    containers = [line.container for line in lines]
    if not containers:
        found.append(FieldError("containers", "no_lines"))
    found += vehicle_problems(containers, reactions(manifest.sender_site.division))
    codes = {container.waste_code for container in containers}
    found += receiver_problems(manifest.receiver, manifest.receiver.permits.all(), codes, on)
    if manifest.self_delivered:
        found += self_delivery_problems(manifest, sum(line.mass_g for line in lines))
    elif manifest.carrier is None:
        found.append(FieldError("carrier", "carrier_missing"))
    else:
        found += carrier_problems(manifest.carrier, manifest.carrier.permits.all(), on)
    return found + container_problems(manifest, containers)


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
