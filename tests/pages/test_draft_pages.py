"""The pages of drafts: changed, with their fixes; paper with its scan; returns; the plan and the approvals."""

from __future__ import annotations

import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from manifests.models import Approval, Manifest, PlannedTransfer
from tests.kernel.test_drafting import picture, refused_all, second_carrier, stream_of
from tests.pages.test_manifest_pages import fields
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World
from wastetrack.parties.models import Organisation


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


def test_a_usual_waste_and_several_carriers_on_the_page(world: World, clock: Any) -> None:
    carrier2 = second_carrier(world)
    sent = fields(world, stream=str(stream_of(world).pk), stream_mass_kg="1,2", next_carrier=[carrier2.uscc, ""])
    assert Visitor(world, "firm").send("/manifests/new", **sent).status_code == 303
    manifest = Manifest.objects.get()
    assert [line.mass_g for line in manifest.lines.all()] == [1_200]
    assert [leg.carrier_id for leg in manifest.legs.all()] == [carrier2.pk]


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
    sent = fields(world, world.drum(), paper_number="纸 5", paper_completed_at="2026-11-19T10:00")
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
