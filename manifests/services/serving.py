"""A stop is served: what both signed becomes one manifest, issued and departed, in one transaction or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from depots import services as store
from depots.models import Depot, Stay
from manifests.models import Manifest, Round, SignedStop, SignedStopState, Stop
from manifests.rounds import Piece, aboard_now, get_round, get_stop, head_of, ride_problems, seen_of, shown_digest
from manifests.sealing import Signer, bound_to, unseal
from manifests.services.carriage import depart
from manifests.services.drafting import draft, issue, series_of
from manifests.services.rounds import open_stop
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused, invalid
from wastetrack.ledger.canonical import canonical_json, instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import hold_series, lock, move
from wastetrack.parties.actors import Actor
from wastetrack.regulations.identifiers import normalise_short_code
from wastetrack.schemas import row_id
from wastetrack.signing import confirm_at_counter, confirm_signer
from wastetrack.units import grams, kg_text
from wastetrack.waste.models import Container, ContainerState, WasteStream
from wastetrack.waste.services import STREAM_FIELDS

NONCE_LENGTH, MOST_DRUMS = 64, 200
CLOCK_SKEW = timedelta(minutes=5)
PASSING = frozenset({"pin_locked", "too_many_requests", "lost_race", "database_busy"})
"""What is no answer to the stop: the same may be recorded another time."""


@dataclass(frozen=True)
class New:
    """A drum that was not logged yet: a usual waste by its id, and the mass as sent."""

    stream: str
    mass_kg: object


@dataclass(frozen=True)
class ServeRequest:
    """A stop as its phone sent it. Each signature is sealed, or plain where it was sent as it was typed."""

    nonce: str
    shown: str
    """The digest of what both saw (rounds.shown_digest)."""
    drums: Sequence[str] = ()
    new: Sequence[New] = ()
    sealed_firm: str = ""
    sealed_driver: str = ""
    firm: Signer | None = None
    driver: Signer | None = None
    signed_at: datetime | None = None
    """By the phone's clock."""
    sent_at: datetime | None = None
    """By the same clock, when it was sent: it tells by how much that clock is wrong. No seal covers it."""
    signed_text: str = ""
    """`signed_at` as it was sent: the seals are bound to it."""

    @property
    def fingerprint(self) -> str:
        """What was asked, as a hash. Never a PIN; not when it was sent."""
        new = [[one.stream, str(one.mass_kg)] for one in self.new]
        seals = [self.sealed_firm, self.sealed_driver, self.signed_text]
        asked = canonical_json([self.shown, sorted(self.drums), sorted(new), *seals])
        return hashlib.sha256(asked.encode()).hexdigest()

    @property
    def by_the_phone(self) -> dict[str, dict[str, str]]:
        """Its times as the phone said them, whether or not they are believed."""
        told = {}
        if self.signed_at is not None:
            told["signed_at"] = self.signed_text or instant(self.signed_at)
        if self.sent_at is not None:
            told["sent_at"] = instant(self.sent_at)
        return {"phone": told} if told else {}


@dataclass
class _Work:
    """A stop being recorded: who signed, what is taken."""

    driver: Actor
    firm: Actor
    round: Round
    stop: Stop
    at: datetime
    now: datetime
    drums: list[Container] = field(default_factory=list)
    new: list[tuple[WasteStream, int]] = field(default_factory=list)


def serve(*, actor: Actor, round_id: object, stop_id: object, request: ServeRequest, now: datetime) -> SignedStop:
    """Record a stop that the firm and the driver signed on the driver's phone: once for its nonce, whole or parked.

    What stands in its way, a wrong PIN too, parks it with its reasons: both sign again. Sent again, it gets the same
    answer, and no PIN is tried anew.
    Raises NotFound(unknown_round | unknown_stop), NotPermitted(not_your_part | read_only), Invalid at `nonce`, `drums`,
    `new.N`, `signed_at`; Refused(nonce_reused), Refused(pin_locked | too_many_requests, 429): send it another time.
    """
    actor.require_write()
    round_ = get_round(actor, round_id)
    if "carrier" not in round_.positions(actor):
        raise NotPermitted("not_your_part", verb="serve", subject=round_.subject)
    stop = get_stop(round_, stop_id)
    _check(request, now)
    if kept := SignedStop.objects.filter(stop=stop, nonce=request.nonce).first():
        return _first_answer(kept, request)
    at = _signed_at(request, round_, now)
    reasons, signers = _signers(actor, round_, stop, request, at, now)
    try:
        with transaction.atomic():
            # First of all: its unique nonce decides whether this has happened before.
            signed = SignedStop.objects.create(
                stop=stop,
                nonce=request.nonce,
                fingerprint=request.fingerprint,
                state=SignedStopState.RECORDED,
                content=_content(request),
                signed_at=at,
                received_at=now,
                sent_by=actor.person,
            )
            if not reasons:
                driver, firm = signers
                work = _Work(driver, firm, round_, stop, at, now)
                reasons = _record(work, request)
                # The answer names the manifest that was just made.
                signed.stop = work.stop
            if reasons:
                _park(actor, round_, signed, reasons, now)
    except IntegrityError:
        kept = SignedStop.objects.filter(stop=stop, nonce=request.nonce).first()
        if kept is None:
            raise
        return _first_answer(kept, request)
    return signed


