"""Parties: where they lie, whom a password opens to, and the rows that hang on both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from depots.models import Bay
from depots.selectors import get_bay
from tests.world import NOW, PASSWORD, World
from wastetrack.errors import Invalid, NotFound, Refused
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site, Tries
from wastetrack.parties.services import confirm_password, grant_token, recognise
from wastetrack.parties.tries import SWEPT, TRIES, TRIES_SECONDS, count_try, sweep_tries
from wastetrack.waste.models import Container, WasteStream
from wastetrack.waste.services import save_stream


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


# --- divisions ---


@pytest.mark.parametrize("division", ["", "3306x", "330601", "990602"])
@pytest.mark.parametrize("model", [Organisation, Site])
def test_a_division_is_one_of_the_table(world: World, model: Any, division: str) -> None:
    row = model.objects.first()
    row.division = division
    with pytest.raises(Invalid) as refused:
        row.save()
    assert [(error.field, error.code) for error in refused.value.errors] == [("division", "division")]


@pytest.mark.parametrize("division", ["330000", "330600", "33", "3306", "330602"])
def test_a_regulator_sees_its_district_however_its_code_is_written(world: World, division: str) -> None:
    world.add("wide", "regulator", division=division)
    world.drum()
    wide = world.actor("wide")
    assert Container.objects.visible_to(wide).count() == 1
    assert Organisation.objects.visible_to(wide).filter(uscc=world.organisations["firm"].uscc).exists()
    assert f"d:{wide.district}" in Container.objects.get().readers()


def test_a_regulator_without_a_district_sees_none(world: World) -> None:
    Organisation.objects.filter(pk=world.organisations["regulator"].pk).update(division="zz")
    world.organisations["regulator"].refresh_from_db()
    assert Container.objects.visible_to(world.actor("regulator")).count() == 0
    assert not world.actor("regulator").is_regulator


# --- passwords ---


def enter(password: str, username: str = "firm", address: str = "10.0.0.1") -> Any:
    return recognise(username=username, password=password, now=NOW, address=address)


def test_a_right_password_says_nothing_during_the_lock_out(world: World) -> None:
    for _ in range(TRIES):
        assert code_of(lambda: enter("guess")) == "wrong_credentials"
    with pytest.raises(Refused) as refused:
        enter(PASSWORD)
    assert (refused.value.code, refused.value.status) == ("too_many_requests", 429)
    assert refused.value.params["seconds"] == TRIES_SECONDS
    assert code_of(lambda: enter("guess", username="FIRM")) == "too_many_requests"
    assert enter(PASSWORD, address="10.0.0.2") == enter(PASSWORD, address="10.0.0.3")
    assert enter(PASSWORD, username="firm2").username == "firm2"


def test_a_right_password_ends_the_count(world: World) -> None:
    for _ in range(3):
        for _ in range(TRIES - 1):
            code_of(lambda: enter("guess"))
        assert enter(PASSWORD).username == "firm"


def test_a_token_does_not_go_round_the_door(world: World) -> None:
    for _ in range(TRIES):
        code_of(lambda: enter("guess"))
    ask: dict[str, Any] = {"username": "firm", "uscc": None, "now": NOW, "password": PASSWORD}
    assert code_of(lambda: grant_token(**ask, address="10.0.0.1")) == "too_many_requests"
    assert grant_token(**ask, address="10.0.0.2").actor.person.username == "firm"


def test_a_signers_password_is_not_guessed_either(world: World) -> None:
    firm: Actor = world.actor("firm")
    for _ in range(TRIES):
        assert code_of(lambda: confirm_password(firm, "guess", now=NOW)) == "wrong_password"
    assert code_of(lambda: confirm_password(firm, PASSWORD, now=NOW)) == "too_many_requests"
    confirm_password(world.actor("firm2"), PASSWORD, now=NOW)


def test_no_flood_of_invented_names_opens_a_locked_one(world: World) -> None:
    for _ in range(TRIES):
        code_of(lambda: enter("guess"))
    for number in range(320):
        code_of(lambda number=number: enter("guess", username=f"nobody{number}"))
    assert code_of(lambda: enter(PASSWORD)) == "too_many_requests"


def test_a_lock_out_ends_and_what_is_over_is_not_kept(world: World) -> None:
    over, later = NOW + timedelta(seconds=TRIES_SECONDS), NOW + timedelta(seconds=TRIES_SECONDS - 1)
    for number in range(SWEPT + 5):
        count_try(f"somebody{number}", now=NOW)
    for _ in range(TRIES):
        count_try("firm", now=NOW)
    with pytest.raises(Refused) as refused:
        count_try("firm", now=later)
    assert refused.value.params["seconds"] == 1
    assert Tries.objects.count() == SWEPT + 6
    count_try("firm", now=over)
    sweep_tries(over)
    assert Tries.objects.count() == 6, "a few go each time, what counts stays"
    count_try("firm", now=over)
    assert Tries.objects.get(forgotten_at__gt=over).tries == 2


@pytest.mark.django_db(transaction=True)
def test_a_try_is_never_counted_inside_a_transaction_that_may_roll_back(world: World) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        confirm_password(world.actor("firm"), PASSWORD, now=NOW)


# --- bays and usual wastes ---


def test_a_bays_code_goes_before_its_number(world: World) -> None:
    depot = world.depots["depot"]
    one = Bay.objects.create(depot=depot, code="1")
    other = Bay.objects.create(depot=depot, code=str(one.pk))
    assert get_bay(depot, one.pk) == other
    assert get_bay(depot, "1") == one
    assert get_bay(depot, other.pk) == other
    assert get_bay(depot, "a1").code == "A1"
    with pytest.raises(NotFound):
        get_bay(world.depots["depot2"], one.pk)


def test_a_usual_waste_is_kept_of_the_drum_as_it_is_now(world: World) -> None:
    stale = world.drum()
    Container.objects.filter(pk=stale.pk).update(name="新名", state="committed")
    stream = save_stream(actor=world.actor("firm"), container=stale, now=NOW)
    assert stream.name == "新名"
    assert Container.objects.get().stream == WasteStream.objects.get()
