"""What the API says of parties."""

from __future__ import annotations

from typing import Any

from wastetrack.parties.models import Organisation, Permit
from wastetrack.schemas import Body, Text, Uscc
from wastetrack.units import kg_text


class TokenIn(Body):
    username: Text
    password: Text
    organisation: Uscc = ""


def organisation_json(organisation: Organisation) -> dict[str, Any]:
    """An organisation as anybody who may see it may know it."""
    return {
        "uscc": organisation.uscc,
        "name": organisation.name,
        "roles": organisation.roles.split(),
        "division": organisation.division,
        "address": organisation.address,
        "demo": organisation.demo,
    }


def permit_json(permit: Permit) -> dict[str, Any]:
    """A permit: what it covers, how much a year, how long. One that never held ends before it begins."""
    return {
        "id": str(permit.pk),
        "number": permit.number,
        "kind": permit.kind,
        "codes": permit.codes.split(),
        "yearly_mass_kg": kg_text(permit.yearly_mass_g),
        "valid_from": permit.valid_from.isoformat(),
        "valid_to": permit.valid_to.isoformat(),
        "withdrawn": permit.withdrawn_at is not None,
        "version": permit.version,
    }
