"""Who sees what, decided once and low: every model answers for itself."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db.models import Model

from manifests import services as manifests
from manifests.models import Line, Manifest
from tests.world import NOW, World
from wastetrack.parties.models import Delegation, Membership, Organisation, Token, User
from wastetrack.parties.selectors import actor_of_session, actor_of_token, choices_of, choose
from wastetrack.parties.visibility import VisibleModel
from wastetrack.regulations.models import ImportedEdition
from wastetrack.waste.models import Container

OPEN_TO_ALL: set[type[Model]] = {User, ImportedEdition}
OURS = {"parties", "ledger", "lifecycle", "alerts", "notices", "waste", "depots", "labels", "manifests", "scanner"}
OURS |= {"compliance", "regulations"}


def our_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if model._meta.app_label in OURS and model not in OPEN_TO_ALL]


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model.__name__)
def test_every_model_says_who_sees_it(world: World, model: type[VisibleModel]) -> None:
    assert issubclass(model, VisibleModel)
    world.delivered(world.drum())
    assert list(model.objects.visible_to(None)) == []
    for name in ("firm", "regulator", "viewer", "carrier"):
        list(model.objects.visible_to(world.actor(name)))


def sees(world: World, model: type[VisibleModel], name: str) -> int:
    return int(model.objects.visible_to(world.actor(name)).count())


def test_a_drum_is_its_firms_and_its_districts_until_it_is_announced(world: World) -> None:
    drum = world.drum()
    seen = {name: sees(world, Container, name) for name in world.memberships}
    assert {name for name, count in seen.items() if count} == {"firm", "viewer", "regulator"}
    world.draft(drum)
    assert sees(world, Container, "depot") == 0
    world.issued(world.drum())
    assert {name for name in world.memberships if sees(world, Container, name)} == {
        "firm",
        "viewer",
        "regulator",
        "depot",
        "carrier",
    }


def test_a_draft_is_its_senders_alone_even_when_cancelled(world: World) -> None:
    draft = world.draft(world.drum())
    for _ in range(2):
        assert {name for name in world.memberships if sees(world, Manifest, name)} == {"firm", "viewer"}
        assert {name for name in world.memberships if sees(world, Line, name)} == {"firm", "viewer"}
        if draft.state == "draft":
            manifests.cancel(actor=world.actor("firm"), manifest=draft, reason="演示", now=NOW)
            draft.refresh_from_db()


def test_an_issued_manifest_is_its_parties_and_districts(world: World) -> None:
    world.issued(world.drum())
    assert {name for name in world.memberships if sees(world, Manifest, name)} == {
        "firm",
        "viewer",
        "depot",
        "carrier",
        "regulator",
    }


def test_the_receivers_district_sees_it_too(world: World) -> None:
    Organisation.objects.filter(pk=world.organisations["depot"].pk).update(division="330111")
    world.organisations["depot"].refresh_from_db()
    drum = world.drum()
    world.issued(drum)
    assert sees(world, Manifest, "regulator2") == 1
    assert sees(world, Container, "regulator2") == 1


def test_a_regulator_of_the_city_sees_its_counties(world: World) -> None:
    world.add("city", "regulator", division="3306")
    world.drum()
    assert sees(world, Container, "city") == 1


def test_neighbours_are_not_in_each_others_directory(world: World) -> None:
    names = set(Organisation.objects.visible_to(world.actor("firm")).values_list("name", flat=True))
    assert names == {"演示firm", "演示depot", "演示depot2", "演示carrier", "演示plant"}


def test_a_delegation_ends_at_once(world: World) -> None:
    world.add("steward", "steward")
    delegation = Delegation.objects.create(
        principal=world.organisations["firm"], agent=world.organisations["steward"], begun_at=NOW
    )
    membership = world.memberships["steward"]
    token = Token.mint(membership=membership, delegation=delegation, now=NOW, expires=NOW.replace(year=2099))
    actor = actor_of_token(token, NOW)
    assert actor is not None
    assert (actor.principal.pk, actor.via and actor.via.pk) == (
        world.organisations["firm"].pk,
        world.organisations["steward"].pk,
    )
    drum = world.drum()
    assert Container.objects.visible_to(actor).get() == drum
    chosen = actor_of_session(membership.user_id, membership.pk, delegation.pk)
    assert chosen is not None
    assert chosen.organisation_id == world.organisations["firm"].pk
    Delegation.objects.update(ended_at=NOW)
    assert actor_of_token(token, NOW) is None
    assert actor_of_session(membership.user_id, membership.pk, delegation.pk) is None


def test_a_user_acts_for_one_of_several_organisations_at_a_time(world: World) -> None:
    user = world.memberships["firm"].user
    second = Membership.objects.create(user=user, organisation=world.organisations["firm2"], role="viewer")
    assert len(choices_of(user)) == 2
    chosen = choose(user, world.organisations["firm2"].uscc)
    assert chosen is not None
    assert chosen[0] == second
    assert choose(user, world.organisations["depot"].uscc) is None
    actor = actor_of_session(user.pk, second.pk, None)
    assert actor is not None
    assert (actor.organisation_id, actor.may_write) == (world.organisations["firm2"].pk, False)
    assert actor_of_session(user.pk, world.memberships["depot"].pk, None) is None
    first = actor_of_session(user.pk, None, None)
    assert first is not None
    assert first.organisation_id == world.organisations["firm"].pk


def test_a_user_put_out_is_out(world: World) -> None:
    token = world.token("firm")
    User.objects.filter(username="firm").update(is_active=False)
    assert actor_of_token(token, NOW) is None
    assert actor_of_session(world.memberships["firm"].user_id, None, None) is None


def test_an_expired_token_is_nobody(world: World) -> None:
    token = world.token("firm")
    assert actor_of_token(token, NOW.replace(year=2100)) is None
    assert actor_of_token("nonsense", NOW) is None
