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
from wastetrack.ledger.credentials import Credential, actors_of
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.parties.models import Delegation, Membership, Token, User, token_hash

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
        assert set(live[0]) == {"after", "index", "kind", "subject", "at", "data"}
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


async def test_each_frame_names_the_one_before_it(world: World) -> None:
    mine, theirs = await sync_to_async(world.token)("firm"), await sync_to_async(world.token)("firm2")
    for name, start in (("firm", 0), ("firm2", 2), ("firm", 4)):
        await sync_to_async(write)(world, name, 2, start=start)
    async with socket(mine, "?after=0") as one, socket(theirs, "?after=1") as two:
        await sync_to_async(write)(world, "firm", 2, start=6)
        await sync_to_async(write)(world, "firm2", 1, start=8)
        chain = [(frame["after"], frame["index"]) for frame in await frames(one, 5)]
        assert chain == [(0, 1), (1, 4), (4, 5), (5, 6), (6, 7)]
        assert [(frame["after"], frame["index"]) for frame in await frames(two, 3)] == [(1, 2), (2, 3), (3, 8)]


async def test_whoever_asks_is_told_how_far_they_were_told(world: World) -> None:
    """What was lost last on the way would else be missed by nobody; and the next reconnection has a short way."""
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 3)
    await sync_to_async(write)(world, "firm2", 4)
    async with socket(token, "?after=0") as one:
        await frames(one, 2)
        await one.send_input({"type": "websocket.receive", "text": "ping"})
        assert await frames(one, 1) == [{"after": 2, "index": 6}]
        await sync_to_async(write)(world, "firm2", 2)
        await asyncio.sleep(0.3)
        await one.send_input({"type": "websocket.receive", "text": "ping"})
        assert await frames(one, 1) == [{"after": 6, "index": 8}]
        await sync_to_async(write)(world, "firm", 1)
        assert [(frame["after"], frame["index"]) for frame in await frames(one, 1)] == [(8, 9)]


async def test_frames_may_come_as_lines(world: World) -> None:
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 40)
    async with socket(token, "?after=-1&lines=1") as one:
        got: list[int] = []
        texts = 0
        while len(got) < 40:
            got += [json.loads(line)["index"] for line in (await one.text()).split("\n")]
            texts += 1
    assert got == list(range(40))
    assert texts < 10


