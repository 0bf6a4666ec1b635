"""Every (state, verb, party) of every lifecycle, from its declaration: what is allowed moves and writes one entry, the
rest is refused by its code and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.db import transaction

from depots.models import Count
from manifests.models import (
    CollectionRequest,
    Correction,
    Manifest,
    Round,
    WalkIn,
)
from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.lifecycle.diagrams import stateful_models, steps_of
from wastetrack.lifecycle.services import advance
from wastetrack.lifecycle.states import Guard
from wastetrack.parties.actors import SYSTEM, Actor
from wastetrack.parties.models import Vehicle
from wastetrack.waste.models import Container

pytestmark = pytest.mark.once

STRANGER = "stranger"
"""A party that no declaration names."""


def _container(world: World) -> Container:
    return world.drum()


def _manifest(world: World) -> Manifest:
    """The firm sends, the carrier carries and has handed over to `carrier2`, the depot receives."""
    manifest = world.draft(world.drum())
    manifest.next_carrier = world.add("carrier2", "carrier")
    manifest.save()
    return manifest


def _alert(world: World) -> Alert:
    firm = world.organisations["firm"]
    times = {"warn_at": NOW, "due_at": later(1), "next_at": NOW}
    return Alert.objects.create(kind="test", about="t:1", organisation=firm, division=firm.division, **times)


def _count(world: World) -> Count:
    depot = world.depots["depot"]
    bay, user = depot.bays.first(), world.actor("depot").person
    return Count.objects.create(depot=depot, bay=bay, begun_by=user, begun_at=NOW)


def _walk_in(world: World) -> WalkIn:
    who = {"firm": world.organisations["firm"], "started_by": world.actor("depot").person}
    return WalkIn.objects.create(depot=world.depots["depot"], created_at=NOW, expires_at=later(1), **who)


def _correction(world: World) -> Correction:
    """The firm proposes, the depot is asked."""
    proposer, user = world.organisations["firm"], world.actor("firm").person
    made = {"proposer": proposer, "proposed_by": user, "proposed_at": NOW, "reason": "r"}
    correction = Correction.objects.create(manifest=world.issued(world.drum()), **made)
    correction.consents.create(organisation=world.organisations["depot"])
    return correction


def _collection(world: World) -> CollectionRequest:
    asked = {"asked_by": world.actor("firm").person, "asked_at": NOW}
    return CollectionRequest.objects.create(site=world.depots["firm"].site, depot=world.depots["depot"], **asked)


def _round(world: World) -> Round:
    by = {"carrier": world.organisations["carrier"], "vehicle": Vehicle.objects.get()}
    made = {"made_by": world.actor("depot").person, "made_at": NOW}
    return Round.objects.create(depot=world.depots["depot"], day=date(2026, 11, 21), **by, **made)


ROWS: dict[type[Any], Callable[[World], Any]] = {
    Container: _container,
    Manifest: _manifest,
    Alert: _alert,
    Count: _count,
    WalkIn: _walk_in,
    Correction: _correction,
    CollectionRequest: _collection,
    Round: _round,
}

SPEAKS: dict[type[Any], dict[str, str]] = {
    Container: {"holder": "firm", "generator": "firm"},
    Manifest: {"sender": "firm", "carrier": "carrier", "next_carrier": "carrier2", "receiver": "depot"},
    Alert: {"clock": ""},
    Count: {"depot": "depot"},
    WalkIn: {"firm": "firm", "depot": "depot", "clock": ""},
    Correction: {"proposer": "firm", "consenter": "depot"},
    CollectionRequest: {"firm": "firm", "depot": "depot"},
    Round: {"carrier": "carrier", "depot": "depot"},
}
"""Whose actor speaks for a party of the rows above; empty: the clock. Every other party is established by a service:
a manifest moves its drums, consent calls a manifest off, a round serves a request, an end resolves an alert."""
BY_SERVICE = {"manifest", "consent", "round", "cause"}


def declared(model: type[Any]) -> dict[tuple[str, str], tuple[str, frozenset[str]]]:
    """(verb, state) → (target, parties)."""
    return {(verb, source): (target, by) for verb, source, target, by, _, _ in steps_of(model)}


def states(model: type[Any]) -> list[str]:
    return [value for value, _ in model._meta.get_field("state").choices]


def verbs(model: type[Any]) -> dict[str, set[str]]:
    """Each verb with the parties of all its declarations."""
    found: dict[str, set[str]] = {}
    for (verb, _), (_, by) in declared(model).items():
        found.setdefault(verb, set()).update(by)
    return found


def parties(model: type[Any]) -> list[str]:
    return [*sorted(set().union(*verbs(model).values()) | set(SPEAKS[model])), STRANGER]


def triples(model: type[Any]) -> Iterator[tuple[str, str, str]]:
    for state in states(model):
        for verb in verbs(model):
            for party in parties(model):
                yield state, verb, party


def verdict(model: type[Any], state: str, verb: str, party: str) -> str:
    """The state that it leads to, or the code by which it is refused."""
    step = declared(model).get((verb, state))
    allowed = step[1] if step else verbs(model)[verb]
    if party not in allowed:
        return "not_your_part"
    return step[0] if step else "illegal_state"


def put_into(row: Any, state: str) -> Any:
    """The row as if it had got there: the test's own hand on the state, which the code has not."""
    type(row).objects.filter(pk=row.pk).update(state=state)
    return type(row).objects.get(pk=row.pk)


