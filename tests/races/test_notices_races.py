"""Several couriers at the same moment: no mail and no message twice, none lost, all in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.notices.conftest import Mailbox, System, mailbox, member, reach, system
from tests.world import NOW, World
from wastetrack.alerts.services import settle
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal
from wastetrack.notices.keys import confirmation
from wastetrack.notices.models import Mail, Webhook
from wastetrack.notices.services import (
    ask_address,
    choose,
    confirm_address,
    create,
    deliver_next,
    gather,
    send_next,
)
from wastetrack.notices.services.webhooks import MOST

Together = Callable[[list[Callable[[], Any]]], list[Any]]
__all__ = ["mailbox", "system"]
COURIERS = 4


def until_done(job: Callable[[datetime], bool], now: datetime = NOW) -> Callable[[], int]:
    """A courier: goes on until nothing is due; returns how much it took."""

    def run() -> int:
        taken = 0
        while job(now):
            taken += 1
        return taken

    return run


@pytest.fixture
def late(world: World) -> World:
    """Three firms' people who can be reached, each with drums that have just fallen overdue, on a site that mails."""
    gather(NOW)
    for name in ("firm", "firm2", "depot"):
        reach(world, name)
    for name in ("firm", "firm2"):
        settle("storage", [world.drum(name, accumulation_start="2025-10-01").subject for _ in range(3)], now=NOW)
    seal()
    return world


def test_couriers_at_once_gather_each_entry_once(late: World, mailbox: Mailbox, together: Together) -> None:
    assert Mail.objects.count() == 0
    together([until_done(gather)] * COURIERS)
    gather(NOW)
    told = [pk for mail in Mail.objects.all() for pk in mail.alert_ids]
    assert len(told) == len(set(told)) == 6


def test_couriers_at_once_send_each_mail_once(late: World, mailbox: Mailbox, together: Together) -> None:
    for number in range(10):
        member(late, f"more{number}", "firm", role="viewer")
        reach(late, f"more{number}")
    gather(NOW)
    taken = together([until_done(send_next, NOW + timedelta(minutes=1))] * COURIERS)
    assert sum(taken) == 12
    assert Counter(Counter(message["To"] for message in mailbox.taken).values()) == {1: 12}
    assert not Mail.objects.filter(sent_at=None).exists()


def test_gathering_and_sending_at_once_lose_nothing(
    late: World, mailbox: Mailbox, together: Together, settings: Any
) -> None:
    settings.GATHER_SECONDS = 0
    for _ in range(4):
        settle("storage", [late.drum(accumulation_start="2025-10-01").subject], now=NOW)
        seal()
        together([until_done(gather), until_done(send_next), until_done(send_next)])
    until_done(gather)()
    until_done(send_next)()
    told = [pk for mail in Mail.objects.filter(membership=late.memberships["firm"]) for pk in mail.alert_ids]
    assert len(told) == len(set(told)) == 7
    links = [word for words in mailbox.words for word in words.split() if "/alerts/" in word]
    assert len({link for link in links if link.rpartition("/")[2] in map(str, told)}) == 7
    assert max(Counter(links).values()) == 1


def test_couriers_at_once_deliver_each_entry_once_and_in_order(
    world: World, system: System, together: Together
) -> None:
    for _ in range(2):
        create(actor=world.actor("firm"), url=system.url, kinds=["container.*"], now=NOW)
    for _ in range(10):
        world.drum()
    seal()
    together([until_done(deliver_next)] * COURIERS)
    until_done(deliver_next)()
    expected = list(
        Entry.objects.filter(kind__startswith="container.").order_by("index").values_list("index", flat=True)
    )
    assert len(expected) == 20
    for webhook in Webhook.objects.all():
        got = [headers["webhook-id"] for headers, _ in system.got if f"msg_{webhook.pk}_" in headers["webhook-id"]]
        assert got == [f"msg_{webhook.pk}_{index}" for index in expected]


def test_the_last_webhook_is_made_once(world: World, together: Together) -> None:
    def make() -> None:
        create(actor=world.actor("firm"), url="https://example.org/in", kinds=["*"], now=NOW)

    for _ in range(MOST - 1):
        make()
    assert Counter(together([make] * 6)) == {None: 1, "too_many_webhooks": 5}
    assert Webhook.objects.count() == MOST


def test_a_link_that_is_used_twice_at_once_works_once(world: World, mailbox: Mailbox, together: Together) -> None:
    reach(world, "firm")
    ask_address(actor=world.actor("firm"), email="new@example.org", again="new@example.org", now=NOW)
    token = confirmation(Mail.objects.get().pk)
    answers = Counter(together([lambda: confirm_address(token=token, now=NOW)] * 4))
    assert answers == {"new@example.org": 1, "confirmation_over": 3}
    assert Mail.objects.filter(purpose="replaced").count() == 1


def test_of_two_who_stop_at_once_one_stays(world: World, together: Together) -> None:
    for name in ("boss", "deputy"):
        member(world, name, "firm")
        reach(world, name)

    def stop(name: str) -> Callable[[], Any]:
        return lambda: choose(actor=world.actor(name), choices={"storage": "never"})

    assert Counter(together([stop("boss"), stop("deputy")])) == {None: 1, "last_to_be_told": 1}
