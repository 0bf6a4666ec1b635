"""What lets the scan page go on without a network: the worker's file, the app's, and whose session it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from scanner import offline
from tests.pages.visitors import Visitor, text
from tests.world import World
from wastetrack.http import owner_of


def files_of(worker: str) -> list[str]:
    found = re.search(r"^const FILES = (.*);$", worker, re.MULTILINE)
    assert found
    return list(json.loads(found[1]))


def test_the_worker_names_every_file_that_the_scan_page_loads(world: World) -> None:
    depot = Visitor(world, "depot")
    answer = depot.get("/sw.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "no-cache" in answer["Cache-Control"]
    files = files_of(text(answer))
    loaded = re.findall(r'(?:src|href)="(/static/[^"#]+)', text(depot.get("/scan")))
    assert {re.sub(r"#.*", "", name) for name in loaded} <= set(files)
    assert "/static/wastetrack/scan/sw.js" not in files


def test_a_new_file_is_a_new_worker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    offline._worker.cache_clear()
    before = offline._worker()
    monkeypatch.setattr(offline, "_files", lambda: ["wastetrack/site.css"])
    offline._worker.cache_clear()
    after = offline._worker()
    offline._worker.cache_clear()
    assert re.findall(r'VERSION = "(\w+)"', before) != re.findall(r'VERSION = "(\w+)"', after)


def test_the_app_starts_on_the_scan_page(world: World) -> None:
    answer = Visitor(world, None).get("/manifest.webmanifest")
    app = json.loads(answer.content)
    assert (app["start_url"], app["display"], app["scope"]) == ("/scan", "standalone", "/")
    assert app["name"]
    assert {icon["purpose"] for icon in app["icons"]} == {"any", "maskable"}


def test_whose_session_it_is(world: World) -> None:
    depot = Visitor(world, "depot")
    told = json.loads(depot.get("/scan/session").content)
    actor = world.actor("depot")
    assert told["owner"] == f"{actor.user_id}.{actor.organisation_id}"
    assert told["token"]
    assert f'data-owner="{told["owner"]}"' in text(depot.get("/scan"))
    assert Visitor(world, None).get("/scan/session").status_code == 401


def test_the_offline_page_knows_nobody(world: World) -> None:
    page = text(Visitor(world, "depot").get("/offline"))
    assert world.organisations["depot"].name not in page
    assert 'href="/scan"' in page


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/scans", {"nonce": "n1", "text": "x", "intent": "lookup"}),
        ("/scans/batch", {"scans": [{"nonce": "n1", "text": "x", "intent": "lookup"}]}),
    ],
)
def test_scans_of_one_person_are_not_taken_from_another(
    api: Any, world: World, path: str, body: dict[str, Any]
) -> None:
    mine, other = (owner_of(world.actor(name)) for name in ("depot", "depot2"))
    refused = api("depot").post(path, body, **{"X-Owner": other})
    assert (refused.status_code, refused.json()["code"]) == (409, "other_person")
    assert api("depot").post(path, body, **{"X-Owner": mine}).status_code == 200
    assert api("depot").post(path, body).status_code == 200
