"""`/scans` and `/scans/batch`: every intent, verdict and reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings

from depots.models import Bay, Depot, Stay
from labels.codes import bay_payload, payload
from scanner import steps
from scanner.models import Scan
from tests.api.support import answered, nothing_done, refused
from tests.conftest import Api
from tests.world import DRUM, NOW, World, later
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Membership
from wastetrack.regulations.identifiers import group
from wastetrack.waste.models import Container

Programs = Callable[[str], Api]


def scan(api: Api, text: str, intent: str = "check_in", nonce: str = "n", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = answered(api.post("/scans", {"nonce": nonce, "text": text, "intent": intent, **more}))
    assert set(body) >= {"nonce", "verdict", "reason", "message", "container"}
    assert body["nonce"] == nonce
    assert body["message"] not in ("", body["reason"])
    return body


def put_into(row: Container, state: str) -> Container:
    Container.objects.filter(pk=row.pk).update(state=state)
    return row


@pytest.fixture
def drum(world: World) -> Container:
    return world.drum()


@pytest.fixture
def logged(world: World, api: Programs) -> Container:
    """A drum of the firm that stands nowhere yet."""
    return Container.objects.get(code=answered(api("firm").post("/containers", DRUM), 201)["code"])


# --- lookup ---


@pytest.mark.parametrize(
    "written",
    [
        lambda drum: drum.code,
        lambda drum: drum.code.lower(),
        lambda drum: group(drum.code),
        lambda drum: drum.short_code,
        lambda drum: group(drum.short_code).lower(),
        lambda drum: payload(drum.code, settings.PUBLIC_URL),
        lambda drum: f"\x1d ]Q1{payload(drum.code, settings.PUBLIC_URL)}\r\n",
    ],
)
def test_a_lookup_reads_a_code_as_it_is_typed_or_scanned(world: World, api: Programs, drum: Any, written: Any) -> None:
    found = scan(api("firm"), written(drum), "lookup")
    assert (found["verdict"], found["reason"]) == ("accepted", None)
    shown = found["container"]
    assert (shown["code"], shown["short_code"], shown["state"], shown["mass_kg"]) == (
        drum.code,
        drum.short_code,
        "stored",
        "18.5",
    )
    assert datetime.fromisoformat(shown["storage_deadline"]).utcoffset() is not None


def test_a_hidden_code_and_one_that_does_not_exist_are_one_answer(world: World, api: Programs, drum: Any) -> None:
    unknown = drum.code[:-3] + "999"
    assert scan(api("firm2"), drum.code, "lookup")["reason"] == "unknown_code"
    hidden = api("firm2").post("/scans", {"nonce": "same", "text": drum.code, "intent": "lookup"})
    Scan.objects.all().delete()
    missing = api("firm2").post("/scans", {"nonce": "same", "text": unknown, "intent": "lookup"})
    assert hidden.content == missing.content


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("garbage", "not_a_code"),
        ("汉字", "not_a_code"),
        ("x" * 5_000, "not_a_code"),
        ("HTTPS://ELSEWHERE.EXAMPLE/W/1", "foreign_code"),
        ("https://elsewhere.example/", "foreign_code"),
        (bay_payload("7", settings.PUBLIC_URL), "is_a_bay"),
        ("A" * 37, "not_a_code"),
    ],
)
@pytest.mark.parametrize("intent", ["lookup", "check_in", "put_away"])
def test_what_is_no_drums_code_is_refused(api: Programs, text: str, reason: str, intent: str) -> None:
    found = scan(api("firm"), text, intent)
    assert (found["verdict"], found["reason"], found["container"]) == ("refused", reason, None)
    kept = Scan.objects.get()
    assert (kept.verdict, kept.reason, kept.text) == ("refused", reason, text[:300])


def test_another_sites_label_with_our_code_inside_is_still_foreign(api: Programs, drum: Any) -> None:
    found = scan(api("firm"), payload(drum.code, "https://elsewhere.example"), "lookup")
    assert (found["reason"], found["container"]) == ("foreign_code", None)


# --- check_in of a firm's own drum ---


def test_a_firms_own_drum_needs_no_manifest(world: World, api: Programs, logged: Any) -> None:
    found = scan(api("firm"), logged.short_code)
    assert (found["verdict"], found["reason"], found["container"]["state"]) == ("accepted", None, "stored")
    assert Stay.objects.get(left_at=None).depot == world.depots["firm"]


def test_the_time_of_the_scan_is_when_it_happened(api: Programs, logged: Any, clock: Any) -> None:
    clock(later(2))
    assert scan(api("firm"), logged.code, scanned_at=later(1).isoformat())["verdict"] == "accepted"
    entry = Entry.objects.get(subject=logged.subject, kind="container.store")
    assert (entry.event_time, entry.recorded_at) == (later(1), later(2))


def test_a_second_scan_says_that_it_is_here_already(api: Programs, logged: Any) -> None:
    scan(api("firm"), logged.code)
    found = scan(api("firm"), logged.code, nonce="n2")
    assert (found["verdict"], found["reason"]) == ("refused", "already_here")
    assert found["container"]["code"] == logged.code


# --- check_in at a depot ---


def test_a_delivered_drum_is_received(world: World, api: Programs, drum: Any) -> None:
    manifest = world.delivered(drum)
    found = scan(api("depot"), drum.code, bay="a2", depot=str(world.depots["depot"].pk))
    assert (found["verdict"], found["container"]["state"]) == ("accepted", "stored")
    assert answered(api("depot").get(f"/manifests/{manifest.number}"))["state"] == "received"
    (stay,) = answered(api("depot").get(f"/depots/{world.depots['depot'].pk}/inventory"))["items"]
    assert (stay["code"], stay["bay"], stay["mass_kg"]) == (drum.code, "A2", "18.5")


def test_one_scan_may_weigh_it_too(world: World, api: Programs, drum: Any) -> None:
    manifest = world.delivered(drum)
    assert scan(api("depot"), drum.code, mass_kg="17.9")["verdict"] == "accepted"
    (line,) = answered(api("depot").get(f"/manifests/{manifest.number}"))["lines"]
    assert (line["mass_kg"], line["received_mass_kg"], line["discrepancy"]["settled"]) == ("18.5", "17.9", False)


def test_a_drum_still_on_the_road_is_delivered_by_its_first_scan(world: World, api: Programs, drum: Any) -> None:
    other = world.drum()
    manifest = world.departed(drum, other)
    assert scan(api("depot"), drum.code)["verdict"] == "accepted"
    shown = answered(api("depot").get(f"/manifests/{manifest.number}"))
    assert shown["state"] == "delivered"
    assert shown["delivered_at"]


@pytest.mark.parametrize(
    ("prepare", "reason", "seen"),
    [
        (lambda world, drum: None, "no_manifest", False),
        (lambda world, drum: world.draft(drum), "no_manifest", False),
        (lambda world, drum: world.issued(drum), "not_departed", True),
        (lambda world, drum: world.delivered(drum, to="depot2"), "wrong_depot", False),
        (lambda world, drum: put_into(drum, "treated"), "no_manifest", False),
    ],
)
def test_what_is_not_awaited_here_is_refused_with_a_reason(
    world: World, api: Programs, drum: Any, prepare: Any, reason: str, seen: bool
) -> None:
    prepare(world, drum)
    before = Entry.objects.count()
    found = scan(api("depot"), drum.code)
    assert (found["verdict"], found["reason"]) == ("refused", reason)
    assert (found["container"] is not None) is seen
    assert Entry.objects.count() == before
    assert not Stay.objects.filter(depot=world.depots["depot"]).exists()


@pytest.mark.parametrize(
    ("state", "reason"),
    [("treated", "treated"), ("voided", "voided"), ("emptied", "emptied"), ("missing", "was_missing")],
)
def test_a_drum_that_has_ended_is_refused_by_its_state(api: Programs, drum: Any, state: str, reason: str) -> None:
    put_into(drum, state)
    found = scan(api("firm"), drum.code)
    assert (found["verdict"], found["reason"]) == ("refused", reason)


def test_a_drum_in_another_depot_of_the_same_firm_is_in_the_wrong_one(world: World, api: Programs, drum: Any) -> None:
    second = Depot.objects.create(
        site=world.depots["firm"].site, name="二号", kind="storage_point", facility_code="TS002"
    )
    found = scan(api("firm"), drum.code, depot=str(second.pk))
    assert (found["verdict"], found["reason"]) == ("refused", "wrong_depot")
    assert scan(api("firm"), drum.code, nonce="n2")["reason"] == "depot_missing"


def test_a_full_bay_takes_no_more(world: World, api: Programs, drum: Any) -> None:
    Bay.objects.filter(depot=world.depots["depot"], code="A1").update(capacity_g=18_499)
    manifest = world.delivered(drum)
    found = scan(api("depot"), drum.code, bay="A1")
    assert (found["verdict"], found["reason"]) == ("refused", "bay_full")
    assert "A1" in found["message"]
    assert answered(api("depot").get(f"/manifests/{manifest.number}"))["state"] == "delivered"
    assert scan(api("depot"), drum.code, bay="A2", nonce="n2")["verdict"] == "accepted"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"bay": "B9"}, "unknown_bay"),
        ({"bay": ["A1"]}, "unknown_bay"),
        ({"depot": "0"}, "unknown_depot"),
        ({"depot": "x"}, "unknown_depot"),
        ({"depot": "9" * 400}, "unknown_depot"),
        ({"depot": -1}, "unknown_depot"),
    ],
)
def test_a_place_that_there_is_not_is_refused(
    world: World, api: Programs, drum: Any, more: dict[str, Any], reason: str
) -> None:
    world.delivered(drum)
    found = scan(api("depot"), drum.code, **more)
    assert (found["verdict"], found["reason"]) == ("refused", reason)


def test_nobody_scans_into_a_depot_that_is_not_theirs(world: World, api: Programs, drum: Any) -> None:
    world.delivered(drum)
    theirs = str(world.depots["depot"].pk)
    assert scan(api("firm"), drum.code, depot=theirs)["reason"] == "unknown_depot"
    assert scan(api("depot2"), drum.code, depot=theirs)["reason"] == "unknown_code"
    assert scan(api("regulator"), drum.code, depot=theirs)["reason"] == "not_permitted"
    assert scan(api("carrier"), drum.code)["reason"] == "depot_missing"


# --- put_away ---


def test_a_drum_is_put_into_another_bay(world: World, api: Programs, drum: Any) -> None:
    world.delivered(drum)
    scan(api("depot"), drum.code)
    found = scan(api("depot"), drum.code, "put_away", "n2", bay="A2")
    assert found["verdict"] == "accepted"
    assert Stay.objects.get(left_at=None, bay__code="A2").container == drum
    assert Entry.objects.filter(subject=drum.subject, kind="container.put_away").count() == 1


@pytest.mark.parametrize(
    ("more", "reason"),
    [({}, "bay_missing"), ({"bay": "B9"}, "unknown_bay"), ({"bay": "A1"}, "not_here")],
)
def test_putting_away_needs_a_bay_and_a_drum_that_is_here(
    world: World, api: Programs, drum: Any, more: dict[str, Any], reason: str
) -> None:
    world.delivered(drum)
    found = scan(api("depot"), drum.code, "put_away", **more)
    assert (found["verdict"], found["reason"]) == ("refused", reason)


def test_putting_away_does_not_overfill_a_bay(world: World, api: Programs, drum: Any) -> None:
    world.delivered(drum)
    scan(api("depot"), drum.code, bay="A1")
    Bay.objects.filter(depot=world.depots["depot"], code="A2").update(capacity_g=1_000)
    assert scan(api("depot"), drum.code, "put_away", "n2", bay="A2")["reason"] == "bay_full"


@pytest.mark.parametrize("more", [{}, {"bay": "A1"}, {"bay": "B9"}, {"depot": "0"}])
@pytest.mark.parametrize("intent", ["put_away", "check_in"])
def test_no_question_about_a_hidden_drum_tells_that_it_exists(
    world: World, api: Programs, drum: Any, intent: str, more: dict[str, Any]
) -> None:
    """At a storage point, where no stranger's drum can be awaited, whatever else is asked beside its code."""
    unknown = drum.code[:-3] + "999"
    hidden = scan(api("firm2"), drum.code, intent, "n1", **more)
    missing = scan(api("firm2"), unknown, intent, "n2", **more)
    assert (hidden["reason"], hidden["message"]) == (missing["reason"], missing["message"])
    assert hidden["container"] is None


