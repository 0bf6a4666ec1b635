"""The person's PIN: which digits make one, who is let through, and how guessing ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from manifests.verbs import Sent, perform
from tests.world import NOW, PASSWORD, World
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Pin
from wastetrack.parties.pins import is_trivial, keep_pin, read_pin
from wastetrack.parties.tries import count_try, forget_tries
from wastetrack.signing import confirm_at_counter, confirm_signer, set_pin

PIN, WRONG = "402938", "402939"


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    found = refused.value.errors[0].code if refused.value.errors else refused.value.code
    return str(found)


def give_pin(world: World, name: str = "firm", pin: str = PIN) -> None:
    set_pin(actor=world.actor(name), password=PASSWORD, pin=pin, now=NOW)


def sign(world: World, pin: str, at: datetime = NOW, name: str = "firm") -> str:
    """`signed`, or the refusal's code with the seconds it names."""
    try:
        confirm_signer(world.actor(name), pin=pin, now=at)
    except Refused as refusal:
        return f"{refusal.code} {refusal.params.get('seconds', '')}".strip()
    return "signed"


# --- which digits ---


@pytest.mark.parametrize(
    "digits",
    [
        *("000000", "77777777", "123456", "234567", "890123", "987654", "098765", "123123", "121212", "1231231"),
        *("123321", "112233", "665544", "851203", "19851203", "03121985", "12031985", "031285"),
    ],
)
def test_what_others_try_first_is_refused(digits: str) -> None:
    assert is_trivial(digits)
    assert code_of(lambda: read_pin(digits)) == "pin_trivial"


@pytest.mark.parametrize("digits", ["402938", "730164", "99887766554433"[:12], "19851399", "583047261950"])
def test_others_are_taken(digits: str) -> None:
    assert is_trivial(digits) is (digits == "998877665544")


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "pin_missing"), ("40293", "pin_digits"), ("4029384029381", "pin_digits"), ("40293a", "pin_digits")],
)
def test_a_pin_is_six_to_twelve_digits(typed: str, code: str) -> None:
    assert code_of(lambda: read_pin(typed)) == code


def test_full_width_digits_are_digits() -> None:
    assert read_pin("４０２ ９３８") == PIN


# --- setting it ---


def test_a_pin_is_set_with_the_password_and_kept_as_a_hash(world: World) -> None:
    firm = world.actor("firm")
    assert code_of(lambda: set_pin(actor=firm, password="guess", pin=PIN, now=NOW)) == "wrong_password"
    assert code_of(lambda: set_pin(actor=firm, password="", pin=PIN, now=NOW)) == "password_missing"
    assert code_of(lambda: set_pin(actor=world.actor("viewer"), password=PASSWORD, pin=PIN, now=NOW)) == "read_only"
    assert not Pin.objects.exists()
    give_pin(world)
    assert PIN not in Pin.objects.get().digest
    entry = Entry.objects.get(kind="person.set_pin")
    assert entry.readers == f"o:{world.organisations['firm'].pk}"
    assert json.loads(entry.payload) == {}


def test_a_pin_signs_and_so_does_the_password(world: World) -> None:
    assert sign(world, PIN) == "no_pin"
    give_pin(world)
    assert [sign(world, PIN), sign(world, "４０２９３８"), sign(world, WRONG)] == ["signed", "signed", "wrong_pin"]
    confirm_signer(world.actor("firm"), PASSWORD, now=NOW)
    assert code_of(lambda: confirm_signer(world.actor("firm"), now=NOW)) == "password_missing"
    assert sign(world, PIN, name="firm2") == "no_pin"


def test_a_new_pin_takes_the_place_of_the_old_and_of_its_lock(world: World) -> None:
    give_pin(world)
    for _ in range(6):
        sign(world, WRONG)
    give_pin(world, pin="730164")
    assert [sign(world, "730164"), sign(world, PIN)] == ["signed", "wrong_pin"]


@pytest.mark.parametrize("typed", ["\ud800", "汉" * 10_000, "9" * 400, "-402938", "%s", "402938x", "𝟺𝟶𝟸𝟿𝟹𝟾𝟾"])
def test_nonsense_is_a_wrong_pin(world: World, typed: str) -> None:
    give_pin(world)
    assert sign(world, typed) == "wrong_pin"


# --- guessing ---


def test_the_lock_grows_with_every_wrong_try_after_it(world: World) -> None:
    give_pin(world)
    assert [sign(world, WRONG) for _ in range(5)] == ["wrong_pin"] * 5
    at = NOW
    for minutes in (5, 15, 60, 1440, 1440):
        lock = timedelta(minutes=minutes)
        assert sign(world, PIN, at) == f"pin_locked {minutes * 60}"
        assert sign(world, PIN, at + lock - timedelta(seconds=1)) == "pin_locked 1"
        at += lock
        assert sign(world, WRONG, at) == "wrong_pin"
    locked = Entry.objects.filter(kind="person.pin_locked").order_by("id")
    assert locked.count() == 6
    assert {entry.readers for entry in locked} == {f"o:{world.organisations['firm'].pk}"}
    assert json.loads(locked[0].payload) == {"until": "2026-11-20T01:05:00.000000Z"}


