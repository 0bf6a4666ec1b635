"""How a lifecycle is declared: `Stateful` models, `verb` transitions and `Guard` conditions on django_fsm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from django.db import models
from django_fsm import ConcurrentTransitionMixin, FSMModelMixin, transition

from wastetrack.parties.actors import Actor
from wastetrack.parties.visibility import VisibleModel

Method = TypeVar("Method", bound=Callable[..., Any])


class Guard:
    """A condition with a stable code: where it does not hold, the verb is refused with that code."""

    def __init__(self, code: str, holds: Callable[[Any], bool]) -> None:
        self.code = code
        self._holds = holds

    def __call__(self, instance: Any) -> bool:
        return self._holds(instance)


def verb(
    *, source: str | Sequence[str], target: str, by: str | Sequence[str], guards: Sequence[Guard] = ()
) -> Callable[[Method], Method]:
    """Declare a transition of `state`: from where, to where, by which party, under which guards."""
    parties = frozenset([by] if isinstance(by, str) else by)
    return transition(
        field="state",
        source=source if isinstance(source, str) else list(source),
        target=target,
        conditions=list(guards),
        custom={"by": parties},
    )


class Stateful(ConcurrentTransitionMixin, VisibleModel):
    """A model with a protected `state` that only `lifecycle.services.advance` changes."""

    SUBJECT: ClassVar[str]
    """The subject's kind in the ledger: `container`, `manifest`, …"""
    state: Any
    locked_in: Any = None
    """The atomic block in which `lifecycle.services.lock` read and locked this instance; None for any other."""

    class Meta:
        abstract = True

    @property
    def subject(self) -> str:
        """The ledger's name for this row: `container:<code>`."""
        raise NotImplementedError

    def positions(self, actor: Actor) -> frozenset[str]:
        """Which parties of this row the actor speaks for."""
        raise NotImplementedError

    def readers(self) -> frozenset[str]:
        """The audience of what happens to this row."""
        raise NotImplementedError

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Read the row again, protection untouched.

        The library's own method lifts the field's protection for the whole process while it reads, and leaves it
        lifted when the row is gone. A protected field may be set once while it is absent, so it is enough to take
        this instance's value out, and to put it back if nothing was to take its place.
        """
        fields = kwargs.get("fields") or (args[1] if len(args) > 1 else None)
        held = self.__dict__.pop("state", None)
        try:
            models.Model.refresh_from_db(self, *args, **kwargs)
        finally:
            if held is not None and ("state" not in self.__dict__ or (fields is not None and "state" not in fields)):
                self.__dict__["state"] = held
        if fields is None or "state" in fields:
            self.note_state()

    def note_state(self) -> None:
        """The database now has this state: what the next save will compare with."""
        self._update_initial_state()


def _assert_mro() -> None:
    # refresh_from_db above goes round FSMModelMixin's; a library that renames it must not pass unseen.
    if FSMModelMixin not in Stateful.__mro__:
        raise RuntimeError("django_fsm no longer has FSMModelMixin below ConcurrentTransitionMixin")


_assert_mro()
