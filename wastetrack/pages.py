"""What every page shares: what a template may use, forms that do no harm twice, and the browser's own guard."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language

from wastetrack.alerts.selectors import open_counts
from wastetrack.errors import FieldError, Invalid, NotFound, NotPermitted, Refused, invalid
from wastetrack.http import GetResponse, actor_of, field_json, now_of, problem, refusal_of, refusal_page
from wastetrack.ledger.selectors import head
from wastetrack.lifecycle.services import once
from wastetrack.navigation import ways
from wastetrack.parties.actors import Actor
from wastetrack.parties.pins import has_pin
from wastetrack.parties.selectors import choices_of
from wastetrack.schemas import is_printable
from wastetrack.sentences import sentence

NONCE = "nonce"
NONCE_LENGTH = 64
SECRETS = frozenset({"password", "pin", "next_pin", "firm_pin", NONCE})
ACTING_FOR = "acting_for"
"""The organisation's id that a form was filled in for (partials/nonce.html)."""


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every template may use; what costs a query is looked up when it is first used."""
    actor: Actor | None = getattr(request, "actor", None)
    return {
        "actor": actor,
        "now": getattr(request, "now", None),
        "demo": settings.DEMO,
        "language": get_language(),
        "may_write": SimpleLazyObject(lambda: bool(actor) and actor.may_write),  # type: ignore[union-attr]
        "has_pin": SimpleLazyObject(lambda: bool(actor) and has_pin(actor.user_id)),  # type: ignore[union-attr]
        "ways": SimpleLazyObject(lambda: [(way, way.is_here(request.path)) for way in ways(actor)] if actor else []),
        "bell": SimpleLazyObject(lambda: open_counts(actor) if actor else {}),
        # Read before the page's own lists: what happens in between comes again over the feed, and nothing is missed.
        "feed_after": getattr(request, "feed_after", None),
        "nonce": SimpleLazyObject(lambda: _nonce_of(request)),
    }


class PageMiddleware:
    """Notes where the live feed stands before a page reads anything, and lets the browser run only our own files."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.feed_after = SimpleLazyObject(lambda: head() - 1)  # type: ignore[attr-defined]
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html") and not request.path.startswith("/api/"):
            response.headers.setdefault("Content-Security-Policy", content_security(request))
            if getattr(request, "has_nonce", False):
                # Out of the browser's store, a form would come with a nonce that is used up.
                response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """A signed-in reader's page is live from here on; a form filled in for another organisation stops here."""
        live = request.method == "GET" and not request.path.startswith("/api/") and "HX-Request" not in request.headers
        if live and "_auth_user_id" in request.session:
            request.feed_after = head() - 1  # type: ignore[attr-defined]
        form = request.method == "POST" and not request.path.startswith("/api/")
        changed = _acting_changed(request) if form else None
        return refusal_page(request, changed) if changed else None


def content_security(request: HttpRequest, *, wasm: bool = False) -> str:
    """Only what this site serves, nothing inline; the feed named by its scheme for browsers that do not infer it.

    `wasm`: the page may compile WebAssembly that this site serves.
    """
    host = request.get_host()
    scripts = "; script-src 'self' 'wasm-unsafe-eval'" if wasm else ""
    return (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        f"frame-ancestors 'none'; connect-src 'self' ws://{host} wss://{host}{scripts}"
    )


def seen_from(actor: Actor, path: str) -> dict[str, Any]:
    """What a page gives its template where it belongs to the room of another path than its own."""
    return {"ways": [(way, way.is_here(path)) for way in ways(actor)]}


# --- forms -------------------------------------------------------------------------------------------------


def _nonce_of(request: HttpRequest) -> str:
    """The form's nonce: the one sent, when the form is shown again, else a new one."""
    request.has_nonce = True  # type: ignore[attr-defined]
    return request.POST.get(NONCE) or secrets.token_urlsafe(16)


def nonce_again(refusal: Refused | None) -> dict[str, str]:
    """A nonce that was used up for another question is replaced, or the form could never be sent."""
    used_up = refusal is not None and refusal.code in ("already_saved", "idempotency_key_reused")
    return {NONCE: secrets.token_urlsafe(16)} if used_up else {}


