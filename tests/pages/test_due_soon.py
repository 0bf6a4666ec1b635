"""Which drums are due soon: one answer on every page and in the bell, by the figures of who holds them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from depots.models import Stay
from depots.regroup import split
from depots.selectors import totals
from desk.district import district_of
from desk.firms import firms_of
from manifests.contracts import contracts_of
from manifests.loads import next_load
from manifests.rounds import free_for_collection, requests_of
from manifests.selectors import lines_of
from manifests.services import Receipt, receive, record_contract
from tests.kernel.test_rounds import asked
from tests.pages.visitors import Visitor, text
from tests.world import DRUM, NOW, TODAY, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.selectors import open_counts
from wastetrack.alerts.services import sweep
from wastetrack.districts.services import set_figure, tighten
from wastetrack.parties.models import Delegation
from wastetrack.waste.clock import due_soon, warned
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container
from wastetrack.waste.services import log_waste

IN_61_DAYS, IN_20_DAYS = "2026-01-20", "2025-12-10"
"""When filling began of drums that a firm may keep so many days from NOW on."""
FIRMS = ("firm", "firm2")


@pytest.fixture(autouse=True)
def _now(clock: Callable[[Any], None]) -> None:
    """Every page here is read at NOW."""


@pytest.fixture
def tightened(world: World) -> World:
    """Two firms with the same drums, 61 days before their deadlines; one wants to be warned 90 days ahead."""
    for name in FIRMS:
        world.drum(name, accumulation_start=IN_61_DAYS)
    sweep(NOW)
    tighten(actor=world.actor("firm"), key="storage.warn_days", value="90", now=NOW)
    sweep(NOW)
    return world


def rows_of(page: str) -> int:
    """How many drums a list of them shows."""
    return page.count('<a class="row-link" href="/containers/')


def behind(visitor: Visitor, tile: str) -> tuple[int, int]:
    """The figure of a tile on the home page, and the rows of the list behind its link."""
    shown = text(visitor.get("/")).split(f"<dt>{tile}</dt>")[1].split("</div>")[0]
    link = re.search(r'href="([^"]+)"', shown)
    figure = re.search(r'class="figure">(\d+)<', shown)
    assert link
    assert figure
    return int(figure[1]), rows_of(text(visitor.client.get(unescape(link[1]))))


def looks_due(part: str) -> bool:
    """Whether a piece of a page has a deadline in the colour and shape of what is due soon."""
    return 'class="state is-due" title=' in part


def test_the_first_sweep_of_a_site_looks_at_what_was_logged_before_it(world: World) -> None:
    tighten(actor=world.actor("firm"), key="storage.warn_days", value="90", now=NOW)
    drums = [world.drum(name, accumulation_start=IN_61_DAYS) for name in FIRMS]
    world.drum(accumulation_start=TODAY)  # the first sweep reads the log from its last entry on
    sweep(NOW)
    assert list(Container.objects.filter(due_soon(NOW))) == drums[:1]


@pytest.mark.parametrize(("name", "n"), [("firm", 1), ("firm2", 0)])
def test_who_is_warned_earlier_sees_it_on_every_page_and_nobody_else(tightened: World, name: str, n: int) -> None:
    visitor, depot = Visitor(tightened, name), tightened.depots[name]
    drum = Container.objects.get(holder=tightened.organisations[name])
    assert open_counts(tightened.actor(name)) == {"alarm": 0, "warning": n, "notice": 0}
    assert behind(visitor, "Due soon") == (n, n)
    assert ("1 drum is due soon" in text(visitor.get("/"))) == bool(n)
    board = text(visitor.get(f"/depots/{depot.pk}"))
    assert ("tile is-due" in board, looks_due(board.split('id="stock"')[1])) == (bool(n), bool(n))
    assert totals(depot, now=NOW).due_soon == n
    assert rows_of(text(visitor.get("/containers", due="1"))) == n
    assert rows_of(text(visitor.get("/containers"))) == 1
    assert looks_due(text(visitor.get("/containers")).split("<tbody>")[1]) == bool(n)
    assert looks_due(text(visitor.get(f"/containers/{drum.short_code}")).split('class="where-left"')[1][:80]) == bool(n)
    assert looks_due(text(visitor.get("/manifests/new")).split("<tbody>")[1].split("</tbody>")[0]) == bool(n)
    extended = text(visitor.get("/containers/extend", container=drum.short_code))
    assert looks_due(extended.split("regroup-drums")[1].split("</ul>")[0]) == bool(n)
    load = next_load(tightened.actor(name), depot, NOW)
    assert load is not None
    assert load.due == n


def test_who_looks_at_several_counts_each_by_its_own_figure(tightened: World) -> None:
    district = district_of(tightened.actor("regulator"), NOW)
    assert district.figures.due == 1
    by_place = {row["depot__site__organisation__name"]: row["warned"] for row in district.stock}
    assert by_place == {"演示firm": 1, "演示firm2": 0}
    page = text(Visitor(tightened, "regulator").get("/")).split('id="stock"')[1].split("</section>")[0]
    assert page.count('class="state is-due" title=') == 1
    agent = tightened.add("steward", "steward")
    for name in FIRMS:
        Delegation.objects.create(principal=tightened.organisations[name], agent=agent, begun_at=NOW)
    found = {firm.delegation.principal.name: firm.due for firm in firms_of(tightened.actor("steward"), NOW)}
    assert found == {"演示firm": 1, "演示firm2": 0}


def test_a_district_that_warns_later_is_believed_too(world: World) -> None:
    world.drum(accumulation_start=IN_20_DAYS)
    sweep(NOW)
    assert behind(Visitor(world, "firm"), "Due soon") == (1, 1)
    set_figure(actor=world.actor("regulator"), key="storage.warn_days", value="10", source="演示", now=NOW)
    sweep(NOW)
    assert behind(Visitor(world, "firm"), "Due soon") == (0, 0)
    assert open_counts(world.actor("firm"))["warning"] == 0


def test_what_no_sweep_has_looked_at_is_not_due_soon_yet(world: World) -> None:
    world.drum(accumulation_start=IN_20_DAYS)
    assert Alert.objects.get(kind="storage").warn_at < NOW
    assert behind(Visitor(world, "firm"), "Due soon") == (0, 0)
    sweep(NOW)
    assert behind(Visitor(world, "firm"), "Due soon") == (1, 1)


def at_the_depot(world: World) -> Container:
    """A drum of the firm's that the depot has received."""
    manifest = world.delivered(world.drum())
    receipts = [Receipt(line) for line in lines_of(manifest)]
    receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=world.depots["depot"], now=NOW)
    return Container.objects.get(holder=world.organisations["depot"])


