"""A firm stands at the counter with two drums and no papers: a minute later all is signed, received and on the log."""

from __future__ import annotations

import json
from typing import Any

from depots.models import Stay
from manifests.models import Manifest
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal
from wastetrack.waste.models import Container
from wastetrack.waste.services import save_stream

PIN = "730164"


def test_from_a_refused_scan_to_a_received_manifest(world: World, clock: Any, api: Any) -> None:
    firm, depot = Visitor(world, "firm"), Visitor(world, "depot")
    drum = world.drum(mass_kg="18.5")
    stream = save_stream(actor=world.actor("firm"), container=drum, now=NOW)
    # The clerk has a PIN since the first day.
    firm.send("/account/pin", pin=PIN, again=PIN, password=PASSWORD)

    # The operator scans a drum that no manifest brings, and is told what to do.
    scan = {"nonce": "n1", "text": drum.code, "intent": "check_in", "depot": str(world.depots["depot"].pk)}
    answer = api("depot").post("/scans", scan).json()
    assert (answer["verdict"], answer["reason"]) == ("refused", "no_manifest")
    assert answer["action"]["href"].startswith("/walk-in?container=")
    page = text(depot.get(answer["action"]["href"]))
    assert world.organisations["firm"].name in page

    # Two weighings: the scanned drum, and a second one that was never logged.
    old, new = f"drum:{drum.short_code}", f"new:{stream.pk}.1"
    typed: dict[str, Any] = {
        "firm": world.organisations["firm"].uscc,
        "row": [old, new],
        f"mass-{old}": "18.6",
        f"mass-{new}": "7.5",
    }
    path = depot.send("/walk-in", do="start", **typed).url
    assert path in text(firm.get("/"))

    # The clerk signs on the spot; nothing had happened before.
    assert not Manifest.objects.exists()
    depot.send(f"{path}/confirm", username="firm", pin=PIN)
    manifest = Manifest.objects.get()
    assert manifest.state == "received"
    received = [row.container for row in manifest.lines.select_related("container__holder")]
    assert {row.holder.name for row in received} == {"演示depot"}
    assert sorted(row.mass_g for row in received) == [7_500, 18_600]
    assert Stay.objects.filter(depot=world.depots["depot"], left_at=None).count() == 2

    # The drum's life says who did what, and where it was typed.
    seal(NOW)
    life = list(Entry.objects.visible_to(world.actor("regulator")).filter(subject=drum.subject).order_by("index"))
    assert [entry.kind.partition(".")[2] for entry in life] == ["log", "store", "commit", "depart", "receive"]
    assert [entry.username for entry in life] == ["firm", "firm", "firm", "firm", "depot"]
    told = text(Visitor(world, "regulator").get(f"/manifests/{manifest.number}"))
    assert "Brought by the sender itself" in told
    signed = Entry.objects.get(kind="manifest.issue")
    assert json.loads(signed.payload)["counter"] == world.depots["depot"].name

    # The new drum gets its label at once, and the depot sees both as its own from here on.
    label = depot.client.post("/labels", {"codes": [Container.objects.latest("pk").code], "layout": "single"})
    assert label["Content-Type"] == "application/pdf"
    again = api("depot").post("/scans", {**scan, "nonce": "n2"}).json()
    assert again["reason"] == "already_here"
