"""Over a line that loses every third answer nothing is lost, nothing doubled, and no verdict contradicts the books."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scanner.lossy import Outcome, scan_over_a_bad_line
from tools.node import node

pytestmark = pytest.mark.usefixtures("_node")


@pytest.fixture(scope="module")
def _node() -> None:
    if node() is None:
        if os.environ.get("CI"):
            raise RuntimeError("no node")
        pytest.skip("no Node.js on this machine: run `make setup`")


def _as_bad_as_meant(outcome: Outcome) -> bool:
    """Whether the line lost its share."""
    return outcome.fates["lost"] > outcome.fates.total() // 6


def test_a_bad_line_changes_nothing(tmp_path: Path) -> None:
    outcome = scan_over_a_bad_line(tmp_path, scans=300, drums=50, waiting=8)
    assert outcome.scans == 300
    assert outcome.wrong == {}
    assert _as_bad_as_meant(outcome)
    assert outcome.verdicts["put_away accepted"] > 50
    assert outcome.verdicts["check_in accepted"] > 5


def test_without_nonces_the_same_line_does_harm(tmp_path: Path) -> None:
    outcome = scan_over_a_bad_line(tmp_path, scans=150, drums=50, waiting=8, fresh=True)
    assert any("logged" in wrong for wrong in outcome.doubled), outcome.wrong


@pytest.mark.ci
@pytest.mark.long
@pytest.mark.skipif(not os.environ.get("CI"), reason="takes minutes: CI runs it")
def test_twenty_thousand_scans_over_a_bad_line(tmp_path: Path) -> None:
    outcome = scan_over_a_bad_line(tmp_path, scans=20_000, drums=400, devices=4)
    assert outcome.scans == 20_000
    assert outcome.wrong == {}
    assert _as_bad_as_meant(outcome)