def _acting_changed(request: HttpRequest) -> Refused | None:
    """Refused(acting_changed) for a form filled in for another organisation than the one acted for now."""
    then, actor = request.POST.get(ACTING_FOR), request.actor  # type: ignore[attr-defined]
    if not then or not actor or then == str(actor.organisation_id):
        return None
    mine = [d.principal if d else m.organisation for m, d in choices_of(actor.person)]
    name = next((organisation.name for organisation in mine if str(organisation.pk) == then), "—")
    return Refused("acting_changed", now=actor.principal.name, then=name)


def printable(fields: QueryDict) -> QueryDict:
    """A form's fields as sent, none with control or direction characters. Raises Invalid(unprintable) at each of them.

    Passwords and PINs are compared, and never shown.
    """
    texts = {name: sent for name, sent in fields.lists() if name not in SECRETS}
    if wrong := [name for name, sent in texts.items() if not all(map(is_printable, sent))]:
        raise Invalid(*(FieldError(name, "unprintable") for name in wrong))
    return fields


def field_messages(refusal: Refused) -> dict[str, str]:
    """Field → sentence, for a form shown again; under `all` what belongs to no field."""
    found = {error["field"]: error["message"] for error in map(field_json, reversed(refusal.errors))}
    if not found:
        found["all"] = sentence(refusal.code, refusal.params)
    return found


def redirect_once(request: HttpRequest, make: Callable[[], str]) -> HttpResponse:
    """Do `make` and go to the address it returns; the same form sent again goes to the same address and does nothing.

    The form carries partials/nonce.html. Raises Invalid(nonce_missing | idempotency_key_unusable),
    Refused(already_saved, 422) when the nonce saved something else before, and whatever `make` raises.
    """
    nonce = request.POST.get(NONCE, "")
    if not nonce:
        raise invalid(NONCE, "nonce_missing")
    if len(nonce) > NONCE_LENGTH or not nonce.isprintable():
        raise invalid(NONCE, "idempotency_key_unusable")
    organisation_id = actor_of(request).organisation_id
    assert organisation_id is not None
    try:
        _, address = once(
            organisation_id=organisation_id,
            key=f"page:{nonce}",
            fingerprint=_asked(request.path, request.POST.lists()),
            now=now_of(request),
            make=lambda: (303, make()),
        )
    except Refused as refusal:
        if refusal.code != "idempotency_key_reused":
            raise
        raise Refused("already_saved", status=422) from None
    return go_to(address)


def _asked(path: str, fields: Any) -> str:
    """The question as a hash; the CSRF token is no part of it."""
    sent = sorted((name, values) for name, values in fields if name != "csrfmiddlewaretoken")
    return hashlib.sha256(repr((path, sent)).encode()).hexdigest()


def go_to(address: str) -> HttpResponse:
    """On to another page by GET (303)."""
    return HttpResponseRedirect(address, status=303)


def next_of(request: HttpRequest, fallback: str = "/", fields: Mapping[str, Any] | None = None) -> str:
    """Where to go on to: `next` if it is a place of this site, else the fallback."""
    wanted = str((fields if fields is not None else request.POST).get("next") or "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else fallback


# --- what Django itself refuses ----------------------------------------------------------------------------


def refused_by_django(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """The answer where no view was reached: problem details for programs, the refusal page for people."""
    return problem(refusal) if request.path.startswith("/api/") else refusal_page(request, refusal)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refused_by_django(request, refusal_of(exception) or Refused("malformed", status=400))


def not_permitted(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refused_by_django(request, NotPermitted())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refused_by_django(request, NotFound())


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its CSRF token, mostly one from before signing in or out."""
    return refused_by_django(request, NotPermitted("forged"))


def fault(request: HttpRequest) -> HttpResponse:
    """A fault of ours: a page that needs neither database nor session."""
    refusal = Refused("fault", status=500)
    if request.path.startswith("/api/"):
        return problem(refusal)
    context = {"refusal": refusal, "detail": sentence(refusal.code), "back": "/"}
    return HttpResponse(render_to_string("refusal.html", context), status=500)
