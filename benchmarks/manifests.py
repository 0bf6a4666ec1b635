"""A manifest over HTTP: drafted and issued, read, and as PDF. Targets with 200 drums: 1 s to issued, 1 s for the PDF.

The floor in the same run is the site's smallest answer. Each figure is the best of three; signing is by password with
the quick hash of the tests, whose strength costs a real site its own time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.world import PASSWORD
from tools.site import ROOT, Site

LOADS = 3
Row = dict[str, object]


def served(folder: Path, drums: int) -> tuple[Site, dict[str, Any]]:
    """A site with a firm's loads of drums, serving."""
    site = Site.in_folder(
        folder, DJANGO_SETTINGS_MODULE="tests.settings", BACKGROUND="sealer", SECRET_KEY="only-for-benchmarks"
    )
    site.environment["DATABASE_URL"] = f"sqlite:///{folder / 'loads.sqlite3'}"
    site.manage("migrate", "--verbosity", "0")
    words = [sys.executable, "-m", "benchmarks._loads", str(drums), str(LOADS)]
    made = subprocess.run(
        words, cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=900, check=False
    )
    if made.returncode:
        raise RuntimeError(made.stderr[-3000:])
    site.start()
    return site, json.loads(made.stdout)


def timed(ask: Callable[[], httpx.Response]) -> tuple[float, httpx.Response]:
    """Milliseconds of an answer, and the answer. RuntimeError when it is a refusal."""
    begun = time.perf_counter()
    answer = ask()
    if answer.is_error:
        raise RuntimeError(answer.text)
    return (time.perf_counter() - begun) * 1000, answer


def best(ask: Callable[[], httpx.Response], times: int = 3) -> float:
    return min(timed(ask)[0] for _ in range(times))


def measure(client: httpx.Client, world: dict[str, Any]) -> dict[str, float]:
    """Milliseconds by what was asked for."""
    found: dict[str, float] = {"the smallest answer": best(lambda: client.get("/healthz"), 20)}
    numbers, whole = [], []
    for drums in world["loads"]:
        body = {"receiver": world["depot"], "carrier": world["carrier"], "containers": drums}
        drafted, answer = timed(lambda body=body: client.post("/api/v1/manifests", json=body))  # type: ignore[misc]
        numbers.append(answer.json()["number"])
        issue = f"/api/v1/manifests/{numbers[-1]}/issue"
        issued, _ = timed(lambda issue=issue: client.post(issue, json={"password": PASSWORD}))  # type: ignore[misc]
        whole.append((drafted + issued, drafted, issued))
    found["draft"], found["issue"] = min(one[1] for one in whole), min(one[2] for one in whole)
    found["draft → issued"] = min(one[0] for one in whole)
    alike, different = numbers[0], numbers[-1]
    found["detail"] = best(lambda: client.get(f"/api/v1/manifests/{alike}"))
    found["PDF, one waste"] = best(lambda: client.get(f"/api/v1/manifests/{alike}.pdf"))
    found["PDF, all different"] = best(lambda: client.get(f"/api/v1/manifests/{different}.pdf"))
    return found


def run(small: bool = False) -> list[Row]:
    """One row a thing asked for: milliseconds, and how many times the floor."""
    drums = 20 if small else 200
    with tempfile.TemporaryDirectory() as folder:
        site, world = served(Path(folder), drums)
        try:
            headers = {"Authorization": f"Bearer {world['token']}"}
            with httpx.Client(base_url=site.url, headers=headers, timeout=60) as client:
                found = measure(client, world)
        finally:
            site.stop()
    floor = found["the smallest answer"]
    return [
        {"asked for": name, "drums": drums, "ms": spent, "× the floor": spent / floor} for name, spent in found.items()
    ]
