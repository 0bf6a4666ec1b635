"""One POST to somebody's own system: only to addresses that may be called, no redirects, and not for long.

The name is looked up once and the connection goes to the address that was checked, so a name that changes its address
in between leads nowhere. The standard library does it: a client's certificates (MPL) are none that a site may ship.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from wastetrack.errors import invalid
from wastetrack.notices.models import Trouble

SECONDS = 10.0
"""For all of it: the name, the connection and the answer."""
KEPT = 200
"""So many characters of an answer are kept."""
MOST_URL = 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Where a network without IPv4 finds an IPv4 address: it stands in the last 32 bits (RFC 6052)."""
_LABEL = re.compile("[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that was ever given out to the open internet."""
_SPECIAL = [ipaddress.ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
"""Of it, what is for protocols and tunnels or for books: another address may stand in it."""


_KEPT_KEYS = [
    ipaddress.ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128")
]
"""Where a cloud answers its own machines with their keys: nobody's system, also where webhooks may go inside."""


@dataclass(frozen=True)
class Answer:
    """What came back: a status or a trouble, the beginning of an answer that was no yes, and how long it took."""

    status: int | None
    error: Trouble | None
    text: str
    ms: int


class _NotReached(Exception):
    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble


def check_url(url: str) -> str:
    """A webhook's address, if it can be one. The name is not looked up yet.

    Raises Invalid(missing | url_unusable | url_too_long | url_not_https | url_private) at `url`.
    """
    url = url.strip()
    if not url:
        raise invalid("url", "missing")
    if len(url) > MOST_URL:
        raise invalid("url", "url_too_long", limit=MOST_URL)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and _can_be_called(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.fragment or not (url.isascii() and url.isprintable()) or " " in url:
        raise invalid("url", "url_unusable")
    if settings.WEBHOOKS_PRIVATE:
        return url
    if parts.scheme != "https":
        raise invalid("url", "url_not_https")
    if parts.hostname == "localhost" or (_is_literal(str(parts.hostname)) and not is_public(str(parts.hostname))):
        raise invalid("url", "url_private")
    return url


def _can_be_called(host: str) -> bool:
    """Whether this can be the name of a machine, or its address (RFC 1123, 2.1)."""
    labels = host.removesuffix(".").split(".")
    return _is_literal(host) or all(_LABEL.fullmatch(label) for label in labels)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet, also one that stands inside another."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return is_public(str(_inside(found)))
        if found not in _UNICAST or any(found in special for special in _SPECIAL):
            return False
    return found.is_global and not found.is_multicast


def _may_be_called(address: str) -> bool:
    if not settings.WEBHOOKS_PRIVATE:
        return is_public(address)
    found = ipaddress.ip_address(address)
    inside = _inside(found) if isinstance(found, ipaddress.IPv6Address) else None
    return not any((inside or found) in kept for kept in _KEPT_KEYS)


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that stands in this one, if a network would take it out."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def post(url: str, body: bytes, headers: dict[str, str], *, seconds: float = SECONDS) -> Answer:
    """POST the body. Never raises for what the other side does: the answer says what went wrong."""
    begun = time.monotonic()

    def answer(status: int | None, error: Trouble | None, text: str = "") -> Answer:
        return Answer(status, error, text, round((time.monotonic() - begun) * 1000))

    try:
        status, text = _exchange(url, body, headers, seconds)
    except _NotReached as missed:
        return answer(None, missed.trouble)
    except ssl.SSLError as error:
        return answer(None, Trouble.TLS if isinstance(error, ssl.SSLCertVerificationError) else Trouble.BROKEN)
    except TimeoutError:
        return answer(None, Trouble.TOO_SLOW)
    except (OSError, HTTPException, ValueError):
        return answer(None, Trouble.BROKEN)
    if 200 <= status < 300:
        return answer(status, None)
    return answer(status, Trouble.STATUS, text)


def _exchange(url: str, body: bytes, headers: dict[str, str], seconds: float) -> tuple[int, str]:
    over = time.monotonic() + seconds
    parts = urlsplit(url)
    host, tls = str(parts.hostname), parts.scheme == "https"
    if not (tls or settings.WEBHOOKS_PRIVATE):
        # It was kept while that was allowed.
        raise _NotReached(Trouble.NOT_HTTPS)
    port = parts.port or (443 if tls else 80)
    connection = (HTTPSConnection if tls else HTTPConnection)(host, port)
    connection.sock = _connected(host, port, over)
    try:
        connection.sock.settimeout(_left(over))
        if tls:
            # A handshake is over in time as a whole, however it drips.
            connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
        with _cut_after(_left(over), connection.sock):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {**headers, "Connection": "close"})
            response = connection.getresponse()
            return response.status, _beginning(response)
    finally:
        connection.close()


def _left(over: float) -> float:
    """The seconds that are left. Raises TimeoutError when none are."""
    if (left := over - time.monotonic()) <= 0:
        raise TimeoutError
    return left


@contextmanager
def _cut_after(seconds: float, sock: socket.socket) -> Iterator[None]:
    """However slowly the other side drips: then the connection is cut, and it was too slow. Raises TimeoutError."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            # Past the TLS layer, which would wait for the other side.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError


def _beginning(response: Any) -> str:
    """The first of an answer that is no yes, without what no page or database takes."""
    if 200 <= response.status < 300:
        return ""
    text = response.read(KEPT * 4).decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text)[:KEPT]


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """Where a name leads; empty: nowhere. Raises TimeoutError for a name server that does not answer in time."""
    found = SimpleQueue[list[str]]()

    def look() -> None:
        try:
            found.put([str(sockaddr[0]) for *_, sockaddr in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError):
            found.put([])

    # The system's own lookup cannot be cut: it ends by itself, some seconds after nobody waits for it any more.
    threading.Thread(target=look, daemon=True).start()
    try:
        return found.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None


def _connected(host: str, port: int, over: float) -> socket.socket:
    addresses = _addresses(host, port, _left(over))
    if not addresses:
        raise _NotReached(Trouble.UNKNOWN_HOST)
    if not all(map(_may_be_called, addresses)):
        raise _NotReached(Trouble.PRIVATE)
    # Two at most, such as one of either protocol: the second has what the first has left, and that is half at least.
    for share, address in zip((2, 1), addresses, strict=False):
        try:
            return socket.create_connection((address, port), timeout=_left(over) / min(share, len(addresses)))
        except OSError:
            continue
    raise _NotReached(Trouble.REFUSED)
