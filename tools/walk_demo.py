"""Starts `make demo` in a clone, signs in as everybody through the real form, looks at each home page, and stops it.

    walk_demo.py CLONE [--port N] [--limit SECONDS]

Prints how long installing took and how long the site took to be ready. If anything is wrong: exit 1,
with what it saw and the site's last output.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, NamedTuple

LOGINS = (
    "firm",
    "firm2",
    "depot",
    "keeper",
    "depot2",
    "carrier",
    "plant",
    "regulator",
    "regulator2",
    "steward",
    "viewer",
)
PASSWORD = "demo"
SIGN_OUT = ("退出", "Sign out")
"""What every signed-in page offers, in the two languages."""
BROKEN = re.compile(r"Traceback|Server Error|Page not found|\{%|\{\{")
PASSED_ON = re.compile(
    r"(PATH|HOME|USER|LOGNAME|SHELL|LANG|TMPDIR|XDG_CACHE_HOME|NODE_EXTRA_CA_CERTS)$"
    r"|(LC|PIP|UV|NPM_CONFIG|PYENV|SSL)_|.*_PROXY$",
    re.IGNORECASE,
)
"""How this machine installs; not how the site that runs here is set up."""


class Fault(Exception):
    """What is wrong with the demo, in a sentence."""


class Page(NamedTuple):
    """What a reader gets at an address."""

    status: int
    url: str
    text: str


class SignIn(HTMLParser):
    """Finds the form that has a password field: its action and its fields with their values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.username = ""
        self._form: tuple[str, dict[str, str], str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects a form's fields; keeps the form once its password field comes."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = (given.get("action", ""), {}, "")
        elif tag == "input" and self._form and given.get("name"):
            action, fields, username = self._form
            fields[given["name"]] = given.get("value", "")
            if given.get("type", "text") in {"text", "email"}:
                username = given["name"]
            self._form = (action, fields, username)
            if given.get("type") == "password":
                self.action, self.fields, self.username = self._form
                self.fields[given["name"]] = PASSWORD


class Reader:
    """One person's browser, without JavaScript."""

    def __init__(self, site: str) -> None:
        self.site = site
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._open = urllib.request.build_opener(jar, urllib.request.ProxyHandler({})).open

    def get(self, address: str, fields: dict[str, str] | None = None) -> Page:
        """A page by its address; a POST if there are fields."""
        url = urllib.parse.urljoin(self.site, address)
        data = urllib.parse.urlencode(fields).encode() if fields is not None else None
        request = urllib.request.Request(url, data, {"Referer": url})
        try:
            with self._open(request, timeout=30) as answer:
                return Page(answer.status, answer.url, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Page(error.code, url, error.read().decode(errors="replace"))

    def sign_in(self, login: str) -> Page:
        """The home page that this login lands on. Raises Fault."""
        page = self.get("/")
        form = SignIn(page.text)
        if page.status != 200 or not form.username:
            raise Fault(f"{page.url} answers {page.status} without a form to sign in by")
        self.get(urllib.parse.urljoin(page.url, form.action), form.fields | {form.username: login})
        return self.get("/")


def look_at(page: Page, login: str) -> None:
    """Raises Fault unless the page is somebody's home."""
    if page.status != 200:
        raise Fault(f"{login}: {page.url} answers {page.status}")
    if not any(word in page.text for word in SIGN_OUT):
        raise Fault(f"{login}: not signed in at {page.url}")
    if found := BROKEN.search(page.text):
        raise Fault(f"{login}: {found[0]!r} on {page.url}")


def walk(site: str) -> None:
    """Signs in as each demo login and looks at its home page. Raises Fault."""
    for login in LOGINS:
        look_at(Reader(site).sign_in(login), login)


def surroundings() -> dict[str, str]:
    """The environment of a person who has nothing set for this site."""
    return {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}


def install(clone: Path) -> float:
    """Installs everything anew; the seconds it took. Raises Fault."""
    start = time.monotonic()
    done = subprocess.run(["make", "setup"], cwd=clone, env=surroundings(), capture_output=True, text=True)
    if done.returncode:
        raise Fault(f"make setup ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return time.monotonic() - start


@contextmanager
def demo(clone: Path, port: int, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """`make demo` in a process group of its own, ended afterwards, with no settings from here."""
    with subprocess.Popen(
        ["make", "demo", f"PORT={port}"], cwd=clone, env=surroundings(), stdout=log, stderr=log, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with_group(process, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                with_group(process, signal.SIGKILL)


def with_group(process: subprocess.Popen[bytes], what: signal.Signals) -> None:
    """Signals the group that `process` leads, if it is still there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, what)


def wait_until_ready(site: str, process: subprocess.Popen[bytes], limit: float) -> float:
    """Seconds until the site says it is ready. Raises Fault when it ends before or takes longer than `limit`."""
    start = time.monotonic()
    while (passed := time.monotonic() - start) < limit:
        if process.poll() is not None:
            raise Fault(f"make demo ended with {process.returncode}")
        with suppress(OSError):
            if Reader(site).get("/readyz").status == 200:
                return passed
        time.sleep(0.1)
    raise Fault(f"not ready after {limit:.0f} s")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def visit(clone: Path, port: int, limit: float) -> float:
    """Runs the demo and walks it; seconds until it was ready. Raises Fault with the site's last output."""
    site = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryFile() as log:
        try:
            with demo(clone, port, log) as process:
                ready = wait_until_ready(site, process, limit)
                walk(site)
        except Fault as fault:
            log.seek(0)
            said = log.read().decode(errors="replace").splitlines()[-40:]
            raise Fault("\n".join([str(fault), *said])) from fault
    return ready


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="walk_demo.py")
    parser.add_argument("clone", type=Path)
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--limit", type=float, default=60, help="seconds to wait for the site once installed")
    options = parser.parse_args()
    try:
        installed = install(options.clone)
        ready = visit(options.clone, options.port or free_port(), options.limit)
    except Fault as fault:
        sys.exit(str(fault))
    print(f"installed in {installed:.0f} s; ready after {ready:.1f} s; {len(LOGINS)} home pages seen")


if __name__ == "__main__":
    main()
