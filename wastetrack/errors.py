"""The refusals every room raises. Pure: the sentence for a code is found by the shell (`wastetrack.sentences`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field of what was sent: a stable code and the values its sentence needs."""

    field: str
    code: str
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Refused(Exception):
    """A rule or a state forbids it: nothing was done. `code` is stable; `status` is the HTTP answer (409)."""

    status = 409

    def __init__(
        self,
        code: str,
        *,
        status: int | None = None,
        errors: Sequence[FieldError] = (),
        **params: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.params = params
        self.errors = tuple(errors)
        if status is not None:
            self.status = status


class Invalid(Refused):
    """What was sent can't be read or is out of bounds, field by field (422): nothing was done."""

    status = 422

    def __init__(self, *errors: FieldError, code: str = "invalid_fields", **params: Any) -> None:
        super().__init__(code, errors=errors, **params)


class NotFound(Refused):
    """It does not exist, or the caller may not see it: the same answer (404)."""

    status = 404

    def __init__(self, code: str = "not_found", **params: Any) -> None:
        super().__init__(code, **params)


class NotPermitted(Refused):
    """The caller is known but may not do this (403)."""

    status = 403

    def __init__(self, code: str = "not_permitted", **params: Any) -> None:
        super().__init__(code, **params)


def invalid(field_name: str, code: str, **params: Any) -> Invalid:
    """An Invalid with one field error: the common case."""
    return Invalid(FieldError(field_name, code, params))
