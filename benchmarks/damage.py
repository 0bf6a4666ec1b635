"""Badly photographed labels, the same for the same seed. Used by the tests and the decoding benchmark."""

import cmath
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import numpy as np
import pypdfium2
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from labels import codes
from labels.drawing import LabelData, draw_labels
from wastetrack.regulations.identifiers import ContainerCode, make_uscc, short_code

HOST = "https://wastetrack.example.cn"
FLOOR = (96, 98, 100)
DPI = 203
"""What the usual label printers print."""

SAMPLE = LabelData(
    waste_name="废机油滤芯",
    category="HW08 废矿物油与含矿物油废物",
    waste_code="900-249-08",
    form="固态",
    hazards=("T", "I"),
    components="废矿物油、金属、滤纸",
    harmful_components="矿物油、多环芳烃",
    precautions="防止泄漏；远离火源、热源；禁止与氧化剂混放",
    code37="",
    short_code="",
    unit_name="演示印染有限公司",
    unit_kind="generator",
    contact="张喆",
    phone="13800000000",
    produced_on=date(2026, 1, 1),
    mass_kg=Decimal("18.5"),
    remarks="",
    volume_l=200,
    qr_payload="",
    demo=True,
)


def label(number: int, **changes: object) -> LabelData:
    """The number-th sample label, 0..: each has its own code."""
    day = date(2026, 1, 1) + timedelta(days=number % 300)
    code = str(ContainerCode(make_uscc(f"91330699MADEM{number % 997:03d}"), "900-249-08", day, number % 999 + 1))
    own = {"code37": code, "short_code": short_code(code), "qr_payload": codes.payload(code, HOST), "produced_on": day}
    return replace(SAMPLE, **{**own, **changes})  # type: ignore[arg-type]


def print_label(data: LabelData, dpi: int = DPI) -> Image.Image:
    """The label as the printer puts it on paper."""
    document = pypdfium2.PdfDocument(draw_labels([data]))
    return document[0].render(scale=dpi / 72).to_pil().convert("RGB")


# --- what may go wrong. Each takes how bad it is, 0..1, where 1 is worse than can be read. --------------------------

Damage = Callable[[Image.Image, float, Random], Image.Image]


def _perspective(image: Image.Image, corners: list[tuple[float, float]]) -> Image.Image:
    """The image with its corners (from the upper left, clockwise) moved there."""
    w, h = image.size
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, [(0, 0), (w, 0), (w, h), (0, h)], strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients = np.linalg.solve(np.array(rows, dtype=float), np.array(values, dtype=float))
    how, smooth = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
    return image.transform(image.size, how, tuple(coefficients), smooth, fillcolor=FLOOR)


