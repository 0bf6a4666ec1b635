"""How many queries a request costs, its token's included, and that lists cost the same however long they are.

BEGIN, COMMIT, SAVEPOINT, RELEASE and ROLLBACK are not counted: they read and write no row. Sealing is not either: the
web process's sealer does it after the answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.support import answered
from tests.conftest import Api
from tests.pages.visitors import Visitor
from tests.world import DRUM, NOW, PASSWORD, World
from wastetrack.alerts.services import sweep
from wastetrack.ledger.services import seal
from wastetrack.regulations.selectors import find_waste_code
from wastetrack.waste.models import Container

TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture(autouse=True)
def _warm_catalogue(db: None) -> None:
    """The catalogue is looked up once in a while by a process, not by a request."""
    find_waste_code("900-249-08")


@contextlib.contextmanager
def queries() -> Iterator[list[str]]:
    """The statements that read or write rows while inside."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [one["sql"] for one in captured.captured_queries if not one["sql"].startswith(TRANSACTION_CONTROL)]


def cost(call: Callable[[], Any]) -> int:
    """The number of queries of a call that is answered."""
    with queries() as found:
        response = call()
    assert response.status_code in (200, 201), response.content
    return len(found)


def check_in(api: Api, drum: Any, **more: Any) -> int:
    def scan() -> Any:
        response = api.post("/scans", {"nonce": f"n{drum.pk}", "text": drum.code, "intent": "check_in", **more})
        assert answered(response)["verdict"] == "accepted", response.content
        return response

    return cost(scan)


# --- the figures ---


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
@pytest.mark.parametrize("stored", [False, True])
def test_logging_a_drum_costs_at_most_15(world: World, api: Any, stored: bool, key: dict[str, str]) -> None:
    firm = api("firm")
    body = {**DRUM, "depot": str(world.depots["firm"].pk)} if stored else DRUM
    assert cost(lambda: firm.post("/containers", body, **key)) <= 15


def test_checking_in_the_last_drum_of_a_delivered_load_costs_at_most_16(world: World, api: Any) -> None:
    drum = world.drum()
    world.delivered(drum)
    # One of them ends the days in which the receipt is to be confirmed.
    assert check_in(api("depot"), drum) <= 16


def test_checking_in_one_of_many_drums_costs_no_more(world: World, api: Any) -> None:
    drums = [world.drum() for _ in range(12)]
    world.delivered(*drums)
    depot = api("depot")
    first = check_in(depot, drums[0])
    assert check_in(depot, drums[1]) == first <= 15


def test_checking_in_into_a_named_bay_with_a_mass_costs_at_most_18(world: World, api: Any) -> None:
    drum = world.drum()
    world.delivered(drum)
    more = {"bay": "A1", "depot": str(world.depots["depot"].pk), "mass_kg": "18.4"}
    assert check_in(api("depot"), drum, **more) <= 18


def test_checking_in_a_drum_still_on_the_road_costs_at_most_16(world: World, api: Any) -> None:
    drum = world.drum()
    world.departed(drum)
    assert check_in(api("depot"), drum) <= 16


def test_checking_in_ones_own_drum_costs_at_most_15(world: World, api: Any) -> None:
    firm = api("firm")
    code = answered(firm.post("/containers", DRUM), 201)["code"]
    assert check_in(firm, Container.objects.get(code=code)) <= 15


def test_a_repeated_and_a_refused_scan_cost_no_more_than_10(world: World, api: Any) -> None:
    drum, depot = world.drum(), api("depot")
    body = {"nonce": "n", "text": drum.code, "intent": "check_in"}
    assert cost(lambda: depot.post("/scans", body)) <= 10
    assert cost(lambda: depot.post("/scans", body)) <= 10


def test_a_drum_and_its_whole_life_cost_at_most_10(world: World, api: Any) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    answered(api("depot").post(f"/manifests/{manifest.number}/receive", {"password": PASSWORD}))
    seal()
    firm = api("firm")
    detail = cost(lambda: firm.get(f"/containers/{drum.code}"))
    assert detail + cost(lambda: firm.get(f"/containers/{drum.code}/history")) <= 10


# --- lists ---


