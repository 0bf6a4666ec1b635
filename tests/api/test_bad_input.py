"""What must not be taken, each with its stable code, in both languages, and nothing half-done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.support import answered, nothing_done, refused
from tests.conftest import Api
from tests.world import DRUM, World
from wastetrack.lifecycle.models import Series
from wastetrack.regulations.identifiers import container_prefix
from wastetrack.waste.models import Container

LANGUAGES = ("en", "zh-hans")


def in_both_languages(world: World) -> list[Api]:
    """The firm's program, speaking English and Chinese."""
    token = world.token("firm")
    return [Api(token, language) for language in LANGUAGES]


def mass(value: object) -> str:
    """A drum's JSON with this mass, written as Python would: NaN and Infinity too."""
    return json.dumps({**DRUM, "mass_kg": value})


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"waste_code": ""}, "missing", "waste_code"),
        ({"waste_code": None}, "missing", "waste_code"),
        ({"waste_code": "999-999-99"}, "unknown_waste_code", "waste_code"),
        ({"waste_code": "900-249-8"}, "unknown_waste_code", "waste_code"),
        ({"waste_code": "９００-249-08"}, "unknown_waste_code", "waste_code"),
        ({"waste_code": "oil"}, "unknown_waste_code", "waste_code"),
        ({"waste_code": ["900-249-08"]}, "wrong_type", "waste_code"),
        ({"form": ""}, "missing", "form"),
        ({"form": None}, "missing", "form"),
        ({"form": "plasma"}, "unknown_form", "form"),
        ({"form": 1}, "unknown_form", "form"),
        ({"waste_code": "900-041-49"}, "hazards_missing", "hazards"),
        ({"waste_code": "900-041-49", "hazards": []}, "hazards_missing", "hazards"),
        ({"waste_code": "900-041-49", "hazards": ["C"]}, "hazards_not_of_code", "hazards"),
        ({"hazards": ["I"]}, "hazards_not_of_code", "hazards"),
        ({"hazards": ["T", "X"]}, "hazards_not_of_code", "hazards"),
        ({"hazards": True}, "hazards_not_of_code", "hazards"),
        ({"hazards": {"T": 1}}, "wrong_type", "hazards"),
        ({"hazards": [["T"]]}, "wrong_type", "hazards"),
        ({"name": ""}, "missing", "name"),
        ({"name": " \t\n "}, "missing", "name"),
        ({"name": "长" * 61}, "too_long", "name"),
        ({"name": "x" * 1_000_000}, "too_long", "name"),
        ({"name": "a\x07b"}, "unprintable", "name"),
        ({"name": "a\u202eb"}, "unprintable", "name"),
        ({"components": "长" * 201}, "too_long", "components"),
        ({"container_kind": "bucket"}, "unknown_container_kind", "container_kind"),
        ({"container_kind": ""}, "missing", "container_kind"),
        ({"volume_l": None}, "missing", "volume_l"),
        ({"volume_l": 0}, "volume_out_of_range", "volume_l"),
        ({"volume_l": -1}, "volume_out_of_range", "volume_l"),
        ({"volume_l": "0.04"}, "volume_out_of_range", "volume_l"),
        ({"volume_l": "200.55"}, "volume_out_of_range", "volume_l"),
        ({"volume_l": "2e2"}, "volume_out_of_range", "volume_l"),
        ({"volume_l": "2_00"}, "volume_out_of_range", "volume_l"),
        ({"volume_l": "２００"}, "volume_out_of_range", "volume_l"),
        ({"volume_l": 100_001}, "volume_out_of_range", "volume_l"),
        ({"volume_l": True}, "volume_out_of_range", "volume_l"),
        ({"volume_l": float("nan")}, "volume_out_of_range", "volume_l"),
        ({"volume_l": "-Infinity"}, "volume_out_of_range", "volume_l"),
        ({"accumulation_start": None}, "missing", "accumulation_start"),
        ({"accumulation_start": "2026-11-21"}, "date_in_future", "accumulation_start"),
        ({"accumulation_start": "9999-12-31T23:59:59-23:59"}, "date_unreadable", "accumulation_start"),
        ({"accumulation_start": "0001-01-01T00:00:00+23:59"}, "date_unreadable", "accumulation_start"),
        ({"accumulation_start": "20.11.2026"}, "date_unreadable", "accumulation_start"),
        ({"accumulation_start": "2026-02-30"}, "date_unreadable", "accumulation_start"),
        ({"accumulation_start": "yesterday"}, "date_unreadable", "accumulation_start"),
        ({"accumulation_start": True}, "date_unreadable", "accumulation_start"),
        ({"accumulation_start": []}, "date_unreadable", "accumulation_start"),
        ({"accumulation_start": "1999-12-31"}, "date_too_old", "accumulation_start"),
        ({"accumulation_start": "2026-11-20\0"}, "unprintable", "accumulation_start"),
        ({"site": "nowhere"}, "unknown_site", "site"),
        ({"site": "9" * 50}, "unknown_site", "site"),
        ({"depot": "0"}, "unknown_depot", "depot"),
        ({"depot": "x"}, "unknown_depot", "depot"),
        ({"stream": "0"}, "unknown_stream", "stream"),
        ({"stream": "x"}, "unknown_stream", "stream"),
    ],
)
def test_a_drum_that_cannot_be_is_not_logged(
    world: World, clock: Any, change: dict[str, Any], code: str, field: str
) -> None:
    with nothing_done():
        for api in in_both_languages(world):
            refused(api.post("/containers", {**DRUM, **change}), 422, code, field)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "mass_missing"),
        ("", "mass_missing"),
        (0, "mass_zero"),
        ("0.000", "mass_zero"),
        (-1, "mass_negative"),
        ("-0.001", "mass_negative"),
        ("60000.001", "mass_too_large"),
        (10**11, "mass_too_large"),
        ("18.5000001", "mass_too_precise"),
        ("18.5555", "mass_too_precise"),
        (18.5555, "mass_too_precise"),
        ("heavy", "mass_not_a_number"),
        ("18,5", "mass_not_a_number"),
        ("18.5 kg", "mass_not_a_number"),
        ("NaN", "mass_not_a_number"),
        (float("nan"), "mass_not_a_number"),
        (float("inf"), "mass_not_a_number"),
        (float("-inf"), "mass_not_a_number"),
        ("Infinity", "mass_not_a_number"),
        (True, "mass_not_a_number"),
        (False, "mass_not_a_number"),
        ([], "mass_not_a_number"),
        (["18.5"], "mass_not_a_number"),
        ({}, "mass_not_a_number"),
        ("1e3", "mass_not_a_number"),
        (1e300, "mass_not_a_number"),
        ("0x10", "mass_not_a_number"),
        ("1_8", "mass_not_a_number"),
        ("１８．５", "mass_not_a_number"),
        ("١٨", "mass_not_a_number"),
        ("18.", "mass_not_a_number"),
        (".5", "mass_not_a_number"),
        ("--1", "mass_not_a_number"),
        ("1" * 100, "mass_not_a_number"),
        ("1\0", "mass_not_a_number"),
        ("\ud800", "mass_not_a_number"),
    ],
)
def test_a_mass_that_cannot_be_is_not_logged(world: World, clock: Any, value: Any, code: str) -> None:
    with nothing_done():
        for api in in_both_languages(world):
            refused(api.post("/containers", mass(value)), 422, code, "mass_kg")