def tilt(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """Turned in the plane by any angle and away from the camera by up to 75°."""
    w, h = image.size
    spin, lean, toward = rng.uniform(0, 2 * math.pi), math.radians(75 * bad), rng.uniform(0, 2 * math.pi)
    corners = []
    for corner in (-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j):
        turned = corner * cmath.rect(1, spin - toward)
        depth = 1 + turned.real * math.sin(lean) / 5
        seen = complex(turned.real * math.cos(lean), turned.imag) / depth * cmath.rect(1, toward)
        corners.append((w / 2 + seen.real * w / 2.9, h / 2 + seen.imag * h / 2.9))
    return _perspective(image, corners)


def defocus(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(6.5 * bad))


def shake(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """The camera moved along a line while the shutter was open."""
    angle, steps = rng.uniform(0, math.pi), max(2, round(22 * bad))
    total = image
    for step in range(1, steps):
        moved = ImageChops.offset(image, round(step * math.cos(angle)), round(step * math.sin(angle)))
        total = Image.blend(total, moved, 1 / (step + 1))
    return total


def dark(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """Too little light: low contrast, much noise."""
    noise = Image.frombytes("RGB", image.size, rng.randbytes(image.width * image.height * 3))
    dim = image.point(lambda value: round(40 + value * (1 - 0.93 * bad) * 0.7))
    return Image.blend(dim, noise, 0.55 * bad)


def distant(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """Few pixels for the whole label, then enlarged by a helpful phone."""
    share = 1 / (1 + 7.5 * bad)
    small = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def glare(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """A lamp mirrored in the foil, near the QR."""
    mask = Image.new("L", image.size, 0)
    x, y = image.width * rng.uniform(0.7, 0.98), image.height * rng.uniform(0.6, 0.95)
    r = image.width * (0.03 + 0.13 * bad)
    ImageDraw.Draw(mask).ellipse((x - r, y - r * 0.7, x + r, y + r * 0.7), fill=255)
    light = Image.new("RGB", image.size, (255, 255, 250))
    return Image.composite(light, image, mask.filter(ImageFilter.GaussianBlur(r / 2)))


def shadow(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """A hard shadow across the QR, the rest overexposed."""
    mask = Image.new("L", image.size, 0)
    x, lean = image.width * rng.uniform(0.72, 0.95), image.width * rng.uniform(-0.3, 0.3)
    edge = [(x - lean, 0), (x + lean, image.height)]
    ImageDraw.Draw(mask).polygon([*edge, image.size, (image.width, 0)], fill=255)
    lit = image.point(lambda value: min(255, round(value * (1 + bad) + 90 * bad)))
    shade = image.point(lambda value: round(value * (1 - 0.92 * bad)))
    return Image.composite(shade, lit, mask.filter(ImageFilter.GaussianBlur(4)))


def scratches(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """Scraped along other drums: light and dark lines through the QR."""
    worn = image.copy()
    draw = ImageDraw.Draw(worn)
    for _ in range(round(15 * bad)):
        x, y = image.width * rng.uniform(0.68, 1), image.height * rng.uniform(0.58, 0.95)
        reach, angle = image.width * rng.uniform(0.05, 0.25), rng.uniform(0, math.pi)
        dx, dy = reach * math.cos(angle), reach * math.sin(angle)
        tone = rng.choice([(235, 232, 225), (40, 38, 36)])
        draw.line((x - dx, y - dy, x + dx, y + dy), fill=tone, width=rng.randint(2, 7))
    return worn


def dirt(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """Oil and grease in drops."""
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(round(26 * bad)):
        x, y = image.width * rng.uniform(0.68, 1), image.height * rng.uniform(0.58, 0.95)
        r = image.width * rng.uniform(0.004, 0.022)
        draw.ellipse((x - r, y - r * rng.uniform(0.6, 1.4), x + r, y + r), fill=rng.randint(150, 255))
    return Image.composite(Image.new("RGB", image.size, (52, 40, 24)), image, mask.filter(ImageFilter.GaussianBlur(2)))


def torn(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """A strip of the label is gone, from the right or from below."""
    worn = image.copy()
    lost = 0.03 + 0.1 * bad
    steps = [(position / 12, lost * rng.uniform(0.8, 1.2)) for position in range(13)]
    if rng.random() < 0.5:
        edge = [(image.width * (1 - depth), image.height * along) for along, depth in steps]
        corners = [image.size, (image.width, 0)]
    else:
        edge = [(image.width * along, image.height * (1 - depth)) for along, depth in steps]
        corners = [image.size, (0, image.height)]
    ImageDraw.Draw(worn).polygon([*edge, *corners], fill=FLOOR)
    return worn


def curved(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """Round a drum, seen from the side."""
    w, h = image.size
    half, turn, strips = 0.35 + 0.75 * bad, rng.uniform(-0.5, 0.5) * bad, 48
    left, right = math.sin(turn - half), math.sin(turn + half)
    mesh = []
    for strip in range(strips):
        x0, x1 = round(strip * w / strips), round((strip + 1) * w / strips)
        angles = [math.asin(max(-1.0, min(1.0, left + (right - left) * x / w))) for x in (x0, x1)]
        source = [(angle - turn + half) / (2 * half) * w for angle in angles]
        mesh.append(((x0, 0, x1, h), (source[0], 0, source[0], h, source[1], h, source[1], 0)))
    return image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def crushed(image: Image.Image, bad: float, rng: Random) -> Image.Image:
    """Sent on through a chat that saves bytes."""
    share = 1 - 0.72 * bad
    small = image.resize((round(image.width * share), round(image.height * share)))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=max(2, round(24 * (1 - bad))))
    return Image.open(file).convert("RGB")


DAMAGES: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (tilt, defocus, shake, dark, distant, glare, shadow, scratches, dirt, torn, curved, crushed)
}


@dataclass(frozen=True, slots=True)
class Photo:
    """A bad photo: what the label says, what was done to it, and the file."""

    payload: str
    damages: tuple[str, ...]
    jpeg: bytes


def photograph(data: LabelData, damages: dict[str, float], rng: Random) -> Photo:
    """The label with these damages, each with how bad it is; always a little turned, unsharp and noisy."""
    image = print_label(data)
    wide = Image.new("RGB", (round(image.width * 1.3), round(image.height * 1.2)), FLOOR)
    for name in [name for name in damages if name in {"glare", "shadow", "scratches", "dirt", "torn", "curved"}]:
        image = DAMAGES[name](image, damages[name], rng)
    wide.paste(image, ((wide.width - image.width) // 2, (wide.height - image.height) // 2))
    if "tilt" not in damages:
        wide = wide.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC, fillcolor=FLOOR)
    for name in [name for name in damages if name in {"tilt", "defocus", "shake", "dark", "distant", "crushed"}]:
        wide = DAMAGES[name](wide, damages[name], rng)
    wide = dark(defocus(wide, 0.08, rng), 0.1, rng)
    file = io.BytesIO()
    wide.save(file, "JPEG", quality=80)
    return Photo(data.qr_payload, tuple(damages), file.getvalue())


def photographs(count: int, seed: int = 1276) -> Iterator[Photo]:
    """`count` bad photos: every damage in turn at growing strength, every third with a second one on top."""
    rng = Random(seed)
    names = list(DAMAGES)
    for number in range(count):
        name = names[number % len(names)]
        rounds = max(1, math.ceil(count / len(names)))
        damages = {name: 0.15 + 0.65 * (number // len(names) + rng.random()) / rounds}
        if number % 3 == 2:
            second = rng.choice([other for other in names if other != name])
            damages = {name: damages[name] * 0.75, second: rng.uniform(0.15, 0.5)}
        yield photograph(label(number, volume_l=rng.choice((50, 200, 200))), damages, rng)
