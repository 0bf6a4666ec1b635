"""Pictures with and without codes in them."""

import io
import struct
import time
import warnings
import zlib
from random import Random

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from benchmarks.damage import defocus, label, print_label
from scanner import decoding
from scanner.decoding import MAX_BYTES, MAX_PIXELS, decode, engines
from wastetrack.errors import Invalid, Refused

TEXT = "HTTPS://WASTE.EXAMPLE.CN/W/91330699MADEM001119002490820260101001"


def code(text=TEXT, form="QRCode", scale=6):
    symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, form))
    return Image.fromarray(np.array(symbol.to_image(scale=scale, add_quiet_zones=True)))


def on_paper(*placed, size=(900, 700), mode="L"):
    """White paper with pictures at their places."""
    paper = Image.new("L", size, 255)
    for picture, place in placed:
        paper.paste(picture, place)
    return paper.convert(mode)


def file(image, form="PNG", **options):
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def png_header(width, height, pixels=b""):
    """A PNG that declares these measures and holds these bytes of pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def scratched(image, bad, random):
    """Lines across the code."""
    worn = image.copy()
    for _ in range(round(24 * bad)):
        ends = [random.uniform(350, 600), random.uniform(250, 500), random.uniform(350, 600), random.uniform(250, 500)]
        ImageDraw.Draw(worn).line(ends, fill=random.choice((0, 255)), width=3)
    return worn


def middle(barcode):
    return tuple(sum(corner[axis] for corner in barcode.box) / 4 for axis in (0, 1))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_code_is_read_from_the_usual_files(form):
    assert [found.text for found in decode(file(on_paper((code(), (100, 100)), mode="RGB"), form))] == [TEXT]


def test_what_is_known_of_a_code():
    qr = code()
    [found] = decode(file(on_paper((qr, (300, 200)))))
    assert (found.text, found.symbology) == (TEXT, "QRCode")
    assert found.engine in {"zxing-cpp", "pyzbar"}
    assert middle(found) == pytest.approx((300 + qr.width / 2, 200 + qr.height / 2), abs=4)


def test_two_codes_in_one_picture_are_both_found_once():
    other = "HTTPS://SHOP.EXAMPLE.CN/1"
    found = decode(file(on_paper((code(), (20, 20)), (code(other), (500, 350)))))
    assert sorted(barcode.text for barcode in found) == sorted([TEXT, other])


@pytest.mark.parametrize(
    ("form", "text"), [("Code128", "6901-A"), ("EAN13", "6901234567892"), ("DataMatrix", "ABC"), ("PDF417", "ABC")]
)
def test_other_codes_are_told_too(form, text):
    [found] = decode(file(on_paper((code(text, form, scale=3), (100, 100)))))
    assert (found.text, found.symbology) == (text, form)


def test_a_picture_without_codes_has_none():
    assert decode(file(Image.new("L", (300, 300), 200))) == []
    assert decode(file(Image.new("L", (1, 1)))) == []


def test_transparent_pixels_are_paper():
    qr = code()
    ink = Image.new("RGBA", qr.size, (0, 0, 0, 0))
    ink.paste((0, 0, 0, 255), mask=qr.point(lambda value: 255 - value))
    assert [found.text for found in decode(file(ink))] == [TEXT]


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "I;16"])
def test_every_kind_of_pixel_is_read(mode):
    paper = on_paper((code(), (100, 100))).point(lambda value: 60 + value // 2)
    deep = paper.convert("I").point(lambda value: value * 257)
    picture = deep.convert(mode) if mode == "I;16" else paper.convert(mode)
    assert [found.text for found in decode(file(picture))] == [TEXT]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_seen_as_the_camera_was_held(orientation):
    """The box lies in the upright picture: whatever the file's orientation, the code is at the upper left there."""
    upright = on_paper((code(), (40, 40)))
    undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
            7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    stored = upright.transpose(Image.Transpose[undo[orientation]]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    [found] = decode(file(stored, "JPEG", exif=exif))
    half = code().width / 2
    assert found.text == TEXT
    assert middle(found) == pytest.approx((40 + half, 40 + half), abs=4)


def test_a_large_photo_is_searched_small_and_its_box_told_in_its_own_pixels():
    qr = code(scale=20)
    [found] = decode(file(on_paper((qr, (2500, 1500)), size=(4000, 3000)), "JPEG"))
    assert middle(found) == pytest.approx((2500 + qr.width / 2, 1500 + qr.height / 2), abs=12)


def test_a_small_code_in_a_large_photo_is_found_at_full_size():
    [found] = decode(file(on_paper((code(scale=3), (3000, 2000)), size=(4000, 3000)), "JPEG", quality=90))
    assert found.text == TEXT


@pytest.mark.parametrize(
    "data", [b"", b"x", b"GIF89a", b"\xff\xd8\xff\xe0" + b"\0" * 100, b"<svg/>", b"%PDF-1.7", b"%!PS"]
)
def test_what_is_no_image_is_refused(data):
    with pytest.raises(Invalid) as refusal:
        decode(data)
    [error] = refusal.value.errors
    assert (error.field, error.code) == ("image", "not_an_image")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_truncated_image_is_refused(form):
    whole = file(on_paper((code(), (100, 100)), mode="RGB"), form)
    with pytest.raises(Invalid) as refusal:
        decode(whole[: len(whole) // 2])
    assert refusal.value.errors[0].code == "not_an_image"


def answer(data):
    try:
        return "read" if decode(data) else "nothing"
    except Refused as refusal:
        return refusal.code


def test_no_bytes_raise_anything_else(monkeypatch):
    monkeypatch.setattr(decoding, "BUDGET_SECONDS", 0)
    random, paper = Random(1), on_paper((code(), (9, 9)), mode="RGB")
    whole = [file(paper, form) for form in ("PNG", "JPEG", "GIF", "WEBP")]
    answers = set()
    for number in range(200):
        data = bytearray(whole[number % 4])
        for _ in range(random.randint(1, 20)):
            data[random.randrange(len(data))] = random.randrange(256)
        answers.add(answer(bytes(data)))
    assert {"read", "invalid_fields"} <= answers <= {"read", "nothing", "invalid_fields", "image_too_many_pixels"}


def test_a_file_over_the_limit_is_refused_unread(monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(Refused) as refusal:
        decode(b"\xff" * (MAX_BYTES + 1))
    assert (refusal.value.code, refusal.value.status) == ("image_too_large", 413)


@pytest.mark.parametrize("size", [(20_000, 10_000), (10_000, 10_000), (8_000, 6_251), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_too_many_pixels_are_refused_by_the_header(monkeypatch, size, action):
    assert size[0] * size[1] > MAX_PIXELS
    monkeypatch.setattr(Image.Image, "load", None)
    data = png_header(*size)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(Refused) as refusal:
            decode(data)
    assert (refusal.value.code, refusal.value.status) == ("image_too_many_pixels", 413)


def test_as_many_pixels_as_allowed_are_read():
    width, height = 5_000, MAX_PIXELS // 5_000
    rows = (b"\0" + b"\xff" * width) * height
    assert decode(png_header(width, height, rows)) == []


def test_either_engine_is_enough(monkeypatch):
    picture = file(on_paper((code(), (100, 100))))
    with monkeypatch.context() as without:
        without.setattr(decoding, "pyzbar", None)
        assert engines() == {"zxing-cpp": True, "pyzbar": False}
        assert [found.engine for found in decode(picture)] == ["zxing-cpp"]
    if not engines()["pyzbar"]:
        pytest.skip("libzbar0 is not installed")
    monkeypatch.setattr(zxingcpp, "read_barcodes", lambda *args, **options: [])
    assert [(found.text, found.engine) for found in decode(picture)] == [(TEXT, "pyzbar")]


def readable(damage):
    """At how many of 20 growing strengths of the damage the code is still read."""
    texts = [decode(file(damage(on_paper((code(), (350, 250))), bad / 20, Random(bad)))) for bad in range(20)]
    return sum(any(barcode.text == TEXT for barcode in found) for found in texts)


@pytest.mark.parametrize("damage", [defocus, scratched])
def test_bad_photos_are_tried_again(monkeypatch, damage):
    with_retries = readable(damage)
    monkeypatch.setattr(decoding, "_RETRIES", ())
    assert with_retries > readable(damage)


def test_a_turned_attempt_knows_where_the_code_is():
    picture = decoding._Picture(on_paper((code(), (300, 200))), (1, 0, 0, 0, 1, 0))
    turned = [picture.warped(turn=30), picture.warped(turn=45), picture.warped(turn=30).warped(wide=2, high=1.5)]
    for warped in [*turned, picture.reduced(2)]:
        [found] = decoding._zxing(warped)
        assert middle(found) == pytest.approx((300 + code().width / 2, 200 + code().height / 2), abs=4)


def test_no_attempt_begins_after_the_time_is_up(monkeypatch):
    monkeypatch.setattr(decoding, "BUDGET_SECONDS", 0)
    monkeypatch.setattr(decoding, "_RETRIES", ((lambda picture: pytest.fail("one more"), ()),))
    assert decode(file(Image.new("L", (300, 300)))) == []


def test_noise_ends_in_time():
    noise = Image.frombytes("L", (4000, 3000), Random(0).randbytes(12_000_000))
    data = file(noise, "JPEG", quality=60)
    begun = time.monotonic()
    decode(data)
    assert time.monotonic() - begun < 6 * decoding.BUDGET_SECONDS


def test_a_printed_label_holds_one_code():
    [found] = decode(file(print_label(label(1))))
    assert found.text == label(1).qr_payload
