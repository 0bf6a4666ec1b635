"""Before anything moves: drafts, paper, and leave to cross the province's border."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.journeys.frame import Tale, journey
from tests.journeys.trade import Load, another_plant, cast
from tests.world import NOW

SCAN = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"


@journey
def test_draft_edited_checked_issued_cancelled(tale: Tale) -> None:
    """Drafted, edited, checked, issued, cancelled

    A firm drafts the wrong thing, mends it before anybody else sees it, issues it, and calls it off before departure.
    The drums are free at once and go on another manifest.
    """
    firm, depot, carrier = cast(tale, "firm", "depot", "carrier")
    first, second = firm.logs("drum a", "18.5"), firm.logs("drum b", "7")
    load = firm.drafts("the manifest", [first], to=depot)
    assert not depot.sees(f"/manifests/{load.number}")
    firm.cannot("carrier_missing").issues(load)
    firm.revises(load, [first, second], to=depot, by=carrier)
    assert load.state == "draft"
    firm.issues(load, to=carrier)
    assert depot.sees(f"/manifests/{load.number}")
    other = firm.drafts("another manifest", [first], to=depot, by=carrier) if first.state == "stored" else None
    assert other is None
    carrier.cannot("not_your_part").cancels(load, "no time today")
    firm.cancels(load, "collected tomorrow by another")
    assert (load.state, first.state, second.state) == ("cancelled", "stored", "stored")
    carrier.cannot("illegal_state").departs(load)
    other = firm.sends("another manifest", [second, first], to=depot, by=carrier)
    carrier.brings(other, depot)
    depot.receives(other)
    depot.closes(other)


@journey
def test_paper_typed_in_afterwards(tale: Tale) -> None:
    """Paper, typed in afterwards

    The network was down: the transfer ran on paper. Within ten working days the firm types it in with a scan of the
    paper; the receiver still signs its own part, and it is marked as paper everywhere.
    """
    firm, depot, carrier = cast(tale, "firm", "depot", "carrier")
    drum = firm.logs("the drum", "18.5")
    departed = NOW + timedelta(hours=1)
    complete = NOW + timedelta(hours=3)
    tale.wait("It runs on paper. Three days later", days=3)
    told = {"paper_number": "P-0007", "paper_completed_at": complete.isoformat()}
    load = firm.drafts("the paper manifest", [drum], to=depot, by=carrier, **told)
    times: dict[str, Any] = {"departed_at": departed.isoformat(), "vehicle": "浙D00001", "driver": "王师傅"}
    what = "types in what the paper says of itself and the carrier, and signs for it"
    firm.cannot("paper_scan_missing").does("type-in", load, what, **times)
    attaches(tale, load)
    firm.does("type-in", load, what, to=depot, **times)
    assert (load.state, load.row.paper, drum.state) == ("delivered", True, "in_transit")
    assert load.row.departed_at == departed
    depot.receives(load, accepts={drum: "18.5"}, to=firm)
    assert load.state == "received"
    depot.closes(load)


def attaches(tale: Tale, load: Load) -> None:
    """The firm adds the scan: a file, so not by JSON."""
    api = tale.api("firm")
    scan = SimpleUploadedFile("paper.pdf", SCAN, content_type="application/pdf")
    answer = api.client.post(f"/api/v1/manifests/{load.number}/attachments", {"scan": scan}, headers=api.headers)
    assert answer.status_code == 201, answer.content
    tale.tell("firm", "adds a scan of the paper", then="kept")


@journey
def test_cross_province_approval_used_up(tale: Tale) -> None:
    """An approval to cross the province's border, used up

    Waste leaves the province only by an approval. Two manifests use it up; a third is not issued.
    """
    firm, carrier = cast(tale, "firm", "carrier")
    abroad = another_plant(tale, "plant2", division="320102")
    drums = [firm.logs(f"drum {name}", "40") for name in "abc"]
    early = firm.drafts("a manifest without approval", drums[:1], to=abroad, by=carrier)
    firm.cannot("approval_missing").issues(early)
    firm.cancels(early, "no approval yet")
    approval: dict[str, Any] = {
        "number": "苏环函〔2026〕8号",
        "receiver": abroad.uscc,
        "waste_codes": ["900-249-08"],
        "mass_kg": "100",
        "method": "R9",
        "route": "浙江—江苏",
        "valid_from": "2026-11-01",
        "valid_to": "2027-10-31",
    }
    firm.post(
        "/approvals", approval, "records the approval: 100 kg of 900-249-08", then=lambda a: f"{a['left_kg']} kg left"
    )
    for drum in drums[:2]:
        load = firm.sends(f"the manifest of {drum.name}", [drum], to=abroad, by=carrier)
        assert load.row.approval is not None
        carrier.brings(load, abroad)
        abroad.receives(load, accepts={drum: "40"})
    (left,) = firm.get("/approvals")["items"]
    assert left["left_kg"] == "20"
    third = firm.drafts("the manifest of drum c", drums[2:], to=abroad, by=carrier)
    firm.cannot("approval_used_up").issues(third)
    assert (third.state, drums[2].state) == ("draft", "stored")
