"""The sweep: 1,000 due among 1,000,000 watched against the same among 10,000. Target: at most 1.3 times as long.

Also what a sweep costs that finds nothing due, and the request in which a district changes the figure that times them
all. Best of three each; SQLite, and PostgreSQL where it answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tools.site import ROOT, Site

POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/test")
DATABASE = "benchmark_sweep"
Row = dict[str, object]


@contextmanager
def postgresql() -> Iterator[str]:
    """A database of its own; OSError where there is no server."""
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        raise OSError(str(error)) from error
    with server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        server.execute(f"CREATE DATABASE {DATABASE}")
        try:
            yield f"{POSTGRESQL.rpartition('/')[0]}/{DATABASE}"
        finally:
            server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def measured(folder: Path, url: str, due: int, sizes: list[int]) -> list[dict[str, float]]:
    """What `benchmarks._sweep` measures on this database, in a process of its own."""
    site = Site.in_folder(
        folder, DJANGO_SETTINGS_MODULE="tests.settings", SECRET_KEY="only-for-benchmarks", DATABASE_URL=url
    )
    site.manage("migrate", "--verbosity", "0")
    words = [sys.executable, "-m", "benchmarks._sweep", str(due), *map(str, sizes)]
    done = subprocess.run(
        words, cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    found: list[dict[str, float]] = json.loads(done.stdout)
    return found


def rows(name: str, folder: Path, url: str, due: int, sizes: list[int]) -> list[Row]:
    found = measured(folder, url, due, sizes)
    return [
        {
            "database": name,
            "watched": int(one["watched"]),
            "due": due,
            "sweep ms": one["seconds"] * 1000,
            "× the smaller": one["seconds"] / found[0]["seconds"],
            "nothing due, ms": one["idle"] * 1000,
            "figure changed, ms": one["figure"] * 1000,
        }
        for one in found
    ]


def run(small: bool = False) -> list[Row]:
    """One row a database and number of watched deadlines."""
    due, sizes = (100, [1_000, 20_000]) if small else (1_000, [10_000, 1_000_000])
    with tempfile.TemporaryDirectory() as folder:
        found = rows("SQLite", Path(folder), f"sqlite:///{folder}/sweep.sqlite3", due, sizes)
        try:
            with postgresql() as url:
                found += rows("PostgreSQL", Path(folder), url, due, sizes)
        except OSError as error:
            print(f"No PostgreSQL: {error}", file=sys.stderr)
    return found
