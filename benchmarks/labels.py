"""Labels a second: ours against the same label with reportlab's own QR widget. Target: ten times as many."""

import time
from collections.abc import Callable, Sequence
from unittest import mock

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.pdfgen.canvas import Canvas

from benchmarks.damage import label
from labels import drawing
from labels.drawing import LabelData, draw_labels


def _widget_codes(canvas: Canvas, data: LabelData) -> None:
    """The label's QR as reportlab draws it; the short code is left out, in its favour."""
    side = drawing._QR_SIDE
    picture = Drawing(side, side)
    picture.add(QrCodeWidget(data.qr_payload, barLevel="Q", barWidth=side, barHeight=side))
    renderPDF.draw(picture, canvas, *drawing._qr_corner())


def _rate(draw: Callable[[Sequence[LabelData]], bytes], labels: Sequence[LabelData]) -> float:
    """Labels a second, the best of three runs."""
    best = 0.0
    for _ in range(3):
        begun = time.perf_counter()
        draw(labels)
        best = max(best, len(labels) / (time.perf_counter() - begun))
    return best


def run(small: bool = False) -> list[dict[str, object]]:
    """One row each: labels a second, bytes of a file with one label, how many times as fast as the widget."""
    labels = [label(number) for number in range(40 if small else 200)]
    draw_labels(labels[:1])  # the fonts are read once a process
    ours, size = _rate(draw_labels, labels), len(draw_labels(labels[:1]))
    with mock.patch.object(drawing, "_codes", _widget_codes):
        widget, widget_size = _rate(draw_labels, labels[: len(labels) // 4]), len(draw_labels(labels[:1]))
    return [
        {"label with": "our QR path", "labels/s": ours, "one file, bytes": size, "times the widget": ours / widget},
        {"label with": "the widget", "labels/s": widget, "one file, bytes": widget_size, "times the widget": 1.0},
    ]


if __name__ == "__main__":
    for row in run():
        print(row)
