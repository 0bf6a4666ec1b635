"""What the web process runs beside its requests, from start to stop of the server: sealer, sweeper, courier."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.utils import timezone

from wastetrack.alerts.services import sweep
from wastetrack.ledger import background, feed
from wastetrack.ledger.services import seal
from wastetrack.notices.courier import Courier

log = logging.getLogger(__name__)


GATHER_SECONDS = 0.5
"""How long the sweeper waits for more after the log has grown: a burst is looked at together."""


class Sweeper:
    """Sweeps when the log has grown and every SWEEP_SECONDS, in a thread. Several at once do no harm: each locks what
    it looks at."""

    def __init__(self) -> None:
        self._stop, self._grown = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        feed.on_growth(self._grown.set)
        self._thread.start()

    def stop(self) -> None:
        feed.off_growth(self._grown.set)
        self._stop.set()
        self._grown.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._grown.wait(settings.SWEEP_SECONDS) and self._stop.wait(GATHER_SECONDS):
                return
            self._grown.clear()
            try:
                sweep(timezone.localtime())
            except Exception:
                # The thread must outlive a database that is away for a while.
                log.exception("the sweep failed; trying again")
            finally:
                connections.close_all()


class Lifespan:
    """The server's start and stop, as ASGI tells them."""

    def __init__(self) -> None:
        self._sweeper: Sweeper | None = None
        self._courier: Courier | None = None

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await sync_to_async(self.stop, thread_sensitive=False)()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def start(self) -> None:
        """Start what BACKGROUND names."""
        if "sealer" in settings.BACKGROUND:
            background.start_sealer(seal, idle_seconds=settings.FEED_POLL_SECONDS)
        if "sweeper" in settings.BACKGROUND:
            self._sweeper = Sweeper()
            self._sweeper.start()
        if "courier" in settings.BACKGROUND:
            self._courier = Courier()
            self._courier.start()

    def stop(self) -> None:
        """Stop it again; what is unfinished stays in the database for the next process."""
        background.stop_sealer()
        if self._courier is not None:
            self._courier.stop()
        if self._sweeper is not None:
            self._sweeper.stop()
