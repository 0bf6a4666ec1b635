"""The page of a district's rules: everybody reads what binds them, its own regulator sets it, every change is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pages.visitors import Visitor, text
from tests.world import NOW, World
from wastetrack.districts.models import Figure, Pair
from wastetrack.districts.selectors import figure, reactions
from wastetrack.districts.services import set_figure
from wastetrack.ledger.models import Entry

PAGE = "/district/rules"
FIGURE = {"key": "mass_deviation.notice_percent", "value": "5", "source": "演示文件1号"}
PAIR = {"group_a": "5-A", "group_b": "1-A", "apart": "yes", "consequence": "演示后果", "source": "演示决定2号"}


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read at NOW."""


def row(page: str, anchor: str) -> str:
    """One figure of the page."""
    return page.split(f'<tr id="{anchor}"')[1].split("</tr>")[0]


def matrix(page: str, code: str) -> str:
    """One group's row of the compatibility table."""
    return (
        page.split('<table class="matrix">')[1].split(f'<span class="matrix-code">{code}</span>')[1].split("</tr>")[0]
    )


@pytest.mark.parametrize("name", ["firm", "depot", "carrier", "plant", "viewer", "regulator"])
def test_everybody_reads_what_binds_them(world: World, name: str) -> None:
    page = text(Visitor(world, name).get(PAGE))
    assert "Explosive waste is stored alone" in page
    assert "40 CFR 264 Appendix V, pair 5" in page
    assert "附录" not in page
    assert '<strong class="figure">3</strong>' in row(page, "mass-deviation-notice-percent")
    assert "our own figure" in row(page, "mass-deviation-notice-percent")
    assert matrix(page, "1-A").count("is-apart") == 5
    assert ("Set a pair for the district" in page) == (name == "regulator")


def test_nobody_signed_in_is_shown_the_door(world: World) -> None:
    assert Visitor(world, None).get(PAGE).status_code == 302


def test_a_figure_is_set_shown_and_withdrawn(world: World) -> None:
    regulator = Visitor(world, "regulator")
    sent = regulator.send(f"{PAGE}/figure", **FIGURE)
    assert sent["Location"] == f"{PAGE}#mass-deviation-notice-percent"
    assert figure("330602", FIGURE["key"]) == 5
    for name in ("regulator", "depot"):
        shown = row(text(Visitor(world, name).get(PAGE)), "mass-deviation-notice-percent")
        assert '<strong class="figure">5</strong>' in shown
        assert "rules: 3 %" in shown
        assert "演示文件1号" in shown
        assert ("Withdraw" in shown) == (name == "regulator")
    elsewhere = row(text(Visitor(world, "regulator2").get(PAGE)), "mass-deviation-notice-percent")
    assert '<strong class="figure">3</strong>' in elsewhere
    regulator.send(f"{PAGE}/figure", key=FIGURE["key"], withdraw="1")
    assert not Figure.objects.exists()


def test_a_pair_is_set_shown_and_withdrawn(world: World) -> None:
    regulator = Visitor(world, "regulator")
    assert regulator.send(f"{PAGE}/pair", **PAIR)["Location"] == f"{PAGE}#pairs"
    assert reactions("330602").between(frozenset({"1-A"}), frozenset({"5-A"}))
    page = text(Visitor(world, "firm").get(PAGE))
    assert "演示后果" in page
    assert matrix(page, "5-A").count("is-apart is-own") == 1
    regulator.send(f"{PAGE}/pair", **{**PAIR, "group_a": "1-A", "group_b": "1-B", "apart": "no"})
    assert "They may stand together here." in text(Visitor(world, "firm").get(PAGE))
    for pair in (("1-A", "5-A"), ("1-A", "1-B")):
        regulator.send(f"{PAGE}/pair", group_a=pair[0], group_b=pair[1], withdraw="1")
    assert not Pair.objects.exists()


def test_every_change_stands_in_the_history(world: World) -> None:
    regulator = Visitor(world, "regulator")
    regulator.send(f"{PAGE}/figure", **FIGURE)
    regulator.send(f"{PAGE}/pair", **PAIR)
    regulator.send(f"{PAGE}/figure", key=FIGURE["key"], withdraw="1")
    told = text(regulator.get(PAGE)).split('id="history"')[1]
    assert told.index("Own decision withdrawn") < told.index("Compatibility set") < told.index("Figure set")
    assert "Alkalis · Cyanides and sulfides: must stand apart" in told
    assert "Source: 演示决定2号" in told
    assert "演示用户 regulator" in told
    to_others = text(Visitor(world, "firm").get(PAGE)).split('id="history"')[1]
    assert "Figure set" in to_others
    assert "演示用户" not in to_others, "the office decides; its people are no business of others"
    assert "The district has changed nothing" in text(Visitor(world, "regulator2").get(PAGE))


