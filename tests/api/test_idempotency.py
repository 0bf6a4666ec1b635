"""`Idempotency-Key`: a POST that creates may be sent again without creating again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from manifests.models import Manifest
from tests.api.support import answered, nothing_done, refused
from tests.world import DRUM, World
from wastetrack.ledger.models import Entry
from wastetrack.lifecycle.models import Answer
from wastetrack.parties.models import Membership
from wastetrack.waste.models import Container

KEY = {"Idempotency-Key": "k-1"}
Body = Callable[[World], dict[str, Any]]


def draft(world: World) -> dict[str, Any]:
    return {
        "receiver": world.organisations["depot"].uscc,
        "carrier": world.organisations["carrier"].uscc,
        "containers": [Container.objects.get(holder=world.organisations["firm"]).code],
    }


CREATING = pytest.mark.parametrize(
    ("path", "body", "model"), [("/containers", lambda world: DRUM, Container), ("/manifests", draft, Manifest)]
)


@CREATING
def test_the_same_key_and_body_get_the_same_answer_and_make_one_row(
    world: World, api: Any, path: str, body: Body, model: Any
) -> None:
    world.drum()
    sent, before = body(world), model.objects.count()
    first = api("firm").post(path, sent, **KEY)
    answered(first, 201)
    entries = Entry.objects.count()
    again = api("firm").post(path, sent, **KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert (model.objects.count(), Entry.objects.count()) == (before + 1, entries)


@CREATING
def test_the_same_key_with_another_body_is_refused(world: World, api: Any, path: str, body: Body, model: Any) -> None:
    world.drum()
    sent = body(world)
    answered(api("firm").post(path, sent, **KEY), 201)
    with nothing_done():
        refused(api("firm").post(path, {**sent, "remarks": "more"}, **KEY), 422, "idempotency_key_reused")


def test_the_same_key_at_another_address_is_refused(world: World, api: Any) -> None:
    world.drum()
    answered(api("firm").post("/containers", DRUM, **KEY), 201)
    with nothing_done():
        body = {"receiver": world.organisations["depot"].uscc, "containers": []}
        refused(api("firm").post("/manifests", body, **KEY), 422, "idempotency_key_reused")


@CREATING
def test_without_a_key_every_post_creates(world: World, api: Any, path: str, body: Body, model: Any) -> None:
    world.drum()
    sent, before = body(world), model.objects.count()
    for headers in ({}, {}, {"Idempotency-Key": ""}):
        answered(api("firm").post(path, sent, **headers), 201)
    assert model.objects.count() == before + 3


def test_a_refused_try_may_be_tried_again_under_its_key(world: World, api: Any) -> None:
    with nothing_done():
        refused(api("firm").post("/containers", {**DRUM, "mass_kg": "0"}, **KEY), 422, "mass_zero", "mass_kg")
    drum = answered(api("firm").post("/containers", DRUM, **KEY), 201)
    assert Container.objects.get().code == drum["code"]


def test_another_organisations_key_is_another_key(world: World, api: Any) -> None:
    first = answered(api("firm").post("/containers", DRUM, **KEY), 201)
    second = answered(api("firm2").post("/containers", DRUM, **KEY), 201)
    assert first["generator"] != second["generator"]
    assert Answer.objects.count() == 2


def test_a_user_of_two_firms_gets_no_answer_across_them(world: World, api: Any) -> None:
    user = world.memberships["firm2"].user
    world.memberships["both"] = Membership.objects.create(
        user=user, organisation=world.organisations["firm"], role="operator"
    )
    first = answered(api("both").post("/containers", DRUM, **KEY), 201)
    assert answered(api("firm2").post("/containers", DRUM, **KEY), 201)["code"] != first["code"]


def test_a_reader_gets_no_answer_of_a_writers(world: World, api: Any) -> None:
    answered(api("firm").post("/containers", DRUM, **KEY), 201)
    with nothing_done():
        refused(api("viewer").post("/containers", DRUM, **KEY), 403, "read_only")


@pytest.mark.parametrize("key", ["k" * 121, "a\tb", "a\x7fb"])
def test_a_key_that_cannot_be_kept_is_told(api: Any, key: str) -> None:
    with nothing_done():
        response = api("firm").post("/containers", DRUM, **{"Idempotency-Key": key})
        refused(response, 422, "idempotency_key_unusable", "Idempotency-Key")


@pytest.mark.parametrize("key", ["k" * 120, "键", "a b", "'; DROP TABLE"])
def test_any_printable_key_is_kept(api: Any, key: str) -> None:
    first = api("firm").post("/containers", DRUM, **{"Idempotency-Key": key})
    assert answered(first, 201) == answered(api("firm").post("/containers", DRUM, **{"Idempotency-Key": key}), 201)
    assert Container.objects.count() == 1
