"""What a program meets before any drum: health, the schema, the docs, methods, unknown addresses, language, CSRF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from psycopg.errors import DeadlockDetected, SerializationFailure

from tests.api.support import PROBLEM, answered, checked, nothing_done, refused
from tests.conftest import Api
from tests.world import DRUM, World

METHODS = {"get", "post", "put", "patch", "delete"}


def test_the_process_answers_and_is_ready(nobody: Api) -> None:
    assert nobody.client.get("/healthz").json() == {"status": "ok"}
    assert nobody.client.get("/readyz").json() == {"status": "ok"}


def test_a_database_behind_its_migrations_is_not_ready(nobody: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wastetrack.health.MigrationExecutor.migration_plan", lambda *_: ["one more"])
    response = nobody.client.get("/readyz")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert nobody.client.get("/healthz").status_code == 200


# --- the schema ---


@pytest.fixture
def schema(nobody: Api) -> dict[str, Any]:
    found: dict[str, Any] = answered(nobody.get("/openapi.json"))
    return found


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def test_every_call_of_the_contract_is_in_the_schema(schema: dict[str, Any]) -> None:
    there = {f"{method} {path.removeprefix('/api/v1')}" for path, method, _ in operations(schema)}
    assert there >= {
        "post /tokens",
        "get /me",
        "get /organisations/{uscc}",
        "get /waste-codes",
        "post /containers",
        "get /containers",
        "get /containers/{code}",
        "get /containers/{code}/history",
        "post /containers/{code}/void",
        "post /labels",
        "post /scans",
        "post /scans/batch",
        "post /scans/decode",
        "get /depots",
        "get /depots/{depot_id}",
        "get /depots/{depot_id}/inventory",
        "get /depots/{depot_id}/bays",
        "post /depots/{depot_id}/bays",
        "post /depots/{depot_id}/bays/{code}",
        "get /district/rules",
        "post /district/figures",
        "post /district/pairs",
        "post /manifests",
        "get /manifests",
        "get /manifests/{number}",
        "post /manifests/{number}/{verb}",
        "get /alerts",
        "post /alerts/{alert_id}/acknowledge",
        "get /ledger/checkpoint",
        "get /ledger/entries",
        "get /ledger/inclusion",
        "get /ledger/consistency",
    }


def test_the_schema_is_whole(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.")
    ids = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(ids) == len(set(ids))
    for path, _, operation in operations(schema):
        assert operation["responses"]
        assert operation["description"], f"{path} says nothing of itself"
        named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
    for reference in re.findall(r"'\$ref': '#/components/schemas/(\w+)'", repr(schema)):
        assert reference in schema["components"]["schemas"]


def test_the_schema_says_which_calls_need_whom(schema: dict[str, Any]) -> None:
    assert set(schema["components"]["securitySchemes"]) == {"BearerToken", "SiteSession"}
    open_calls = {path for path, _, operation in operations(schema) if not operation.get("security")}
    assert open_calls == {"/api/v1/tokens"}


def test_the_schema_says_what_logging_waste_needs(schema: dict[str, Any]) -> None:
    needs = set(schema["components"]["schemas"]["ContainerIn"]["required"])
    assert needs == {"waste_code", "name", "form", "mass_kg", "container_kind", "volume_l", "accumulation_start"}


def test_the_docs_load_nothing_from_elsewhere(nobody: Api) -> None:
    page = nobody.get("/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert "/static/ninja/" in text
    assert "://" not in text.replace("http://testserver", "")
    assert not re.search(r"""(src|href)=["']//""", text)


# --- addresses and methods ---


@pytest.mark.parametrize("path", ["/nothing", "/containers/", "/containers/x/y/z", "/", "/../etc/passwd", "/v2"])
def test_an_address_that_there_is_not_is_a_problem_too(api: Any, path: str) -> None:
    refused(api("firm").get(path), 404, "not_found")


def test_a_method_that_there_is_not_is_a_problem_too(api: Any, schema: dict[str, Any]) -> None:
    firm = api("firm")
    for path, item in schema["paths"].items():
        address = re.sub(r"{\w+}", "1", path)
        for method in METHODS - set(item):
            response = getattr(firm.client, method)(address, headers=firm.headers)
            refused(response, 405, "method_not_allowed")
            assert {one.lower() for one in response["Allow"].split(", ")} == set(item)


# --- bodies ---


@pytest.mark.parametrize("body", ['{"a":', "", "'", "{'a': 1}", '{"a": 1,}', "[" * 100_000, '{"a":' * 5_000])
def test_what_is_no_json_is_malformed(api: Any, body: str) -> None:
    with nothing_done():
        response = api("firm").post("/containers", body)
        refused(response, 400, "malformed") if body else refused(response, 422, "missing", "body")


def test_bytes_that_are_no_text_are_malformed(api: Any) -> None:
    firm = api("firm")
    for data in (b"\xff\xfe{", b'{"name": "\xc3\x28"}', b"\x00", bytes(range(256))):
        response = firm.client.post("/api/v1/containers", data, content_type="application/json", headers=firm.headers)
        refused(response, 400, "malformed")


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "1", "true", "[{}]", "1.5e300"])
def test_json_that_is_no_object_is_no_body(world: World, api: Any, body: str) -> None:
    manifest = world.draft(world.drum())
    with nothing_done():
        for path in ("/containers", "/manifests", "/scans", "/labels", f"/manifests/{manifest.number}/cancel"):
            refused(api("firm").post(path, body), 422, "wrong_type", "body")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png"]
)
def test_a_form_is_no_json(api: Any, kind: str) -> None:
    firm = api("firm")
    with nothing_done():
        response = firm.client.post("/api/v1/containers", b"a=b", content_type=kind, headers=firm.headers)
        refused(response, 400, "malformed")


