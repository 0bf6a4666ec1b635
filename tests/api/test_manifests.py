"""`/manifests`: drafting, the verbs, and the main job from the workshop to the plant, all over HTTP."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from manifests.models import Manifest
from tests.api.support import answered, nothing_done, refused
from tests.conftest import Api
from tests.world import DRUM, NOW, PASSWORD, World, later
from wastetrack.ledger.services import seal
from wastetrack.parties.models import Permit, Vehicle
from wastetrack.regulations.identifiers import group, parse_manifest_number
from wastetrack.waste.models import Container


def do(api: Api, number: str, verb: str, status: int = 200, **body: Any) -> dict[str, Any]:
    shown: dict[str, Any] = answered(api.post(f"/manifests/{number}/{verb}", {"password": PASSWORD, **body}), status)
    return shown


def draft_body(world: World, *drums: Any, to: str = "depot", **more: Any) -> dict[str, Any]:
    return {
        "receiver": world.organisations[to].uscc,
        "carrier": world.organisations["carrier"].uscc,
        "containers": [getattr(drum, "code", drum) for drum in drums],
        **more,
    }


# --- the main job ---


def test_one_drum_goes_all_the_way_over_http(world: World, api: Any, clock: Any) -> None:
    firm, carrier, depot, plant = api("firm"), api("carrier"), api("depot"), api("plant")
    drum = answered(firm.post("/containers", {**DRUM, "depot": str(world.depots["firm"].pk)}), 201)
    drafted = answered(firm.post("/manifests", draft_body(world, drum["short_code"])), 201)
    assert (drafted["state"], drafted["problems"]) == ("draft", [])
    number = drafted["number"]
    assert do(firm, number, "issue")["state"] == "issued"
    assert do(carrier, number, "depart", vehicle="浙D·00001")["state"] == "in_transit"
    assert answered(firm.get(f"/containers/{drum['code']}"))["state"] == "in_transit"
    assert do(carrier, number, "deliver")["state"] == "delivered"
    scanned = answered(depot.post("/scans", {"nonce": "n", "text": drum["code"], "intent": "check_in"}))
    assert scanned["verdict"] == "accepted"
    assert do(depot, number, "close")["state"] == "closed"

    clock(later(30))
    second = answered(depot.post("/manifests", draft_body(world, drum["code"], to="plant")), 201)["number"]
    do(depot, second, "issue")
    do(carrier, second, "depart")
    do(carrier, second, "deliver")
    line = {"container": drum["code"], "outcome": "accepted", "mass_kg": "17.9"}
    received = do(plant, second, "receive", lines=[line])
    assert received["state"] == "received"
    (shown,) = received["lines"]
    assert (shown["mass_kg"], shown["received_mass_kg"]) == ("18.5", "17.9")
    assert (shown["discrepancy"]["severity"], shown["discrepancy"]["settled"]) == ("notice", False)
    treatment = {"container": group(drum["short_code"]), "method": "r9", "mass_kg": "17.9"}
    signed = {"password": PASSWORD, "lines": [treatment]}
    refused(plant.post(f"/manifests/{second}/treat", signed), 409, "open_discrepancy")
    refused(plant.post(f"/manifests/{second}/close"), 409, "open_discrepancy")
    do(plant, second, "settle", container=drum["code"], mass_kg="17.9", note="地磅")
    settled = do(depot, second, "settle", container=drum["code"], mass_kg="17.90", note="同意")
    assert settled["lines"][0]["discrepancy"]["settled"] is True
    assert [said["side"] for said in settled["lines"][0]["discrepancy"]["statements"]] == ["receiver", "sender"]
    refused(plant.post(f"/manifests/{second}/close"), 409, "not_treated")
    treated = do(plant, second, "treat", lines=[treatment])
    assert treated["lines"][0]["container_state"] == "treated"
    assert treated["lines"][0]["treatments"][0]["method"] == "R9"
    assert do(plant, second, "close")["state"] == "closed"

    seal()
    end = answered(firm.get(f"/containers/{drum['code']}"))
    assert (end["state"], end["mass_kg"], end["depot"]) == ("treated", "17.9", None)
    life = answered(api("regulator").get(f"/containers/{drum['code']}/history"))
    assert life["log"]["intact"] is True
    assert [step["kind"].split(".")[1] for step in life["items"]] == [
        "log", "store", "commit", "depart", "receive", "commit", "depart", "receive", "treat",
    ]  # fmt: skip
    assert life["items"][-1]["data"]["plant"] == "演示plant"


# --- drafting ---


def test_a_draft_says_what_would_stop_its_issue(world: World, api: Any) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=date(2026, 1, 1))
    body = draft_body(world, world.drum())
    del body["carrier"]
    drafted = answered(api("firm").post("/manifests", body), 201)
    assert {(one["field"], one["code"]) for one in drafted["problems"]} == {
        ("receiver", "permit_expired"),
        ("carrier", "carrier_missing"),
    }
    assert all(one["message"] != one["code"] for one in drafted["problems"])


def test_a_number_is_ours_year_city_serial(world: World, api: Any) -> None:
    numbers = [
        answered(api("firm").post("/manifests", draft_body(world, world.drum())), 201)["number"] for _ in range(2)
    ]
    read = [parse_manifest_number(number) for number in numbers]
    assert [(one.year, one.division, one.serial) for one in read] == [(2026, "3306", 1), (2026, "3306", 2)]


def test_a_draft_has_its_lines_parties_and_mass(world: World, api: Any) -> None:
    drums = [world.drum(), world.drum(mass_kg="0.5")]
    drafted = answered(api("firm").post("/manifests", draft_body(world, *drums, emergency_measures="围堵\n吸附")), 201)
    assert [line["container"] for line in drafted["lines"]] == [drum.code for drum in drums]
    assert [line["position"] for line in drafted["lines"]] == [1, 2]
    assert drafted["mass_kg"] == "19"
    assert drafted["sender"]["uscc"] == world.organisations["firm"].uscc
    assert drafted["carrier"]["uscc"] == world.organisations["carrier"].uscc
    assert drafted["emergency_measures"] == "围堵\n吸附"
    assert datetime.fromisoformat(drafted["created_at"]) == NOW
    assert drafted["issued_at"] is None
    assert drafted["national_number"] is None


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"containers": []}, "no_lines", "containers"),
        ({"containers": None}, "wrong_type", "containers"),
        ({"containers": "x"}, "wrong_type", "containers"),
        ({"containers": ["nothing"]}, "unknown_code", "containers.0"),
        ({"containers": [{}]}, "wrong_type", "containers.0"),
        ({"containers": ["x"] * 501}, "too_many", "containers"),
        ({"receiver": ""}, "missing", "receiver"),
        ({"receiver": "91330699T00000011"}, "uscc_length", "receiver"),
        ({"receiver": 7}, "uscc_length", "receiver"),
        ({"carrier": []}, "wrong_type", "carrier"),
        ({"emergency_measures": "长" * 301}, "too_long", "emergency_measures"),
        ({"emergency_measures": "a\x07b"}, "unprintable", "emergency_measures"),
    ],
)
def test_a_draft_that_cannot_be_is_refused_at_its_field(
    world: World, api: Any, change: dict[str, Any], code: str, field: str
) -> None:
    drum = world.drum()
    with nothing_done():
        refused(api("firm").post("/manifests", draft_body(world, drum) | change), 422, code, field)


def test_parties_must_be_what_the_manifest_takes_them_for(world: World, api: Any) -> None:
    drum = world.drum()
    uscc = {name: organisation.uscc for name, organisation in world.organisations.items()}
    with nothing_done():
        for change, code, field in (
            ({"receiver": uscc["firm"]}, "receiver_is_sender", "receiver"),
            ({"receiver": uscc["carrier"]}, "not_a_receiver", "receiver"),
            ({"receiver": uscc["firm2"]}, "unknown_organisation", "receiver"),
            ({"carrier": uscc["plant"]}, "not_a_carrier", "carrier"),
            ({"receiver": uscc["depot"][:-1] + ("0" if uscc["depot"][-1] != "0" else "1")}, "uscc_check", "receiver"),
        ):
            refused(api("firm").post("/manifests", draft_body(world, drum) | change), 422, code, field)


def test_only_stored_drums_of_ones_own_are_drafted(world: World, api: Any) -> None:
    mine, theirs = world.drum(), world.drum("firm2")
    logged = answered(api("firm").post("/containers", DRUM), 201)["code"]
    committed = world.drum()
    world.issued(committed)
    with nothing_done():
        hidden = api("firm").post("/manifests", draft_body(world, mine, theirs))
        refused(hidden, 422, "unknown_code", "containers.1")
        assert api("firm").post("/manifests", draft_body(world, mine, "nothing")).content == hidden.content
        refused(api("firm").post("/manifests", draft_body(world, logged)), 409, "container_not_free")
        refused(api("firm").post("/manifests", draft_body(world, committed)), 409, "container_not_free")
        twice = draft_body(world, mine, group(mine.short_code))
        refused(api("firm").post("/manifests", twice), 422, "duplicate_container", "containers.1")
        refused(api("regulator").post("/manifests", draft_body(world, mine)), 403, "not_your_part")


# --- issuing ---


def of(number: str) -> Any:
    return Permit.objects.filter(number=number)


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda: of("演示depot").update(valid_to=date(2026, 11, 19)), "permit_expired"),
        (lambda: of("演示depot").update(valid_from=date(2026, 11, 21)), "permit_expired"),
        (lambda: of("演示depot").update(codes="HW49 900-249-09"), "permit_lacks_code"),
        (lambda: of("演示depot").update(kind="transport"), "permit_lacks_code"),
        (lambda: of("演示carrier").update(valid_to=date(2026, 11, 19)), "carrier_permit_expired"),
        (lambda: Container.objects.update(state="committed"), "container_not_free"),
    ],
)
def test_what_the_law_forbids_is_not_issued(world: World, api: Any, prepare: Any, code: str) -> None:
    number = world.draft(world.drum()).number
    prepare()
    with nothing_done():
        body = refused(api("firm").post(f"/manifests/{number}/issue", {"password": PASSWORD}), 409, code)
    assert code in {error["code"] for error in body["errors"]}


def test_every_reason_is_told_at_once(world: World, api: Any) -> None:
    number = world.draft(world.drum()).number
    Permit.objects.update(valid_to=date(2026, 1, 1))
    body = refused(api("firm").post(f"/manifests/{number}/issue", {"password": PASSWORD}), 409, "permit_expired")
    assert {error["field"] for error in body["errors"]} == {"receiver", "carrier"}


def test_a_permit_covers_its_last_day(world: World, api: Any) -> None:
    Permit.objects.update(valid_to=NOW.date())
    assert do(api("firm"), world.draft(world.drum()).number, "issue")["state"] == "issued"


def test_a_drum_on_two_drafts_goes_with_the_first_that_is_issued(world: World, api: Any) -> None:
    drum = world.drum()
    first, second = world.draft(drum).number, world.draft(drum, to="depot2").number
    do(api("firm"), first, "issue")
    with nothing_done():
        refused(api("firm").post(f"/manifests/{second}/issue", {"password": PASSWORD}), 409, "container_not_free")


# --- signing ---


@pytest.mark.parametrize("verb", ["issue", "depart", "receive", "treat"])
def test_a_signature_needs_the_signers_own_password(world: World, api: Any, verb: str) -> None:
    signer = {"issue": "firm", "depart": "carrier"}.get(verb, "depot")
    drum = world.drum()
    number = {"issue": world.draft, "depart": world.issued}.get(verb, world.delivered)(drum).number
    with nothing_done():
        for body, status, code, field in (
            ({}, 422, "password_missing", "password"),
            ({"password": ""}, 422, "password_missing", "password"),
            ({"password": None}, 422, "password_missing", "password"),
            ({"password": "wrong"}, 403, "wrong_password", None),
            ({"password": ["demo"]}, 422, "wrong_type", "password"),
        ):
            refused(api(signer).post(f"/manifests/{number}/{verb}", body), status, code, field)


# --- the order of things ---


@pytest.mark.parametrize(
    ("who", "verb", "step"),
    [
        ("carrier", "depart", "draft"),
        ("carrier", "deliver", "issued"),
        ("depot", "receive", "issued"),
        ("depot", "treat", "delivered"),
        ("depot", "close", "delivered"),
        ("firm", "issue", "issued"),
        ("carrier", "depart", "departed"),
        ("carrier", "deliver", "delivered"),
    ],
)
def test_a_step_out_of_order_is_refused(world: World, api: Any, who: str, verb: str, step: str) -> None:
    number = getattr(world, step)(world.drum()).number
    hidden = step == "draft" and who != "firm"
    with nothing_done():
        answer = api(who).post(f"/manifests/{number}/{verb}", {"password": PASSWORD})
        refused(answer, *((404, "unknown_manifest") if hidden else (409, "illegal_state")))


@pytest.mark.parametrize(
    ("who", "verb", "step"),
    [
        ("depot", "depart", "issued"),
        ("firm", "depart", "issued"),
        ("regulator", "depart", "issued"),
        ("firm", "deliver", "departed"),
        ("firm", "receive", "delivered"),
        ("carrier", "settle", "delivered"),
        ("regulator", "settle", "delivered"),
        ("depot", "cancel", "issued"),
        ("carrier", "issue", "issued"),
        ("firm", "close", "delivered"),
        ("firm", "treat", "delivered"),
    ],
)
def test_a_step_of_another_party_is_refused(world: World, api: Any, who: str, verb: str, step: str) -> None:
    drum = world.drum()
    number = getattr(world, step)(drum).number
    line = {"container": drum.code, "method": "R9", "mass_kg": "1"}
    with nothing_done():
        body = {"password": PASSWORD, "lines": [line], "container": drum.code, "mass_kg": "1"}
        answer = api(who).post(f"/manifests/{number}/{verb}", body)
        refused(answer, 403, "not_your_part")


def test_a_sender_receives_not_even_one_line_of_two(world: World, api: Any) -> None:
    """The last line moves the manifest, and that is the receiver's; a line before it moves nothing that would ask."""
    drum = world.drum()
    number = world.delivered(drum, world.drum()).number
    with nothing_done():
        body = {"password": PASSWORD, "lines": [{"container": drum.code, "mass_kg": "18.5"}]}
        refused(api("firm").post(f"/manifests/{number}/receive", body), 403, "not_your_part")


