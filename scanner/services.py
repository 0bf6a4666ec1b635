"""A scanned text → what it means here → one verb → a verdict. The nonce makes a retry harmless."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from scanner.models import Intent, Scan, Verdict
from scanner.steps import STEPS, stopped
from scanner.tasks import Details, ScanRequest, Task
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, noting, record
from wastetrack.parties.actors import Actor
from wastetrack.units import grams
from wastetrack.waste.models import Container

__all__ = ["Answer", "ScanRequest", "check_request", "note_seen", "scan"]

CLOCK_SKEW = timedelta(minutes=5)
"""How far a device's clock may run ahead before its time is not believed, where it does not say when it sent."""
TEXT_LENGTH, NONCE_LENGTH, DEVICE_LENGTH, BAY_LENGTH, NOTE_LENGTH = 300, 64, 40, 120, 200
HIGHEST_SEQ = 2**53
"""As far as a browser can count."""


@dataclass(frozen=True)
class Answer:
    """The verdict with its reason (a stable code, None when accepted), the reason's values, and the container.

    `flag` is a rule that it breaks although it is recorded; `weigh_again` asks for a second weighing.
    """

    nonce: str
    verdict: str
    reason: str | None
    params: Mapping[str, Any]
    container: Container | None
    intent: str = ""
    flag: str | None = None
    flag_params: Mapping[str, Any] = field(default_factory=dict)
    weigh_again: bool = False
    details: Details | None = None


def scan(*, actor: Actor, request: ScanRequest, now: datetime) -> Answer:
    """Do what a scan means and say what came of it. Never raises for what was scanned: a refusal is a verdict.

    Raises Invalid for a request that is no scan (nonce, intent or time missing or unreadable), NotPermitted(read_only).
    """
    actor.require_write()
    check_request(request, now)
    if request.again and (kept := _kept(actor, request)):
        # The unique nonce would tell it too, after all the work was done once more for nothing.
        return _first_answer(actor, kept, request)
    task = Task(actor, request, now)
    try:
        with transaction.atomic():
            _put_in_order(task)
            answer = _verdict(task)
            # Written last: its unique nonce decides whether all of the above has happened before.
            _keep(task, answer)
        return answer
    except IntegrityError:
        first = _kept(actor, request)
        if first is None:
            raise
    return _first_answer(actor, first, request)


def _kept(actor: Actor, request: ScanRequest) -> Scan | None:
    """The scan that was kept under this nonce."""
    scans = Scan.objects.filter(organisation=actor.organisation_id, nonce=request.nonce)
    return scans.select_related("container__generator", "container__holder", "container__origin").first()


def _first_answer(actor: Actor, kept: Scan, request: ScanRequest) -> Answer:
    """The first answer once more, as `repeated`. Another question under the same nonce is refused."""
    if kept.fingerprint != request.fingerprint:
        return Answer(request.nonce, Verdict.REFUSED, "nonce_reused", {}, None, request.intent)
    if request.said and not kept.said:
        # Our refusal was lost on its way, and the device has let it happen since: somebody must look at the drum.
        Scan.objects.filter(pk=kept.pk).update(said=request.said)
    shown = kept.container if kept.container is not None and kept.container.seen_by(actor) else None
    return Answer(
        nonce=kept.nonce,
        verdict=Verdict.REPEATED,
        reason=kept.reason or None,
        params=json.loads(kept.params),
        container=shown,
        intent=kept.intent,
        flag=kept.flag or None,
        flag_params=json.loads(kept.flag_params),
        weigh_again=kept.weigh_again,
    )


def _put_in_order(task: Task) -> None:
    """A device sends its scans in order: a later one did not happen earlier, however long each was on its way."""
    request = task.request
    if request.said and request.device:
        of_device = Scan.objects.filter(organisation=task.actor.organisation_id, device=request.device)
        before = of_device.order_by("-id").values_list("happened_at", flat=True).first()
        task.happened_at = max(task.happened_at, before or task.happened_at)


def check_request(request: ScanRequest, now: datetime) -> None:
    """Raises Invalid with every field of the request that cannot be used."""
    errors = []
    if not request.nonce or len(request.nonce) > NONCE_LENGTH or not request.nonce.isprintable():
        errors.append(FieldError("nonce", "nonce_missing" if not request.nonce else "nonce_unusable"))
    if request.intent not in Intent.values:
        errors.append(FieldError("intent", "unknown_intent"))
    if not request.text.strip():
        errors.append(FieldError("text", "missing"))
    errors += _device_errors(request, now)
    if request.mass_kg not in (None, ""):
        try:
            grams(request.mass_kg)
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid(*errors)


