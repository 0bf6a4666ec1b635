"""Draws the signs of a store (HJ 1276): the storage bay's, the facility's; and plates for scanning at the racks."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from io import BytesIO
from math import sqrt
from pathlib import Path
from typing import Any

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from labels import fonts, qr, standard, symbols, text
from labels.drawing import centred, fill
from labels.sheets import A4
from labels.symbols import Colour

FACE = standard.label_standard()["text"]["face"]
"""The share of the type size that a Chinese character fills: the standard asks for the height of the character."""
_PITCH = 1.2
"""From line to line, in type sizes."""


@cache
def sign_standard() -> dict[str, Any]:
    """The parsed file, read once a process: callers must not change it."""
    return tomllib.loads((Path(__file__).parent / "cn" / "signs.toml").read_text("utf-8"))


def size_by(kind: str, distance_m: float | Decimal) -> dict[str, Any]:
    """The row of a sign's sizes, `bay` or `facility`, for this viewing distance in metres."""
    rows: list[dict[str, Any]] = sign_standard()[kind]["rows"]
    return next(row for row in rows if "up_to_m" not in row or distance_m <= row["up_to_m"])


@dataclass(frozen=True, slots=True)
class Spot:
    """A bay on the plan: where it lies, from 1 (None: not drawn yet), and what stands in it in a word or two."""

    code: str
    row: int | None = None
    column: int | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One category of waste in a bay; without codes the whole of it. `hazards`: letters."""

    category: str
    name: str
    codes: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BaySign:
    """All that the sign of one bay says. `spots`: every bay of the store, this one among them."""

    code: str
    name: str
    depot: str
    unit: str
    spots: tuple[Spot, ...]
    kinds: tuple[Kind, ...]
    temperature: str
    qr_payload: str
    demo: bool = False


@dataclass(frozen=True, slots=True)
class FacilitySign:
    """All that the sign at a store's door says."""

    unit: str
    facility_code: str
    contact: str
    phone: str
    demo: bool = False


def draw_bay_signs(signs: Sequence[BaySign], distance_m: float | Decimal) -> bytes:
    """The signs of bays, each on a page of its true size. The same signs give the same bytes; ValueError no_signs."""
    row = size_by("bay", distance_m)
    return _pages(signs, row["side"], row["side"], lambda canvas, sign: _bay_sign(canvas, sign, row))


def draw_facility_signs(signs: Sequence[FacilitySign], distance_m: float | Decimal) -> bytes:
    """The signs of facilities, each on a page of its true size; ValueError no_signs."""
    row = size_by("facility", distance_m)
    return _pages(signs, row["width"], row["height"], lambda canvas, sign: _facility_sign(canvas, sign, row))


def draw_plates(signs: Sequence[BaySign]) -> bytes:
    """Small plates, as many to an A4 page as the grid holds, with lines to cut along; ValueError no_signs."""
    grid = sign_standard()["plate"]
    a_page = grid["columns"] * grid["rows"]
    pages = [signs[start : start + a_page] for start in range(0, len(signs), a_page)]
    return _pages(pages, *A4, _plates)


def _pages(items: Sequence[Any], width: float, height: float, draw: Callable[[Canvas, Any], None]) -> bytes:
    if not items:
        raise ValueError("no_signs")
    target = BytesIO()
    canvas = Canvas(target, pagesize=(width * mm, height * mm), invariant=1, pageCompression=1)
    canvas.setTitle(sign_standard()["bay"]["title"])
    canvas.setCreator("WasteTrack")
    for item in items:
        canvas.saveState()
        canvas.scale(mm, mm)
        draw(canvas, item)
        canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return target.getvalue()


# --- the bay's sign: drawn for a square of 300 mm, larger ones in proportion --------------------------------------

_SIDE = 300.0
_LEFT, _RIGHT = 11.0, 289.0
_TOP, _BOTTOM = 252.0, 11.0
_MIDDLE = 156.0  # between the plan and the waste
_STRIP = 62.0  # upper edge of the strip at the foot
_QR = 46.0