def test_a_number_too_long_to_be_read_is_malformed(api: Any) -> None:
    with nothing_done():
        refused(api("firm").post("/containers", '{"mass_kg": ' + "9" * 5_000 + "}"), 400, "malformed")


def test_everything_wrong_is_told_at_once(api: Any) -> None:
    body = refused(api("firm").post("/containers", {"mass_kg": "-1"}), 422, "mass_negative", "mass_kg")
    assert [error["field"] for error in body["errors"]] == [
        "waste_code",
        "accumulation_start",
        "name",
        "form",
        "container_kind",
        "volume_l",
        "mass_kg",
    ]


def test_the_thousandth_container_of_a_code_and_day_has_no_number(world: World, clock: Any) -> None:
    key = container_prefix(world.organisations["firm"].uscc, "900-249-08", world.drum().accumulation_start)
    Series.objects.filter(key=key).update(last=998)
    stored = {**DRUM, "depot": str(world.depots["firm"].pk)}
    english, chinese = in_both_languages(world)
    assert answered(english.post("/containers", DRUM), 201)["code"].endswith("999")
    with nothing_done():
        for api in (english, chinese):
            refused(api.post("/containers", DRUM), 409, "container_serial_exhausted")
            refused(api.post("/containers", stored), 409, "container_serial_exhausted")
    assert answered(english.post("/containers", {**DRUM, "accumulation_start": "2026-11-19"}), 201)


def test_a_drum_without_label_data_goes_nowhere(world: World, api: Any) -> None:
    drum = world.drum()
    Container.objects.filter(pk=drum.pk).update(hazards="")
    number = world.draft(drum).number
    with nothing_done():
        refused(
            api("firm").post(f"/manifests/{number}/issue", {"password": "demo"}), 409, "container_has_no_label_data"
        )


# --- texts that break programs ---

