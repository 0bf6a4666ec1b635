"""A scanned text → what it means here → one verb → a verdict. The nonce makes a retry harmless."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from depots import services as store
from depots.models import Bay, Depot
from depots.selectors import get_bay, get_depot, own_depots
from labels.codes import read
from manifests.models import Line, ManifestState
from manifests.selectors import line_awaited_by, line_to_take_back
from manifests.services import Receipt, receive, take_back
from scanner.models import Intent, Scan, Verdict
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused
from wastetrack.ledger.canonical import canonical_json
from wastetrack.parties.actors import Actor
from wastetrack.units import grams
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import by_code

CLOCK_SKEW = timedelta(minutes=5)
"""How far a device's clock may run ahead before its time is not believed."""
TEXT_LENGTH, NONCE_LENGTH = 300, 64


@dataclass(frozen=True)
class ScanRequest:
    """One scan as sent: what was read, what was meant, where, and its nonce."""

    nonce: str
    text: str
    intent: str
    depot: object = None
    bay: object = None
    mass_kg: object = None
    scanned_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """What was asked, as a hash; the time of the scan is no part of the question."""
        asked = [self.text, self.intent, str(self.depot or ""), str(self.bay or ""), str(self.mass_kg or "")]
        return hashlib.sha256(canonical_json(asked).encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """The verdict with its reason (a stable code, None when accepted), the reason's values, and the container."""

    nonce: str
    verdict: str
    reason: str | None
    params: Mapping[str, Any]
    container: Container | None


def scan(*, actor: Actor, request: ScanRequest, now: datetime) -> Answer:
    """Do what a scan means and say what came of it. Never raises for what was scanned: a refusal is a verdict.

    Raises Invalid for a request that is no scan (nonce, intent or time missing or unreadable), NotPermitted(read_only).
    """
    actor.require_write()
    check_request(request, now)
    try:
        with transaction.atomic():
            answer = _verdict(actor, request, now)
            # Written last: its unique nonce decides whether all of the above has happened before.
            _keep(actor, request, answer, now)
        return answer
    except IntegrityError:
        first = Scan.objects.filter(organisation=actor.organisation_id, nonce=request.nonce)
        kept = first.select_related("container__generator", "container__holder", "container__origin").first()
        if kept is None:
            raise
    if kept.fingerprint != request.fingerprint:
        return Answer(request.nonce, Verdict.REFUSED, "nonce_reused", {}, None)
    return Answer(kept.nonce, Verdict.REPEATED, kept.reason or None, json.loads(kept.params), kept.container)


def check_request(request: ScanRequest, now: datetime) -> None:
    """Raises Invalid with every field of the request that cannot be used."""
    errors = []
    if not request.nonce or len(request.nonce) > NONCE_LENGTH or not request.nonce.isprintable():
        errors.append(FieldError("nonce", "nonce_missing" if not request.nonce else "nonce_unusable"))
    if request.intent not in Intent.values:
        errors.append(FieldError("intent", "unknown_intent"))
    if not request.text.strip():
        errors.append(FieldError("text", "missing"))
    if request.scanned_at is not None and request.scanned_at > now + CLOCK_SKEW:
        errors.append(FieldError("scanned_at", "time_in_future"))
    if request.mass_kg not in (None, ""):
        try:
            grams(request.mass_kg)
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid(*errors)


def _verdict(actor: Actor, request: ScanRequest, now: datetime) -> Answer:
    container: Container | None = None
    try:
        with transaction.atomic():
            line, container = _find(actor, request)
            container = _do(actor, request, line, container, now)
        return Answer(request.nonce, Verdict.ACCEPTED, None, {}, container)
    except Refused as refusal:
        first = refusal.errors[0] if refusal.code == "invalid_fields" and refusal.errors else refusal
        params = {name: str(value) for name, value in first.params.items()}
        shown = container if container is not None and _visible(actor, container) else None
        return Answer(request.nonce, Verdict.REFUSED, first.code, params, shown)


def _find(actor: Actor, request: ScanRequest) -> tuple[Line | None, Container]:
    """What the code names: the container, with the line on which this organisation awaits it when checking in."""
    scanned = read(request.text, settings.PUBLIC_URL)
    if scanned.code is None or scanned.kind not in ("container", "short"):
        raise Refused({"bay": "is_a_bay", "foreign": "foreign_code"}.get(scanned.kind, "not_a_code"))
    line = line_awaited_by(actor, scanned.code) if request.intent == Intent.CHECK_IN else None
    container = line.container if line else by_code(scanned.code).first()
    if container is None:
        raise Refused("unknown_code")
    return line, container


def _visible(actor: Actor, container: Container) -> bool:
    return not container.readers().isdisjoint(actor.readers)


def _do(actor: Actor, request: ScanRequest, line: Line | None, container: Container, now: datetime) -> Container:
    if line is None and not _visible(actor, container):
        raise _to_a_stranger(actor, request, container)
    if request.intent == Intent.LOOKUP:
        return container
    depot = _depot(actor, request)
    bay = get_bay(depot, request.bay) if request.bay not in (None, "") else None
    at = min(request.scanned_at, now) if request.scanned_at else None
    if request.intent == Intent.PUT_AWAY:
        return _put_away(actor, container, bay, now, at)
    if line is not None:
        return _receive(actor, request, line, depot, bay, now, at)
    return _check_in_own(actor, container, depot, bay, now, at)


def _to_a_stranger(actor: Actor, request: ScanRequest, container: Container) -> Refused:
    """What is said of a drum that the actor may not see: that there is none, whatever else was asked.

    A depot that takes others' waste hears what the label itself tells anybody. Whose and what it is stays hidden.
    """
    if request.intent == Intent.CHECK_IN and _takes_from_others(actor, request):
        return Refused("wrong_depot" if container.state == ContainerState.IN_TRANSIT else "no_manifest")
    return Refused("unknown_code")


def _takes_from_others(actor: Actor, request: ScanRequest) -> bool:
    try:
        return _depot(actor, request).takes_from_others
    except Refused:
        return False


def _put_away(actor: Actor, container: Container, bay: Bay | None, now: datetime, at: datetime | None) -> Container:
    if bay is None:
        raise Refused("bay_missing")
    store.put_away(actor=actor, container=container, bay=bay, now=now, at=at)
    return container


def _receive(
    actor: Actor,
    request: ScanRequest,
    line: Line,
    depot: Depot,
    bay: Bay | None,
    now: datetime,
    at: datetime | None,
) -> Container:
    if line.manifest.state == ManifestState.ISSUED:
        raise Refused("not_departed", manifest=line.manifest.number)
    if at is not None and line.manifest.departed_at is not None and at < line.manifest.departed_at:
        # A device whose clock is behind says it came before it left. Its own time stays on the scan.
        at = None
    mass_g = grams(request.mass_kg) if request.mass_kg not in (None, "") else None
    receipts = [Receipt(line, mass_g=mass_g)]
    try:
        receive(actor=actor, manifest=line.manifest, receipts=receipts, depot=depot, bay=bay, now=now, at=at)
    except Refused as refusal:
        if refusal.code != "line_already_received":
            raise
        # Somebody else scanned it a moment ago: to the operator it is simply here.
        raise Refused("already_here", container=line.container.short_grouped) from None
    return line.container


def _check_in_own(
    actor: Actor, container: Container, depot: Depot, bay: Bay | None, now: datetime, at: datetime | None
) -> Container:
    """No manifest brings it here: the firm's own new drum, one coming back, or a refusal that says why."""
    if (back := line_to_take_back(actor, container)) is not None:
        return take_back(actor=actor, line=back, depot=depot, bay=bay, now=now, at=at)
    return store.check_in(actor=actor, container=container, depot=depot, bay=bay, now=now, at=at)


def _depot(actor: Actor, request: ScanRequest) -> Depot:
    """The depot scanned at: the one named, else the organisation's only one."""
    if request.depot not in (None, ""):
        depot = get_depot(actor, request.depot)
    else:
        own = list(own_depots(actor)[:2])
        if len(own) != 1:
            raise Refused("depot_missing")
        depot = own[0]
    if depot.organisation_id != actor.organisation_id:
        raise NotPermitted("not_permitted")
    return depot


def _keep(actor: Actor, request: ScanRequest, answer: Answer, now: datetime) -> None:
    depot = str(request.depot or "")
    Scan.objects.create(
        organisation=actor.principal,
        nonce=request.nonce,
        fingerprint=request.fingerprint,
        text=request.text[:TEXT_LENGTH],
        intent=request.intent,
        depot_asked=depot[:20],
        container=answer.container,
        verdict=answer.verdict,
        reason=answer.reason or "",
        params=json.dumps(dict(answer.params), ensure_ascii=False),
        user=actor.person,
        scanned_at=request.scanned_at or now,
        recorded_at=now,
    )