def test_the_same_form_sent_twice_is_one_change(world: World) -> None:
    regulator = Visitor(world, "regulator")
    for _ in range(2):
        assert regulator.send(f"{PAGE}/figure", nonce="n", **FIGURE).status_code == 303
    assert Entry.objects.filter(kind="district.set_figure").count() == 1


@pytest.mark.parametrize(
    ("what", "change", "told"),
    [
        ("figure", {"value": "many"}, "The figure is a number from 0 on"),
        ("figure", {"source": " "}, "Say on what it rests"),
        ("pair", {"source": ""}, "Say on what it rests"),
        ("pair", {"group_b": "5-A"}, "Choose two different groups."),
    ],
)
def test_a_refused_form_says_why_and_keeps_what_was_typed(
    world: World, what: str, change: dict[str, str], told: str
) -> None:
    typed = {**(FIGURE if what == "figure" else PAIR), **change}
    response = Visitor(world, "regulator").send(f"{PAGE}/{what}", **typed)
    page = text(response)
    assert response.status_code == 422
    assert page.count(told) == 1
    assert "<details class=" in page
    assert page.count(" open>") == 1
    kept = typed["value"] if what == "figure" else typed["consequence"]
    assert f'value="{kept}"' in page
    assert not Entry.objects.filter(subject="district:330602").exists()


@pytest.mark.parametrize("name", ["firm", "depot", "carrier", "viewer"])
def test_nobody_else_sets_anything(world: World, name: str) -> None:
    set_figure(actor=world.actor("regulator"), key=FIGURE["key"], value="4", source="演示", now=NOW)
    visitor = Visitor(world, name)
    assert visitor.send(f"{PAGE}/figure", **FIGURE).status_code == 403
    assert visitor.send(f"{PAGE}/figure", key=FIGURE["key"], withdraw="1").status_code == 403
    assert visitor.send(f"{PAGE}/pair", **PAIR).status_code == 403
    assert figure("330602", FIGURE["key"]) == 4
    assert 'method="post" data-forget' not in text(visitor.get(PAGE))


def test_a_regulator_reads_another_district_but_sets_its_own(world: World) -> None:
    other = Visitor(world, "regulator2")
    page = text(other.get(PAGE, division="330602"))
    assert "Yuecheng" in page
    assert "Set a pair for the district" not in page
    other.send(f"{PAGE}/figure", **FIGURE)
    assert figure("330602", FIGURE["key"]) == 3
    assert figure("330111", FIGURE["key"]) == 5
    assert other.send(f"{PAGE}/pair", group_a="1-A", group_b="1-B", withdraw="1").status_code == 404


def test_what_is_not_there(world: World) -> None:
    assert Visitor(world, "firm").get(PAGE, division="1").status_code == 422
    assert Visitor(world, "regulator").send(f"{PAGE}/mood", value="1").status_code == 404
    assert Visitor(world, "regulator").get(f"{PAGE}/figure").status_code == 405


def test_the_page_costs_the_same_however_much_is_set(world: World, django_assert_max_num_queries: Any) -> None:
    regulator = Visitor(world, "regulator")
    for number in range(3):
        regulator.send(f"{PAGE}/figure", **{**FIGURE, "value": str(number)})
        regulator.send(f"{PAGE}/pair", **PAIR)
    with django_assert_max_num_queries(10):
        regulator.get(PAGE)


def test_the_page_speaks_chinese(world: World) -> None:
    page = text(Visitor(world, "firm", "zh-hans").get(PAGE))
    assert "碱性废物" in page
    assert "爆炸性废物须单独存放" in page


def test_what_the_law_fixes_has_nothing_to_set_and_the_rest_says_which_way(world: World) -> None:
    regulator = Visitor(world, "regulator")
    page = text(regulator.get(PAGE))
    fixed = row(page, "permit-collection-years")
    assert "fixed by law" in fixed
    assert "<form" not in fixed
    assert "3000 at most" in row(page, "storage-point-max-kg")
    assert "90 at least" in row(page, "facility-video-days")
    loosened = regulator.send(f"{PAGE}/figure", key="storage_point.max_kg", value="5000", source="演示文件3号")
    assert loosened.status_code == 422
    assert "The law says 3000: a district can only be stricter." in row(text(loosened), "storage-point-max-kg")
    assert not Figure.objects.exists()
