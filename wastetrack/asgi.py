"""The ASGI application: pages and API by Django, the live feed by Channels, the background in between."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wastetrack.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from wastetrack.background import Lifespan  # noqa: E402
from wastetrack.ledger.consumers import FeedConsumer, NoSuchSocket  # noqa: E402

websockets = URLRouter([re_path(r"^ws/feed$", FeedConsumer.as_asgi()), re_path(r"", NoSuchSocket.as_asgi())])

application = ProtocolTypeRouter(
    {
        "http": _django,
        "websocket": AuthMiddlewareStack(websockets),
        "lifespan": Lifespan(),
    }
)
