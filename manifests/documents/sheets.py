"""Ruled rows of cells that flow over A4 pages: headings stay with what follows, tables repeat their head.

Lengths in points, from the top of a page downwards while rows are laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from labels import fonts, text

WIDTH, HEIGHT = 595.28, 841.89
MARGIN = 40.0
ROOM = WIDTH - 2 * MARGIN
SIZE, SMALL = 8.5, 6.0
_PITCH = 1.3
"""From line to line, in type sizes."""
_PAD = 3.0
GREY, PALE = 0.38, 0.93
Tone = float


@dataclass(frozen=True)
class Cell:
    """One cell: a text, and smaller below it a note. `share` of the row's width; rows' shares are summed."""

    words: str
    share: float = 1
    note: str = ""
    face: str = fonts.REGULAR
    size: float = SIZE
    align: str = "left"
    tone: Tone = 0
    ground: Tone | None = None
    """The grey behind it; None for white."""


@dataclass(frozen=True)
class Line:
    """A line of text as it is set: with its baseline below the row's upper edge."""

    words: str
    face: str
    size: float
    tone: Tone
    drop: float


@dataclass(frozen=True, eq=False)
class Row:
    """Cells side by side. `keeps`: not parted from the next row; `head`: rows repeated above it on a new page."""

    cells: Sequence[Cell]
    keeps: bool = False
    head: Sequence[Row] = ()
    ruled: bool = True

    @cached_property
    def _set(self) -> tuple[list[tuple[float, float, list[Line]]], float]:
        total = sum(cell.share for cell in self.cells)
        placed, x, height = [], MARGIN, 0.0
        for cell in self.cells:
            width = ROOM * cell.share / total
            lines, used = _lines(cell, width - 2 * _PAD)
            placed.append((x, width, lines))
            x, height = x + width, max(height, used)
        return placed, height + 2 * _PAD

    @property
    def height(self) -> float:
        return self._set[1]

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it with its upper edge at `top`, from the page's lower edge."""
        placed, height = self._set
        for cell, (x, width, lines) in zip(self.cells, placed, strict=True):
            if cell.ground is not None:
                canvas.setFillGray(cell.ground)
                canvas.rect(x, top - height, width, height, stroke=0, fill=1)
            if self.ruled:
                canvas.rect(x, top - height, width, height)
            for line in lines:
                canvas.setFillGray(line.tone)
                canvas.setFont(line.face, line.size)
                canvas.drawString(_start(cell, line, x, width), top - _PAD - line.drop, line.words)


def _start(cell: Cell, line: Line, x: float, width: float) -> float:
    if cell.align == "left":
        return x + _PAD
    free = width - text.width(line.words, line.face) * line.size
    return x + free - _PAD if cell.align == "right" else x + free / 2


def _lines(cell: Cell, width: float) -> tuple[list[Line], float]:
    """The cell's text and note as lines, and how high they are together."""
    lines, used = [], 0.0
    for words, face, size, tone in (
        (cell.words, cell.face, cell.size, cell.tone),
        (cell.note, fonts.REGULAR, SMALL, GREY),
    ):
        for line in text.wrap(fonts.printable(words), width / size) if words else ():
            lines.append(Line(line, face, size, tone, used + size))
            used += _PITCH * size
    return lines, used


@dataclass
class Page:
    """What one page holds, and where each row begins below the head of the page."""

    rows: list[tuple[float, Row]] = field(default_factory=list)
    used: float = 0

    def put(self, row: Row) -> None:
        self.rows.append((self.used, row))
        self.used += row.height


def flow(rows: Sequence[Row], first: float, other: float) -> list[Page]:
    """Rows onto pages that have room for `first` points on the first and `other` on each further one."""
    pages = [Page()]
    for number, row in enumerate(rows):
        room = first if len(pages) == 1 else other
        if pages[-1].used + _together(rows, number) > room and pages[-1].rows:
            pages.append(Page())
            for head in row.head:
                pages[-1].put(head)
        pages[-1].put(row)
    return pages


def _together(rows: Sequence[Row], number: int) -> float:
    """The height of a row with all that it keeps to, and the row after those."""
    height = 0.0
    for row in rows[number:]:
        height += row.height
        if not row.keeps:
            break
    return height


Frame = Callable[[Canvas, int, int], float]
"""Draws what stands on every page, given its number from 1 and how many there are; the top of the rows' room."""


def document(title: str, pages: Callable[[], Sequence[Page]], frame: Frame) -> bytes:
    """The pages as a PDF of this title. The same pages give the same bytes; fonts.FontsMissing before `make`."""
    for face in (fonts.REGULAR, fonts.BOLD):
        fonts.font(face)  # known to reportlab from here on
    target = BytesIO()
    canvas = Canvas(target, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1)
    canvas.setTitle(title)
    canvas.setCreator("WasteTrack")
    draw(canvas, pages(), frame)
    canvas.save()
    return target.getvalue()


def draw(canvas: Canvas, pages: Sequence[Page], frame: Frame) -> None:
    """The pages, each with its frame."""
    for number, page in enumerate(pages, 1):
        top = frame(canvas, number, len(pages))
        canvas.setLineWidth(0.4)
        canvas.setStrokeGray(0.35)
        for below, row in page.rows:
            row.draw(canvas, top - below)
        canvas.showPage()
