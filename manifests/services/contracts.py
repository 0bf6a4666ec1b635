"""Recording the contracts that manifests rest on."""

from __future__ import annotations

from datetime import date, datetime

from django.db import IntegrityError, transaction

from manifests.models import Contract, ContractPurpose
from manifests.services.common import CONTRACT_LENGTH
from wastetrack.errors import FieldError, Invalid, NotPermitted
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.parties.visibility import audience

SENDERS = frozenset({"generator", "collector", "treater"})
YEARS = range(2000, 2101)
"""In which a contract can begin and end: anything else is a slip of the pen."""


def may_contract(actor: Actor) -> bool:
    """Whether the actor may record contracts for an organisation that hands waste over."""
    return actor.may_write and not actor.is_regulator and bool(actor.roles & SENDERS)


def record_contract(
    *,
    actor: Actor,
    number: str,
    partner: Organisation,
    purpose: str,
    valid_from: date | None,
    valid_to: date | None,
    now: datetime,
) -> Contract:
    """Record the contract by which a partner takes the organisation's waste, or carries it (article 10).

    Raises NotPermitted(read_only | not_your_part), Invalid naming every field: missing, too_long, unprintable,
    contract_with_self, unknown_purpose, not_a_receiver, not_a_carrier, year_out_of_reach, dates_out_of_order,
    contract_known.
    """
    actor.require_write()
    if not may_contract(actor):
        raise NotPermitted("not_your_part")
    number = " ".join(number.split())
    errors = [] if number else [FieldError("number", "missing")]
    if len(number) > CONTRACT_LENGTH:
        errors.append(FieldError("number", "too_long", {"limit": CONTRACT_LENGTH}))
    if not number.isprintable():
        errors.append(FieldError("number", "unprintable"))
    errors += _partner_problems(actor, partner, purpose)
    errors += _date_problems(valid_from, valid_to)
    if errors:
        raise Invalid(*errors)
    assert valid_from is not None
    assert valid_to is not None
    return _keep(actor, number, partner, purpose, (valid_from, valid_to), now)


def _partner_problems(actor: Actor, partner: Organisation, purpose: str) -> list[FieldError]:
    if partner.pk == actor.organisation_id:
        return [FieldError("partner", "contract_with_self")]
    if purpose not in ContractPurpose.values:
        return [FieldError("purpose", "unknown_purpose" if purpose else "missing")]
    if purpose == ContractPurpose.CARRY:
        known = "carrier" in partner.role_set
        return [] if known else [FieldError("partner", "not_a_carrier", {"carrier": partner.name})]
    if not partner.role_set & {"collector", "treater"}:
        return [FieldError("partner", "not_a_receiver", {"receiver": partner.name})]
    return []


def _date_problems(valid_from: date | None, valid_to: date | None) -> list[FieldError]:
    named = {"valid_from": valid_from, "valid_to": valid_to}
    errors = [FieldError(name, "missing") for name, day in named.items() if day is None]
    errors += [FieldError(name, "year_out_of_reach") for name, day in named.items() if day and day.year not in YEARS]
    if not errors and valid_from and valid_to and valid_to < valid_from:
        errors.append(FieldError("valid_to", "dates_out_of_order"))
    return errors


def _keep(
    actor: Actor, number: str, partner: Organisation, purpose: str, validity: tuple[date, date], now: datetime
) -> Contract:
    try:
        with transaction.atomic():
            contract = Contract.objects.create(
                number=number,
                client=actor.principal,
                partner=partner,
                purpose=purpose,
                valid_from=validity[0],
                valid_to=validity[1],
                recorded_at=now,
            )
            payload = {
                "number": number,
                "partner": partner.name,
                "purpose": purpose,
                "valid_from": validity[0].isoformat(),
                "valid_to": validity[1].isoformat(),
            }
            readers = audience([actor.organisation_id, partner.pk], [actor.principal.division, partner.division])
            record(actor, [Fact("contract.record", f"contract:{contract.pk}", readers, payload)], now=now)
    except IntegrityError:
        raise Invalid(FieldError("number", "contract_known")) from None
    return contract
