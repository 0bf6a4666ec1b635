"""The live feed to 500 and to 1,000 open sockets, against one group a socket. Target: ten times the deliveries.

Half the sockets are a firm's and half its regulator's, and every entry is for both. Servers on loopback with a Redis of
their own, the sockets in two more processes, all on the same cores. A delivery is one entry that has reached one
socket. Milliseconds are from before the entry is written (ours: recorded, committed and sealed) to its arrival, at two
entries a second.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.feed.machines import District, OwnRedis, district, memory
from tools.site import ROOT, Site, free_port

SAID = "x" * 250
"""Makes a frame as long as one of the trade's: about 400 bytes."""
CLIENTS, RATE = 2, 2.0


@dataclass
class Served:
    """A server and the process that writes for it."""

    pid: int
    port: int
    writer: District


@contextmanager
def site_in(folder: Path, redis: OwnRedis) -> Iterator[tuple[Site, list[str]]]:
    """A migrated site with the small district, not yet serving, and the tokens of a firm and its regulator."""
    site = Site.in_folder(
        folder, DJANGO_SETTINGS_MODULE="tests.settings", BACKGROUND="", SECRET_KEY="only-for-benchmarks"
    )
    site.environment |= {"DATABASE_URL": f"sqlite:///{folder / 'feed.sqlite3'}", "REDIS_URL": redis.url}
    site.manage("migrate", "--verbosity", "0")
    with district(site.environment) as builder:
        builder("build")
        yield site, [builder("token", name) for name in ("firm", "regulator")]


@contextmanager
def ours(site: Site) -> Iterator[Served]:
    site.start()
    assert site.process
    try:
        with district(site.environment, "benchmarks._feed_writer") as writer:
            yield Served(site.process.pid, int(site.url.rsplit(":", 1)[1]), writer)
    finally:
        site.stop()


def answers(port: int) -> None:
    """Waits until somebody listens there. Raises OSError after 20 s."""
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextmanager
def plain(site: Site) -> Iterator[Served]:
    port = free_port()
    words = [sys.executable, "-m", "benchmarks._plain_feed", str(port)]
    server = subprocess.Popen(words, cwd=ROOT, env=site.environment)
    try:
        answers(port)
        with district(site.environment, "benchmarks._plain_feed") as writer:
            writer("groups", ["firm", "regulator"])
            yield Served(server.pid, port, writer)
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def listeners(served: Served, site: Site, query: str, tokens: list[str], sockets: int) -> Iterator[list[District]]:
    """Processes with open sockets."""
    words = ("benchmarks._listeners", str(served.port), query, str(sockets // CLIENTS), *tokens)
    with ExitStack() as stack:
        found = [stack.enter_context(district(site.environment, *words)) for _ in range(CLIENTS)]
        for one in found:
            assert one.answer() == "ready"
        yield found


def told(found: list[District], what: str, count: int, write: Any) -> list[dict[str, Any]]:
    """What the listeners say of so many entries that are written now."""
    for one in found:
        assert one(what, count) == "listening"
    write()
    return [one.answer() for one in found]


def measure(
    served: Served, site: Site, query: str, tokens: list[str], sockets: int, entries: int
) -> dict[str, float | int]:
    """Deliveries a second of a burst, milliseconds of single entries, memory of a socket."""
    with listeners(served, site, query, tokens, 20) as found:
        # What a process takes for its first sockets and its first entries is not what we ask for.
        told(found, "count", 3, lambda: served.writer("steady", 10.0, 3, SAID))
    before = memory(served.pid)
    with listeners(served, site, query, tokens, sockets) as found:
        each = (memory(served.pid) - before) / sockets / 1024
        timed = told(found, "time", 12, lambda: served.writer("steady", RATE, 12, SAID))
        times = sorted(moment for one in timed for moment in one["times"])
        counted = told(found, "count", entries, lambda: served.writer("burst", entries, SAID))
    got = sum(one["got"] for one in counted)
    seconds = max(one["last"] for one in counted) - min(one["first"] for one in counted)
    return {
        "of": sockets * entries,
        "got": got,
        "deliveries/s": got / seconds,
        "p50 ms": times[len(times) // 2],
        "p99 ms": times[int(len(times) * 0.99)],
        "kB a socket": each,
    }


WAYS = (
    ("a group a socket", plain, "", 10),
    ("feed", ours, "", 1),
    ("feed, lines=1", ours, "?lines=1", 1),
)


def run(small: bool = False) -> list[dict[str, object]]:
    """A row for each way and number of sockets. `got` is what came of what was sent."""
    if OwnRedis.program() is None:
        return []
    rows: list[dict[str, object]] = []
    redis = OwnRedis()
    redis.start()
    try:
        with tempfile.TemporaryDirectory() as folder, site_in(Path(folder), redis) as (site, tokens):
            for sockets, entries in ((100, 500),) if small else ((500, 600), (1_000, 300)):
                slow = 0.0
                for name, serve, query, fewer in WAYS:
                    with serve(site) as served:
                        found = measure(served, site, query, tokens, sockets, entries // fewer)
                    slow = slow or found["deliveries/s"]
                    times = found["deliveries/s"] / slow
                    rows.append({"sockets": sockets, "way": name, **found, "× group a socket": times})
    finally:
        redis.kill()
    return rows
