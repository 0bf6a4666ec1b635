"""Undo against whoever is faster: what somebody has built on is not taken back under his hands."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from depots.models import Bay, Stay
from tests.scanner.test_steps import SOON, scanned
from tests.world import World
from wastetrack.parties.models import Membership, User
from wastetrack.waste.models import Container

LATER = SOON + timedelta(minutes=1)


@pytest.fixture
def drum(world: World) -> Container:
    """A drum in bay A1 by scan 0, and a colleague at the same depot."""
    user = User.objects.create_user(username="second", password="demo", name="演示同事")
    depot = world.organisations["depot"]
    world.memberships["second"] = Membership.objects.create(user=user, organisation=depot, role="operator")
    Bay.objects.create(depot=world.depots["depot"], code="A3")
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "0", bay="A1", now=SOON)
    return drum


def held(call: Callable[[], Any]) -> Callable[[], Any]:
    """The call, whose transaction stays open for a while: the other one has begun by then."""

    def run() -> Any:
        with transaction.atomic():
            answer = call()
            time.sleep(0.6)
        return answer

    return run


def after(call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        time.sleep(0.3)
        return call()

    return run


def test_a_move_that_a_colleague_has_built_on_is_not_undone(world: World, drum: Container, together: Any) -> None:
    scanned(world, "depot", drum.code, "1", "put_away", SOON, bay="A2")
    _, undo = together(
        [
            held(lambda: scanned(world, "second", drum.code, "s", "put_away", LATER, bay="A3")),
            after(lambda: scanned(world, "depot", "1", "u", "undo", LATER)),
        ]
    )
    assert undo.reason == "cannot_undo"
    assert Stay.objects.get(container=drum, left_at=None).bay == Bay.objects.get(code="A3")


def test_a_receipt_that_a_colleague_has_built_on_is_not_undone(world: World, drum: Container, together: Any) -> None:
    _, undo = together(
        [
            held(lambda: scanned(world, "second", drum.code, "s", "put_away", LATER, bay="A2")),
            after(lambda: scanned(world, "depot", "0", "u", "undo", LATER)),
        ]
    )
    assert undo.reason == "cannot_undo"
    assert Container.objects.get(pk=drum.pk).state == "stored"


def test_a_scan_is_undone_once(world: World, drum: Container, together: Any) -> None:
    scanned(world, "depot", drum.code, "1", "put_away", SOON, bay="A2")
    answers = together(
        [
            held(lambda: scanned(world, "depot", "1", "u1", "undo", LATER)),
            after(lambda: scanned(world, "depot", "1", "u2", "undo", LATER)),
        ]
    )
    assert sorted(str(answer.verdict) for answer in answers) == ["accepted", "refused"]
    stay = Stay.objects.get(container=drum, left_at=None)
    assert stay.bay is not None
    assert stay.bay.code == "A1"
