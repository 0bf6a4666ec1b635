"""`ws /ws/feed?after=N`: everything after N that the actor may see, once, in order, then live."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils import timezone

from wastetrack.ledger.credentials import actors_of, credential_of, header, query
from wastetrack.ledger.feed import (
    CLOSE_BAD_REQUEST,
    CLOSE_FOREIGN,
    CLOSE_NOBODY,
    CLOSE_RESYNC,
    Frame,
    Listener,
    in_thread,
    listening,
)
from wastetrack.ledger.selectors import head

log = logging.getLogger(__name__)
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

CURSOR = re.compile(r"-1|\d{1,18}", re.ASCII)
SLICE = 16
"""Frames that go out before the other sockets have their turn."""
STALL_SECONDS = 10.0
"""How long a socket may take nothing before it is told to come back with its cursor."""
PING, PINGS, PINGS_SECONDS = "ping", 40, 10.0
"""A page asks every other second whether the line is up; who asks this often means something else."""
AHEAD = "ahead"
"""Why, with 4408: the cursor is beyond the log, which must have been restored."""


class Over(Exception):
    """The socket is to be closed with this code; None: the client has gone."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code)
        self.code, self.reason = code, reason


async def feed(scope: Scope, receive: Receive, send: Send) -> None:
    """One socket. It is accepted first and closed with a code after, so that the client sees why."""
    await receive()
    await send({"type": "websocket.accept"})
    try:
        await _serve(scope, receive, send)
    except Over as over:
        if over.code is not None:
            await _close(send, over.code, over.reason)
    except Exception:
        # A socket that stays open in silence looks like a quiet day.
        log.exception("the feed of a socket failed")
        await _close(send, CLOSE_RESYNC)


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Raises Over when there is nothing more to say."""
    if not _origin_is_ours(scope):
        raise Over(CLOSE_FOREIGN)
    credential = credential_of(scope)
    actor = (await in_thread(actors_of, [credential], timezone.now())).get(credential) if credential else None
    if credential is None or actor is None:
        raise Over(CLOSE_NOBODY)
    given = query(scope, "after")
    if given is not None and not CURSOR.fullmatch(given):
        raise Over(CLOSE_BAD_REQUEST)
    after = None if given is None else int(given)
    async with listening(credential, actor, after) as listener:
        if after is not None and after > listener.hub.cursor and after >= await in_thread(head):
            raise Over(CLOSE_RESYNC, AHEAD)
        await _converse(listener, receive, send, lines=query(scope, "lines") == "1")


async def _converse(listener: Listener, receive: Receive, send: Send, *, lines: bool) -> None:
    """Tell and hear until either, or the right to listen, is over."""
    telling = asyncio.create_task(_tell(listener, send, lines=lines))
    hearing = asyncio.create_task(_hear(listener, receive))
    try:
        either: set[asyncio.Future[Any]] = {telling, hearing, listener.ended}
        done, _ = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if listener.ended in done:
            raise Over(listener.ended.result())
        done.pop().result()
    finally:
        telling.cancel()
        hearing.cancel()
        await asyncio.gather(telling, hearing, return_exceptions=True)


async def _tell(listener: Listener, send: Send, *, lines: bool) -> None:
    """Send what came before and what comes, page by page; the next page is taken when the socket has taken the last."""
    while True:
        listener.wake.clear()
        frames = await listener.take()
        for texts in _slices(frames, lines=lines):
            await _send(send, texts)
            await asyncio.sleep(0)
        if frames:
            listener.told = frames[-1].index
        if listener.asked:
            listener.asked = False
            await _send(send, [f'{{"after":{listener.told},"index":{listener.cursor}}}'])
            listener.told = listener.cursor
        if not frames:
            await listener.wake.wait()


def _slices(frames: list[Frame], *, lines: bool) -> Iterator[list[str]]:
    """A frame a message, or with `lines=1` several, one on each line."""
    for start in range(0, len(frames), SLICE):
        texts = [frame.text for frame in frames[start : start + SLICE]]
        yield ["\n".join(texts)] if lines else texts


async def _send(send: Send, texts: list[str]) -> None:
    """Raises Over(4408) when the socket takes nothing, Over(None) when it is gone."""
    try:
        async with asyncio.timeout(STALL_SECONDS):
            for text in texts:
                await send({"type": "websocket.send", "text": text})
    except TimeoutError:
        raise Over(CLOSE_RESYNC, "slow") from None
    except OSError:
        raise Over(None) from None


async def _hear(listener: Listener, receive: Receive) -> None:
    """The feed is one-way: a client may ask whether the line is up, and is answered with how far it has been told."""
    clock = asyncio.get_running_loop().time
    asked = deque[float](maxlen=PINGS)
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            raise Over(None)
        if message.get("text") != PING or (len(asked) == PINGS and clock() - asked[0] < PINGS_SECONDS):
            raise Over(CLOSE_BAD_REQUEST)
        asked.append(clock())
        listener.asked = True
        listener.wake.set()


async def _close(send: Send, code: int, reason: str = "") -> None:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            await send({"type": "websocket.close", "code": code, "reason": reason})
    except OSError:
        # It went first, or takes not even this: the server drops it when we return.
        pass


def _origin_is_ours(scope: Scope) -> bool:
    """A browser names its origin; other programs need not."""
    origin, host = header(scope, b"origin"), header(scope, b"host")
    if not origin:
        return True
    try:
        named = urlsplit(origin).netloc
    except ValueError:
        return False
    here = validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
    return named == urlsplit(settings.PUBLIC_URL).netloc or (here and named == host)


async def sockets(scope: Scope, receive: Receive, send: Send) -> None:
    """The feed; any other socket address is closed with a code, as a page would answer 404."""
    if scope["path"] == "/ws/feed":
        await feed(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await _close(send, 4404)
