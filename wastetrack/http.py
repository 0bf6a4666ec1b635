"""What every shell shares: the actor of a request, refusals as answers, and pages of lists."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.db.models import Model, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django_fsm import ConcurrentTransition
from ninja.security import APIKeyCookie, HttpBearer

from wastetrack.errors import FieldError, NotFound, NotPermitted, Refused, invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import actor_of_session, actor_of_token
from wastetrack.sentences import sentence

log = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponseBase]
PAGE_SIZE, MAX_PAGE_SIZE = 50, 200
PROBLEM = "application/problem+json"
API = "/api/"


# --- who asks ----------------------------------------------------------------------------------------------


class ActorMiddleware:
    """Gives every request its `actor` (the session's choice, looked up when first used) and its one clock reading."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.now = timezone.localtime()  # type: ignore[attr-defined]
        request.actor = SimpleLazyObject(lambda: session_actor(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def session_actor(request: HttpRequest) -> Actor | None:
    """The actor the session stands for; None when nobody is signed in, or no longer for whom they chose to act."""
    user_id = request.session.get("_auth_user_id")
    if user_id is None or not request.user.is_authenticated:
        return None
    return actor_of_session(int(user_id), request.session.get("membership"), request.session.get("delegation"))


def actor_of(request: HttpRequest) -> Actor:
    """The request's actor.

    Raises Refused(not_signed_in, 401) for nobody, NotPermitted(acting_for_ended) for somebody whose choice has ended.
    """
    actor = request.actor  # type: ignore[attr-defined]
    if not actor and request.user.is_authenticated and request.session.get("membership"):
        raise NotPermitted("acting_for_ended")
    if not actor:
        raise Refused("not_signed_in", status=401)
    return actor


def now_of(request: HttpRequest) -> datetime:
    """When this request is: read once, passed on."""
    return request.now  # type: ignore[attr-defined]


OWNER_HEADER = "X-Owner"


def owner_of(actor: Actor) -> str:
    """Whose steps a device keeps: a person acting for an organisation."""
    return f"{actor.user_id}.{actor.organisation_id}"


def require_owner(request: HttpRequest, actor: Actor) -> None:
    """What waited on a device is sent in the name of whoever made it, or not at all.

    Raises Refused(other_person) when the request names another owner than its session.
    """
    meant = request.headers.get(OWNER_HEADER)
    if meant and meant != owner_of(actor):
        raise Refused("other_person")


class BearerToken(HttpBearer):
    """`Authorization: Bearer TOKEN`."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        actor = actor_of_token(token, now_of(request))
        if actor is not None:
            request.actor = actor  # type: ignore[attr-defined]
        return actor


class SiteSession(APIKeyCookie):
    """The site's own session, with its CSRF check."""

    param_name = settings.SESSION_COOKIE_NAME

    def _get_key(self, request: HttpRequest) -> str | None:
        # Nobody is nobody (401), not a forged form (403): the CSRF check is for whom a browser would sign in.
        return super()._get_key(request) if request.actor else None  # type: ignore[attr-defined]

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor:
        return actor_of(request)


# --- refusals as answers -----------------------------------------------------------------------------------


def field_json(error: FieldError) -> dict[str, str]:
    """A field error as the contract gives it, its sentence in the active language."""
    return {"field": error.field, "code": error.code, "message": sentence(error.code, error.params)}


def problem_json(refusal: Refused) -> dict[str, Any]:
    """A refusal as RFC 9457 problem details with a stable code and, for bad input, its fields."""
    first = refusal.errors[0] if refusal.errors else None
    detail = sentence(first.code, first.params) if first and refusal.code == "invalid_fields" else None
    body: dict[str, Any] = {
        "type": f"{settings.PUBLIC_URL}/problems/{refusal.code}",
        "title": refusal.code,
        "status": refusal.status,
        "code": refusal.code,
        "detail": detail or sentence(refusal.code, refusal.params),
    }
    if refusal.errors:
        body["errors"] = [field_json(error) for error in refusal.errors]
    return body


def problem(refusal: Refused) -> HttpResponse:
    """The problem+json answer to a refusal."""
    body = json.dumps(problem_json(refusal), ensure_ascii=False)
    response = HttpResponse(body, status=refusal.status, content_type=PROBLEM)
    if refusal.status in (429, 503):
        response["Retry-After"] = str(refusal.params.get("seconds", 5))
    return response


def refusal_of(error: Exception) -> Refused | None:
    """The refusal that an exception amounts to; None for a fault of ours."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return NotPermitted()
    if isinstance(error, RequestDataTooBig):
        return Refused("too_large", status=413)
    if isinstance(error, SuspiciousOperation | MultiPartParserError | UnreadablePostError):
        return Refused("malformed", status=400)
    if isinstance(error, ConcurrentTransition):
        return Refused("lost_race")
    if isinstance(error, OperationalError):
        return Refused("lost_race") if _gave_way(error) else Refused("database_busy", status=503)
    return None


GAVE_WAY = frozenset({"40P01", "40001"})
"""What PostgreSQL says to the one of two transactions that it ends because they waited for each other."""


def _gave_way(error: OperationalError) -> bool:
    """Whether the database let another transaction go first: this one has done nothing, and may be tried again."""
    return getattr(error.__cause__, "sqlstate", None) in GAVE_WAY


def fault_of(error: Exception) -> Refused:
    """The answer to a fault of ours, which is logged with its cause."""
    log.error("a fault of ours", exc_info=error)
    return Refused("fault", status=500)


class RefusalMiddleware:
    """A refusal that reaches the shell of a page becomes a page with its sentence and what to do."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        bare = request.path.startswith(API) and response.get("Content-Type") != PROBLEM
        if bare and (code := {404: "not_found", 405: "method_not_allowed"}.get(response.status_code)):
            answer = problem(Refused(code, status=response.status_code))
            if "Allow" in response.headers:
                answer["Allow"] = response["Allow"]
            return answer
        if isinstance(response, HttpResponseNotAllowed) and not request.path.startswith(API):
            page = refusal_page(request, Refused("method_not_allowed", status=405))
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """A page with a NUL in its address or form, which no database stores; the API names the field itself."""
        if request.path.startswith(API):
            return None
        sent = [text for fields in (request.GET, request.POST) for _, texts in fields.lists() for text in texts]
        if any("\0" in text for text in [request.path, *sent]):
            return refusal_page(request, Refused("malformed", status=400))
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = refusal_of(error)
        if refusal is None:
            return None
        if request.path.startswith(API):
            return problem(refusal)
        return refusal_page(request, refusal)


def refusal_page(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """The page that says what happened and what to do; somebody not signed in goes to the door first."""
    if refusal.status == 401 and request.method == "GET":
        return to_the_door(request)
    context = {
        "refusal": refusal,
        "detail": problem_json(refusal)["detail"],
        "refused_fields": [field_json(error)["message"] for error in refusal.errors],
        "back": _came_from(request),
    }
    return render(request, "refusal.html", context, status=refusal.status)


def to_the_door(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back here afterwards; a fragment takes its whole page along."""
    fragment = "HX-Request" in request.headers
    here = urlsplit(request.headers.get("HX-Current-URL", "")) if fragment else urlsplit(request.get_full_path())
    onward = urlunsplit(("", "", here.path, here.query, ""))
    # Whoever just comes in needs no way back.
    door = settings.LOGIN_URL if onward == "/" else f"{settings.LOGIN_URL}?{urlencode({'next': onward})}"
    return HttpResponse(headers={"HX-Redirect": door}) if fragment else HttpResponseRedirect(door)


def _came_from(request: HttpRequest) -> str:
    """The page of this site that was left for this one; the home page where that is unknown."""
    referer = urlsplit(request.headers.get("Referer", ""))
    return urlunsplit(("", "", referer.path, referer.query, "")) if referer.netloc == request.get_host() else "/"


# --- lists -----------------------------------------------------------------------------------


def page_of(
    rows: QuerySet[Any], cursor: str | None, limit: int, render_rows: Callable[[list[Any]], list[Any]]
) -> dict[str, Any]:
    """`{"items", "next"}` of rows newest first; the cursor is the last row's id. Raises Invalid(bad_cursor)."""
    limit = max(1, min(limit, MAX_PAGE_SIZE))
    if cursor:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise invalid("cursor", "bad_cursor")
        rows = rows.filter(pk__lt=int(cursor))
    found: list[Model] = list(rows.order_by("-pk")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return {"items": render_rows(found), "next": str(found[-1].pk) if more else None}


def answer_json(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(json.dumps(body, ensure_ascii=False), status=status, content_type="application/json")
