"""`/filings`: what is due with the authority, and what was filed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from compliance.duties import Duty
from compliance.models import Filing
from compliance.schemas import FilingIn, WithdrawIn
from compliance.selectors import filings_of, firm_of, get_filing, open_duties
from compliance.services import record_filing, withdraw_filing
from wastetrack.creation import create_once
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.ledger.canonical import instant
from wastetrack.schemas import Text
from wastetrack.units import kg_text

router = Router(tags=["filings"])


@router.get("")
def filings(request: HttpRequest, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """What the caller's organisation has still to file, by its class, and what was filed, recorded last first."""
    actor = actor_of(request)
    firm = firm_of(actor.principal, now_of(request))
    standing = firm.on(firm.today)
    return {
        "supervision": {
            "class": standing.supervision.value,
            "licensed": standing.licensed,
            "most_kg": kg_text(standing.most_g),
            "year": standing.year,
        },
        "due": [duty_json(duty) for duty in open_duties(firm)],
        **page_of(filings_of(actor), cursor, limit, lambda found: [filing_json(one) for one in found]),
    }


@router.post("", response={201: dict[str, Any]})
def add_filing(request: HttpRequest, body: FilingIn) -> HttpResponse:
    """Record that a plan or declaration was filed, with the receipt's number (HJ 1259 5.2, 7.2)."""
    actor, now = actor_of(request), now_of(request)
    return create_once(request, lambda: filing_json(record_filing(actor=actor, **body.model_dump(), now=now)))


@router.post("/{filing_id}/withdraw")
def withdraw(request: HttpRequest, filing_id: Text, body: WithdrawIn) -> dict[str, Any]:
    """Take back that it was filed: it is due again."""
    actor, now = actor_of(request), now_of(request)
    filing = get_filing(actor, filing_id)
    return filing_json(withdraw_filing(actor=actor, filing=filing, reason=body.reason, now=now))


def duty_json(duty: Duty) -> dict[str, Any]:
    """A plan or declaration that is still to be filed."""
    return {
        "kind": duty.kind.value,
        "period": duty.period.code,
        "from": duty.fileable_from.isoformat(),
        "due": duty.due.isoformat(),
    }


def filing_json(filing: Filing) -> dict[str, Any]:
    """A plan or declaration that was filed."""
    return {
        "id": str(filing.pk),
        "organisation": {"uscc": filing.organisation.uscc, "name": filing.organisation.name},
        "kind": filing.kind,
        "period": filing.period,
        "filed_on": filing.filed_on.isoformat(),
        "reference": filing.reference,
        "withdrawn_at": instant(filing.withdrawn_at) if filing.withdrawn_at else None,
        "reason": filing.reason,
    }
