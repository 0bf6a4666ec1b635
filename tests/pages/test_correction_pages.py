"""The pages of a correction: proposing it, agreeing, declining, and reading what was changed by whom."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.models import Correction, Discrepancy, Line, Manifest
from manifests.services import Receipt, receive
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World
from wastetrack.waste.models import Container

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def manifest(world: World) -> Manifest:
    """Two drums that the depot has received."""
    found = world.delivered(world.drum(), world.drum())
    receipts = [Receipt(line) for line in found.lines.select_related("container")]
    return receive(actor=world.actor("depot"), manifest=found, receipts=receipts, depot=world.depots["depot"], now=NOW)


def as_shown(page: str) -> str:
    return page.split('name="shown" value="')[1].split('"')[0]


def proposed(world: World, manifest: Manifest, **fields: Any) -> Any:
    """The depot sends the form of a proposal."""
    return Visitor(world, "depot").send(
        f"/manifests/{manifest.number}/correction", reason="写反了", password=PASSWORD, **fields
    )


def test_only_what_was_changed_is_proposed(world: World, manifest: Manifest) -> None:
    depot = Visitor(world, "depot")
    page = text(depot.get(f"/manifests/{manifest.number}/correction"))
    fields = {
        "mass_kg-1": "18.6",
        "name-1": "废油桶",
        "received_at-1": NOW.replace(tzinfo=None).isoformat(),
        "mass_kg-2": "18.5",
        "shown": as_shown(page),
    }
    assert proposed(world, manifest, **fields).status_code == 303
    assert [(one["field"], one["new"]) for one in Correction.objects.get().data] == [("mass_kg", "18.6")]


def test_a_correction_is_shown_and_agreed_to_on_the_page(world: World, manifest: Manifest) -> None:
    proposed(world, manifest, **{"mass_kg-1": "18.6", "form-1": "L", "contract": "合同一"})
    address = f"/manifests/{manifest.number}"
    firm = Visitor(world, "firm")
    page = text(firm.get(address))
    assert "A correction is proposed" in page
    assert "<del>18.5 kg</del>" in page
    assert "<ins>18.6 kg</ins>" in page
    assert "<ins>Liquid</ins>" in page
    assert "Agree and sign" in page
    assert "Still to agree:" in page
    proposer = text(Visitor(world, "depot").get(address))
    assert "Withdraw the proposal" in proposer
    assert "Agree and sign" not in proposer
    assert "Propose a correction" not in proposer
    which = str(Correction.objects.get().pk)
    assert firm.send(f"{address}/approve", correction=which, shown=as_shown(page)).status_code == 422
    agreed = firm.send(f"{address}/approve", correction=which, shown=as_shown(page), password=PASSWORD)
    assert agreed.status_code == 303
    after = text(Visitor(world, "regulator").get(address))
    assert "Now version 2" in after
    assert "合同一" in after
    assert Container.objects.get(pk=Line.objects.get(position=1).container_id).form == "L"


def test_who_is_asked_finds_it_at_home_and_who_asked_does_not(world: World, manifest: Manifest) -> None:
    proposed(world, manifest, **{"mass_kg-1": "18.6"})
    assert "1 correction to agree to" in text(Visitor(world, "firm").get("/"))
    assert manifest.number not in text(Visitor(world, "depot").get("/"))


def test_a_proposal_is_declined_with_a_reason(world: World, manifest: Manifest) -> None:
    proposed(world, manifest, **{"mass_kg-1": "18.6"})
    address = f"/manifests/{manifest.number}"
    firm = Visitor(world, "firm")
    assert firm.send(f"{address}/decline", reason="").status_code == 422
    assert firm.send(f"{address}/decline", reason="磅单没错").status_code == 303
    page = text(firm.get(address))
    assert "Declined" in page
    assert "A correction is proposed" not in page


def test_what_was_wrong_is_shown_at_its_field_with_what_was_typed(world: World, manifest: Manifest) -> None:
    wrong = {"mass_kg-1": "18,6,1", "hazards-2": "R", "received_at-2": "2027-01-01T10:00:00"}
    answer = proposed(world, manifest, **wrong)
    page = text(answer)
    assert answer.status_code == 422
    assert 'id="mass_kg-1-error"' in page
    assert 'value="18,6,1"' in page
    assert 'id="hazards-2-error"' in page
    assert 'id="received_at-2-error"' in page
    same = proposed(world, manifest)
    assert same.status_code == 409
    assert "there is nothing to correct" in text(same)


def test_hazards_are_ticked_among_those_that_the_code_may_have(world: World, manifest: Manifest) -> None:
    page = text(Visitor(world, "depot").get(f"/manifests/{manifest.number}/correction"))
    chips = page.split('<legend class="form-label">Hazards</legend>')[1].split("</fieldset>")[0]
    assert 'type="hidden" name="hazards-1" value="T"' in chips, "every waste of this code has it"
    assert '<input type="checkbox" name="hazards-1" value="I" checked><span><strong>I</strong> Ignitability' in chips
    assert 'value="R"' not in chips
    assert "is part of the number on the label" in page
    assert proposed(world, manifest, **{"hazards-1": ["I", "T"]}).status_code == 409, "the same, in another order"
    assert proposed(world, manifest, **{"hazards-1": ["T"]}).status_code == 303
    assert [(one["old"], one["new"]) for one in Correction.objects.get().data] == [("T I", "T")]


def test_a_form_sent_twice_proposes_once(world: World, manifest: Manifest) -> None:
    depot = Visitor(world, "depot")
    for _ in range(2):
        answer = depot.send(
            f"/manifests/{manifest.number}/correction",
            nonce="one",
            reason="写反了",
            password=PASSWORD,
            **{"mass_kg-1": "18.6"},
        )
        assert answer.status_code == 303
    assert Correction.objects.count() == 1


def test_who_may_not_see_or_write_gets_no_form(world: World, manifest: Manifest) -> None:
    address = f"/manifests/{manifest.number}/correction"
    assert Visitor(world, "plant").get(address).status_code == 404
    assert Visitor(world, "viewer").get(address).status_code == 403
    assert "Propose a correction" not in text(Visitor(world, "carrier").get(f"/manifests/{manifest.number}"))


def test_a_load_under_way_is_called_off_by_consent(world: World) -> None:
    manifest = world.departed(world.drum())
    address = f"/manifests/{manifest.number}"
    firm, carrier = Visitor(world, "firm"), Visitor(world, "carrier")
    assert "Propose to call it off" in text(firm.get(address))
    assert firm.send(f"{address}/cancel", reason="路断了", password=PASSWORD).status_code == 303
    page = text(carrier.get(address))
    assert "Agree: call it off" in page
    assert carrier.send(f"{address}/approve", password=PASSWORD).status_code == 303
    assert "called off under way" in text(firm.get(address))


def test_a_drum_is_received_as_other_than_declared_on_the_page(world: World) -> None:
    manifest = world.delivered(world.drum())
    depot, address = Visitor(world, "depot"), f"/manifests/{manifest.number}"
    fields = {"outcome-1": "accepted", "mass-1": "18.5", "differs-form-1": "1", "password": PASSWORD}
    missing = depot.send(f"{address}/receive", **fields)
    assert missing.status_code == 422
    assert 'id="reason-1-error"' in text(missing)
    assert 'name="differs-form-1" value="1" checked' in text(missing)
    assert depot.send(f"{address}/receive", **{**fields, "reason-1": "是液体"}).status_code == 303
    assert Discrepancy.objects.get().differs == "form"
    assert "Not as declared: Form" in text(Visitor(world, "firm").get(address))


def test_a_refused_drum_need_not_be_weighed_but_may_be(world: World) -> None:
    manifest = world.delivered(world.drum(), world.drum())
    depot, address = Visitor(world, "depot"), f"/manifests/{manifest.number}"
    fields = {f"outcome-{n}": "rejected" for n in (1, 2)} | {f"reason-{n}": "漏" for n in (1, 2)}
    answer = depot.send(f"{address}/receive", **fields, **{"mass-2": "17.9"}, password=PASSWORD)
    assert answer.status_code == 303
    assert list(Line.objects.values_list("refused_mass_g", flat=True)) == [None, 17_900]
    assert "weighed" in text(depot.get(address))
