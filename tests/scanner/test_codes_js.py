"""The device reads a code exactly as the site does: thousands of texts, good and bad, go to both."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from labels.codes import bay_payload, payload, read
from wastetrack.regulations.identifiers import ALPHABET31, make_uscc, short_code

SITES = [
    "https://waste.example.cn",
    "http://127.0.0.1:8000",
    "https://park.example.cn:443/wt/",
    "http://waste.example.cn:80",
]
IME = str.maketrans({".": "。", "/": "、", "]": "】"})
LAYOUTS = [str.maketrans({":": "Ö", "/": "-", ".": "."}), str.maketrans({":": "M", "/": "!", ".": ":"})]
AROUND = [
    "",
    " ",
    "\r\n",
    "\t",
    "\x1d",
    "\x00",
    "\ufeff",
    "]Q3",
    "]C1",
    "\x02]q1",
    "\u200b",
    "\x85",
    "\u3000",
    "\x1f",
    "]",
]
# Only what is the same in every version of Unicode that a machine may bring: Latin, Greek, Cyrillic, marks, full width.
BLOCKS = [(0, 0x180), (0x370, 0x500), (0x2000, 0x206F), (0x3000, 0x3040), (0xFF00, 0xFFF0)]
POINTS = [point for first, end in BLOCKS for point in range(first, end)]
KNOWN = [chr(point) for point in POINTS if unicodedata.category(chr(point)) != "Cn"]
KNOWN += list("ＡｂＺ０９：／．－－—‐废物桶号。、】【ßıİﬀ①Ⅷ㎏²½𝐀𝟘😀\u2028\u2029\u00ad\ue000\U000e0001")


def _container(random: Random) -> str:
    day = f"{random.randint(0, 2100):04d}{random.randint(0, 13):02d}{random.randint(0, 32):02d}"
    unit = make_uscc("91330699" + "".join(random.choices("0123456789ABCDEFGH", k=8)))
    if random.random() < 0.2:
        unit = "".join(random.choices(ALPHABET31 + "IOSVZ", k=18))
    return f"{unit}{random.randint(0, 10**8 - 1):08d}{day}{random.choice([0, 1, 7, 999]):03d}"


def _good(random: Random, site: str) -> str:
    good = random.randrange(5)
    if good == 0:
        return payload(_container(random), random.choice([site, site, *SITES]))
    if good == 1:
        return bay_payload(random.choice(["17", "A-1", "", "X" * 70, "中"]), random.choice([site, *SITES]))
    if good == 2:
        return short_code(str(random.random()))
    return _container(random) + random.choice(["", "", "/", "?a=b#c"])


def _spoilt(random: Random, text: str) -> str:
    kind = random.randrange(10)
    place = random.randrange(len(text) + 1)
    if kind == 0:
        return text.lower() if random.random() < 0.5 else text.title()
    if kind == 1:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    if kind == 2:
        return text.translate(random.choice([IME, *LAYOUTS]))
    if kind == 3:
        return text[:place] + random.choice(KNOWN) + text[place:]
    if kind == 4:
        return text[:place] + text[place + 1 :]
    if kind == 5:
        return (
            text[:place] + random.choice([" ", "-", "—", "\u200d", "/", "//", ":443", ":80", "\ud800"]) + text[place:]
        )
    if kind == 6:
        return text.replace("HTTPS", "HTTP") if random.random() < 0.5 else text.replace("W", "X").replace("B/", "b/")
    if kind == 7:
        return text + text
    if kind == 8:
        return text.translate(str.maketrans("1052", "IOSZ"))
    return random.choice(AROUND) + text + random.choice(AROUND)


def _text(random: Random, site: str) -> str:
    if random.random() < 0.1:
        return "".join(random.choices(KNOWN, k=random.choice([0, 1, 5, 40, 511, 512, 513, 700])))
    text = _good(random, site)
    for _ in range(random.randrange(4)):
        text = _spoilt(random, text)
    return text


@pytest.mark.parametrize("site", SITES)
def test_a_device_reads_every_text_as_the_site_does(javascript: Callable[..., Any], site: str) -> None:
    random = Random(site)
    texts = [_text(random, site) for _ in range(5_000)]
    ours = [read(text, site) for text in texts]
    wrong = [
        (text, one, theirs)
        for text, one, theirs in zip(
            texts, ours, javascript("read_codes.mjs", {"site": site, "texts": texts}), strict=True
        )
        if (one.kind, one.code, one.text) != (theirs["kind"], theirs["code"], theirs["text"])
    ]
    assert wrong[:3] == []
    # The texts reach every kind of reading, and not by a handful.
    assert all(
        sum(one.kind == kind for one in ours) > 50 for kind in ("container", "short", "bay", "foreign", "garbage")
    )
