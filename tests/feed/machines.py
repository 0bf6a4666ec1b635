"""Redis, PostgreSQL databases and a second process, started for a test and ended with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from tools.site import ROOT, free_port


@dataclass
class OwnRedis:
    """A Redis of our own that may be killed. Keeps nothing."""

    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @staticmethod
    def program() -> str | None:
        """Where it is on this machine; None where it is not."""
        return shutil.which("redis-server")

    def start(self) -> None:
        """Raises RuntimeError when it does not answer within 5 s."""
        words = [
            str(self.program()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, cwd="/")
        with redis.Redis(port=self.port) as client:
            for _ in range(100):
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(0.05)
        raise RuntimeError("Redis did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@dataclass
class Databases:
    """Databases of our own beside the one at `url`, dropped at the end."""

    url: str
    made: list[str] = field(default_factory=list)

    def make(self, name: str, like: str = "template1") -> str:
        """Its address; a copy of `like`, with which nobody may be connected."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like))
            )
        self.made.append(name)
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name in self.made:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class District:
    """`tests.feed.district`, or another module that obeys lines, in its process: `district("write", "firm", 3)`."""

    def __init__(self, environment: dict[str, str], module: str = "tests.feed.district", *words: str) -> None:
        self._one_at_a_time = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: Any) -> Any:
        """Raises RuntimeError when it has died of it; what it said is in the test's output."""
        assert self.process.stdin
        with self._one_at_a_time:
            self.process.stdin.write(json.dumps(words) + "\n")
            self.process.stdin.flush()
            return self.answer()

    def answer(self) -> Any:
        assert self.process.stdout
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.process.args!r} has ended")
        return json.loads(answer)

    def end(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()
        self.process.wait(10)


@contextmanager
def district(environment: dict[str, str], *words: str) -> Iterator[District]:
    one = District(environment, *words)
    try:
        yield one
    finally:
        one.end()


def memory(pid: int) -> int:
    """What a process holds in memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
