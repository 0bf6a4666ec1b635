"""A manifest's numbers: read as people type them, and the national one beside ours."""

from __future__ import annotations

from typing import Any

import pytest

from manifests import services as manifests
from manifests.models import Manifest
from manifests.selectors import get_manifest
from tests.api.support import answered, nothing_done, refused
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World, later
from wastetrack.errors import Invalid, NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.regulations.identifiers import parse_manifest_number

pytestmark = pytest.mark.once

NATIONAL = "20263306000777"


def typed_wrong(number: str) -> str:
    """The number as somebody reads it off a bad copy: spaces, letters O and I."""
    return f" {number[:4]}-{number[4:8]} {number[8:]}".replace("0", "O").replace("1", "I")


def record(world: World, manifest: Manifest, number: str = NATIONAL, by: str = "depot") -> Manifest:
    return manifests.set_national_number(actor=world.actor(by), manifest=manifest, number=number, now=NOW)


# --- read as typed -----------------------------------------------------------------------------------------


def test_a_number_typed_with_letters_is_found_everywhere(world: World, api: Any) -> None:
    manifest = world.issued(world.drum())
    typed = typed_wrong(manifest.number)
    assert get_manifest(world.actor("firm"), typed) == manifest
    assert answered(api("firm").get(f"/manifests/{typed}"))["number"] == manifest.number
    visitor = Visitor(world, "firm")
    assert visitor.get(f"/manifests/{typed}").status_code == 200
    assert visitor.get(f"/m/{typed}").headers["Location"] == f"/manifests/{manifest.number}"
    assert f'href="/manifests/{manifest.number}"' in text(visitor.get("/manifests", search=typed))


def test_what_is_no_number_is_unknown(world: World, api: Any) -> None:
    for number in ("x", "2026", "%", "汉字", "9" * 400):
        refused(api("firm").get(f"/manifests/{number}"), 404, "unknown_manifest")


# --- the national number -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["firm", "carrier", "depot"])
def test_each_party_records_it(world: World, api: Any, by: str) -> None:
    manifest = world.issued(world.drum())
    body = {"national_number": typed_wrong(NATIONAL)}
    assert answered(api(by).post(f"/manifests/{manifest.number}/national-number", body))["national_number"] == NATIONAL
    entry = Entry.objects.get(kind="manifest.number")
    assert entry.data == {"number": NATIONAL}
    assert entry.organisation_name == world.organisations[by].name
    assert entry.readers == " ".join(sorted(manifest.readers()))


def test_it_is_shown_and_searched_for(world: World) -> None:
    manifest = record(world, world.issued(world.drum()))
    visitor = Visitor(world, "firm")
    assert NATIONAL in text(visitor.get("/manifests"))
    assert NATIONAL[8:] in text(visitor.get(f"/manifests/{manifest.number}"))
    for search in (NATIONAL, typed_wrong(NATIONAL), NATIONAL[:12]):
        assert f'href="/manifests/{manifest.number}"' in text(visitor.get("/manifests", search=search))
    assert f'href="/manifests/{manifest.number}"' not in text(visitor.get("/manifests", search="20263306000778"))


def test_the_page_records_it_and_shows_what_is_wrong(world: World) -> None:
    manifest = world.issued(world.drum())
    visitor = Visitor(world, "firm")
    address = f"/manifests/{manifest.number}/national-number"
    wrong = visitor.send(address, national_number="2026 abc")
    assert wrong.status_code == 422
    assert "A manifest number has 14 digits" in text(wrong)
    assert 'value="2026 abc"' in text(wrong)
    assert visitor.send(address, national_number=NATIONAL).status_code == 303
    assert Manifest.objects.get().national_number == NATIONAL


def test_the_page_says_how_it_read_the_number_and_whose_it_is_besides(world: World) -> None:
    manifest, other = world.issued(world.drum()), world.issued(world.drum())
    visitor, address = Visitor(world, "firm"), f"/manifests/{manifest.number}"

    def after(number: str) -> str:
        return text(visitor.get(visitor.send(f"{address}/national-number", national_number=number)["Location"]))

    assert f"Read as {NATIONAL}." in after(typed_wrong(NATIONAL))
    assert "Read as" not in after(manifest.number)
    assert "is also our own number of another manifest" not in after(manifest.number)
    assert f"{other.number} is also our own number of another manifest" in after(other.number)