@pytest.mark.parametrize("who", ["carrier", "regulator"])
def test_who_has_no_store_receives_nothing(world: World, api: Any, who: str) -> None:
    number = world.delivered(world.drum()).number
    with nothing_done():
        answer = api(who).post(f"/manifests/{number}/receive", {"password": PASSWORD})
        refused(answer, 422, "depot_missing", "depot")


def test_only_verbs_that_there_are_are_done(world: World, api: Any) -> None:
    number = world.issued(world.drum()).number
    with nothing_done():
        for verb in ("destroy", "Issue", "hand_over", "%00", "perform", "__class__"):
            answer = api("firm").post(f"/manifests/{number}/{verb}", {"password": PASSWORD})
            refused(answer, 404, "unknown_verb") if verb != "%00" else refused(answer, 422, "unprintable", "verb")


# --- departing ---


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"vehicle": "沪A99999"}, "unknown_vehicle", "vehicle"),
        ({"departed_at": "2026-11-20T09:00:01+08:00"}, "time_in_future", "departed_at"),
        ({"departed_at": "2026-11-20T08:59:59+08:00"}, "time_out_of_order", "departed_at"),
        ({"departed_at": "2026-11-20T09:00:00"}, "time_without_offset", "departed_at"),
        ({"departed_at": "now"}, "time_unreadable", "departed_at"),
    ],
)
def test_a_departure_that_cannot_be_is_refused(
    world: World, api: Any, clock: Any, change: dict[str, Any], code: str, field: str
) -> None:
    number = world.issued(world.drum()).number
    with nothing_done():
        refused(api("carrier").post(f"/manifests/{number}/depart", {"password": PASSWORD, **change}), 422, code, field)


