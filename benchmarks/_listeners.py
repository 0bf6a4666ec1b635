"""Sockets that only listen, as lean as they can be: `python -m benchmarks._listeners PORT QUERY COUNT TOKEN…`.

Prints "ready" when all have their place. Then a line `["count", 400]` waits until every socket has got so many frames
and answers with when the first and the last came; `["time", 10]` also with the milliseconds since each was written.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from functools import partial
from typing import Any

import uvloop

TEXT, PING = 0x81, b"\x81\x84\0\0\0\0ping"
"""What is answered when a socket has its place: from then on it misses nothing."""
SENT = re.compile(rb'"sent":(\d+)')


class Listening(asyncio.Protocol):
    """One socket. Reads nothing of a message but its length, unless times are wanted."""

    def __init__(self, all_of_them: Listeners, token: str, query: str) -> None:
        self.all, self.token, self.query = all_of_them, token, query
        self.buffer = bytearray()
        self.open = self.placed = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(
            f"GET /ws/feed{self.query} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.open:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if b" 101 " not in self.buffer[:end]:
                raise RuntimeError(self.buffer.decode())
            del self.buffer[: end + 4]
            self.open = True
            self.transport.write(PING)
        self._messages()

    def _messages(self) -> None:
        buffer, start, whole = self.buffer, 0, len(self.buffer)
        while whole - start >= 2:
            size, head = buffer[start + 1], 2
            if size > 125:
                head = 4 if size == 126 else 10
                if whole - start < head:
                    break
                size = int.from_bytes(buffer[start + 2 : start + head], "big")
            if whole - start < head + size:
                break
            if buffer[start] == TEXT:
                self._message(start + head, start + head + size)
            start += head + size
        del buffer[:start]

    def _message(self, start: int, end: int) -> None:
        if self.placed:
            self.all.take(self.buffer, start, end)
        else:
            self.placed = True
            self.all.opened += 1


class Listeners:
    """All sockets of this process."""

    def __init__(self) -> None:
        self.opened = self.got = 0
        self.timed = False
        self.first = self.last = 0.0
        self.times: list[float] = []

    def take(self, buffer: bytearray, start: int, end: int) -> None:
        self.last = time.time()
        self.first = self.first or self.last
        self.got += buffer.count(b"\n", start, end) + 1
        if self.timed:
            self.times += [self.last * 1e3 - int(sent) / 1e6 for sent in SENT.findall(buffer, start, end)]

    async def run(self, port: int, query: str, tokens: list[str]) -> None:
        loop = asyncio.get_running_loop()
        for token in tokens:
            await loop.create_connection(partial(Listening, self, token, query), "127.0.0.1", port)
        while self.opened < len(tokens):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        print('"ready"', flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            what, count = json.loads(line)
            self.timed = what == "time"
            end = time.time() + 60
            print('"listening"', flush=True)
            while self.got < count * len(tokens) and time.time() < end:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            answer = {"got": self.got, "first": self.first, "last": self.last, "times": self.times}
            self.got, self.first, self.last, self.times = 0, 0.0, 0.0, []
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    port, query, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    uvloop.run(Listeners().run(port, query, (sys.argv[4:] * count)[:count]))
