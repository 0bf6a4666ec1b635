"""The courier: gathers and mails what is to be told, and delivers to webhooks, beside the site or on its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import connections
from django.utils import timezone

from wastetrack.ledger import feed
from wastetrack.notices.services import deliver_next, forget_old, gather, send_next

log = logging.getLogger(__name__)
DELIVERERS, SLOW_DELIVERERS = 4, 2
"""Webhooks that are delivered to at the same time: those that answer quickly, and those that did not the last time."""


def mail(now: Callable[[], datetime], go_on: Callable[[], bool] = lambda: True) -> int:
    """Gather, and send what is due; returns how many mails were taken."""
    while go_on() and gather(now()):
        pass
    taken = 0
    while go_on() and send_next(now()):
        taken += 1
    forget_old(now())
    return taken


def deliver(now: Callable[[], datetime], go_on: Callable[[], bool] = lambda: True, *, slow: bool | None = None) -> int:
    """Deliver to webhooks, of one lane alone if it is named, until nothing is due; returns how many were taken."""
    taken = 0
    while go_on() and deliver_next(now(), slow=slow):
        taken += 1
    return taken


class Courier:
    """Threads that mail and deliver when the log has grown, and look for themselves besides.

    Several couriers at once do no harm: each takes what it sends.
    """

    def __init__(self) -> None:
        self._stop, jobs = (
            threading.Event(),
            [
                mail,
                *[partial(deliver, slow=False)] * DELIVERERS,
                *[partial(deliver, slow=True)] * SLOW_DELIVERERS,
            ],
        )
        self._grown = [threading.Event() for _ in jobs]
        self._threads = [
            threading.Thread(target=self._run, args=pair, name=f"courier-{number}", daemon=True)
            for number, pair in enumerate(zip(jobs, self._grown, strict=True))
        ]

    def start(self) -> None:
        feed.on_growth(self._wake)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; what is unfinished stays in the database for the next courier."""
        feed.off_growth(self._wake)
        self._stop.set()
        self._wake()
        for thread in self._threads:
            thread.join(timeout=5)

    def _wake(self) -> None:
        for grown in self._grown:
            grown.set()

    def _run(self, job: Callable[..., int], grown: threading.Event) -> None:
        while not self._stop.is_set():
            try:
                job(timezone.localtime, lambda: not self._stop.is_set())
            except Exception:
                # The thread must outlive a database that is away for a while.
                log.exception("the courier failed; trying again")
            finally:
                connections.close_all()
            grown.wait(settings.COURIER_SECONDS)
            grown.clear()