# --- the nonce ---


def test_the_same_scan_again_is_repeated_with_the_first_answer(world: World, api: Programs, drum: Any) -> None:
    world.delivered(drum)
    first = scan(api("depot"), drum.code)
    entries = Entry.objects.count()
    again = scan(api("depot"), drum.code)
    assert again == first | {"verdict": "repeated"}
    assert (Scan.objects.count(), Entry.objects.count()) == (1, entries)


def test_a_refused_scan_stays_refused_under_its_nonce(world: World, api: Programs, drum: Any) -> None:
    manifest = world.issued(drum)
    first = scan(api("depot"), drum.code)
    assert first["reason"] == "not_departed"
    answered(api("carrier").post(f"/manifests/{manifest.number}/depart", {"password": "demo"}))
    again = scan(api("depot"), drum.code)
    assert (again["verdict"], again["reason"], again["message"]) == ("repeated", "not_departed", first["message"])
    assert scan(api("depot"), drum.code, nonce="n2")["verdict"] == "accepted"


def test_a_nonce_is_good_for_one_question(world: World, api: Programs, drum: Any) -> None:
    scan(api("firm"), drum.code, "lookup")
    for other in (
        {"text": drum.short_code, "intent": "lookup"},
        {"text": drum.code, "intent": "check_in"},
        {"text": drum.code, "intent": "lookup", "bay": "A1"},
    ):
        found = answered(api("firm").post("/scans", {"nonce": "n", **other}))
        assert (found["verdict"], found["reason"], found["container"]) == ("refused", "nonce_reused", None)
    assert Scan.objects.count() == 1


