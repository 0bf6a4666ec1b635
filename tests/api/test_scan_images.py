"""`POST /scans/decode`: how a photo comes in and how a bad one is refused. What is read is tests/scanner's."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from scanner.decoding import MAX_BYTES
from tests.api.support import answered, nothing_done, refused
from tests.conftest import Api


def upload(api: Api, data: bytes, name: str = "photo.png") -> Any:
    headers = {key: value for key, value in api.headers.items() if key != "Content-Type"}
    return api.client.post("/api/v1/scans/decode", {"image": SimpleUploadedFile(name, data)}, headers=headers)


def png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A small file that says it holds a very large picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_a_photo_of_a_code_gives_its_text_engine_and_place(api: Any) -> None:
    code = zxingcpp.create_barcode("HTTPS://EXAMPLE/W/1", zxingcpp.BarcodeFormat.QRCode)
    photo = Image.fromarray(code.to_image(scale=6, add_quiet_zones=True))
    (found,) = answered(upload(api("viewer"), png(photo)))["barcodes"]
    assert (found["text"], found["symbology"]) == ("HTTPS://EXAMPLE/W/1", "QRCode")
    assert found["engine"] in {"zxing-cpp", "pyzbar"}
    assert len(found["box"]) == 4


def test_a_photo_without_a_code_gives_none(api: Any) -> None:
    answer = answered(upload(api("firm"), png(Image.new("L", (300, 300), 255))))
    assert answer["barcodes"] == []
    assert set(answer["engines"]) == {"zxing-cpp", "pyzbar"}


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"GIF89a", b"\xff\xd8\xff\xe0" * 9])
def test_what_is_no_picture_is_refused(api: Any, data: bytes) -> None:
    with nothing_done():
        refused(upload(api("firm"), data), 422, "not_an_image", "image")


def test_a_picture_of_200_megapixels_is_refused_unread(api: Any) -> None:
    refused(upload(api("firm"), huge_png(20_000, 10_000)), 413, "image_too_many_pixels")


def test_a_picture_of_30_megabytes_is_refused_unread(api: Any) -> None:
    refused(upload(api("firm"), b"\x89PNG\r\n\x1a\n" + bytes(30_000_000)), 413, "image_too_large")
    assert MAX_BYTES < 30_000_000


def test_no_picture_at_all_is_missing(api: Any) -> None:
    firm = api("firm")
    refused(firm.client.post("/api/v1/scans/decode", {"image": "text"}, headers=firm.headers), 422, "missing", "image")
    refused(firm.post("/scans/decode", {"image": "x"}), 422, "missing", "image")


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=é", "multipart/form-data; boundary=x"]
)
def test_a_form_that_falls_apart_is_malformed_or_empty(api: Any, kind: str) -> None:
    firm = api("firm")
    response = firm.client.post("/api/v1/scans/decode", b"--y\r\nnonsense", content_type=kind, headers=firm.headers)
    assert response.status_code in (400, 422)
    refused(response, response.status_code, response.json()["code"])


def test_nobody_has_photos_read(nobody: Api) -> None:
    refused(upload(nobody, b"x"), 401, "not_signed_in")
