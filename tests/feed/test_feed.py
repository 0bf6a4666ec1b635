"""The live feed: everything after the cursor, once, in order, then live; and only what the actor may see."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections, transaction

from tests.feed.communicator import Socket
from tests.world import NOW, World, build_world
from wastetrack.asgi import application
from wastetrack.ledger import consumers, feed
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.parties.models import Delegation, Membership, Token

pytestmark = pytest.mark.django_db(transaction=True)
LONG = 60.0


@pytest.fixture
def world(transactional_db: None, settings: Any) -> World:
    settings.FEED_POLL_SECONDS = LONG  # what arrives comes by the hint, not by luck
    return build_world()


@pytest.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:
    yield
    await sync_to_async(connections.close_all)()


def write(world: World, name: str, count: int, start: int = 0) -> None:
    actor = world.actor(name)
    with transaction.atomic():
        readers = frozenset({f"o:{actor.organisation_id}"})
        record(actor, [Fact("test.fact", f"t:{start + n}", readers, {"n": start + n}) for n in range(count)], now=NOW)


def write_elsewhere(world: World, start: int) -> None:
    """In a thread of its own, as another request would."""
    try:
        write(world, "firm", 3, start=start)
    finally:
        connections.close_all()


@asynccontextmanager
async def socket(token: str | None, query: str = "", **headers: str) -> AsyncIterator[Socket]:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    if token:
        pairs.append((b"authorization", f"Bearer {token}".encode()))
    pairs.append((b"host", b"127.0.0.1:8000"))
    communicator = Socket(application, f"/ws/feed{query}", headers=pairs)
    await communicator.connect()
    try:
        yield communicator
    finally:
        await communicator.leave()


async def frames(communicator: Socket, count: int) -> list[dict[str, Any]]:
    return [json.loads(await communicator.text()) for _ in range(count)]


async def test_what_happened_before_and_what_happens_now(world: World) -> None:
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 3)
    async with socket(token, "?after=0") as one:
        assert [frame["data"]["n"] for frame in await frames(one, 2)] == [1, 2]
        await sync_to_async(write)(world, "firm", 2, start=3)
        live = await frames(one, 2)
        assert [frame["index"] for frame in live] == [3, 4]
        assert set(live[0]) == {"index", "kind", "subject", "at", "data"}
        assert await one.receive_nothing()


async def test_without_a_cursor_only_what_is_new(world: World) -> None:
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 3)
    async with socket(token) as one:
        await asyncio.sleep(0.2)
        await sync_to_async(write)(world, "firm", 1, start=3)
        assert [frame["data"]["n"] for frame in await frames(one, 1)] == [3]


async def test_a_long_absence_is_paged_not_lost(world: World) -> None:
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 650)
    async with socket(token, "?after=-1") as one:
        await sync_to_async(write)(world, "firm", 50, start=650)
        got = [frame["index"] for frame in await frames(one, 700)]
    assert got == list(range(700))


async def test_neighbours_do_not_see_each_other(world: World) -> None:
    mine, theirs = await sync_to_async(world.token)("firm"), await sync_to_async(world.token)("firm2")
    await sync_to_async(write)(world, "firm", 2)
    async with socket(mine, "?after=-1") as one, socket(theirs, "?after=-1") as two:
        await sync_to_async(write)(world, "firm", 1, start=2)
        assert len(await frames(one, 3)) == 3
        assert await two.receive_nothing(0.3)


async def test_the_district_of_the_regulator(world: World) -> None:
    here, elsewhere = await sync_to_async(world.token)("regulator"), await sync_to_async(world.token)("regulator2")
    async with socket(here, "?after=-1") as one, socket(elsewhere, "?after=-1") as two:
        await sync_to_async(world.drum)()
        assert [frame["kind"] for frame in await frames(one, 2)] == ["container.log", "container.store"]
        assert await two.receive_nothing(0.3)


async def test_many_writers_and_readers_lose_and_double_nothing(world: World) -> None:
    token = await sync_to_async(world.token)("firm")

    async def reader() -> list[int]:
        cursor = -1
        got: list[int] = []
        while len(got) < 120:
            async with socket(token, f"?after={cursor}") as one:
                for frame in await frames(one, min(17, 120 - len(got))):
                    got.append(frame["index"])
                    cursor = frame["index"]
        return got

    async def writer(number: int) -> None:
        for n in range(10):
            await sync_to_async(write_elsewhere, thread_sensitive=False)(world, number * 30 + n * 3)

    readers = [asyncio.create_task(reader()) for _ in range(3)]
    await asyncio.gather(*(writer(number) for number in range(4)))
    for got in await asyncio.gather(*readers):
        assert got == list(range(120))


async def test_a_reader_that_is_too_slow_is_told_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "QUEUE_LIMIT", 5)
    listener = feed.Listener(frozenset({"o:1"}))
    listener.live_from = -1
    for index in range(50):
        listener.offer(index, {"o:1"}, str(index))
    waiting = [listener.frames.get_nowait() for _ in range(listener.frames.qsize())]
    assert waiting == ["0", "1", "2", "3", "4", None]


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("", {}, 4401),
        ("?token=nonsense", {}, 4401),
        ("", {"origin": "https://evil.example"}, 4403),
    ],
)
async def test_strangers_are_told_why(world: World, query: str, headers: dict[str, str], code: int) -> None:
    async with socket(None, query, **headers) as one:
        assert await one.closed_with() == code


@pytest.mark.parametrize("after", ["abc", "1.5", "٣", "--1", "1e3", "9" * 40])
async def test_an_unreadable_cursor_is_refused(world: World, after: str) -> None:
    token = await sync_to_async(world.token)("firm")
    async with socket(token, f"?after={after}") as one:
        assert await one.closed_with() == 4400


async def test_the_token_may_come_in_the_address(world: World) -> None:
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 1)
    async with socket(None, f"?after=-1&token={token}", origin="http://127.0.0.1:8000") as one:
        assert len(await frames(one, 1)) == 1


async def test_the_session_of_the_site_is_enough(world: World) -> None:
    def signed_in() -> str:
        membership = world.memberships["firm"]
        store = SessionStore()
        store["_auth_user_id"] = str(membership.user_id)
        store["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        store["_auth_user_hash"] = membership.user.get_session_auth_hash()
        store.create()
        return str(store.session_key)

    key = await sync_to_async(signed_in)()
    await sync_to_async(write)(world, "firm", 1)
    async with socket(None, "?after=-1", cookie=f"sessionid={key}") as one:
        assert len(await frames(one, 1)) == 1


async def test_another_address_is_closed_with_a_code(world: World) -> None:
    communicator = Socket(application, "/ws/other", [])
    await communicator.connect()
    assert await communicator.closed_with() == 4404


@pytest.mark.parametrize("sent", [{"text": "x" * 5_000}, {"bytes": b"\x00"}])
async def test_a_socket_that_talks_too_much_is_closed(world: World, sent: dict[str, Any]) -> None:
    token = await sync_to_async(world.token)("firm")
    async with socket(token) as one:
        await one.send_input({"type": "websocket.receive", **sent})
        assert await one.closed_with() == 4400


def end_delegation(world: World) -> str:
    agent, principal = world.organisations["carrier"], world.organisations["firm"]
    delegation = Delegation.objects.create(principal=principal, agent=agent, begun_at=NOW)
    membership = Membership.objects.get(organisation=agent)
    token = Token.mint(membership=membership, delegation=delegation, now=NOW, expires=NOW.replace(year=2099))
    Delegation.objects.update(ended_at=NOW)
    return token


async def test_a_delegation_that_has_ended_opens_no_socket(world: World) -> None:
    token = await sync_to_async(end_delegation)(world)
    async with socket(token) as one:
        assert await one.closed_with() == 4401


async def test_a_lost_hint_costs_a_poll_and_no_message(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FEED_POLL_SECONDS = 0.1
    monkeypatch.setattr(feed.hub, "wake", lambda: None)
    token = await sync_to_async(world.token)("firm")
    async with socket(token, "?after=-1") as one:
        await asyncio.sleep(0.2)
        await sync_to_async(write)(world, "firm", 1)
        assert len(await frames(one, 1)) == 1


@pytest.mark.redis
async def test_a_hint_from_another_process_comes_through_redis(
    world: World, settings: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = redis_url
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [redis_url], "prefix": "wastetrack-test"},
        }
    }
    channel_layers.backends.clear()
    token = await sync_to_async(world.token)("firm")
    monkeypatch.setattr(feed, "announce", lambda: None)  # this process stays silent
    async with socket(token, "?after=-1") as one:
        await asyncio.sleep(0.5)
        await sync_to_async(write)(world, "firm", 1)
        await sync_to_async(seal)()
        assert await one.receive_nothing(0.3)
        program = "import django; django.setup(); from wastetrack.ledger import feed; feed._announce_to_others()"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "REDIS_URL": redis_url,
            "REDIS_PREFIX": "wastetrack-test",
        }
        run: Callable[..., Any] = sync_to_async(subprocess.run, thread_sensitive=False)
        await run([sys.executable, "-c", program], env=environment, check=True)
        assert len(await frames(one, 1)) == 1
    channel_layers.backends.clear()


# --- an open socket ends with what opened it ---


def session_of(world: World, name: str) -> str:
    membership = world.memberships[name]
    store = SessionStore()
    store["_auth_user_id"] = str(membership.user_id)
    store["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    store["_auth_user_hash"] = membership.user.get_session_auth_hash()
    store["membership"] = membership.pk
    store.create()
    return str(store.session_key)


def another_organisation(world: World, key: str) -> None:
    store = SessionStore(key)
    other = world.memberships["carrier"]
    other.user_id = world.memberships["firm"].user_id
    other.save()
    store["membership"] = other.pk
    store.save()


ENDS: dict[str, Callable[[World, str], Any]] = {
    "token": lambda world, key: Token.objects.all().delete(),
    "membership": lambda world, key: Membership.objects.filter(pk=world.memberships["firm"].pk).delete(),
    "session": lambda world, key: SessionStore(key).delete(),
    "choice": another_organisation,
}


@pytest.mark.parametrize(("how", "end"), [("token", "token"), ("token", "membership"), *(("session", e) for e in ENDS)])
@pytest.mark.parametrize("idle", [False, True])
async def test_a_socket_ends_with_its_right(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str, end: str, idle: bool
) -> None:
    if (how, end) == ("session", "token"):
        return
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "IDLE_SECONDS", 0.05 if idle else LONG)
    token = await sync_to_async(world.token)("firm") if how == "token" else None
    key = await sync_to_async(session_of)(world, "firm")
    headers = {} if token else {"cookie": f"sessionid={key}"}
    async with socket(token, "?after=-1", **headers) as one:
        await sync_to_async(write)(world, "firm", 1)
        assert len(await frames(one, 1)) == 1
        await asyncio.sleep(0.2)
        await sync_to_async(ENDS[end])(world, key)
        if not idle:
            await sync_to_async(hidden_write)(world)
        assert await one.closed_with() == 4401


def hidden_write(world: World) -> None:
    """An entry that the socket's organisation was to get."""
    readers = frozenset({f"o:{world.organisations['firm'].pk}"})
    with transaction.atomic():
        record(world.actor("plant"), [Fact("test.fact", "t:late", readers, {})], now=NOW)


