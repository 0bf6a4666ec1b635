"""What must hold before a manifest is issued. All problems are found at once, each with its code and field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from depots.models import Stay
from manifests.models import Line, Manifest, Treatment
from wastetrack.errors import FieldError
from wastetrack.parties.models import Organisation, Permit, PermitKind
from wastetrack.waste.models import Container, ContainerState


def problems_of(manifest: Manifest, lines: Sequence[Line], on: date) -> list[FieldError]:
    """Why the manifest can't be issued on this day; empty when it can (articles 10, 11 and 14)."""
    found: list[FieldError] = []
    containers = [line.container for line in lines]
    if not containers:
        found.append(FieldError("containers", "no_lines"))
    codes = {container.waste_code for container in containers}
    found += receiver_problems(manifest.receiver, manifest.receiver.permits.all(), codes, on)
    if manifest.carrier is None:
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
    begun = set(Treatment.objects.filter(line__container__in=containers).values_list("line__container", flat=True))
    found = []
    for container in containers:
        params = {"container": container.short_grouped, "state": container.state}
        if container.holder_id != manifest.sender_id:
            found.append(FieldError("containers", "not_your_container", params))
        elif container.state != ContainerState.STORED:
            found.append(FieldError("containers", "container_not_free", params))
        elif container.pk not in here:
            found.append(FieldError("containers", "not_at_site", params))
        elif container.pk in begun:
            found.append(FieldError("containers", "partly_treated", params))
    return found


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
