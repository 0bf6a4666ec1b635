"""Fixtures of the API's tests."""

from __future__ import annotations

import pytest

from tests.api.support import checked
from tests.conftest import Api
from tests.world import World


@pytest.fixture
def nobody(world: World, clock: object) -> Api:
    """A program without a token, treated as a browser would be."""
    return checked()
