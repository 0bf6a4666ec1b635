"""The counter's pages: weighing step by step without scripts, and confirming on one's own phone or at the counter."""

from __future__ import annotations

import re
from typing import Any

import pytest

from manifests.models import Manifest, WalkIn
from manifests.services.counter import Brought, start_walk_in
from tests.kernel.test_regroup import stocked
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World, later
from wastetrack.parties.models import Organisation
from wastetrack.signing import set_pin
from wastetrack.waste.models import Container, WasteStream
from wastetrack.waste.services import save_stream

PIN = "402938"


@pytest.fixture
def stream(world: World) -> WasteStream:
    return save_stream(actor=world.actor("firm"), container=world.drum(), now=NOW)


def waiting(world: World, *drums: Brought) -> str:
    """The address of a walk-in that waits for the firm."""
    walk_in = start_walk_in(
        actor=world.actor("depot"),
        depot=world.depots["depot"],
        firm=world.organisations["firm"],
        drums=drums or [Brought(18_500, container=world.drum())],
        now=NOW,
    )
    return f"/walk-ins/{walk_in.pk}"


def main(response: Any) -> str:
    return text(response).split("<main")[1]


# --- weighing ---


def test_a_scanned_drum_says_whose_it_is_and_only_its_mass_is_missing(world: World, clock: Any) -> None:
    drum = world.drum()
    page = main(Visitor(world, "depot").get("/walk-in", container=drum.short_code))
    assert world.organisations["firm"].name in page
    assert f'name="row" value="drum:{drum.short_code}"' in page
    assert re.search(rf'name="mass-drum:{drum.short_code}" value=""[^>]*autofocus', page)
    assert page.count("btn-primary") == 1


def test_step_by_step_until_the_firm_is_asked(world: World, clock: Any, stream: WasteStream) -> None:
    depot, firm, drum = Visitor(world, "depot"), world.organisations["firm"], world.drum()
    assert firm.name in main(depot.send("/walk-in", do="search", search="演示firm"))
    chosen = {"firm": firm.uscc}
    assert f'value="new:{stream.pk}"' in main(depot.send("/walk-in", do=f"firm:{firm.uscc}"))
    new, old = f"new:{stream.pk}.1", f"drum:{drum.short_code}"
    page = main(depot.send("/walk-in", **chosen, do=f"new:{stream.pk}"))
    assert f'name="row" value="{new}"' in page
    page = main(depot.send("/walk-in", **chosen, do="add", add=drum.code, row=[new], **{f"mass-{new}": "7,5"}))
    assert f'name="mass-{new}" value="7,5"' in page
    assert f'name="row" value="{old}"' in page
    masses = {f"mass-{new}": "7,5", f"mass-{old}": "１９ kg", f"since-{new}": "2026-11-02"}
    page = main(depot.send("/walk-in", **chosen, do=f"new:{stream.pk}", row=[new, old], **masses))
    third = f"new:{stream.pk}.2"
    assert f'name="row" value="{third}"' in page
    assert third not in main(depot.send("/walk-in", **chosen, do=f"drop:{third}", row=[new, old, third], **masses))
    assert not WalkIn.objects.exists()
    sent = depot.send("/walk-in", "once", **chosen, do="start", row=[new, old], **masses)
    walk_in = WalkIn.objects.get()
    assert sent.url == f"/walk-ins/{walk_in.pk}"
    assert [(line.mass_g, line.stream, line.container) for line in walk_in.lines.all()] == [
        (7_500, stream, None),
        (19_000, None, drum),
    ]
    again = depot.send("/walk-in", "once", **chosen, do="start", row=[new, old], **masses)
    assert (again.url, WalkIn.objects.count()) == (sent.url, 1)


