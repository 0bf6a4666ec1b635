"""A verb by its outside name, with the fields a page or a program sent: the one way from a shell to a service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from depots.models import Depot
from depots.selectors import get_bay, get_depot, own_depots
from manifests import services
from manifests.models import Line, Manifest
from manifests.selectors import get_manifest
from wastetrack.errors import NotFound, invalid
from wastetrack.lifecycle.services import lock, once
from wastetrack.parties.actors import Actor
from wastetrack.signing import confirm_signer
from wastetrack.units import grams


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
    fields: dict[str, Any] = field(default_factory=dict)
    """Further fields by name, as sent: what an edit or a correction is to change, totals that must add up."""


Verb = Callable[[Actor, Manifest, Sent, datetime], object]


def _issue(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.issue(actor=actor, manifest=manifest, now=now)


def _depart(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.depart(actor=actor, manifest=manifest, plate=sent.vehicle, departed_at=sent.at, now=now)


def _deliver(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.deliver(actor=actor, manifest=manifest, delivered_at=sent.at, now=now)


def _receive(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    depot = _store_of(actor, sent.depot)
    return services.receive(
        actor=actor,
        manifest=manifest,
        receipts=services.read_receipts(manifest, sent.lines),
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
    treatments = [
        services.Treated(
            line=_line(manifest, row.get("container", ""), f"lines.{number}.container"),
            method=str(row.get("method") or ""),
            mass_g=grams(row.get("mass_kg"), field=f"lines.{number}.mass_kg"),
            treated_at=row.get("treated_at") or now,
        )
        for number, row in enumerate(sent.lines)
    ]
    return services.treat(actor=actor, manifest=manifest, treatments=treatments, now=now)


def _close(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.close(actor=actor, manifest=manifest, now=now)


def _cancel(actor: Actor, manifest: Manifest, sent: Sent, now: datetime) -> object:
    return services.cancel(actor=actor, manifest=manifest, reason=sent.reason, now=now)


VERBS: Mapping[str, Verb] = {
    "issue": _issue,
    "depart": _depart,
    "deliver": _deliver,
    "receive": _receive,
    "settle": _settle,
    "treat": _treat,
    "close": _close,
    "cancel": _cancel,
}
SIGNED = frozenset({"issue", "depart", "receive", "treat"})
"""The verbs a person signs, by giving the password again, or the PIN, at that moment."""


def perform(verb: str, *, actor: Actor, number: str, sent: Sent, now: datetime, key: str = "") -> Manifest:
    """Do a verb on a manifest the actor may see, and return the manifest as it is then; once for each `key`, if given.

    Raises NotFound(unknown_manifest | unknown_verb) and whatever the verb's service raises.
    """
    manifest = get_manifest(actor, number)
    do = VERBS.get(verb)
    if do is None:
        raise NotFound("unknown_verb")
    actor.require_write()
    if verb in SIGNED:
        actor = confirm_signer(actor, sent.password, sent.pin, now=now)
    step = partial(_do_as_shown, do, actor, manifest, sent, now)
    if key:
        _do_once(key, step, verb, actor, manifest, sent, now)
    else:
        step()
    return get_manifest(actor, number)


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
