"""The device's queue: kept before it is sent, sent in order, never twice, and nothing blocks or disappears.

The cases stand in queue_cases.mjs and run the page's own module.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.scanner.conftest import HERE

CASES = re.findall(r'^  async "(.+)"\(\) \{$', (HERE / "queue_cases.mjs").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def outcomes(javascript: Callable[..., Any]) -> dict[str, str | None]:
    return dict(javascript("queue_cases.mjs"))


@pytest.mark.parametrize("case", CASES)
def test_queue(outcomes: dict[str, str | None], case: str) -> None:
    assert outcomes[case] is None


def test_no_case_is_left_out(outcomes: dict[str, str | None]) -> None:
    assert set(outcomes) == set(CASES)
    assert len(CASES) > 15