def tried(row: Any, verb: str, actor: Actor, position: str | None) -> tuple[str, int]:
    """What came of it, and how many entries it wrote; nothing of it stays."""
    before = Entry.objects.count()
    with transaction.atomic():
        try:
            (moved,) = advance([row], verb, actor=actor, now=NOW, position=position)
            came = str(type(row).objects.get(pk=moved.pk).state)
            assert came == moved.state
        except Refused as refused:
            assert type(row).objects.get(pk=row.pk).state == row.state
            came = refused.code
        written = Entry.objects.count() - before
        transaction.set_rollback(True)
    return came, written


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "__call__", lambda guard, row: True)


def test_no_lifecycle_is_left_out() -> None:
    assert set(ROWS) == set(SPEAKS) == set(stateful_models())
    for model in ROWS:
        assert {*parties(model)} - {STRANGER} - set(SPEAKS[model]) <= BY_SERVICE


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.SUBJECT)
def test_every_state_verb_and_party(world: World, model: type[Any]) -> None:
    row, done, moved = ROWS[model](world), 0, 0
    actors = {name: world.actor(name) for name in world.memberships}
    for state, verb, party in triples(model):
        expected = verdict(model, state, verb, party)
        allowed = expected not in ("not_your_part", "illegal_state")
        found = tried(put_into(row, state), verb, actors["firm"], party)
        assert found == (expected, int(allowed)), (state, verb, party)
        done, moved = done + 1, moved + allowed
    assert done == len(states(model)) * len(verbs(model)) * len(parties(model))
    assert moved == sum(len(by) for _, by in declared(model).values())


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.SUBJECT)
def test_every_state_and_verb_by_those_who_speak_for_a_party(world: World, model: type[Any]) -> None:
    """The row itself says for whom an actor speaks: its own organisation's parties, nobody else's."""
    row = ROWS[model](world)
    own: dict[str, set[str]] = {}
    for party, name in SPEAKS[model].items():
        own.setdefault(name, set()).add(party)
    for name in [*world.organisations, ""]:
        actor = world.actor(name) if name else SYSTEM
        assert row.positions(actor) == own.get(name, set()), name
        for state in states(model):
            for verb in verbs(model):
                expected = {verdict(model, state, verb, party) for party in own.get(name) or {STRANGER}}
                # Of two parties in one hand, the one that may is the one that counts.
                best = next((one for one in expected if one not in ("not_your_part", "illegal_state")), None)
                best = best or ("illegal_state" if "illegal_state" in expected else "not_your_part")
                came, written = tried(put_into(row, state), verb, actor, None)
                assert (came, written) == (best, int(best in states(model))), (name, state, verb)


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.SUBJECT)
def test_a_guard_that_does_not_hold_refuses_by_its_own_code(
    world: World, model: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, guarded = ROWS[model](world), 0
    for verb, state, target, by, guards, _ in steps_of(model):
        for code in guards:
            monkeypatch.setattr(Guard, "__call__", lambda guard, row, code=code: guard.code != code)
            for party in by:
                assert tried(put_into(row, state), verb, world.actor("firm"), party) == (code, 0)
            guarded += 1
            monkeypatch.setattr(Guard, "__call__", lambda guard, row: True)
            assert tried(put_into(row, state), verb, world.actor("firm"), next(iter(by))) == (target, 1)
    assert guarded == sum(len(guards) for *_, guards, _ in steps_of(model))


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.SUBJECT)
def test_a_reader_moves_nothing(world: World, model: type[Any]) -> None:
    row, viewer = ROWS[model](world), world.actor("viewer")
    for (verb, state), (_, by) in declared(model).items():
        for party in by:
            assert tried(put_into(row, state), verb, viewer, party) == ("read_only", 0)