def grow(world: World, count: int) -> None:
    """So many more drums, manifests and alerts of the firm, and their entries."""
    for number in range(count):
        drum = world.drum(accumulation_start="2025-10-01")
        if number % 2:
            world.issued(drum)
        else:
            world.draft(drum)
    sweep(NOW)
    seal()


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("firm", "/containers"),
        ("regulator", "/containers"),
        ("depot", "/containers"),
        ("firm", "/containers?state=stored&overdue=true"),
        ("firm", "/containers?overdue=false"),
        ("firm", "/manifests"),
        ("regulator", "/manifests?state=issued"),
        ("firm", "/alerts?open=true"),
        ("regulator", "/alerts"),
        ("firm", "/ledger/entries"),
        ("regulator", "/ledger/entries?after=3"),
        ("firm", "/depots"),
        ("firm", "/depots/{depot}"),
        ("firm", "/depots/{depot}/inventory"),
        ("firm", "/depots/{depot}/bays"),
        ("firm", "/waste-codes?q=900"),
    ],
)
def test_a_list_costs_the_same_however_long(world: World, api: Any, who: str, path: str) -> None:
    program, address = api(who), path.replace("{depot}", str(world.depots["firm"].pk))
    grow(world, 2)
    few = cost(lambda: program.client.get(f"/api/v1{address}", headers=program.headers))
    grow(world, 12)
    assert cost(lambda: program.client.get(f"/api/v1{address}", headers=program.headers)) == few <= 6


@pytest.mark.parametrize("state", ["issued", "received"])
def test_a_manifest_costs_at_most_10_however_many_lines(world: World, api: Any, state: str) -> None:
    depot, found = api("depot"), []
    make = world.issued if state == "issued" else world.delivered
    for lines in (1, 20, 200):
        manifest = make(*[world.drum() for _ in range(lines)])
        if state == "received":
            # One with a difference, so that discrepancy and statements are read too.
            found_of_it = {"container": manifest.lines.all()[0].container.code, "outcome": "accepted", "mass_kg": "20"}
            body = {"password": PASSWORD, "lines": [found_of_it]}
            answered(depot.post(f"/manifests/{manifest.number}/receive", body))
        found.append(cost(partial(depot.get, f"/manifests/{manifest.number}")))
    assert found[0] == found[1] == found[2] <= 10


def test_draft_and_issue_of_200_drums_cost_at_most_40(world: World, api: Any) -> None:
    firm, drums = api("firm"), [world.drum().code for _ in range(200)]
    uscc = {name: world.organisations[name].uscc for name in ("depot", "carrier")}
    body = {"receiver": uscc["depot"], "carrier": uscc["carrier"], "containers": drums}
    with queries() as found:
        number = answered(firm.post("/manifests", body), 201)["number"]
        answered(firm.post(f"/manifests/{number}/issue", {"password": PASSWORD}))
    assert len(found) <= 40, "\n".join(one[:150] for one in found)


def test_a_manifests_page_costs_the_same_however_many_lines(world: World) -> None:
    visitor, found = Visitor(world, "firm"), []
    for lines in (2, 40):
        manifest = world.issued(*[world.drum() for _ in range(lines)])
        seal()
        found.append(cost(partial(visitor.get, f"/manifests/{manifest.number}")))
    assert found[0] == found[1]


def test_labels_cost_the_same_however_many(world: World, api: Any) -> None:
    firm, drums = api("firm"), [world.drum().code for _ in range(12)]
    few = cost(lambda: firm.post("/labels", {"codes": drums[:2]}))
    assert cost(lambda: firm.post("/labels", {"codes": drums})) == few


@pytest.mark.parametrize("verb", ["issue", "depart", "deliver", "cancel"])
def test_a_verb_costs_the_same_however_many_lines(world: World, api: Any, verb: str) -> None:
    who = {"issue": "firm", "cancel": "firm"}.get(verb, "carrier")
    make = {"issue": world.draft, "depart": world.issued, "deliver": world.departed, "cancel": world.issued}[verb]
    found = []
    for size in (2, 20):
        path = f"/manifests/{make(*[world.drum() for _ in range(size)]).number}/{verb}"
        found.append(cost(partial(api(who).post, path, {"password": PASSWORD, "reason": "演示"})))
    # Locking and moving is a query a drum; everything about them together is not.
    assert found[1] - found[0] <= 18 * 2
