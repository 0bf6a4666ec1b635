"""`make demo` as a new user tries it: from a fresh clone, without anything of this one."""

import os
import subprocess
from pathlib import Path

import pytest

from tools import walk_demo

ROOT = Path(__file__).resolve().parents[2]
READY = 120
READY_AGAIN = 15
"""Seconds. They are promised in 60 and in 5 on a quiet machine; this one has the tests' services on its two cores."""


@pytest.mark.ci
@pytest.mark.skipif(not os.environ.get("CI"), reason="installs everything anew: in CI only")
def test_demo_from_a_fresh_clone(tmp_path, capsys):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)
    installed = walk_demo.install(clone)
    first = walk_demo.visit(clone, walk_demo.free_port(), READY)
    again = walk_demo.visit(clone, walk_demo.free_port(), READY_AGAIN)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, check=True, capture_output=True, text=True)
    assert status.stdout == ""
    with capsys.disabled():
        print(f"\nmake demo: installed in {installed:.0f} s, ready after {first:.1f} s, the second time {again:.1f} s")  # noqa: T201
