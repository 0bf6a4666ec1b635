"""The live feed: one hub a process reads the log's new entries once and keeps the last of them for all its sockets.

A socket is a cursor. What is near the head it takes from memory, what is older it reads from the log, page by page: so
history, live and a slow reader are one walk, and a lost hint costs at most FEED_POLL_SECONDS and never a message
(decision 0023).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.utils import timezone

from wastetrack.ledger import hints
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.credentials import Credential, actors_of
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import entries_after, head
from wastetrack.parties.actors import Actor

log = logging.getLogger(__name__)
BATCH, PAGE = 500, 200
"""Entries the hub reads at once, and frames a socket takes at once."""
WINDOW = 10_000
"""Entries of the log that stay in memory; who is further behind reads the database."""
RETRY_SECONDS = 1.0
LOOK_SECONDS, LOOK_PATIENCE_SECONDS, TRUST_SECONDS = 1.5, 1.5, 4.0
"""How often all sockets' rights are looked up, how long that may take, and how old the knowledge may become."""
CLOSE_BAD_REQUEST, CLOSE_NOBODY, CLOSE_FOREIGN, CLOSE_RESYNC = 4400, 4401, 4403, 4408

# Threads of their own: a long history must not hold up what is live, nor either of them the look at rights.
_for_entries = ThreadPoolExecutor(1, thread_name_prefix="feed-entries")
_for_rights = ThreadPoolExecutor(1, thread_name_prefix="feed-rights")
_for_sockets = ThreadPoolExecutor(4, thread_name_prefix="feed-sockets")


async def in_thread(work: Callable[..., Any], *args: Any, pool: ThreadPoolExecutor = _for_sockets) -> Any:
    """Run beside the loop what asks the database."""
    return await database_sync_to_async(work, thread_sensitive=False, executor=pool)(*args)


# --- frames ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """An entry as an actor gets it: nothing that they may read lies between `after` and `index`."""

    index: int
    after: int
    text: str

    def told_after(self, after: int) -> Frame:
        """The same for a socket that has been told everything up to `after` and nothing since."""
        return Frame(self.index, after, f'{{"after":{after}{self.text[self.text.index(",") :]}')


def frame_of(index: int, after: int, body: str) -> Frame:
    """The contract's frame `{after, index, kind, subject, at, data}`; `after` comes first for `told_after`."""
    return Frame(index, after, f'{{"after":{after},"index":{index},{body}')


def body_of(entry: Entry) -> str:
    """What an entry's frame says to all its readers. The payload is JSON already and goes in as it is."""
    kind, subject = json.dumps(entry.kind), json.dumps(entry.subject, ensure_ascii=False)
    return f'"kind":{kind},"subject":{subject},"at":"{instant(entry.event_time)}","data":{entry.payload}}}'


def _new_entries(after: int) -> list[tuple[int, list[str], str]]:
    rows = Entry.objects.filter(index__gt=after).order_by("index")[:BATCH]
    return [(int(entry.index or 0), entry.readers.split(), body_of(entry)) for entry in rows]


def _history(actor: Actor, after: int, told: int, upto: int) -> list[Frame]:
    """A page of what the actor may read with after < index ≤ upto, for a socket that knows everything up to `told`."""
    frames = []
    for entry in entries_after(actor, after, PAGE, upto=upto):
        frames.append(frame_of(int(entry.index or 0), told, body_of(entry)))
        told = frames[-1].index
    return frames


# --- who listens -------------------------------------------------------------------------------------------


class Audience:
    """All sockets that may read the same, and the frames in memory for them: every one in (since, hub.cursor]."""

    def __init__(self, readers: frozenset[str], since: int) -> None:
        self.readers = readers
        self.since = self.last = since
        self.frames: list[Frame] = []
        self.listeners: set[Listener] = set()

    def add(self, index: int, body: str) -> None:
        self.frames.append(frame_of(index, self.last, body))
        self.last = index

    def after(self, cursor: int) -> list[Frame]:
        """The next page of frames after a cursor ≥ since."""
        start = bisect_right(self.frames, cursor, key=attrgetter("index"))
        return self.frames[start : start + PAGE]

    def forget(self, upto: int) -> None:
        """Drop the frames up to an index: who has not taken them reads the log instead."""
        count = bisect_right(self.frames, upto, key=attrgetter("index"))
        if count:
            self.since = self.frames[count - 1].index
            del self.frames[:count]

    def wake(self) -> None:
        for listener in self.listeners:
            listener.wake.set()


class Listener:
    """One socket's place in the log: everything of its actor's up to `cursor` was taken, and it knows of `told`.

    `wake` is set when there may be something to send, `asked` when it wants to know how far it has been told; `ended`
    gets the code to close with when its right has ended.
    """

    def __init__(self, hub: Hub, credential: Credential, actor: Actor) -> None:
        self.hub, self.credential, self.actor = hub, credential, actor
        self.audience: Audience | None = None
        self.cursor = self.told = -1
        self.asked = False
        self.wake = asyncio.Event()
        self.ended: asyncio.Future[int] = hub.loop.create_future()

    def place(self, audience: Audience, cursor: int) -> None:
        self.audience, self.cursor, self.told = audience, cursor, cursor
        audience.listeners.add(self)

    async def take(self) -> list[Frame]:
        """The next page; [] when everything up to `cursor`, which is then the head, has been taken."""
        assert self.audience is not None
        frames: list[Frame] = []
        # A page of the log may hold nothing of this actor's: what waits in memory is not to wait for the next entry.
        while not frames and self.cursor < self.audience.since:
            since = self.audience.since
            frames = await in_thread(_history, self.actor, self.cursor, self.told, since)
            self.cursor = frames[-1].index if len(frames) == PAGE else since
        if not frames:
            frames = self.audience.after(self.cursor)
            self.cursor = frames[-1].index if frames else max(self.cursor, self.hub.cursor)
        if frames and frames[0].after != self.told:
            frames[0] = frames[0].told_after(self.told)
        return frames

    def end(self, code: int) -> None:
        """Have the socket closed with a code."""
        if not self.ended.done():
            self.ended.set_result(code)


