"""`/signs`: the PDF of a depot's signs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from depots.selectors import get_depot
from depots.signs import print_signs
from wastetrack.http import actor_of, now_of
from wastetrack.schemas import Body, Few, Text

router = Router(tags=["depots"])


class SignsIn(Body):
    depot: Text
    kind: Text = "bay"
    bays: Few[Text] = []
    distance_m: Text = ""


@router.post("", openapi_extra={"responses": {200: {"content": {"application/pdf": {}}}}})
def signs(request: HttpRequest, body: SignsIn) -> HttpResponse:
    """Signs of bays (`bay`, or `plate` for small ones at the racks) or of the facility, each at its true size."""
    depot = get_depot(actor_of(request), body.depot)
    today = timezone.localdate(now_of(request))
    pdf = print_signs(depot=depot, kind=body.kind, on=today, bays=body.bays, distance_m=body.distance_m)
    return HttpResponse(pdf, content_type="application/pdf")
