"""The feed as it is lived with: two servers on PostgreSQL, a Redis that dies, clients that sleep, stall and storm back.

Nothing here runs in the test's own process but the clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket as network
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.feed.machines import Databases, District, OwnRedis, district, memory
from tests.world import DRUM
from tools.site import Site

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.skipif("DATABASE_URL" in os.environ, reason="the servers have a database of their own"),
]
POLL_SECONDS = 4.0
"""So far apart that what comes sooner came by a hint through Redis."""
LOST = (ConnectionClosed, InvalidMessage, InvalidStatus, OSError)


@dataclass
class Servers:
    """Two servers and a third process that writes; and a server alone with the same district, for the sleeper."""

    one: Site
    two: Site
    alone: Site
    redis: OwnRedis
    writer: District

    async def ask(self, *words: Any) -> Any:
        return await asyncio.to_thread(self.writer, *words)


@pytest.fixture(scope="module")
def servers(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if OwnRedis.program() is None and not os.environ.get("CI"):
        pytest.skip("no redis-server on this machine")
    redis, databases = OwnRedis(), Databases(postgres_url)
    folder, name = tmp_path_factory.mktemp("servers"), f"wastetrack_feed_{os.getpid()}"
    ours = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SECRET_KEY": "only-for-tests",
        "BACKGROUND": "sealer",
        "FEED_POLL_SECONDS": str(POLL_SECONDS),
        "DATABASE_POOL": "8",
    }

    def site(address: str) -> Site:
        return Site.in_folder(folder, **ours, DATABASE_URL=address, REDIS_URL=redis.url)

    address = databases.make(name)
    sites: list[Site] = []
    try:
        first = site(address)
        first.manage("migrate", "--verbosity", "0")
        with district(first.environment) as builder:
            builder("build")
        alone = site(databases.make(f"{name}_alone", like=name))
        alone.environment["FEED_POLL_SECONDS"] = "0.2"
        sites += [first, site(address), alone]
        redis.start()
        for one in sites[:2]:
            one.start()
        with district(first.environment) as writer:
            yield Servers(sites[0], sites[1], alone, redis, writer)
    finally:
        for one in sites:
            one.stop()
        redis.kill()
        databases.drop()


# --- clients -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def socket(site: Site, token: str, after: int | None = None, **options: Any) -> AsyncIterator[ClientConnection]:
    query = "" if after is None else f"?after={after}"
    address = f"ws{site.url.removeprefix('http')}/ws/feed{query}"
    headers = {"Authorization": f"Bearer {token}"}
    # A client with frames in its queue does not read on, so it would wait in vain for the answer to its goodbye.
    options |= {"proxy": None, "compression": None, "close_timeout": 0.1}
    async with connect(address, additional_headers=headers, **options) as opened:
        yield opened


class Client:
    """Follows the feed as a program should: comes back with its cursor, and looks that each frame follows the last."""

    def __init__(self, site: Site, token: str, cursor: int) -> None:
        self.site, self.token, self.cursor = site, token, cursor
        self.got: list[int] = []
        self.opened = 0
        self.codes: list[int] = []

    def take(self, text: str | bytes) -> None:
        frame = json.loads(text)
        assert frame["after"] == self.cursor, "a frame is missing, or came twice"
        self.cursor = frame["index"]
        self.got.append(self.cursor)

    async def follow(self, upto: int, stay: Callable[[], float] = lambda: 60.0) -> None:
        """Until the cursor is there; leaves by itself after `stay()` seconds each time, and comes back."""
        while self.cursor < upto:
            try:
                async with socket(self.site, self.token, self.cursor) as opened:
                    self.opened += 1
                    with_end = asyncio.get_running_loop().time() + stay()
                    async with asyncio.timeout_at(with_end):
                        while self.cursor < upto:
                            self.take(await opened.recv())
            except TimeoutError:
                continue
            except LOST as lost:
                if isinstance(lost, ConnectionClosed) and lost.rcvd:
                    self.codes.append(lost.rcvd.code)
                await asyncio.sleep(0.1)


async def until(said: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not said():  # noqa: ASYNC110  (clients tell nobody)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def following(clients: list[Client], stay: Callable[[], float] = lambda: 60.0) -> AsyncIterator[None]:
    """Begins when all are there. What one of them found wrong fails the test."""
    tasks = [asyncio.create_task(client.follow(10**9, stay)) for client in clients]
    try:
        await until(lambda: all(client.opened for client in clients))
        yield
    finally:
        for task in tasks:
            task.cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(found, AssertionError):
                raise found


async def all_told(servers: Servers, clients: list[Client], since: int) -> None:
    """Waits until each has all that is written, then looks that nothing is missing and nothing came twice."""
    wanted = [await servers.ask("visible", name, since) for name in ("firm", "firm2")]
    await until(lambda: all(client.cursor == wanted[number % 2][-1] for number, client in enumerate(clients)), 30)
    for number, client in enumerate(clients):
        assert client.got == wanted[number % 2]


async def crowd(servers: Servers, site: Site, count: int) -> list[Client]:
    """So many clients of two neighbours, each at the head."""
    names = ["firm", "firm2"]
    tokens = [await servers.ask("token", name) for name in names]
    head = await servers.ask("head")
    return [Client(site, tokens[number % 2], head) for number in range(count)]


# --- two servers, one Redis --------------------------------------------------------------------------------


async def test_what_is_written_at_one_server_is_told_at_the_other_at_once(servers: Servers) -> None:
    token = await servers.ask("token", "firm")
    async with socket(servers.two, token) as opened, httpx.AsyncClient(base_url=servers.one.url) as api:
        await asyncio.sleep(0.5)
        body = {**DRUM, "accumulation_start": time.strftime("%Y-%m-%d")}
        headers = {"Authorization": f"Bearer {token}"}
        begun = time.monotonic()
        answer = await api.post("/api/v1/containers", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        frame = json.loads(await asyncio.wait_for(opened.recv(), 20))
        assert (frame["kind"], frame["data"]["short_code"]) == ("container.log", answer.json()["short_code"])
        assert time.monotonic() - begun < POLL_SECONDS / 2


async def test_redis_dies_in_a_burst_of_5000_and_comes_back(servers: Servers) -> None:
    clients = await crowd(servers, servers.two, 10)
    since = clients[0].cursor
    async with following(clients):
        for name in ("firm", "firm2") * 5:
            await servers.ask("write", name, 500, "", 100)
            if clients[0].got and servers.redis.process:
                servers.redis.kill()
                # No Redis closes no door either: who comes now is let in.
                late = Client(servers.two, clients[0].token, since)
                async with asyncio.timeout(10):
                    await late.follow(since + 100)
        assert await servers.ask("head") >= since + 5_000
        await all_told(servers, clients, since)
        servers.redis.start()
        quick: list[bool] = []
        while quick[-2:] != [True, True] and len(quick) < 10:
            # The hints come again, by themselves, a while after Redis has.
            begun, count = time.monotonic(), len(clients[0].got)
            await servers.ask("write", "firm", 1)
            await until(lambda count=count: len(clients[0].got) > count)
            quick.append(time.monotonic() - begun < POLL_SECONDS / 4)
        assert quick[-2:] == [True, True]
    assert [client.opened for client in clients] == [1] * 10


async def test_a_server_killed_in_a_burst_is_missed_by_nobody(servers: Servers) -> None:
    clients = await crowd(servers, servers.two, 20)
    since = clients[0].cursor
    async with following(clients):
        writing = asyncio.create_task(servers.ask("write", "firm", 2_000, "", 50))
        await until(lambda: len(clients[0].got) > 50)
        assert servers.two.process
        servers.two.process.kill()
        servers.two.process.wait(10)
        await asyncio.to_thread(servers.two.start)
        await writing
        await servers.ask("write", "firm2", 100)
        await all_told(servers, clients, since)
    assert all(client.opened > 1 for client in clients)


async def test_200_sockets_storm_back_again_and_again(servers: Servers) -> None:
    clients = await crowd(servers, servers.two, 200)
    since, turns, calm = clients[0].cursor, itertools.count(), False

    def stay() -> float:
        return 60.0 if calm else 0.2 + next(turns) % 7 * 0.2

    async with following(clients, stay):
        begun = time.monotonic()
        while time.monotonic() - begun < 5 or not all(client.opened > 2 for client in clients):
            await servers.ask("write_in_turn", ["firm", "firm2", "firm2"], 6)
        calm = True
        await all_told(servers, clients, since)


# --- who is slow -------------------------------------------------------------------------------------------


async def test_a_slow_reader_costs_no_memory_and_delays_nobody(servers: Servers) -> None:
    """20 of them are owed 3,000 frames of 4 kB each: 240 MB, if they were kept for them."""
    clients = await crowd(servers, servers.two, 1)
    quick, since = clients[0], clients[0].cursor
    assert servers.two.process
    pid = servers.two.process.pid
    slow = Client(servers.two, quick.token, since)
    async with asyncio.timeout(40):
        opened = [
            await connect(
                f"ws{servers.two.url.removeprefix('http')}/ws/feed?after={since}&token={quick.token}",
                proxy=None,
                compression=None,
                max_queue=1,
            )
            for _ in range(20)
        ]
        await servers.ask("write", "firm", 200, "x" * 4_000)
        before = memory(pid)
        upto = await servers.ask("write", "firm", 3_000, "x" * 4_000)
        await quick.follow(upto)
        assert memory(pid) - before < 80 * 2**20
        # One of them wakes: it is sent the rest, or sent back for it, and misses nothing.
        with contextlib.suppress(ConnectionClosed):
            while slow.cursor < upto:
                slow.take(await opened[0].recv())
        assert opened[0].close_code in {None, 4408}
        await slow.follow(upto)
        assert slow.got == quick.got
        for one in opened:
            one.transport.abort()


async def test_three_days_asleep(servers: Servers) -> None:
    """100,000 entries to read: page by page, in a memory that does not grow, while it goes on being live."""
    site = servers.alone
    await asyncio.to_thread(site.start)
    assert site.process
    with district(site.environment) as beside:
        token = await asyncio.to_thread(beside, "token", "firm")
        upto = await asyncio.to_thread(beside, "pretend", "firm", 100_000)
        sleeper, awake = Client(site, token, -1), Client(site, token, upto)
        async with asyncio.timeout(60), following([awake, sleeper]):
            await until(lambda: len(sleeper.got) > 2_000)
            before, told = memory(site.process.pid), 0
            while sleeper.cursor < upto:
                count = len(awake.got)
                await asyncio.to_thread(beside, "pretend", "firm", 3)
                await until(lambda count=count: len(awake.got) > count, 3)
                told += sleeper.cursor < upto
            wanted = await asyncio.to_thread(beside, "visible", "firm", -1)
            await until(lambda: sleeper.cursor == awake.cursor == wanted[-1])
            assert memory(site.process.pid) - before < 30 * 2**20
    assert sleeper.got == wanted
    assert sleeper.got[-len(awake.got) :] == awake.got
    assert told > 3, "nothing was told while the other read"
    await asyncio.to_thread(site.stop)


# --- who may not, or not any more --------------------------------------------------------------------------


async def test_a_right_that_ends_closes_the_socket_within_5_seconds(servers: Servers) -> None:
    """While it is quiet and in the middle of a burst."""
    quiet = await servers.ask("token", "depot")
    busy = await servers.ask("token", "carrier", "firm")
    since = await servers.ask("head")
    seen: list[float] = []

    async def closed(opened: ClientConnection) -> float:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await opened.recv()
                seen.append(time.monotonic())
        assert opened.close_code == 4401
        return time.monotonic()

    stop = asyncio.Event()

    async def burst() -> None:
        while not stop.is_set():
            await servers.ask("write", "firm", 30)

    with district(servers.one.environment) as office:
        await asyncio.to_thread(office, "head")
        async with socket(servers.two, quiet) as one, socket(servers.two, busy, since) as two:
            writing = asyncio.create_task(burst())
            ends = [asyncio.create_task(closed(opened)) for opened in (one, two)]
            await until(lambda: len(seen) > 100)
            begun = time.monotonic()
            await asyncio.to_thread(office, "end_token", "depot")
            await asyncio.to_thread(office, "end_delegation", "carrier")
            told = len(seen)
            try:
                async with asyncio.timeout(10):
                    moments = await asyncio.gather(*ends)
            finally:
                stop.set()
                await writing
    assert len(seen) > told, "the burst was over too early to show anything"
    assert max(moments) - begun < 5


@pytest.mark.parametrize(
    ("sent", "code"),
    [("{}", 4400), (b"\x00", 4400), ("x" * 10_000, 4400), ("x" * 50_000_000, 1009)],
    ids=["words", "bytes", "long", "giant"],
)
async def test_a_socket_that_talks_is_closed(servers: Servers, sent: str | bytes, code: int) -> None:
    token = await servers.ask("token", "firm")
    assert servers.two.process
    before = memory(servers.two.process.pid)
    async with asyncio.timeout(20), socket(servers.two, token) as opened:
        with contextlib.suppress(ConnectionClosed):
            await opened.send(sent)
        await opened.wait_closed()
        assert opened.close_code == code
    assert memory(servers.two.process.pid) - before < 10 * 2**20


async def test_a_flood_of_pings_is_not_kept_in_memory(servers: Servers) -> None:
    """A peer that pings for 40 MB and reads none of the answers is soon not read from any more."""
    token = await servers.ask("token", "firm")
    assert servers.two.process
    before = memory(servers.two.process.pid)
    narrow = network.create_connection(("127.0.0.1", int(servers.two.url.rsplit(":", 1)[1])))
    narrow.setsockopt(network.SOL_SOCKET, network.SO_RCVBUF, 4_096)
    ping = b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125
    async with asyncio.timeout(20), socket(servers.two, token, sock=narrow) as opened:
        opened.transport.pause_reading()
        written, moved = 0, time.monotonic()
        while written < 40 * 2**20 and time.monotonic() - moved < 1.5:
            if opened.transport.get_write_buffer_size() < 2**16:
                opened.transport.write(ping * 1_000)
                written, moved = written + len(ping) * 1_000, time.monotonic()
            await asyncio.sleep(0.001)
        grown = memory(servers.two.process.pid) - before
        opened.transport.abort()
    assert written < 40 * 2**20
    assert grown < 5 * 2**20
