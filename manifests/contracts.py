"""Contracts with those who take an organisation's waste or carry it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.db.models import CharField, OuterRef, Value
from django.db.models.functions import Cast, Concat

from manifests.models import Contract
from wastetrack.alerts.selectors import is_told
from wastetrack.parties.actors import Actor

MOST = 100


def contracts_of(actor: Actor) -> list[Contract]:
    """The contracts that the actor may see, the last to end first, each with `warned`: an alert tells of its end.

    One query.
    """
    about = Concat(Value("contract:"), Cast(OuterRef("pk"), CharField()), output_field=CharField())
    rows = Contract.objects.visible_to(actor).select_related("client", "partner")
    rows = rows.annotate(warned=is_told("contract_expiry", about, OuterRef("client")))
    return list(rows.order_by("-valid_to", "-pk")[:MOST])


def numbers_to_name(actor: Actor, on: date) -> list[str]:
    """The numbers of the organisation's own contracts that hold on a day (one query)."""
    held = Contract.objects.filter(client=actor.organisation_id, valid_from__lte=on, valid_to__gte=on)
    return list(held.order_by("number").values_list("number", flat=True)[:MOST])


def renewed(contracts: Sequence[Contract]) -> set[Contract]:
    """Those of them after which the same two have made another for the same (one query)."""
    latest: dict[tuple[int, int, str], date] = {}
    for one in Contract.objects.filter(client__in={one.client_id for one in contracts}):
        key = (one.client_id, one.partner_id, one.purpose)
        latest[key] = max(latest.get(key, one.valid_to), one.valid_to)
    return {one for one in contracts if latest[one.client_id, one.partner_id, one.purpose] > one.valid_to}
