"""The pages of collections and rounds, without scripts: ask, plan, go round."""

from __future__ import annotations

import re
from typing import Any

import pytest

from manifests.models import CollectionRequest, Manifest, Round, SignedStop
from manifests.services.rounds import finish_round
from tests.kernel.test_rounds import DRIVER_PIN, PIN, asked, done, planned, started
from tests.pages.visitors import Visitor, text
from tests.world import NOW, TODAY, World
from wastetrack.parties.models import Vehicle
from wastetrack.signing import set_pin
from wastetrack.waste.services import save_stream


@pytest.fixture(autouse=True)
def _now(clock: Any, world: World) -> None:
    for name, pin in (("firm", PIN), ("firm2", PIN), ("carrier", DRIVER_PIN)):
        set_pin(actor=world.actor(name), password="demo", pin=pin, now=NOW)


def hidden(page: str, form: str) -> dict[str, str]:
    """The hidden fields of a form by its action."""
    inside = page.split(f'action="{form}"')[1].split("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', inside))


def test_a_firm_asks_and_takes_it_back(world: World) -> None:
    drum, firm = world.drum(), Visitor(world, "firm")
    page = text(firm.get("/collections/new"))
    assert drum.short_grouped in page
    depot = world.depots["depot"]
    answer = firm.send("/collections/new", container=drum.short_code, depot=depot.pk, window="9–11", note="后门")
    request = CollectionRequest.objects.get()
    assert answer["Location"] == f"/collections/{request.pk}"
    assert "9–11" in text(firm.get("/collections"))
    assert drum.short_grouped in text(Visitor(world, "depot").get(f"/collections/{request.pk}"))
    firm.send(f"/collections/{request.pk}/withdraw")
    assert CollectionRequest.objects.get().state == "withdrawn"


def test_the_same_form_asks_once(world: World) -> None:
    drum, firm = world.drum(), Visitor(world, "firm")
    for _ in range(2):
        firm.send("/collections/new", nonce="n", container=drum.short_code, depot=world.depots["depot"].pk)
    assert CollectionRequest.objects.count() == 1


def test_what_was_wrong_stands_at_its_field(world: World) -> None:
    stream = save_stream(actor=world.actor("firm"), container=world.drum(), now=NOW)
    answer = Visitor(world, "firm").send("/collections/new", **{f"mass-{stream.pk}": "x", "depot": "1"})
    assert answer.status_code == 422
    answer = Visitor(world, "firm").send("/collections/new", depot="x")
    assert (answer.status_code, "Choose a depot of your city" in text(answer)) == (422, True)


@pytest.mark.parametrize(("who", "status"), [("carrier", 403), ("regulator", 403), ("viewer", 403)])
def test_who_does_not_ask(world: World, who: str, status: int) -> None:
    assert Visitor(world, who).get("/collections/new").status_code == status


def test_a_depot_plans_moves_and_saves(world: World) -> None:
    world.departed(world.drum())
    one, two = asked(world, world.drum()), asked(world, world.drum("firm2"), firm="firm2")
    depot, address = Visitor(world, "depot"), f"/depots/{world.depots['depot'].pk}/rounds/new"
    assert world.organisations["firm"].name in text(depot.get(address))
    fields: dict[str, Any] = {"vehicle": str(Vehicle.objects.get().pk), "day": TODAY.isoformat(), "stop": [one.pk]}
    page = text(depot.send(address, do=f"add:{two.pk}", **fields))
    assert re.findall(r'name="stop" value="(\d+)"', page) == [str(one.pk), str(two.pk)]
    fields["stop"] = [one.pk, two.pk]
    page = text(depot.send(address, do=f"up:{two.pk}", **fields))
    assert re.findall(r'name="stop" value="(\d+)"', page) == [str(two.pk), str(one.pk)]
    assert re.findall(r'name="stop" value="(\d+)"', text(depot.send(address, do=f"drop:{one.pk}", **fields))) == [
        str(two.pk)
    ]
    depot.send(address, do="save", **{**fields, "stop": [two.pk, one.pk]})
    round_ = Round.objects.get()
    assert [stop.request_id for stop in round_.stops.all()] == [two.pk, one.pk]
    # On the desk again: the other order.
    again = f"/rounds/{round_.pk}/plan"
    assert re.findall(r'name="stop" value="(\d+)"', text(depot.get(again))) == [str(two.pk), str(one.pk)]
    depot.send(again, do="save", **fields)
    assert [stop.request_id for stop in round_.stops.all()] == [one.pk, two.pk]
    depot.send(f"/rounds/{round_.pk}/cancel")
    assert CollectionRequest.objects.filter(state="asked").count() == 2


def test_what_does_not_fit_is_said_while_it_is_planned_and_refused_when_saved(world: World) -> None:
    Vehicle.objects.update(capacity_g=10_000)
    request = asked(world, world.drum())
    depot, address = Visitor(world, "depot"), f"/depots/{world.depots['depot'].pk}/rounds/new"
    fields: dict[str, Any] = {
        "vehicle": "other",
        "carrier": world.organisations["carrier"].uscc,
        "plate": "浙D·00001",
        "stop": request.pk,
    }
    page = text(depot.send(address, do="look", day=TODAY.isoformat(), **fields))
    assert 'class="round-against"' in page
    answer = depot.send(address, do="save", day=TODAY.isoformat(), **fields)
    assert (answer.status_code, Round.objects.count()) == (422, 0)
    assert "18.5" in text(answer)
    for wrong in ({"plate": "浙D99999"}, {"plate": ""}, {"carrier": ""}, {"day": "x"}):
        answer = depot.send(address, do="save", **{"day": TODAY.isoformat(), **fields, **wrong})
        assert answer.status_code == 422


@pytest.mark.parametrize("who", ["firm", "depot2", "carrier"])
def test_nobody_else_plans_a_depots_rounds(world: World, who: str) -> None:
    address = f"/depots/{world.depots['depot'].pk}/rounds/new"
    assert Visitor(world, who).get(address).status_code in (403, 404)
    round_ = planned(world, asked(world, world.drum()))
    assert Visitor(world, who).get(f"/rounds/{round_.pk}/plan").status_code in (403, 404)


def sign(driver: Visitor, round_: Round, drums: list[str], **typed: str) -> Any:
    """Tick and sign the first stop's form as a browser without scripts sends it."""
    stop = round_.stops.order_by("position").first()
    assert stop is not None
    address = f"/rounds/{round_.pk}/stops/{stop.pk}/serve"
    fields = hidden(text(driver.get(f"/rounds/{round_.pk}")), address)
    signed = {"username": "firm", "firm_pin": PIN, "pin": DRIVER_PIN}
    return driver.client.post(address, {**fields, "drum": drums, **signed, **typed})


def test_a_driver_serves_a_stop_by_plain_forms(world: World) -> None:
    drum, more = world.drum(), world.drum()
    stream = save_stream(actor=world.actor("firm"), container=drum, now=NOW)
    round_, driver = planned(world, asked(world, drum)), Visitor(world, "carrier")
    driver.send(f"/rounds/{round_.pk}/start")
    answer = sign(driver, round_, [drum.code, more.code], **{f"mass-{stream.pk}": "7,5"})
    assert answer.status_code == 303, text(answer)
    assert Manifest.objects.get().lines.count() == 3
    assert Manifest.objects.get().number in text(driver.get(f"/rounds/{round_.pk}"))
    driver.send(f"/rounds/{round_.pk}/finish")
    assert Round.objects.get().state == "finished"


def test_a_wrong_pin_is_said_at_the_stop(world: World) -> None:
    drum = world.drum()
    round_, driver = started(world, asked(world, drum)), Visitor(world, "carrier")
    answer = sign(driver, round_, [drum.code], pin="111222")
    assert (answer.status_code, Manifest.objects.count()) == (409, 0)
    assert 'aria-invalid="true"' in text(answer)
    # With a nonce of its own the next try is a new one.
    first = SignedStop.objects.get().nonce
    assert sign(driver, round_, [drum.code]).status_code == 303
    assert SignedStop.objects.exclude(nonce=first).get().state == "recorded"


def test_nothing_ticked_is_said_at_the_stop(world: World) -> None:
    round_, driver = started(world, asked(world, world.drum())), Visitor(world, "carrier")
    answer = sign(driver, round_, [])
    assert (answer.status_code, SignedStop.objects.count()) == (422, 0)
    assert sign(driver, round_, ["x"], firm_pin="").status_code == 422


def test_a_drum_that_changed_since_it_was_shown_is_not_signed_for(world: World) -> None:
    drum = world.drum()
    round_, driver = started(world, asked(world, drum)), Visitor(world, "carrier")
    answer = sign(driver, round_, [drum.code], **{f"seen-{drum.code}": "0" * 32})
    assert (answer.status_code, Manifest.objects.count()) == (409, 0)


def test_a_stop_that_cannot_be_served_needs_a_reason(world: World) -> None:
    round_, driver = started(world, asked(world, world.drum())), Visitor(world, "carrier")
    stop = round_.stops.get()
    address = f"/rounds/{round_.pk}/stops/{stop.pk}/miss"
    assert driver.send(address).status_code == 422
    assert driver.send(address, reason="没人").status_code == 303
    assert "没人" in text(driver.get(f"/rounds/{round_.pk}"))
    assert CollectionRequest.objects.get().state == "asked"


def test_a_finished_round_still_sends_what_its_drivers_phone_keeps(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    address, scripts = f"/rounds/{round_.pk}", "rounds/page"
    driver, depot = Visitor(world, "carrier"), Visitor(world, "depot")
    assert f'action="{address}/finish"' in text(driver.get(address))
    assert f'action="{address}/finish"' not in text(depot.get(address))
    depot.send(f"{address}/finish")
    assert Round.objects.get().state == "under_way"
    finish_round(actor=world.actor("carrier"), round_=round_, now=NOW)
    assert scripts in text(driver.get(address))
    assert scripts not in text(depot.get(address))
    # What came too late is said where its driver looks for it.
    assert "The round is finished" not in text(driver.get(address))
    done(world, round_, drum)
    assert "The round is finished and this stop waits" in text(driver.get(address))


@pytest.mark.parametrize("who", ["firm", "firm2", "depot2", "plant", "regulator2"])
def test_a_strangers_round_is_unknown(world: World, who: str) -> None:
    round_ = started(world, asked(world, world.drum()))
    stop, visitor = round_.stops.get(), Visitor(world, who)
    assert visitor.get(f"/rounds/{round_.pk}").status_code == 404
    for address in ("start", "finish", "cancel", f"stops/{stop.pk}/miss", f"stops/{stop.pk}/serve"):
        answer = visitor.send(f"/rounds/{round_.pk}/{address}", username="a", pin="1", firm_pin="1", reason="x")
        assert answer.status_code == 404
    assert str(round_.vehicle) not in text(visitor.get("/rounds"))


def test_the_depot_reads_the_round_and_signs_nothing(world: World) -> None:
    drum, more = world.drum(), world.drum(name="没有请求的桶")
    round_, depot = started(world, asked(world, drum)), Visitor(world, "depot")
    page = text(depot.get(f"/rounds/{round_.pk}"))
    assert drum.short_grouped in page
    # What else the firm has is for the driver at its door.
    assert more.short_grouped not in page
    assert "data-serve" not in page
    assert more.short_grouped in text(Visitor(world, "carrier").get(f"/rounds/{round_.pk}"))


def test_pages_cost_the_same_however_many_stops(world: World, django_assert_num_queries: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    driver, costs = Visitor(world, "carrier"), []
    for number in (1, 4):
        round_ = started(world, *(asked(world, world.drum(), world.drum()) for _ in range(number)))
        driver.get(f"/rounds/{round_.pk}")
        with CaptureQueriesContext(connection) as captured:
            assert driver.get(f"/rounds/{round_.pk}").status_code == 200
        costs.append(len(captured))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("path", ["/rounds/x", "/rounds/999", "/collections/x", "/rounds/999/plan", "/rounds/1/dance"])
def test_what_there_is_not(world: World, path: str) -> None:
    assert Visitor(world, "depot").get(path).status_code in (404, 303)
    assert Visitor(world, "depot").send(path).status_code in (404, 405)
