"""Draws the certificate of treatment as PDF: A4, Chinese with small English."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from django.conf import settings
from reportlab.pdfgen.canvas import Canvas

from labels import fonts, text
from labels.codes import certificate_payload
from manifests.certificates import MANIFEST, Certificate
from manifests.documents.drawing import place_code, spaced, watermark
from manifests.documents.sheets import GREY, HEIGHT, MARGIN, PALE, WIDTH, Cell, Row, document, flow
from wastetrack.regulations.identifiers import group
from wastetrack.regulations.vocabulary import treatment_method

_HEAD, _FOOT, _QR = 96.0, 34.0, 80.0
_ROOM = HEIGHT - MARGIN - _FOOT - 14 - _HEAD
_DRUMS = (("code", 2), ("waste_code", 2), ("name", 4), ("mass", 2))
_TREATMENTS = (("date", 2.0), ("code", 2.0), ("treated_in", 2.2), ("method", 3.0), ("plant", 3.0), ("treated", 2.0))


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent.parent / "cn" / "certificate.toml").read_text("utf-8"))


def draw_certificate(certificate: Certificate) -> bytes:
    """The certificate. The same certificate gives the same bytes; fonts.FontsMissing before `make`."""
    title = f"{_words()['title'][0]} {certificate.number}"
    return document(title, lambda: flow(_rows(certificate), _ROOM, _ROOM), partial(_frame, certificate))


def _rows(certificate: Certificate) -> list[Row]:
    content = certificate.content
    return [
        *_parties(content),
        Row([Cell(_words()["statement"][0], note=_words()["statement"][1])], ruled=False),
        *_table("drums", _DRUMS, [_drum(drum) for drum in content["drums"]]),
        *_table("treatments", _TREATMENTS, _treatments(content["rows"])),
        *_totals(certificate),
    ]


def _parties(content: dict[str, Any]) -> list[Row]:
    if content["kind"] == MANIFEST:
        rows = [_pair("manifest", spaced(content["subject"])), _pair("sender", **content["sender"])]
    else:
        rows = [_pair("drum", group(content["code"])), _pair("generator", **content["generator"])]
    return rows + [_pair("plant", **plant) for plant in content["plants"]]


def _pair(caption: str, name: str, uscc: str = "") -> Row:
    return Row([_caption(caption, 2), Cell(name, 8, note=uscc, face=fonts.BOLD)])


def _caption(name: str, share: float, align: str = "left") -> Cell:
    zh, en = _words()["captions"][name]
    return Cell(zh, share, note=en, ground=PALE, align=align)


def _table(title: str, columns: Sequence[tuple[str, float]], rows: Sequence[Row]) -> list[Row]:
    zh, en = _words()["captions"][title]
    head = Row([_caption(name, share, "right" if name in ("mass", "treated") else "left") for name, share in columns])
    heading = Row([Cell(f"{zh}  {en}", face=fonts.BOLD, size=10)], keeps=True, ruled=False)
    head = Row(head.cells, keeps=True)
    return [heading, head, *(Row(row.cells, keeps=row.keeps, head=[head]) for row in rows)]


def _drum(drum: dict[str, str]) -> Row:
    values = (group(drum["code"]), drum["waste_code"], drum["name"])
    cells = [Cell(value, share) for value, (_, share) in zip(values, _DRUMS, strict=False)]
    return Row([*cells, Cell(drum["mass_kg"], _DRUMS[-1][1], align="right")])


def _treatments(rows: Sequence[dict[str, str]]) -> list[Row]:
    """Each drum's treatment; what was left over stands once, below the drums that were treated together."""
    found = []
    for row, following in zip_longest(rows, rows[1:]):
        found += _treatment(row, ends=following is None or _together(following) != _together(row))
    return found


def _together(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("treated_on", "method", "plant", "residue"))


def _treatment(row: dict[str, str], *, ends: bool) -> list[Row]:
    """A drum's treatment, and below the last of those treated together what was left over."""
    method = treatment_method(row["method"])
    shares = [share for _, share in _TREATMENTS]
    within = group(row["treated_in"]) if row["treated_in"] != row["drum"] else _words()["none"]
    cells = [
        Cell(row["treated_on"], shares[0]),
        Cell(group(row["drum"]), shares[1]),
        Cell(within, shares[2]),
        Cell(f"{row['method']} {method.zh if method else ''}", shares[3], note=method.en if method else ""),
        Cell(row["plant"], shares[4]),
        Cell(row["mass_kg"], shares[5], align="right"),
    ]
    rows = [Row(cells, keeps=bool(row["residue"]) and ends)]
    if row["residue"] and ends:
        rows.append(Row([_caption("residue", shares[0]), Cell(row["residue"], sum(shares[1:]))]))
    return rows


def _totals(certificate: Certificate) -> list[Row]:
    content = certificate.content
    last = "difference" if certificate.finished else "outstanding"
    figures = (
        ("whole", content["mass_kg"]), ("all_treated", content["treated_kg"]), (last, content[f"{last}_kg"])
    )  # fmt: skip
    rows = [
        Row([_caption(name, 8, "right"), Cell(figure, 2, face=fonts.BOLD, align="right")], keeps=True)
        for name, figure in figures
        if name != "difference" or figure != "0"
    ]
    if not certificate.finished:
        zh, en = _words()["outstanding_note"]
        mass = content["outstanding_kg"]
        rows.append(Row([Cell(zh.format(mass=mass), note=en.format(mass=mass), face=fonts.BOLD)], keeps=True))
    return [*rows, Row([Cell(_words()["check"][0], note=_words()["check"][1])], ruled=False)]


def _frame(certificate: Certificate, canvas: Canvas, number: int, pages: int) -> float:
    """Title, number and code on every page; the upper edge of the rows' room."""
    marks = [_words()["demo"]] if certificate.content["demo"] else []
    marks += [] if certificate.finished else [_words()["partly"]]
    if marks:
        watermark(canvas, " ".join(zh for zh, _ in marks))
    top = HEIGHT - MARGIN
    canvas.setFillGray(0)
    canvas.setFont(fonts.BOLD, 18)
    canvas.drawString(MARGIN, top - 18, _words()["title"][0])
    canvas.setFont(fonts.REGULAR, 9)
    canvas.setFillGray(GREY)
    canvas.drawString(MARGIN, top - 32, " · ".join([_words()["title"][1], *(f"{zh} {en}" for zh, en in marks)]))
    caption = " ".join(_words()["captions"]["certificate"])
    canvas.setFont(fonts.REGULAR, 7)
    canvas.drawString(MARGIN, top - 58, caption)
    canvas.setFillGray(0)
    canvas.setFont(fonts.BOLD, 9.5)
    canvas.drawString(MARGIN, top - 69, certificate.number)
    place_code(canvas, certificate_payload(certificate.number, settings.PUBLIC_URL), WIDTH - MARGIN - _QR, top - _QR)
    canvas.setFillGray(GREY)
    canvas.setFont(fonts.REGULAR, 7)
    right = _words()["page"].format(page=number, pages=pages)
    canvas.drawString(WIDTH - MARGIN - text.width(right, fonts.REGULAR) * 7, _FOOT, right)
    return top - _HEAD
