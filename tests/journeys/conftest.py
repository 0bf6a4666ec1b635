"""What a journey is told with."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.frame import Tale
from tests.world import World


@pytest.fixture
def tale(world: World, clock: Any) -> Tale:
    return Tale(world, clock)
