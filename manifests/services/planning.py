"""A site's planned transfers, and approvals to send waste out of the province: what a manifest rests on."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from manifests.deadlines import approval_ends
from manifests.models import Approval, Manifest, ManifestState, PlannedTransfer
from manifests.plan import YEARS, masses_of, plan_of
from manifests.services.common import require_party
from wastetrack.districts.selectors import figures
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, PermitKind, Site
from wastetrack.parties.visibility import audience
from wastetrack.regulations.divisions import province_of
from wastetrack.regulations.selectors import find_waste_code
from wastetrack.regulations.vocabulary import treatment_method
from wastetrack.units import grams, kg_text

APPROVAL_YEARS = range(2000, 2101)
"""In which an approval can begin and end: anything else is a slip of the pen."""
MOST_G = 1_000_000_000_000
"""A million tonnes: more than any site sends in a year."""


def plan_transfer(
    *,
    actor: Actor,
    site: Site,
    year: int,
    waste_code: str,
    receiver: Organisation,
    mass_kg: object,
    now: datetime,
    method: str = "",
) -> PlannedTransfer:
    """Set how much of a waste the site plans to send to a receiver in a year; set again, it is an amendment.

    Raises NotPermitted(not_your_part), Invalid(year | unknown_waste_code | receiver_is_sender | not_a_receiver |
    unknown_method | mass_…).
    """
    actor.require_write()
    if site.organisation_id != actor.organisation_id:
        raise NotPermitted("not_your_part")
    errors = []
    if year not in YEARS:
        errors.append(FieldError("year", "year"))
    if find_waste_code(waste_code) is None:
        errors.append(FieldError("waste_code", "unknown_waste_code"))
    if receiver.pk == actor.organisation_id:
        errors.append(FieldError("receiver", "receiver_is_sender"))
    elif not receiver.role_set & {"collector", "treater"}:
        errors.append(FieldError("receiver", "not_a_receiver", {"receiver": receiver.name}))
    if method and treatment_method(method) is None:
        errors.append(FieldError("method", "unknown_method"))
    mass_g = _mass(mass_kg, errors)
    if errors:
        raise Invalid(*errors)
    with transaction.atomic():
        return _set(actor, site, year, waste_code, receiver, mass_g, method, now)


def _mass(mass_kg: object, errors: list[FieldError]) -> int:
    try:
        return grams(mass_kg, field="mass_kg", most_g=MOST_G)
    except Invalid as wrong:
        errors += wrong.errors
        return 0


def _set(
    actor: Actor,
    site: Site,
    year: int,
    waste_code: str,
    receiver: Organisation,
    mass_g: int,
    method: str,
    now: datetime,
) -> PlannedTransfer:
    key: dict[str, Any] = {"site": site, "year": year, "waste_code": waste_code, "receiver": receiver}
    before = PlannedTransfer.objects.select_for_update().filter(**key).first()
    kept: dict[str, Any] = {"mass_g": mass_g, "method": method or (before.method if before else ""), "set_at": now}
    row, _made = PlannedTransfer.objects.update_or_create(**key, defaults=kept)
    payload = {
        "site": site.name,
        "year": year,
        "waste_code": waste_code,
        "receiver": receiver.name,
        "from_kg": kg_text(before.mass_g) if before else None,
        "to_kg": kg_text(mass_g),
    }
    readers = audience([site.organisation_id], [site.division])
    record(actor, [Fact("plan.set", f"plan:{site.code}:{year}", readers, payload)], now=now)
    return row


def amend_plan(*, actor: Actor, manifest: Manifest, now: datetime) -> Manifest:
    """Raise the plan of the draft's site to what this draft needs, in one step.

    The amendment is filed with the national system as any other change of the plan. Raises NotPermitted(not_your_part),
    Refused(illegal_state).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "sender")
        if manifest.state != ManifestState.DRAFT:
            raise Refused("illegal_state", verb="amend-plan", state=manifest.state, subject=manifest.subject)
        year = timezone.localdate(now).year
        rows = {
            row.waste_code: row
            for row in plan_of(manifest.sender_site, year)
            if row.receiver.pk == manifest.receiver_id
        }
        containers = [line.container for line in manifest.lines.select_related("container")]
        for code, mass_g in sorted(masses_of(containers).items()):
            row = rows.get(code)
            needed_g = (row.sent_g if row else 0) + mass_g
            if row is None or needed_g > row.planned_g:
                _set(actor, manifest.sender_site, year, code, manifest.receiver, needed_g, "", now)
    return manifest


