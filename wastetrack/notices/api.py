"""`/notices`: what the caller is told by mail, where, and the private link of their calendar."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from wastetrack.http import actor_of, now_of
from wastetrack.notices.models import When
from wastetrack.notices.selectors import address_of, calendar_path, kinds_here, mail_is_on, membership_of
from wastetrack.notices.services import ask_address, choose, renew_calendar
from wastetrack.parties.actors import Actor
from wastetrack.schemas import Body, Text

router = Router(tags=["notices"])


class ChoiceIn(Body):
    kind: Text = ""
    email: Text = ""


class AddressIn(Body):
    email: Text = ""
    again: Text = ""


def notices_json(actor: Actor) -> dict[str, Any]:
    """How the caller is told of what; `may_stop` is false where nobody else would be told what the law asks for."""
    member = membership_of(actor)
    general, kinds = kinds_here(member)
    return {
        "organisation": member.organisation.uscc,
        "mail": mail_is_on(),
        "address": address_of(member.user),
        "email": general,
        "kinds": [
            {"kind": here.watch.kind, "title": str(here.watch.title), "email": here.own, "may_stop": not here.bound}
            for here in kinds
        ],
        "choices": {when.value: str(when.label) for when in When},
        "calendar": settings.PUBLIC_URL + calendar_path(member),
    }


@router.get("")
def notices(request: HttpRequest) -> dict[str, Any]:
    """The caller's choices, address and calendar."""
    return notices_json(actor_of(request))


@router.post("/choices")
def choose_notices(request: HttpRequest, body: ChoiceIn) -> dict[str, Any]:
    """Choose for one kind, or with an empty kind for all the others; an empty choice takes it back."""
    actor = actor_of(request)
    choose(actor=actor, choices={body.kind: body.email})
    return notices_json(actor)


@router.post("/address")
def give_address(request: HttpRequest, body: AddressIn) -> dict[str, Any]:
    """Ask for the link that makes an address the caller's own."""
    actor = actor_of(request)
    ask_address(actor=actor, email=body.email, again=body.again, now=now_of(request))
    return {"sent_to": body.email.strip()}


@router.post("/calendar")
def renew(request: HttpRequest) -> dict[str, Any]:
    """Another private link; the one before leads nowhere from now on."""
    actor = actor_of(request)
    renew_calendar(actor=actor)
    return {"calendar": settings.PUBLIC_URL + calendar_path(membership_of(actor))}
