"""One's own account: the PIN for signing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from wastetrack.errors import Refused, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, go_to, next_of
from wastetrack.parties.models import Pin
from wastetrack.parties.pins import plain
from wastetrack.regulations.parameters import parameter
from wastetrack.sentences import sentence
from wastetrack.signing import set_pin

FIELD_OF_CODE = {"wrong_password": "password", "too_many_requests": "password"}


@never_cache
@sensitive_post_parameters("password", "pin", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def pin(request: HttpRequest) -> HttpResponse:
    """Set one's own PIN, or another in its place; then back to what was to be signed."""
    actor_of(request).require_write()
    if request.method != "POST":
        return _page(request)
    try:
        _set(request)
    except Refused as refusal:
        return _page(request, refusal)
    return go_to(next_of(request, fallback="/account/pin?kept=1"))


def _set(request: HttpRequest) -> None:
    typed, again = request.POST.get("pin", ""), request.POST.get("again", "")
    if plain(typed) != plain(again):
        raise invalid("again", "pins_differ")
    set_pin(actor=actor_of(request), password=request.POST.get("password", ""), pin=typed, now=now_of(request))


def _page(request: HttpRequest, refusal: Refused | None = None) -> HttpResponse:
    errors = field_messages(refusal) if refusal else {}
    if refusal and (field := FIELD_OF_CODE.get(refusal.code)):
        # Nothing was to be signed here.
        errors = {field: sentence("pin_not_set") if refusal.code == "wrong_password" else errors["all"]}
    context = {
        "set_at": Pin.objects.filter(user=actor_of(request).user_id).values_list("set_at", flat=True).first(),
        "next": next_of(request, fallback="", fields=request.POST if refusal else request.GET),
        "least": parameter("pin.least_digits").value,
        "most": parameter("pin.most_digits").value,
        "errors": errors,
    }
    return render(request, "desk/pin.html", context, status=refusal.status if refusal else 200)
