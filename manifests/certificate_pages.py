"""Certificates of treatment: their PDFs, and the page on which anybody who holds one checks it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from manifests.certificates import Certificate, certificate_of_drum, certificate_of_manifest, check_certificate
from manifests.documents.certificate import draw_certificate
from manifests.selectors import get_manifest
from wastetrack.http import actor_of, now_of
from wastetrack.parties.tries import count_try
from wastetrack.waste.selectors import get_container

MOST_CHECKS = 60
"""How many certificates an address checks in five minutes: enough for a clerk with a pile of them."""


@require_safe
def of_manifest(request: HttpRequest, number: str) -> HttpResponse:
    """What the receiver certifies to every party of a manifest."""
    return _pdf(certificate_of_manifest(get_manifest(actor_of(request), number)))


@require_safe
def of_drum(request: HttpRequest, code: str) -> HttpResponse:
    """What became of one drum, through whatever it was regrouped into: for its generator."""
    actor = actor_of(request)
    return _pdf(certificate_of_drum(actor, get_container(actor, code)))


def _pdf(certificate: Certificate) -> HttpResponse:
    headers = {
        "Content-Disposition": f'inline; filename="certificate-{certificate.number}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(draw_certificate(certificate), content_type="application/pdf", headers=headers)


@require_safe
def check(request: HttpRequest, number: str) -> HttpResponse:
    """What a certificate says and whether the log bears it out, to anybody who holds it.

    Raises Refused(too_many_requests, 429) for an address that goes on asking without signing in, right or wrong.
    """
    if not request.actor:  # type: ignore[attr-defined]
        # Counted before anything is looked up: what is refused costs nothing, and is the same for known and unknown.
        count_try(f"certificate\n{request.META.get('REMOTE_ADDR', '')}", now=now_of(request), most=MOST_CHECKS)
    response = render(request, "manifests/certificate/check.html", {"checked": check_certificate(number)})
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "private, no-store"
    return response