def record_approval(
    *,
    actor: Actor,
    number: str,
    receiver: Organisation,
    waste_codes: Sequence[str],
    mass_kg: object,
    method: str,
    valid_from: date | None,
    valid_to: date | None,
    now: datetime,
    route: str = "",
) -> Approval:
    """Record the leave that the sender got to send waste to a receiver in another province (articles 21 to 28).

    Raises Invalid naming every field: missing, unknown_waste_code, same_province, not_a_receiver, unknown_method,
    year_out_of_reach, dates_out_of_order, approval_too_long (over twelve months, or past the receiver's permit),
    approval_known, mass_….
    """
    actor.require_write()
    if actor.is_regulator:
        raise NotPermitted("not_your_part")
    sender = actor.principal
    errors = [] if number.strip() else [FieldError("number", "missing")]
    codes = sorted({code.strip() for code in waste_codes if code.strip()})
    errors += [] if codes else [FieldError("waste_codes", "missing")]
    errors += [FieldError("waste_codes", "unknown_waste_code") for code in codes if find_waste_code(code) is None][:1]
    if not receiver.role_set & {"collector", "treater"}:
        errors.append(FieldError("receiver", "not_a_receiver", {"receiver": receiver.name}))
    elif province_of(receiver.division) == province_of(sender.division):
        errors.append(FieldError("receiver", "same_province", {"receiver": receiver.name}))
    known = treatment_method(method)
    if known is None or not known.final:
        errors.append(FieldError("method", "unknown_method" if known is None else "method_not_final"))
    mass_g = _mass(mass_kg, errors)
    errors += _date_problems(sender, receiver, valid_from, valid_to)
    if errors:
        raise Invalid(*errors)
    assert valid_from is not None
    assert valid_to is not None
    return _keep(actor, receiver, number.strip(), codes, mass_g, method, route, (valid_from, valid_to), now)


def _date_problems(
    sender: Organisation, receiver: Organisation, valid_from: date | None, valid_to: date | None
) -> list[FieldError]:
    if valid_from is None or valid_to is None:
        return [FieldError("valid_from" if valid_from is None else "valid_to", "missing")]
    named = {"valid_from": valid_from, "valid_to": valid_to}
    if strange := [name for name, day in named.items() if day.year not in APPROVAL_YEARS]:
        return [FieldError(name, "year_out_of_reach") for name in strange]
    if valid_to < valid_from:
        return [FieldError("valid_to", "dates_out_of_order")]
    months = int(figures(sender.division, "manifest")["interprovincial_months"])
    last = months_after(valid_from, months)
    permits = [one.valid_to for one in receiver.permits.all() if one.kind != PermitKind.TRANSPORT]
    last = min([last, *([max(permits)] if permits else [])])
    if valid_to > last:
        return [FieldError("valid_to", "approval_too_long", {"day": last.isoformat(), "months": months})]
    return []


def months_after(day: date, months: int) -> date:
    """The last day of so many months that begin with this day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    length = monthrange(year, month)[1]
    # The day before the same day of that month; its last, where it has no such day.
    return date(year, month, min(day.day, length)) - timedelta(days=day.day <= length)


def _keep(
    actor: Actor,
    receiver: Organisation,
    number: str,
    codes: Sequence[str],
    mass_g: int,
    method: str,
    route: str,
    validity: tuple[date, date],
    now: datetime,
) -> Approval:
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                number=number[:60],
                sender=actor.principal,
                receiver=receiver,
                waste_codes=" ".join(codes),
                mass_g=mass_g,
                method=method,
                route=" ".join(route.split())[:200],
                valid_from=validity[0],
                valid_to=validity[1],
                recorded_at=now,
            )
            approval_ends(approval)
            payload = {
                "number": approval.number,
                "receiver": receiver.name,
                "waste_codes": list(codes),
                "mass_kg": kg_text(mass_g),
                "method": method,
                "valid_from": approval.valid_from.isoformat(),
                "valid_to": approval.valid_to.isoformat(),
            }
            readers = audience([actor.organisation_id, receiver.pk], [actor.principal.division, receiver.division])
            record(actor, [Fact("approval.record", f"approval:{approval.pk}", readers, payload)], now=now)
    except IntegrityError:
        raise Invalid(FieldError("number", "approval_known")) from None
    return approval
