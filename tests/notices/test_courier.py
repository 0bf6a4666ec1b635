"""The courier as it runs: threads beside a site, a command of its own, and the settings it goes by."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from tests.notices.conftest import Mailbox, System, reach
from tests.world import World, build_world
from wastetrack.alerts.services import settle
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.notices.courier import DELIVERERS, Courier
from wastetrack.notices.models import Mail, Webhook
from wastetrack.notices.services import create, gather
from wastetrack.notices.services.delivering import PATIENCE
from wastetrack.parties.actors import SYSTEM

ROOT = Path(__file__).resolve().parents[2]


def soon(holds: Callable[[], Any], seconds: float = 20) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(holds())


def something_happens(world: World, system: System) -> None:
    now = timezone.localtime()
    gather(now)
    reach(world, "firm")
    create(actor=world.actor("firm"), url=system.url, kinds=["alert.*"], now=now)
    drum = world.drum(now=now, accumulation_start="2025-01-01")
    settle("storage", [drum.subject], now=now)
    seal()


@pytest.mark.django_db(transaction=True)
def test_it_mails_and_delivers_beside_the_site_and_stops_at_once(
    mailbox: Mailbox, system: System, settings: Any
) -> None:
    settings.GATHER_SECONDS, settings.COURIER_SECONDS = 0, 60
    world = build_world()
    courier = Courier()
    courier.start()
    # Woken by the log, not by the minute.
    something_happens(world, system)
    assert soon(lambda: mailbox.taken and system.got)
    begun = time.monotonic()
    courier.stop()
    assert time.monotonic() - begun < 5
    assert soon(lambda: Mail.objects.filter(sent_at__isnull=False).count() == 1)
    assert [json.loads(body)["kind"] for _, body in system.got] == ["alert.fall_due"]


@pytest.mark.django_db(transaction=True)
def test_an_organisation_whose_systems_do_not_answer_holds_up_no_other(system: System, settings: Any) -> None:
    settings.COURIER_SECONDS = 0.1
    world, now = build_world(), timezone.localtime()
    for _ in range(DELIVERERS + 2):
        create(actor=world.actor("firm"), url=f"{system.url}/slow", kinds=["container.store"], now=now)
    create(actor=world.actor("firm2"), url=system.at(2), kinds=["container.store"], now=now)
    world.drum(now=now)
    seal()
    courier = Courier()
    courier.start()
    assert soon(lambda: system.waiting)
    time.sleep(0.5)
    world.drum("firm2", now=now)
    seal()
    assert soon(lambda: system.got, 5)
    assert len(system.waiting) == 1
    system.gate.set()
    assert soon(lambda: len(set(system.messages)) == DELIVERERS + 3)
    courier.stop()


def hanging(world: World, system: System, many: int, slow: bool, one_host: bool = False) -> None:
    """So many organisations whose systems do not answer, then one whose does; something happens at each of them."""
    now = timezone.localtime()
    for number in range(many):
        world.add(f"slow{number}", "generator")
        url = f"{system.at(2 if one_host else 2 + number)}/slow"
        webhook = create(actor=world.actor(f"slow{number}"), url=url, kinds=["container.*"], now=now)
        Webhook.objects.filter(pk=webhook.pk).update(slow=slow)
    create(actor=world.actor("firm"), url=system.url, kinds=["container.*"], now=now)
    names = [*(f"slow{number}" for number in range(many)), "firm"]
    readers = [frozenset({f"o:{world.organisations[name].pk}"}) for name in names]
    with transaction.atomic():
        record(SYSTEM, [Fact("container.store", "container:1", one) for one in readers], now=now)
    seal()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("many", "slow", "one_host"),
    [
        # They have become slow just now: each is waited for PATIENCE, as many at once as there are couriers.
        pytest.param(DELIVERERS + 2, False, False, id="new"),
        # They were slow the last time, or are all at one host: the others are not kept waiting at all.
        pytest.param(DELIVERERS + 2, True, False, id="known"),
        pytest.param(4 * DELIVERERS, False, True, id="one host"),
    ],
)
def test_many_that_do_not_answer_hold_up_none_that_does(
    system: System, settings: Any, many: int, slow: bool, one_host: bool
) -> None:
    settings.COURIER_SECONDS = 0.1
    hanging(build_world(), system, many, slow, one_host)
    courier = Courier()
    courier.start()
    came, (message,) = soon(lambda: system.got, 2 * PATIENCE), system.messages or [""]
    hung = soon(lambda: system.waiting)
    system.gate.set()
    courier.stop()
    assert (came, hung) == (True, True)
    assert message.startswith(f"msg_{Webhook.objects.latest('pk').pk}_")


def test_the_command_does_all_that_is_due_once(world: World, mailbox: Mailbox, system: System, settings: Any) -> None:
    settings.GATHER_SECONDS = 0
    something_happens(world, system)
    said = StringIO()
    call_command("deliver", stdout=said)
    assert said.getvalue().strip().endswith("1 mails, 1 to webhooks")
    assert (len(mailbox.taken), len(system.got)) == (1, 1)
    call_command("deliver", stdout=said)
    assert said.getvalue().strip().endswith("0 mails, 0 to webhooks")


def environment(**more: str) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if name != "DATABASE_URL"}
    return {**inherited, "DJANGO_SETTINGS_MODULE": "wastetrack.settings", "SECRET_KEY": "x", **more}


def test_the_loop_outlives_a_database_that_is_not_there_and_ends_when_told(tmp_path: Path) -> None:
    more = {"DATA_DIR": str(tmp_path), "COURIER_SECONDS": "0.1", "WASTETRACK_DEMO": "1"}
    done = subprocess.Popen(
        [sys.executable, "manage.py", "deliver", "--loop"], cwd=ROOT, env=environment(**more), stderr=subprocess.PIPE
    )
    assert done.stderr is not None
    tries = 0
    while tries < 3 and (line := done.stderr.readline()):
        tries += b"the courier failed; trying again" in line
    assert tries == 3
    done.send_signal(signal.SIGTERM)
    _, _ = done.communicate(timeout=30)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", ["dummy", None, None, None, None]),
        ("smtp://mail.example.org", ["smtp", "mail.example.org", 25, False, False]),
        ("smtps://u%40x:p@mail.example.org", ["smtp", "mail.example.org", 465, True, False]),
        ("smtp+tls://mail.example.org:2525", ["smtp", "mail.example.org", 2525, False, True]),
    ],
)
def test_the_mail_server_comes_from_the_environment(tmp_path: Path, url: str, expected: list[Any]) -> None:
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_SSL", "EMAIL_USE_TLS", "EMAIL_HOST_USER")
    ask = (
        "import json, wastetrack.settings as s; kind = s.EMAIL_BACKEND.split('.')[-2]; "
        f"print(json.dumps([kind, *[getattr(s, name, None) for name in {names}]]))"
    )
    env = environment(EMAIL_URL=url, DATA_DIR=str(tmp_path))
    said = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    *found, user = json.loads(said.stdout)
    assert found == expected
    assert user == ("u@x" if "@x" in url.replace("%40", "@") else user)


def test_an_address_of_a_mail_server_that_is_none_is_refused(tmp_path: Path) -> None:
    env = environment(EMAIL_URL="mail.example.org:25", DATA_DIR=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", "import wastetrack.settings"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert "EMAIL_URL is smtp://" in done.stderr
