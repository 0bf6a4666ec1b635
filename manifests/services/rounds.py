"""Rounds: a depot plans which firms a vehicle fetches from, in which order; a driver goes round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from depots import services as store
from depots.models import Depot
from manifests.models import CollectionRequest, CollectionState, Round, RoundState, Stop
from manifests.rounds import requests_of, round_problems
from manifests.services.common import NOTE_LENGTH
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Vehicle

MOST_STOPS = 40


@dataclass(frozen=True)
class Plan:
    """A round as it is to be: the vehicle, the day, and the requests in the order of the stops."""

    vehicle: Vehicle
    day: date
    requests: Sequence[CollectionRequest]


def plan_round(*, actor: Actor, depot: Depot, plan: Plan, now: datetime) -> Round:
    """The depot plans a round; its requests are taken off the list of those that wait.

    Raises NotPermitted(not_your_depot), Invalid with all problems: no_stops, too_many, duplicate_stop,
    request_not_waiting at `stops.N`; date_in_past at `day`; vehicle_overloaded, vehicle_expired at `vehicle`;
    vehicle_incompatible, vehicle_reaction_unknown at `containers`; not_a_carrier, carrier_permit_expired at `carrier`;
    permit_lacks_code, permit_expired at `receiver`.
    """
    store.require_own(actor, depot)
    with transaction.atomic():
        requests = _checked(actor, depot, None, plan, now)
        round_ = Round.objects.create(
            depot=depot,
            carrier=plan.vehicle.organisation,
            vehicle=plan.vehicle,
            day=plan.day,
            made_by=actor.person,
            made_at=now,
        )
        _put(actor, round_, requests, "round.plan", now)
    return round_


def change_round(*, actor: Actor, round_: Round, plan: Plan, now: datetime) -> Round:
    """Another order, more stops, fewer, another vehicle or day, before anybody has set out. Raises as plan_round, and
    Refused(illegal_state) once it is under way.
    """
    with transaction.atomic():
        (round_,) = lock([round_])
        _require_planned(actor, round_, "change")
        requests = _checked(actor, round_.depot, round_, plan, now)
        round_.carrier, round_.vehicle, round_.day = plan.vehicle.organisation, plan.vehicle, plan.day
        # Never the state: that is the lifecycle's.
        round_.save(update_fields=["carrier", "vehicle", "day"])
        _put(actor, round_, requests, "round.change", now)
    return round_


def _require_planned(actor: Actor, round_: Round, verb: str) -> None:
    actor.require_write()
    if "depot" not in round_.positions(actor):
        raise NotPermitted("not_your_part", verb=verb, subject=round_.subject)
    if round_.state != RoundState.PLANNED:
        raise Refused("illegal_state", verb=verb, state=round_.state, subject=round_.subject)


def _checked(actor: Actor, depot: Depot, round_: Round | None, plan: Plan, now: datetime) -> list[CollectionRequest]:
    """The requests, locked, in the order of the plan. Raises Invalid with every problem there is."""
    wanted = [request.pk for request in plan.requests]
    errors = []
    if not wanted:
        errors.append(FieldError("stops", "no_stops"))
    if len(wanted) > MOST_STOPS:
        errors.append(FieldError("stops", "too_many", {"limit": MOST_STOPS}))
    if len(set(wanted)) != len(wanted):
        errors.append(FieldError("stops", "duplicate_stop"))
    if plan.day < timezone.localdate(now):
        errors.append(FieldError("day", "date_in_past"))
    if errors:
        raise Invalid(*errors)
    fresh = {request.pk: request for request in lock(list(requests_of(actor).filter(pk__in=wanted)))}
    mine = set(round_.stops.values_list("request", flat=True)) if round_ else set()
    for number, pk in enumerate(wanted):
        request = fresh.get(pk)
        waits = request is not None and (request.state == CollectionState.ASKED or pk in mine)
        if not waits or request is None or request.depot_id != depot.pk:
            firm = request.site.organisation.name if request else "—"
            errors.append(FieldError(f"stops.{number}", "request_not_waiting", {"firm": firm}))
    if errors:
        raise Invalid(*errors)
    # Locking reads the rows anew: what they hold comes from the first reading.
    held = {request.pk: request for request in requests_of(actor).filter(pk__in=wanted)}
    if found := round_problems(depot, plan.vehicle, [held[pk] for pk in wanted], plan.day):
        raise Invalid(*found)
    return [fresh[pk] for pk in wanted]


def _put(actor: Actor, round_: Round, requests: Sequence[CollectionRequest], kind: str, now: datetime) -> None:
    """These are the stops from now on, in this order; what is no stop any more waits again."""
    before = {stop.request_id: stop for stop in round_.stops.select_related("request__site", "request__depot__site")}
    dropped = [stop.request for pk, stop in before.items() if pk not in {one.pk for one in requests}]
    added = [request for request in requests if request.pk not in before]
    round_.stops.all().delete()
    Stop.objects.bulk_create(
        Stop(round=round_, request=request, position=number) for number, request in enumerate(requests, 1)
    )
    payload = _told(round_, requests)
    facts = [Fact(kind, round_.subject, round_.readers(), payload)]
    if dropped:
        facts += move(dropped, "fall_back", actor=actor)[1]
    if added:
        facts += move(added, "plan", actor=actor, payload={"day": round_.day.isoformat()})[1]
    record(actor, facts, now=now)


def _told(round_: Round, requests: Sequence[CollectionRequest]) -> dict[str, object]:
    return {
        "depot": str(round_.depot_id),
        "depot_name": round_.depot.name,
        "carrier": round_.carrier.name,
        "vehicle": round_.vehicle.plate,
        "day": round_.day.isoformat(),
        "stops": [request.site.organisation.name for request in requests],
    }


def cancel_round(*, actor: Actor, round_: Round, now: datetime) -> Round:
    """Called off before anybody set out: all its requests wait again."""
    with transaction.atomic():
        (round_,), facts = move([round_], "cancel", actor=actor)
        facts += _all_back(actor, round_, now)
        record(actor, facts, now=now)
    return round_


def start_round(*, actor: Actor, round_: Round, now: datetime) -> Round:
    """The driver sets out."""
    with transaction.atomic():
        (round_,), facts = move([round_], "start", actor=actor, change={"started_at": now})
        record(actor, facts, now=now)
    return round_


def finish_round(*, actor: Actor, round_: Round, now: datetime) -> Round:
    """The driver is back; stops that are still open fall back into the list."""
    with transaction.atomic():
        (round_,), facts = move([round_], "finish", actor=actor, change={"finished_at": now})
        facts += _all_back(actor, round_, now)
        record(actor, facts, now=now)
    return round_


def _all_back(actor: Actor, round_: Round, now: datetime) -> list[Fact]:
    pending = round_.stops.filter(manifest=None, missed_at=None)
    requests = [stop.request for stop in pending.select_related("request__site", "request__depot__site")]
    if not requests:
        return []
    pending.update(missed_at=now)
    return move(requests, "fall_back", actor=actor, position="round")[1]


def miss_stop(*, actor: Actor, round_: Round, stop: Stop, reason: str, now: datetime) -> Stop:
    """Nobody there, no way in: the stop is not served, its request waits for the next round.

    Raises NotPermitted(not_your_part), Invalid(missing) without a reason, Refused(round_not_under_way | stop_settled).
    """
    reason = " ".join(reason.split())
    if not reason:
        raise invalid("reason", "missing")
    if len(reason) > NOTE_LENGTH:
        raise invalid("reason", "too_long", limit=NOTE_LENGTH)
    with transaction.atomic():
        round_, stop = open_stop(actor, round_, stop)
        stop.missed_at, stop.reason = now, reason
        stop.save(update_fields=["missed_at", "reason"])
        firm = {"firm": stop.request.site.organisation.name, "reason": reason}
        facts = [Fact("round.miss", round_.subject, round_.readers(), firm)]
        facts += move([stop.request], "fall_back", actor=actor, position="round", payload={"reason": reason})[1]
        record(actor, facts, now=now)
    return stop


def open_stop(actor: Actor, round_: Round, stop: Stop, signed_at: datetime | None = None) -> tuple[Round, Stop]:
    """Round and stop under the round's lock, as they are now; only its carrier's people settle a stop.

    A stop that was signed at `signed_at`, before the round was finished, is still open after it while its firm waits.
    Raises NotPermitted(not_your_part), Refused(round_not_under_way | stop_settled).
    """
    (round_,) = lock([round_])
    actor.require_write()
    if "carrier" not in round_.positions(actor):
        raise NotPermitted("not_your_part", verb="serve", subject=round_.subject)
    stop = Stop.objects.select_related("request__site__organisation", "request__depot__site").get(pk=stop.pk)
    if stop.phase == "served":
        raise Refused("stop_settled", firm=stop.request.site.organisation.name)
    if signed_at is not None and _only_late(round_, stop, signed_at):
        return round_, stop
    if round_.state != RoundState.UNDER_WAY:
        code = "round_over" if round_.state == RoundState.FINISHED else "round_not_under_way"
        raise Refused(code)
    if stop.phase == "missed":
        raise Refused("stop_settled", firm=stop.request.site.organisation.name)
    return round_, stop


def _only_late(round_: Round, stop: Stop, signed_at: datetime) -> bool:
    """Whether only the end of the round closed this stop, after it was signed, and nobody else has it since."""
    if round_.finished_at is None or signed_at >= round_.finished_at:
        return False
    if stop.missed_at != round_.finished_at or stop.reason:
        return False
    (stop.request,) = lock([stop.request])
    return stop.request.state == CollectionState.ASKED
