"""The words a record may use: physical forms, kinds of container, treatment methods. See `cn/vocabulary.toml`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from wastetrack.regulations.data import toml


@dataclass(frozen=True, slots=True)
class Term:
    """One word: the stored code, the name that programs may send instead, both languages, and where it comes from."""

    code: str
    name: str
    zh: str
    en: str
    source: str
    confidence: str


_T = TypeVar("_T", bound=Term)


@dataclass(frozen=True, slots=True)
class ContainerKind(Term):
    """A kind of container; `rigid` may be stacked, `usual_l` lists the volumes it is sold in, litres."""

    rigid: bool
    usual_l: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TreatmentMethod(Term):
    """A way of treatment (HJ 1033 appendix F); kind is `recovery`, `disposal`, `other` or `medical`."""

    kind: str

    @property
    def final(self) -> bool:
        """Whether the waste ends here; handing it to a collector only moves it on."""
        return self.code != "C5"


def _rows(table: str) -> list[dict[str, Any]]:
    """The table's rows, each with the table's origin; a row without a name goes by its code."""
    head = toml("vocabulary.toml")[table]
    origin = {"source": head["source"], "confidence": head["confidence"]}
    return [{"name": row["code"], **row, **origin} for row in head["rows"]]


def _by_code(terms: Iterable[_T]) -> Mapping[str, _T]:
    return MappingProxyType({term.code: term for term in terms})


FORMS: Mapping[str, Term] = _by_code(Term(**row) for row in _rows("forms"))
CONTAINER_KINDS: Mapping[str, ContainerKind] = _by_code(
    ContainerKind(**row | {"usual_l": tuple(row["usual_l"])}) for row in _rows("container_kinds")
)
TREATMENT_METHODS: Mapping[str, TreatmentMethod] = _by_code(
    TreatmentMethod(**row) for row in _rows("treatment_methods")
)

_FORM_BY_NAME = {form.name: form for form in FORMS.values()}


def form(text: str) -> Term | None:
    """The physical form for its code (S, SS, L, G) or its name (solid, semi_solid, liquid, gas); None if unknown."""
    return FORMS.get(text.strip().upper()) or _FORM_BY_NAME.get(text.strip().lower())


def container_kind(text: str) -> ContainerKind | None:
    """The kind of container for its code (`steel_drum`); None if unknown."""
    return CONTAINER_KINDS.get(text.strip().lower())


def treatment_method(text: str) -> TreatmentMethod | None:
    """The treatment method for its code (`R9`, `D10`); None if unknown."""
    return TREATMENT_METHODS.get(text.strip().upper())
