"""`/contracts`: the contracts that an organisation's manifests rest on."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from manifests.contracts import contracts_of
from manifests.models import Contract
from manifests.schemas import ContractIn
from manifests.services import record_contract
from wastetrack.creation import create_once
from wastetrack.http import actor_of, now_of
from wastetrack.parties.selectors import organisation_of
from wastetrack.waste.reading import read_day

router = Router(tags=["manifests"])


@router.get("/contracts")
def contracts(request: HttpRequest) -> dict[str, Any]:
    """Contracts that the organisation is a party of, or that concern the district."""
    return {"items": [contract_json(one) for one in contracts_of(actor_of(request))], "next": None}


@router.post("/contracts", response={201: dict[str, Any]})
def add_contract(request: HttpRequest, body: ContractIn) -> HttpResponse:
    """Record a contract with who takes the waste (`take`) or carries it (`carry`)."""
    actor = actor_of(request)

    def make() -> dict[str, Any]:
        made = record_contract(
            actor=actor,
            number=body.number,
            partner=organisation_of(actor, body.partner, "partner"),
            purpose=body.purpose,
            valid_from=read_day(body.valid_from),
            valid_to=read_day(body.valid_to),
            now=now_of(request),
        )
        return contract_json(made)

    return create_once(request, make)


def contract_json(contract: Contract) -> dict[str, Any]:
    """A contract with its two parties."""
    return {
        "id": str(contract.pk),
        "number": contract.number,
        "client": {"uscc": contract.client.uscc, "name": contract.client.name},
        "partner": {"uscc": contract.partner.uscc, "name": contract.partner.name},
        "purpose": contract.purpose,
        "valid_from": contract.valid_from.isoformat(),
        "valid_to": contract.valid_to.isoformat(),
    }
