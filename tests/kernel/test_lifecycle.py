"""The one writer of a state: parties, locks, protection. Every (state, verb, party): test_triples."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.core.management import CommandError, call_command

from tests.kernel.test_triples import put_into
from tests.world import NOW, World
from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.lifecycle import services
from wastetrack.lifecycle.diagrams import page_of, stateful_models, steps_of
from wastetrack.lifecycle.services import advance, next_number
from wastetrack.parties.actors import SYSTEM
from wastetrack.waste.models import Container

EVERYBODY = {"manifest", "holder", "generator", "sender", "carrier", "next_carrier", "receiver", "consent", "clock"}
EVERYBODY |= {"cause", "depot", "firm", "proposer", "consenter", "round"}


def test_a_stranger_learns_nothing_of_the_state(world: World) -> None:
    drum = world.drum()
    with pytest.raises(NotPermitted, match="not_your_part"):
        advance([drum], "void", actor=world.actor("firm2"), now=NOW)


def test_a_reader_changes_nothing(world: World) -> None:
    drum = world.drum()
    before = Entry.objects.count()
    with pytest.raises(NotPermitted, match="read_only"):
        advance([drum], "void", actor=world.actor("viewer"), now=NOW)
    assert Entry.objects.count() == before


def test_the_state_cannot_be_set_by_hand(world: World) -> None:
    drum = world.drum()
    with pytest.raises(AttributeError):
        drum.state = "treated"


def test_a_row_that_is_gone_leaves_the_protection_on(world: World) -> None:
    drum, other = world.drum(), world.drum()
    Container.objects.filter(pk=drum.pk).values("pk")
    gone = Container(pk=10_000_000)
    with pytest.raises(ObjectDoesNotExist):
        gone.refresh_from_db()
    with pytest.raises(AttributeError):
        other.state = "treated"
    assert Container._meta.get_field("state").protected


def test_refresh_reads_the_state_and_may_read_another_field_alone(world: World) -> None:
    drum = world.drum()
    put_into(drum, "treated")
    drum.refresh_from_db(fields=["name"])
    assert drum.state == "stored"
    drum.refresh_from_db()
    assert drum.state == "treated"


def test_all_rows_move_or_none(world: World) -> None:
    first, second = world.drum(), put_into(world.drum(), "treated")
    before = Entry.objects.count()
    with pytest.raises(Refused, match="illegal_state"):
        advance([first, second], "commit", actor=world.actor("firm"), now=NOW, position="manifest")
    first.refresh_from_db()
    assert first.state == "stored"
    assert Entry.objects.count() == before


def test_rows_are_locked_together_and_once(world: World, django_assert_num_queries: Any) -> None:
    drums = [world.drum() for _ in range(3)]
    from django.db import transaction

    with transaction.atomic():
        with django_assert_num_queries(1):
            locked = services.lock(drums)
        with django_assert_num_queries(0):
            services.lock(locked)
    with transaction.atomic(), django_assert_num_queries(1):
        services.lock(locked)
    assert [row.pk for row in locked] == [row.pk for row in drums]


def test_a_number_rolled_back_is_given_again(db: None) -> None:
    from django.db import transaction

    assert next_number("t", limit=3) == 1
    with transaction.atomic():
        assert next_number("t", limit=3) == 2
        transaction.set_rollback(True)
    assert [next_number("t", limit=3), next_number("t", limit=3)] == [2, 3]
    with pytest.raises(Refused, match="used_up"):
        next_number("t", limit=3, code="used_up")


def test_the_clock_may_write_but_belongs_nowhere() -> None:
    assert SYSTEM.may_write
    assert SYSTEM.readers == frozenset()
    with pytest.raises(NotPermitted):
        _ = SYSTEM.principal


def test_every_step_has_a_promise_and_a_party() -> None:
    models = stateful_models()
    assert {model.SUBJECT for model in models} == {
        *("container", "manifest", "alert", "count", "walk_in"),
        *("correction", "collection", "round"),
    }
    for model in models:
        for verb, _, _, by, _, promise in steps_of(model):
            assert by <= EVERYBODY, verb
            assert promise, verb


def test_the_diagrams_are_those_of_the_code(tmp_path: Any, settings: Any) -> None:
    settings.BASE_DIR = tmp_path
    call_command("lifecycle_diagrams", verbosity=0)
    page = tmp_path / "docs" / "lifecycle" / "container.md"
    assert page.read_text(encoding="utf-8") == page_of(Container)
    call_command("lifecycle_diagrams", "--check")
    page.write_text("old")
    with pytest.raises(CommandError):
        call_command("lifecycle_diagrams", "--check")
