"""The SQLite backend of a site in one process: its writers queue for their turn instead of asking again and again.

SQLite itself lets a writer who finds the database taken sleep up to a tenth of a second and ask again, so that under
load some wait for seconds while newcomers pass them. Between processes that remains, and the timeout with it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base, features

_gates: dict[str, threading.Lock] = defaultdict(threading.Lock)


class DatabaseFeatures(features.DatabaseFeatures):
    """What SQLite has been able to do since 3.32: many rows in one statement."""

    max_query_params = 32_766


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that holds its database's gate from BEGIN IMMEDIATE to COMMIT or ROLLBACK."""

    features_class = DatabaseFeatures

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gate: threading.Lock | None = None

    def _start_transaction_under_autocommit(self) -> None:
        gate = _gates[str(self.settings_dict["NAME"])]
        # As long as SQLite itself would wait: then it says that the database is locked, as ever.
        entered = gate.acquire(timeout=self.get_connection_params().get("timeout", 5.0))
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            if entered:
                gate.release()
            raise
        self._gate = gate if entered else None

    def _leave(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.release()

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._leave()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._leave()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._leave()
