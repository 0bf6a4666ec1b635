"""A drawn label, looked at as a reader of PDF sees it."""

from collections.abc import Callable

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

POINT = 25.4 / 72
"""Millimetres."""


class Printed:
    """One page of a PDF; lengths in millimetres."""

    def __init__(self, pdf: bytes, page: int = 0) -> None:
        self.pdf = pdf
        self.document = pypdfium2.PdfDocument(pdf)
        self.page = self.document[page]
        self.width, self.height = (side * POINT for side in self.page.get_size())

    @property
    def text(self) -> str:
        return self.page.get_textpage().get_text_range()

    def characters(self) -> list[tuple[str, tuple[float, float, float, float]]]:
        """Each visible character and its box as printed: left, bottom, right, top."""
        page = self.page.get_textpage()
        boxes = []
        for place in range(page.count_chars()):
            letter = page.get_text_range(place, 1)
            if letter.strip():
                left, bottom, right, top = (value * POINT for value in page.get_charbox(place))
                boxes.append((letter, (left, bottom, right, top)))
        return boxes

    def colour(self, x: float, y: float) -> tuple[int, int, int]:
        """The colour at a point, from the lower left corner."""
        image = self.page.render(scale=4).to_pil().convert("RGB")
        red, green, blue = image.getpixel((round(x / POINT * 4), round(image.height - y / POINT * 4)))
        return red, green, blue

    def paths(self) -> int:
        """Path objects on the page, those inside of forms not counted."""
        return sum(1 for item in self.page.get_objects(max_depth=1) if item.type == pdfium.FPDF_PAGEOBJ_PATH)


@pytest.fixture
def printed() -> Callable[..., Printed]:
    return Printed