def _bay_sign(canvas: Canvas, sign: BaySign, row: dict[str, Any]) -> None:
    scale = row["side"] / _SIDE
    canvas.scale(scale, scale)
    words, captions, frame = sign_standard()["bay"], sign_standard()["captions"], sign_standard()["bay"]["frame"]
    _ground(canvas, _SIDE, _SIDE, frame["margin"], frame["line"])
    size, small = row["title"] / scale / FACE, row["text"] / scale / FACE
    centred(canvas, words["title"], _SIDE / 2, (_TOP + 289) / 2 - 0.38 * size, size)
    canvas.setLineWidth(1)
    canvas.line(_LEFT - 5, _TOP, _RIGHT + 5, _TOP)
    _line(canvas, words["plan"], _LEFT, _TOP - _PITCH * small, small, _MIDDLE - _LEFT - 3)
    _plan(canvas, sign, small, _STRIP + 2 * small, _TOP - 1.7 * _PITCH * small)
    _ink(canvas, "ink")
    canvas.rect(_LEFT, _STRIP + 0.45 * small, small, small, stroke=0, fill=1)
    _line(canvas, words["here"], _LEFT + 1.4 * small, _STRIP + 0.55 * small, small, _MIDDLE - _LEFT - 2 * small)
    _info(canvas, sign, small)
    rows = [(captions["depot"], sign.depot), (captions["unit"], sign.unit), (captions["temperature"], sign.temperature)]
    lines = [f"{head}：{value}" for head, value in rows if value]
    _block(canvas, lines, _LEFT, _STRIP - 2, _RIGHT - _QR - 4 - _LEFT, _STRIP - _BOTTOM, small)
    _qr(canvas, sign.qr_payload, _RIGHT - _QR, _BOTTOM, _QR)
    if sign.demo:
        _demo(canvas, _RIGHT - _QR - 6, _BOTTOM, small)


def _plan(canvas: Canvas, sign: BaySign, small: float, bottom: float, top: float) -> None:
    """The bays as they lie, this one black; those that are not drawn yet stand in a row below."""
    placed = _placed(sign.spots)
    rows = max(row for _, row, _ in placed)
    columns = max(column for _, _, column in placed)
    width, height = (_MIDDLE - 3 - _LEFT) / columns, min((top - bottom) / rows, 60.0)
    for spot, row, column in placed:
        x, y = _LEFT + (column - 1) * width, top - row * height
        here = spot.code == sign.code
        fill(canvas, symbols.BLACK if here else symbols.WHITE)
        canvas.setLineWidth(0.8)
        canvas.rect(x, y, width, height, fill=1)
        fill(canvas, _colour("ground") if here else symbols.BLACK)
        lines = [spot.code, *spot.kinds][: max(1, int(height / (_PITCH * small)))]
        middle = y + height / 2 + (len(lines) - 1) * _PITCH * small / 2
        for number, line in enumerate(lines):
            face = fonts.BOLD if number == 0 else fonts.REGULAR
            _squeezed(
                canvas, line, x + width / 2, middle - number * _PITCH * small - 0.38 * small, small, width - 2, face
            )


