"""Everyone chooses what they are told; somebody is always told what the law asks for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.notices.conftest import member, reach
from tests.world import NOW, World
from wastetrack.errors import NotFound, Refused
from wastetrack.notices import keys
from wastetrack.notices.models import Address, Choice, Mail, When
from wastetrack.notices.selectors import circles, member_of_calendar, membership_of
from wastetrack.notices.services import ask_address, choose, confirm_address, renew_calendar, stop_all
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Delegation


def wanted(world: World, name: str, kind: str = "storage") -> tuple[str, str]:
    """When a member is told of a warning, and of what is overdue."""
    one = world.memberships[name]
    circle = circles([one.organisation_id])[one.organisation_id]
    return circle.wanted(one, kind, overdue=False).value, circle.wanted(one, kind, overdue=True).value


def refused(world: World, name: str, kind: str = "storage", email: str = "never") -> str:
    with pytest.raises(Refused) as found:
        choose(actor=world.actor(name), choices={kind: email})
    return found.value.errors[0].code if found.value.errors else found.value.code


def test_overdue_at_once_and_warnings_daily_unless_chosen_otherwise(world: World) -> None:
    assert wanted(world, "viewer") == ("daily", "at_once")
    for email, both in (("at_once", ("at_once",) * 2), ("daily", ("daily",) * 2), ("never", ("never",) * 2)):
        choose(actor=world.actor("viewer"), choices={"storage": email})
        assert wanted(world, "viewer") == both
    assert wanted(world, "viewer", "receipt") == ("daily", "at_once")


def test_a_kind_without_a_choice_goes_with_all_the_others(world: World) -> None:
    viewer = world.actor("viewer")
    choose(actor=viewer, choices={"": "never"})
    choose(actor=viewer, choices={"receipt": "daily"})
    assert (wanted(world, "viewer"), wanted(world, "viewer", "receipt")) == (("never",) * 2, ("daily",) * 2)
    choose(actor=viewer, choices={"receipt": ""})
    assert wanted(world, "viewer", "receipt") == ("never", "never")
    assert Choice.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "email", "code"),
    [("drums", "daily", "unknown_kind"), ("storage", "hourly", "unknown_choice"), ("", "", "unknown_choice")],
)
def test_what_is_no_choice_is_said(world: World, kind: str, email: str, code: str) -> None:
    assert refused(world, "firm", kind, email) == code


def test_the_last_operator_cannot_stop_what_the_law_asks_for(world: World) -> None:
    assert refused(world, "firm") == "last_to_be_told"
    assert refused(world, "firm", "") == "last_to_be_told"
    assert not Choice.objects.exists()
    choose(actor=world.actor("firm"), choices={"storage": "daily"})
    choose(actor=world.actor("firm"), choices={"webhook_failing": "never"})
    assert wanted(world, "firm", "webhook_failing") == ("never", "never")


def test_with_an_administrator_the_operator_may_stop(world: World) -> None:
    member(world, "boss", "firm")
    choose(actor=world.actor("firm"), choices={"storage": "never"})
    assert refused(world, "boss") == "last_to_be_told"


def test_of_two_administrators_one_may_stop_when_the_other_can_be_reached(world: World) -> None:
    member(world, "boss", "firm")
    member(world, "deputy", "firm")
    assert refused(world, "boss") == "last_to_be_told"
    reach(world, "deputy")
    choose(actor=world.actor("boss"), choices={"storage": "never"})
    assert refused(world, "deputy") == "last_to_be_told"


def test_of_those_who_can_be_reached_the_first_in_rank_stays(world: World) -> None:
    """An administrator without an address is no reason for the operator who has one to hear nothing."""
    for name, role in (("boss", "admin"), ("driver", "driver")):
        member(world, name, "firm", role)
    reach(world, "driver", "viewer")
    choose(actor=world.actor("firm"), choices={"storage": "never"})
    assert refused(world, "driver") == "last_to_be_told"
    reach(world, "firm")
    assert wanted(world, "firm") == ("never", "at_once")
    choose(actor=world.actor("firm"), choices={"storage": ""})
    assert refused(world, "firm") == "last_to_be_told"
    choose(actor=world.actor("driver"), choices={"storage": "never"})
    reach(world, "boss")
    assert refused(world, "boss") == "last_to_be_told"
    choose(actor=world.actor("firm"), choices={"storage": "never"})
    assert [wanted(world, name)[1] for name in ("boss", "firm", "driver")] == ["at_once", "never", "never"]


def test_while_nobody_can_be_reached_the_first_in_rank_stays(world: World) -> None:
    reach(world, "viewer")
    member(world, "driver", "firm", "driver")
    assert refused(world, "firm") == "last_to_be_told"
    choose(actor=world.actor("driver"), choices={"storage": "never"})


@pytest.mark.parametrize("how", ["leaves", "changes", "is shut out", "has no address"])
def test_whoever_becomes_the_last_is_told_whatever_they_chose(world: World, how: str) -> None:
    member(world, "boss", "firm")
    deputy = member(world, "deputy", "firm")
    reach(world, "deputy")
    choose(actor=world.actor("boss"), choices={"storage": "never"})
    assert wanted(world, "boss") == ("never", "never")
    if how == "leaves":
        deputy.delete()
    elif how == "changes":
        deputy.role = "viewer"
        deputy.save()
    elif how == "is shut out":
        deputy.user.is_active = False
        deputy.user.save()
    else:
        Address.objects.all().delete()
    assert wanted(world, "boss") == ("never", "at_once")


def test_stopping_everything_leaves_what_the_law_asks_for(world: World) -> None:
    assert stop_all(world.memberships["firm"]) is True
    assert wanted(world, "firm") == ("daily", "daily")
    assert wanted(world, "firm", "webhook_failing") == ("never", "never")
    assert stop_all(world.memberships["viewer"]) is False
    assert wanted(world, "viewer") == ("never", "never")


def test_who_acts_for_a_firm_chooses_for_their_own_organisation(world: World) -> None:
    world.add("steward", "steward")
    given = Delegation.objects.create(
        principal=world.organisations["firm"], agent=world.organisations["steward"], begun_at=NOW
    )
    actor = Actor.of(world.memberships["steward"], given)
    assert membership_of(actor) == world.memberships["steward"]


# --- addresses -------------------------------------------------------------------------------------------------


def test_an_address_counts_once_its_link_was_used(world: World) -> None:
    firm, user = world.actor("firm"), world.memberships["firm"].user
    ask_address(actor=firm, email=" a@example.org ", again="a@example.org", now=NOW)
    user.refresh_from_db()
    assert (user.email, Address.objects.count(), Mail.objects.get().to) == ("", 0, "a@example.org")
    assert confirm_address(token=link(world), now=NOW) == "a@example.org"
    user.refresh_from_db()
    assert (user.email, Address.objects.get().email) == ("a@example.org", "a@example.org")


def ask(world: World, email: str) -> str:
    """Ask for an address to be confirmed; what the link in the mail ends in."""
    ask_address(actor=world.actor("firm"), email=email, again=email, now=NOW)
    return link(world)


def link(world: World) -> str:
    mail = Mail.objects.filter(user=world.memberships["firm"].user, purpose="confirm").latest("pk")
    return keys.confirmation(mail.pk)


def is_over(token: str) -> bool:
    try:
        confirm_address(token=token, now=NOW)
    except NotFound as refusal:
        return refusal.code == "confirmation_over"
    return False


def test_a_link_works_once_and_moves_nothing_later(world: World) -> None:
    first = ask(world, "first@example.org")
    confirm_address(token=first, now=NOW)
    confirm_address(token=ask(world, "second@example.org"), now=NOW)
    assert is_over(first)
    assert Address.objects.get().email == "second@example.org"


def test_another_request_ends_the_link_before_it(world: World) -> None:
    first, second = ask(world, "first@example.org"), ask(world, "second@example.org")
    assert is_over(first)
    assert Mail.objects.filter(next_at__isnull=False).count() == 1, "nor is it mailed any more"
    confirm_address(token=second, now=NOW)
    assert is_over(first)
    assert is_over(second)
    assert Address.objects.get().email == "second@example.org"


def test_another_persons_request_ends_nothing(world: World) -> None:
    first = ask(world, "first@example.org")
    ask_address(actor=world.actor("firm2"), email="x@example.org", again="x@example.org", now=NOW)
    assert not is_over(first)


def test_who_is_shut_out_confirms_nothing(world: World) -> None:
    token = ask(world, "first@example.org")
    world.memberships["firm"].user.is_active = False
    world.memberships["firm"].user.save()
    assert is_over(token)


def test_whoever_read_the_mail_before_is_told_there(world: World) -> None:
    for email, told in (("a@example.org", []), ("a@example.org", []), ("b@example.org", ["a@example.org"])):
        confirm_address(token=ask(world, email), now=NOW)
        assert list(Mail.objects.filter(purpose="replaced").values_list("to", flat=True)) == told


@pytest.mark.parametrize(
    ("email", "again", "code"),
    [
        ("", "", "missing"),
        ("a@", "a@", "not_an_address"),
        ("a@example.org\nBcc: b@example.org", "a@example.org\nBcc: b@example.org", "not_an_address"),
        ("a@exam\u200bple.org", "a@exam\u200bple.org", "not_an_address"),
        ("a@例子.org", "a@例子.org", "not_an_address"),
        ("a@[127.0.0.1]", "a@[127.0.0.1]", "not_an_address"),
        ("a@[::1]", "a@[::1]", "not_an_address"),
        ("a@example.org", "b@example.org", "addresses_differ"),
    ],
)
def test_an_address_that_cannot_be_is_refused(world: World, email: str, again: str, code: str) -> None:
    with pytest.raises(Refused) as found:
        ask_address(actor=world.actor("firm"), email=email, again=again, now=NOW)
    assert (found.value.errors[0].code, Mail.objects.count()) == (code, 0)


def test_a_forged_or_old_link_confirms_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = ask(world, "a@example.org")
    monkeypatch.setattr(keys, "CONFIRM_DAYS", -1)
    for wrong in (token, token + "x", "x", ""):
        with pytest.raises(NotFound) as found:
            confirm_address(token=wrong, now=NOW)
        assert found.value.code == "confirmation_over"
    assert not Address.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nobody_floods_another_with_confirmations(world: World) -> None:
    codes = []
    for number in range(7):
        try:
            ask_address(actor=world.actor("firm"), email="a@example.org", again="a@example.org", now=NOW)
        except Refused as refusal:
            codes.append((number, refusal.code))
    assert codes == [(5, "too_many_requests"), (6, "too_many_requests")]


def test_where_no_mail_is_sent_an_address_is_not_asked_for(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    with pytest.raises(Refused) as found:
        ask_address(actor=world.actor("firm"), email="a@example.org", again="a@example.org", now=NOW)
    assert found.value.code == "mail_off"


# --- the calendar's link ---------------------------------------------------------------------------------------


def test_a_renewed_link_ends_the_one_before(world: World) -> None:
    one = world.memberships["firm"]
    first = keys.calendar_token(one.pk, 0)
    assert member_of_calendar(first) == one
    renew_calendar(actor=world.actor("firm"))
    with pytest.raises(NotFound):
        member_of_calendar(first)
    assert member_of_calendar(keys.calendar_token(one.pk, 1)) == one
    renew_calendar(actor=world.actor("firm"))
    assert member_of_calendar(keys.calendar_token(one.pk, 2)) == one


@pytest.mark.parametrize("token", ["", "x", "1", "1-", "-x", "1-x", "9" * 30 + "-x", "²-x", "1-é"])
def test_a_link_that_is_none_leads_nowhere(world: World, token: str) -> None:
    with pytest.raises(NotFound):
        member_of_calendar(token)


def test_the_choices_have_words() -> None:
    assert all(str(when.label) for when in When)
