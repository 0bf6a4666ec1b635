"""How `manage.py serve` speaks with a socket: uvicorn's own protocol, with bounds where a peer takes nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_SECONDS = 15.0
"""How long a peer may take what was still to be sent when its socket was closed."""

# At its info level a line for each socket, with the address and the token that may be in it.
quiet = logging.getLogger("wastetrack.sockets")
quiet.setLevel(logging.WARNING)


class PatientSocket(WebSocketsSansIOProtocol):
    """Reads nothing while its peer takes nothing: else a flood of pings is answered into memory without end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = quiet
        self.lingering: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await super().receive()
        if not self.writable.is_set():
            self.transport.pause_reading()
        return message

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self.lingering = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.lingering is not None:
            self.lingering.cancel()
