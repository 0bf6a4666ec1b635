"""The live feed: one hub a process reads the log once and hands each entry to the sockets that may see it.

A hint (in this process a call, between processes a Redis message) only says "look". What is delivered always comes
from the log, so a lost hint costs at most FEED_POLL_SECONDS and never a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings

from wastetrack.ledger.canonical import instant
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import head

log = logging.getLogger(__name__)
GROUP = "feed"
BATCH = 500
QUEUE_LIMIT = 2_000
"""Frames a slow socket may owe before it is told to come back with its cursor."""


def frame_of(entry: Entry) -> str:
    """An entry as the contract's frame `{index, kind, subject, at, data}`."""
    return json.dumps(
        {
            "index": entry.index,
            "kind": entry.kind,
            "subject": entry.subject,
            "at": instant(entry.event_time),
            "data": entry.data,
        },
        ensure_ascii=False,
    )


class Listener:
    """One socket's place in the hub: what it may read and the frames that wait for it."""

    def __init__(self, readers: frozenset[str]) -> None:
        self.readers = readers
        self.live_from: int | None = None
        """The last index the hub had handed out when this listener joined; None until then."""
        self.frames: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_LIMIT + 1)

    def offer(self, index: int, readers: set[str], frame: str) -> None:
        if self.live_from is None or index <= self.live_from or self.readers.isdisjoint(readers):
            return
        if self.frames.qsize() >= QUEUE_LIMIT:
            # Bounded memory: the reader is told to resync, and the log still has everything.
            with contextlib.suppress(asyncio.QueueFull):
                self.frames.put_nowait(None)
            return
        self.frames.put_nowait(frame)


class Hub:
    """Reads new entries once for all sockets of this process."""

    def __init__(self) -> None:
        self.cursor = -1
        self.listeners: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._ready = asyncio.Event()

    async def join(self, readers: frozenset[str], after: int | None = None) -> Listener:
        """A listener that gets every entry after `listener.live_from`; earlier ones are the caller's to read.

        One that has read up to `after` by another way, ahead of the hub, gets nothing twice.
        """
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._loop is not loop:
            self._loop, self._wake, self._ready = loop, asyncio.Event(), asyncio.Event()
            self.listeners = set()
            self._task = loop.create_task(self._run())
        listener = Listener(readers)
        self.listeners.add(listener)
        await self._ready.wait()
        listener.live_from = self.cursor if after is None else max(self.cursor, after)
        return listener

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)

    def wake(self) -> None:
        """Called from any thread: there may be new entries."""
        if self._loop is not None and not self._loop.is_closed():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake.set)

    async def _run(self) -> None:
        wake, ready = self._wake, self._ready
        hints = asyncio.create_task(self._hints(wake)) if settings.REDIS_URL else None
        try:
            # The hub rests when nobody listens; the next socket starts it again at the head.
            while self.listeners:
                try:
                    if not ready.is_set():
                        self.cursor = await database_sync_to_async(head)() - 1
                        ready.set()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(wake.wait(), settings.FEED_POLL_SECONDS)
                    wake.clear()
                    await self._deliver()
                except Exception:
                    log.exception("the feed could not read the log; trying again")
                    await asyncio.sleep(settings.FEED_POLL_SECONDS)
        finally:
            if hints is not None:
                hints.cancel()

    async def _deliver(self) -> None:
        while True:
            entries = await database_sync_to_async(_read)(self.cursor)
            for index, readers, frame in entries:
                for listener in self.listeners:
                    listener.offer(index, readers, frame)
                self.cursor = index
            if len(entries) < BATCH:
                return

    async def _hints(self, wake: asyncio.Event) -> None:
        """Other processes' hints, for as long as Redis is there; without it the poll goes on."""
        while True:
            layer = get_channel_layer()
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                while True:
                    await layer.receive(channel)
                    wake.set()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.warning("no hints from Redis; polling", exc_info=True)
                await asyncio.sleep(settings.FEED_POLL_SECONDS)


def _read(after: int) -> Sequence[tuple[int, set[str], str]]:
    rows = Entry.objects.filter(index__gt=after).order_by("index")[:BATCH]
    return [(entry.index, set(entry.readers.split()), frame_of(entry)) for entry in rows]


hub = Hub()


def announce() -> None:
    """Hint that the log has grown: to this process's hub, and through Redis to the others'."""
    hub.wake()
    if settings.REDIS_URL:
        # In a thread of its own: a Redis that hangs must not hold up the commit that just happened.
        threading.Thread(target=_announce_to_others, daemon=True).start()


def _announce_to_others() -> None:
    message: dict[str, Any] = {"type": "feed.hint"}
    try:
        async_to_sync(get_channel_layer().group_send)(GROUP, message)
    except Exception:
        log.warning("no hint to other processes; they will poll", exc_info=True)
