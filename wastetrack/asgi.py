"""The ASGI application: pages and API by Django, the live feed by Channels, the background in between."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wastetrack.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from wastetrack.background import Lifespan  # noqa: E402
from wastetrack.ledger.consumers import sockets  # noqa: E402

# Static files go out before Django is asked: no thread, no middleware. Hashed names may be kept for ever.
_root = settings.STATIC_ROOT if settings.STATIC_ROOT.is_dir() else None
_http = ServeStaticASGI(
    _django, root=_root, prefix=settings.STATIC_URL, immutable_file_test=r"\.[0-9a-f]{12}\.", allow_all_origins=False
)

application = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": sockets,
        "lifespan": Lifespan(),
    }
)
