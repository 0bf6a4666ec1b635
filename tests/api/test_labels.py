"""`POST /labels`."""

from __future__ import annotations

from typing import Any

import pytest

from labels.models import Print
from tests.api.support import nothing_done, refused
from tests.world import World
from wastetrack.ledger.models import Entry
from wastetrack.regulations.identifiers import group


@pytest.mark.parametrize("layout", ["single", "a4"])
def test_labels_come_as_pdf_and_are_in_the_print_log(world: World, api: Any, layout: str) -> None:
    drum = world.drum()
    response = api("firm").post("/labels", {"codes": [group(drum.short_code).lower()], "layout": layout})
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    assert response.content.startswith(b"%PDF-")
    assert b"%%EOF" in response.content[-32:]
    assert Print.objects.get().container == drum
    assert Entry.objects.filter(subject=drum.subject, kind="container.print_label").count() == 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"codes": []}, "no_codes", "codes"),
        ({}, "missing", "codes"),
        ({"codes": "x"}, "wrong_type", "codes"),
        ({"codes": [None]}, "unknown_code", "codes.0"),
        ({"codes": [["x"]]}, "wrong_type", "codes.0"),
        ({"codes": ["nothing"]}, "unknown_code", "codes.0"),
        ({"codes": ["x"] * 501}, "too_many_codes", "codes"),
        ({"codes": ["a\ud800"]}, "unprintable", "codes.0"),
        ({"codes": ["x"], "layout": "a5"}, "unknown_layout", "layout"),
    ],
)
def test_a_request_that_names_no_drum_draws_nothing(
    world: World, api: Any, body: dict[str, Any], code: str, field: str
) -> None:
    with nothing_done():
        refused(api("firm").post("/labels", body), 422, code, field)


def test_one_unknown_code_among_known_ones_is_named_by_its_place(world: World, api: Any) -> None:
    drum = world.drum()
    with nothing_done():
        refused(api("firm").post("/labels", {"codes": [drum.code, "nothing"]}), 422, "unknown_code", "codes.1")
        refused(
            api("firm").post("/labels", {"codes": [drum.code, drum.short_code]}), 422, "duplicate_container", "codes.1"
        )


def test_a_neighbours_drum_is_an_unknown_one(world: World, api: Any) -> None:
    hidden = api("firm2").post("/labels", {"codes": [world.drum().code]})
    refused(hidden, 422, "unknown_code", "codes.0")
    assert hidden.content == api("firm2").post("/labels", {"codes": ["nothing"]}).content