def _placed(spots: Sequence[Spot]) -> list[tuple[Spot, int, int]]:
    """Every bay with row and column from 1; where nothing is drawn, in a square by code."""
    drawn = [(spot, spot.row, spot.column) for spot in spots if spot.row is not None and spot.column is not None]
    others = [spot for spot in spots if spot.row is None or spot.column is None]
    first = max((row for _, row, _ in drawn), default=0)
    across = max((column for _, _, column in drawn), default=0) or max(1, round(sqrt(len(others))))
    return drawn + [(spot, first + 1 + number // across, 1 + number % across) for number, spot in enumerate(others)]


def _info(canvas: Canvas, sign: BaySign, small: float) -> None:
    """The orange field: the bay's code, large, and what may stand in it."""
    words, captions = sign_standard()["bay"], sign_standard()["captions"]
    _ink(canvas, "info")
    canvas.rect(_MIDDLE, _STRIP, _RIGHT - _MIDDLE, _TOP - 5 - _STRIP, stroke=0, fill=1)
    _ink(canvas, "ink")
    canvas.rect(_MIDDLE, _STRIP, _RIGHT - _MIDDLE, _TOP - 5 - _STRIP)
    inside = _RIGHT - _MIDDLE - 8
    big = 3 * small
    y = _TOP - 8 - big * 0.9
    _squeezed(canvas, sign.code, (_MIDDLE + _RIGHT) / 2, y, big, inside)
    y -= _PITCH * small
    name = f"{captions['bay']} {sign.name}".strip()
    _squeezed(canvas, fonts.printable(name), (_MIDDLE + _RIGHT) / 2, y, small, inside)
    canvas.line(_MIDDLE, y - 0.5 * small, _RIGHT, y - 0.5 * small)
    y -= 0.5 * small + _PITCH * small
    _line(canvas, words["kinds"], _MIDDLE + 4, y, small, inside)
    lines, top = _kind_lines(sign.kinds), y - 0.4 * small
    size = next((size for size in (2 * small, 1.5 * small) if _fits(lines, inside, top - _STRIP - 2, size)), small)
    _block(canvas, lines, _MIDDLE + 4, top, inside, top - _STRIP - 2, size)


def _fits(lines: Sequence[str], width: float, height: float, size: float) -> bool:
    """Whether the texts can be this large without being narrowed or cut."""
    return sum(len(text.wrap(fonts.printable(line), width / size)) for line in lines) * _PITCH * size <= height


def _kind_lines(kinds: Sequence[Kind]) -> list[str]:
    captions = sign_standard()["captions"]
    lines = []
    for kind in kinds:
        words = f"{kind.category} {kind.name}".strip()
        words += f"，{captions['codes']} {'、'.join(kind.codes)}" if kind.codes else ""
        names = "、".join(standard.hazard(letter).name for letter in kind.hazards)
        lines.append(words + (f"（{names}）" if names else ""))
    return lines or [sign_standard()["bay"]["unlimited"]]


# --- the facility's sign ------------------------------------------------------------------------------------------


def _facility_sign(canvas: Canvas, sign: FacilitySign, row: dict[str, Any]) -> None:
    width, height, frame = row["width"], row["height"], sign_standard()["bay"]["frame"]
    scale = width / _SIDE
    margin, line = frame["margin"] * scale, frame["line"] * scale
    _ground(canvas, width, height, margin, line)
    gap = margin + line + 5 * scale
    left = gap + row["outer"] / 2
    tall = row["outer"] * sqrt(3) / 2
    # Its own middle, a third of the height, stands a little lower than the sign's.
    foot = (height - tall) / 2
    _triangle(canvas, left, foot, row["outer"], row["radius"])
    edge = (row["outer"] - row["inner"]) * sqrt(3) / 6
    _ink(canvas, "ground")
    canvas.drawPath(_triangle_path(canvas, left, foot + edge, row["inner"], 0), stroke=0, fill=1)
    _symbol(canvas, left, foot + edge, row["inner"])
    x = gap + row["outer"] + 6 * scale
    room = width - gap - x
    _ink(canvas, "ink")
    size, small = row["name"] / FACE, row["text"] / FACE
    y = height - gap - size
    for words in sign_standard()["facility"]["names"]["storage"]:
        _line(canvas, words, x, y, size, room)
        y -= _PITCH * size
    captions = sign_standard()["captions"]
    rows = [("unit", sign.unit), ("facility", sign.facility_code), ("contact", sign.contact), ("phone", sign.phone)]
    lines = [f"{captions[head]}：{value}" for head, value in rows]
    top = y + (_PITCH - 0.4) * size
    _block(canvas, lines, x, top, room, top - gap - (1.6 * small if sign.demo else 0), small)
    if sign.demo:
        _demo(canvas, width - gap, gap, small)


def _triangle(canvas: Canvas, middle: float, foot: float, side: float, radius: float) -> None:
    _ink(canvas, "ink")
    canvas.drawPath(_triangle_path(canvas, middle, foot, side, radius), stroke=0, fill=1)


def _triangle_path(canvas: Canvas, middle: float, foot: float, side: float, radius: float) -> Any:
    """An equilateral triangle on its side, with round corners."""
    path = canvas.beginPath()
    tall = side * sqrt(3) / 2
    if not radius:
        path.moveTo(middle - side / 2, foot)
        path.lineTo(middle + side / 2, foot)
        path.lineTo(middle, foot + tall)
        path.close()
        return path
    inset = radius * sqrt(3)
    corners = [
        (middle + side / 2 - inset, foot + radius, 270),
        (middle, foot + tall - 2 * radius, 30),
        (middle - side / 2 + inset, foot + radius, 150),
    ]
    for number, (x, y, begin) in enumerate(corners):
        box = (x - radius, y - radius, x + radius, y + radius)
        (path.arcTo if number else path.arc)(*box, startAng=begin, extent=120)
    path.close()
    return path


def _symbol(canvas: Canvas, middle: float, foot: float, side: float) -> None:
    """The dead tree and the fish, in the lower part of the triangle, where it is wide."""
    size = side * 0.58
    canvas.saveState()
    # The tree stands at the left of the drawing, and under the top of the triangle.
    canvas.translate(middle - size * 0.4, foot + side * 0.05)
    canvas.scale(size / 100, -size / 100)
    canvas.translate(0, -100)
    for shape in symbols.dead_tree_and_fish():
        fill(canvas, _colour("ground") if shape.fill == symbols.WHITE else shape.fill)
        canvas.addLiteral(f"{symbols.pdf_operators(shape.path)}\n{'f*' if shape.even_odd else 'f'}")
    canvas.restoreState()


# --- plates for the racks -----------------------------------------------------------------------------------------


def _plates(canvas: Canvas, signs: Sequence[BaySign]) -> None:
    grid = sign_standard()["plate"]
    width, height = A4[0] / grid["columns"], A4[1] / grid["rows"]
    canvas.setLineWidth(0.1)
    for number, sign in enumerate(signs):
        x, y = number % grid["columns"] * width, A4[1] - (number // grid["columns"] + 1) * height
        canvas.setDash(1, 1.5)
        fill(canvas, symbols.BLACK)
        canvas.rect(x, y, width, height)
        canvas.setDash()
        _plate(canvas, sign, x, y, width, height)


def _plate(canvas: Canvas, sign: BaySign, x: float, y: float, width: float, height: float) -> None:
    grid = sign_standard()["plate"]
    size, small = grid["code"] / FACE, grid["text"] / FACE
    _qr(canvas, sign.qr_payload, x + (width - grid["qr"]) / 2, y + height - grid["qr"] - 3, grid["qr"])
    fill(canvas, symbols.BLACK)
    middle, line = x + width / 2, y + height - grid["qr"] - 3 - 0.95 * size
    _squeezed(canvas, sign.code, middle, line, size, width - 12)
    line -= 1.3 * small
    _squeezed(canvas, fonts.printable(sign.depot), middle, line, small, width - 12, fonts.REGULAR)
    last = " · ".join(words for words in (sign.name, sign_standard()["captions"]["demo"] if sign.demo else "") if words)
    _squeezed(canvas, fonts.printable(last), middle, line - _PITCH * small, small, width - 12, fonts.REGULAR)


# --- what they share ----------------------------------------------------------------------------------------------


def _colour(name: str) -> Colour:
    red, green, blue = sign_standard()["colours"][name]
    return red, green, blue


def _ink(canvas: Canvas, name: str) -> None:
    fill(canvas, _colour(name))


def _ground(canvas: Canvas, width: float, height: float, margin: float, line: float) -> None:
    _ink(canvas, "ground")
    canvas.rect(0, 0, width, height, stroke=0, fill=1)
    _ink(canvas, "ink")
    canvas.setLineWidth(line)
    canvas.rect(margin, margin, width - 2 * margin, height - 2 * margin)
    canvas.setLineWidth(0.8)


def _line(canvas: Canvas, words: str, x: float, y: float, size: float, room: float) -> None:
    """One line from the left, narrower where it would not fit."""
    words = fonts.printable(words)
    scale = min(1.0, room / max(text.width(words) * size, 0.01))
    block = canvas.beginText(x, y)
    block.setFont(fonts.BOLD, size)
    block.setHorizScale(100 * scale)
    block.textOut(words)
    block.setHorizScale(100)
    canvas.drawText(block)


def _squeezed(canvas: Canvas, words: str, x: float, y: float, size: float, room: float, face: str = fonts.BOLD) -> None:
    """One line about a middle, narrower where it would not fit."""
    wide = text.width(words, face) * size
    scale = min(1.0, room / max(wide, 0.01))
    block = canvas.beginText(x - wide * scale / 2, y)
    block.setFont(face, size)
    block.setHorizScale(100 * scale)
    block.textOut(words)
    block.setHorizScale(100)
    canvas.drawText(block)


def _block(
    canvas: Canvas, lines: Sequence[str], x: float, top: float, width: float, height: float, size: float
) -> None:
    """Texts one under the other in a box, wrapped, narrowed and at last cut; what is too many is counted."""
    room = max(1, int(height / (_PITCH * size)))
    if len(lines) > room:
        lines = [*lines[: room - 1], sign_standard()["bay"]["more"].format(count=len(lines))]
    settings = [text.Setting(fonts.printable(line), width / size) for line in lines]
    text.fit(settings, room)
    y = top - size
    for setting in settings:
        for line in setting.lines:
            _line(canvas, line, x, y, size, width)
            y -= _PITCH * size


def _qr(canvas: Canvas, payload: str, x: float, y: float, side: float) -> None:
    """The code on white, with the quiet zone that readers need."""
    fill(canvas, symbols.WHITE)
    canvas.rect(x, y, side, side, stroke=0, fill=1)
    fill(canvas, symbols.BLACK)
    count, path = qr.pdf_path(payload)
    module = side / (count + 2 * qr.QUIET)
    canvas.saveState()
    canvas.translate(x + qr.QUIET * module, y + qr.QUIET * module)
    canvas.scale(module, module)
    canvas.addLiteral(path)
    canvas.restoreState()


def _demo(canvas: Canvas, right: float, bottom: float, size: float) -> None:
    words = sign_standard()["captions"]["demo"]
    wide = text.width(words, fonts.REGULAR) * size + size
    fill(canvas, symbols.BLACK)
    canvas.setLineWidth(0.06 * size)
    canvas.roundRect(right - wide, bottom, wide, 1.4 * size, 0.2 * size)
    centred(canvas, words, right - wide / 2, bottom + 0.7 * size - 0.38 * size, size, face=fonts.REGULAR)