@pytest.mark.parametrize(
    ("number", "code"),
    [("", "missing"), ("  ", "missing"), ("123", "manifest_number"), ("2026330600077X", "manifest_number")],
)
def test_a_number_that_is_none_is_an_invalid_field(world: World, number: str, code: str) -> None:
    manifest = world.issued(world.drum())
    with pytest.raises(Invalid) as caught:
        record(world, manifest, number)
    assert [(error.field, error.code) for error in caught.value.errors] == [("national_number", code)]


@pytest.mark.parametrize("number", ["20253306000777", "20263301000777", "20263206000777"])
def test_year_province_and_city_must_be_the_manifests(world: World, number: str) -> None:
    manifest = world.issued(world.drum())
    with pytest.raises(Refused, match="national_number_other_city"), nothing_done():
        record(world, manifest, number)


def test_the_year_of_departure_counts_as_well(world: World) -> None:
    manifest = world.issued(world.drum())
    manifest = manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=later(60))
    assert record(world, manifest, "20273306000001").national_number == "20273306000001"


def test_two_manifests_never_share_one(world: World) -> None:
    record(world, world.issued(world.drum()))
    other = world.issued(world.drum())
    with pytest.raises(Refused, match="national_number_taken"), nothing_done():
        record(world, other)


def test_a_draft_has_none(world: World, api: Any) -> None:
    manifest = world.draft(world.drum())
    with pytest.raises(Refused, match="not_issued"), nothing_done():
        record(world, manifest, by="firm")
    body = {"national_number": NATIONAL}
    refused(api("depot").post(f"/manifests/{manifest.number}/national-number", body), 404, "unknown_manifest")


def test_strangers_and_readers_do_not_record_it(world: World, api: Any) -> None:
    manifest = world.issued(world.drum())
    body, address = {"national_number": NATIONAL}, f"/manifests/{manifest.number}/national-number"
    refused(api("firm2").post(address, body), 404, "unknown_manifest")
    refused(api("viewer").post(address, body), 403, "read_only")
    refused(api("regulator").post(address, body), 403, "not_your_part")
    with pytest.raises(NotPermitted, match="not_your_part"):
        record(world, manifest, by="plant")


@pytest.mark.parametrize("by", ["firm", "depot"])
def test_sender_and_receiver_change_what_anybody_recorded(world: World, by: str) -> None:
    manifest = record(world, world.issued(world.drum()), by="carrier")
    assert record(world, manifest, "20263306000778", by=by).national_number == "20263306000778"
    assert Entry.objects.filter(kind="manifest.number").order_by("id").last().data["was"] == NATIONAL  # type: ignore[union-attr]


@pytest.mark.parametrize("by", ["firm", "carrier"])
def test_a_carrier_changes_nothing_that_is_there(world: World, by: str) -> None:
    manifest = record(world, world.issued(world.drum()), by=by)
    with pytest.raises(Refused, match="national_number_set"), nothing_done():
        record(world, manifest, "20263306000778", by="carrier")
    address = f'action="/manifests/{manifest.number}/national-number"'
    assert address not in text(Visitor(world, "carrier").get(f"/manifests/{manifest.number}"))
    assert address in text(Visitor(world, "depot").get(f"/manifests/{manifest.number}"))


def test_after_the_end_it_stays_but_may_still_be_recorded_for_the_first_time(world: World) -> None:
    manifest = record(world, world.issued(world.drum()), by="firm")
    manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="r", now=NOW)
    with pytest.raises(Refused, match="national_number_set"), nothing_done():
        record(world, manifest, "20263306000778", by="firm")
    late = world.issued(world.drum())
    manifests.cancel(actor=world.actor("firm"), manifest=late, reason="r", now=NOW)
    assert record(world, late, "20263306000779", by="firm").national_number == "20263306000779"


def test_the_same_again_changes_nothing(world: World) -> None:
    manifest = record(world, world.issued(world.drum()))
    with nothing_done():
        record(world, manifest, by="firm")


def test_our_own_numbers_are_read_back(world: World) -> None:
    numbers = [parse_manifest_number(world.draft(world.drum()).number) for _ in range(3)]
    assert [(one.year, one.division, one.serial) for one in numbers] == [(2026, "3306", n) for n in (1, 2, 3)]
