"""The API under /api/v1: every room's router, and how errors answer."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from wastetrack.errors import Invalid, Refused
from wastetrack.http import BearerToken, SiteSession, fault_of, problem, refusal_of
from wastetrack.schemas import field_errors

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
    ("/notices", "wastetrack.notices.api.router"),
    ("/webhooks", "wastetrack.notices.webhooks_api.router"),
    ("/district", "wastetrack.districts.api.router"),
    ("/figures", "wastetrack.districts.api.own_router"),
    ("/containers", "desk.regroup_api.router"),
    ("/containers", "desk.fates_api.router"),
    ("/containers", "desk.api.router"),
    ("/labels", "labels.api.router"),
    ("/depots", "depots.api.router"),
    ("/signs", "depots.sign_api.router"),
    ("", "manifests.drafts_api.router"),
    ("", "manifests.contracts_api.router"),
    ("/permits", "manifests.permits_api.router"),
    ("/manifests", "manifests.api.router"),
    ("", "manifests.counter_api.router"),
    ("", "manifests.rounds_api.router"),
    ("", "manifests.vehicles_api.router"),
    ("/scans", "scanner.api.router"),
    ("/depots", "scanner.depot_api.router"),
    ("/filings", "compliance.api.router"),
):
    api.add_router(prefix, router)


@api.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return problem(error)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return problem(Invalid(*field_errors(error.errors, skip=2)))


@api.exception_handler(AuthenticationError)
def _nobody(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return problem(Refused("not_signed_in", status=401))


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Ninja's own: a body that is no JSON, and a browser's request without the token of our forms."""
    code = {400: "malformed", 403: "forged"}.get(error.status_code, "not_permitted")
    return problem(Refused(code, status=error.status_code))


@api.exception_handler(Http404)
@api.exception_handler(Exception)
def _other(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(refusal_of(error) or fault_of(error))
