"""Finds the barcodes in a photo. Two engines, since each reads pictures that the other can't. Pure: no Django.

Bounded in bytes, pixels and time. A clear picture costs one look; a bad one is sharpened, turned and thinned until an
engine reads a QR code in it or the time is up.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from math import cos, radians, sin
from typing import Literal

import zxingcpp
from PIL import Image, ImageChops, ImageFilter, ImageOps

from wastetrack.errors import Refused, invalid

try:
    from pyzbar import pyzbar
except ImportError:  # the package is there, but the system's libzbar0 is not
    pyzbar = None

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
BUDGET_SECONDS = 1.2
"""No further attempt is begun after this; a single one takes a quarter of a second at most."""

_FILES = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")  # what phones, browsers and scanners send
_SIDE = 1200  # longest side that is searched first: more pixels cost time and mostly show noise
_FULL_SIDE = 4096  # and the one when that found nothing

_QR = "QRCode"

Engine = Literal["zxing-cpp", "pyzbar"]
Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Barcode:
    """One code in the picture. `box`: its four corners in pixels of the upright picture."""

    text: str
    symbology: str
    engine: Engine
    box: tuple[Point, Point, Point, Point]


def engines() -> dict[Engine, bool]:
    """Which engines can be used; pyzbar needs libzbar0 from the system."""
    return {"zxing-cpp": True, "pyzbar": pyzbar is not None}


def decode(data: bytes) -> list[Barcode]:
    """The barcodes in an image file, each text once; an empty list when none can be read.

    Refused image_too_large (> 20 MB) or image_too_many_pixels (> 50 million), both 413; Invalid image: not_an_image.
    """
    if len(data) > MAX_BYTES:
        raise Refused("image_too_large", status=413, max_mb=MAX_BYTES // 1024**2)
    until = time.monotonic() + BUDGET_SECONDS
    found: dict[str, Barcode] = {}
    for barcodes in _attempts(data):
        for barcode in barcodes:
            found.setdefault(barcode.text, barcode)
        # Stripes are easily seen where there are none: only a QR code ends the search.
        if any(barcode.symbology == _QR for barcode in found.values()) or time.monotonic() > until:
            break
    return list(found.values())


# --- the picture ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Picture:
    """Grey pixels, and where they lie in the upright picture: x' = a x + b y + c, y' = d x + e y + f."""

    grey: Image.Image
    place: tuple[float, float, float, float, float, float]

    def corner(self, x: float, y: float) -> Point:
        a, b, c, d, e, f = self.place
        return round(a * x + b * y + c), round(d * x + e * y + f)

    def filtered(self, grey: Image.Image) -> "_Picture":
        """Other pixels at the same place."""
        return _Picture(grey, self.place)

    def warped(self, turn: float = 0, wide: float = 1, high: float = 1) -> "_Picture":
        """Turned by `turn` degrees and stretched."""
        width, height = self.grey.size
        c, s = cos(radians(turn)), sin(radians(turn))
        size = (round((abs(width * c) + abs(height * s)) * wide), round((abs(width * s) + abs(height * c)) * high))
        # Pillow asks where a pixel of the new picture comes from: the same that a found corner needs to know.
        a, b, d, e = c / wide, s / high, -s / wide, c / high
        shift_x, shift_y = (width - a * size[0] - b * size[1]) / 2, (height - d * size[0] - e * size[1]) / 2
        own = (a, b, shift_x, d, e, shift_y)
        grey = self.grey.transform(size, Image.Transform.AFFINE, own, Image.Resampling.BILINEAR, fillcolor=128)
        return _Picture(grey, _after(self.place, own))

    def reduced(self, factor: int) -> "_Picture":
        return _Picture(self.grey.reduce(factor), _after(self.place, (factor, 0, 0, 0, factor, 0)))


def _after(
    outer: tuple[float, float, float, float, float, float], inner: tuple[float, float, float, float, float, float]
) -> tuple[float, float, float, float, float, float]:
    """The place of a picture whose pixels lie at `inner` in one that lies at `outer`."""
    a, b, c, d, e, f = outer
    g, h, i, j, k, m = inner
    return a * g + b * j, a * h + b * k, a * i + b * m + c, d * g + e * j, d * h + e * k, d * i + e * m + f


def _load(data: bytes, longest: int) -> _Picture:
    """The picture upright and grey, its longer side at most `longest` pixels."""
    try:
        with Image.open(BytesIO(data), formats=_FILES) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_many_pixels()
            if image.getexif().get(_ORIENTATION, 1) in _LYING:
                width, height = height, width
            image.draft("L", (longest, longest))  # a JPEG gives a smaller grey picture in a fraction of the time
            grey = _grey(ImageOps.exif_transpose(image))
    except Refused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception as error:  # a decoder may fail in any way on foreign bytes
        raise invalid("image", "not_an_image") from error
    if max(grey.size) > longest:
        share = longest / max(grey.size)
        size = (max(1, round(grey.width * share)), max(1, round(grey.height * share)))
        grey = grey.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
    return _Picture(grey, (width / grey.width, 0, 0, 0, height / grey.height, 0))


_ORIENTATION = 0x0112
_LYING = {5, 6, 7, 8}


def _grey(image: Image.Image) -> Image.Image:
    """Eight bits of grey; what is transparent becomes white paper."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("L")
    return image.convert("L")


