"""A verb by its outside name, with the fields a page or a program sent: the one way from a shell to a service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from depots.models import Depot
from depots.selectors import get_bay, get_depot, own_depots
from manifests import services
from manifests.models import Line, Manifest
from manifests.selectors import get_manifest
from wastetrack.errors import NotFound, NotPermitted, Refused, invalid
from wastetrack.lifecycle.services import lock, once
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import organisation_of
from wastetrack.signing import confirm_at_counter, confirm_signer


@dataclass(frozen=True)
class Sent:
    """What came with a verb: read values where the shell could read them, raw ones where a rule must judge."""

    password: str = ""
    pin: str = ""
    shown: str = ""
    """The digest of what the signer saw; empty where a program does not say."""
    lines: list[dict[str, Any]] = field(default_factory=list)
    container: str = ""
    mass_kg: Any = None
    note: str = ""
    reason: str = ""
    vehicle: str = ""
    depot: str = ""
    bay: str = ""
    at: datetime | None = None
    carrier: str = ""
    place: str = ""
    next_username: str = ""
    next_pin: str = ""
    next_signer: Actor | None = field(default=None, repr=False, compare=False)
    """The next carrier's driver, who has proved by PIN on this device to be there; never sent, only found."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Further fields by name, as sent: what an edit or a correction is to change, totals that must add up."""


Verb = Callable[[Actor, Manifest, Sent, datetime], object]


