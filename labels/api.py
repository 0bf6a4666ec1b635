"""`/labels`: the PDF of containers' labels."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from labels.services import print_labels
from wastetrack.http import actor_of, now_of
from wastetrack.schemas import Body, Text

router = Router(tags=["labels"])


class LabelsIn(Body):
    codes: list[Text]
    layout: Text = "single"


@router.post("", openapi_extra={"responses": {200: {"content": {"application/pdf": {}}}}})
def labels(request: HttpRequest, body: LabelsIn) -> HttpResponse:
    """The labels of these containers: one page each at its true size, or as many to an A4 sheet as fit."""
    pdf = print_labels(actor=actor_of(request), codes=body.codes, layout=body.layout, now=now_of(request))
    return HttpResponse(pdf, content_type="application/pdf")
