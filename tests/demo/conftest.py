"""A small demo district, made once for the tests that look at it and rolled back after them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from desk.demo.build import build_demo
from tests.world import ZONE
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=ZONE)


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: Any) -> Iterator[datetime]:
    """Four firms and a month; gives the time at which it ends. Tests with it only read, and take no `db`."""
    with django_db_blocker.unblock(), transaction.atomic():
        build_demo(firms=4, days=30, seed=1, now=NOW)
        yield NOW
        transaction.set_rollback(True)


def actor(username: str) -> Actor:
    """Who signs in under this name."""
    return Actor.of(Membership.objects.select_related("user", "organisation").get(user__username=username))
