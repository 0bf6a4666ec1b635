"""A bad line between a scanner and the site: an HTTP proxy on loopback that loses, cuts, doubles and delays."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from random import Random

FATES = {
    "lost": 30,  # the site has done it, and its answer never arrives
    "cut": 2,  # half of the answer, and the line closes
    "cut_clean": 2,  # half of the answer, as if that were all
    "twice": 4,  # the request arrives two times at once
    "late": 3,  # the line breaks, and the request arrives after its own repetition
    "stale": 2,  # the answer to an earlier request
    "unsent": 2,  # the line breaks before the site hears of it
    "error": 2,  # a gateway in between answers for itself
    "slow": 10,
    "fine": 43,
}
HTML = b"<html><h1>502 Bad Gateway</h1></html>"


class LossyProxy:
    """Passes requests from its own port on to the site's, each with a fate drawn from FATES. `seen` counts them."""

    def __init__(self, target: str, seed: int) -> None:
        self.host, port = target.removeprefix("http://").split(":")
        self.target_port = int(port)
        self.random = Random(seed)
        self.seen: Counter[str] = Counter()
        self.url = ""
        self._last = b""
        self._later: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def running(self) -> Iterator[LossyProxy]:
        """Serves in a thread of its own until the block ends."""
        loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._stopped = asyncio.Event()
            ready.set()
            await self._stopped.wait()
            server.close()
            # What is still on its way arrives before anybody looks.
            await asyncio.gather(*self._later)

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(self._stopped.set)
            thread.join(20)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(await _message(reader), writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        (fate,) = self.random.choices(list(FATES), list(FATES.values()))
        self.seen[fate] += 1
        if fate == "late":
            task = asyncio.create_task(self._forward_later(request, self.random.uniform(0.05, 0.4)))
            self._later.add(task)
            task.add_done_callback(self._later.discard)
            return
        if fate == "unsent":
            return
        if fate == "error":
            writer.write(_reply(b"HTTP/1.1 502 Bad Gateway", HTML))
            return
        writer.write(self._spoilt(fate, await self._replies(fate, request)))
        await writer.drain()

    async def _replies(self, fate: str, request: bytes) -> bytes:
        if fate == "slow":
            await asyncio.sleep(self.random.uniform(0.01, 0.08))
        if fate == "twice":
            both = await asyncio.gather(self._forward(request), self._forward(request))
            return self.random.choice(both)
        return await self._forward(request)

    def _spoilt(self, fate: str, reply: bytes) -> bytes:
        head, _, body = reply.partition(b"\r\n\r\n")
        earlier, self._last = self._last, reply
        if fate == "lost":
            return b""
        if fate == "cut":
            return reply[: len(head) + 4 + len(body) // 2]
        if fate == "cut_clean":
            return _reply(head.split(b"\r\n")[0], body[: len(body) // 2])
        return earlier if fate == "stale" and earlier else reply

    async def _forward_later(self, request: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._forward(request)

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self.host, self.target_port)
        writer.write(request)
        await writer.drain()
        reply = await _message(reader)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return reply


def _reply(status: bytes, body: bytes) -> bytes:
    return b"%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer, its body as long as its head says; it asks for the line to be closed afterwards."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(b"connection:")]
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    body = await reader.readexactly(length)
    return b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body
