"""`manage.py seed_demo`: once, only for a demo, and the same every time."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from desk.demo.parties import District
from desk.demo.story import Story
from manifests.models import Manifest
from tests.demo.conftest import NOW
from tests.world import World
from wastetrack.ledger.selectors import latest_checkpoint
from wastetrack.parties.models import Organisation, User
from wastetrack.waste.models import Container

SMALL = ("--firms", "4", "--days", "30")


def seed(*arguments: str) -> str:
    out = StringIO()
    call_command("seed_demo", *arguments, stdout=out)
    return out.getvalue()


def picture() -> tuple[str, list[str], list[str]]:
    """The log's root, and what a reader would notice to be another: codes and manifest states."""
    checkpoint = latest_checkpoint()
    assert checkpoint is not None
    codes = list(Container.objects.order_by("code").values_list("code", flat=True))
    return checkpoint.root, codes, list(Manifest.objects.order_by("number").values_list("state", flat=True))


def fresh(*arguments: str) -> tuple[str, list[str], list[str]]:
    call_command("flush", verbosity=0, interactive=False)
    said = seed(*SMALL, *arguments)
    assert "ready to scan" in said
    return picture()


@pytest.mark.django_db(transaction=True)
def test_same_seed_and_day_give_the_same_district() -> None:
    morning = fresh("--now", "2026-11-20T09:00")
    assert fresh("--now", "2026-11-20T09:00") == morning
    night = fresh("--now", "2026-11-20T00:10")
    assert night[1:] == morning[1:]
    assert night[0] != morning[0]


def test_another_seed_gives_other_chances() -> None:
    chances = [Story(District(), now=NOW, days=30, seed=seed).random("firm").random() for seed in (1, 1, 2)]
    assert chances[0] == chances[1] != chances[2]


def test_nothing_is_added_to_what_is_there(world: World) -> None:
    before = Organisation.objects.count(), User.objects.count()
    said = seed(*SMALL)
    assert said.startswith("There are organisations already: nothing was added.")
    assert (Organisation.objects.count(), User.objects.count()) == before
    rows = [line.split() for line in said.splitlines() if line.startswith(("firm ", "viewer "))]
    assert [row[:2] for row in rows] == [["firm", "演示firm"], ["viewer", "演示firm"]]


@pytest.mark.django_db
def test_only_a_demo_gets_public_passwords(settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="WASTETRACK_DEMO"):
        seed(*SMALL)
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--firms", "3", "--days", "30"), "at least 4 firms"),
        (("--firms", "4", "--days", "29"), "at least .* 30 days"),
        ((*SMALL, "--now", "noon"), "not a time: noon"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        seed(*arguments)
    assert not Organisation.objects.exists()
