"""The record of scans as a page, and what somebody must still look at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scanner.models import Scan
from scanner.services import ScanRequest, scan
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read at NOW."""


def scanned(world: World, nonce: str, drum_text: str, who: str = "depot", **more: Any) -> Scan:
    scan(actor=world.actor(who), request=ScanRequest(nonce, drum_text, "check_in", **more), now=NOW)
    return Scan.objects.get(nonce=nonce)


def test_every_scan_is_listed_with_device_person_and_times(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "1", "nonsense", device="手持 7", seq=41)
    scanned(world, "2", drum.code)
    page = text(Visitor(world, "depot").get("/scans"))
    for words in ("手持 7", "#41", "演示用户 depot", "nonsense", "This is not a drum", drum.short_grouped):
        assert words in page
    refused = text(Visitor(world, "depot").get("/scans", verdict="refused"))
    assert "nonsense" in refused
    assert drum.short_grouped not in refused
    assert "#41" in text(Visitor(world, "depot").get("/scans", device="手持 7"))


def test_the_order_of_scans_is_explained_by_their_clocks(world: World) -> None:
    scanned(world, "1", "x", scanned_at=NOW - timedelta(days=9, minutes=10), sent_at=NOW - timedelta(days=9))
    page = text(Visitor(world, "depot").get("/scans"))
    assert "scanned 10 minutes before it was recorded · the device&#x27;s clock is 9 days behind" in page


def test_others_scans_are_not_shown(world: World) -> None:
    scanned(world, "1", "only-the-depots")
    for name in ("firm", "depot2", "regulator"):
        assert "only-the-depots" not in text(Visitor(world, name).get("/scans"))


def test_what_had_happened_is_seen_to_once_with_words(world: World) -> None:
    drum = world.drum()
    scanned(world, "n1", drum.code, said="accepted")
    visitor = Visitor(world, "depot")
    assert "No manifest brings this drum here" in text(visitor.get("/scans", open="1"))
    assert visitor.send("/scans/n1/seen", note=" ").status_code == 422
    assert visitor.send("/scans/n1/seen", note="退回产废单位").status_code == 303
    assert "Nothing to look at" in text(visitor.get("/scans", open="1"))
    assert "退回产废单位" in text(visitor.get("/scans"))
    assert visitor.send("/scans/n1/seen", note="again").status_code == 404


@pytest.mark.parametrize("name", ["firm", "depot2", "viewer", "regulator"])
def test_nobody_else_sees_to_it(world: World, name: str) -> None:
    scanned(world, "n1", world.drum().code, said="accepted")
    assert Visitor(world, name).send("/scans/n1/seen", note="x").status_code in (403, 404)
    assert Scan.objects.get().seen_at is None


def test_an_unknown_filter_is_told(world: World) -> None:
    assert Visitor(world, "depot").get("/scans", verdict="nonsense").status_code == 422


def test_the_list_costs_the_same_for_many(world: World, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        scanned(world, str(number), "nonsense")
    visitor = Visitor(world, "depot")
    visitor.get("/scans")
    with django_assert_max_num_queries(12):
        visitor.get("/scans")


def test_what_is_to_be_looked_at_stands_on_the_home_page(world: World) -> None:
    assert "to be looked at" not in text(Visitor(world, "depot").get("/"))
    scanned(world, "n1", world.drum().code, said="accepted")
    for name in ("depot", "firm", "depot2"):
        assert ("1 scan to be looked at" in text(Visitor(world, name).get("/"))) == (name == "depot")
    board = text(Visitor(world, "depot").get(f"/depots/{world.depots['depot'].pk}"))
    assert 'href="/scans"' in board
    Visitor(world, "depot").send("/scans/n1/seen", note="退回产废单位")
    assert "to be looked at" not in text(Visitor(world, "depot").get("/"))