def _check(request: ServeRequest, now: datetime) -> None:
    errors = []
    if not request.nonce or len(request.nonce) > NONCE_LENGTH or not request.nonce.isprintable():
        errors.append(FieldError("nonce", "nonce_missing" if not request.nonce else "nonce_unusable"))
    if not request.drums and not request.new:
        errors.append(FieldError("drums", "no_lines"))
    if len(request.drums) + len(request.new) > MOST_DRUMS:
        errors.append(FieldError("drums", "too_many", {"limit": MOST_DRUMS}))
    if request.signed_at is not None and request.sent_at is None and request.signed_at > now + CLOCK_SKEW:
        errors.append(FieldError("signed_at", "time_in_future"))
    for number, one in enumerate(request.new):
        try:
            grams(one.mass_kg, field=f"new.{number}.mass_kg")
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid(*errors)


def _first_answer(kept: SignedStop, request: ServeRequest) -> SignedStop:
    if kept.fingerprint != request.fingerprint:
        raise Refused("nonce_reused")
    return kept


def _signed_at(request: ServeRequest, round_: Round, now: datetime) -> datetime:
    """When both signed, by our clock.

    A phone's clock that is right counts as it is; one that is wrong by more than a skew only says how long ago it was.
    Either way it must have been while the driver was on the way: what cannot be borne out counts from now.
    """
    if request.signed_at is None:
        return now
    right = request.sent_at is None or abs(request.sent_at - now) <= CLOCK_SKEW
    ago = (now if right or request.sent_at is None else request.sent_at) - request.signed_at
    under_way = now - (round_.started_at or now)
    if not -CLOCK_SKEW <= ago <= under_way + CLOCK_SKEW:
        return now
    return now - min(max(ago, timedelta()), under_way)


def _content(request: ServeRequest) -> str:
    new = [{"stream": one.stream, "mass_kg": str(one.mass_kg)} for one in request.new]
    drums = list(request.drums)
    return canonical_json({"drums": drums, "new": new, "shown": request.shown, **request.by_the_phone})


def _signers(
    actor: Actor, round_: Round, stop: Stop, request: ServeRequest, at: datetime, now: datetime
) -> tuple[list[FieldError], tuple[Actor, Actor]]:
    """Driver and member of the firm, both proved; or why not. A PIN is only tried while there is something to sign.

    Outside a transaction: a try stays counted.
    """
    nobody = (actor, actor)
    try:
        open_or_not(actor, round_, stop, at)
        driver = request.driver or _unsealed("driver", request.sealed_driver, stop, request)
        firm = request.firm or _unsealed("firm", request.sealed_firm, stop, request)
    except Refused as refusal:
        return _reasons(refusal), nobody
    reasons: list[FieldError] = []
    place, owner = round_.vehicle.plate, stop.request.site.organisation

    def try_(field_name: str, proving: Callable[[], Actor]) -> Actor:
        try:
            return proving()
        except Refused as refusal:
            if refusal.code in PASSING:
                raise
            reasons.append(FieldError(field_name, refusal.code, refusal.params))
            return actor

    def prove_driver() -> Actor:
        if not driver.pin.strip():
            raise NotPermitted("wrong_pin")
        return confirm_signer(actor, pin=driver.pin, now=now)

    def prove_firm() -> Actor:
        return confirm_at_counter(
            actor=actor, organisation=owner, username=firm.username, pin=firm.pin, place=place, now=now
        )

    # A lock of one leaves the other's try uncounted only where it comes first: the driver sends this again.
    signers = (try_("pin", prove_driver), try_("firm_pin", prove_firm))
    return reasons, signers


