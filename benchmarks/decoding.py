"""Badly photographed labels that each engine reads alone, and that `scanner.decoding` reads with both."""

import statistics
import time
from collections.abc import Callable, Sequence
from io import BytesIO

import zxingcpp
from PIL import Image

from benchmarks.damage import Photo, photographs
from scanner.decoding import decode, engines

if engines()["pyzbar"]:
    from pyzbar import pyzbar

QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def _zxing_alone(jpeg: bytes) -> set[str]:
    grey = Image.open(BytesIO(jpeg)).convert("L")
    return {found.text for found in zxingcpp.read_barcodes(grey, QR)}


def _pyzbar_alone(jpeg: bytes) -> set[str]:
    grey = Image.open(BytesIO(jpeg)).convert("L")
    return {found.data.decode("utf-8", "replace") for found in pyzbar.decode(grey, [pyzbar.ZBarSymbol.QRCODE])}


def _both(jpeg: bytes) -> set[str]:
    return {found.text for found in decode(jpeg)}


def _row(name: str, read: Callable[[bytes], set[str]], photos: Sequence[Photo]) -> dict[str, object]:
    times, right, wrong = [], 0, 0
    for photo in photos:
        begun = time.perf_counter()
        texts = read(photo.jpeg)
        times.append(1000 * (time.perf_counter() - begun))
        right += photo.payload in texts
        wrong += bool(texts - {photo.payload})
    return {
        "decoder": name, "photos": len(photos), "read": right, "misread": wrong,
        "median ms": statistics.median(times), "longest ms": max(times),
    }  # fmt: skip


def run(small: bool = False) -> list[dict[str, object]]:
    """One row a decoder: how many of the photos it reads, and how long one takes; pyzbar only where libzbar0 is."""
    photos = list(photographs(48 if small else 440))
    readers = {"pyzbar": _pyzbar_alone, "zxing-cpp": _zxing_alone, "scanner.decoding": _both}
    if not engines()["pyzbar"]:
        del readers["pyzbar"]
    return [_row(name, read, photos) for name, read in readers.items()]


if __name__ == "__main__":
    for row in run():
        print(row)
