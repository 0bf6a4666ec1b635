"""`/depots/{id}/counts`: blind while it is counted, then the result, settled line by line."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from django.db import transaction

from depots.models import Bay, Count, CountLine
from tests.api.support import answered, nothing_done, refused
from tests.api.test_fuzz import Body, spoilt
from tests.conftest import Api
from tests.kernel.test_counts import bay, begun, closed, colleague, line_about, minutes, scanned, stocked
from tests.world import World


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    clock(minutes(60))


def at(world: World, count: Any = None) -> str:
    address = f"/depots/{world.depots['depot'].pk}/counts"
    return f"{address}/{getattr(count, 'pk', count)}" if count else address


def test_a_count_from_beginning_to_end(world: World, api: Any) -> None:
    here, gone = stocked(world, 2)
    program = api("depot")
    count = answered(program.post(at(world), {"bay": "A1"}), 201)
    assert (count["state"], count["bay"], count["counted"]) == ("counting", "A1", 0)
    scanned(world, here, now=minutes(61))
    scanned(world, None, "旧标签", now=minutes(61))
    shown = answered(program.get(at(world, count["id"])))
    assert [(line["short_code"], line["text"]) for line in shown["lines"]] == [(here.short_code, ""), (None, "旧标签")]
    result = answered(program.post(f"{at(world, count['id'])}/close"))
    assert (result["state"], result["expected"], result["expected_kg"], result["counted"]) == ("counted", 2, "37", 2)
    assert result["results"] == {"matched": 1, "missing": 1, "misplaced": 0, "found": 0, "unknown": 1}
    assert result["to_settle"] == 2
    lines = {line["result"]: line for line in result["lines"]}
    assert lines["missing"]["short_code"] == gone.short_code
    settle = f"{at(world, count['id'])}/settle"
    noted = answered(program.post(settle, {"line": lines["unknown"]["id"], "as": "noted", "reason": "废标签"}))
    assert (noted["to_settle"], noted["flag"]) == (1, None)
    lost = {"line": lines["missing"]["id"], "as": "lost", "reason": "找不到"}
    refused(program.post(settle, lost), 403, "second_person_needed")
    colleague(world, "depot-2")
    done = answered(Api(world.token("depot-2")).post(settle, lost))
    assert (done["state"], done["to_settle"]) == ("settled", 0)
    assert answered(program.get(f"/containers/{gone.code}"))["state"] == "missing"
    listed = answered(program.get(at(world)))["items"]
    assert [(item["id"], item["state"]) for item in listed] == [(count["id"], "settled")]


def test_while_it_is_counted_no_answer_says_what_should_be_there(world: World, api: Any) -> None:
    drums = stocked(world, 3)
    program = api("depot")
    count = answered(program.post(at(world), {"bay": "A1"}), 201)
    scanned(world, drums[0], now=minutes(61))
    shown = answered(program.get(at(world, count["id"])))
    listed = answered(program.get(at(world)))
    for answer in (count, shown, *listed["items"]):
        assert not {"expected", "expected_kg", "to_settle", "results"} & answer.keys()
    assert not {"result", "book_bay", "state"} & shown["lines"][0].keys()
    told = json.dumps([count, shown, listed])
    assert not any(drum.code in told for drum in drums[1:])
    dropped = answered(program.post(f"{at(world, count['id'])}/drop"))
    assert "expected" not in dropped


def test_what_its_place_breaks_is_flagged(world: World, api: Any) -> None:
    (drum,) = stocked(world)
    Bay.objects.filter(pk=bay(world, "A2").pk).update(admits="HW49")
    count = begun(world, "A2")
    scanned(world, drum, code="A2")
    closed(world, count)
    sent = {"line": str(line_about(count, drum).pk), "as": "moved", "reason": "站错了"}
    answer = answered(api("depot").post(f"{at(world, count)}/settle", sent))
    assert answer["flag"]["code"] == "bay_not_admitted"
    assert "A2" in answer["flag"]["message"]


def test_a_count_is_begun_once_for_each_key(world: World, api: Any) -> None:
    program = api("depot")
    key = {"Idempotency-Key": "k1"}
    first = program.post(at(world), {"bay": "A1"}, **key)
    assert answered(program.post(at(world), {"bay": "A1"}, **key), 201) == answered(first, 201)
    refused(program.post(at(world), {"bay": "A2"}, **key), 422, "idempotency_key_reused")
    refused(program.post(at(world), {"bay": "A1"}), 409, "count_running")
    assert Count.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code"), [({}, "missing"), ({"bay": "Z9"}, "unknown_bay"), ({"bay": []}, "wrong_type")]
)
def test_a_bay_must_be_named(world: World, api: Any, body: Any, code: str) -> None:
    with nothing_done():
        refused(api("depot").post(at(world), body), 422, code, "bay")
    assert not Count.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("line", "", "missing"),
        ("line", "0", "unknown_count_line"),
        ("line", "x", "unknown_count_line"),
        ("as", "burnt", "unknown_way"),
        ("as", None, "unknown_way"),
        ("reason", "", "missing"),
        ("reason", "长" * 201, "too_long"),
    ],
)
def test_a_settlement_that_cannot_be_read(world: World, api: Any, field: str, value: Any, code: str) -> None:
    count = begun(world)
    scanned(world, None, "旧标签")
    closed(world, count)
    sent = {"line": str(line_about(count).pk), "as": "noted", "reason": "x"}
    with nothing_done():
        refused(api("depot").post(f"{at(world, count)}/settle", sent | {field: value}), 422, code, field)


def test_another_counts_line_is_no_line_of_this_one(world: World, api: Any) -> None:
    first = begun(world)
    scanned(world, None, "旧标签")
    closed(world, first)
    second = begun(world, "A2")
    closed(world, second)
    sent = {"line": str(line_about(first).pk), "as": "noted", "reason": "x"}
    refused(api("depot").post(f"{at(world, second)}/settle", sent), 422, "unknown_count_line", "line")


@pytest.mark.parametrize("who", ["firm", "firm2", "depot2", "carrier", "plant", "regulator2", "viewer"])
def test_a_stranger_finds_no_count(world: World, api: Any, who: str) -> None:
    count = begun(world)
    scanned(world, None, "旧标签")
    closed(world, count)
    program = api(who)
    sent = {"bay": "A1", "line": str(line_about(count).pk), "as": "noted", "reason": "x"}
    with nothing_done():
        for address in (at(world), at(world, count)):
            refused(program.get(address), 404, "unknown_depot")
        for address in (at(world), *(f"{at(world, count)}/{verb}" for verb in ("close", "drop", "settle"))):
            refused(program.post(address, sent), 404, "unknown_depot")
    assert not CountLine.objects.filter(settled_at__isnull=False).exists()


def test_a_regulator_reads_and_never_writes(world: World, api: Any) -> None:
    (drum,) = stocked(world)
    count = begun(world)
    scanned(world, None, "旧标签")
    closed(world, count)
    running = begun(world, "A2")
    program = api("regulator")
    shown = answered(program.get(at(world, count)))
    assert shown["lines"][1]["name"] == drum.name
    assert shown["results"]["missing"] == 1
    sent = {"bay": "A1", "line": str(line_about(count).pk), "as": "noted", "reason": "x"}
    with nothing_done():
        for address in (at(world), f"{at(world, running)}/close", f"{at(world, running)}/drop"):
            refused(program.post(address, sent), 403, "not_your_depot")
        refused(program.post(f"{at(world, count)}/settle", sent), 403, "not_your_depot")


def test_who_may_only_read_does_not_count(world: World, api: Any) -> None:
    Bay.objects.create(depot=world.depots["firm"], code="F1")
    address = f"/depots/{world.depots['firm'].pk}/counts"
    refused(api("viewer").post(address, {"bay": "F1"}), 403, "read_only")
    count = answered(api("firm").post(address, {"bay": "F1"}), 201)
    assert answered(api("viewer").get(f"{address}/{count['id']}"))["state"] == "counting"
    refused(api("viewer").post(f"{address}/{count['id']}/close"), 403, "read_only")


def test_a_drum_that_a_district_may_not_see_is_a_code_alone(world: World, api: Any) -> None:
    drum = world.drum(name="隔壁区的桶")
    world.issued(drum)
    count = begun(world)
    scanned(world, drum)
    closed(world, count)
    drum.reader_rows.filter(reader__startswith="d:").delete()
    keys = " ".join(key for key in drum.reader_keys.split() if not key.startswith("d:"))
    type(drum).objects.filter(pk=drum.pk).update(reader_keys=keys)
    told = answered(api("regulator").get(at(world, count)))
    assert (told["lines"][0]["short_code"], told["lines"][0]["name"]) == (drum.short_code, None)
    assert "隔壁区的桶" not in json.dumps(told, ensure_ascii=False)


def test_an_unknown_count_is_unknown(world: World, api: Any) -> None:
    program = api("depot")
    for unknown in ("0", "-1", "x", "9" * 40, "１"):
        refused(program.get(f"{at(world)}/{unknown}"), 404, "unknown_count")
        refused(program.post(f"{at(world)}/{unknown}/close"), 404, "unknown_count")


def test_counts_are_paged(world: World, api: Any) -> None:
    for _ in range(3):
        closed(world, begun(world))
    program = api("depot")
    first = answered(program.get(at(world), limit=2))
    rest = answered(program.get(at(world), limit=2, cursor=first["next"]))
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]


def counting_scan(program: Any, nonce: str, text: str) -> Any:
    return answered(program.post("/scans", {"nonce": nonce, "text": text, "intent": "count", "bay": "A1"}))


def test_a_scan_that_counts_does_not_say_where_the_books_have_it(world: World, api: Any) -> None:
    (drum,), (other,) = stocked(world), stocked(world, code="A2")
    program = api("depot")
    answered(program.post(at(world), {"bay": "A1"}), 201)
    here, stray = counting_scan(program, "1", drum.code), counting_scan(program, "2", other.code)
    assert here["verdict"] == stray["verdict"] == "accepted"
    assert here["bay"] == stray["bay"]


def test_a_bay_is_counted_by_scanning_it(world: World, api: Any) -> None:
    (drum,), (other,), secret = stocked(world), stocked(world, code="A2"), world.drum("firm2")
    program = api("depot")
    assert counting_scan(program, "0", drum.code)["reason"] == "no_count"
    count = answered(program.post(at(world), {"bay": "A1"}), 201)
    for nonce, text in (("1", drum.code), ("2", other.short_code)):
        assert counting_scan(program, nonce, text)["verdict"] == "accepted"
    hidden, foreign = counting_scan(program, "3", secret.code), counting_scan(program, "4", "HTTPS://SHOP.EXAMPLE/1")
    # Hidden or unknown: the same answer.
    assert hidden["verdict"] == "accepted"
    assert hidden | {"nonce": ""} == foreign | {"nonce": ""}
    assert counting_scan(program, "5", drum.code)["reason"] == "already_counted"
    assert counting_scan(program, "1", drum.code)["verdict"] == "repeated"
    result = answered(program.post(f"{at(world, count['id'])}/close"))
    assert result["results"] == {"matched": 1, "missing": 0, "misplaced": 1, "found": 0, "unknown": 2}
    late = counting_scan(program, "6", drum.code)
    assert (late["verdict"], late["reason"]) == ("refused", "no_count")


def test_no_nonsense_is_a_fault_of_ours(world: World, api: Any) -> None:
    random, program, count = Random(7), api("depot"), begun(world)
    scanned(world, None, "旧标签")
    closed(world, count)
    settling = {"line": str(line_about(count).pk), "as": "noted", "reason": "x"}
    calls: list[tuple[str, Body]] = [(at(world), {"bay": "A1"}), (f"{at(world, count)}/settle", settling)]
    taken = 0
    for path, body in calls:
        for _ in range(150):
            with transaction.atomic():
                response = program.post(path, json.dumps(spoilt(body, random)))
                transaction.set_rollback(True)
            assert response.status_code < 500, response.content
            if response.status_code >= 400:
                refused(response, response.status_code, response.json()["code"])
            taken += response.status_code < 300
    assert taken