def test_with_several_vehicles_one_must_be_named(world: World, api: Any) -> None:
    carrier = world.organisations["carrier"]
    number = world.issued(world.drum()).number
    Vehicle.objects.create(organisation=carrier, plate="浙D00002")
    body = {"password": PASSWORD}
    with nothing_done():
        refused(api("carrier").post(f"/manifests/{number}/depart", body), 422, "vehicle_missing", "vehicle")
    do(api("carrier"), number, "depart", vehicle="浙d·00002")


# --- receiving ---


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ({"outcome": "lost"}, "unknown_outcome", "lines.0.outcome"),
        ({"outcome": "rejected"}, "reason_missing", "lines.0.reason"),
        ({"outcome": "rejected", "reason": "  "}, "reason_missing", "lines.0.reason"),
        ({"outcome": "accepted"}, "mass_missing", "lines.0.mass_kg"),
        ({"mass_kg": "-1"}, "mass_negative", "lines.0.mass_kg"),
        ({"mass_kg": "1.2345"}, "mass_too_precise", "lines.0.mass_kg"),
        ({"container": "nothing"}, "unknown_line", "lines.0.container"),
        ({"container": ""}, "unknown_line", "lines.0.container"),
    ],
)
def test_a_receipt_that_cannot_be_is_refused_at_its_field(
    world: World, api: Any, line: dict[str, Any], code: str, field: str
) -> None:
    drum = world.drum()
    number = world.delivered(drum).number
    with nothing_done():
        body = {"password": PASSWORD, "lines": [{"container": drum.code, **line}]}
        refused(api("depot").post(f"/manifests/{number}/receive", body), 422, code, field)


