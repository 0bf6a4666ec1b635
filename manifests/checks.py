"""What must hold before a manifest is issued. All problems are found at once, each with its code and field."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from manifests.models import Line, Manifest
from wastetrack.errors import FieldError
from wastetrack.parties.models import Organisation, PermitKind
from wastetrack.parties.selectors import valid_permits
from wastetrack.waste.models import Container, ContainerState


def problems_of(manifest: Manifest, lines: Sequence[Line], on: date) -> list[FieldError]:
    """Why the manifest can't be issued on this day; empty when it can (articles 10, 11 and 14)."""
    found: list[FieldError] = []
    containers = [line.container for line in lines]
    if not containers:
        found.append(FieldError("containers", "no_lines"))
    found += _receiver_problems(manifest.receiver, containers, on)
    found += _carrier_problems(manifest.carrier, on)
    found += [
        FieldError("containers", "container_not_free", {"container": c.short_grouped, "state": c.state})
        for c in containers
        if c.state != ContainerState.STORED
    ]
    return found


def _receiver_problems(receiver: Organisation, containers: Sequence[Container], on: date) -> list[FieldError]:
    permits = list(receiver.permits.exclude(kind=PermitKind.TRANSPORT))
    valid = [permit for permit in permits if permit.valid_on(on)]
    found = []
    for code in sorted({container.waste_code for container in containers}):
        if any(permit.covers(code) for permit in valid):
            continue
        expired = any(permit.covers(code) for permit in permits)
        params = {"receiver": receiver.name, "waste_code": code}
        found.append(FieldError("receiver", "permit_expired" if expired else "permit_lacks_code", params))
    return found


def _carrier_problems(carrier: Organisation | None, on: date) -> list[FieldError]:
    if carrier is None:
        return [FieldError("carrier", "carrier_missing")]
    if "carrier" not in carrier.role_set:
        return [FieldError("carrier", "not_a_carrier", {"carrier": carrier.name})]
    if not any(permit.kind == PermitKind.TRANSPORT for permit in valid_permits(carrier, on)):
        return [FieldError("carrier", "carrier_permit_expired", {"carrier": carrier.name})]
    return []