def _device_errors(request: ScanRequest, now: datetime) -> list[FieldError]:
    errors = []
    # A clock that says when it sends may be as wrong as it likes: only how long ago it was is taken from it.
    believed = request.sent_at is not None or request.scanned_at is None or request.scanned_at <= now + CLOCK_SKEW
    if not believed:
        errors.append(FieldError("scanned_at", "time_in_future"))
    if len(request.device) > DEVICE_LENGTH or not request.device.isprintable():
        errors.append(FieldError("device", "device_unusable"))
    if request.seq is not None and not 0 <= request.seq <= HIGHEST_SEQ:
        errors.append(FieldError("seq", "wrong_type"))
    if request.said not in ("", Verdict.ACCEPTED, Verdict.REFUSED):
        errors.append(FieldError("said", "wrong_type"))
    return errors


def _verdict(task: Task) -> Answer:
    request = task.request
    try:
        with transaction.atomic(), noting() as entries:
            (stopped if request.said == Verdict.REFUSED else STEPS[request.intent])(task)
        about = [one.pk for one in entries if task.container is not None and one.subject == task.container.subject]
        task.entry = about[-1] if about else None
    except Refused as refusal:
        first = refusal.errors[0] if refusal.code == "invalid_fields" and refusal.errors else refusal
        shown = task.container if task.container is not None and task.container.seen_by(task.actor) else None
        task.undoes = task.count_line = None
        return Answer(request.nonce, Verdict.REFUSED, first.code, _plain(first.params), shown, request.intent)
    broken = task.flag or (task.breaches[-1] if task.breaches else None)
    return Answer(
        nonce=request.nonce,
        verdict=Verdict.ACCEPTED,
        reason=None,
        params={},
        container=task.container,
        intent=request.intent,
        flag=broken.code if broken else None,
        flag_params=_plain(broken.params) if broken else {},
        weigh_again=task.weigh_again,
        details=task.details,
    )


def _plain(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}


def _keep(task: Task, answer: Answer) -> None:
    request, now = task.request, task.now
    Scan.objects.create(
        organisation=task.actor.principal,
        nonce=request.nonce,
        fingerprint=request.fingerprint,
        text=request.text[:TEXT_LENGTH],
        intent=request.intent,
        depot_asked=str(request.depot or "")[:20],
        bay_asked=str(request.bay or "")[:BAY_LENGTH],
        container=answer.container,
        verdict=answer.verdict,
        reason=answer.reason or "",
        params=json.dumps(dict(answer.params), ensure_ascii=False),
        flag=answer.flag or "",
        flag_params=json.dumps(dict(answer.flag_params), ensure_ascii=False),
        weigh_again=answer.weigh_again,
        user=task.actor.person,
        device=request.device,
        seq=request.seq,
        said=request.said,
        scanned_at=request.scanned_at or now,
        happened_at=task.happened_at,
        recorded_at=now,
        entry=task.entry,
        count_line=task.count_line,
        undoes=task.undoes,
    )


def note_seen(*, actor: Actor, scan: Scan, note: str, now: datetime) -> Scan:
    """Say what was done about a scan that had happened and that the rules do not bear.

    Raises Invalid(missing), NotPermitted(not_your_part | read_only), Refused(already_seen).
    """
    actor.require_write()
    if scan.organisation_id != actor.organisation_id:
        raise NotPermitted("not_your_part")
    note = " ".join(note.split())[:NOTE_LENGTH]
    if not note:
        raise invalid("note", "missing")
    with transaction.atomic():
        seen = {"seen_by": actor.person, "seen_at": now, "seen_note": note}
        if not Scan.objects.filter(pk=scan.pk, seen_at=None).update(**seen):
            raise Refused("already_seen")
        payload = {"note": note, "reason": scan.flag or scan.reason, "text": scan.text}
        # Into the drum's own life only by whoever holds it: anybody who ever had it may scan it.
        held = scan.container is not None and scan.container.holder_id == actor.organisation_id
        drum = scan.container if held else None
        subject, readers = (drum.subject, drum.readers()) if drum else (f"scan:{scan.pk}", actor.readers)
        record(actor, [Fact("container.scan_seen" if drum else "scan.seen", subject, readers, payload)], now=now)
    scan.refresh_from_db()
    return scan