@pytest.mark.parametrize("lines", [None, {}, "x", ["x"], [None], [[]], [1]])
def test_lines_are_a_list_of_objects(world: World, api: Any, lines: Any) -> None:
    number = world.delivered(world.drum()).number
    with nothing_done():
        answer = api("depot").post(f"/manifests/{number}/receive", {"password": PASSWORD, "lines": lines})
        refused(answer, 422, "wrong_type", "lines.0" if isinstance(lines, list) else "lines")


def test_without_lines_everything_is_received_as_declared(world: World, api: Any) -> None:
    received = do(api("depot"), world.delivered(world.drum(), world.drum()).number, "receive", bay="A2")
    assert received["state"] == "received"
    assert [line["received_mass_kg"] for line in received["lines"]] == ["18.5", "18.5"]


def test_some_accepted_some_refused_is_partly_received(world: World, api: Any) -> None:
    good, bad = world.drum(), world.drum()
    number = world.delivered(good, bad).number
    lines = [
        {"container": good.code, "outcome": "accepted", "mass_kg": "18.5"},
        {"container": bad.short_code, "outcome": "rejected", "reason": "泄漏"},
    ]
    received = do(api("depot"), number, "receive", lines=lines)
    assert received["state"] == "partly_received"
    assert received["lines"][1]["reason"] == "泄漏"
    refused(api("depot").post(f"/manifests/{number}/close"), 409, "not_taken_back")
    back = answered(api("firm").post("/scans", {"nonce": "b", "text": bad.code, "intent": "check_in"}))
    assert (back["verdict"], back["container"]["state"]) == ("accepted", "stored")
    assert do(api("depot"), number, "close")["state"] == "closed"