def test_a_drum_in_the_workshop_says_so_too(world: World) -> None:
    data = {**DRUM, "accumulation_start": IN_20_DAYS}
    drum = log_waste(actor=world.actor("firm"), site=world.depots["firm"].site, data=data, now=NOW)
    firm = Visitor(world, "firm")
    assert not looks_due(text(firm.get(f"/containers/{drum.short_code}")))
    sweep(NOW)
    assert looks_due(text(firm.get(f"/containers/{drum.short_code}")))
    assert text(firm.get("/")).count('class="state is-due" title=') == 2, "due soon, and not in the store yet"
    assert behind(firm, "Due soon") == (1, 1)


def test_a_part_says_so_in_the_family_tree(tightened: World) -> None:
    drum = Container.objects.get(holder=tightened.organisations["firm"])
    parts = [Part("steel_drum", Decimal(200), mass) for mass in (9_000, 9_500)]
    split(actor=tightened.actor("firm"), container=drum, parts=parts, now=NOW)
    firm, address = Visitor(tightened, "firm"), f"/containers/{drum.short_code}"
    assert not looks_due(text(firm.get(address)))
    sweep(NOW)
    assert text(firm.get(address)).count('class="state is-due" title=') == 2


def test_a_bay_is_due_with_any_of_its_drums(world: World) -> None:
    at_the_depot(world)
    sweep(NOW)
    depot, address = Visitor(world, "depot"), f"/depots/{world.depots['depot'].pk}"
    assert '<a class="bay is-calm' in text(depot.get(address))
    assert not looks_due(text(depot.get("/")).split("What should leave next")[1])
    tighten(actor=world.actor("depot"), key="storage.warn_days", value="3000", now=NOW)
    sweep(NOW)
    page = text(depot.get(address))
    assert looks_due(page.split('<a class="bay is-due')[1].split("</a>")[0])
    assert looks_due(page.split('id="stock"')[1])
    assert looks_due(text(depot.get("/")).split("What should leave next")[1])


