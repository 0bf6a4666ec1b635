"""The manifest as a document, for people and for programs, and what the QR on it opens."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from manifests.documents.drawing import draw_manifest
from manifests.documents.gather import facts_of
from manifests.selectors import get_manifest
from wastetrack.http import actor_of, now_of
from wastetrack.pages import go_to


@require_safe
def document(request: HttpRequest, number: str) -> HttpResponse:
    """The PDF as of now. NotFound(unknown_manifest) alike for hidden and unknown ones."""
    actor = actor_of(request)
    manifest = get_manifest(actor, number)
    pdf = draw_manifest(facts_of(actor, manifest, now_of(request)))
    headers = {
        "Content-Disposition": f'inline; filename="manifest-{manifest.number}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(pdf, content_type="application/pdf", headers=headers)


@require_safe
def opened(request: HttpRequest, number: str) -> HttpResponse:
    """What the QR opens: the manifest, to whoever may see it; somebody not signed in passes by the door first."""
    return go_to(f"/manifests/{get_manifest(actor_of(request), number).number}")
