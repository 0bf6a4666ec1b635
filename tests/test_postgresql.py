"""The same tests on PostgreSQL: what stands on locks, constraints and the log runs there in a run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUITES = ["tests/kernel", "tests/journeys", "tests/races", "tests/feed", "tests/clock"]
DAYS = "120"
"""Of the district that the oracle follows: enough for every query of every watch to be asked."""


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.skipif("DATABASE_URL" in os.environ, reason="this run has a database of its own choice")
def test_kernel_races_and_feed_on_postgresql(postgres_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not once", *SUITES],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres_url, "CLOCK_DAYS": DAYS},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