def open_or_not(actor: Actor, round_: Round, stop: Stop, at: datetime) -> None:
    """Raises what open_stop raises where nothing is to be signed any more."""
    with transaction.atomic():
        open_stop(actor, round_, stop, at)


def _unsealed(role: str, sealed: str, stop: Stop, request: ServeRequest) -> Signer:
    return unseal(sealed, bound_to(role, stop.pk, request.nonce, request.shown, request.signed_text))


def _reasons(refusal: Refused) -> list[FieldError]:
    return list(refusal.errors) or [FieldError("all", refusal.code, refusal.params)]


def _record(work: _Work, request: ServeRequest) -> list[FieldError]:
    """Do it all, or nothing and say why."""
    try:
        with transaction.atomic():
            _do(work, request)
    except Refused as refusal:
        if refusal.code in PASSING:
            raise
        return _reasons(refusal)
    return []


def _do(work: _Work, request: ServeRequest) -> None:
    work.round, work.stop = open_stop(work.driver, work.round, work.stop, work.at)
    stop, firm = work.stop, work.stop.request.site.organisation
    # Whoever drafts holds the series of manifests before any drum, and nobody holds two drums out of order.
    hold_series(series_of(stop.request.site, work.now))
    _read(work, request)
    if request.shown != _shown(work, request):
        raise Refused("stop_changed")
    _require_fit(work)
    drums = [*work.drums, *_log_new(work)]
    work.at = max([work.at, *_since(drums)])
    manifest = draft(
        actor=work.firm,
        receiver=work.round.depot.site.organisation,
        carrier=work.round.carrier,
        containers=drums,
        emergency_measures=_usual_measures(firm.pk),
        now=work.now,
    )
    manifest = issue(actor=work.firm, manifest=manifest, now=work.now, at=work.at)
    manifest = depart(
        actor=work.driver, manifest=manifest, plate=work.round.vehicle.plate, departed_at=work.at, now=work.now
    )
    stop.manifest, stop.missed_at = manifest, None
    stop.save(update_fields=["manifest", "missed_at"])
    about = {"manifest": manifest.number, **request.by_the_phone}
    payload = {**about, "firm": firm.name, "shown_sha256": request.shown}
    facts = [Fact("round.serve", work.round.subject, work.round.readers(), payload)]
    change = {"settled_at": work.at}
    facts += move([stop.request], "serve", actor=work.driver, position="round", change=change, payload=about)[1]
    record(work.driver, facts, now=work.now, event_time=work.at)


def _read(work: _Work, request: ServeRequest) -> None:
    """What is taken, locked. Raises Invalid naming every drum that is not the firm's, not free or not here."""
    firm, site = work.stop.request.site.organisation, work.stop.request.site
    found, errors = [], list[FieldError]()
    longs, shorts = request.drums, [normalise_short_code(code) for code in request.drums]
    rows = Container.objects.filter(Q(code__in=longs) | Q(short_code__in=shorts), holder=firm)
    known = {code: row for row in rows.select_related("holder", "origin") for code in (row.code, row.short_code)}
    for number, code in enumerate(request.drums):
        drum = known.get(code) or known.get(shorts[number])
        # A stranger's drum is answered like none.
        if drum is None:
            params = {"container": code[:40], "firm": firm.name}
            errors.append(FieldError(f"drums.{number}", "not_the_firms", params))
        else:
            found.append(drum)
    if len({drum.pk for drum in found}) != len(found):
        raise invalid("drums", "duplicate_container")
    work.drums = lock(found)
    here = set(
        Stay.objects.filter(container__in=found, left_at=None, depot__site=site).values_list("container", flat=True)
    )
    for drum in work.drums:
        params = {"container": drum.short_grouped, "state": drum.state, "firm": firm.name}
        if drum.holder_id != firm.pk:
            errors.append(FieldError("drums", "not_the_firms", params))
        elif drum.state != ContainerState.STORED:
            errors.append(FieldError("drums", "container_not_free", params))
        elif drum.pk not in here:
            errors.append(FieldError("drums", "not_at_site", params))
    errors += _read_new(work, request)
    if errors:
        raise Invalid(*errors)


