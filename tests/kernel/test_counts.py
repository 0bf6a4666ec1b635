"""Counting a bay: blind, compared with the books, every difference settled by the right person in the right way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from depots import counts
from depots.extensions import extend
from depots.models import Bay, Count, CountLine, Depot, Stay
from depots.selectors import get_bay
from depots.services import check_in, put_away, void
from manifests import services as manifests
from manifests.models import Manifest
from manifests.selectors import lines_of
from manifests.services import Receipt, receive
from tests.world import NOW, PASSWORD, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership, Permit, User
from wastetrack.waste.clock import end_of
from wastetrack.waste.models import Container


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


@pytest.fixture
def second(world: World) -> Actor:
    """A second person of the depot."""
    return colleague(world, "depot-2")


def colleague(world: World, name: str) -> Actor:
    user = User.objects.create_user(username=name, password=PASSWORD, name=f"演示用户 {name}")
    organisation = world.organisations["depot"]
    world.memberships[name] = Membership.objects.create(user=user, organisation=organisation, role="operator")
    return world.actor(name)


def bay(world: World, code: str = "A1", depot: str = "depot") -> Bay:
    return get_bay(world.depots[depot], code)


def stocked(world: World, number: int = 1, code: str = "A1", now: datetime = NOW) -> list[Container]:
    """Drums that stand in a bay of the collection depot."""
    drums = [world.drum(now=now) for _ in range(number)]
    manifest = world.delivered(*drums, now=now)
    receipts = [Receipt(line) for line in lines_of(manifest)]
    place = {"depot": world.depots["depot"], "bay": bay(world, code)}
    receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, now=now, **place)  # type: ignore[arg-type]
    return [Container.objects.get(pk=drum.pk) for drum in drums]


def begun(world: World, code: str = "A1", now: datetime | None = None) -> Count:
    return counts.begin(actor=world.actor("depot"), bay=bay(world, code), now=now or minutes(10))


def scanned(
    world: World,
    drum: Container | None,
    text: str = "",
    code: str = "A1",
    by: str = "depot",
    now: datetime | None = None,
    at: datetime | None = None,
) -> CountLine:
    """Noted as a scanner does: the container as it is now."""
    found = Container.objects.get(pk=drum.pk) if drum else None
    read, now = text or (drum.code if drum else ""), now or minutes(20)
    return counts.note(actor=world.actor(by), bay=bay(world, code), container=found, text=read, now=now, at=at)


def closed(world: World, count: Count, now: datetime | None = None) -> Count:
    return counts.close(actor=world.actor("depot"), count=count, now=now or minutes(30))


def results(count: Count) -> dict[str, str]:
    """Short code or text → result."""
    lines = CountLine.objects.filter(count=count).select_related("container")
    return {line.container.short_code if line.container else line.text: line.result for line in lines}


def line_about(count: Count, drum: Container | None = None) -> CountLine:
    return CountLine.objects.select_related("count__depot__site").get(count=count, container=drum)


def settle(
    actor: Actor, line: CountLine, how: str, reason: str = "查过", now: datetime | None = None
) -> counts.Settled:
    return counts.settle(actor=actor, line=line, how=how, reason=reason, now=now or minutes(40))


def code_of(call: Any) -> str:
    """The code with which a call is refused; a field's, where it is one field's."""
    with pytest.raises(Refused) as refused:
        call()
    found = refused.value
    return found.errors[0].code if found.errors else found.code


def missing_alert(drum: Container) -> Alert | None:
    return Alert.objects.filter(kind="missing", about=drum.subject).order_by("-id").first()


# --- counting ----------------------------------------------------------------------------------------------


def test_a_bay_that_agrees_is_settled_at_once(world: World) -> None:
    drums = stocked(world, 3)
    count = begun(world)
    for drum in drums:
        scanned(world, drum)
    count = closed(world, count)
    assert (count.state, count.expected, count.expected_mass_g) == ("settled", 3, 55_500)
    assert set(results(count).values()) == {"matched"}
    assert Alert.objects.filter(kind="missing").count() == 0


def test_the_result_is_one_assertion_in_the_log(world: World) -> None:
    here, lost = stocked(world, 2)
    (elsewhere,) = stocked(world, code="A2")
    road = world.drum()
    world.departed(road)
    count = begun(world)
    scanned(world, here)
    scanned(world, elsewhere)
    scanned(world, road)
    scanned(world, None, "KEINE MARKE")
    closed(world, count)
    (entry,) = Entry.objects.filter(kind="count.close")
    told = entry.data
    assert entry.subject == count.subject
    assert (told["bay"], told["expected"], told["expected_kg"], told["counted"]) == ("A1", 2, "37", 4)
    assert (told["missing"], told["found"], told["misplaced"]) == ([lost.code], [road.code], [elsewhere.code])
    assert (told["unknown"], told["matched"], told["differences"]) == (["KEINE MARKE"], 1, 4)
    assert f"d:{world.organisations['depot'].division[:4]}" in entry.readers


def test_one_count_a_bay_at_a_time(world: World) -> None:
    begun(world)
    assert code_of(lambda: begun(world)) == "count_running"
    assert begun(world, "A2").state == "counting"
    counts.drop(actor=world.actor("depot"), count=Count.objects.get(bay=bay(world)), now=minutes(11))
    assert begun(world).state == "counting"


def test_nothing_is_noted_where_nobody_counts(world: World) -> None:
    (drum,) = stocked(world)
    assert code_of(lambda: scanned(world, drum)) == "no_count"
    count = begun(world)
    closed(world, count)
    assert code_of(lambda: scanned(world, drum)) == "no_count"


def test_a_drum_counts_once_however_often_it_is_scanned(world: World) -> None:
    (drum,) = stocked(world)
    begun(world)
    scanned(world, drum)
    assert code_of(lambda: scanned(world, drum)) == "already_counted"
    scanned(world, None, "一个旧标签")
    assert code_of(lambda: scanned(world, None, " 一个旧标签 ")) == "already_counted"
    assert CountLine.objects.count() == 2


def test_a_hidden_drum_is_a_text_and_nothing_more(world: World) -> None:
    secret = world.drum("firm2")
    count = begun(world)
    line = scanned(world, secret)
    assert (line.container, line.text) == (None, secret.code)
    closed(world, count)
    assert results(count) == {secret.code: "unknown"}
    assert secret.name not in "".join(Entry.objects.filter(subject=count.subject).values_list("payload", flat=True))


def test_a_scan_is_taken_back_while_it_is_counted(world: World) -> None:
    (drum,) = stocked(world)
    count = begun(world)
    line = scanned(world, drum)
    counts.unnote(actor=world.actor("depot"), line=line, now=minutes(21))
    assert not CountLine.objects.exists()
    line = scanned(world, drum)
    closed(world, count)
    assert code_of(lambda: counts.unnote(actor=world.actor("depot"), line=line, now=minutes(31))) == "cannot_undo"
    assert results(count) == {drum.short_code: "matched"}


def test_a_scan_that_comes_late_is_not_put_into_the_next_count(world: World) -> None:
    (drum,) = stocked(world)
    closed(world, begun(world))
    begun(world, now=minutes(60))
    assert code_of(lambda: scanned(world, drum, now=minutes(61), at=minutes(25))) == "count_over"
    # A clock that is merely behind did it now.
    assert scanned(world, drum, now=minutes(61), at=minutes(50)).counted_at == minutes(60)


def test_a_count_called_off_says_nothing(world: World) -> None:
    (drum,) = stocked(world)
    count = counts.drop(actor=world.actor("depot"), count=begun(world), now=minutes(20))
    assert (count.state, count.expected) == ("dropped", None)
    assert code_of(lambda: closed(world, count)) == "illegal_state"
    assert missing_alert(drum) is None


def test_who_may_count(world: World) -> None:
    (drum,) = stocked(world)
    own_bay = Bay.objects.create(depot=world.depots["firm"], code="F1")
    for name in ("firm", "depot2", "carrier", "regulator", "plant"):
        actor = world.actor(name)
        assert code_of(lambda a=actor: counts.begin(actor=a, bay=bay(world), now=NOW)) == "not_your_depot"
    assert code_of(lambda: counts.begin(actor=world.actor("viewer"), bay=own_bay, now=NOW)) == "read_only"
    count = begun(world)
    line = scanned(world, drum)
    for name in ("firm", "depot2", "carrier", "regulator", "plant", "viewer"):
        actor = world.actor(name)
        expected = "read_only" if name == "viewer" else "not_your_depot"
        for call in (
            lambda a=actor: counts.note(actor=a, bay=bay(world), container=drum, text=drum.code, now=NOW),
            lambda a=actor: counts.unnote(actor=a, line=line, now=NOW),
            lambda a=actor: counts.close(actor=a, count=count, now=NOW),
            lambda a=actor: counts.drop(actor=a, count=count, now=NOW),
            lambda a=actor: settle(a, line, "noted"),
        ):
            assert code_of(call) == expected, name


# --- comparing ---------------------------------------------------------------------------------------------


def test_what_came_while_it_was_counted_is_not_missing(world: World) -> None:
    (before,) = stocked(world)
    count = begun(world)
    (after,) = stocked(world, now=minutes(15))
    (moved,) = stocked(world, code="A2")
    put_away(actor=world.actor("depot"), container=moved, bay=bay(world), now=minutes(16))
    count = closed(world, count)
    assert results(count) == {before.short_code: "missing"}
    assert count.expected == 3
    # Scanned all the same, it is there.
    count = begun(world, now=minutes(40))
    for drum in (before, after, moved):
        scanned(world, drum, now=minutes(41))
    assert set(results(closed(world, count, minutes(42))).values()) == {"matched"}


def test_what_left_after_it_was_scanned_was_there(world: World) -> None:
    gone, away = stocked(world, 2)
    count = begun(world)
    scanned(world, gone)
    scanned(world, away)
    world.departed(gone, sender="depot", to="plant", now=minutes(25))
    put_away(actor=world.actor("depot"), container=away, bay=bay(world, "A2"), now=minutes(25))
    assert set(results(closed(world, count)).values()) == {"matched"}


def test_what_left_before_it_was_scanned_is_found(world: World) -> None:
    (gone,) = stocked(world)
    count = begun(world)
    world.departed(gone, sender="depot", to="plant", now=minutes(15))
    scanned(world, gone)
    assert results(closed(world, count)) == {gone.short_code: "found"}


@pytest.mark.parametrize("place", ["another bay", "no bay", "another depot of ours", "the firm", "voided"])
def test_what_stands_here_but_not_in_the_books(world: World, place: str) -> None:
    (drum,) = stocked(world)
    result = {"another bay": "misplaced", "no bay": "misplaced"}.get(place, "found")
    if place == "no bay":
        Stay.objects.filter(container=drum, left_at=None).update(bay=None)
    if place == "another depot of ours":
        other = world.depots["depot2"]
        Stay.objects.filter(container=drum, left_at=None).update(depot=other, bay=get_bay(other, "A1"))
    if place == "the firm":
        drum = world.drum()
        world.issued(drum)
    if place == "voided":
        Stay.objects.filter(container=drum, left_at=None).update(left_at=NOW)
        Container.objects.filter(pk=drum.pk).update(state="voided")
    count = begun(world, "A2")
    scanned(world, drum, code="A2")
    assert results(closed(world, count)) == {drum.short_code: result}


def test_closing_takes_the_same_queries_however_many_drums(
    world: World, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    def close_with(drums: int, code: str) -> int:
        here = stocked(world, drums, code)
        other = stocked(world, drums, "A2" if code == "A1" else "A1")
        count = begun(world, code)
        for drum in [*here[drums // 2 :], *other]:
            scanned(world, drum, code=code)
        with django_assert_max_num_queries(40) as captured:
            closed(world, count)
        assert len(set(results(count).values())) == 3
        for stay in Stay.objects.filter(left_at=None):
            stay.left_at = minutes(50)
            stay.save()
        return len(captured)

    assert close_with(2, "A1") == close_with(24, "A2")


# --- settling ----------------------------------------------------------------------------------------------


def test_every_difference_needs_a_reason(world: World) -> None:
    count = begun(world)
    scanned(world, None, "旧标签")
    closed(world, count)
    actor, line = world.actor("depot"), line_about(count)
    assert code_of(lambda: settle(actor, line, "noted", "  ")) == "missing"
    assert code_of(lambda: settle(actor, line, "noted", "长" * 201)) == "too_long"
    assert code_of(lambda: settle(actor, line, "noted", "a\x07")) == "unprintable"
    assert code_of(lambda: settle(actor, line, "burnt")) == "unknown_way"
    assert code_of(lambda: settle(actor, line, "lost")) == "wrong_way"
    done = settle(actor, line, "noted", " 撕下的  旧标签 ")
    assert (done.line.reason, done.count.state) == ("撕下的 旧标签", "settled")
    assert code_of(lambda: settle(actor, line, "noted")) == "already_settled"
    (entry,) = Entry.objects.filter(kind="count.settle_line")
    assert (entry.data["text"], entry.data["reason"]) == ("旧标签", "撕下的 旧标签")


def test_nothing_is_settled_before_the_count_is_closed(world: World) -> None:
    (drum,) = stocked(world)
    count = begun(world)
    line = scanned(world, drum)
    assert code_of(lambda: settle(world.actor("depot"), line, "noted")) == "not_counted_yet"
    closed(world, count)
    counted = begun(world, now=minutes(50))
    good = scanned(world, drum, now=minutes(51))
    scanned(world, None, "旧标签", now=minutes(51))
    closed(world, counted, minutes(52))
    assert code_of(lambda: settle(world.actor("depot"), good, "noted")) == "no_difference"


def test_the_books_follow_a_misplaced_drum(world: World) -> None:
    (drum,) = stocked(world)
    count = begun(world, "A2")
    scanned(world, drum, code="A2")
    closed(world, count)
    actor, line = world.actor("depot"), line_about(count, drum)
    assert line.book_bay == bay(world)
    assert code_of(lambda: settle(actor, line, "noted")) == "put_right_first"
    done = settle(actor, line, "moved")
    stay = Stay.objects.get(container=drum, left_at=None)
    assert (stay.bay, stay.moved_at, done.broken) == (bay(world, "A2"), minutes(20), None)
    assert Entry.objects.filter(subject=drum.subject, kind="container.put_away").count() == 1
    assert done.count.state == "settled"


def test_a_place_that_a_rule_forbids_is_recorded_and_said(world: World) -> None:
    (drum,) = stocked(world)
    Bay.objects.filter(pk=bay(world, "A2").pk).update(admits="HW49")
    count = begun(world, "A2")
    scanned(world, drum, code="A2")
    closed(world, count)
    done = settle(world.actor("depot"), line_about(count, drum), "moved")
    assert done.broken is not None
    assert done.broken.code == "bay_not_admitted"
    assert Stay.objects.get(container=drum, left_at=None).bay == bay(world, "A2")
    assert Entry.objects.get(kind="container.put_away", subject=drum.subject).data["broken"] == "bay_not_admitted"
    assert Entry.objects.get(kind="count.settle_line").data["broken"] == "bay_not_admitted"


def test_a_misplaced_drum_that_was_put_back_is_not_moved_again(world: World) -> None:
    (drum,) = stocked(world)
    count = begun(world, "A2")
    scanned(world, drum, code="A2")
    closed(world, count)
    actor, line = world.actor("depot"), line_about(count, drum)
    put_away(actor=actor, container=drum, bay=bay(world), now=minutes(35))
    assert code_of(lambda: settle(actor, line, "moved")) == "seen_since"
    assert settle(actor, line, "noted").count.state == "settled"
    assert Stay.objects.get(container=drum, left_at=None).bay == bay(world)


def missed(world: World) -> tuple[Container, CountLine]:
    """A drum that a count by `depot` did not find."""
    (drum,) = stocked(world)
    count = begun(world)
    closed(world, count)
    return drum, line_about(count, drum)


def test_a_missing_drum_is_an_alert_at_once(world: World) -> None:
    drum, _ = missed(world)
    sweep(minutes(30))
    alert = missing_alert(drum)
    assert alert is not None
    assert alert.state == "warned"
    for name in ("depot", "regulator"):
        assert Alert.objects.visible_to(world.actor(name)).filter(pk=alert.pk).exists()
    for name in ("firm", "depot2", "regulator2"):
        assert not Alert.objects.visible_to(world.actor(name)).filter(pk=alert.pk).exists()
    sweep(later(1.1))
    alert.refresh_from_db()
    assert alert.state == "overdue"


def test_a_drum_is_lost_by_a_second_person_alone(world: World, second: Actor) -> None:
    drum, line = missed(world)
    begin_only = begun(world, "A2", minutes(31))
    assert begin_only.begun_by == world.actor("depot").user
    assert code_of(lambda: settle(world.actor("depot"), line, "lost")) == "second_person_needed"
    drum.refresh_from_db()
    assert drum.state == "stored"
    done = settle(second, line, "lost", "找遍了")
    drum.refresh_from_db()
    assert (drum.state, drum.storage_deadline, done.count.state) == ("missing", None, "settled")
    assert not Stay.objects.filter(container=drum, left_at=None).exists()
    assert not Alert.objects.filter(kind="storage", about=drum.subject, resolved_at=None).exists()
    entry = Entry.objects.get(kind="container.lose")
    assert (entry.data["reason"], entry.username) == ("找遍了", "depot-2")
    sweep(minutes(41))
    alert = missing_alert(drum)
    assert alert is not None
    assert alert.state == "overdue"


def test_who_scanned_is_no_second_person(world: World, second: Actor) -> None:
    lost, here = stocked(world, 2)
    count = begun(world)
    scanned(world, here, by="depot-2")
    closed(world, count)
    line = line_about(count, lost)
    assert code_of(lambda: settle(second, line, "lost")) == "second_person_needed"
    third = colleague(world, "depot-3")
    settle(third, line, "lost")
    lost.refresh_from_db()
    assert lost.state == "missing"


def test_a_missing_drum_that_is_there_is_scanned_first(world: World, second: Actor) -> None:
    drum, line = missed(world)
    actor = world.actor("depot")
    sweep(minutes(31))
    assert code_of(lambda: settle(actor, line, "seen")) == "not_seen"
    put_away(actor=actor, container=drum, bay=bay(world), now=minutes(35))
    assert code_of(lambda: settle(second, line, "lost")) == "seen_since"
    assert settle(actor, line, "seen").count.state == "settled"
    alert = missing_alert(drum)
    assert alert is not None
    assert alert.state == "resolved"


def test_an_older_scan_told_later_is_no_sighting(world: World) -> None:
    drum, line = missed(world)
    actor = world.actor("depot")
    put_away(actor=actor, container=drum, bay=bay(world), now=minutes(35), at=minutes(25))
    assert code_of(lambda: settle(actor, line, "seen")) == "not_seen"


@pytest.mark.parametrize("what", ["moved", "counted elsewhere", "on the road"])
def test_what_the_books_know_newer_was_seen(world: World, what: str) -> None:
    drum, line = missed(world)
    actor = world.actor("depot")
    if what == "moved":
        put_away(actor=actor, container=drum, bay=bay(world, "A2"), now=minutes(35))
    if what == "counted elsewhere":
        begun(world, "A2", minutes(34))
        scanned(world, drum, code="A2", now=minutes(35))
    if what == "on the road":
        world.departed(drum, sender="depot", to="plant", now=minutes(35))
    assert settle(actor, line, "seen").count.state == "settled"


@pytest.mark.parametrize("where", ["A2", "A1"])
def test_a_move_told_later_was_a_sighting_in_another_bay_alone(world: World, where: str) -> None:
    (drum,) = stocked(world)
    actor, count = world.actor("depot"), begun(world)
    scanned_at = minutes(15)
    closed(world, count)
    put_away(actor=actor, container=drum, bay=bay(world, where), now=minutes(35), at=scanned_at)
    put_away(actor=actor, container=drum, bay=bay(world), now=minutes(36), at=minutes(16))
    line = line_about(count, drum)
    if where == "A1":
        assert code_of(lambda: settle(actor, line, "seen")) == "not_seen"
    else:
        assert settle(actor, line, "seen").count.state == "settled"


def counted_at_once(world: World) -> tuple[Container, CountLine, CountLine]:
    """A drum of A1 that is scanned in A2 while both bays are counted: A1's line about it and A2's."""
    (drum,) = stocked(world)
    first, second = begun(world), begun(world, "A2")
    scanned(world, drum, code="A2", now=minutes(12))
    closed(world, second, minutes(13))
    closed(world, first, minutes(14))
    return drum, line_about(first, drum), line_about(second, drum)


def test_what_another_count_scans_meanwhile_is_not_lost(world: World, second: Actor) -> None:
    drum, missing, misplaced = counted_at_once(world)
    assert (missing.result, misplaced.result) == ("missing", "misplaced")
    assert code_of(lambda: settle(second, missing, "lost")) == "seen_since"
    assert settle(second, missing, "seen").count.state == "settled"
    assert settle(second, misplaced, "moved").count.state == "settled"
    assert Stay.objects.get(container=drum, left_at=None).bay == bay(world, "A2")


def test_of_two_counts_that_scan_it_the_later_scan_says_where_it_stands(world: World) -> None:
    third = Bay.objects.create(depot=world.depots["depot"], code="A3")
    (drum,) = stocked(world)
    earlier, later_one = begun(world, "A2"), begun(world, "A3")
    scanned(world, drum, code="A2", now=minutes(12))
    scanned(world, drum, code="A3", now=minutes(15))
    closed(world, earlier)
    closed(world, later_one)
    actor = world.actor("depot")
    assert code_of(lambda: settle(actor, line_about(earlier, drum), "moved")) == "seen_since"
    settle(actor, line_about(earlier, drum), "noted")
    assert code_of(lambda: settle(actor, line_about(later_one, drum), "noted")) == "put_right_first"
    settle(actor, line_about(later_one, drum), "moved")
    assert Stay.objects.get(container=drum, left_at=None).bay == third


def test_a_misplaced_drum_that_was_given_up_since_is_returned(world: World, second: Actor) -> None:
    (drum,) = stocked(world)
    count = begun(world, "A2")
    scanned(world, drum, code="A2", now=minutes(12))
    closed(world, count, minutes(13))
    again = begun(world, now=minutes(14))
    closed(world, again, minutes(15))
    settle(second, line_about(again, drum), "lost")
    line = line_about(count, drum)
    for how in ("moved", "noted"):
        assert code_of(lambda how=how: settle(second, line, how, now=minutes(41))) == "return_first"
    assert settle(second, line, "returned", now=minutes(41)).count.state == "settled"
    drum.refresh_from_db()
    assert (drum.state, Stay.objects.get(container=drum, left_at=None).bay) == ("stored", bay(world, "A2"))


def test_a_misplaced_drum_in_stock_is_not_returned(world: World) -> None:
    (drum,) = stocked(world)
    count = begun(world, "A2")
    scanned(world, drum, code="A2")
    closed(world, count)
    assert code_of(lambda: settle(world.actor("depot"), line_about(count, drum), "returned")) == "not_missing"


def test_a_misplaced_drum_that_another_firm_lost_is_noted(world: World) -> None:
    (drum,) = stocked(world)
    count = begun(world, "A2")
    scanned(world, drum, code="A2")
    closed(world, count)
    world.departed(drum, sender="depot", to="plant", now=minutes(35))
    Container.objects.filter(pk=drum.pk).update(state="missing", holder=world.organisations["plant"])
    assert settle(world.actor("depot"), line_about(count, drum), "noted").count.state == "settled"


def test_a_later_count_that_finds_it_ends_the_alert(world: World) -> None:
    drum, line = missed(world)
    sweep(minutes(31))
    count = begun(world, now=minutes(32))
    scanned(world, drum, now=minutes(33))
    closed(world, count, minutes(34))
    alert = missing_alert(drum)
    assert alert is not None
    assert alert.state == "resolved"
    assert settle(world.actor("depot"), line, "seen").count.state == "settled"


def test_two_counts_that_miss_it_are_one_alert(world: World, second: Actor) -> None:
    drum, line = missed(world)
    count = begun(world, now=minutes(32))
    closed(world, count, minutes(34))
    assert Alert.objects.filter(kind="missing", about=drum.subject, resolved_at=None).count() == 1
    again = line_about(count, drum)
    settle(second, line, "lost")
    assert Alert.objects.filter(kind="missing", about=drum.subject, resolved_at=None).count() == 1
    assert settle(second, again, "lost").count.state == "settled"
    assert Entry.objects.filter(kind="container.lose").count() == 1


def test_a_drum_on_a_manifest_is_not_lost(world: World, second: Actor) -> None:
    (drum,) = stocked(world)
    manifest: Manifest = world.issued(drum, sender="depot", to="plant", now=minutes(5))
    count = begun(world)
    closed(world, count)
    line = line_about(count, drum)
    with pytest.raises(Refused) as refused:
        settle(second, line, "lost")
    assert (refused.value.code, refused.value.params["manifest"]) == ("missing_committed", manifest.number)
    manifests.cancel(actor=world.actor("depot"), manifest=manifest, reason="找不到", now=minutes(35))
    settle(second, line, "lost")
    drum.refresh_from_db()
    assert drum.state == "missing"


def test_a_drum_treated_in_part_is_not_lost(world: World, second: Actor) -> None:
    drum, line = missed(world)
    Container.objects.filter(pk=drum.pk).update(treated_g=1)
    assert code_of(lambda: settle(second, line, "lost")) == "partly_treated_missing"


def lost_long_ago(world: World, second: Actor) -> Container:
    drum, line = missed(world)
    settle(second, line, "lost")
    drum.refresh_from_db()
    return drum


def test_a_missing_drum_found_again_goes_on_with_its_old_clock(world: World, second: Actor) -> None:
    (drum,) = stocked(world)
    deadline = drum.storage_deadline
    count = begun(world)
    closed(world, count)
    settle(second, line_about(count, drum), "lost")
    sweep(minutes(41))
    again = begun(world, "A2", later(30))
    scanned(world, Container.objects.get(pk=drum.pk), code="A2", now=later(30.1))
    closed(world, again, later(30.2))
    assert results(again) == {drum.short_code: "found"}
    line, actor = line_about(again, drum), world.actor("depot")
    assert code_of(lambda: settle(actor, line, "noted", now=later(31))) == "return_first"
    assert settle(actor, line, "returned", "在棚子后面", later(31)).count.state == "settled"
    drum.refresh_from_db()
    stay = Stay.objects.get(container=drum, left_at=None)
    assert (drum.state, drum.storage_deadline) == ("stored", deadline)
    assert (stay.bay, stay.entered_at) == (bay(world, "A2"), later(30.1))
    assert Alert.objects.filter(kind="storage", about=drum.subject, resolved_at=None).count() == 1
    assert not Alert.objects.filter(kind="missing", resolved_at=None).exists()
    assert Entry.objects.get(kind="container.find").data["reason"] == "在棚子后面"


def test_a_firms_own_drum_counts_from_filling_when_it_is_found(world: World) -> None:
    own = Bay.objects.create(depot=world.depots["firm"], code="F1")
    drum = world.drum(accumulation_start="2026-06-01")
    deadline = drum.storage_deadline
    Stay.objects.filter(container=drum).update(bay=own)
    user = User.objects.create_user(username="firm-2", password=PASSWORD)
    membership = Membership.objects.create(user=user, organisation=world.organisations["firm"], role="operator")
    firm = world.actor("firm")
    count = counts.begin(actor=firm, bay=own, now=minutes(10))
    counts.close(actor=firm, count=count, now=minutes(20))
    settle(Actor.of(membership), line_about(count, drum), "lost")
    count = counts.begin(actor=firm, bay=own, now=later(1))
    counts.note(actor=firm, bay=own, container=drum, text=drum.code, now=later(1.1))
    counts.close(actor=firm, count=count, now=later(1.2))
    settle(firm, line_about(count, drum), "returned", now=later(2))
    drum.refresh_from_db()
    assert drum.storage_deadline == deadline


def lost_and_found(
    world: World, name: str, drum: Container, place: Bay, days: float, found_in: Bay | None = None
) -> None:
    """A count gives the drum up, and one a day later finds it."""
    actor, place_found = world.actor(name), found_in or place
    user = User.objects.create_user(username=f"{name}-2", password=PASSWORD)
    membership = Membership.objects.create(user=user, organisation=world.organisations[name], role="operator")
    count = counts.begin(actor=actor, bay=place, now=later(days))
    counts.close(actor=actor, count=count, now=later(days + 0.1))
    settle(Actor.of(membership), line_about(count, drum), "lost", now=later(days + 0.2))
    count = counts.begin(actor=actor, bay=place_found, now=later(days + 1))
    counts.note(actor=actor, bay=place_found, container=drum, text=drum.code, now=later(days + 1.1))
    counts.close(actor=actor, count=count, now=later(days + 1.2))
    settle(actor, line_about(count, drum), "returned", now=later(days + 1.3))
    drum.refresh_from_db()


def test_what_an_authority_granted_holds_for_a_drum_found_again(world: World) -> None:
    (drum,) = stocked(world)
    assert drum.storage_deadline is not None
    days, until = (drum.storage_deadline - NOW).days, (drum.storage_deadline + timedelta(days=40)).date()
    (drum,) = extend(
        actor=world.actor("depot"), containers=[drum], until=until, document="演示文件1号", now=later(days - 3)
    )
    granted = drum.storage_deadline
    lost_and_found(world, "depot", drum, bay(world), days + 10)
    assert (drum.storage_deadline, drum.extension) == (granted, "演示文件1号")
    (alert,) = Alert.objects.filter(kind="storage", about=drum.subject, resolved_at=None)
    assert alert.due_at == granted


def test_a_term_that_has_become_longer_than_what_was_granted_counts(world: World) -> None:
    permit = world.depots["depot"].permit
    assert permit is not None
    Permit.objects.filter(pk=permit.pk).update(kind="collection")
    permit.refresh_from_db()
    (drum,) = stocked(world)
    assert drum.storage_deadline is not None
    until = (drum.storage_deadline + timedelta(days=20)).date()
    extend(actor=world.actor("depot"), containers=[drum], until=until, document="演示文件1号", now=later(90))
    Permit.objects.filter(pk=permit.pk).update(kind="comprehensive")
    lost_and_found(world, "depot", drum, bay(world), 91)
    assert (drum.storage_deadline, drum.extension) == (end_of((NOW + timedelta(days=365)).date()), "")


def test_what_was_granted_for_one_depot_does_not_hold_in_another(world: World) -> None:
    (drum,) = stocked(world)
    plain = drum.storage_deadline
    assert plain is not None
    until = (plain + timedelta(days=40)).date()
    extend(actor=world.actor("depot"), containers=[drum], until=until, document="演示文件1号", now=later(300))
    old = world.depots["depot"]
    other = Depot.objects.create(site=old.site, name="二库", kind=old.kind, facility_code="TS002", permit=old.permit)
    there = Bay.objects.create(depot=other, code="A1")
    lost_and_found(world, "depot", drum, bay(world), 301, there)
    assert (drum.storage_deadline, drum.extension) == (plain, "")


def test_a_firms_own_drum_that_was_found_again_can_be_voided(world: World) -> None:
    drum, place = world.drum(), Bay.objects.create(depot=world.depots["firm"], code="F1")
    Stay.objects.filter(container=drum).update(bay=place)
    lost_and_found(world, "firm", drum, place, 1)
    void(actor=world.actor("firm"), container=drum, reason="重复登记", now=later(5))
    drum.refresh_from_db()
    assert drum.state == "voided"
    assert not Stay.objects.filter(container=drum, left_at=None).exists()


def test_what_is_not_missing_is_not_returned(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    count = begun(world)
    scanned(world, drum)
    closed(world, count)
    actor, line = world.actor("depot"), line_about(count, drum)
    assert code_of(lambda: settle(actor, line, "returned")) == "not_missing"
    # A load that nobody checked in: checked in first, then noted.
    manifest = Manifest.objects.get(lines__container=drum)
    receipts = [Receipt(line) for line in lines_of(manifest)]
    receive(actor=actor, manifest=manifest, receipts=receipts, depot=world.depots["depot"], now=minutes(35))
    assert settle(actor, line, "noted").count.state == "settled"


def test_another_firms_missing_drum_is_only_noted(world: World) -> None:
    drum = world.drum()
    world.issued(drum)
    Container.objects.filter(pk=drum.pk).update(state="missing")
    drum.refresh_from_db()
    count = begun(world)
    scanned(world, drum)
    closed(world, count)
    actor, line = world.actor("depot"), line_about(count, drum)
    assert code_of(lambda: settle(actor, line, "returned")) == "not_missing"
    settle(actor, line, "noted")
    drum.refresh_from_db()
    assert drum.state == "missing"


def test_a_missing_drum_is_not_checked_in_by_the_back_door(world: World, second: Actor) -> None:
    drum = lost_long_ago(world, second)
    call = lambda: check_in(actor=world.actor("depot"), container=drum, depot=world.depots["depot"], now=later(1))  # noqa: E731
    assert code_of(call) == "was_missing"


def test_the_count_is_settled_with_its_last_difference(world: World, second: Actor) -> None:
    (drum,) = stocked(world)
    count = begun(world)
    scanned(world, None, "旧标签")
    count = closed(world, count)
    assert settle(world.actor("depot"), line_about(count), "noted").count.state == "counted"
    assert settle(second, line_about(count, drum), "lost").count.state == "settled"
    assert Entry.objects.filter(kind="count.settle").count() == 1


def test_alerts_are_locked_by_kind_as_the_sweep_does_it(world: World) -> None:
    """Two that lock the same rows in different orders wait for each other for ever."""
    (drum,) = stocked(world)
    count = closed(world, begun(world))
    second = colleague(world, "second")
    assert Alert.objects.filter(about=drum.subject).count() == 2
    with CaptureQueriesContext(connection) as done:
        settle(second, line_about(count, drum), "lost")
    touched = [kind for query in done if "alerts_alert" in query["sql"] for kind in _kinds(query["sql"])]
    assert touched[0] == "missing"
    assert touched[-1] == "storage"
    assert touched == sorted(touched)


def _kinds(sql: str) -> list[str]:
    return [kind for kind in ("missing", "storage") if f"'{kind}'" in sql]
