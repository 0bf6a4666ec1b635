"""`POST /labels`: the labels of drums as a PDF, in a tab of its own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from labels.services import print_labels
from wastetrack.http import actor_of, now_of


@require_POST
def labels(request: HttpRequest) -> HttpResponse:
    """The labels of the codes that were sent; `layout` is single or a4."""
    codes = request.POST.getlist("codes")
    layout = request.POST.get("layout") or "single"
    pdf = print_labels(actor=actor_of(request), codes=codes, layout=layout, now=now_of(request))
    name = "".join(codes[:1]) + (f"+{len(codes) - 1}" if len(codes) > 1 else "")
    plain = "".join(
        character for character in name if character.isascii() and (character.isalnum() or character == "+")
    )
    headers = {"Content-Disposition": f'inline; filename="label-{plain}.pdf"', "Cache-Control": "private, no-store"}
    return HttpResponse(pdf, content_type="application/pdf", headers=headers)