async def test_a_socket_ends_with_its_delegation(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.0)

    def begin() -> str:
        agent, principal = world.organisations["carrier"], world.organisations["firm"]
        delegation = Delegation.objects.create(principal=principal, agent=agent, begun_at=NOW)
        membership = Membership.objects.get(organisation=agent)
        return Token.mint(membership=membership, delegation=delegation, now=NOW, expires=NOW.replace(year=2099))

    token = await sync_to_async(begin)()
    async with socket(token, "?after=-1") as one:
        await asyncio.sleep(0.2)
        await sync_to_async(Delegation.objects.update)(ended_at=NOW)
        await sync_to_async(write)(world, "firm", 1)
        assert await one.closed_with() == 4401


async def test_a_socket_whose_feed_fails_is_closed(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the database is away")

    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 1)
    monkeypatch.setattr(consumers, "entries_after", away)
    async with socket(token, "?after=-1") as one:
        assert await one.closed_with() == 4408
    assert "the feed of a socket failed" in caplog.text


@pytest.mark.parametrize("after", [3, 10**12])
async def test_a_cursor_beyond_the_head_is_sent_back(world: World, after: int) -> None:
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 3)
    async with socket(token, f"?after={after}") as one:
        assert await one.closed_with() == 4408


async def test_a_reader_ahead_of_the_hub_gets_nothing_twice(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await sync_to_async(world.token)("firm")
    async with socket(token):
        await asyncio.sleep(0.2)
        wake = feed.hub.wake
        monkeypatch.setattr(feed.hub, "wake", lambda: None)
        await sync_to_async(write)(world, "firm", 3)
        async with socket(token, "?after=1") as ahead:
            await asyncio.sleep(0.2)
            wake()
            assert [frame["index"] for frame in await frames(ahead, 1)] == [2]
            assert await ahead.receive_nothing()