def _too_many_pixels() -> Refused:
    return Refused("image_too_many_pixels", status=413, max_megapixels=MAX_PIXELS // 10**6)


# --- the engines ---------------------------------------------------------------------------------------------------

Reader = Callable[[_Picture], list[Barcode]]

_F = zxingcpp.BarcodeFormat
_QR_ALONE = zxingcpp.BarcodeFormats(_F.QRCode)
_USUAL = zxingcpp.BarcodeFormats([_F.QRCode, _F.Code128, _F.Code39, _F.EAN13, _F.EAN8])
_RARE = zxingcpp.BarcodeFormats([_F.DataMatrix, _F.Aztec, _F.PDF417])  # each takes as long as all the usual ones
_ZBAR_NAMES = {"QRCODE": _QR, "CODE128": "Code128", "CODE39": "Code39", "EAN13": "EAN13", "EAN8": "EAN8"}


def _zxing(
    picture: _Picture,
    formats: zxingcpp.BarcodeFormats = _QR_ALONE,
    binarizer: zxingcpp.Binarizer = zxingcpp.Binarizer.LocalAverage,
) -> list[Barcode]:
    barcodes = []
    for found in zxingcpp.read_barcodes(picture.grey, formats, binarizer=binarizer, text_mode=zxingcpp.TextMode.Plain):
        at = found.position
        corners = [picture.corner(p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)]
        box = (corners[0], corners[1], corners[2], corners[3])
        barcodes.append(Barcode(found.text, found.format.name, "zxing-cpp", box))
    return barcodes


def _zxing_global(picture: _Picture) -> list[Barcode]:
    return _zxing(picture, binarizer=zxingcpp.Binarizer.GlobalHistogram)


def _zbar(picture: _Picture, names: tuple[str, ...] = ("QRCODE",)) -> list[Barcode]:
    if pyzbar is None:
        return []
    barcodes = []
    for found in pyzbar.decode(picture.grey, [pyzbar.ZBarSymbol[name] for name in names]):
        left, top, width, height = found.rect
        around = ((left, top), (left + width, top), (left + width, top + height), (left, top + height))
        points = found.polygon if len(found.polygon) == 4 else around
        corners = [picture.corner(x, y) for x, y in points]
        box = (corners[0], corners[1], corners[2], corners[3])
        barcodes.append(Barcode(found.data.decode("utf-8", "replace"), _ZBAR_NAMES[found.type], "pyzbar", box))
    return barcodes


# --- the attempts --------------------------------------------------------------------------------------------------


def _sharper(picture: _Picture, radius: int, percent: int) -> _Picture:
    """Undoes some blur."""
    return picture.filtered(picture.grey.filter(ImageFilter.UnsharpMask(radius, percent, 0)))


def _smoother(picture: _Picture) -> _Picture:
    """Undoes some noise."""
    return picture.filtered(picture.grey.filter(ImageFilter.GaussianBlur(1.2)))


def _levelled(picture: _Picture) -> _Picture:
    """Black and white against the mean of each pixel's surroundings: undoes shadows and glare."""
    around = picture.grey.filter(ImageFilter.BoxBlur(20))
    difference = ImageChops.subtract(picture.grey, around, offset=128)
    return picture.filtered(difference.point([255 if value > 120 else 0 for value in range(256)]))


def _grown(picture: _Picture, pick: Callable[[Image.Image, Image.Image], Image.Image], pixels: int = 1) -> _Picture:
    """What is light (pick ImageChops.lighter) or dark (darker) grows all round: closes scratches and spots."""
    grey = picture.grey
    for x, y in ((1, 0), (0, 1)) * pixels:
        grey = pick(pick(grey, ImageChops.offset(grey, x, y)), ImageChops.offset(grey, -x, -y))
    return picture.filtered(grey)


_Prepare = Callable[[_Picture], _Picture]

# Each reads photos that those before it do not; what brings most for its time stands first (benchmarks/decoding.py).
_RETRIES: tuple[tuple[_Prepare, tuple[Reader, ...]], ...] = (
    (lambda picture: picture, (_zxing_global,)),
    (lambda picture: _grown(picture, ImageChops.darker), (_zxing_global,)),
    (lambda picture: _sharper(picture, 3, 300), (_zxing_global, _zxing, _zbar)),
    (_smoother, (_zxing,)),
    (_levelled, (_zxing_global,)),
    (lambda picture: picture.reduced(2), (_zbar,)),
    (lambda picture: _grown(picture, ImageChops.lighter, 2), (_zbar,)),
    (lambda picture: _grown(_sharper(picture, 6, 400), ImageChops.darker), (_zxing_global,)),
    (lambda picture: _sharper(picture.reduced(2), 5, 400), (_zbar,)),
    (lambda picture: picture.warped(turn=45), (_zbar,)),
    (lambda picture: picture.warped(turn=30), (_zxing_global,)),
    (lambda picture: picture, (_zbar, partial(_zxing, formats=_RARE))),
    (lambda picture: _sharper(picture.warped(wide=2, high=2), 10, 500), (_zxing,)),
)


def _attempts(data: bytes) -> Iterator[list[Barcode]]:
    """What each attempt found, cheap ones first."""
    picture = _load(data, _SIDE)
    yield [*_zxing(picture, _USUAL), *_zbar(picture.warped(wide=2 / 3, high=2 / 3), tuple(_ZBAR_NAMES))]
    for prepare, readers in _RETRIES:
        prepared = prepare(picture)
        for read in readers:
            yield read(prepared)
    if picture.place[0] > 1:
        full = _load(data, _FULL_SIDE)
        yield _zxing(full)
        yield _zxing_global(_sharper(full, 3, 300))