def test_a_line_is_received_once(world: World, api: Any) -> None:
    first, second = world.drum(), world.drum()
    number = world.delivered(first, second).number
    line = {"container": first.code, "mass_kg": "18.5"}
    assert do(api("depot"), number, "receive", lines=[line])["state"] == "delivered"
    with nothing_done():
        body = {"password": PASSWORD, "lines": [line]}
        refused(api("depot").post(f"/manifests/{number}/receive", body), 409, "line_already_received")
        body = {"password": PASSWORD, "lines": [line, {**line, "container": first.short_code}]}
        refused(api("depot").post(f"/manifests/{number}/receive", body), 422, "duplicate_line", "lines.1.container")


def test_one_bad_line_receives_none(world: World, api: Any) -> None:
    first, second = world.drum(), world.drum()
    number = world.delivered(first, second).number
    lines = [{"container": first.code, "mass_kg": "18.5"}, {"container": second.code, "mass_kg": "heavy"}]
    with nothing_done():
        body = {"password": PASSWORD, "lines": lines}
        refused(api("depot").post(f"/manifests/{number}/receive", body), 422, "mass_not_a_number", "lines.1.mass_kg")


def test_a_receipt_goes_into_a_place_of_ones_own(world: World, api: Any) -> None:
    number = world.delivered(world.drum()).number
    with nothing_done():
        for more, status, code in (
            ({"depot": str(world.depots["depot2"].pk)}, 404, "unknown_depot"),
            ({"depot": "x"}, 404, "unknown_depot"),
            ({"bay": "B9"}, 404, "unknown_bay"),
        ):
            body = {"password": PASSWORD, **more}
            refused(api("depot").post(f"/manifests/{number}/receive", body), status, code)


