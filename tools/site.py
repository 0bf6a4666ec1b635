"""A served demo district with a database of its own, for what looks at the site: browser tests and screenshots."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def chromium() -> str | None:
    """Where this machine's Chromium is; None where it has none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Site:
    """One site in a process of its own, on loopback, with its data in `folder`."""

    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def in_folder(cls, folder: Path, **settings: str) -> Site:
        """A site that keeps its data in `folder`; `settings` are further environment variables."""
        url = f"http://127.0.0.1:{free_port()}"
        inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        environment = {
            **inherited,
            "WASTETRACK_DEMO": "1",
            "DJANGO_SETTINGS_MODULE": "wastetrack.settings",
            "DATA_DIR": str(folder),
            "PUBLIC_URL": url,
            "LOG_LEVEL": "WARNING",
            **settings,
        }
        return cls(url, environment)

    def manage(self, *words: str) -> str:
        """Run a management command; RuntimeError with what it said when it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def start(self) -> None:
        """Serve, and wait until it is ready; RuntimeError after 20 s."""
        port = self.url.rsplit(":", 1)[1]
        command = [sys.executable, "manage.py", "serve", "--port", port]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the site did not get ready")

    def stop(self) -> None:
        """End the process that was started here."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
