"""What waits to be fetched in the demo, and tomorrow's round."""

from __future__ import annotations

from datetime import datetime

from desk.demo.parties import District, Party
from manifests.models import CollectionRequest
from manifests.rounds import depot_problems, free_for_collection, requests_of, round_problems
from manifests.services.collecting import ask
from manifests.services.rounds import Plan, plan_round
from wastetrack.parties.models import Vehicle
from wastetrack.regulations.calendar import add_working_days

DRUMS, STOPS = 2, 2


def put_down_rounds(district: District, now: datetime) -> None:
    """One firm waits to be fetched from; a round to two others is planned for the next working day."""
    depot, crew = district.receivers["depot"], district.crews["carrier"][0]
    vehicle = Vehicle.objects.select_related("organisation").get(plate=crew.plate)
    day = add_working_days(now.date(), 1)
    asked = [request for firm in district.firms[1 : STOPS + 3] if (request := _ask(firm, depot, now))]
    held = {one.pk: one for one in requests_of(depot.actor)}
    chosen: list[CollectionRequest] = []
    for request in asked[1:]:
        # What reacts with what is on the lorry already waits for the next round.
        if len(chosen) < STOPS and not round_problems(depot.depot, vehicle, [*chosen, held[request.pk]], day):
            chosen.append(held[request.pk])
    if chosen:
        plan_round(actor=depot.actor, depot=depot.depot, plan=Plan(vehicle, day, chosen), now=now)


def _ask(firm: Party, depot: Party, now: datetime) -> CollectionRequest | None:
    """The firm asks for its drums with the nearest deadlines, as far as the depot may take them."""
    drums = [stay.container for stay in free_for_collection(firm.actor)]
    able = [drum for drum in drums if not depot_problems(depot.depot, {drum.waste_code}, now.date())][:DRUMS]
    if not able:
        return None
    return ask(
        actor=firm.actor,
        depot=depot.depot,
        containers=able,
        window="工作日 9:00–11:00、14:00–16:00",
        note="请走后门，先打电话",
        now=now,
    )
