"""The sealer thread of a serving process: a commit wakes it, so no request waits for a seal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import connections

log = logging.getLogger(__name__)
_wake = threading.Event()
_stop = threading.Event()
_thread: threading.Thread | None = None


def wake_sealer(seal: Callable[[], object]) -> None:
    """After a commit: wake the thread if this process runs one, else seal here and now."""
    if _thread is not None and _thread.is_alive():
        _wake.set()
    else:
        seal()


def start_sealer(seal: Callable[[], object], *, idle_seconds: float) -> None:
    """Run `seal` whenever woken, and every `idle_seconds` for entries other processes left behind."""
    global _thread

    def run() -> None:
        while not _stop.is_set():
            _wake.wait(idle_seconds)
            _wake.clear()
            try:
                seal()
            except Exception:
                # The thread must outlive a database that is away for a while; the next round tries again.
                log.exception("sealing failed")
            finally:
                connections.close_all()

    _stop.clear()
    _thread = threading.Thread(target=run, name="sealer", daemon=True)
    _thread.start()


def stop_sealer() -> None:
    """End the thread; what is unsealed stays for the next sealer."""
    global _thread
    _stop.set()
    _wake.set()
    if _thread is not None:
        _thread.join(timeout=5)
    _thread = None
