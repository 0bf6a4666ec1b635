"""A QR code as one vector path."""

import re

import zxingcpp

QUIET = 4
"""Modules of white that a reader needs on every side."""


_DARK_RUN = re.compile(rb"\x00+")


def modules(text: str) -> list[bytes]:
    """The rows of the symbol from the top, one byte a module: 0 is dark. Error correction Q, a quarter may be lost."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
    image = symbol.to_image(scale=1, add_quiet_zones=False)
    flat, side = bytes(memoryview(image)), image.shape[1]  # type: ignore[arg-type]  # a buffer, though not typed so
    return [flat[start : start + side] for start in range(0, len(flat), side)]


def svg_path(text: str) -> tuple[int, str]:
    """(modules a side with the quiet zone, an SVG path that fills the dark modules), in modules, origin at the top."""
    rows = modules(text)
    runs = ((y, run.start(), run.end()) for y, row in enumerate(rows) for run in _DARK_RUN.finditer(row))
    path = "".join(f"M{start} {y}h{end - start}v1h{start - end}z" for y, start, end in runs)
    return len(rows) + 2 * QUIET, path


def pdf_path(text: str) -> tuple[int, str]:
    """(modules a side, PDF operators that fill the dark modules), in modules, origin at the lower left corner.

    One rectangle a run and one fill for all: viewers show no seams between the rows, and the file stays small.
    """
    rows = modules(text)
    runs = [
        f"{run.start()} {y} {run.end() - run.start()} 1 re"
        for y, row in enumerate(reversed(rows))
        for run in _DARK_RUN.finditer(row)
    ]
    return len(rows), "\n".join([*runs, "f"])
