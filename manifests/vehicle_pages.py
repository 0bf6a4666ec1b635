"""The carrier's vehicles: what is on record of them, entered and ended by its office."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.fleet import end_vehicle, may_manage, set_vehicle
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, go_to, nonce_again, printable
from wastetrack.parties.selectors import vehicles_of
from wastetrack.units import typed_kg
from wastetrack.waste.reading import read_day


@require_http_methods(["GET", "HEAD", "POST"])
def vehicles(request: HttpRequest) -> HttpResponse:
    """The vehicles on record; a plate that is there already is said anew."""
    actor, typed = actor_of(request), request.POST
    if "carrier" not in actor.roles:
        raise NotPermitted("page_of_carriers")
    refusal: Refused | None = None
    if request.method == "POST":
        try:
            _act(request)
            return go_to("/vehicles")
        except NotPermitted:
            raise
        except Refused as error:
            refusal = error
    context = {
        "vehicles": list(vehicles_of(actor.organisation_id)),
        "today": timezone.localdate(now_of(request)),
        "may_manage": may_manage(actor),
        "typed": typed if refusal else {},
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "manifests/drive/vehicles.html", context, status=refusal.status if refusal else 200)


def _act(request: HttpRequest) -> None:
    actor, typed, now = actor_of(request), printable(request.POST), now_of(request)
    plate = typed.get("plate", "")
    if "end" in typed:
        end_vehicle(actor=actor, plate=plate, now=now)
        return
    valid_to = read_day(typed.get("valid_to", ""))
    if typed.get("valid_to") and valid_to is None:
        raise invalid("valid_to", "date_unreadable")
    set_vehicle(
        actor=actor,
        plate=plate,
        permit_number=typed.get("permit_number", ""),
        valid_to=valid_to,
        capacity_kg=typed_kg(typed.get("capacity_kg", "")),
        now=now,
    )
