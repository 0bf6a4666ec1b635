"""`ws /ws/feed?after=N`: everything after N that the actor may see, once, in order, then live."""

from __future__ import annotations

import asyncio
import logging
import re
from importlib import import_module
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils import timezone

from wastetrack.ledger.feed import Listener, frame_of, hub
from wastetrack.ledger.selectors import entries_after, head
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import actor_of_session, actor_of_token

log = logging.getLogger(__name__)
PAGE = 200
MAX_FRAME = 4_096
CURSOR = re.compile(r"-1|\d{1,18}", re.ASCII)
CLOSE_BAD_REQUEST, CLOSE_NOBODY, CLOSE_FOREIGN, CLOSE_RESYNC = 4400, 4401, 4403, 4408
LOOK_SECONDS, IDLE_SECONDS = 1.0, 5.0
"""How old the knowledge that a socket's actor still exists may be when a frame is sent, and when none is."""


class Over(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class FeedConsumer(AsyncWebsocketConsumer):
    """One socket. It is accepted first and closed with a code after, so that the client sees why."""

    listener: Listener | None = None
    pump: asyncio.Task[None] | None = None
    looked = 0.0

    async def connect(self) -> None:
        await self.accept()
        if not self._origin_is_ours():
            await self.close(CLOSE_FOREIGN)
            return
        actor = await self._actor()
        if actor is None:
            await self.close(CLOSE_NOBODY)
            return
        given = self._query("after")
        if given is not None and not CURSOR.fullmatch(given):
            await self.close(CLOSE_BAD_REQUEST)
            return
        after = None if given is None else int(given)
        if after is not None and after >= await database_sync_to_async(head)():
            # It has seen more than there is: a client from before the log was restored.
            await self.close(CLOSE_RESYNC)
            return
        self.looked = asyncio.get_running_loop().time()
        self.listener = await hub.join(actor.readers, after)
        self.pump = asyncio.create_task(self._pump(actor, self.listener, after))

    async def disconnect(self, code: int) -> None:
        if self.listener is not None:
            hub.leave(self.listener)
        if self.pump is not None:
            self.pump.cancel()
            await asyncio.gather(self.pump, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        # The feed is one-way. A keep-alive is welcome, and answered for a page that must know whether the line is up;
        # anything long is not a client of ours.
        if bytes_data is not None or len(text_data or "") > MAX_FRAME:
            await self.close(CLOSE_BAD_REQUEST)
        elif text_data == "ping":
            await self.send("pong")

    async def _pump(self, actor: Actor, listener: Listener, after: int | None) -> None:
        try:
            await self._tell(actor, listener, after)
        except Over as over:
            code = over.code
        except Exception:
            # A socket that stays open in silence looks like a quiet day.
            log.exception("the feed of a socket failed")
            code = CLOSE_RESYNC
        hub.leave(listener)
        await self.close(code)

    async def _tell(self, actor: Actor, listener: Listener, after: int | None) -> NoReturn:
        """Send what came before and what comes. Raises Over(4401 | 4408)."""
        if after is not None:
            cursor = after
            while listener.live_from is not None and cursor < listener.live_from:
                page = await database_sync_to_async(entries_after)(actor, cursor, PAGE, upto=listener.live_from)
                for entry in page:
                    await self._look(actor, LOOK_SECONDS)
                    await self.send(frame_of(entry))
                if len(page) < PAGE:
                    break
                cursor = page[-1].index or listener.live_from
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    frame = await listener.frames.get()
            except TimeoutError:
                await self._look(actor, IDLE_SECONDS)
                continue
            if frame is None:
                raise Over(CLOSE_RESYNC)
            await self._look(actor, LOOK_SECONDS)
            await self.send(frame)

    async def _look(self, actor: Actor, seconds: float) -> None:
        """Ask again, unless it was asked within `seconds`, whether the actor exists and reads what it read."""
        now = asyncio.get_running_loop().time()
        if now - self.looked < seconds:
            return
        self.looked = now
        found = await self._actor()
        if found is None or found.readers != actor.readers:
            raise Over(CLOSE_NOBODY)

    def _query(self, name: str) -> str | None:
        values = parse_qs(self.scope["query_string"].decode("ascii", "replace")).get(name)
        return values[0] if values else None

    def _header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), "")

    def _origin_is_ours(self) -> bool:
        """A browser names its origin; other programs need not."""
        origin = self._header(b"origin")
        host = urlsplit(origin).netloc
        return not origin or host == self._header(b"host") or host == urlsplit(settings.PUBLIC_URL).netloc

    async def _actor(self) -> Actor | None:
        scheme, _, secret = self._header(b"authorization").partition(" ")
        secret = secret if scheme.lower() == "bearer" else self._query("token") or ""
        if secret:
            return await database_sync_to_async(actor_of_token)(secret, timezone.now())
        key = self.scope["session"].session_key if "session" in self.scope else None
        return await database_sync_to_async(_actor_of_session_key)(key) if key else None


def _actor_of_session_key(key: str) -> Actor | None:
    """Read from the database each time: a session may end, or choose another organisation, while a socket is open."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    if not user.is_authenticated:
        return None
    return actor_of_session(user.pk, request.session.get("membership"), request.session.get("delegation"))


class NoSuchSocket(AsyncWebsocketConsumer):
    """Any other socket address: closed with a code, as a page would answer 404."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(4404)
