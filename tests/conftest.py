"""Fixtures that every test may use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis
from django.test import Client

from tests.world import NOW, World, build_world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first: else one worker is left with it when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture
def world(db: None) -> World:
    return build_world()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Sets what requests take for now; NOW to begin with."""
    from wastetrack import http

    class Frozen:
        now = NOW

    class Timezone:
        def __getattr__(self, name: str) -> Any:
            return getattr(http_timezone, name)

        @staticmethod
        def localtime(value: Any = None, *args: Any) -> Any:
            return Frozen.now if value is None else http_timezone.localtime(value, *args)

    http_timezone: Any = vars(http)["timezone"]
    monkeypatch.setattr(http, "timezone", Timezone())

    def set_now(moment: Any) -> None:
        Frozen.now = moment

    return set_now


class Api:
    """A program that talks to the API with a token."""

    def __init__(self, token: str | None, language: str = "en") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Accept-Language": language}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, str) else json.dumps(body if body is not None else {})
        return self.client.post(
            f"/api/v1{path}", data, content_type="application/json", headers={**self.headers, **headers}
        )


@pytest.fixture
def api(world: World, clock: Any) -> Callable[[str], Api]:
    """`api("firm")`: a program acting for that organisation at NOW."""
    return lambda name: Api(world.token(name))


def _needed(what: str, url: str, reachable: Callable[[str], Any]) -> str:
    """A service that a test talks to: found, or the test is skipped; with CI set it must be there."""
    try:
        reachable(url)
    except Exception as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no {what} at {url}: {error}")
    return url


@pytest.fixture(scope="session")
def redis_url() -> str:
    return _needed(
        "Redis",
        os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0"),
        lambda url: redis.Redis.from_url(url, socket_connect_timeout=2).ping(),
    )


@pytest.fixture(scope="session")
def postgres_url() -> str:
    return _needed(
        "PostgreSQL",
        os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/test"),
        lambda url: psycopg.connect(url, connect_timeout=2).close(),
    )