def test_what_is_wrong_stands_at_its_drum_and_what_was_typed_stays(world: World, clock: Any) -> None:
    depot, firm = Visitor(world, "depot"), world.organisations["firm"]
    drums = [world.drum(), world.drum()]
    rows = [f"drum:{drum.short_code}" for drum in drums]
    masses = {f"mass-{rows[0]}": "heavy", f"mass-{rows[1]}": "12"}
    page = depot.send("/walk-in", firm=firm.uscc, do="start", row=rows, **masses)
    assert page.status_code == 422
    said = main(page)
    assert 'id="row-1-error"' in said
    assert 'id="row-2-error"' not in said
    assert 'value="heavy"' in said
    masses = {f"mass-{rows[0]}": "400", f"mass-{rows[1]}": "400"}
    page = depot.send("/walk-in", firm=firm.uscc, do="start", row=rows, **masses)
    assert "a carrier must bring it" in main(page)
    assert "Choose the firm first" in main(depot.send("/walk-in", do="start"))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("XXXX-XXXX", "No drum has this code"),
        ("https://shop.example/p/1", "not one of ours"),
        ("\u0000", ""),
        ("，。、" * 100, "No drum has this code"),
    ],
)
def test_bad_input_at_the_scale_is_answered_in_words(world: World, clock: Any, typed: str, words: str) -> None:
    page = Visitor(world, "depot").send("/walk-in", do="add", add=typed)
    assert page.status_code in (200, 400)
    assert words in main(page)


def test_a_drum_of_another_firm_is_not_added_and_one_from_elsewhere_says_so(world: World, clock: Any) -> None:
    depot, firm = Visitor(world, "depot"), world.organisations["firm"]
    theirs = world.drum("firm2")
    page = main(depot.send("/walk-in", firm=firm.uscc, do="add", add=theirs.code))
    assert "is not one of 演示firm" in page
    assert theirs.name not in page
    Organisation.objects.filter(pk=firm.pk).update(division="330111")
    page = main(depot.get("/walk-in", container=world.drum().short_code))
    assert "No firm of this district" in page


def test_the_page_shows_of_a_firm_only_what_it_must(world: World, clock: Any, stream: WasteStream) -> None:
    hidden = world.drum()
    page = main(Visitor(world, "depot").send("/walk-in", do=f"firm:{world.organisations['firm'].uscc}"))
    assert stream.name in page
    for code in (hidden.short_code, hidden.short_grouped, hidden.code):
        assert code not in page
    assert "演示联系人" not in page


@pytest.mark.parametrize("name", ["firm", "carrier", "regulator", "viewer"])
def test_only_a_depots_writers_weigh(world: World, clock: Any, name: str) -> None:
    visitor = Visitor(world, name)
    assert visitor.get("/walk-in").status_code == 403
    assert visitor.send("/walk-in", do="search", search="演示").status_code == 403


# --- confirming ---


def test_the_firm_finds_it_on_its_home_page_and_signs(world: World, clock: Any) -> None:
    path = waiting(world)
    firm = Visitor(world, "firm")
    assert f'href="{path}"' in main(firm.get("/"))
    page = main(firm.get(path))
    assert "Is this yours?" in page
    assert page.count("btn-primary") == 1
    wrong = firm.send(f"{path}/confirm", password="guess")
    assert (wrong.status_code, 'id="password-error"' in text(wrong)) == (403, True)
    assert firm.send(f"{path}/confirm", password=PASSWORD).url == path
    manifest = Manifest.objects.get()
    page = main(firm.get(path))
    assert f"/manifests/{manifest.number}" in page
    assert "btn-primary" not in page
    assert path not in main(firm.get("/"))
    assert firm.send(f"{path}/confirm", password=PASSWORD).url == path
    assert Manifest.objects.count() == 1
    assert "Brought by the sender itself" in main(firm.get(f"/manifests/{manifest.number}"))


