"""The hazard pictograms of the label, our own drawings: a diamond with a symbol, as paths for PDF and for SVG.

Paths are SVG data of absolute M L C Z only, in a box 100 × 100 with y downwards.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, hypot, radians, sin

Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
_ROUND = 0.5523  # of the radius: where the handles of a quarter circle stand


@dataclass(frozen=True, slots=True)
class Shape:
    """One filled path; with `even_odd` an inner outline is a hole."""

    fill: Colour
    path: str
    even_odd: bool = False


def _polygon(*points: tuple[float, float]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def _oval(x: float, y: float, rx: float, ry: float) -> str:
    a, b = rx * _ROUND, ry * _ROUND
    corners = (
        (x + rx, y + b, x + a, y + ry, x, y + ry),
        (x - a, y + ry, x - rx, y + b, x - rx, y),
        (x - rx, y - b, x - a, y - ry, x, y - ry),
        (x + a, y - ry, x + rx, y - b, x + rx, y),
    )
    curves = "".join("C" + " ".join(f"{number:.1f}" for number in corner) for corner in corners)
    return f"M{x + rx:.1f} {y:.1f}{curves}Z"


def _circle(x: float, y: float, r: float) -> str:
    return _oval(x, y, r, r)


def _turned(x: float, y: float, angle: float, points: list[tuple[float, float]]) -> str:
    """The polygon about (x, y), turned clockwise by `angle` degrees."""
    c, s = cos(radians(angle)), sin(radians(angle))
    return _polygon(*((x + c * px - s * py, y + s * px + c * py) for px, py in points))


def _bone(x1: float, y1: float, x2: float, y2: float, width: float, knob: float) -> str:
    along = hypot(x2 - x1, y2 - y1)
    ux, uy = (x2 - x1) / along, (y2 - y1) / along
    nx, ny = -uy * width / 2, ux * width / 2
    shaft = _polygon((x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x2 - nx, y2 - ny), (x2 + nx, y2 + ny))
    # Both turn the same way round, so that where they overlap stays filled.
    knobs = [(x + side * nx * 1.25, y + side * ny * 1.25) for x, y in ((x1, y1), (x2, y2)) for side in (1, -1)]
    return shaft + "".join(_circle(x, y, knob) for x, y in knobs)


def _toxic() -> Iterator[Shape]:
    yield Shape(BLACK, _bone(32, 60.5, 66, 73.2, 4, 3.2))
    yield Shape(BLACK, _bone(68, 60.5, 34, 73.2, 4, 3.2))
    skull = (
        "M50 15C38.5 15 30.5 22.5 30.5 33C30.5 39.5 33 44 37 47C38.2 48 38.3 49.5 38.3 51.5C38.3 55 40 56.8 43 57.3"
        "C45 57.7 47.5 58 50 58C52.5 58 55 57.7 57 57.3C60 56.8 61.7 55 61.7 51.5C61.7 49.5 61.8 48 63 47"
        "C67 44 69.5 39.5 69.5 33C69.5 22.5 61.5 15 50 15Z"
    )
    eyes = _oval(41.7, 35.5, 5.4, 5.8) + _oval(58.3, 35.5, 5.4, 5.8)
    nose = (
        "M50 41.5C48.8 42.8 47 45.2 46.6 46.8C47.5 48.2 49 47.6 50 46.8"
        "C51 47.6 52.5 48.2 53.4 46.8C53 45.2 51.2 42.8 50 41.5Z"
    )
    teeth = "".join(_polygon((x, 51), (x + 1.2, 51), (x + 1.2, 58.5), (x, 58.5)) for x in (44.2, 49.4, 54.6))
    # A white seam keeps the jaw apart from the bones behind it.
    yield Shape(WHITE, _oval(50, 52, 14, 8.2))
    yield Shape(BLACK, skull + eyes + nose, even_odd=True)
    yield Shape(WHITE, teeth)


def _ignitable() -> Iterator[Shape]:
    flame = (
        "M52.5 12.5C54 23 60 28.5 65 36C70 43.5 71.5 52 67.5 60C64.3 66.5 58 70.5 50 70.5C42 70.5 35.2 66.5 32.3 60"
        "C29 52.5 30.8 45 35 38.5C36 43.5 38 46.5 41.2 48C39.8 36.5 43.5 22 52.5 12.5Z"
    )
    heart = (
        "M51.8 39.5C52.6 45.5 59.5 50 59.5 58C59.5 63.5 55.5 67 50.3 67C44.8 67 40.5 63.5 40.8 58.2"
        "C41 55 42.3 53 43.6 51C44.3 53.2 45.2 54.6 46.8 55.2C46.4 49.5 48.2 44 51.8 39.5Z"
    )
    yield Shape(BLACK, flame + heart, even_odd=True)
    yield Shape(BLACK, _polygon((34.5, 74.5), (65.5, 74.5), (65.5, 78.5), (34.5, 78.5)))


# fmt: off
_RAYS = (  # degrees from upright, where it begins and ends, how wide it gets
    (-72, 17, 31, 3.4), (-37, 15, 36, 4.2), (0, 15, 44, 4.8), (37, 15, 36, 4.2), (72, 17, 31, 3.4),
)
_SPLINTERS = (  # x, y, degrees, size
    (40.5, 24.5, 20, 3.0), (59.8, 24.2, -15, 3.0), (24.8, 39.6, 40, 2.7), (75.2, 39.6, -35, 2.7),
    (30, 47.4, 15, 2.2), (70.4, 47.2, -5, 2.2), (43.8, 36, 50, 2.2), (56.4, 35.4, 5, 2.2),
)
_GLASS = [  # a test tube along the x axis, its mouth to the right, and what is empty of it
    (-8, -3.8), (10, -3.8), (10, -5), (12.2, -5), (12.2, 5), (10, 5), (10, 3.8), (-8, 3.8),
    (-10.6, 2.5), (-11.6, 0), (-10.6, -2.5),
]
_HOLLOW = [(-7.6, -2.3), (11, -2.3), (11, 0.4), (-1, 0.4), (-9.4, -1.2)]
# fmt: on


def _reactive() -> Iterator[Shape]:
    """A body that bursts: what is left of it below, rays and splinters above."""
    body = (
        "M36.2 55L43.5 57.5L45.5 50.5L50.5 56.2L55.6 50.2L57 57.2L64 54.6C65.6 57 66.3 59.6 66.3 62.3"
        "C66.3 71 59.2 77.6 50.2 77.6C41.2 77.6 34 71 34 62.3C34 59.6 34.8 57.2 36.2 55Z"
    )
    yield Shape(BLACK, body)
    for angle, near, far, width in _RAYS:
        yield Shape(BLACK, _turned(50, 60, angle, [(-0.7, -near), (-width / 2, -far), (width / 2, -far), (0.7, -near)]))
    for x, y, angle, r in _SPLINTERS:
        yield Shape(BLACK, _turned(x, y, angle, [(-r, -r * 0.7), (r * 0.8, -r), (r, r * 0.6), (-r * 0.4, r)]))


def _tube(x: float, y: float, angle: float, mirror: int) -> Iterator[Shape]:
    """A test tube, half full, that pours to the right, or to the left with mirror -1."""
    for colour, outline in ((BLACK, _GLASS), (WHITE, _HOLLOW)):
        yield Shape(colour, _turned(x, y, angle * mirror, [(px * mirror, py) for px, py in outline]))


def _drop(x: float, y: float, r: float) -> str:
    return _circle(x, y, r) + _polygon((x, y - 2.4 * r), (x + 0.94 * r, y - 0.35 * r), (x - 0.94 * r, y - 0.35 * r))


def _corrosive() -> Iterator[Shape]:
    """Two tubes that pour, onto a hand and onto metal; both are eaten into."""
    yield from _tube(39.4, 25.6, 31, -1)
    yield from _tube(60.6, 25.6, 31, 1)
    yield Shape(BLACK, _drop(27.6, 37.2, 1.7) + _drop(72.4, 37.2, 1.7))
    yield Shape(
        BLACK,
        "M12.6 42.6C17 42.6 19.5 41.2 22 39.8C23.6 39 24.8 39.4 25.2 40.6C25.8 41.8 26.8 41.5 27.4 40.9"
        "C28 42.2 29.2 41.9 29.8 40.8C33 40.9 36 41.6 45.6 42.4C47.4 42.6 47.4 44.8 45.6 44.8L38.5 44.7"
        "L44.2 45.3C46 45.6 45.8 48 44 48L24 48C19 48 15 47.4 11.4 46.8Z",
    )
    slab = (
        "M53.5 41L68.4 41C68.8 42.8 70 42.2 70.8 43.2C71.6 44.6 73 44 73.6 42.8C74.8 43.2 76 42.6 76.4 41"
        "L83.4 41L86.6 47L53.5 47Z"
    )
    yield Shape(BLACK, slab)


SYMBOLS = {"C": _corrosive, "T": _toxic, "I": _ignitable, "R": _reactive}


def shapes(letter: str, upper: Colour, lower: Colour) -> tuple[Shape, ...]:
    """The whole pictogram of C, T, I or R, from the ground up, on the given colours of its two halves."""
    rim = _polygon((50, 0), (100, 50), (50, 100), (0, 50))
    ground = _polygon((50, 2.6), (97.4, 50), (50, 97.4), (2.6, 50))
    top, bottom = _polygon((2.6, 50), (50, 2.6), (97.4, 50)), _polygon((2.6, 50), (97.4, 50), (50, 97.4))
    halves = (Shape(upper, ground),) if upper == lower else (Shape(upper, top), Shape(lower, bottom))
    return (Shape(BLACK, rim), *halves, *SYMBOLS[letter]())


def pdf_operators(path: str) -> str:
    """The path in PDF's notation, without its fill."""
    operators = {"M": "m", "L": "l", "C": "c"}
    steps = re.findall(r"([MLCZ])([^MLCZ]*)", path)
    return "\n".join("h" if letter == "Z" else f"{numbers.strip()} {operators[letter]}" for letter, numbers in steps)


