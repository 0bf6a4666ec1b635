"""The phone's round: what it signs is what the site reads, and nothing it keeps is lost, doubled or readable."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest

from manifests.rounds import shown_digest
from manifests.sealing import Signer, bound_to, public_key, unseal
from tests.rounds.conftest import HERE
from wastetrack.errors import Refused

CASES = re.findall(r'^  async "(.+)"\(\) \{$', (HERE / "rounds_cases.mjs").read_text(encoding="utf-8"), re.MULTILINE)
GIVEN: dict[str, Any] = {
    "role": "firm",
    "stop": "7",
    "bound": {"nonce": "n1", "signed_at": "2026-11-20T01:00:00.000Z"},
    "told": {"username": "张三", "pin": "402938"},
    "head": "h",
    "drums": [{"code": "B", "seen": "2"}, {"code": "A", "seen": "1"}],
    "fresh": [{"stream": "3", "seen": "4", "mass_kg": "7.5"}],
}


@pytest.fixture(scope="module")
def outcomes(javascript: Callable[..., Any]) -> dict[str, str | None]:
    return dict(javascript("rounds_cases.mjs"))


@pytest.mark.parametrize("case", CASES)
def test_phone(outcomes: dict[str, str | None], case: str) -> None:
    assert outcomes[case] is None


def test_no_case_is_left_out(outcomes: dict[str, str | None]) -> None:
    assert set(outcomes) == set(CASES)
    assert len(CASES) > 8


@pytest.fixture
def made(javascript: Callable[..., Any]) -> dict[str, str]:
    return dict(javascript("seal_it.mjs", {"key": public_key(), **GIVEN}))


def bound(made: dict[str, str], **changes: Any) -> bytes:
    about = {"role": "firm", "stop_id": 7, "nonce": "n1", "shown": made["shown"], **changes}
    return bound_to(signed_at=GIVEN["bound"]["signed_at"], **about)


def test_phone_and_site_say_the_same_of_what_was_shown(made: dict[str, str]) -> None:
    assert made["shown"] == shown_digest("h", [("A", "1"), ("B", "2")], [("3", "4", "7.5")])


def test_the_site_opens_what_the_phone_sealed(made: dict[str, str]) -> None:
    assert unseal(made["sealed"], bound(made)) == Signer("402938", "张三")
    assert "402938" not in base64.b64decode(made["sealed"]).decode("latin-1")


@pytest.mark.parametrize("changes", [{"stop_id": 8}, {"nonce": "n2"}, {"shown": "0" * 64}, {"role": "driver"}])
def test_a_seal_opens_for_nothing_else(made: dict[str, str], changes: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="seal_broken"):
        unseal(made["sealed"], bound(made, **changes))


@pytest.mark.parametrize(
    "how", [lambda s: "", lambda s: "x", lambda s: s[:40], lambda s: s[:-4] + "AAAA", lambda s: "é"]
)
def test_what_is_no_seal(made: dict[str, str], how: Callable[[str], str]) -> None:
    with pytest.raises(Refused, match="seal_broken"):
        unseal(how(made["sealed"]), bound(made))


def test_another_sites_seal_stays_shut(made: dict[str, str], settings: Any) -> None:
    settings.SECRET_KEY = "another site's"
    with pytest.raises(Refused, match="seal_broken"):
        unseal(made["sealed"], bound(made))
