"""What the scripts may say by themselves, they have the sentence for."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from scanner.words import SAID_ON_THE_DEVICE, words
from wastetrack.sentences import SENTENCES

SCRIPTS = Path(settings.BASE_DIR) / "wastetrack" / "static" / "wastetrack" / "scan"


def script(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")


def test_every_reason_of_the_devices_own_rules_has_its_sentence() -> None:
    text = script("rules.js")
    said = set(re.findall(r'new Refusal\("(\w+)"', text))
    said |= {code for code in re.findall(r'"(\w+)"', text) if code in SENTENCES}
    assert {"already_counted", "bund_too_small", "is_a_bay", "not_a_code", "no_safe_bay"} <= said
    assert said <= set(SAID_ON_THE_DEVICE)
    assert said <= set(words()["sentences"])


def test_every_word_of_the_page_is_there() -> None:
    known = words()
    every = "".join(script(file.name) for file in SCRIPTS.glob("*.js"))
    assert set(re.findall(r"words\.sentences\.(\w+)", every)) <= set(known["sentences"])
    missing = set(re.findall(r"\bwords\.(\w+)", every)) - set(known) - {"language", "js"}
    assert missing == set()
    already = re.search(r"ALREADY = new Set\(\[(.+?)\]\)", script("verdict.js"))
    assert already is not None
    assert set(re.findall(r'"(\w+)"', already[1])) <= set(known)
