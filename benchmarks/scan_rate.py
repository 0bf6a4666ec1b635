"""Verdicts at 50 scans a second against 100,000 drums: half check in, a quarter put away, a quarter look up.

Target: p95 within 150 ms. The floor in the same run is the site's smallest answer, asked for at the same rate.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from tools.site import ROOT, Site

RATE = 50


def served(folder: Path, drums: int, standing: int, coming: int) -> tuple[Site, dict[str, Any]]:
    """A site with a crowd of drums, serving."""
    site = Site.in_folder(
        folder, DJANGO_SETTINGS_MODULE="tests.settings", BACKGROUND="sealer", SECRET_KEY="only-for-benchmarks"
    )
    site.environment["DATABASE_URL"] = f"sqlite:///{folder / 'crowd.sqlite3'}"
    site.manage("migrate", "--verbosity", "0")
    words = [sys.executable, "-m", "benchmarks._crowd", str(drums), str(standing), str(coming)]
    made = subprocess.run(
        words, cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=900, check=False
    )
    if made.returncode:
        raise RuntimeError(made.stderr[-3000:])
    site.start()
    return site, json.loads(made.stdout)


def scans(world: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What operators scan, one after the other."""
    chance = random.Random(7)
    coming = iter(world["coming"])
    for number in itertools.count():
        code = next(coming, None) if number % 2 == 0 else None
        intent = "check_in" if code else ("put_away" if number % 4 == 1 else "lookup")
        scan = {"nonce": secrets.token_hex(12), "text": code or chance.choice(world["stored"]), "intent": intent}
        scan["depot"] = world["depot"]
        yield scan | ({"bay": chance.choice(world["bays"])} if intent == "put_away" else {})


async def at_rate(seconds: float, ask: Callable[[], Awaitable[None]]) -> list[float]:
    """Milliseconds of each answer, asked for at a steady rate whether or not the last has come."""
    found: list[float] = []

    async def one(due: float) -> None:
        await ask()
        # From when it was due: a queue that builds up is part of what an operator waits.
        found.append((time.perf_counter() - due) * 1000)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * RATE)):
            due = begun + number / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    return sorted(found)


async def measure(site: Site, world: dict[str, Any], seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds of scans, and of the smallest answer."""
    source = scans(world)
    headers = {"Authorization": f"Bearer {world['token']}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, timeout=60) as client:

        async def scan() -> None:
            answer = (await client.post("/api/v1/scans", json=next(source))).json()
            if answer["verdict"] != "accepted":
                raise RuntimeError(str(answer))

        async def floor() -> None:
            (await client.get("/healthz")).raise_for_status()

        await at_rate(2, scan)
        return await at_rate(seconds, scan), await at_rate(seconds / 2, floor)


def run(small: bool = False) -> list[dict[str, object]]:
    """One row for few and one for many drums: p50 and p95 of a verdict, and of the floor."""
    rows: list[dict[str, object]] = []
    seconds = 5 if small else 30
    for drums, standing in ((1_000, 200), (10_000, 2_000)) if small else ((1_000, 200), (100_000, 20_000)):
        with tempfile.TemporaryDirectory() as folder:
            site, world = served(Path(folder), drums, standing, int((seconds + 2) * RATE / 2) + 25)
            try:
                times, floor = asyncio.run(measure(site, world, seconds))
            finally:
                site.stop()
        p95 = times[int(len(times) * 0.95)]
        rows.append(
            {
                "drums": world["containers"],
                "in the depot": standing,
                "scans": len(times),
                "p50 ms": times[len(times) // 2],
                "p95 ms": p95,
                "floor p95 ms": floor[int(len(floor) * 0.95)],
                "× first": p95 / float(str(rows[0]["p95 ms"])) if rows else 1.0,
            }
        )
    return rows
