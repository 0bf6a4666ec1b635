"""The page of an organisation's contracts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from manifests.choices import carriers, receivers
from manifests.contracts import contracts_of
from manifests.models import Contract, ContractPurpose
from manifests.services import may_contract, record_contract
from wastetrack.errors import NotPermitted, Refused
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, nonce_again, printable, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import organisation_of
from wastetrack.waste.clock import end_of
from wastetrack.waste.reading import read_day


@require_http_methods(["GET", "HEAD", "POST"])
def contracts(request: HttpRequest) -> HttpResponse:
    """Contracts with partners and when they end; a new one recorded."""
    actor, now = actor_of(request), now_of(request)
    typed, refusal = request.POST, None
    if request.method == "POST":
        try:
            return redirect_once(request, lambda: f"/contracts#contract-{_recorded(request)}")
        except NotPermitted:
            raise
        except Refused as error:
            refusal = error
    today = timezone.localdate(now)
    seen = contracts_of(actor)
    context = {
        "contracts": _ending_first(seen, today),
        "today": today,
        "partners": _partners(actor, today) if may_contract(actor) else [],
        "purposes": ContractPurpose.choices,
        "may_record": may_contract(actor),
        "typed": typed if refusal else _renewing(seen, actor, request.GET.get("renew", "")),
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "manifests/contracts.html", context, status=refusal.status if refusal else 200)


def _ending_first(found: Sequence[Any], today: date) -> list[Any]:
    """Those that run, the first to end first, each with `ends_at`; then those that have ended, the last first."""
    for one in found:
        one.ends_at = end_of(one.valid_to)
    running = sorted((one for one in found if one.valid_to >= today), key=lambda one: (one.valid_to, one.pk))
    return running + [one for one in found if one.valid_to < today]


def _renewing(found: Sequence[Contract], actor: Actor, renew: str) -> dict[str, str]:
    """What the form says at first: for the successor of one of the organisation's contracts, its partner and terms."""
    own = (one for one in found if str(one.pk) == renew and one.client_id == actor.organisation_id)
    ending = next(own, None)
    if ending is None:
        return {}
    begins = (ending.valid_to + timedelta(days=1)).isoformat()
    return {"partner": ending.partner.uscc, "purpose": ending.purpose, "valid_from": begins}


def _partners(actor: Actor, today: Any) -> list[Any]:
    """Who may take or carry waste, each once, by name."""
    found = {one.organisation.pk: one.organisation for one in [*receivers(actor, (), today), *carriers(actor, today)]}
    return sorted(found.values(), key=lambda one: one.name)


def _recorded(request: HttpRequest) -> int:
    actor, typed = actor_of(request), printable(request.POST)
    made = record_contract(
        actor=actor,
        number=typed.get("number", ""),
        partner=organisation_of(actor, typed.get("partner", ""), "partner"),
        purpose=typed.get("purpose", ""),
        valid_from=read_day(typed.get("valid_from", "")),
        valid_to=read_day(typed.get("valid_to", "")),
        now=now_of(request),
    )
    return int(made.pk)
