"""Setting one's PIN on the page, and signing a manifest with it."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.models import Manifest
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World
from wastetrack.parties.models import Pin
from wastetrack.signing import set_pin

PIN = "402938"


def typed(**changes: str) -> dict[str, Any]:
    return {"pin": PIN, "again": PIN, "password": PASSWORD, **changes}


def test_a_pin_is_set_on_ones_own_page(world: World, clock: Any) -> None:
    firm = Visitor(world, "firm")
    assert 'href="/account/pin"' in text(firm.get("/containers"))
    assert "A PIN is set since" not in text(firm.get("/account/pin"))
    assert firm.send("/account/pin", **typed(next="/manifests")).url == "/manifests"
    assert firm.send("/account/pin", **typed(next="https://elsewhere.example/")).url == "/account/pin?kept=1"
    page = firm.get("/account/pin?kept=1")
    assert "A PIN is set since 2026-11-20 09:00" in text(page)
    assert page.headers["Cache-Control"].count("no-store") == 1


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"again": "402939"}, "again", "not the same"),
        ({"pin": "123456", "again": "123456"}, "pin", "no runs"),
        ({"pin": "4029", "again": "4029"}, "pin", "6 to 12 digits"),
        ({"password": "guess"}, "password", "not your password: the PIN was not set"),
        ({"password": ""}, "password", "needs your password"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    world: World, clock: Any, changes: dict[str, str], field: str, words: str
) -> None:
    page = Visitor(world, "firm").send("/account/pin", **typed(**changes))
    said = text(page)
    assert page.status_code in (403, 422)
    assert f'id="{field}-error"' in said
    assert words in said.split(f'id="{field}-error"')[1]
    assert PIN not in said
    assert not Pin.objects.exists()


def test_a_reader_has_nothing_to_sign(world: World, clock: Any) -> None:
    viewer = Visitor(world, "viewer")
    assert "/account/pin" not in text(viewer.get("/containers"))
    assert viewer.get("/account/pin").status_code == 403
    assert viewer.send("/account/pin", **typed()).status_code == 403


def test_a_manifest_is_signed_with_the_pin(world: World, clock: Any) -> None:
    manifest = world.draft(world.drum())
    firm, path = Visitor(world, "firm"), f"/manifests/{manifest.number}"
    before = text(firm.get(path))
    assert 'name="pin"' not in before
    assert f"/account/pin?next={path}" in before
    set_pin(actor=world.actor("firm"), password=PASSWORD, pin=PIN, now=NOW)
    assert 'name="pin"' in text(firm.get(path))
    refused = firm.send(f"{path}/issue", pin="402939")
    assert refused.status_code == 403
    assert "not your PIN" in text(refused).split('id="pin-error"')[1]
    assert 'id="password-error"' in text(firm.send(f"{path}/issue", pin="", password=""))
    assert firm.send(f"{path}/issue", pin=PIN).status_code == 303
    assert Manifest.objects.get().state == "issued"


def test_a_program_signs_with_the_pin(world: World, api: Any) -> None:
    manifest = world.draft(world.drum())
    set_pin(actor=world.actor("firm"), password=PASSWORD, pin=PIN, now=NOW)
    path = f"/manifests/{manifest.number}/issue"
    assert api("firm").post(path, {"pin": "402939"}).json()["code"] == "wrong_pin"
    for _ in range(4):
        api("firm").post(path, {"pin": "402939"})
    locked = api("firm").post(path, {"pin": PIN})
    assert (locked.status_code, locked.json()["code"], locked.headers["Retry-After"]) == (429, "pin_locked", "300")
    assert "PIN" in locked.json()["detail"]
    assert api("firm").post(path, {"password": PASSWORD}).json()["state"] == "issued"
