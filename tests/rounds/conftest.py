"""The phone's half of a round is JavaScript: its modules run under Node, driven from here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.node import node, run

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def javascript() -> Callable[..., Any]:
    """`javascript("seal_it.mjs", given)`: what the script answers, both as JSON."""
    if node() is None:
        if os.environ.get("CI"):
            raise RuntimeError("no node")
        pytest.skip("no Node.js on this machine: run `make setup`")

    def call(script: str, given: Any = None) -> Any:
        return json.loads(run(HERE / script, given=json.dumps(given), seconds=60))

    return call
