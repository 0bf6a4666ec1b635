"""Drawn, printed at 203 dpi, photographed badly: still the same code, by both libraries alone."""

from io import BytesIO
from random import Random

import pytest
import zxingcpp
from PIL import Image

from benchmarks.damage import HOST, label, photograph, photographs, print_label
from labels.codes import read
from labels.qr import modules
from scanner.decoding import decode, engines


def by_zxing(jpeg):
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [found.text for found in zxingcpp.read_barcodes(Image.open(BytesIO(jpeg)), formats)]


def by_pyzbar(jpeg):
    if not engines()["pyzbar"]:
        pytest.skip("libzbar0 is not installed")
    from pyzbar import pyzbar

    return [found.data.decode() for found in pyzbar.decode(Image.open(BytesIO(jpeg)))]


def by_both(jpeg):
    return [found.text for found in decode(jpeg)]


@pytest.mark.parametrize("engine", [by_zxing, by_pyzbar, by_both])
@pytest.mark.parametrize("volume_l", [20, 200, 1000])
def test_a_badly_photographed_label_gives_its_code(engine, volume_l):
    data = label(7, volume_l=volume_l)
    photo = photograph(data, {"tilt": 0.5, "defocus": 0.15, "dark": 0.3}, Random(203))
    texts = engine(photo.jpeg)
    assert texts == [data.qr_payload]
    assert read(texts[0], HOST).code == data.code37


def test_a_photo_is_the_same_for_the_same_seed():
    once, again = (photograph(label(1), {"dark": 0.5, "tilt": 0.5}, Random(5)).jpeg for _ in range(2))
    assert once == again


def test_both_engines_read_what_either_reads_alone():
    photos = list(photographs(12))
    alone = [{*by_zxing(photo.jpeg), *(by_pyzbar(photo.jpeg) if engines()["pyzbar"] else ())} for photo in photos]
    read = sum(photo.payload in by_both(photo.jpeg) for photo in photos)
    assert read >= sum(photo.payload in texts for photo, texts in zip(photos, alone, strict=True))
    assert read >= 9


def test_modules_are_large_enough_for_the_printer():
    """Four dots a module at least on the smallest label, so that none is lost between dots."""
    page = print_label(label(1, volume_l=20))
    quiet_and_modules = len(modules(label(1).qr_payload)) + 8
    assert 0.28 * page.width / quiet_and_modules >= 4