# --- settling and treating ---


@pytest.fixture
def disputed(world: World, api: Any) -> tuple[Manifest, Container]:
    drum = world.drum()
    manifest = world.delivered(drum, to="plant")
    do(api("plant"), manifest.number, "receive", lines=[{"container": drum.code, "mass_kg": "17.9"}])
    return manifest, drum


def test_the_sides_settle_at_one_mass_once_each(world: World, api: Any, disputed: Any) -> None:
    manifest, drum = disputed
    path, said = f"/manifests/{manifest.number}/settle", {"container": drum.code, "mass_kg": "18", "note": "n"}
    answered(api("firm").post(path, said))
    with nothing_done():
        refused(api("firm").post(path, said), 409, "already_stated")
        body = refused(api("plant").post(path, {**said, "mass_kg": "17.9"}), 409, "settle_differs")
        assert "18" in body["detail"]
        refused(api("plant").post(path, {**said, "mass_kg": ""}), 422, "mass_missing", "mass_kg")
        refused(api("plant").post(path, {**said, "container": "nothing"}), 422, "unknown_line", "container")
    answered(api("plant").post(path, said))
    assert answered(api("firm").get(f"/containers/{drum.code}"))["mass_kg"] == "18"
    with nothing_done():
        refused(api("plant").post(path, said), 409, "no_discrepancy")


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"method": ""}, 422, "unknown_method", "lines.0.method"),
        ({"method": "R99"}, 422, "unknown_method", "lines.0.method"),
        ({"method": "C5"}, 422, "method_not_final", "lines.0.method"),
        ({"mass_kg": None}, 422, "mass_missing", "lines.0.mass_kg"),
        ({"mass_kg": "18.501"}, 409, "treated_too_much", None),
        ({"container": "nothing"}, 422, "unknown_line", "lines.0.container"),
        ({"treated_at": "2026-11-20T08:00:00+08:00"}, 422, "time_out_of_order", "lines.0.treated_at"),
        ({"treated_at": "2026-11-20T10:00:00+08:00"}, 422, "time_in_future", "lines.0.treated_at"),
        ({"treated_at": "today"}, 422, "time_unreadable", "lines.0.treated_at"),
    ],
)
def test_a_treatment_that_cannot_be_is_refused(
    world: World, api: Any, change: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    drum = world.drum()
    number = world.delivered(drum, to="plant").number
    do(api("plant"), number, "receive")
    line = {"container": drum.code, "method": "R9", "mass_kg": "18.5", **change}
    with nothing_done():
        answer = api("plant").post(f"/manifests/{number}/treat", {"password": PASSWORD, "lines": [line]})
        refused(answer, status, code, field)


def test_treating_nothing_is_no_treatment(world: World, api: Any) -> None:
    number = world.delivered(world.drum(), to="plant").number
    do(api("plant"), number, "receive")
    with nothing_done():
        refused(api("plant").post(f"/manifests/{number}/treat", {"password": PASSWORD}), 422, "no_lines", "lines")


def test_a_drum_may_be_treated_in_parts(world: World, api: Any, clock: Any) -> None:
    drum = world.drum()
    number = world.delivered(drum, to="plant").number
    do(api("plant"), number, "receive")
    part = {"container": drum.code, "method": "R9", "mass_kg": "10"}
    assert do(api("plant"), number, "treat", lines=[part])["lines"][0]["container_state"] == "stored"
    with nothing_done():
        body = refused(
            api("plant").post(f"/manifests/{number}/treat", {"password": PASSWORD, "lines": [part]}),
            409,
            "treated_too_much",
        )
    assert "8.5" in body["detail"]
    clock(NOW + timedelta(days=1))
    last = do(api("plant"), number, "treat", lines=[{**part, "mass_kg": "8.5"}])["lines"][0]
    assert last["container_state"] == "treated"
    assert [done["mass_kg"] for done in last["treatments"]] == ["10", "8.5"]


def test_a_collector_treats_nothing(world: World, api: Any) -> None:
    drum = world.drum()
    number = world.delivered(drum).number
    do(api("depot"), number, "receive")
    line = {"container": drum.code, "method": "R9", "mass_kg": "18.5"}
    with nothing_done():
        body = {"password": PASSWORD, "lines": [line]}
        refused(api("depot").post(f"/manifests/{number}/treat", body), 409, "not_a_treater")


# --- calling it off ---


def test_a_cancelled_manifest_frees_its_drums(world: World, api: Any) -> None:
    drum = world.drum()
    number = world.issued(drum).number
    assert do(api("firm"), number, "cancel", reason="车辆故障")["state"] == "cancelled"
    assert answered(api("firm").get(f"/containers/{drum.code}"))["state"] == "stored"
    assert do(api("firm"), world.draft(drum).number, "issue")["state"] == "issued"


# --- finding ---


def test_manifests_are_listed_newest_first_by_state_and_paged(world: World, api: Any) -> None:
    draft = world.draft(world.drum()).number
    issued = [world.issued(world.drum(), world.drum()).number for _ in range(3)]
    page = answered(api("firm").get("/manifests", limit=2))
    assert [item["number"] for item in page["items"]] == [issued[2], issued[1]]
    assert (page["items"][0]["line_count"], page["items"][0]["mass_kg"]) == (2, "37")
    rest = answered(api("firm").get("/manifests", limit=2, cursor=page["next"]))
    assert ([item["number"] for item in rest["items"]], rest["next"]) == ([issued[0], draft], None)
    assert [item["number"] for item in answered(api("firm").get("/manifests", state="draft"))["items"]] == [draft]
    assert len(answered(api("firm").get("/manifests", state="draft,issued"))["items"]) == 4
    refused(api("firm").get("/manifests", state="lost"), 422, "unknown_state", "state")


@pytest.mark.parametrize("number", ["0", "20263306999999", "x", "9" * 3_000, "２０２６"])
def test_a_number_that_there_is_not_is_unknown(api: Any, number: str) -> None:
    refused(api("firm").get(f"/manifests/{number}"), 404, "unknown_manifest")
    refused(api("firm").post(f"/manifests/{number}/issue", {"password": PASSWORD}), 404, "unknown_manifest")
