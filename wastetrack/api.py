"""The API under /api/v1: every room's router, and how errors answer."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from wastetrack.errors import FieldError, Invalid, Refused
from wastetrack.http import BearerToken, SiteSession, problem, refusal_of

log = logging.getLogger(__name__)

api = NinjaAPI(
    title="WasteTrack",
    version="1",
    description="Hazardous waste, workshop to plant. Errors are RFC 9457 problem details with a stable code.",
    auth=[BearerToken(), SiteSession()],
    urls_namespace="api",
)

for prefix, router in (
    ("", "wastetrack.parties.api.router"),
    ("", "wastetrack.regulations.api.router"),
    ("/ledger", "wastetrack.ledger.api.router"),
    ("/alerts", "wastetrack.alerts.api.router"),
    ("/containers", "desk.api.router"),
    ("/labels", "labels.api.router"),
    ("/depots", "depots.api.router"),
    ("/manifests", "manifests.api.router"),
    ("/scans", "scanner.api.router"),
):
    api.add_router(prefix, router)

_CODES = {"missing": "missing", "json_invalid": "malformed"}


@api.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return problem(error)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Pydantic's findings, with our codes: a custom error's type is its code, any other is a wrong type."""
    fields = []
    for found in error.errors:
        where = ".".join(str(part) for part in found["loc"][2:]) or str(found["loc"][-1])
        kind = found["type"]
        code = _CODES.get(kind) or (kind if kind in {"time_unreadable", "time_without_offset"} else "wrong_type")
        fields.append(FieldError(where, code))
    return problem(Invalid(*fields))


@api.exception_handler(AuthenticationError)
def _nobody(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return problem(Refused("not_signed_in", status=401))


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    code = {400: "malformed", 413: "too_large", 429: "too_many_requests"}.get(error.status_code, "not_permitted")
    return problem(Refused(code, status=error.status_code))


@api.exception_handler(Exception)
def _other(request: HttpRequest, error: Exception) -> HttpResponse:
    refusal = refusal_of(error)
    if refusal is None:
        log.exception("a fault of ours at %s", request.path)
        refusal = Refused("fault", status=500)
    return problem(refusal)
