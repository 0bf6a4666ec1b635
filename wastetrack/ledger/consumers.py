"""`ws /ws/feed?after=N`: everything after N that the actor may see, once, in order, then live."""

from __future__ import annotations

import asyncio
import contextlib
import re
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone

from wastetrack.ledger.feed import Listener, frame_of, hub
from wastetrack.ledger.selectors import entries_after
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import actor_of_session, actor_of_token

PAGE = 200
MAX_FRAME = 4_096
CURSOR = re.compile(r"-1|\d{1,18}", re.ASCII)
CLOSE_BAD_REQUEST, CLOSE_NOBODY, CLOSE_FOREIGN, CLOSE_RESYNC = 4400, 4401, 4403, 4408


class FeedConsumer(AsyncWebsocketConsumer):
    """One socket. It is accepted first and closed with a code after, so that the client sees why."""

    listener: Listener | None = None
    pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.accept()
        if not self._origin_is_ours():
            await self.close(CLOSE_FOREIGN)
            return
        actor = await self._actor()
        if actor is None:
            await self.close(CLOSE_NOBODY)
            return
        after = self._query("after")
        if after is not None and not CURSOR.fullmatch(after):
            await self.close(CLOSE_BAD_REQUEST)
            return
        self.listener = await hub.join(actor.readers)
        self.pump = asyncio.create_task(self._pump(actor, self.listener, int(after) if after else None))

    async def disconnect(self, code: int) -> None:
        if self.listener is not None:
            hub.leave(self.listener)
        if self.pump is not None:
            self.pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.pump

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        # The feed is one-way. A keep-alive is welcome, and answered for a page that must know whether the line is up;
        # anything long is not a client of ours.
        if bytes_data is not None or len(text_data or "") > MAX_FRAME:
            await self.close(CLOSE_BAD_REQUEST)
        elif text_data == "ping":
            await self.send("pong")

    async def _pump(self, actor: Actor, listener: Listener, after: int | None) -> None:
        if after is not None:
            cursor = after
            while listener.live_from is not None and cursor < listener.live_from:
                page = await sync_to_async(entries_after)(actor, cursor, PAGE, upto=listener.live_from)
                for entry in page:
                    await self.send(frame_of(entry))
                if len(page) < PAGE:
                    break
                cursor = page[-1].index or listener.live_from
        while (frame := await listener.frames.get()) is not None:
            await self.send(frame)
        await self.close(CLOSE_RESYNC)

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
            return await sync_to_async(actor_of_token)(secret, timezone.now())
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            return None
        return await sync_to_async(self._session_actor)(user.pk)

    def _session_actor(self, user_id: int) -> Actor | None:
        session = self.scope["session"]
        return actor_of_session(user_id, session.get("membership"), session.get("delegation"))


class NoSuchSocket(AsyncWebsocketConsumer):
    """Any other socket address: closed with a code, as a page would answer 404."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(4404)
