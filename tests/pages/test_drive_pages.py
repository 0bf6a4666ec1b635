"""The driver's pages: the day's loads in order, each with what it lacks and its next step."""

from __future__ import annotations

import re
from typing import Any

import pytest

from manifests import services as manifests
from manifests.models import Manifest
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World, later
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Vehicle


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Pages are looked at at NOW."""


@pytest.fixture
def roads(world: World) -> World:
    """The world with a second carrier."""
    world.add("second", "carrier", role="driver")
    world.permit("second", "", kind="transport")
    Vehicle.objects.create(organisation=world.organisations["second"], plate="浙D00002", capacity_g=10_000_000)
    return world


def hand(world: World, manifest: Manifest, place: str = "绍兴北服务区") -> Manifest:
    to = world.organisations["second"]
    return manifests.hand_over(actor=world.actor("carrier"), manifest=manifest, carrier=to, place=place, now=NOW)


def shown(page: Any) -> list[str]:
    """The loads on the page, in their order."""
    return list(dict.fromkeys(re.findall(r'href="/drive/(\d{14})"', text(page))))


def test_the_days_loads_in_the_order_in_which_somebody_waits(roads: World) -> None:
    to_fetch = roads.issued(roads.drum(), roads.drum())
    aboard = roads.departed(roads.drum())
    page = Visitor(roads, "carrier").get("/drive")
    assert shown(page) == [aboard.number, to_fetch.number]
    assert "浙D00001" in text(page)
    hand(roads, aboard)
    theirs = Visitor(roads, "second").get("/drive")
    assert shown(theirs) == [aboard.number]
    assert "绍兴北服务区" in text(theirs)
    assert "who has not signed for it yet" in text(Visitor(roads, "carrier").get("/drive"))


def test_one_button_of_the_page_is_the_next_action(roads: World) -> None:
    for _ in range(3):
        roads.issued(roads.drum())
    assert text(Visitor(roads, "carrier").get("/drive")).count("btn-primary") == 1


def test_what_is_a_draft_or_done_or_anothers_is_no_load(roads: World) -> None:
    roads.draft(roads.drum())
    roads.delivered(roads.drum())
    load = roads.departed(roads.drum())
    assert shown(Visitor(roads, "second").get("/drive")) == []
    assert shown(Visitor(roads, "firm").get("/drive")) == []
    for name in ("second", "firm2", "depot"):
        assert Visitor(roads, name).get(f"/drive/{load.number}").status_code == 404
    assert "No load waits for you" in text(Visitor(roads, "second").get("/drive"))


def test_it_says_what_a_load_lacks(roads: World) -> None:
    drums = [roads.drum(), roads.drum(), roads.drum()]
    load = roads.issued(*drums)
    driver = Visitor(roads, "carrier")
    assert "0 of 3 drums" in text(driver.get("/drive"))
    manifests.load(actor=roads.actor("carrier"), container=drums[0], now=NOW)
    page = text(driver.get("/drive"))
    assert "1 of 3 drums" in page
    assert "is-lacking" in page
    one = text(driver.get(f"/drive/{load.number}"))
    assert one.count("not yet") == 2
    assert f"/scan?intent=check_out&amp;manifest={load.number}" in one


def test_a_driver_scans_drums_on_without_a_depot(roads: World) -> None:
    drum = roads.drum()
    load, other = roads.issued(drum, roads.drum()), roads.issued(roads.drum())
    driver = Visitor(roads, "carrier")
    page = text(driver.get("/scan", intent="check_out", manifest=other.number))
    assert f'<option value="{other.number}" selected>' in page
    assert f'<option value="{load.number}">' in page
    scanned = driver.send("/scan", text=drum.code, intent="check_out")
    assert 'data-verdict="accepted"' in text(scanned) or "Loaded" in text(scanned)
    assert load.lines.get(container=drum).loaded_at is not None


@pytest.mark.parametrize("name", ["firm", "carrier"])
def test_who_stores_and_who_carries_loads(roads: World, name: str) -> None:
    roads.issued(roads.drum())
    assert 'value="check_out"' in text(Visitor(roads, name).get("/scan"))


def test_depart_take_over_and_arrive_all_from_these_pages(roads: World) -> None:
    load = roads.issued(roads.drum())
    driver, second = Visitor(roads, "carrier"), Visitor(roads, "second")
    signed = {"password": PASSWORD, "next": "/drive"}

    def digest(page: Any) -> str:
        return re.findall(r'name="shown" value="(\w{64})"', text(page))[0]

    path = f"/manifests/{load.number}"
    page = driver.get(f"/drive/{load.number}")
    gone = driver.send(f"{path}/depart", vehicle="浙D00001", compared="1", shown=digest(page), **signed)
    assert (gone.status_code, gone["Location"]) == (303, "/drive")
    page = driver.get(f"/drive/{load.number}")
    assert "Show it at the roadside" in text(page)
    to = {"carrier": roads.organisations["second"].uscc, "place": "杭州北"}
    handed = driver.send(f"{path}/hand-over", shown=digest(page), **to, **signed)
    assert handed["Location"] == "/drive"
    page = second.get(f"/drive/{load.number}")
    assert "杭州北" in text(page)
    taken = second.send(f"{path}/take-over", vehicle="浙D00002", shown=digest(page), **signed)
    assert taken["Location"] == "/drive"
    arrived = second.send(f"{path}/deliver", next="/drive")
    assert arrived["Location"] == "/drive"
    load.refresh_from_db()
    assert (load.state, load.carrier) == ("delivered", roads.organisations["second"])
    assert shown(second.get("/drive")) == []


def test_what_changed_since_it_was_shown_is_not_signed(roads: World) -> None:
    load = roads.departed(roads.drum())
    hand(roads, load)
    second = Visitor(roads, "second")
    stale = re.findall(r'name="shown" value="(\w{64})"', text(second.get(f"/drive/{load.number}")))[0]
    hand(roads, load, "另一处")
    path = f"/manifests/{load.number}/take-over"
    answer = second.send(path, vehicle="浙D00002", password=PASSWORD, shown=stale)
    assert answer.status_code == 409
    load.refresh_from_db()
    assert load.carrier == roads.organisations["carrier"]


def test_a_refused_step_says_why_at_its_field(roads: World) -> None:
    load = roads.issued(roads.drum())
    Vehicle.objects.update(capacity_g=1)
    typed = {"vehicle": "浙D00001", "compared": "1", "password": PASSWORD, "next": "/drive"}
    sent = Visitor(roads, "carrier").send(f"/manifests/{load.number}/depart", **typed)
    assert sent.status_code == 409
    assert f'hx-get="/drive/{load.number}"' in text(sent), "on the page it was sent from"
    assert 'href="/drive" aria-current="page"' in text(sent)
    assert '<input type="hidden" name="next" value="/drive">' in text(sent), "then it goes on where it began"
    assert 'id="vehicle-error"' in text(sent)
    assert "would make 18.5 kg" in text(sent)


def test_nothing_scanned_is_said_before_it_departs(roads: World) -> None:
    drums = [roads.drum(), roads.drum()]
    load = roads.issued(*drums)
    driver, path = Visitor(roads, "carrier"), f"/manifests/{load.number}/depart"
    typed = {"vehicle": "浙D00001", "password": PASSWORD, "next": "/drive", "at": "2026-11-20T09:00"}
    sent = driver.send(path, **typed)
    assert sent.status_code == 409
    assert 'id="compared-error"' in text(sent)
    assert 'value="2026-11-20T09:00"' in text(sent), "what was typed is still there"
    load.refresh_from_db()
    assert load.state == "issued"
    assert driver.send(path, **typed, compared="1").status_code == 303
    told = Entry.objects.get(kind="manifest.depart").data
    assert (told["scanned"], told["drums"], told["compared"]) == (0, 2, True)
    assert told["content"]["compared"] is True, "it is signed"
    page = text(driver.get(f"/manifests/{load.number}"))
    assert "Not scanned: every label compared with the list by eye" in page


def test_what_is_scanned_needs_no_tick(roads: World) -> None:
    drums = [roads.drum(), roads.drum()]
    load = roads.issued(*drums)
    driver, path = Visitor(roads, "carrier"), f"/manifests/{load.number}/depart"
    typed = {"vehicle": "浙D00001", "password": PASSWORD}
    manifests.load(actor=roads.actor("carrier"), container=drums[0], now=NOW)
    assert "not scanned onto the vehicle yet" in text(driver.send(path, **typed, compared="1"))
    manifests.load(actor=roads.actor("carrier"), container=drums[1], now=NOW)
    assert 'name="compared"' not in text(driver.get(f"/drive/{load.number}"))
    assert driver.send(path, **typed).status_code == 303
    assert "Scanned on: 2 of 2 drums" in text(driver.get(f"/manifests/{load.number}"))


def test_what_is_no_longer_ones_load_is_refused_on_the_manifests_page(roads: World) -> None:
    load = roads.delivered(roads.drum())
    sent = Visitor(roads, "carrier").send(f"/manifests/{load.number}/hand-over", password=PASSWORD, next="/drive")
    assert sent.status_code in (409, 422)
    assert f'hx-get="/manifests/{load.number}"' in text(sent)


def test_from_the_roadside_one_comes_back_to_the_load(roads: World) -> None:
    load = roads.departed(roads.drum())
    driver, path = Visitor(roads, "carrier"), f"/manifests/{load.number}/roadside"
    page = text(driver.send(path, next=f"/drive/{load.number}"))
    assert f'class="back" href="/drive/{load.number}"' in page
    assert 'href="/drive" aria-current="page"' in page
    assert f'name="next" value="/drive/{load.number}"' in page
    assert f'class="back" href="/manifests/{load.number}"' in text(driver.send(path, next="https://evil.example/"))


def test_a_leg_that_was_handed_over_did_not_arrive(roads: World) -> None:
    load = hand(roads, roads.departed(roads.drum()))
    firm = Visitor(roads, "firm")
    assert text(firm.get(f"/manifests/{load.number}")).count("<dt>Arrived</dt>") == 1
    load = manifests.take_over(actor=roads.actor("second"), manifest=load, now=later(0.01))
    page = text(firm.get(f"/manifests/{load.number}"))
    assert re.search(r"given 20\d\d-11-20 09:00, taken over 20\d\d-11-20 09:14", page)
    assert page.count("<dt>Arrived</dt>") == 1
    assert page.index("Leg 2") < page.index("<dt>Arrived</dt>")


def test_a_page_elsewhere_is_not_where_one_is_sent_on_to(roads: World) -> None:
    load = roads.departed(roads.drum())
    sent = Visitor(roads, "carrier").send(f"/manifests/{load.number}/deliver", next="https://evil.example/")
    assert sent["Location"] == f"/manifests/{load.number}"


def test_the_manifests_page_tells_the_way_leg_by_leg(roads: World) -> None:
    load = hand(roads, roads.departed(roads.drum()))
    for name in ("firm", "second", "regulator"):
        page = text(Visitor(roads, name).get(f"/manifests/{load.number}"))
        assert "Leg 1: 演示carrier" in page
        assert "Leg 2: 演示second" in page
        assert "绍兴北服务区" in page
        assert "handed over, not yet taken" in page
    assert "waiting for 演示second to take it over" in text(Visitor(roads, "firm").get(f"/manifests/{load.number}"))
    manifests.take_over(actor=roads.actor("second"), manifest=load, now=NOW)
    assert "handed over, not yet taken" not in text(Visitor(roads, "firm").get(f"/manifests/{load.number}"))


def test_a_reader_sees_loads_and_signs_nothing(roads: World) -> None:
    load = roads.departed(roads.drum())
    member = roads.memberships["carrier"]
    member.role = "viewer"
    member.save()
    page = Visitor(roads, "carrier").get(f"/drive/{load.number}")
    assert page.status_code == 200
    assert "step-deliver" not in text(page)
    assert "/roadside" not in text(page)


def test_the_queries_do_not_grow_with_the_loads(roads: World, django_assert_max_num_queries: Any) -> None:
    for _ in range(12):
        roads.issued(roads.drum())
        roads.departed(roads.drum())
    driver = Visitor(roads, "carrier")
    driver.get("/drive")
    with django_assert_max_num_queries(10):
        assert len(shown(driver.get("/drive"))) == 24


def test_the_way_to_the_loads_comes_first_for_a_carrier(roads: World) -> None:
    page = text(Visitor(roads, "carrier").get("/"))
    assert page.index('href="/drive"') < page.index('href="/scan"')
    assert 'href="/drive"' not in text(Visitor(roads, "firm").get("/"))