UNKEEPABLE = ["a\0b", "\0", "\ud800", "a\udfffb", "\ud800\ud800"]
NO_CODE_OF_OURS = [
    "'; DROP TABLE waste_container; --",
    "../../etc/passwd",
    "%00",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "%(container)s",
    "%",
    "\u202e",
    "\U0001f6e2",
    "x" * 100_000,
]


FIELDS: list[tuple[str, dict[str, Any], str]] = [
    ("/tokens", {"username": "u", "password": "p"}, "username password organisation"),
    ("/containers", DRUM, "waste_code name form container_kind volume_l hazards accumulation_start site depot stream"),
    ("/containers", DRUM, "components harmful_components precautions remarks"),
    ("/labels", {"codes": ["x"]}, "layout"),
    ("/scans", {"nonce": "n", "text": "t", "intent": "lookup"}, "nonce text intent depot bay"),
    ("/manifests", {"receiver": "", "containers": []}, "receiver carrier emergency_measures"),
]


@pytest.mark.parametrize(("path", "body", "fields"), FIELDS)
def test_a_text_that_no_database_keeps_is_refused_in_every_field(
    api: Any, path: str, body: dict[str, Any], fields: str
) -> None:
    firm = api("firm")
    with nothing_done():
        for field in fields.split():
            for text in UNKEEPABLE:
                refused(firm.post(path, {**body, field: text}), 422, "unprintable", field)


def test_nor_is_it_taken_in_a_verb(world: World, api: Any) -> None:
    drum = world.drum()
    number, firm = world.draft(drum).number, api("firm")
    with nothing_done():
        for text in UNKEEPABLE:
            for field in ("password", "container", "note", "reason", "vehicle", "depot", "bay"):
                refused(firm.post(f"/manifests/{number}/cancel", {field: text}), 422, "unprintable", field)
            for field in ("container", "outcome", "reason", "method"):
                response = firm.post(f"/manifests/{number}/cancel", {"lines": [{field: text}]})
                refused(response, 422, "unprintable", f"lines.0.{field}")
            refused(firm.post(f"/containers/{drum.code}/void", {"reason": text}), 422, "unprintable", "reason")


@pytest.mark.parametrize("text", NO_CODE_OF_OURS)
def test_a_hostile_text_is_only_a_text(world: World, api: Any, text: str) -> None:
    firm, number = api("firm"), world.draft(world.drum()).number
    with nothing_done():
        refused(firm.post("/containers", {**DRUM, "waste_code": text}), 422, "unknown_waste_code", "waste_code")
        refused(firm.post("/containers", {**DRUM, "site": text}), 422, "unknown_site", "site")
        refused(firm.post("/labels", {"codes": [text]}), 422, "unknown_code", "codes.0")
        refused(firm.post("/tokens", {"username": text, "password": text}), 401, "wrong_credentials")
        refused(
            firm.post("/manifests", {"receiver": world.organisations["depot"].uscc, "containers": [text]}),
            422,
            "unknown_code",
            "containers.0",
        )
        refused(firm.post(f"/manifests/{number}/issue", {"password": text}), 403, "wrong_password")
        settle = firm.post(f"/manifests/{number}/settle", {"container": text, "mass_kg": "1"})
        refused(settle, 422, "unknown_line", "container")
    assert answered(firm.get("/waste-codes", q=text))["items"] == []
    scanned = answered(firm.post("/scans", {"nonce": "n", "text": text, "intent": "lookup"}))
    assert scanned["reason"] == ("not_a_code" if text.strip() else "missing")
    if text.isprintable():
        assert answered(firm.post("/containers", {**DRUM, "remarks": text[:50]}), 201)["remarks"] == text[:50]


@pytest.mark.parametrize("identifier", ["0", "-1", "9" * 40, "1e3", "１", "%00", "x" * 5_000, "..", " "])
def test_an_identifier_that_there_is_not_is_not_found(api: Any, identifier: str) -> None:
    for path in (
        f"/containers/{identifier}",
        f"/containers/{identifier}/history",
        f"/manifests/{identifier}",
        f"/depots/{identifier}",
        f"/organisations/{identifier}",
    ):
        response = api("firm").get(path)
        assert response.status_code in (404, 422), (path, response.content)
        refused(response, response.status_code, response.json()["code"])


@pytest.mark.parametrize("number", ["1e400", "-1e400"])
def test_what_is_no_finite_number_is_no_text(world: World, api: Any, number: str) -> None:
    body = f'{{"kind": "declaration", "period": "2026-10", "filed_on": "2026-11-02", "reference": {number}}}'
    refused(api("firm").post("/filings", body), 422, "wrong_type", "reference")
