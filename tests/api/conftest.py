"""Fixtures of the API's tests."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from tests.api.support import checked
from tests.conftest import Api
from tests.world import World
from wastetrack.regulations.selectors import find_waste_code


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Settings) -> None:
    """These tests need no static file, so they do not ask whether any were collected."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _warm_catalogue(db: None) -> None:
    """The catalogue is looked up once in a while by a process, not by a request."""
    find_waste_code("900-249-08")


@pytest.fixture
def nobody(world: World, clock: object) -> Api:
    """A program without a token, treated as a browser would be."""
    return checked()