class Hub:
    """Reads the new entries for all sockets of this process, and looks whether these may still read. Ends with them."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.cursor = -1
        self.listeners: set[Listener] = set()
        self.over = False
        self._audiences: dict[frozenset[str], Audience] = {}
        self._by_reader: defaultdict[str, set[Audience]] = defaultdict(set)
        self._wake, self._ready = asyncio.Event(), asyncio.Event()
        self._task = self.loop.create_task(self._run())

    async def join(self, listener: Listener, after: int | None) -> None:
        """Gives a listener its place: after that cursor, or at the head."""
        self.listeners.add(listener)
        await self._ready.wait()
        listener.place(self._audience(listener.actor.readers), self.cursor if after is None else after)

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        audience = listener.audience
        if audience is None:
            return
        audience.listeners.discard(listener)
        if not audience.listeners and self._audiences.get(audience.readers) is audience:
            del self._audiences[audience.readers]
            for key in audience.readers:
                self._by_reader[key].discard(audience)

    def wake(self) -> None:
        """Called from any thread: there may be new entries."""
        # The loop of a server that has stopped is closed.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._wake.set)

    def _audience(self, readers: frozenset[str]) -> Audience:
        if readers not in self._audiences:
            audience = self._audiences[readers] = Audience(readers, self.cursor)
            for key in readers:
                self._by_reader[key].add(audience)
        return self._audiences[readers]

    async def _run(self) -> None:
        helpers = [self.loop.create_task(self._watch())]
        if settings.REDIS_URL:
            helpers.append(self.loop.create_task(hints.listen(self._wake.set)))
        try:
            # The hub rests when nobody listens; the next socket makes another at the head.
            while self.listeners:
                try:
                    await self._look_for_entries()
                except Exception:
                    log.exception("the feed could not read the log; trying again")
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.over = True
            for helper in helpers:
                helper.cancel()

    async def _look_for_entries(self) -> None:
        if not self._ready.is_set():
            self.cursor = await in_thread(head, pool=_for_entries) - 1
            self._ready.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), settings.FEED_POLL_SECONDS)
        self._wake.clear()
        while entries := await in_thread(_new_entries, self.cursor, pool=_for_entries):
            self._hand_out(entries)
            if len(entries) < BATCH:
                return

    def _hand_out(self, entries: list[tuple[int, list[str], str]]) -> None:
        """Each entry goes to the audiences that it addresses, and these alone are woken."""
        woken = set[Audience]()
        for index, readers, body in entries:
            concerned = set[Audience]().union(*(self._by_reader.get(key, ()) for key in readers))
            for audience in concerned:
                audience.add(index, body)
            woken |= concerned
        self.cursor = entries[-1][0]
        for audience in self._audiences.values():
            audience.forget(self.cursor - WINDOW)
        for audience in woken:
            audience.wake()

    async def _watch(self) -> None:
        """Ends every socket whose session, token, membership, role or delegation is no longer what opened it."""
        known = self.loop.time()
        pause = LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            begun, listeners = self.loop.time(), list(self.listeners)
            try:
                async with asyncio.timeout(LOOK_PATIENCE_SECONDS):
                    credentials = {one.credential for one in listeners}
                    actors = await in_thread(actors_of, credentials, timezone.now(), pool=_for_rights)
            except Exception:
                log.exception("the rights of open sockets could not be looked up")
                pause = RETRY_SECONDS / 2
                if self.loop.time() - known > TRUST_SECONDS:
                    _end(listeners, CLOSE_RESYNC)
                continue
            known, pause = begun, LOOK_SECONDS
            _end([one for one in listeners if not _same(actors.get(one.credential), one.actor)], CLOSE_NOBODY)


def _end(listeners: list[Listener], code: int) -> None:
    for listener in listeners:
        listener.end(code)


def _same(found: Actor | None, actor: Actor) -> bool:
    return found is not None and (found.readers, found.role) == (actor.readers, actor.role)


_hub: Hub | None = None


@asynccontextmanager
async def listening(credential: Credential, actor: Actor, after: int | None) -> AsyncIterator[Listener]:
    """A place in this process's hub, after a cursor or (None) at the head."""
    global _hub
    if _hub is None or _hub.over or _hub.loop is not asyncio.get_running_loop():
        _hub = Hub()
    hub = _hub
    listener = Listener(hub, credential, actor)
    try:
        await hub.join(listener, after)
        yield listener
    finally:
        hub.leave(listener)


# --- growth ------------------------------------------------------------------------------------------------

_callbacks: list[Callable[[], None]] = []


def on_growth(callback: Callable[[], None]) -> None:
    """Have `callback` called, from any thread, after this process has made the log grow. It must return at once."""
    _callbacks.append(callback)


def off_growth(callback: Callable[[], None]) -> None:
    """Undo `on_growth`; nothing happens where it was not asked for."""
    with contextlib.suppress(ValueError):
        _callbacks.remove(callback)


def announce() -> None:
    """Say that the log has grown: to this process's hub and callbacks, and through Redis to the other processes."""
    if _hub is not None:
        _hub.wake()
    for callback in _callbacks.copy():
        try:
            callback()
        except Exception:
            log.exception("what was to follow the log's growth failed")
    if settings.REDIS_URL:
        hints.tell_others()