def test_the_time_of_the_scan_is_no_part_of_the_question(api: Programs, drum: Any) -> None:
    scan(api("firm"), drum.code, "lookup", scanned_at=later(-1).isoformat())
    assert scan(api("firm"), drum.code, "lookup")["verdict"] == "repeated"


def test_another_organisations_nonce_is_another_nonce(world: World, api: Programs, drum: Any) -> None:
    assert scan(api("firm"), drum.code, "lookup")["verdict"] == "accepted"
    assert scan(api("firm2"), drum.code, "lookup")["reason"] == "unknown_code"


# --- what is no scan at all ---


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"nonce": ""}, "nonce_missing", "nonce"),
        ({"nonce": "n" * 65}, "nonce_unusable", "nonce"),
        ({"nonce": "a\nb"}, "nonce_unusable", "nonce"),
        ({"nonce": "a\0b"}, "unprintable", "nonce"),
        ({"nonce": {}}, "wrong_type", "nonce"),
        ({"text": " "}, "missing", "text"),
        ({"text": "a\ud800"}, "unprintable", "text"),
        ({"text": ["x"]}, "wrong_type", "text"),
        ({"intent": "destroy"}, "unknown_intent", "intent"),
        ({"intent": "chekc_in"}, "unknown_intent", "intent"),
        ({"mass_kg": "1e3"}, "mass_not_a_number", "mass_kg"),
        ({"mass_kg": []}, "mass_not_a_number", "mass_kg"),
        ({"mass_kg": "0"}, "mass_zero", "mass_kg"),
        ({"depot": {"a": 1}}, "wrong_type", "depot"),
        ({"bay": "a\ud800"}, "unprintable", "bay"),
        ({"scanned_at": "yesterday"}, "time_unreadable", "scanned_at"),
        ({"scanned_at": "2026-11-20T08:00:00"}, "time_without_offset", "scanned_at"),
        ({"scanned_at": 1763600400}, "time_unreadable", "scanned_at"),
        ({"scanned_at": "2026-11-20T09:05:01+08:00"}, "time_in_future", "scanned_at"),
        ({"scanned_at": "9999-12-31T23:59:59-23:59"}, "time_unreadable", "scanned_at"),
        ({"scanned_at": "0001-01-01T00:00:00+14:00"}, "time_unreadable", "scanned_at"),
        ({"scanned_at": "1999-12-31T00:00:00+08:00"}, "time_too_old", "scanned_at"),
    ],
)
def test_what_is_no_scan_is_an_invalid_field(
    world: World, api: Programs, drum: Any, change: dict[str, Any], code: str, field: str
) -> None:
    with nothing_done():
        body = {"nonce": "n", "text": drum.code, "intent": "lookup", **change}
        refused(api("firm").post("/scans", body), 422, code, field)


