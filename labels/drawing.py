"""Draws container labels (HJ 1276) as PDF: what never changes once a size, the rest label by label."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Literal

from reportlab import rl_config
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.textobject import PDFTextObject

from labels import fonts, qr, standard, symbols, text
from labels.sheets import Place, arrange
from labels.standard import Hazard, Size, caption
from labels.symbols import Colour
from wastetrack.regulations.identifiers import group

# Plain binary streams: a quarter smaller than ASCII 85, and faster to write. The setting is the process's.
rl_config.useA85 = 0

log = logging.getLogger(__name__)

Layout = Literal["single", "a4"]

# The drawing is made once, for the label of 142 mm inside its frame, where the standard's lowest text leaves least
# room; the others are this one, smaller or larger. Millimetres of that drawing, origin at its lower left corner.
SIDE = 142.0
TEXT = 5.0  # height of a Chinese character
_EM = TEXT / standard.label_standard()["text"]["face"]
_PITCH = 1.09 * _EM
_RISE = 0.875 * _EM  # from the top of a line to its baseline
_PAD = 1.3
_RULE = 0.5
_COLUMN = 98.0  # where the right-hand cells begin


@dataclass(frozen=True, slots=True)
class _Band:
    """A horizontal band of the label: its lower edge, and how many lines of text it takes."""

    bottom: float
    lines: int

    @property
    def height(self) -> float:
        return self.lines * _PITCH + 2 * _PAD

    @property
    def top(self) -> float:
        return self.bottom + self.height


_UNIT = _Band(0, 9)
_CARE = _Band(_UNIT.top, 2)
_WASTE = _Band(_CARE.top, 9)
_TITLE_MIDDLE = (_WASTE.top + SIDE) / 2
_QR_SIDE = 41.0


@dataclass(frozen=True, slots=True)
class LabelData:
    """All that one label says; texts may be empty. `hazards`: letters C T I R In. `volume_l`, litres, sets the size."""

    waste_name: str
    category: str
    waste_code: str
    form: str
    hazards: tuple[str, ...]
    components: str
    harmful_components: str
    precautions: str
    code37: str
    short_code: str
    unit_name: str
    unit_kind: Literal["generator", "collector"]
    contact: str
    phone: str
    produced_on: date
    mass_kg: Decimal | None
    remarks: str
    volume_l: int | Decimal
    qr_payload: str
    demo: bool = False

    @property
    def unprintable(self) -> tuple[str, ...]:
        """The characters that the font lacks, printed as 〓: what the person who prints should be told."""
        texts = (getattr(self, field.name) for field in fields(self) if field.type in (str, "str"))
        return fonts.missing("".join(texts))


def draw_labels(labels: Sequence[LabelData], layout: Layout = "single") -> bytes:
    """The labels as a PDF: each on a page of its own size, or as many on each A4 page as fit, with cut marks.

    The same labels give the same bytes. ValueError no_labels; fonts.FontsMissing before `make`.
    """
    if not labels:
        raise ValueError("no_labels")
    target = BytesIO()
    canvas = Canvas(target, invariant=1, pageCompression=1)
    canvas.setTitle(f"{caption('title')} {labels[0].short_code}" + (f" +{len(labels) - 1}" if len(labels) > 1 else ""))
    canvas.setCreator("WasteTrack")
    sizes = [standard.size_for(label.volume_l) for label in labels]
    for page in arrange([size.side for size in sizes], layout):
        canvas.setPageSize((page.width * mm, page.height * mm))
        for place in page.places if layout == "a4" else ():
            _cut_marks(canvas, place)
        for place in page.places:
            canvas.saveState()
            canvas.translate(place.x * mm, place.y * mm)
            _draw_label(canvas, labels[place.index], sizes[place.index])
            canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _cut_marks(canvas: Canvas, place: Place) -> None:
    """Short lines outward from the four corners; the labels are drawn over those that reach into a neighbour."""
    canvas.setLineWidth(0.25)
    for x, outward_x in ((place.x, -1), (place.x + place.side, 1)):
        for y, outward_y in ((place.y, -1), (place.y + place.side, 1)):
            canvas.line((x + outward_x) * mm, y * mm, (x + 4 * outward_x) * mm, y * mm)
            canvas.line(x * mm, (y + outward_y) * mm, x * mm, (y + 4 * outward_y) * mm)


def _draw_label(canvas: Canvas, label: LabelData, size: Size) -> None:
    if unprintable := label.unprintable:
        log.warning("label %s: the font lacks %s", label.short_code, " ".join(unprintable))
    canvas.doForm(_blank_label(canvas, size))
    canvas.translate((size.margin + size.line) * mm, (size.margin + size.line) * mm)
    canvas.scale(size.inner * mm / SIDE, size.inner * mm / SIDE)
    if label.demo:
        canvas.doForm(_demo_mark(canvas))
    _hazards(canvas, [standard.hazard(letter) for letter in label.hazards])
    _rows(canvas, _waste_rows(label), _COLUMN, _WASTE)
    _rows(canvas, [_Row(caption("precautions"), label.precautions)], SIDE, _CARE)
    _rows(canvas, _unit_rows(label), _COLUMN, _UNIT)
    _codes(canvas, label)


# --- what is the same on every label: drawn once a document, then called by name ---------------------------------


def fill(canvas: Canvas, rgb: Colour) -> None:
    """Fill with this colour from here on."""
    canvas.setFillColorRGB(*(value / 255 for value in rgb))


def _blank_label(canvas: Canvas, size: Size) -> str:
    """The ground, the frame, the rules, the title, the white behind the QR."""
    name = f"label-{size.side}"
    if canvas.hasForm(name):
        return name
    canvas.beginForm(name, upperx=size.side * mm, uppery=size.side * mm)
    fill(canvas, standard.colour("ground"))
    canvas.rect(0, 0, size.side * mm, size.side * mm, stroke=0, fill=1)
    fill(canvas, standard.colour("ink"))
    canvas.setLineWidth(size.line * mm)
    middle = size.margin + size.line / 2
    canvas.rect(middle * mm, middle * mm, (size.side - 2 * middle) * mm, (size.side - 2 * middle) * mm)
    canvas.translate((size.margin + size.line) * mm, (size.margin + size.line) * mm)
    canvas.scale(size.inner * mm / SIDE, size.inner * mm / SIDE)
    canvas.setLineWidth(_RULE)
    for band in (_UNIT, _CARE, _WASTE):
        canvas.line(0, band.top, SIDE, band.top)
    for band in (_UNIT, _WASTE):
        canvas.line(_COLUMN, band.bottom, _COLUMN, band.top)
    centred(canvas, caption("title"), SIDE / 2, _TITLE_MIDDLE - 0.38 * 12, 12, spacing=4)
    centred(canvas, caption("hazards"), (_COLUMN + SIDE) / 2, _WASTE.top - _PAD - _RISE, _EM, face=fonts.REGULAR)
    x, y = _qr_corner()
    fill(canvas, symbols.WHITE)
    canvas.rect(x, y, _QR_SIDE, _QR_SIDE, stroke=0, fill=1)
    canvas.endForm()
    return name


def _demo_mark(canvas: Canvas) -> str:
    name = "demo"
    if not canvas.hasForm(name):
        canvas.beginForm(name, upperx=SIDE, uppery=SIDE)
        words = caption("demo")
        width = text.width(words, fonts.REGULAR) * _EM + 4
        right, middle = SIDE - 3, _TITLE_MIDDLE
        canvas.setLineWidth(_RULE)
        canvas.roundRect(right - width, middle - 4, width, 8, 1.5)
        centred(canvas, words, right - width / 2, middle - 0.38 * _EM, _EM, face=fonts.REGULAR)
        canvas.endForm()
    return name


def _pictogram(canvas: Canvas, hazard: Hazard) -> str:
    """The diamond in a box of 100 × 100."""
    name = f"hazard-{hazard.letter}"
    if hazard.halves and not canvas.hasForm(name):
        canvas.beginForm(name, upperx=100, uppery=100)
        canvas.transform(1, 0, 0, -1, 0, 100)  # the drawings count y downwards
        for shape in symbols.shapes(hazard.letter, *hazard.halves):
            fill(canvas, shape.fill)
            canvas.addLiteral(f"{symbols.pdf_operators(shape.path)}\n{'f*' if shape.even_odd else 'f'}")
        canvas.endForm()
    return name


# --- what is written on each -------------------------------------------------------------------------------------


def centred(
    canvas: Canvas, words: str, x: float, y: float, size: float, *, spacing: float = 0, face: str = fonts.BOLD
) -> None:
    width = text.width(words, face) * size + spacing * (len(words) - 1)
    canvas.setFont(face, size)
    canvas.drawString(x - width / 2, y, words, charSpace=spacing)


@dataclass(frozen=True, slots=True)
class _Row:
    """A field of the label; `least`: the lines it keeps when room is short."""

    caption: str
    value: str
    least: int = 1


def _waste_rows(label: LabelData) -> list[_Row]:
    return [
        _Row(caption("waste_name"), label.waste_name, 2),
        _Row(caption("category"), label.category),
        _Row(caption("waste_code"), label.waste_code, text.WHOLE),
        _Row(caption("form"), label.form),
        _Row(caption("components"), label.components),
        _Row(caption("harmful_components"), label.harmful_components),
    ]


def _unit_rows(label: LabelData) -> list[_Row]:
    code, mass = label.code37, label.mass_kg
    groups = f"{code[:6]} {code[6:12]} {code[12:18]} {code[18:26]} {code[26:34]} {code[34:]}"
    return [
        _Row(caption("code"), groups, text.WHOLE),
        _Row(standard.unit_caption(label.unit_kind), label.unit_name, 2),
        _Row(caption("contact"), f"{label.contact} {label.phone}", 2),
        _Row(caption("produced_on"), label.produced_on.isoformat(), text.WHOLE),
        _Row(caption("mass"), "________ kg" if mass is None else f"{mass.normalize():f} kg", text.WHOLE),
        _Row(caption("remarks"), label.remarks),
    ]


def _rows(canvas: Canvas, rows: Sequence[_Row], width: float, band: _Band) -> None:
    """Captions and values from the top of a band; the room that is left over goes between the fields."""
    heads = [f"{row.caption}：" for row in rows]
    indents = [text.width(head, fonts.REGULAR) for head in heads]
    room = (width - 2 * _PAD) / _EM
    settings = [
        text.Setting(fonts.printable(row.value), room - indent, row.least)
        for row, indent in zip(rows, indents, strict=True)
    ]
    text.fit(settings, band.lines)
    spare = band.lines - sum(len(setting.lines) for setting in settings)
    gap = min(spare / len(rows), 0.5) * _PITCH
    y = band.top - _PAD - _RISE - gap / 2
    tops = []
    for setting in settings:
        tops.append(y)
        y -= len(setting.lines) * _PITCH + gap
    block = canvas.beginText()
    block.setFont(fonts.REGULAR, _EM)
    for head, top in zip(heads, tops, strict=True):
        block.setTextOrigin(_PAD, top)
        block.textOut(head)
    block.setFont(fonts.BOLD, _EM)
    for indent, setting, top in zip(indents, settings, tops, strict=True):
        _write(block, setting, _PAD + indent * _EM, top)
    canvas.drawText(block)


def _write(block: PDFTextObject, setting: text.Setting, x: float, y: float) -> None:
    if setting.scale != 1:
        block.setHorizScale(100 * setting.scale)
    for number, line in enumerate(setting.lines):
        block.setTextOrigin(x, y - number * _PITCH)
        block.textOut(line)
    if setting.scale != 1:
        block.setHorizScale(100)  # it would outlive the block


def _hazards(canvas: Canvas, hazards: Sequence[Hazard]) -> None:
    """One large diamond with its name below, two with theirs beside, more in two columns; in words what has none."""
    drawn = [hazard for hazard in hazards if hazard.halves]
    worded = " ".join(f"{hazard.name} {hazard.letter}" for hazard in hazards if not hazard.halves)
    left, bottom, width = _COLUMN, _WASTE.bottom + _PAD, SIDE - _COLUMN
    height = _WASTE.height - 3 * _PAD - _PITCH
    if worded:
        centred(canvas, worded, left + width / 2, bottom + _EM - _RISE + (0 if drawn else height / 2), _EM)
        bottom, height = bottom + _PITCH, height - _PITCH
    if len(drawn) == 2:
        for row, hazard in enumerate(drawn):
            _hazard_beside(canvas, hazard, left + _PAD, bottom + (1 - row) * height / 2, width - 2 * _PAD, height / 2)
        return
    cells = 1 if len(drawn) == 1 else 2
    for place, hazard in enumerate(drawn):
        x, y = left + place % cells * width / cells, bottom + (cells - 1 - place // cells) * height / cells
        _hazard(canvas, hazard, x, y, width / cells, height / cells)


def _diamond(canvas: Canvas, hazard: Hazard, x: float, y: float, side: float) -> None:
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(side / 100, side / 100)
    canvas.doForm(_pictogram(canvas, hazard))
    canvas.restoreState()


def _hazard(canvas: Canvas, hazard: Hazard, x: float, y: float, width: float, height: float) -> None:
    side = min(width - 2, height - _PITCH)
    _diamond(canvas, hazard, x + (width - side) / 2, y + height - side, side)
    centred(canvas, hazard.name, x + width / 2, y + height - side - _RISE, _EM)


def _hazard_beside(canvas: Canvas, hazard: Hazard, x: float, y: float, width: float, height: float) -> None:
    side = min(width - 3.2 * _EM, height - 1)  # names have three characters at most
    _diamond(canvas, hazard, x, y + (height - side) / 2, side)
    centred(canvas, hazard.name, x + side + (width - side) / 2, y + height / 2 - 0.38 * _EM, _EM)


def _qr_corner() -> tuple[float, float]:
    return (_COLUMN + SIDE - _QR_SIDE) / 2, _UNIT.top - (SIDE - _COLUMN - _QR_SIDE) / 2 - _QR_SIDE


def _codes(canvas: Canvas, label: LabelData) -> None:
    """The QR, and below it the short code as large as the cell allows."""
    x, y = _qr_corner()
    count, path = qr.pdf_path(label.qr_payload)
    module = _QR_SIDE / (count + 2 * qr.QUIET)
    canvas.saveState()
    canvas.translate(x + qr.QUIET * module, y + qr.QUIET * module)
    canvas.scale(module, module)
    canvas.addLiteral(path)
    canvas.restoreState()
    words = group(label.short_code)
    size = min(9.0, _QR_SIDE / text.width(words))
    centred(canvas, words, (_COLUMN + SIDE) / 2, (y - 0.73 * size) / 2, size)
