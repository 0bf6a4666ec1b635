"""What a scanned text means."""

from random import Random

import pytest

from labels.codes import MAX_TEXT, Scanned, bay_payload, payload, read
from wastetrack.regulations.identifiers import ContainerCode, make_uscc, short_code

SITE = "https://waste.example.cn"
CODE = make_uscc("91330699MADEM001") + "9002490820260101001"
SHORT = short_code("a drum")
URL = f"HTTPS://WASTE.EXAMPLE.CN/W/{CODE}"


def test_payload_is_an_address_in_capitals():
    assert payload(CODE, SITE) == URL
    assert payload(CODE, "http://127.0.0.1:8000/") == f"HTTP://127.0.0.1:8000/W/{CODE}"
    assert payload(CODE, "https://park.example.cn/wt") == f"HTTPS://PARK.EXAMPLE.CN/WT/W/{CODE}"


def test_payload_fits_the_alphanumeric_mode_of_qr():
    assert set(payload(CODE, SITE)) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


@pytest.mark.parametrize("site", ["", "waste.example.cn", "ftp://waste.example.cn", "https://", "https://废物.cn"])
def test_payload_refuses_what_is_no_web_address(site):
    with pytest.raises(ValueError, match="host_url"):
        payload(CODE, site)


@pytest.mark.parametrize(
    "text",
    [
        URL,
        URL.lower(),
        f"\ufeff{URL}",
        f"]Q3{URL}",
        f"\x02]q1{URL}\r\n",
        f"{URL}\t",
        f"{URL}\x1d",
        f" {URL}  ",
        f"{URL}/",
        f"{URL}?from=mail#top",
        f"HTTP://WASTE.EXAMPLE.CN/W/{CODE}",
        f"HTTPS://WASTE.EXAMPLE.CN:443/W/{CODE}",
        "".join(chr(ord(c) + 0xFEE0) for c in URL),
        URL.replace(":", "：").replace("/", "、").replace(".", "。"),
        URL.replace(":", "Ö").replace("/", "-"),
        f"{URL[:20]}\u200b{URL[20:]}",
        CODE,
        CODE.lower(),
        f"{CODE[:18]} {CODE[18:26]} {CODE[26:34]} {CODE[34:]}",
        f"]C1{CODE}\x1d",
    ],
)
def test_a_container_is_recognised_however_it_was_typed(text):
    scanned = read(text, SITE)
    assert (scanned.kind, scanned.code) == ("container", CODE)


@pytest.mark.parametrize("text", [SHORT, SHORT.lower(), f"{SHORT[:4]}-{SHORT[4:]}", f"{SHORT[:4]} {SHORT[4:]}\r"])
def test_a_short_code_is_recognised(text):
    assert read(text, SITE).kind == "short"
    assert read(text, SITE).code == SHORT


def test_a_short_code_with_a_wrong_character_is_garbage():
    wrong = ("2" if SHORT[0] != "2" else "3") + SHORT[1:]
    assert read(wrong, SITE).kind == "garbage"


def test_a_bay_is_recognised():
    assert read(bay_payload("17", SITE), SITE) == Scanned("bay", "17", "HTTPS://WASTE.EXAMPLE.CN/B/17")


def test_a_bay_is_recognised_through_a_chinese_input_method():
    assert read("】Q3ＨＴＴＰＳ：、、waste。example。cn、B、17", SITE) == read(bay_payload("17", SITE), SITE)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"HTTPS://OTHER.EXAMPLE.CN/W/{CODE}", CODE),
        (f"HTTPS://WASTE.EXAMPLE.CN.EVIL.CN/W/{CODE}", CODE),
        (f"HTTPS://WASTE.EXAMPLE.CN:8443/W/{CODE}", CODE),
        (f"https://scan.gov.example/q?id={CODE}", CODE),
        (f"https://scan.gov.example/q?id=1{CODE}", None),
        ("https://shop.example/item/6901234567892", None),
    ],
)
def test_another_sites_code_is_foreign(text, code):
    scanned = read(text, SITE)
    assert (scanned.kind, scanned.code) == ("foreign", code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "]Q3",
        "6901234567892",
        "hello",
        "://",
        "https://",
        URL[:-1],
        f"{URL}1",
        f"{URL}{URL}",
        f"HTTPS://WASTE.EXAMPLE.CN/X/{CODE}",
        f"HTTPS://WASTE.EXAMPLE.CN/W/{CODE}/more",
        "HTTPS://WASTE.EXAMPLE.CN",
        "HTTPS://WASTE.EXAMPLE.CN/B/",
        "HTTPS://WASTE.EXAMPLE.CN/B/../W",
        CODE[:26] + "20261301" + CODE[34:],
        CODE[:34] + "000",
    ],
)
def test_anything_else_is_garbage(text):
    assert read(text, SITE).kind == "garbage"
    assert read(text, SITE).code is None


def test_a_prefix_belongs_to_the_site():
    site = "https://park.example.cn/wt"
    assert read(payload(CODE, site), site).kind == "container"
    assert read(f"HTTPS://PARK.EXAMPLE.CN/W/{CODE}", site).kind == "garbage"


def test_a_long_text_is_garbage_and_kept_short():
    assert read(URL + " " * MAX_TEXT, SITE) == Scanned("garbage", None, (URL + " " * MAX_TEXT)[:MAX_TEXT])
    assert len(read("\ufdfa" * MAX_TEXT, SITE).text) == MAX_TEXT


def test_no_text_raises():
    random = Random(37)
    pieces = [URL, CODE, SHORT, "HTTPS://", "/W/", "/B/", "]", "\x1d", "：", "\ud800", "\U0010ffff", "İ", "ß", "\u202e"]
    for _ in range(20_000):
        parts = random.choices(pieces, k=random.randint(0, 3)) + [
            chr(random.choice((random.randrange(128), random.randrange(0x110000)))) for _ in range(random.randint(0, 6))
        ]
        random.shuffle(parts)
        scanned = read("".join(parts), SITE)
        assert scanned.kind in {"container", "short", "bay", "foreign", "garbage"}
        assert len(scanned.text) <= MAX_TEXT
        assert (scanned.code is None) >= (scanned.kind == "garbage")


def test_every_code_that_is_read_is_a_real_one():
    random = Random(8)
    for _ in range(2_000):
        text = list(URL)
        text[random.randrange(len(text))] = chr(random.randrange(33, 127))
        scanned = read("".join(text), SITE)
        assert scanned.kind != "container" or str(ContainerCode.parse(scanned.code or "")) == scanned.code