def test_a_body_of_33_megabytes_is_too_large(api: Any) -> None:
    with nothing_done():
        refused(api("firm").post("/containers", '{"name": "' + "x" * (33 * 1024 * 1024) + '"}'), 413, "too_large")


def test_values_nested_as_deep_as_json_is_read_are_no_values(world: World, api: Any) -> None:
    with nothing_done():
        for depth in (10, 200, 400, 600, 800, 900, 950):
            nested = "[" * depth + "]" * depth
            for field in ("mass_kg", "volume_l", "accumulation_start", "hazards", "name", "site"):
                response = api("firm").post("/containers", f'{{"{field}": {nested}}}')
                assert response.status_code in (400, 422), (depth, field)
                assert response["Content-Type"] == PROBLEM


# --- language ---


def test_a_refusal_speaks_the_callers_language_and_its_code_does_not(world: World, clock: Any) -> None:
    for language in ("zh-hans", "zh-CN,zh;q=0.9", "en", "de", "*", "x" * 200):
        body = refused(Api(world.token("firm"), language).get("/containers/nothing"), 404, "unknown_code")
        assert body["type"].endswith("/problems/unknown_code")
        assert body["title"] == "unknown_code"


# --- nobody, and forged requests ---


def test_nobody_gets_nothing_but_the_door(world: World, nobody: Api, schema: dict[str, Any]) -> None:
    """With the CSRF check on, as for a browser: nobody is told to sign in, not that the form is old."""
    with nothing_done():
        for path, method, operation in operations(schema):
            if not operation.get("security"):
                continue
            address = re.sub(r"{\w+}", world.organisations["firm"].uscc, path)
            response = getattr(nobody.client, method)(address, headers=nobody.headers)
            refused(response, 401, "not_signed_in")


def browser(world: World) -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(world.memberships["firm"].user)
    return client


def test_a_browser_reads_with_its_session(world: World, clock: Any) -> None:
    drum = world.drum()
    assert answered(browser(world).get(f"/api/v1/containers/{drum.code}"))["code"] == drum.code


def test_a_browsers_request_without_our_token_is_forged(world: World, clock: Any) -> None:
    client, number = browser(world), world.draft(world.drum()).number
    with nothing_done():
        for headers in ({}, {"Origin": "https://elsewhere.example"}, {"X-CSRFToken": "x" * 32}):
            for path in ("/containers", "/scans", "/labels", "/manifests", f"/manifests/{number}/issue"):
                response = client.post(f"/api/v1{path}", DRUM, content_type="application/json", headers=headers)
                refused(response, 403, "forged")


def test_a_browsers_request_with_our_token_is_done(world: World, clock: Any) -> None:
    client = browser(world)
    client.get("/api/v1/docs")
    token = client.cookies["csrftoken"].value
    response = client.post("/api/v1/containers", DRUM, content_type="application/json", headers={"X-CSRFToken": token})
    assert answered(response, 201)["generator"]["uscc"] == world.organisations["firm"].uscc


def test_a_token_counts_before_a_session_and_needs_no_form(world: World, clock: Any) -> None:
    client = browser(world)
    headers = {"Authorization": f"Bearer {world.token('firm2')}"}
    drum = answered(client.post("/api/v1/containers", DRUM, content_type="application/json", headers=headers), 201)
    assert drum["generator"]["uscc"] == world.organisations["firm2"].uscc


def test_a_dead_token_beside_a_session_does_not_slip_past_the_form_check(world: World, clock: Any) -> None:
    client = browser(world)
    with nothing_done():
        headers = {"Authorization": "Bearer dead"}
        response = client.post("/api/v1/containers", DRUM, content_type="application/json", headers=headers)
        refused(response, 403, "forged")


def test_a_dead_token_alone_is_nobody(world: World, clock: Any) -> None:
    refused(checked("dead").post("/containers", DRUM), 401, "not_signed_in")


# --- when the machine is in trouble ---


def test_a_busy_database_is_said_to_be_busy(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("database is locked")

    firm = api("firm")
    monkeypatch.setattr("desk.api.get_container", busy)
    response = firm.get("/containers/x")
    refused(response, 503, "database_busy")
    assert response["Retry-After"] == "5"


@pytest.mark.parametrize("ended", [DeadlockDetected, SerializationFailure])
def test_whom_the_database_let_wait_for_another_has_lost_the_race(
    api: Any, monkeypatch: pytest.MonkeyPatch, ended: type[Exception]
) -> None:
    def given_way(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("ended for another") from ended()

    firm = api("firm")
    monkeypatch.setattr("desk.api.get_container", given_way)
    refused(firm.get("/containers/x"), 409, "lost_race")


def test_a_fault_of_ours_is_a_problem_without_its_cause(
    api: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("secret")

    firm = api("firm")
    monkeypatch.setattr("desk.api.get_container", broken)
    response = firm.get("/containers/x")
    refused(response, 500, "fault")
    assert b"secret" not in response.content
    assert "secret" in caplog.text
