"""The watches: what can fall due, in words. Each app registers its own in `<app>/watches.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Watch:
    """One kind of deadline: its title, its sentence for each state (%(name)s of the alert's details), its action."""

    kind: str
    title: Any
    sentences: Mapping[str, Any]
    action: Any
    """What ends it, as the words on a button."""
    link: str = ""
    """Where that is done, a path with %(name)s of the details."""
    states: Mapping[str, Any] = field(default_factory=dict)
    """What its states are called where the usual words, due soon and overdue, do not fit it."""


_watches: dict[str, Watch] = {}


def register(watch: Watch) -> Watch:
    """Make a watch known. Registering another under the same kind is a mistake."""
    if watch.kind in _watches and _watches[watch.kind] != watch:
        raise ValueError(f"two watches are called {watch.kind}")
    _watches[watch.kind] = watch
    return watch


def watch_of(kind: str) -> Watch:
    """The watch of a kind; KeyError for an unknown one."""
    return _watches[kind]


def kinds() -> list[str]:
    """Every registered kind."""
    return sorted(_watches)
