"""A journey: a test that reads as the trade speaks, and whose steps are written down while they are done."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from tests.conftest import Api
from tests.world import NOW, World
from tools import journeys
from tools.journeys import Step

CAST = {
    "firm": "Firm A",
    "firm2": "Firm B",
    "firm3": "Firm C",
    "depot": "Depot",
    "depot2": "Second depot",
    "carrier": "Carrier",
    "carrier2": "Second carrier",
    "carrier3": "Third carrier",
    "carrier4": "Fourth carrier",
    "plant": "Plant",
    "plant2": "Second plant",
    "steward": "Steward",
    "regulator": "Regulator",
    "regulator2": "Regulator elsewhere",
}
"""How the pages name the organisations of the tests' district."""


class Tale:
    """One run of a journey: the district, the clock, and what was told so far."""

    def __init__(self, world: World, set_clock: Callable[[datetime], None]) -> None:
        self.world = world
        self.now = NOW
        self.steps: list[Step] = []
        self.names: dict[str, str] = {}
        """What the pages say instead of a code or a number."""
        self._set_clock = set_clock
        self._programs: dict[str, Api] = {}

    def api(self, name: str) -> Api:
        """The program through which the organisation of this name acts."""
        return self._programs.setdefault(name, Api(self.world.token(name)))

    def wait(self, text: str, **by: float) -> None:
        """Time goes by, as the text says."""
        self.now += timedelta(**by)
        self._set_clock(self.now)
        self.steps.append(Step("", text))

    def scene(self, text: str) -> None:
        """Says what is not a step of anybody."""
        self.steps.append(Step("", text))

    def tell(self, who: str, what: str, *, to: str = "", then: str = "", refused: bool = False) -> None:
        """Write a step down; codes and numbers are told by their names."""
        told = Step(CAST[who], self.named(what), CAST.get(to, ""), self.named(then), refused)
        self.steps.append(told)

    def named(self, text: str) -> str:
        """The text with names where it has codes, numbers and the district's own names."""
        for code in sorted(self.names, key=len, reverse=True):
            text = text.replace(code, self.names[code])
        for name, label in CAST.items():
            text = re.sub(rf"演示{name}\b", label, text)
        return text

    def keep(self, file: str, title: str, about: str) -> None:
        """Compare the page with the one that is kept, or write it where that was asked for."""
        page, path = journeys.page_of(title, about, self.steps), journeys.PAGES / file
        if os.environ.get(journeys.WRITE):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        assert page == kept, f"docs/journeys/{file} is out of date: run make journeys"


def journey(test: Callable[[Tale], None]) -> Callable[[Tale], None]:
    """A test that takes a tale and compares its page when it has passed. Its docstring: the page's title and text."""
    title, _, about = inspect.cleandoc(test.__doc__ or "").partition("\n\n")

    @wraps(test)
    def told(tale: Tale) -> None:
        test(tale)
        tale.keep(file_of(test), title.rstrip("."), about.replace("\n", " "))

    told.file = file_of(test)  # type: ignore[attr-defined]
    return told


def file_of(test: Any) -> str:
    """The page of a journey: test_one_drum → one-drum.md."""
    return test.__name__.removeprefix("test_").replace("_", "-") + ".md"