async def test_whoever_is_behind_what_memory_holds_reads_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page from the log, then from memory, and again from the log where memory has moved on meanwhile."""
    monkeypatch.setattr(feed, "WINDOW", 20)
    monkeypatch.setattr(feed, "PAGE", 7)
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 10)
    async with socket(token, "?after=-1") as one, socket(token) as two:
        for start in range(10, 310, 50):
            await sync_to_async(write)(world, "firm", 50, start=start)
        assert [frame["index"] for frame in await frames(one, 310)] == list(range(310))
        assert [frame["index"] for frame in await frames(two, 300)] == list(range(10, 310))
        assert feed._hub
        assert all(len(audience.frames) <= 20 for audience in feed._hub._audiences.values())


async def test_what_waits_in_memory_behind_a_neighbours_entries_is_told_at_once(world: World) -> None:
    """The log has nothing for this socket, memory has: it must not sit still until the next entry."""
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm2", 3)
    async with socket(token, "?after=2") as one:
        await sync_to_async(write)(world, "firm", 2, start=3)
        await frames(one, 2)
        async with socket(token, "?after=0") as two:
            assert [(frame["after"], frame["index"]) for frame in await frames(two, 2)] == [(0, 3), (3, 4)]


async def test_a_socket_that_takes_nothing_is_told_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "STALL_SECONDS", 0.2)
    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 300)
    took: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        if len(took) == 10 and message["type"] == "websocket.send":
            await asyncio.Event().wait()
        took.append(message)

    heard = [{"type": "websocket.connect"}]

    async def receive() -> dict[str, Any]:
        if not heard:
            await asyncio.Event().wait()
        return heard.pop()

    bearer = [(b"authorization", f"Bearer {token}".encode())]
    async with asyncio.timeout(10):
        await consumers.feed({"query_string": b"after=-1", "headers": bearer}, receive, send)
    assert [message["type"] for message in took[:10]] == ["websocket.accept"] + ["websocket.send"] * 9
    assert took[10:] == [{"type": "websocket.close", "code": 4408, "reason": "slow"}]


@pytest.mark.once
@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("", {}, 4401),
        ("?token=nonsense", {}, 4401),
        ("", {"origin": "https://evil.example"}, 4403),
        ("", {"origin": "http://["}, 4403),
    ],
)
async def test_strangers_are_told_why(world: World, query: str, headers: dict[str, str], code: int) -> None:
    async with socket(None, query, **headers) as one:
        assert await one.closed_with() == code


@pytest.mark.once
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


@pytest.mark.once
@pytest.mark.parametrize("sent", [{"text": "x" * 5_000}, {"text": ""}, {"text": "{}"}, {"bytes": b"ping"}])
async def test_a_socket_that_talks_is_closed(world: World, sent: dict[str, Any]) -> None:
    token = await sync_to_async(world.token)("firm")
    async with socket(token) as one:
        await one.send_input({"type": "websocket.receive", **sent})
        assert await one.closed_with() == 4400


async def test_whoever_asks_without_end_is_closed(world: World) -> None:
    token = await sync_to_async(world.token)("firm")
    async with socket(token) as one:
        for _ in range(1_000):
            await one.send_input({"type": "websocket.receive", "text": "ping"})
        said = [await one.receive_output(5)]
        while said[-1]["type"] == "websocket.send":
            said.append(await one.receive_output(5))
        assert said[-1]["code"] == 4400
        assert len(said) <= consumers.PINGS + 1


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
    monkeypatch.setattr(feed, "announce", lambda: None)
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
        program = (
            "import asyncio, django; django.setup(); "
            "from wastetrack.ledger import hints; asyncio.run(hints.send_hint())"
        )
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


def another_password(world: World, key: str) -> None:
    user = world.memberships["firm"].user
    user.set_password("another one")
    user.save()


ENDS: dict[str, Callable[[World, str], Any]] = {
    "token": lambda world, key: Token.objects.all().delete(),
    "membership": lambda world, key: Membership.objects.filter(pk=world.memberships["firm"].pk).delete(),
    "role": lambda world, key: Membership.objects.filter(pk=world.memberships["firm"].pk).update(role="viewer"),
    "person": lambda world, key: User.objects.filter(username="firm").update(is_active=False),
    "password": another_password,
    "session": lambda world, key: SessionStore(key).delete(),
    "choice": another_organisation,
}


@pytest.mark.parametrize(
    ("how", "end"), [("token", "token"), ("token", "membership"), *(("session", end) for end in ENDS if end != "token")]
)
async def test_a_socket_ends_with_its_right(world: World, monkeypatch: pytest.MonkeyPatch, how: str, end: str) -> None:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.05)
    token = await sync_to_async(world.token)("firm") if how == "token" else None
    key = await sync_to_async(session_of)(world, "firm")
    headers = {} if token else {"cookie": f"sessionid={key}"}
    async with socket(token, "?after=-1", **headers) as one:
        await sync_to_async(write)(world, "firm", 1)
        assert len(await frames(one, 1)) == 1
        await asyncio.sleep(0.2)
        await sync_to_async(ENDS[end])(world, key)
        assert await one.closed_with() == 4401


@pytest.mark.parametrize("how", ["token", "session"])
async def test_a_socket_ends_with_its_delegation(world: World, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.05)

    def begin() -> tuple[str, str]:
        agent, principal = world.organisations["carrier"], world.organisations["firm"]
        delegation = Delegation.objects.create(principal=principal, agent=agent, begun_at=NOW)
        membership = Membership.objects.get(organisation=agent)
        store = SessionStore(session_of(world, "carrier"))
        store["delegation"] = delegation.pk
        store.save()
        token = Token.mint(membership=membership, delegation=delegation, now=NOW, expires=NOW.replace(year=2099))
        return token, str(store.session_key)

    token, key = await sync_to_async(begin)()
    async with socket(token) if how == "token" else socket(None, cookie=f"sessionid={key}") as one:
        await asyncio.sleep(0.2)
        await sync_to_async(write)(world, "firm", 1)
        assert len(await frames(one, 1)) == 1
        await sync_to_async(Delegation.objects.update)(ended_at=NOW)
        assert await one.closed_with() == 4401


def test_all_sockets_of_a_process_take_one_look(
    world: World, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    """Tokens, their delegations, sessions and theirs: four queries for two sockets of each kind or for hundreds."""
    agent, principal = world.organisations["carrier"], world.organisations["firm"]
    delegation = Delegation.objects.create(principal=principal, agent=agent, begun_at=NOW)
    credentials = [Credential("token", token_hash(world.token("firm"))) for _ in range(150)]
    for number in range(150):
        store = SessionStore(session_of(world, "firm" if number % 2 else "carrier"))
        store["delegation"] = None if number % 2 else delegation.pk
        store.save()
        credentials.append(Credential("session", str(store.session_key)))
    credentials += [Credential("session", "nobody's"), Credential("token", "nobody's")]
    with django_assert_max_num_queries(4):
        actors = actors_of(credentials, NOW)
    assert len(actors) == 300
    assert {actor.organisation_id for actor in actors.values()} == {principal.pk}


async def test_who_cannot_be_looked_up_is_not_trusted(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("LOOK_SECONDS", "RETRY_SECONDS", "TRUST_SECONDS"):
        monkeypatch.setattr(feed, name, 0.1)
    token = await sync_to_async(world.token)("firm")

    def away(*args: Any) -> None:
        raise RuntimeError("the database is away")

    async with socket(token) as one:
        await asyncio.sleep(0.2)
        monkeypatch.setattr(feed, "actors_of", away)
        assert await one.closed_with() == 4408


async def test_a_socket_whose_feed_fails_is_closed(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the database is away")

    token = await sync_to_async(world.token)("firm")
    await sync_to_async(write)(world, "firm", 1)
    monkeypatch.setattr(feed, "entries_after", away)
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
        monkeypatch.setattr(feed, "announce", lambda: None)
        await sync_to_async(write)(world, "firm", 3)
        async with socket(token, "?after=1") as ahead:
            await asyncio.sleep(0.2)
            assert feed._hub
            feed._hub.wake()
            assert [(frame["after"], frame["index"]) for frame in await frames(ahead, 1)] == [(1, 2)]
            assert await ahead.receive_nothing()


def test_growth_is_told_in_this_process(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """One listener that fails stops neither the others nor the seal."""
    told: list[str] = []

    def failing() -> None:
        told.append("failing")
        raise RuntimeError("no")

    def counting() -> None:
        told.append("counting")

    feed.on_growth(failing)
    feed.on_growth(counting)
    try:
        write(world, "firm", 3)
    finally:
        feed.off_growth(failing)
        feed.off_growth(counting)
    write(world, "firm", 1, start=3)
    assert told == ["failing", "counting"]
    assert "log's growth" in caplog.text
    feed.off_growth(counting)
