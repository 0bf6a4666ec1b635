"""The pages of drafts: changed, with their fixes; paper with its scan; returns; the plan and the approvals."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from manifests.models import Approval, Manifest, PlannedTransfer
from tests.kernel.test_drafting import picture, refused_all, second_carrier, stream_of
from tests.pages.test_manifest_pages import fields
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World
from wastetrack.parties.models import Organisation
from wastetrack.waste.models import Container


def test_a_draft_is_changed_on_the_page_that_made_it(world: World, clock: Any) -> None:
    firm = Visitor(world, "firm")
    first, second = world.drum(), world.drum()
    firm.send("/manifests/new", **fields(world, first, contract="演示合同 9"))
    manifest = Manifest.objects.get()
    page = text(firm.get(f"/manifests/{manifest.number}/edit"))
    assert re.search(rf'value="{first.short_code}"[^>]* checked', page)
    assert "演示合同 9" in page
    answer = firm.send(f"/manifests/{manifest.number}/edit", **fields(world, second))
    assert answer["Location"] == f"/manifests/{manifest.number}"
    assert [line.container_id for line in manifest.lines.all()] == [second.pk]
    for name in ("depot", "firm2"):
        assert Visitor(world, name).get(f"/manifests/{manifest.number}/edit").status_code == 404
    assert Visitor(world, "viewer").get(f"/manifests/{manifest.number}/edit").status_code == 403


def test_what_is_wrong_with_a_change_stands_on_the_page(world: World, clock: Any) -> None:
    manifest = world.draft(world.drum())
    answer = Visitor(world, "firm").send(f"/manifests/{manifest.number}/edit", **fields(world))
    assert answer.status_code == 422
    assert "is-invalid" in text(answer) or "invalid-feedback" in text(answer)


@pytest.mark.parametrize("name", ["contract", "emergency_measures", "paper_number"])
def test_a_draft_takes_no_text_that_cannot_be_printed(world: World, clock: Any, name: str) -> None:
    drum, firm = world.drum(), Visitor(world, "firm")
    wrong = {"paper_number": "纸 5", "paper_completed_at": "2026-11-19T10:00", name: "a\u202eb"}
    answer = firm.send("/manifests/new", **fields(world, drum, **wrong))
    assert (answer.status_code, f'id="{name}-error"' in text(answer)) == (422, True)
    assert not Manifest.objects.exists()
    if name != "paper_number":
        manifest = world.draft(drum)
        answer = firm.send(f"/manifests/{manifest.number}/edit", **fields(world, drum, **{name: "a\x07b"}))
        assert (answer.status_code, f'id="{name}-error"' in text(answer)) == (422, True)


@pytest.mark.parametrize("typed", ["0001-01-01T00:00", "1999-12-31T23:59"])
def test_paper_is_not_from_before_this_age(world: World, clock: Any, typed: str) -> None:
    sent = fields(world, world.drum(), paper_number="纸 5", paper_completed_at=typed)
    answer = Visitor(world, "firm").send("/manifests/new", **sent)
    assert (answer.status_code, 'id="paper_completed_at-error"' in text(answer)) == (422, True)
    assert "too long ago" in text(answer)


def test_a_usual_waste_and_several_carriers_on_the_page(world: World, clock: Any) -> None:
    carrier2 = second_carrier(world)
    sent = fields(world, stream=str(stream_of(world).pk), stream_mass_kg="1,2", next_carrier=[carrier2.uscc, ""])
    assert Visitor(world, "firm").send("/manifests/new", **sent).status_code == 303
    manifest = Manifest.objects.get()
    assert [line.mass_g for line in manifest.lines.all()] == [1_200]
    assert [leg.carrier_id for leg in manifest.legs.all()] == [carrier2.pk]


def test_a_draft_from_a_usual_waste_is_saved_again_as_it_stands(world: World, clock: Any) -> None:
    firm, waste = Visitor(world, "firm"), str(stream_of(world).pk)
    sent = fields(world, stream=waste, stream_mass_kg="1.2", stream_since="2026-11-03")
    firm.send("/manifests/new", **sent)
    manifest = Manifest.objects.get()
    drum = manifest.lines.get().container
    assert drum.accumulation_start.isoformat() == "2026-11-03"
    page = text(firm.get(f"/manifests/{manifest.number}/edit"))
    assert re.search(rf'value="{drum.short_code}"[^>]* checked', page)
    # It stands in this draft, which is the one being changed.
    assert "also in a draft" not in page
    assert "also in a draft" in text(firm.get("/manifests/new"))
    for again in (fields(world, drum), fields(world, stream=waste, stream_mass_kg="1.2")):
        assert firm.send(f"/manifests/{manifest.number}/edit", **again).status_code == 303
        assert [line.container_id for line in manifest.lines.all()] == [drum.pk]
    assert [one.state for one in Container.objects.all()] == ["stored"]
    wrong = firm.send("/manifests/new", **sent | {"stream_since": "2026-11-31"})
    assert (wrong.status_code, 'id="stream-since"' in text(wrong)) == (422, True)


def test_every_problem_has_its_fix_and_the_plan_is_amended_by_one_tap(world: World, clock: Any) -> None:
    firm = Visitor(world, "firm")
    manifest = world.draft(world.drum())
    page = text(firm.get(f"/manifests/{manifest.number}"))
    assert "names no transfers yet" in page
    firm.send(f"/manifests/{manifest.number}/amend-plan")
    assert PlannedTransfer.objects.get().mass_g == 18_500
    assert "names no transfers yet" not in text(firm.get(f"/manifests/{manifest.number}"))
    world.organisations["depot"].permits.update(codes="HW31")
    page = text(firm.get(f"/manifests/{manifest.number}"))
    assert f'class="fix" href="/manifests/{manifest.number}/edit"' in page


def test_paper_is_typed_in_on_the_pages(world: World, clock: Any) -> None:
    firm = Visitor(world, "firm")
    drum = world.drum(accumulation_start="2026-11-02")
    sent = fields(world, drum, paper_number="纸 5", paper_completed_at="2026-11-19T10:00")
    firm.send("/manifests/new", **sent)
    manifest = Manifest.objects.get()
    at = f"/manifests/{manifest.number}"
    assert "No scan of the paper yet" in text(firm.get(at))
    told = {"password": PASSWORD, "at": "2026-11-19T08:00", "vehicle": "浙D00001", "driver": "演示"}
    refused = firm.send(f"{at}/type-in", **told)
    assert (refused.status_code, "scan or photo" in text(refused)) == (409, True)
    firm.send(f"{at}/scans", scan=SimpleUploadedFile("联单.png", picture()))
    assert "联单.png" in text(firm.get(at))
    assert firm.send(f"{at}/type-in", **told).status_code == 303
    manifest.refresh_from_db()
    assert manifest.state == "delivered"
    digest = manifest.attachments.get().sha256
    kept = Visitor(world, "depot").get(f"{at}/scans/{digest}")
    assert (kept.content, kept["X-Content-Type-Options"]) == (picture(), "nosniff")
    assert Visitor(world, "firm2").get(f"{at}/scans/{digest}").status_code == 404


def test_the_receiver_makes_the_return_and_the_sender_sends_on(world: World, clock: Any) -> None:
    drum = world.drum()
    first = refused_all(world, drum)
    page = text(Visitor(world, "firm").get(f"/manifests/{first.number}"))
    onward = re.search(rf'href="(/manifests/new\?follows={first.number}[^"]*)"', page)
    assert onward
    page = text(Visitor(world, "firm").get(onward[1].replace("&amp;", "&")))
    assert re.search(rf'value="{drum.short_code}"[^>]* checked', page)
    answer = Visitor(world, "depot").send(f"/manifests/{first.number}/return")
    back = Manifest.objects.get(follows=first)
    assert answer["Location"] == f"/manifests/{back.number}"
    assert first.number in text(Visitor(world, "depot").get(answer["Location"]))


def test_the_plan_page(world: World, clock: Any) -> None:
    firm = Visitor(world, "firm")
    assert "Nothing is planned" in text(firm.get("/plan"))
    sent = {"waste_code": "900-249-08", "receiver": world.organisations["depot"].uscc, "mass_kg": "5000"}
    site = world.depots["firm"].site
    assert firm.send("/plan", site=site.code, year="2026", **sent).status_code == 303
    page = text(firm.get("/plan"))
    assert "900-249-08" in page
    assert re.search(r"5[.0]*\s*(<[^>]*>\s*)*t", page)
    wrong = firm.send("/plan", site=site.code, year="2026", **sent | {"mass_kg": "?"})
    assert wrong.status_code == 422
    assert Visitor(world, "viewer").send("/plan", site=site.code, year="2026", **sent).status_code == 403
    assert Visitor(world, "firm2").send("/plan", site=site.code, year="2026", **sent).status_code == 404


def test_the_approvals_page(world: World, clock: Any) -> None:
    Organisation.objects.filter(name="演示plant").update(division="310115")
    firm = Visitor(world, "firm")
    assert "No approval is recorded" in text(firm.get("/approvals"))
    sent = {
        "number": "演示 3",
        "receiver": world.organisations["plant"].uscc,
        "waste_codes": "900-249-08，900-214-08",
        "mass_kg": "5000",
        "method": "R9",
        "valid_from": NOW.date().isoformat(),
        "valid_to": "2027-11-19",
    }
    assert firm.send("/approvals", **sent).status_code == 303
    assert Approval.objects.get().waste_codes == "900-214-08 900-249-08"
    assert "演示 3" in text(firm.get("/approvals"))
    assert "演示 3" not in text(Visitor(world, "firm2").get("/approvals"))
    assert firm.send("/approvals", **sent | {"valid_to": "2029-01-01", "number": "4"}).status_code == 422
    assert Visitor(world, "viewer").send("/approvals", **sent | {"number": "5"}).status_code == 403


def test_ticked_drums_are_a_draft_in_one_tap_with_the_usual_parties(world: World, clock: Any) -> None:
    firm, drums = Visitor(world, "firm"), [world.drum(), world.drum()]
    codes = [drum.code for drum in drums]
    # Nobody knows yet to whom: one has to choose.
    assert firm.send("/containers/hand-over", codes=codes)["Location"].startswith("/manifests/new?container=")
    last = world.issued(world.drum())
    answer = firm.send("/containers/hand-over", nonce="once", codes=codes)
    made = Manifest.objects.latest("pk")
    assert answer["Location"] == f"/manifests/{made.number}"
    assert (made.receiver_id, made.carrier_id) == (last.receiver_id, last.carrier_id)
    assert {line.container_id for line in made.lines.all()} == {drum.pk for drum in drums}
    firm.send("/containers/hand-over", nonce="once", codes=codes)
    assert Manifest.objects.latest("pk") == made
    world.organisations["depot"].permits.update(codes="HW31")
    assert firm.send("/containers/hand-over", codes=codes)["Location"].startswith("/manifests/new?container=")
    assert Visitor(world, "viewer").send("/containers/hand-over", codes=codes).status_code == 403
