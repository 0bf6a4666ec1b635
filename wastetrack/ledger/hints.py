"""Hints between processes through Redis: each says only "look", so a lost one costs a poll and never a message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

from channels.layers import get_channel_layer

log = logging.getLogger(__name__)
GROUP = "feed"
PATIENCE_SECONDS, RETRY_SECONDS = 2.0, 1.0
"""How long Redis may take to pass on a hint, and when it is asked again after it failed."""

_pending = threading.Event()
_starting = threading.Lock()
_teller: threading.Thread | None = None


def tell_others() -> None:
    """Hint to the other processes, later and at most once for any number of calls meanwhile.

    In a thread of its own: a Redis that hangs must not hold up the commit that just happened.
    """
    global _teller
    _pending.set()
    with _starting:
        if _teller is None or not _teller.is_alive():
            _teller = threading.Thread(target=_tell, name="hints", daemon=True)
            _teller.start()


def _tell() -> None:
    # One loop for all hints: the channel layer keeps a connection to Redis for each loop.
    with asyncio.Runner() as runner:
        away = False
        while True:
            _pending.wait()
            _pending.clear()
            try:
                runner.run(send_hint())
                away = False
            except Exception as error:
                if not away:
                    log.warning("no hints to other processes, which will poll: %r", error)
                away = True


async def send_hint() -> None:
    """Raises TimeoutError, or what Redis refuses with."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await get_channel_layer().group_send(GROUP, {"type": "feed.hint"})


async def listen(wake: Callable[[], None]) -> None:
    """Call `wake` for each hint of another process, for as long as Redis is there; come back to it when it was away."""
    layer = get_channel_layer()
    while True:
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            while True:
                await layer.receive(channel)
                wake()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("no hints from Redis, so the feed polls: %r", error)
            # Else each try would leave its channel behind.
            with contextlib.suppress(Exception):
                await layer.flush()
            await asyncio.sleep(RETRY_SECONDS)
