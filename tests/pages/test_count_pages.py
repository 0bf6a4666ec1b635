"""The pages of counting: blind while it is counted, then four groups, each line with its one action."""

from __future__ import annotations

import re
from typing import Any

import pytest

from depots import counts
from depots.models import Bay, Count, CountLine, Stay
from tests.kernel.test_counts import bay, begun, closed, colleague, line_about, minutes, scanned, stocked
from tests.pages.visitors import Visitor, text
from tests.world import World
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.waste.models import Container


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read an hour after the drums came."""
    clock(minutes(60))


def at(world: World, count: Count | None = None) -> str:
    address = f"/depots/{world.depots['depot'].pk}/counts"
    return f"{address}/{count.pk}" if count else address


def differing(world: World) -> tuple[Count, dict[str, Container]]:
    """A compared count of A1 with one difference of each kind."""
    (missing,) = stocked(world)
    (misplaced,) = stocked(world, code="A2")
    found = world.drum()
    world.departed(found)
    count = begun(world)
    for drum in (misplaced, found):
        scanned(world, drum)
    scanned(world, None, "旧标签")
    closed(world, count)
    return count, {"missing": missing, "misplaced": misplaced, "found": found}


def settle_at(world: World, count: Count, line: CountLine) -> str:
    return f"{at(world, count)}/lines/{line.pk}/settle"


def test_a_bay_is_counted_from_the_board_to_the_result(world: World) -> None:
    (drum,) = stocked(world)
    visitor = Visitor(world, "depot")
    page = text(visitor.get(at(world), bay="A1"))
    assert "Count bay A1" in page
    answer = visitor.send(at(world), bay="A1")
    count = Count.objects.get()
    assert answer["Location"] == at(world, count)
    page = text(visitor.get(at(world, count)))
    assert f"/scan?intent=count&amp;depot={count.depot_id}&amp;bay=A1" in page
    scanned(world, drum)
    assert drum.short_grouped in text(visitor.get(at(world, count)))
    assert visitor.send(f"{at(world, count)}/close").status_code == 303
    assert "Everything is where the books say." in text(visitor.get(at(world, count)))
    assert "Being counted" not in text(visitor.get(at(world)))


def test_while_it_is_counted_nothing_says_what_should_be_there(world: World) -> None:
    drums = stocked(world, 7)
    count = begun(world)
    scanned(world, drums[0])
    for name in ("depot", "regulator"):
        for address in (at(world), at(world, count)):
            page = re.sub(r"<header.*?</header>", "", text(Visitor(world, name).get(address)), flags=re.DOTALL)
            assert not any(drum.short_grouped in page for drum in drums[1:])
            assert not re.search(r"\b(7|129\.5)\b", re.sub(r'"[^"]*"|<[^>]*>|\d\d:\d\d|\d{4}-\d\d-\d\d', "", page))


def test_the_result_has_four_groups_and_each_line_its_one_action(world: World) -> None:
    count, drums = differing(world)
    page = text(Visitor(world, "depot").get(at(world, count)))
    for word in ("missing", "found", "misplaced", "unknown"):
        assert f'id="{word}-title"' in page
    assert page.count("count-form") == 3
    assert "takes somebody who did not count" in page
    ways = re.findall(r'name="as" value="(\w+)"', page)
    assert sorted(ways) == ["moved", "noted", "noted"]
    colleague(world, "depot-2")
    page = text(Visitor(world, "depot-2").get(at(world, count)))
    assert sorted(re.findall(r'name="as" value="(\w+)"', page)) == ["lost", "moved", "noted", "noted"]
    assert drums["missing"].short_grouped in page
    assert "by the books in bay A2" in page


def test_differences_are_settled_in_place(world: World) -> None:
    count, drums = differing(world)
    line, visitor = line_about(count, drums["misplaced"]), Visitor(world, "depot")
    answer = visitor.send(settle_at(world, count, line), **{"as": "moved", "reason": "搬错了"})
    assert answer["Location"] == f"{at(world, count)}#line-{line.pk}"
    assert Stay.objects.get(container=drums["misplaced"], left_at=None).bay == bay(world)
    page = text(visitor.get(at(world, count)))
    assert "搬错了" in page
    assert '<progress class="fill" value="1" max="4"' in page


def test_a_broken_rule_stays_on_the_page(world: World) -> None:
    count, drums = differing(world)
    Bay.objects.filter(pk=bay(world).pk).update(admits="HW49")
    line, visitor = line_about(count, drums["misplaced"]), Visitor(world, "depot")
    visitor.send(settle_at(world, count, line), **{"as": "moved", "reason": "搬错了"})
    assert "count-broken" in text(visitor.get(at(world, count)))


def test_a_refusal_shows_the_line_again_with_what_was_typed(world: World) -> None:
    count, drums = differing(world)
    line, visitor = line_about(count, drums["missing"]), Visitor(world, "depot")
    answer = visitor.send(settle_at(world, count, line), **{"as": "lost", "reason": "没了"})
    assert answer.status_code == 403
    note = line_about(count)
    answer = visitor.send(settle_at(world, count, note), **{"as": "noted", "reason": " "})
    assert answer.status_code == 422
    assert f'aria-describedby="reason-{note.pk}-error"' in text(answer)
    in_place = {"nonce": "n", "as": "lost", "reason": "没了 <b>"}
    address = settle_at(world, count, note)
    answer = visitor.client.post(address, in_place, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "没了 &lt;b&gt;" in text(answer)
    assert not CountLine.objects.filter(settled_at__isnull=False).exists()


def test_one_form_sent_twice_does_it_once(world: World) -> None:
    stocked(world)
    visitor = Visitor(world, "depot")
    first = visitor.send(at(world), nonce="same", bay="A1")
    again = visitor.send(at(world), nonce="same", bay="A1")
    assert first["Location"] == again["Location"]
    assert visitor.send(at(world), bay="A1").status_code == 409
    assert Count.objects.count() == 1


@pytest.mark.parametrize("name", ["firm", "depot2", "carrier", "regulator2", "plant"])
def test_a_hidden_count_is_not_there(world: World, name: str) -> None:
    count, _ = differing(world)
    line, visitor = line_about(count), Visitor(world, name)
    for address in (at(world), at(world, count)):
        assert visitor.get(address).status_code == 404
    for address in (at(world), f"{at(world, count)}/close", f"{at(world, count)}/drop", settle_at(world, count, line)):
        assert visitor.send(address, bay="A1", **{"as": "noted", "reason": "x"}).status_code == 404
    assert not CountLine.objects.filter(settled_at__isnull=False).exists()


def test_a_regulator_reads_and_writes_nothing(world: World) -> None:
    count, drums = differing(world)
    visitor = Visitor(world, "regulator")
    page = text(visitor.get(at(world, count)))
    assert drums["missing"].short_grouped in page
    assert "count-form" not in page
    assert "Count bay" not in text(visitor.get(at(world)))
    running = begun(world, "A2")
    page = text(visitor.get(at(world, running)))
    assert "/close" not in page
    assert "intent=count" not in page
    line = line_about(count)
    for address in (at(world), f"{at(world, running)}/close", settle_at(world, count, line)):
        assert visitor.send(address, bay="A1", **{"as": "noted", "reason": "x"}).status_code == 403


def test_who_may_only_read_is_offered_nothing(world: World) -> None:
    own = Bay.objects.create(depot=world.depots["firm"], code="F1")
    count = counts.begin(actor=world.actor("firm"), bay=own, now=minutes(1))
    visitor, address = Visitor(world, "viewer"), f"/depots/{own.depot_id}/counts"
    assert "Count bay" not in text(visitor.get(address))
    assert "/close" not in text(visitor.get(f"{address}/{count.pk}"))
    assert visitor.send(f"{address}/{count.pk}/close").status_code == 403


def test_a_count_called_off_says_so(world: World) -> None:
    stocked(world, 3)
    count = begun(world)
    visitor = Visitor(world, "depot")
    visitor.send(f"{at(world, count)}/drop")
    page = text(visitor.get(at(world, count)))
    assert "this count says nothing" in page
    assert visitor.send(f"{at(world, count)}/close").status_code == 409


@pytest.mark.parametrize("unknown", ["0", "x", "9" * 30, "１"])
def test_a_count_that_there_is_not(world: World, unknown: str) -> None:
    count, _ = differing(world)
    visitor = Visitor(world, "depot")
    assert visitor.get(f"{at(world)}/{unknown}").status_code == 404
    fields = {"as": "noted", "reason": "x"}
    assert visitor.send(f"{at(world, count)}/lines/{unknown}/settle", **fields).status_code == 422


def test_the_result_reads_the_same_number_of_queries_however_many(
    world: World, django_assert_max_num_queries: Any
) -> None:
    visitor = Visitor(world, "depot")

    def queries(number: int, code: str, other: str) -> int:
        stocked(world, number, code)
        misplaced = stocked(world, number, other)
        count = begun(world, code)
        for drum in misplaced:
            scanned(world, drum, code=code)
        closed(world, count)
        with django_assert_max_num_queries(16) as captured:
            visitor.get(at(world, count))
        Stay.objects.update(left_at=minutes(31))
        return len(captured)

    assert queries(1, "A1", "A2") == queries(12, "A2", "A1")


def test_open_differences_stand_on_the_home_page_until_they_are_settled(world: World) -> None:
    count, _ = differing(world)
    home = text(Visitor(world, "depot").get("/"))
    assert "1 count with open differences" in home
    assert at(world, count) in home
    for name in ("firm", "depot2"):
        assert "open differences" not in text(Visitor(world, name).get("/"))


def test_a_missing_drum_is_to_be_looked_for_and_not_due_soon(world: World) -> None:
    differing(world)
    sweep(minutes(60))
    alert, depot = Alert.objects.get(kind="missing"), Visitor(world, "depot")
    toast = text(depot.get("/alerts/toast", id=alert.pk))
    assert "To be looked for" in toast
    assert "Due soon" not in toast
    assert "To be looked for" in text(depot.get("/alerts"))
    Alert.objects.filter(pk=alert.pk).update(state="overdue")
    toast = text(depot.get("/alerts/toast", id=alert.pk))
    assert "Not explained or lost" in toast
    assert "Overdue" not in toast