def svg(letter: str, upper: Colour, lower: Colour) -> str:
    """The pictogram as an SVG picture, for pages."""
    paths = "".join(
        f'<path d="{shape.path}" fill="rgb{shape.fill}" fill-rule="{"evenodd" if shape.even_odd else "nonzero"}"/>'
        for shape in shapes(letter, upper, lower)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{paths}</svg>'


def _branch(x1: float, y1: float, width1: float, x2: float, y2: float, width2: float) -> str:
    """A bough that tapers."""
    along = hypot(x2 - x1, y2 - y1)
    nx, ny = -(y2 - y1) / along / 2, (x2 - x1) / along / 2
    return _polygon(
        (x1 + nx * width1, y1 + ny * width1),
        (x1 - nx * width1, y1 - ny * width1),
        (x2 - nx * width2, y2 - ny * width2),
        (x2 + nx * width2, y2 + ny * width2),
    )


# fmt: off
_BOUGHS = (  # x, y, width, to x, y, width
    (28, 90, 9, 32, 52, 6.5), (32, 53, 6.5, 30, 24, 3.6), (30, 25, 3.6, 34, 6, 1.2),
    (31, 46, 4.2, 15, 32, 2.4), (16, 33, 2.6, 6, 31, 1), (18, 35, 2.2, 15, 20, 1),
    (31.5, 55, 4.4, 48, 40, 2.6), (47, 41, 2.6, 58, 40, 1), (46, 42, 2.4, 50, 26, 1),
    (30, 34, 3, 41, 20, 1.2), (30, 28, 2.6, 21, 12, 1), (30, 62, 3.4, 17, 54, 1.2),
)
# fmt: on


def dead_tree_and_fish() -> Iterator[Shape]:
    """A bare tree and a dead fish on the ground: the sign of a place for hazardous waste. White stands for the ground's
    colour."""
    yield Shape(BLACK, "".join(_branch(*bough) for bough in _BOUGHS))
    roots = _polygon((17, 92), (25, 84), (31.5, 84), (40, 92))
    yield Shape(BLACK, roots + _polygon((2, 91), (98, 91), (98, 95), (2, 95)))
    fish = "M46 77C52 67.5 66 65 79 73.5L93 64C90.5 71 90.5 79 93 86L79 79C66 88 52 86 46 77Z"
    gill = "M59.5 69.6C62.5 73.5 62.5 80.5 59.5 84.2L57.6 83.6C60.2 80 60.2 74 57.6 70.2Z"
    yield Shape(BLACK, fish)
    yield Shape(WHITE, gill)
    yield Shape(WHITE, _turned(53.2, 75, 45, [(-3.2, -0.8), (3.2, -0.8), (3.2, 0.8), (-3.2, 0.8)]))
    yield Shape(WHITE, _turned(53.2, 75, -45, [(-3.2, -0.8), (3.2, -0.8), (3.2, 0.8), (-3.2, 0.8)]))
