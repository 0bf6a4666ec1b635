"""`/permits`: what an organisation may take or carry, as its authority has put it on record."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from manifests.permits import get_permit, matching, permits_of
from manifests.schemas import PermitCorrectionIn, PermitEndIn, PermitIn
from manifests.services import correct_permit, record_permit, withdraw_permit
from manifests.services.permits import FACTS
from wastetrack.creation import create_once
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.parties.models import Permit
from wastetrack.parties.schemas import permit_json
from wastetrack.schemas import Text

router = Router(tags=["permits"])


@router.get("")
def permits(request: HttpRequest, search: Text = "", cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The permits of the caller's organisation, or of its district, the newest first; by number, holder or its code."""
    rows = matching(permits_of(actor_of(request)), search)
    return page_of(rows, cursor, limit, lambda found: [held_json(one) for one in found])


@router.post("", response={201: dict[str, Any]})
def add_permit(request: HttpRequest, body: PermitIn) -> HttpResponse:
    """Put a permit on record: for an office, of an organisation of its district."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        said = body.model_dump(include=set(FACTS))
        return held_json(record_permit(actor=actor, organisation=body.organisation, now=now, **said))

    return create_once(request, make)


@router.get("/{permit_id}")
def permit(request: HttpRequest, permit_id: Text) -> dict[str, Any]:
    """A permit of the caller's organisation or district."""
    return held_json(get_permit(actor_of(request), permit_id))


@router.post("/{permit_id}/correct")
def correct(request: HttpRequest, permit_id: Text, body: PermitCorrectionIn) -> dict[str, Any]:
    """Say anew what of a permit is other than on record, and why; what is not sent stays."""
    actor, now = actor_of(request), now_of(request)
    found = correct_permit(
        actor=actor,
        permit=get_permit(actor, permit_id),
        said=body.model_dump(include=set(FACTS), exclude_unset=True),
        reason=body.reason,
        version=body.version,
        now=now,
    )
    return held_json(found)


@router.post("/{permit_id}/withdraw")
def withdraw(request: HttpRequest, permit_id: Text, body: PermitEndIn) -> dict[str, Any]:
    """Say that a permit ends early and that no other follows it, or that it never held."""
    actor, now = actor_of(request), now_of(request)
    found = get_permit(actor, permit_id)
    return held_json(withdraw_permit(actor=actor, permit=found, last_day=body.last_day, reason=body.reason, now=now))


def held_json(permit: Permit) -> dict[str, Any]:
    """A permit with its holder."""
    holder = permit.organisation
    return {**permit_json(permit), "organisation": {"uscc": holder.uscc, "name": holder.name}}
