"""Somebody at a browser without scripts: signed in, reads pages, sends forms."""

from __future__ import annotations

import secrets
from typing import Any

from django.test import Client

from tests.world import World


class Visitor:
    """A signed-in user of the world, in one language; what came last is kept in `page`."""

    def __init__(self, world: World, name: str | None, language: str = "en") -> None:
        self.client = Client(headers={"Accept-Language": language})
        if name:
            self.client.force_login(world.memberships[name].user)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, query)

    def send(self, path: str, nonce: str | None = None, **fields: Any) -> Any:
        """A form's POST, with a nonce of its own unless one is given."""
        return self.client.post(path, {"nonce": nonce or secrets.token_urlsafe(8), **fields})


def text(response: Any) -> str:
    """What came back, as text."""
    return str(response.content.decode())
