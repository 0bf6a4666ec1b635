"""A live feed as Channels' own pages teach it, to compare ours with: each socket is in the group of its reader.

It has no cursor and no history, and what is sent while a socket is away is lost. Nothing of the site uses it.
`python -m benchmarks._plain_feed 8001` serves it; a line `["burst", 100]` or `["steady", 2, 5]` sends through it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import django
import uvicorn

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from asgiref.sync import async_to_sync  # noqa: E402
from channels.db import database_sync_to_async  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.feed.district import actor_of, obey  # noqa: E402
from wastetrack.ledger.canonical import canonical_json  # noqa: E402
from wastetrack.ledger.credentials import actors_of, credential_of  # noqa: E402


def group_of(reader: str) -> str:
    return reader.replace(":", ".")


class PlainConsumer(AsyncWebsocketConsumer):
    """A socket that hears what is sent to its groups."""

    async def connect(self) -> None:
        credential = credential_of(self.scope)
        actors = await database_sync_to_async(actors_of)([credential], timezone.now())
        for reader in actors[credential].readers:
            await self.channel_layer.group_add(group_of(reader), self.channel_name)
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send("pong")

    async def feed_frame(self, event: dict[str, Any]) -> None:
        await self.send(canonical_json(event["frame"]))


def frame(index: int, data: dict[str, Any]) -> dict[str, Any]:
    moment = "2026-11-20T01:00:00.000000Z"
    return {"index": index, "kind": "test.fact", "subject": "t:firm", "at": moment, "data": data}


def burst(count: int, said: str) -> None:
    """So many entries to everybody, one after the other, as fast as it goes."""
    async_to_sync(_send)([frame(number, {"said": said, "sent": 0}) for number in range(count)])


def steady(rate: float, count: int, said: str) -> None:
    for number in range(count):
        async_to_sync(_send)([frame(number, {"said": said, "sent": time.time_ns()})])
        time.sleep(1 / rate)


async def _send(frames: list[dict[str, Any]]) -> None:
    layer = get_channel_layer()
    for one in frames:
        for group in _groups:
            await layer.group_send(group, {"type": "feed.frame", "frame": one})


_groups: list[str] = []


def groups(names: list[str]) -> None:
    """Whom to send to: the members of these names."""
    for name in names:
        _groups.extend(map(group_of, actor_of(name).readers))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvicorn.run(
            PlainConsumer.as_asgi(),
            port=int(sys.argv[1]),
            log_level="warning",
            ws="wastetrack.sockets:PatientSocket",
            ws_per_message_deflate=False,
            lifespan="off",
        )
    else:
        obey(globals())
