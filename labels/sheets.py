"""Where labels lie on their pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

A4 = (210.0, 297.0)
EDGE = 5.0
"""Millimetres along the paper's edge that printers leave white; the cut marks stand there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the index-th label lies: its lower left corner and its side, millimetres from the page's lower left."""

    index: int
    x: float
    y: float
    side: float


@dataclass(slots=True)
class Page:
    """A page in millimetres and what lies on it."""

    width: float
    height: float
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class _Shelf:
    page: Page
    y: float
    height: float
    used: float = EDGE


def arrange(sides: Sequence[float], layout: str) -> list[Page]:
    """Square labels onto pages: `single`, each on a page of its size; `a4`, in rows, the large ones first.

    ValueError layout for another one.
    """
    if layout == "single":
        return [Page(side, side, [Place(index, 0, 0, side)]) for index, side in enumerate(sides)]
    if layout != "a4":
        raise ValueError("layout")
    pages: list[Page] = []
    shelves: list[_Shelf] = []
    for index, side in sorted(enumerate(sides), key=lambda item: -item[1]):
        shelf = next((s for s in shelves if s.height >= side and s.used + side <= A4[0] - EDGE), None)
        if shelf is None:
            shelf = _new_shelf(pages, shelves, side)
            shelves.append(shelf)
        shelf.page.places.append(Place(index, shelf.used, shelf.y + shelf.height - side, side))
        shelf.used += side
    return pages


def _new_shelf(pages: list[Page], shelves: list[_Shelf], side: float) -> _Shelf:
    """A row below the lowest of the first page that has the height for it, or at the top of a new page."""
    for page in pages:
        floor = min(shelf.y for shelf in shelves if shelf.page is page)
        if floor - side >= EDGE:
            return _Shelf(page, floor - side, side)
    page = Page(*A4)
    pages.append(page)
    return _Shelf(page, A4[1] - EDGE - side, side)