def test_somebody_of_the_firm_signs_on_the_depots_device(world: World, clock: Any, stream: WasteStream) -> None:
    set_pin(actor=world.actor("firm"), password=PASSWORD, pin=PIN, now=NOW)
    path = waiting(world, Brought(7_500, stream=stream))
    depot = Visitor(world, "depot")
    page = main(depot.get(path))
    assert 'name="username"' in page
    assert 'name="password"' not in page
    wrong = depot.send(f"{path}/confirm", username="firm", pin="402939")
    said = main(wrong)
    assert wrong.status_code == 403
    assert 'value="firm"' in said
    assert "402939" not in said
    assert "do not fit anybody" in said.split('id="pin-error"')[1]
    assert depot.send(f"{path}/confirm", username="firm", pin=PIN).url == path
    page = main(depot.get(path))
    new = Container.objects.latest("pk")
    assert f'name="codes" value="{new.code}"' in page
    assert "Bay A1" in page


def test_it_is_declined_by_either_side(world: World, clock: Any) -> None:
    for name in ("firm", "depot"):
        path = waiting(world)
        assert Visitor(world, name).send(f"{path}/decline", reason="—").url == path
        assert "Declined: nothing has happened" in main(Visitor(world, "firm").get(path))


def test_neighbours_and_other_depots_find_nothing_there(world: World, clock: Any) -> None:
    path = waiting(world)
    for name in ("firm2", "depot2", "carrier", "regulator2"):
        visitor = Visitor(world, name)
        assert visitor.get(path).status_code == 404
        assert visitor.send(f"{path}/confirm", password=PASSWORD).status_code == 404
        assert visitor.send(f"{path}/decline").status_code == 404
        assert path not in text(visitor.get("/"))
    assert Visitor(world, "firm").get("/walk-ins/x").status_code == 404
    for name in ("viewer", "regulator"):
        visitor = Visitor(world, name)
        assert "/confirm" not in main(visitor.get(path))
        assert visitor.send(f"{path}/confirm", password=PASSWORD).status_code == 403
        assert visitor.send(f"{path}/decline").status_code == 403
    assert WalkIn.objects.get().state == "waiting"


def test_after_a_day_the_page_says_that_it_is_over(world: World, clock: Any) -> None:
    path = waiting(world)
    clock(later(1))
    firm = Visitor(world, "firm")
    assert path not in main(firm.get("/"))
    assert "Nobody confirmed this in time" in main(firm.get(path))
    assert firm.send(f"{path}/confirm", password=PASSWORD).status_code == 409
    assert WalkIn.objects.get().state == "expired"


# --- programs ---


