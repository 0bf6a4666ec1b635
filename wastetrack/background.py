"""What the web process runs beside its requests, from start to stop of the server: the sealer and the sweeper."""

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
from wastetrack.ledger import background
from wastetrack.ledger.services import seal

log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps every SWEEP_SECONDS in a thread. Several at once do no harm: each locks the rows it raises."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(settings.SWEEP_SECONDS):
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

    def stop(self) -> None:
        """Stop it again; what is unfinished stays in the database for the next process."""
        background.stop_sealer()
        if self._sweeper is not None:
            self._sweeper.stop()
