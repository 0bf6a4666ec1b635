"""Draws the manifest's document as PDF: A4, its three parts, then what was corrected, who signed, every drum."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from reportlab.pdfgen.canvas import Canvas

from labels import fonts, qr, text
from labels.codes import manifest_payload
from labels.drawing import centred
from manifests.documents import annexes, parts
from manifests.documents.gather import Facts
from manifests.documents.sheets import GREY, HEIGHT, MARGIN, ROOM, WIDTH, Page, Row, document, flow
from manifests.documents.words import NONE, Words, document_words, word
from manifests.models import ManifestState

_FOOT = 34.0
_QR = 80.0
_SAID_FROM, _SAID_PITCH, _HEAD = 54.0, 24.0, 34.0
_ROOM = HEIGHT - MARGIN - _FOOT - 14


def draw_manifest(facts: Facts) -> bytes:
    """The document of a manifest as it is now. The same facts give the same bytes; fonts.FontsMissing before `make`."""
    title = f"{document_words()['title'][0]} {facts.manifest.number}"
    return document(title, lambda: _pages(facts), partial(_frame, facts))


def _pages(facts: Facts) -> list[Page]:
    return flow(_rows(facts), _ROOM - _first_head_height(_said_of(facts)), _ROOM - _HEAD)


def _rows(facts: Facts) -> list[Row]:
    return [
        *parts.sending(facts),
        *parts.carriage(facts),
        *parts.receipt(facts),
        *annexes.versions(facts),
        *annexes.signatures(facts),
        *annexes.drums(facts),
        *annexes.differences(facts),
    ]


def stamps_of(facts: Facts) -> list[Words]:
    """What marks every page: of demo parties, a draft, called off, or typed in from paper."""
    state = facts.manifest.state
    marks = {
        "demo": facts.demo,
        "draft": state == ManifestState.DRAFT,
        "cancelled": state == ManifestState.CANCELLED,
        "paper": facts.manifest.paper,
    }
    return [word("stamps", name) for name, holds in marks.items() if holds]


def _frame(facts: Facts, canvas: Canvas, number: int, pages: int) -> float:
    """Everything that is not a row; the upper edge of the rows' room."""
    stamps = stamps_of(facts)
    if stamps:
        watermark(canvas, " ".join(stamp.zh for stamp in stamps))
    _foot(facts, canvas, number, pages)
    canvas.setFillGray(0)
    top = HEIGHT - MARGIN
    return top - (_first_head if number == 1 else _small_head)(facts, canvas, top, stamps)


def watermark(canvas: Canvas, words: str) -> None:
    """Large and pale across the page, below what is written on it."""
    canvas.saveState()
    canvas.setFillGray(0.93)
    canvas.translate(WIDTH / 2, HEIGHT / 2)
    canvas.rotate(50)
    centred(canvas, words, 0, -30, min(110.0, 700 / text.width(words)))
    canvas.restoreState()


def _foot(facts: Facts, canvas: Canvas, number: int, pages: int) -> None:
    canvas.setFillGray(GREY)
    canvas.setFont(fonts.REGULAR, 7)
    as_of = word("", "as_of", moment=facts.now.strftime("%Y-%m-%d %H:%M"))
    left = f"{as_of.zh} {as_of.en} · SHA-256 {facts.digest[:16]}"
    canvas.drawString(MARGIN, _FOOT, left)
    right = document_words()["page"].format(page=number, pages=pages)
    canvas.drawString(WIDTH - MARGIN - text.width(right, fonts.REGULAR) * 7, _FOOT, right)


def _first_head(facts: Facts, canvas: Canvas, top: float, stamps: list[Words]) -> float:
    manifest = facts.manifest
    zh, en = document_words()["title"]
    canvas.setFont(fonts.BOLD, 18)
    canvas.drawString(MARGIN, top - 18, zh)
    canvas.setFont(fonts.REGULAR, 8)
    canvas.setFillGray(GREY)
    canvas.drawString(MARGIN + text.width(zh) * 18 + 8, top - 18, en)
    canvas.setFillGray(0)
    _stamps(canvas, stamps, MARGIN, top - 40)
    said = _said_of(facts)
    _said(canvas, said, top - _SAID_FROM)
    place_code(canvas, manifest_payload(manifest.number, settings.PUBLIC_URL), WIDTH - MARGIN - _QR, top - _QR)
    return _first_head_height(said)


def _said_of(facts: Facts) -> dict[str, str]:
    """What stands at the head of the first page, by its caption."""
    manifest, state = facts.manifest, parts.state_words(facts)
    said = {
        "number": spaced(manifest.number),
        "national_number": spaced(manifest.national_number) if manifest.national_number else NONE,
        "state": f"{state.zh} {state.en}",
        "version": str(manifest.version),
    }
    if manifest.paper and manifest.paper_number:
        said["paper_number"] = manifest.paper_number
    if manifest.follows:
        said["follows"] = spaced(manifest.follows.number)
    if manifest.approval:
        said["approval"] = manifest.approval.number
    return said


def _first_head_height(said: dict[str, str]) -> float:
    return _SAID_FROM + _SAID_PITCH * ((len(said) + 1) // 2)


def _said(canvas: Canvas, said: dict[str, str], top: float) -> None:
    """Captions and values in two columns left of the code."""
    width = (ROOM - _QR - 12) / 2
    for place, (name, value) in enumerate(said.items()):
        x, y = MARGIN + place % 2 * width, top - place // 2 * _SAID_PITCH
        caption = word("captions", name)
        canvas.setFillGray(GREY)
        canvas.setFont(fonts.REGULAR, 7)
        canvas.drawString(x, y, f"{caption.zh} {caption.en}")
        canvas.setFillGray(0)
        size = min(9.5, width / max(text.width(value), 1) - 0.5)
        canvas.setFont(fonts.BOLD, size)
        canvas.drawString(x, y - 11, fonts.printable(value))


def _small_head(facts: Facts, canvas: Canvas, top: float, stamps: list[Words]) -> float:
    words = f"{document_words()['title'][0]} {spaced(facts.manifest.number)}"
    canvas.setFont(fonts.BOLD, 9)
    canvas.drawString(MARGIN, top - 10, words)
    _stamps(canvas, stamps, MARGIN + text.width(words) * 9 + 12, top - 12)
    return _HEAD - 8


def _stamps(canvas: Canvas, stamps: list[Words], x: float, y: float) -> None:
    for stamp in stamps:
        words = f"{stamp.zh} {stamp.en}"
        width = text.width(words) * 9 + 10
        canvas.setLineWidth(0.8)
        canvas.roundRect(x, y - 3, width, 14, 2)
        canvas.setFont(fonts.BOLD, 9)
        canvas.drawString(x + 5, y + 1, words)
        x += width + 6


def place_code(canvas: Canvas, payload: str, x: float, y: float) -> None:
    """The QR on white, with the quiet zone that readers need."""
    count, path = qr.pdf_path(payload)
    module = _QR / (count + 2 * qr.QUIET)
    canvas.saveState()
    canvas.setFillGray(1)
    canvas.rect(x, y, _QR, _QR, stroke=0, fill=1)
    canvas.setFillGray(0)
    canvas.translate(x + qr.QUIET * module, y + qr.QUIET * module)
    canvas.scale(module, module)
    canvas.addLiteral(path)
    canvas.restoreState()


def spaced(number: str) -> str:
    """A manifest number in groups: year, city, serial."""
    return f"{number[:4]} {number[4:8]} {number[8:]}"