def _read_new(work: _Work, request: ServeRequest) -> list[FieldError]:
    streams = {one.pk: one for one in WasteStream.objects.filter(site=work.stop.request.site, active=True)}
    errors = []
    for number, one in enumerate(request.new):
        stream = streams.get(row_id(one.stream))
        if stream is None:
            errors.append(FieldError(f"new.{number}.stream", "unknown_stream"))
        else:
            work.new.append((stream, grams(one.mass_kg)))
    return errors


def _shown(work: _Work, request: ServeRequest) -> str:
    """The digest of the stop as it is now, with the masses that were sent."""
    drums = [(drum.code, seen_of(drum)) for drum in work.drums]
    new = [
        (str(stream.pk), seen_of(stream), str(one.mass_kg))
        for one, (stream, _) in zip(request.new, work.new, strict=True)
    ]
    return shown_digest(head_of(work.round, work.stop), drums, new)


def _require_fit(work: _Work) -> None:
    """With what is on the vehicle already. Raises Refused with all problems."""
    pieces = [Piece.of(drum, drum.mass_g) for drum in work.drums] + [Piece.of(*one) for one in work.new]
    vehicle, division = work.round.vehicle, work.stop.request.site.division
    if found := ride_problems(vehicle, [*aboard_now(work.round), *pieces], division):
        raise Refused(found[0].code, errors=found, **found[0].params)


def _log_new(work: _Work) -> list[Container]:
    """The drums that were not logged yet: they stood in the firm's store, if only on paper, until now."""
    site, firm = work.stop.request.site, work.firm
    if not work.new:
        return []
    own = Depot.objects.filter(site=site).select_related("site__organisation", "permit")
    place = own.order_by("pk").first()
    if place is None:
        raise Refused("firm_has_no_store", firm=site.organisation.name)
    logged = []
    # By code: so two stops at once count up the series of codes one after the other.
    for stream, mass_g in sorted(work.new, key=lambda one: (one[0].waste_code, one[0].pk)):
        data: dict[str, Any] = {name: getattr(stream, name) for name in STREAM_FIELDS if name != "reaction_groups"}
        data |= {"hazards": stream.hazards.split(), "volume_l": f"{stream.volume_l.normalize():f}"}
        data |= {"mass_kg": kg_text(mass_g), "accumulation_start": work.at.astimezone(work.now.tzinfo).date()}
        drum = store.log_into(
            actor=firm, depot=place, data=data, stream=stream, now=work.now, on_paper=True, at=work.at
        )
        logged.append(drum)
    return logged


def _since(drums: Sequence[Container]) -> list[datetime]:
    """Since when each stands in the firm's store: nothing leaves before it came, whatever a phone's clock says."""
    return list(Stay.objects.filter(container__in=drums, left_at=None).values_list("entered_at", flat=True))


def _usual_measures(firm_id: int) -> str:
    """The emergency measures that the firm last named."""
    last = Manifest.objects.filter(sender=firm_id).exclude(emergency_measures="").order_by("-pk").first()
    return last.emergency_measures if last else ""


def _park(actor: Actor, round_: Round, signed: SignedStop, reasons: Sequence[FieldError], now: datetime) -> None:
    signed.state = SignedStopState.PARKED
    signed.reasons = json.dumps(
        [
            {"field": one.field, "code": one.code, "params": {k: str(v) for k, v in one.params.items()}}
            for one in reasons
        ],
        ensure_ascii=False,
    )
    signed.save(update_fields=["state", "reasons"])
    content = json.loads(signed.content)
    payload = {
        "firm": signed.stop.request.site.organisation.name,
        "codes": [one.code for one in reasons],
        "signed_at": instant(signed.signed_at),
        "phone": content.pop("phone", {}),
        "content": content,
    }
    record(actor, [Fact("round.park", round_.subject, round_.readers(), payload)], now=now, event_time=signed.signed_at)


def reasons_of(signed: SignedStop) -> list[FieldError]:
    """Why it was not recorded."""
    return [FieldError(one["field"], one["code"], one["params"]) for one in json.loads(signed.reasons)]


def plain_signers(pin: str, username: str, firm_pin: str) -> tuple[Signer, Signer]:
    """Driver and firm as typed into a plain form. Raises Invalid(missing) for an empty field."""
    for name, text in (("pin", pin), ("username", username), ("firm_pin", firm_pin)):
        if not text.strip():
            raise invalid(name, "missing")
    return Signer(pin), Signer(firm_pin, username)
