"""docs/journeys: the journeys of the tests as step lists and diagrams, drawn by the run that proves them.

`python -m tools.journeys` walks them all and writes the pages; without it their tests fail where a page is out of date.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGES = Path(__file__).resolve().parents[1] / "docs" / "journeys"
WRITE = "WRITE_JOURNEYS"
"""Set in the environment, the tests write their pages instead of comparing them."""


@dataclass(frozen=True)
class Step:
    """Who did what, towards whom if anybody, and what came of it. Without `who`: time went by."""

    who: str
    what: str
    to: str = ""
    then: str = ""
    refused: bool = False


def page_of(title: str, about: str, steps: Sequence[Step]) -> str:
    """The Markdown page of one journey: what it is about, the diagram, the steps."""
    return "\n".join([f"# {title}", "", about, "", *_diagram(steps), "", *_table(steps), ""])


def index_of(pages: Iterable[tuple[str, str]]) -> str:
    """The list of all journeys: (file name, title) of each."""
    return "\n".join(
        [
            "# Journeys",
            "",
            "What happens to drums and manifests, step by step. Each page is drawn by the test of the same name: what",
            "stands here was done just so, by calls of the API. `make journeys` draws them anew.",
            "",
            *(f"- [{title}]({name})" for name, title in sorted(pages, key=lambda page: page[0])),
            "",
        ]
    )


def title_of(page: str) -> str:
    """The heading of a page."""
    return page.partition("\n")[0].removeprefix("# ")


def pages_there() -> list[tuple[str, str]]:
    """(file name, title) of the pages that are kept."""
    found = sorted(path for path in PAGES.glob("*.md") if path.name != "README.md")
    return [(path.name, title_of(path.read_text(encoding="utf-8"))) for path in found]


def _diagram(steps: Sequence[Step]) -> list[str]:
    names = list(dict.fromkeys(name for step in steps for name in (step.who, step.to) if name))
    lines = ["```mermaid", "sequenceDiagram"]
    lines += [f"    participant {_id(name)} as {name}" for name in names]
    lines += [f"    {_arrow(step, names)}" for step in steps]
    return [*lines, "```"]


def _arrow(step: Step, names: Sequence[str]) -> str:
    what = _plain(step.what)
    if not step.who:
        return f"Note over {_id(names[0])},{_id(names[-1])}: {what}"
    if step.refused:
        return f"Note over {_id(step.who)}: refused: {what}"
    if step.to:
        return f"{_id(step.who)}->>{_id(step.to)}: {what}"
    return f"Note over {_id(step.who)}: {what}"


def _table(steps: Sequence[Step]) -> list[str]:
    lines, number = ["| | who | does | then |", "|---|---|---|---|"], 0
    for step in steps:
        if not step.who:
            lines.append(f"| | | *{_cell(step.what)}* | |")
            continue
        number += 1
        to = f" → {step.to}" if step.to else ""
        then = f"refused: {step.then}" if step.refused else step.then
        lines.append(f"| {number} | {step.who}{to} | {_cell(step.what)} | {_cell(then)} |")
    return lines


def _id(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name)


def _plain(text: str) -> str:
    """Text that a diagram bears: what ends a statement or begins an entity there is written another way."""
    return text.replace(";", ",").replace("#", "no. ")


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def main() -> int:
    """Walk every journey and write its page; pages of journeys that are gone go too."""
    import pytest

    PAGES.mkdir(exist_ok=True)
    for path in PAGES.glob("*.md"):
        path.unlink()
    os.environ[WRITE] = "1"
    quietly = ["-q", "-p", "no:cacheprovider", "--durations=0", "--deselect=tests/journeys/test_pages.py"]
    outcome = int(pytest.main([*quietly, "tests/journeys"]))
    (PAGES / "README.md").write_text(index_of(pages_there()), encoding="utf-8")
    return outcome


if __name__ == "__main__":
    sys.exit(main())
