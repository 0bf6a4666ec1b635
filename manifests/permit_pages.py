"""The pages of permits: an organisation reads its own; an office puts its district's on record and changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from manifests.permits import (
    ending_first,
    get_permit,
    holders_in,
    is_of_district,
    matching,
    may_record_permits,
    permits_of,
    years_of,
)
from manifests.services import correct_permit, record_permit, withdraw_permit
from manifests.services.permits import FACTS, facts_of
from wastetrack.errors import NotFound, NotPermitted, Refused, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.ledger.selectors import history_of
from wastetrack.pages import field_messages, nonce_again, printable, redirect_once, seen_from
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Permit, PermitKind
from wastetrack.units import tonnes, typed_tonnes
from wastetrack.waste.clock import end_of

PAGE = 30


@require_http_methods(["GET", "HEAD", "POST"])
def permits(request: HttpRequest) -> HttpResponse:
    """The permits on record, the first to end first; for an office, the form that puts another on record."""
    actor, now, refusal = actor_of(request), now_of(request), None
    if request.method == "POST":
        try:
            return redirect_once(request, lambda: f"/permits/{_recorded(request).pk}")
        except NotPermitted:
            raise
        except Refused as error:
            refusal = error
    today, search = timezone.localdate(now), request.GET.get("search", "")
    rows, more = _page(actor, search, request.GET.get("from", ""), today)
    own, may_record = actor.principal, may_record_permits(actor)
    context = {
        "permits": [_told(one, today) for one in rows],
        "next": more,
        "search": search,
        "year": None if actor.is_regulator or not rows else years_of([own], today).get(own),
        "may_record": may_record,
        "holders": holders_in(actor) if may_record else [],
        "kinds": PermitKind.choices,
        "typed": request.POST if refusal else _following(actor, request),
        "errors": _at_fields(refusal) if refusal else {},
        **seen_from(actor, "/manifests"),
        **nonce_again(refusal),
    }
    return render(request, "manifests/permits/list.html", context, status=refusal.status if refusal else 200)


def _page(actor: Actor, search: str, start: str, today: date) -> tuple[list[Permit], int | None]:
    """The permits from one on, and where the next page begins. Raises Invalid(bad_cursor)."""
    if start and not (start.isascii() and start.isdigit() and len(start) < 8):
        raise invalid("from", "bad_cursor")
    first = int(start or 0)
    rows = list(ending_first(matching(permits_of(actor), search), today)[first : first + PAGE + 1])
    return rows[:PAGE], first + PAGE if len(rows) > PAGE else None


def _told(permit: Any, today: date) -> dict[str, Any]:
    """A permit with its state in a word."""
    return {"permit": permit, "ends_at": end_of(permit.valid_to), **_state(permit, today)}


def _state(permit: Any, today: date) -> dict[str, str]:
    if permit.valid_to < permit.valid_from:
        return {"look": "withdrawn", "word": _("Never held")}
    if permit.valid_to < today:
        # Red where somebody is told that none follows it.
        return {"look": "overdue" if permit.warned else "expired", "word": _("has ended")}
    if today < permit.valid_from:
        return {"look": "planned", "word": _("Holds from %(day)s on") % {"day": permit.valid_from.isoformat()}}
    return {"look": "", "word": ""}


def _following(actor: Actor, request: HttpRequest) -> Mapping[str, Any]:
    """What the form says at first: for the successor of a permit, all but its number and last day."""
    if not (asked := request.GET.get("after", "")):
        return {}
    try:
        before = get_permit(actor, asked)
    except NotFound:
        return {}
    begins = before.valid_to + timedelta(days=1)
    return {**_typed(before), "organisation": before.organisation.uscc, "number": "", "valid_from": begins.isoformat(),
            "valid_to": ""}  # fmt: skip


def _typed(permit: Permit) -> dict[str, Any]:
    """What a permit says, as its form has it."""
    mass = permit.yearly_mass_g
    return {**facts_of(permit), "yearly_mass_t": "" if mass is None else f"{tonnes(mass).normalize():f}"}


def _said(request: HttpRequest) -> dict[str, Any]:
    """The form's facts. Raises Invalid(unprintable)."""
    typed = printable(request.POST)
    said: dict[str, Any] = {name: typed.get(name, "") for name in FACTS}
    return said | {"yearly_mass_kg": typed_tonnes(typed.get("yearly_mass_t", ""))}


def _recorded(request: HttpRequest) -> Permit:
    actor, said = actor_of(request), _said(request)
    holder = "".join(request.POST.get("organisation", "").split()).upper()
    return record_permit(actor=actor, organisation=holder, now=now_of(request), **said)


def _at_fields(refusal: Refused) -> dict[str, str]:
    """The form has the mass in tonnes."""
    return {
        "yearly_mass_t" if name == "yearly_mass_kg" else name: text for name, text in field_messages(refusal).items()
    }


# --- one permit --------------------------------------------------------------------------------------------


@require_safe
def permit(request: HttpRequest, permit_id: str) -> HttpResponse:
    """A permit: what it says, what has become of it, and for its office what can be done with it."""
    return _shown(request, get_permit(actor_of(request), permit_id))


@require_POST
def correct(request: HttpRequest, permit_id: str) -> HttpResponse:
    """Say anew what it says."""
    actor, now = actor_of(request), now_of(request)
    found, version = get_permit(actor, permit_id), request.POST.get("version", "")

    def make() -> None:
        correct_permit(
            actor=actor,
            permit=found,
            said=_said(request),
            reason=request.POST.get("reason", ""),
            version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0,
            now=now,
        )

    return _done(request, found, "correct", make)


@require_POST
def withdraw(request: HttpRequest, permit_id: str) -> HttpResponse:
    """Say that it ends early, or never held."""
    actor, now = actor_of(request), now_of(request)
    found = get_permit(actor, permit_id)

    def make() -> None:
        typed = printable(request.POST)
        last_day, reason = typed.get("last_day", ""), typed.get("why", "")
        withdraw_permit(actor=actor, permit=found, last_day=last_day, reason=reason, now=now)

    return _done(request, found, "withdraw", make)


def _done(request: HttpRequest, found: Permit, form: str, make: Callable[[], None]) -> HttpResponse:
    """Do it and show the permit as it is then; a refusal shows the form again with what was typed."""

    def made() -> str:
        make()
        return f"/permits/{found.pk}"

    try:
        return redirect_once(request, made)
    except NotPermitted:
        raise
    except Refused as error:
        return _shown(request, get_permit(actor_of(request), str(found.pk)), form, error)


def _shown(request: HttpRequest, found: Permit, form: str = "", refusal: Refused | None = None) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    today = timezone.localdate(now)
    may_change = may_record_permits(actor) and is_of_district(actor, found.organisation)
    errors = _at_fields(refusal) if refusal else {}
    if form == "withdraw" and "reason" in errors:
        errors["why"] = errors.pop("reason")
    context = {
        "one": _told(found, today),
        "permit": found,
        "history": _history(actor, found),
        "may_record": may_change,
        "may_change": may_change and found.withdrawn_at is None,
        "kinds": PermitKind.choices,
        "typed": request.POST if form == "correct" else _typed(found),
        "ending": request.POST if form == "withdraw" else {"last_day": min(today, found.valid_to).isoformat()},
        "form": form,
        "errors": errors,
        **seen_from(actor, "/manifests"),
        **nonce_again(refusal),
    }
    return render(request, "manifests/permits/permit.html", context, status=refusal.status if refusal else 200)


def _history(actor: Actor, found: Permit) -> Sequence[Any]:
    return [entry for entry in history_of([found.subject]) if entry.addressed_to(actor)]
