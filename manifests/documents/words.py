"""The fixed words of the manifest's document, in Chinese and small English, from `cn/document.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Words(NamedTuple):
    """What is printed large, and the small English beside it."""

    zh: str
    en: str = ""


@cache
def document_words() -> dict[str, Any]:
    """The parsed file, read once a process: callers must not change it."""
    return tomllib.loads((Path(__file__).parent.parent / "cn" / "document.toml").read_text("utf-8"))


def word(table: str, name: str, **blanks: object) -> Words:
    """An entry of a table (of the file itself for none) with its blanks filled; KeyError for an unknown one."""
    zh, en = document_words()[table][name] if table else document_words()[name]
    return Words(zh.format(**blanks), en.format(**blanks)) if blanks else Words(zh, en)


def known_word(table: str, name: str) -> Words:
    """The same, and the name itself where the table does not have it: what others add is printed too."""
    return word(table, name) if name in document_words()[table] else Words(name)


NONE = str(document_words()["none"])