def test_a_device_may_run_a_little_ahead(api: Programs, logged: Any) -> None:
    assert scan(api("firm"), logged.code, scanned_at="2026-11-20T09:05:00+08:00")["verdict"] == "accepted"
    assert Entry.objects.get(kind="container.store").event_time == NOW


# --- batches ---


def batch(api: Api, *scans: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = answered(api.post("/scans/batch", {"scans": list(scans)}))["results"]
    assert len(results) == len(scans)
    return results


def test_a_batch_is_answered_in_order_and_a_bad_item_stops_no_other(world: World, api: Programs, drum: Any) -> None:
    good = [{"nonce": f"g{n}", "text": drum.code, "intent": "lookup"} for n in range(3)]
    bad: list[Any] = [
        1,
        None,
        [],
        "x",
        {},
        {"nonce": "\ud800", "text": "x", "intent": "lookup"},
        {"nonce": "b", "text": "x\0", "intent": "lookup"},
        {"nonce": "b", "text": {"a": ["b"]}, "intent": "lookup"},
        {"nonce": "b2", "text": "x", "intent": "lookup", "scanned_at": "never"},
        {"nonce": "b3", "text": "x", "intent": "lookup", "mass_kg": "heavy"},
        {"nonce": "b4", "text": "garbage", "intent": "lookup"},
    ]
    results = batch(api("firm"), good[0], *bad, good[1], good[2], good[0])
    assert [one["verdict"] for one in results] == [
        "accepted",
        *["refused"] * len(bad),
        "accepted",
        "accepted",
        "repeated",
    ]
    assert [one["reason"] for one in results[1:12]] == [
        *["wrong_type"] * 4,
        "nonce_missing",
        "unprintable",
        "unprintable",
        "wrong_type",
        "time_unreadable",
        "mass_not_a_number",
        "not_a_code",
    ]
    assert all(one["message"] for one in results)
    assert results[9]["nonce"] == "b2"
    assert results[9]["problem"]["errors"][0]["field"] == "scanned_at"


def test_a_fault_of_ours_at_one_item_stops_no_other(
    world: World, api: Programs, drum: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> Any:
        raise RuntimeError("a fault")

    monkeypatch.setattr(steps, "get_bay", broken)
    first = {"nonce": "a", "text": drum.code, "intent": "put_away", "bay": "A1"}
    results = batch(api("firm"), first, {"nonce": "b", "text": drum.code, "intent": "lookup"})
    assert [(one["verdict"], one["reason"]) for one in results] == [("refused", "fault"), ("accepted", None)]


def test_an_offline_queue_sent_twice_does_everything_once(world: World, api: Programs) -> None:
    drums = [world.drum() for _ in range(3)]
    world.delivered(*drums)
    queue = [{"nonce": f"q{n}", "text": drum.code, "intent": "check_in"} for n, drum in enumerate(drums)]
    assert [one["verdict"] for one in batch(api("depot"), *queue)] == ["accepted"] * 3
    entries = Entry.objects.count()
    assert [one["verdict"] for one in batch(api("depot"), *queue)] == ["repeated"] * 3
    assert Entry.objects.count() == entries


def test_a_batch_has_at_most_five_hundred_scans(api: Programs) -> None:
    with nothing_done():
        refused(api("firm").post("/scans/batch", {"scans": [{}] * 501}), 422, "too_many_scans", "scans")
        refused(api("firm").post("/scans/batch", {"scans": {}}), 422, "wrong_type", "scans")
        refused(api("firm").post("/scans/batch", {}), 422, "missing", "scans")
    assert batch(api("firm")) == []


def test_a_batch_in_chinese_has_sentences_too(world: World) -> None:
    api = Api(world.token("firm"), "zh-hans")
    assert batch(api, {"nonce": "n", "text": "garbage", "intent": "lookup"}, {})[1]["message"]


def test_a_reader_scans_nothing(world: World, api: Programs, drum: Any) -> None:
    with nothing_done():
        refused(api("viewer").post("/scans", {"nonce": "n", "text": drum.code, "intent": "check_in"}), 403, "read_only")
        refused(api("viewer").post("/scans/batch", {"scans": []}), 403, "read_only")


def test_a_scan_of_a_user_of_two_firms_belongs_to_the_one_acted_for(world: World, api: Programs, drum: Any) -> None:
    user = world.memberships["firm2"].user
    second = Membership.objects.create(user=user, organisation=world.organisations["firm"], role="operator")
    world.memberships["both"] = second
    assert scan(api("both"), drum.code, "lookup")["verdict"] == "accepted"
    assert scan(api("firm2"), drum.code, "lookup")["reason"] == "unknown_code"