def test_a_program_does_the_same(world: World, api: Any, stream: WasteStream) -> None:
    firm, depot = world.organisations["firm"], world.depots["depot"]
    drum = world.drum()
    found = api("depot").get("/walk-ins/firms", depot=str(depot.pk), search="演示firm")
    assert found.json()["items"][0] == {"uscc": firm.uscc, "name": firm.name}
    usual = api("depot").get(f"/walk-ins/firms/{firm.uscc}/streams", depot=str(depot.pk)).json()["items"]
    assert usual == [{"id": str(stream.pk), "waste_code": stream.waste_code, "name": stream.name}]
    drums = [{"container": drum.code, "mass_kg": "18.6"}, {"stream": usual[0]["id"], "mass_kg": "7.5", "bay": "A2"}]
    body = {"depot": str(depot.pk), "firm": firm.uscc, "drums": drums}
    made = api("depot").post("/walk-ins", body, **{"Idempotency-Key": "k1"})
    assert made.status_code == 201
    walk_in = made.json()
    assert api("depot").post("/walk-ins", body, **{"Idempotency-Key": "k1"}).json() == walk_in
    assert (walk_in["state"], walk_in["mass_kg"], walk_in["manifest"]) == ("waiting", "26.1", None)
    assert [row["new"] for row in walk_in["drums"]] == [False, True]
    path = f"/walk-ins/{walk_in['id']}"
    assert api("firm").get("/walk-ins", state="waiting").json()["items"][0]["id"] == walk_in["id"]
    assert api("firm").post(f"{path}/confirm", {"password": "guess"}).json()["code"] == "wrong_password"
    done = api("firm").post(f"{path}/confirm", {"password": PASSWORD}).json()
    assert (done["state"], done["manifest"]) == ("confirmed", Manifest.objects.get().number)
    assert api("depot").get(path).json()["drums"][1]["container"] is not None
    again = api("firm").post(f"{path}/confirm", {"password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (409, "illegal_state")
    assert api("firm").post(f"{path}/decline", {}).status_code == 409


def test_a_program_hears_what_is_wrong_where(world: World, api: Any, stream: WasteStream) -> None:
    firm, depot = world.organisations["firm"], str(world.depots["depot"].pk)
    drum = world.drum()
    rows = [
        {"container": "nonsense", "mass_kg": "1"},
        {"container": drum.code, "mass_kg": "-1"},
        {"stream": "999", "mass_kg": "1"},
        {"mass_kg": "1"},
    ]
    wrong = api("depot").post("/walk-ins", {"depot": depot, "firm": firm.uscc, "drums": rows}).json()
    assert [(error["field"], error["code"]) for error in wrong["errors"]] == [
        ("drums.0.container", "unknown_code"),
        ("drums.1.mass_kg", "mass_negative"),
        ("drums.2.stream", "unknown_stream"),
        ("drums.3.stream", "unknown_stream"),
    ]
    for name, body, code in (
        ("depot", {"depot": depot, "firm": "x", "drums": []}, "unknown_firm"),
        ("depot", {"depot": depot, "firm": firm.uscc, "drums": []}, "no_lines"),
        ("regulator", {"depot": depot, "firm": firm.uscc, "drums": []}, "not_your_depot"),
        ("firm", {"depot": depot, "firm": firm.uscc, "drums": []}, "unknown_depot"),
        ("viewer", {"depot": depot, "firm": firm.uscc, "drums": []}, "read_only"),
    ):
        assert code in api(name).post("/walk-ins", body).content.decode(), name
    assert api("firm").get("/walk-ins/firms", depot=depot, search="演示").status_code == 404
    assert api("regulator").get("/walk-ins/firms", depot=depot, search="演示").status_code == 403
    for name in ("firm2", "depot2"):
        assert api(name).get("/walk-ins").json()["items"] == []


# --- what cannot be walked in ------------------------------------------------------------------------------


def at_the_scale(world: World, drum: Container, who: str = "depot") -> str:
    page = main(Visitor(world, who).get("/walk-in", container=drum.code))
    assert f"drum:{drum.short_code}" not in page
    return page


@pytest.mark.parametrize("state", ["treated", "voided", "emptied", "missing", "committed"])
def test_of_a_strangers_drum_only_that_it_is_no_walk_in_is_said(world: World, clock: Any, state: str) -> None:
    drum = world.drum()
    Container.objects.filter(pk=drum.pk).update(state=state)
    page = at_the_scale(world, drum)
    assert "cannot be brought in without a manifest" in page
    for hidden in (drum.name, world.organisations["firm"].name, "recorded as"):
        assert hidden not in page


def test_a_strangers_drum_on_the_road_is_told_as_at_the_gate(world: World, clock: Any) -> None:
    drum = world.drum()
    Container.objects.filter(pk=drum.pk).update(state="in_transit")
    assert "on its way to another place" in at_the_scale(world, drum)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("treated", "recorded as treated"),
        ("voided", "label was voided"),
        ("emptied", "recorded as emptied"),
        ("missing", "recorded as missing"),
        ("stored", "already in stock here"),
    ],
)
def test_of_a_drum_that_was_here_its_state_is_said(world: World, clock: Any, state: str, words: str) -> None:
    drum = stocked(world)
    Container.objects.filter(pk=drum.pk).update(state=state)
    assert words in at_the_scale(world, drum)


def test_a_drum_in_another_depots_hands_is_no_walk_in(world: World, clock: Any) -> None:
    drum = stocked(world)
    page = at_the_scale(world, drum, "depot2")
    assert "cannot be brought in without a manifest" in page
    assert world.organisations["depot"].name not in page
