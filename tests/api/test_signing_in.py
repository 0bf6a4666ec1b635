"""`/tokens`, `/me`, `/organisations`: who one is to the API, and when that ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.api.support import answered, checked, refused
from tests.conftest import Api
from tests.world import DRUM, NOW, PASSWORD, World
from wastetrack.parties.models import Delegation, Membership, Token, User
from wastetrack.regulations.identifiers import ALPHABET31, make_uscc, uscc_problem


def sign_in(api: Api, username: str, **more: Any) -> Any:
    return api.post("/tokens", {"username": username, "password": PASSWORD, **more})


def test_a_token_is_one_user_for_one_organisation(world: World, nobody: Api) -> None:
    given = answered(sign_in(nobody, "firm"))
    assert set(given) == {"token", "organisation", "roles", "expires"}
    assert given["organisation"] == world.organisations["firm"].uscc
    assert given["roles"] == ["generator"]
    assert datetime.fromisoformat(given["expires"]) == NOW + timedelta(days=30)
    assert given["expires"].endswith("+08:00")
    assert not Token.objects.filter(digest=given["token"]).exists()
    me = answered(checked(given["token"]).get("/me"))
    assert (me["username"], me["role"], me["via"]) == ("firm", "operator", None)
    assert me["organisation"]["uscc"] == given["organisation"]


@pytest.mark.parametrize(("username", "password"), [("firm", "wrong"), ("no-such-user", PASSWORD), ("firm", "")])
def test_a_wrong_password_and_an_unknown_user_are_one_answer(nobody: Api, username: str, password: str) -> None:
    refused(nobody.post("/tokens", {"username": username, "password": password}), 401, "wrong_credentials")
    assert not Token.objects.exists()


def test_guessing_for_a_token_is_stopped_for_a_while(world: World, nobody: Api) -> None:
    for _ in range(10):
        refused(nobody.post("/tokens", {"username": "firm", "password": "guess"}), 401, "wrong_credentials")
    answer = sign_in(nobody, "firm")
    refused(answer, 429, "too_many_requests")
    assert answer["Retry-After"] == "300"
    assert sign_in(nobody, "firm2").status_code == 200
    assert Client().post("/sign-in", {"username": "firm", "password": PASSWORD}).status_code == 429


def test_somebody_who_has_left_gets_no_token(world: World, nobody: Api) -> None:
    User.objects.filter(username="firm").update(is_active=False)
    refused(sign_in(nobody, "firm"), 401, "wrong_credentials")


def test_a_token_for_a_strangers_organisation_is_not_given(world: World, nobody: Api) -> None:
    refused(sign_in(nobody, "firm", organisation=world.organisations["firm2"].uscc), 403, "not_a_member")
    unknown = make_uscc("91330699T9999999")
    refused(sign_in(nobody, "firm", organisation=unknown), 403, "not_a_member")
    refused(sign_in(nobody, "firm", organisation=unknown[:-1] + "0"), 422, "uscc_check", "organisation")
    assert not Token.objects.exists()


def test_a_user_without_any_organisation_gets_no_token(world: World, nobody: Api) -> None:
    User.objects.create_user(username="alone", password=PASSWORD)
    refused(sign_in(nobody, "alone"), 403, "not_a_member")


def test_a_user_of_several_organisations_names_one_or_gets_the_first(world: World, nobody: Api) -> None:
    user = User.objects.get(username="firm")
    Membership.objects.create(user=user, organisation=world.organisations["firm2"], role="operator")
    first, second = world.organisations["firm"].uscc, world.organisations["firm2"].uscc
    assert answered(sign_in(nobody, "firm"))["organisation"] == first
    assert answered(sign_in(nobody, "firm", organisation=second))["organisation"] == second
    spaced = f" {second[:8].lower()} {second[8:]} "
    assert answered(sign_in(nobody, "firm", organisation=spaced))["organisation"] == second


def test_what_is_missing_is_named(nobody: Api) -> None:
    body = refused(nobody.post("/tokens", {}), 422, "missing", "username")
    assert {error["field"] for error in body["errors"]} == {"username", "password"}


@pytest.fixture
def delegation(world: World) -> Delegation:
    steward = world.add("steward", "steward")
    return Delegation.objects.create(principal=world.organisations["firm"], agent=steward, begun_at=NOW)


def test_a_steward_acts_for_a_firm_and_the_log_says_so(world: World, nobody: Api, delegation: Delegation) -> None:
    given = answered(sign_in(nobody, "steward", organisation=world.organisations["firm"].uscc))
    api = checked(given["token"])
    me = answered(api.get("/me"))
    assert me["organisation"]["uscc"] == world.organisations["firm"].uscc
    assert me["via"]["uscc"] == world.organisations["steward"].uscc
    drum = answered(api.post("/containers", DRUM), 201)
    assert drum["generator"]["uscc"] == world.organisations["firm"].uscc
    (step,) = answered(api.get(f"/containers/{drum['code']}/history"))["items"]
    assert (step["user"], step["organisation"], step["via"]) == ("演示用户 steward", "演示firm", "演示steward")


def test_a_token_dies_with_its_delegation(world: World, nobody: Api, delegation: Delegation) -> None:
    firm = world.organisations["firm"].uscc
    api = checked(answered(sign_in(nobody, "steward", organisation=firm))["token"])
    delegation.ended_at = NOW
    delegation.save()
    refused(api.get("/me"), 401, "not_signed_in")
    refused(api.post("/containers", DRUM), 401, "not_signed_in")
    refused(sign_in(nobody, "steward", organisation=firm), 403, "not_a_member")


def test_a_stewards_own_token_says_nothing_of_the_firm(world: World, nobody: Api, delegation: Delegation) -> None:
    drum = world.drum()
    api = checked(answered(sign_in(nobody, "steward"))["token"])
    refused(api.get(f"/containers/{drum.code}"), 404, "unknown_code")


def test_a_token_dies_with_its_membership_its_user_and_its_time(world: World, clock: Any) -> None:
    for end in (
        lambda: clock(datetime.fromisoformat("2100-01-01T00:00:00+08:00")),
        lambda: User.objects.filter(username="firm").update(is_active=False),
        lambda: world.memberships["firm"].delete(),
    ):
        clock(NOW)
        User.objects.update(is_active=True)
        api = checked(world.token("firm"))
        answered(api.get("/me"))
        end()
        refused(api.get("/me"), 401, "not_signed_in")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x y", "Basic Zmlybg==", "bearer \xff", "x" * 5000])
def test_no_token_at_all_is_nobody(nobody: Api, header: str) -> None:
    nobody.headers["Authorization"] = header
    refused(nobody.get("/me"), 401, "not_signed_in")


# --- organisations ---


def test_an_organisation_is_shown_with_its_permits(world: World, api: Any) -> None:
    depot = world.organisations["depot"]
    shown = answered(api("firm").get(f"/organisations/{depot.uscc}"))
    assert (shown["uscc"], shown["name"], shown["roles"]) == (depot.uscc, depot.name, ["collector"])
    (permit,) = shown["permits"]
    assert permit["codes"] == ["HW08", "HW49", "HW06", "HW12"]
    assert permit["yearly_mass_kg"] == "10000000"
    assert permit["valid_to"] == "2028-12-31"


def test_a_credit_code_is_read_in_small_letters_and_with_spaces(world: World, api: Any) -> None:
    uscc = world.organisations["firm"].uscc
    typed = f"{uscc[:8].lower()} {uscc[8:]}"
    assert answered(api("firm").get(f"/organisations/{typed}"))["uscc"] == uscc


def test_a_neighbour_and_nobody_at_all_are_one_answer(world: World, api: Any) -> None:
    neighbour = api("firm").get(f"/organisations/{world.organisations['firm2'].uscc}")
    unknown = api("firm").get(f"/organisations/{make_uscc('91330699T9999999')}")
    refused(neighbour, 404, "unknown_organisation")
    assert neighbour.content == unknown.content
    assert answered(api("regulator").get(f"/organisations/{world.organisations['firm2'].uscc}"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda uscc: uscc[:-1] + ("1" if uscc[-1] != "1" else "2"), "uscc_check"),
        (lambda uscc: uscc[:-1], "uscc_length"),
        (lambda uscc: uscc[:-1] + "O", "uscc_alphabet"),
        (lambda uscc: uscc[:8] + "汉" + uscc[9:], "uscc_alphabet"),
    ],
)
def test_a_mistyped_credit_code_is_told_as_mistyped(world: World, api: Any, change: Any, code: str) -> None:
    uscc = world.organisations["depot"].uscc
    refused(api("firm").get(f"/organisations/{change(uscc)}"), 422, code, "uscc")


def test_the_inner_check_character_counts_too(api: Any) -> None:
    uscc = make_uscc("91330699T9999999")
    made = (f"{uscc[:16]}{inner}{last}" for inner in ALPHABET31 for last in ALPHABET31)
    wrong = next(one for one in made if uscc_problem(one) == "uscc_body_check")
    refused(api("firm").get(f"/organisations/{wrong}"), 422, "uscc_body_check", "uscc")
