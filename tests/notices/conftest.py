"""A mail server and a firm's own system, both real, on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.world import NOW, World
from wastetrack.notices.models import Address
from wastetrack.parties.models import MemberRole, Membership, User


@dataclass
class Mailbox:
    """What a mail server took, and what it answers instead of taking."""

    taken: list[EmailMessage] = field(default_factory=list)
    refusing: str = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusing:
            return self.refusing
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        assert envelope.rcpt_tos == [message["To"]]
        self.taken.append(message)
        return "250 OK"

    @property
    def words(self) -> list[str]:
        plain = [message.get_body(("plain",)) for message in self.taken]
        return [part.get_content().replace("\r\n", "\n") for part in plain]  # type: ignore[union-attr]


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A mail server that this site mails through."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    yield box
    controller.stop()


@dataclass
class System:
    """A firm's own system: what came in, and the statuses it answers with, the last one again and again."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [200])
    words: bytes = b""
    url: str = ""
    gate: threading.Event = field(default_factory=threading.Event)
    waiting: list[str] = field(default_factory=list)
    """What came to /slow: there is no answer before the gate opens."""

    def at(self, number: int) -> str:
        """Its url at another host."""
        return self.url.replace("127.0.0.1", f"127.0.0.{number}")

    @property
    def messages(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    @property
    def indices(self) -> list[int]:
        return [int(message.rpartition("_")[2]) for message in self.messages]


@pytest.fixture
def system(settings: Any) -> Iterator[System]:
    """A real HTTP server on loopback, which this site may call."""
    settings.WEBHOOKS_PRIVATE = True
    own = System()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/slow":
                own.waiting.append(self.headers["webhook-id"])
                own.gate.wait(20)
            own.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = own.answers.pop(0) if len(own.answers) > 1 else own.answers[0]
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", f"{own.url}/elsewhere")
            self.send_header("Content-Length", str(len(own.words)))
            self.end_headers()
            self.wfile.write(own.words)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    # Under every address of loopback: 127.0.0.2 is another host, and this same system.
    server = ThreadingHTTPServer(("", 0), Handler)
    own.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield own
    own.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def reach(world: World, *names: str, language: str = "en") -> None:
    """These people have proved to read mail at name@example.org."""
    for name in names:
        user = world.memberships[name].user
        user.email, user.language = f"{name}@example.org", language
        user.save(update_fields=["email", "language"])
        Address.objects.create(user=user, email=user.email, confirmed_at=NOW)


def member(world: World, name: str, organisation: str, role: str = MemberRole.ADMIN) -> Membership:
    """Another member of an organisation, found under its name from now on."""
    user = User.objects.create_user(username=name, password="demo", name=name)
    world.memberships[name] = Membership.objects.create(
        user=user, organisation=world.organisations[organisation], role=role
    )
    return world.memberships[name]