def _issue(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.issue(actor=actor, manifest=manifest, now=now)


def _depart(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    if "next_carrier" in manifest.positions(actor):
        return _take_over(actor, manifest, sent, now)
    return services.depart(
        actor=actor,
        manifest=manifest,
        plate=sent.vehicle,
        departed_at=sent.at,
        compared=sent.fields.get("compared"),
        now=now,
    )


def _hand_over(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    manifest = services.hand_over(
        actor=actor,
        manifest=manifest,
        carrier=organisation_of(actor, sent.carrier, "carrier"),
        place=sent.place,
        plate=sent.vehicle,
        at=sent.at,
        now=now,
    )
    if sent.next_signer is None:
        return manifest
    return services.take_over(actor=sent.next_signer, manifest=manifest, plate=sent.vehicle, at=sent.at, now=now)


def _take_over(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.take_over(actor=actor, manifest=manifest, plate=sent.vehicle, at=sent.at, now=now)


def _deliver(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    if _takes_over_first(actor, manifest):
        manifest = services.take_over(actor=actor, manifest=manifest, plate=sent.vehicle, at=sent.at, now=now)
    return services.deliver(actor=actor, manifest=manifest, delivered_at=sent.at, now=now)


def _receive(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    depot = _store_of(actor, sent.depot)
    return services.receive(
        actor=actor,
        manifest=manifest,
        receipts=services.read_receipts(manifest, sent.lines, sent.fields),
        depot=depot,
        bay=get_bay(depot, sent.bay) if sent.bay else None,
        at=sent.at,
        now=now,
    )


def _store_of(actor: Actor, depot_id: str) -> Depot:
    if depot_id:
        return get_depot(actor, depot_id)
    depot = own_depots(actor).first()
    if depot is None:
        raise invalid("depot", "depot_missing")
    return depot


def _settle(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    line = _line(manifest, sent.container, "container")
    return services.settle(actor=actor, manifest=manifest, line=line, mass_kg=sent.mass_kg, note=sent.note, now=now)


def _treat(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    treatments = services.read_treatments(manifest, sent.lines, now)
    return services.treat(actor=actor, manifest=manifest, treatments=treatments, now=now)


def _close(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.close(actor=actor, manifest=manifest, now=now)


def _correct(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    changes = {**sent.fields, "lines": sent.lines, "vehicle": sent.vehicle}
    return services.propose(actor=actor, manifest=manifest, reason=sent.reason, changes=changes, now=now)


def _approve(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.approve(actor=actor, manifest=manifest, correction_id=_meant(sent), now=now)


def _decline(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    meant = _meant(sent)
    return services.decline(actor=actor, manifest=manifest, correction_id=meant, reason=sent.reason, now=now)


def _withdraw(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.withdraw(actor=actor, manifest=manifest, correction_id=_meant(sent), now=now)


def _meant(sent: Sent) -> str:
    """Which proposal was read; empty where a program does not say."""
    return str(sent.fields.get("correction") or "")


def _cancel(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    if manifest.departed_at is not None:
        return services.propose(actor=actor, manifest=manifest, reason=sent.reason, changes={}, cancels=True, now=now)
    return services.cancel(actor=actor, manifest=manifest, reason=sent.reason, now=now)


def _amend_plan(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.amend_plan(actor=actor, manifest=manifest, now=now)


def _type_in(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.type_in(
        actor=actor,
        manifest=manifest,
        departed_at=sent.at,
        delivered_at=sent.fields.get("delivered_at"),
        plate=sent.vehicle,
        driver=str(sent.fields.get("driver") or ""),
        now=now,
    )


def _national_number(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    number = str(sent.fields.get("national_number") or "")
    return services.set_national_number(actor=actor, manifest=manifest, number=number, now=now)


VERBS: Mapping[str, Verb] = {
    "issue": _issue,
    "depart": _depart,
    "hand-over": _hand_over,
    "take-over": _take_over,
    "deliver": _deliver,
    "receive": _receive,
    "settle": _settle,
    "treat": _treat,
    "close": _close,
    "cancel": _cancel,
    "correct": _correct,
    "approve": _approve,
    "decline": _decline,
    "withdraw": _withdraw,
    "national-number": _national_number,
    "amend-plan": _amend_plan,
    "type-in": _type_in,
}
SIGNED = frozenset({"type-in", "issue", "depart", "hand-over", "take-over", "receive", "treat", "correct", "approve"})
"""The verbs a person signs, by giving the password again, or the PIN, at that moment."""
OVERTAKEN = frozenset({"correction_stale", "already_received"})
"""Refusals that say that an open proposal can't hold any more: it ends with them."""


def perform(verb: str, *, actor: Actor, number: str, sent: Sent, now: datetime, key: str = "") -> Manifest:
    """Do a verb on a manifest the actor may see, and return the manifest as it is then; once for each `key`, if given.

    Raises NotFound(unknown_manifest | unknown_verb) and whatever the verb's service raises.
    """
    manifest = get_manifest(actor, number)
    do = VERBS.get(verb)
    if do is None:
        raise NotFound("unknown_verb")
    actor.require_write()
    if verb in SIGNED or _signs_with(verb, actor, manifest):
        actor = confirm_signer(actor, sent.password, sent.pin, now=now)
    if verb == "hand-over" and sent.next_username:
        sent = replace(sent, next_signer=_beside(actor, manifest, sent, now))
    step = partial(_do_as_shown, do, actor, manifest, sent, now)
    try:
        if key:
            _do_once(key, step, verb, actor, manifest, sent, now)
        else:
            step()
    except Refused as refusal:
        if verb == "approve" and refusal.code in OVERTAKEN:
            services.withdraw_stale(actor=actor, manifest=manifest, now=now)
        raise
    return get_manifest(actor, number)


def _signs_with(verb: str, actor: Actor, manifest: Manifest) -> bool:
    """Whether the verb is signed as things are: a load that was not taken over yet, a load that is on its way."""
    if verb == "deliver":
        return _takes_over_first(actor, manifest)
    return verb == "cancel" and manifest.departed_at is not None


def _takes_over_first(actor: Actor, manifest: Manifest) -> bool:
    """Whether it brings a load that was handed to it and that it has not signed for yet."""
    return "next_carrier" in manifest.positions(actor)


def _beside(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> Actor:
    """The next carrier's driver, who signs on the first driver's phone where the load changes lorries.

    A PIN is only looked at while there is something to sign.
    """
    if "carrier" not in manifest.positions(actor):
        raise NotPermitted("not_your_part", subject=manifest.subject)
    carrier, place = organisation_of(actor, sent.carrier, "carrier"), services.read_place(sent.place)
    services.require_next(actor, manifest, carrier, timezone.localdate(sent.at or now))
    return confirm_at_counter(
        actor=actor, organisation=carrier, username=sent.next_username, pin=sent.next_pin, place=place, now=now
    )


def _do_as_shown(do: Verb, actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> None:
    """A signature counts for what its signer saw: under the manifest's lock, that is still what there is."""
    with transaction.atomic():
        if sent.shown:
            (manifest,) = lock([manifest])
            services.require_as_shown(manifest, sent.shown)
        do(actor, manifest, sent, now)


def _do_once(
    key: str, do: Callable[[], object], verb: str, actor: Actor, manifest: Manifest, sent: Sent, now: datetime
) -> None:
    """A form sent twice acts once. Password and PIN are no part of the question: not even their hash is to be kept."""
    asked = repr((manifest.number, verb, replace(sent, password="", pin="", next_pin="")))
    once(
        organisation_id=actor.principal.pk,
        key=key,
        fingerprint=hashlib.sha256(asked.encode()).hexdigest(),
        now=now,
        make=lambda: (do(), (303, ""))[1],
    )


def _line(manifest: Manifest, code: object, where: str) -> Line:
    plain = services.plain_code(code)
    for line in manifest.lines.select_related("container"):
        if plain in (line.container.code, line.container.short_code):
            return line
    raise invalid(where, "unknown_line")
