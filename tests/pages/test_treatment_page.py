"""Recording a treatment on the manifest's page, also of what the plant made of the drums; and where a drum ended."""

from __future__ import annotations

from manifests.models import Manifest, Treatment
from tests.kernel.test_fates import bring, fresh, log, merge, split
from tests.pages.visitors import Visitor, text
from tests.world import PASSWORD, World


def record(world: World, manifest: Manifest, *codes: str, **more: str) -> int:
    address = f"/manifests/{manifest.number}/treat"
    sent = {f"treat-{code}": "1" for code in codes} | {f"mass-{code}": "0.4" for code in codes}
    fields = {**sent, "method": "D10", "treated_on": "2026-11-20", "residue": "灰渣", "password": PASSWORD, **more}
    answer: int = Visitor(world, "plant").send(address, **fields).status_code
    return answer


def test_the_form_offers_what_came_out_of_the_drums(world: World) -> None:
    drum, whole = log(world, 1_000), log(world, 400)
    manifest = bring(world, drum, whole, sender="firm", to="plant")
    one, two = split(world, drum, 400, 600, by="plant")
    page = text(Visitor(world, "plant").get(f"/manifests/{manifest.number}"))
    offered = [one, two, whole]
    assert all(f'name="treat-{each.short_code}"' in page for each in offered)
    assert f'name="treat-{drum.short_code}"' not in page
    assert record(world, manifest, one.short_code, whole.short_code) == 303
    assert [row.residue for row in Treatment.objects.all()] == ["灰渣", "灰渣"]
    page = text(Visitor(world, "plant").get(f"/manifests/{manifest.number}"))
    assert [f'name="treat-{each.short_code}"' in page for each in offered] == [False, True, False]


def test_what_is_wrong_stands_at_its_row_or_above_them(world: World) -> None:
    drum, other = log(world, 400), log(world, 400)
    manifest = bring(world, drum, sender="firm", to="plant")
    bring(world, other, sender="firm", to="plant")
    plant, address = Visitor(world, "plant"), f"/manifests/{manifest.number}/treat"
    fields = {"method": "D10", "treated_on": "2026-11-20", "password": PASSWORD}
    code = drum.short_code
    wrong = plant.send(address, **fields, **{f"treat-{code}": "1", f"mass-{code}": "x"})
    assert wrong.status_code == 422
    assert f'id="treat-mass-{code}-error"' in text(wrong)
    assert "not on this manifest" in text(plant.send(address, **fields, **{f"treat-{other.short_code}": "1"}))
    assert not Treatment.objects.exists()


def test_a_drums_page_tells_where_it_ended(world: World) -> None:
    ours, theirs = log(world, 1_000), log(world, 200, "firm2")
    manifest = bring(world, ours, sender="firm", to="plant")
    bring(world, theirs, sender="firm2", to="plant")
    assert "Where it ended" not in text(Visitor(world, "firm").get(f"/containers/{ours.short_code}"))
    mixed = merge(world, ours, theirs, by="plant")
    assert record(world, manifest, mixed.short_code, **{f"mass-{mixed.short_code}": "0.6"}) == 303
    for path in ("", "/family"):
        page = text(Visitor(world, "firm").get(f"/containers/{ours.short_code}{path}"))
        assert "Where it ended" in page
        assert page.count("0.5</span>") >= 2, path
        assert "灰渣" in page
    assert fresh(ours).state == "emptied"
    hidden = text(Visitor(world, "carrier").get(f"/containers/{ours.short_code}"))
    assert "You may not see where." in hidden
    assert "灰渣" not in hidden
