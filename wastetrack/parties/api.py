"""`/tokens`, `/me`, `/organisations/{uscc}`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from wastetrack.errors import NotFound
from wastetrack.http import actor_of, now_of
from wastetrack.parties.models import Organisation, Permit
from wastetrack.parties.schemas import TokenIn, organisation_json, permit_json
from wastetrack.parties.services import grant_token
from wastetrack.schemas import Uscc

router = Router(tags=["parties"])


@router.post("/tokens", auth=None)
def create_token(request: HttpRequest, body: TokenIn) -> dict[str, Any]:
    """A token for one user acting for one organisation."""
    granted = grant_token(
        username=body.username,
        password=body.password,
        uscc=body.organisation or None,
        now=now_of(request),
        address=request.META.get("REMOTE_ADDR", ""),
    )
    actor = granted.actor
    return {
        "token": granted.secret,
        "organisation": actor.principal.uscc,
        "roles": sorted(actor.roles),
        "expires": timezone.localtime(granted.expires_at).isoformat(),
    }


@router.get("/me")
def me(request: HttpRequest) -> dict[str, Any]:
    """Who the caller is, for whom, and in which role."""
    actor = actor_of(request)
    return {
        "username": actor.person.username,
        "name": actor.person.display_name,
        "role": actor.role,
        "organisation": organisation_json(actor.principal),
        "via": organisation_json(actor.via) if actor.via else None,
    }


@router.get("/organisations/{uscc}")
def organisation(request: HttpRequest, uscc: Uscc) -> dict[str, Any]:
    """An organisation the caller may see, with its permits as far as they are public to it; the code is checked."""
    actor = actor_of(request)
    found = Organisation.objects.visible_to(actor).filter(uscc=uscc).first()
    if found is None:
        raise NotFound("unknown_organisation")
    permits = Permit.objects.visible_to(actor).filter(organisation=found).order_by("valid_to")
    return {**organisation_json(found), "permits": [permit_json(permit) for permit in permits]}