def test_a_locked_pin_says_the_same_to_right_and_wrong_and_compares_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_pin(world)
    for _ in range(5):
        sign(world, WRONG)
    compared: list[Any] = []
    monkeypatch.setattr("wastetrack.parties.pins.check_password", lambda *asked: compared.append(asked))
    answers = []
    for pin in (PIN, WRONG, "x" * 500):
        with pytest.raises(Refused) as refused:
            confirm_signer(world.actor("firm"), pin=pin, now=NOW)
        answers.append((refused.value.code, refused.value.status, refused.value.params))
    assert answers[0] == answers[1] == answers[2] == ("pin_locked", 429, {"seconds": 300, "minutes": 5})
    assert compared == []


def test_a_right_pin_begins_the_count_anew(world: World) -> None:
    give_pin(world)
    for _ in range(3):
        assert [sign(world, WRONG) for _ in range(4)] == ["wrong_pin"] * 4
        assert sign(world, PIN) == "signed"
    for _ in range(5):
        sign(world, WRONG)
    later = NOW + timedelta(minutes=5)
    assert sign(world, PIN, later) == "signed"
    assert [sign(world, WRONG, later) for _ in range(5)] == ["wrong_pin"] * 5
    assert sign(world, PIN, later) == "pin_locked 300"


def test_a_try_stays_counted_when_what_it_belongs_to_is_rolled_back(world: World) -> None:
    give_pin(world)
    drum = world.drum()
    manifest = world.draft(drum)
    for _ in range(5):
        with pytest.raises(Refused, match="wrong_pin"):
            perform(
                "issue",
                actor=world.actor("firm"),
                number=manifest.number,
                sent=Sent(pin=WRONG),
                now=NOW,
                key="page:one",
            )
    assert Pin.objects.get().tries == 5
    assert sign(world, PIN) == "pin_locked 300"


@pytest.mark.django_db(transaction=True)
def test_a_pin_is_never_tried_inside_a_transaction_that_may_roll_back(world: World) -> None:
    give_pin(world)
    with pytest.raises(RuntimeError), transaction.atomic():
        confirm_signer(world.actor("firm"), pin=PIN, now=NOW)


# --- at another's counter ---


def at_counter(world: World, pin: str, username: str = "firm", firm: str = "firm", at: datetime = NOW) -> Any:
    return confirm_at_counter(
        actor=world.actor("depot"),
        organisation=world.organisations[firm],
        username=username,
        pin=pin,
        place="演示柜台",
        now=at,
    )


def test_a_member_signs_at_the_counter_by_name_and_pin(world: World) -> None:
    give_pin(world)
    signer = at_counter(world, PIN)
    assert (signer.person.username, signer.principal, signer.counter) == (
        "firm",
        world.organisations["firm"],
        "演示柜台",
    )


@pytest.mark.parametrize(
    ("username", "firm"), [("firm", "firm2"), ("firm2", "firm"), ("viewer", "firm"), ("nobody", "firm"), ("", "firm")]
)
def test_who_may_not_sign_for_the_firm_is_told_nothing(world: World, username: str, firm: str) -> None:
    for name in ("firm", "firm2"):
        give_pin(world, name)
    if username == "viewer":
        keep_pin(world.memberships["viewer"].user, PIN, NOW)
    assert code_of(lambda: at_counter(world, PIN, username, firm)) == "wrong_at_counter"


@pytest.mark.parametrize("username", ["firm", "viewer", "firm2", "nobody", "\ud800\0"])
def test_trying_a_name_does_not_tell_whether_it_signs(world: World, username: str) -> None:
    """One who signs and whoever doesn't get the same answers, one after the other."""
    for name in ("firm", "firm2"):
        give_pin(world, name)
    answers, at = list[Any](), NOW
    for _ in range(12):
        # The depot's clerk is slowed down as well; that is another count, and another test.
        forget_tries(count_try(f"counter\n{world.actor('depot').person.pk}", now=at))
        with pytest.raises(Refused) as refused:
            at_counter(world, WRONG, username, at=at)
        answers.append((refused.value.code, refused.value.status, refused.value.params))
        if refused.value.code == "pin_locked":
            at += timedelta(seconds=refused.value.params["seconds"])
    locked = [("pin_locked", 429, {"seconds": 60 * minutes, "minutes": minutes}) for minutes in (5, 15, 60, 1440)]
    wrong: tuple[Any, ...] = ("wrong_at_counter", 403, {})
    assert answers == [*[wrong] * 5, *(one for lock in locked for one in (lock, wrong))][:12]


@pytest.mark.parametrize("username", ["firm", "nobody"])
def test_no_flood_of_other_names_forgets_the_tries_at_one(world: World, username: str) -> None:
    give_pin(world)
    for tried in [username] * 5 + [f"nobody{number}" for number in range(320)]:
        forget_tries(count_try(f"counter\n{world.actor('depot').person.pk}", now=NOW))
        assert code_of(lambda tried=tried: at_counter(world, WRONG, tried)) == "wrong_at_counter"
    assert code_of(lambda: at_counter(world, WRONG, username)) == "pin_locked"


def test_without_a_pin_nobody_signs_at_the_counter(world: World) -> None:
    assert code_of(lambda: at_counter(world, PASSWORD)) == "wrong_at_counter"


def test_guessing_at_the_counter_ends_as_well(world: World) -> None:
    give_pin(world)
    assert [code_of(lambda: at_counter(world, WRONG)) for _ in range(5)] == ["wrong_at_counter"] * 5
    assert code_of(lambda: at_counter(world, PIN)) == "pin_locked"
    assert json.loads(Entry.objects.filter(kind="person.pin_locked").get().payload)["counter"] == "演示柜台"
    assert [code_of(lambda: at_counter(world, WRONG, "somebody")) for _ in range(5)][-1] == "too_many_requests"