@pytest.mark.parametrize(("tile", "days", "query"), [("Due soon", -5, "due"), ("Overdue", 1, "overdue")])
def test_a_tile_leads_to_the_drums_that_it_counts(world: World, clock: Any, tile: str, days: int, query: str) -> None:
    drum = at_the_depot(world)
    assert drum.storage_deadline is not None
    now = later((drum.storage_deadline - NOW).days + days)
    world.drum(now=now, accumulation_start=now.date().isoformat())
    sweep(now)
    clock(now)
    assert behind(Visitor(world, "depot"), tile) == (1, 1)
    # The firm sees what became of its drum, and has nothing to do about it.
    firm = Visitor(world, "firm")
    assert rows_of(text(firm.get("/containers", **{query: "1"}))) == 1
    assert behind(firm, tile) == (0, 0)


def test_who_is_asked_to_fetch_sees_what_presses_the_firm(tightened: World) -> None:
    drums = {name: Container.objects.get(holder=tightened.organisations[name]) for name in FIRMS}
    free: list[Any] = [stay for name in FIRMS for stay in free_for_collection(tightened.actor(name))]
    assert [stay.warned for stay in free] == [True, False]
    for name in FIRMS:
        asked(tightened, drums[name], firm=name)
    waits: Any = requests_of(tightened.actor("depot"))
    assert {one.site.organisation.name: one.warned for one in waits} == {"演示firm": True, "演示firm2": False}
    rows = text(Visitor(tightened, "depot").get("/collections")).split('<a class="weigh-firm')[1:]
    due = {name: any(f"演示{name}<" in row and 'is-due" title=' in row for row in rows) for name in FIRMS}
    assert due == {"firm": True, "firm2": False}


@pytest.mark.parametrize(
    "change",
    [
        {"state": "resolved", "resolved_at": NOW},
        {"kind": "contract_expiry"},
        {"state": "watching"},
        {"about": "container:another"},
    ],
)
def test_only_an_open_storage_alert_of_the_drum_counts(tightened: World, change: dict[str, Any]) -> None:
    found = Container.objects.filter(due_soon(NOW))
    assert found.count() == 1
    assert Alert.objects.filter(kind="storage", state="warned").update(**change) == 1
    assert found.count() == 0


def test_an_alert_of_another_than_the_holder_does_not_count(tightened: World) -> None:
    found = Container.objects.filter(due_soon(NOW))
    assert found.count() == 1
    Alert.objects.filter(kind="storage").update(organisation=tightened.organisations["depot"])
    assert found.count() == 0


def test_what_is_overdue_is_not_due_soon_as_well(tightened: World) -> None:
    assert Container.objects.filter(due_soon(later(61))).count() == 1
    assert Container.objects.filter(due_soon(later(62))).count() == 0
    assert totals(tightened.depots["firm"], now=later(62)).overdue == 1


def test_a_contract_is_told_of_as_its_alert_says(world: World) -> None:
    for name, days in (("firm", 20), ("firm2", 200)):
        record_contract(
            actor=world.actor(name),
            number=f"{days}",
            partner=world.organisations["depot"],
            purpose="take",
            valid_from=TODAY,
            valid_to=later(days).date(),
            now=NOW,
        )
    sweep(NOW)
    found: Any = contracts_of(world.actor("depot"))
    assert {one.number: one.warned for one in found} == {"20": True, "200": False}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="plans are told otherwise elsewhere")
@pytest.mark.parametrize("where", ["list", "rows", "stock"])
def test_each_drums_alert_is_looked_up_by_the_index(tightened: World, where: str) -> None:
    holder = tightened.organisations["firm"]
    asked_for: dict[str, QuerySet[Any]] = {
        "list": Container.objects.filter(due_soon(NOW), holder=holder),
        "rows": Container.objects.filter(holder=holder).annotate(warned=warned()),
        "stock": Stay.objects.filter(due_soon(NOW, "container__"), left_at=None),
    }
    plan = [line for line in asked_for[where].explain().splitlines() if "alerts_alert" in line or " U0 " in f"{line} "]
    assert plan
    assert all("USING" in line and "alert_open_once (kind=? AND about=?)" in line for line in plan), plan
