"""The journeys' pages: all there, none left over, and drawn so that a stale one is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.frame import Tale, journey
from tools import journeys
from tools.journeys import Step, index_of, page_of, pages_there


def files() -> Iterator[str]:
    """The page of every journey that there is."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for found in vars(import_module(f"tests.journeys.{path.stem}")).values():
            if hasattr(found, "file"):
                yield found.file


def test_every_journey_has_its_page_and_no_page_is_left_over() -> None:
    there = list(files())
    assert len(there) == len(set(there)) >= 14
    assert [name for name, _ in pages_there()] == sorted(there)


def test_the_index_lists_them_all() -> None:
    assert (journeys.PAGES / "README.md").read_text(encoding="utf-8") == index_of(pages_there())


def test_a_page_that_says_something_else_fails(tale: Tale, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(journeys, "PAGES", tmp_path)
    monkeypatch.setenv(journeys.WRITE, "1")

    def test_told(tale: Tale) -> None:
        """A title.

        What it is about.
        """
        tale.tell("firm", "issues", to="depot", then="Issued")

    told: Any = journey(test_told)
    told(tale)
    monkeypatch.delenv(journeys.WRITE)
    tale.steps.clear()
    told(tale)
    tale.steps.clear()
    tale.tell("firm", "does something new")
    with pytest.raises(AssertionError, match="out of date"):
        told(tale)


def test_a_diagram_has_its_parties_in_order_and_no_statement_ends_within_one() -> None:
    steps = [
        Step("Firm A", "sends; now", "Depot", "On the road"),
        Step("", "A day later"),
        Step("Depot", "no", refused=True),
    ]
    page = page_of("T", "A", steps)
    assert page.index("participant FirmA as Firm A") < page.index("participant Depot")
    assert "FirmA->>Depot: sends, now" in page
    assert "Note over FirmA,Depot: A day later" in page
    assert "Note over Depot: refused: no" in page
    assert "| 1 | Firm A → Depot | sends; now | On the road |" in page
