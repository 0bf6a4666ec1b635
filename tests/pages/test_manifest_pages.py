"""The pages of manifests: who sees what, what is offered to whom, and what is refused at the form."""

from __future__ import annotations

import re
from typing import Any

import pytest

from manifests import services as manifests
from manifests.models import Manifest
from manifests.selectors import get_manifest, lines_of
from manifests.turns import turn_of, waiting
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD, World
from wastetrack.ledger.models import Entry
from wastetrack.units import grams

PARTIES = ("firm", "carrier", "depot")


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read at NOW."""


def received(world: World, mass_kg: str | None, to: str = "plant") -> Manifest:
    """A manifest whose one drum was received at this mass."""
    manifest = world.delivered(world.drum(), to=to)
    mass_g = grams(mass_kg) if mass_kg else None
    receipts = [manifests.Receipt(lines_of(manifest)[0], mass_g=mass_g)]
    actor, depot = world.actor(to), world.depots[to]
    return manifests.receive(actor=actor, manifest=manifest, receipts=receipts, depot=depot, now=NOW)


def filled_buttons(page: str) -> list[str]:
    """The words of the page's filled buttons."""
    found = re.findall(r'<(?:button|a) class="btn[^"]*btn-primary[^"]*"[^>]*>(.*?)</(?:button|a)>', page, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", words).strip() for words in found]


# --- the list ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PARTIES, "regulator", "viewer"])
def test_everybody_concerned_sees_an_issued_manifest_in_the_list(world: World, name: str) -> None:
    manifest = world.issued(world.drum())
    assert f"/manifests/{manifest.number}" in text(Visitor(world, name).get("/manifests"))


@pytest.mark.parametrize("name", ["firm2", "depot2", "regulator2"])
def test_nobody_else_sees_it(world: World, name: str) -> None:
    manifest = world.issued(world.drum())
    assert manifest.number not in text(Visitor(world, name).get("/manifests"))


def test_what_waits_for_me_stands_on_top(world: World) -> None:
    world.issued(world.drum())
    assert "Waiting for you</h2>" in text(Visitor(world, "carrier").get("/manifests"))
    assert "Waiting for you</h2>" not in text(Visitor(world, "firm").get("/manifests"))


def test_the_list_is_filtered_by_the_address(world: World) -> None:
    issued, drafted = world.issued(world.drum()), world.draft(world.drum())
    firm = Visitor(world, "firm")
    page = text(firm.get("/manifests", state="issued"))
    assert issued.number in page
    assert drafted.number not in page
    assert drafted.number in text(firm.get("/manifests", search=drafted.number))
    assert issued.number not in text(firm.get("/manifests", party="receiver"))
    assert firm.get("/manifests", state="lost").status_code == 422


def test_the_list_is_paged_by_cursor(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manifests.views.PAGE", 1)
    older, newer = world.draft(world.drum()), world.draft(world.drum())
    firm = Visitor(world, "firm")
    first = text(firm.get("/manifests", state="draft"))
    cursor = re.search(r"cursor=(\d+)", first)
    assert cursor
    assert newer.number in first
    assert older.number in text(firm.get("/manifests", state="draft", cursor=cursor[1]))


def test_the_list_reads_the_same_number_of_queries_however_long(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        world.issued(world.drum())
    carrier = Visitor(world, "carrier")
    with django_assert_max_num_queries(8):
        carrier.get("/manifests")


# --- a new one ---------------------------------------------------------------------------------------------


def fields(world: World, *drums: Any, **changes: Any) -> dict[str, Any]:
    found = {
        "container": [drum.short_code for drum in drums],
        "receiver": world.organisations["depot"].uscc,
        "carrier": world.organisations["carrier"].uscc,
        "emergency_measures": "撤离并围堵",
    }
    return {**found, **changes}


def test_a_new_manifest_has_the_drum_of_the_address_ticked(world: World) -> None:
    chosen, other = world.drum(), world.drum()
    page = text(Visitor(world, "firm").get("/manifests/new", container=chosen.code))
    assert re.search(rf'value="{chosen.short_code}"[^>]* checked', page)
    assert not re.search(rf'value="{other.short_code}"[^>]* checked', page)


def test_the_chosen_drum_comes_first(world: World) -> None:
    other, chosen = world.drum(), world.drum()
    page = text(Visitor(world, "firm").get("/manifests/new", container=chosen.code))
    assert page.index(f'value="{chosen.short_code}"') < page.index(f'value="{other.short_code}"')


def test_a_receiver_whose_permit_lacks_the_code_is_listed_with_the_reason(world: World) -> None:
    world.organisations["plant"].permits.update(codes="HW31")
    drum = world.drum()
    page = text(Visitor(world, "firm").get("/manifests/new", container=drum.short_code))
    assert f'value="{world.organisations["depot"].uscc}"' in page
    assert f'value="{world.organisations["plant"].uscc}"' not in page
    assert "does not cover 900-249-08" in page


def test_saving_leads_to_the_draft(world: World) -> None:
    response = Visitor(world, "firm").send("/manifests/new", **fields(world, world.drum()))
    manifest = Manifest.objects.get()
    assert response.status_code == 303
    assert response["Location"] == f"/manifests/{manifest.number}"
    assert (manifest.receiver, manifest.carrier) == (world.organisations["depot"], world.organisations["carrier"])
    assert manifest.emergency_measures == "撤离并围堵"


def test_the_same_form_sent_twice_makes_one_manifest(world: World) -> None:
    firm, sent = Visitor(world, "firm"), fields(world, world.drum())
    first = firm.send("/manifests/new", nonce="n1", **sent)
    second = firm.send("/manifests/new", nonce="n1", **sent)
    assert first["Location"] == second["Location"]
    assert Manifest.objects.count() == 1


def test_a_refused_form_keeps_what_was_typed(world: World) -> None:
    drum = world.drum()
    response = Visitor(world, "firm").send("/manifests/new", **fields(world, drum, receiver=""))
    page = text(response)
    assert response.status_code == 422
    assert 'id="receiver-error"' in page
    assert re.search(rf'value="{drum.short_code}"[^>]* checked', page)
    assert "撤离并围堵" in page


def test_a_form_whose_nonce_is_used_up_can_be_sent_again(world: World) -> None:
    firm = Visitor(world, "firm")
    firm.send("/manifests/new", nonce="n1", **fields(world, world.drum()))
    again = firm.send("/manifests/new", nonce="n1", **fields(world, world.drum()))
    assert again.status_code == 422
    assert 'value="n1"' not in text(again)


def test_a_drum_of_another_firm_is_unknown(world: World) -> None:
    response = Visitor(world, "firm").send("/manifests/new", **fields(world, world.drum("firm2")))
    assert response.status_code == 422
    assert "No drum has this code" in text(response)


def test_a_draft_shows_at_once_what_stops_its_issue(world: World) -> None:
    world.organisations["depot"].permits.update(codes="HW31")
    manifest = world.draft(world.drum())
    page = text(Visitor(world, "firm").get(f"/manifests/{manifest.number}"))
    assert "cannot be issued today" in page
    assert "does not cover 900-249-08" in page
    assert filled_buttons(page) == ["Change the draft"]


@pytest.mark.parametrize("name", ["viewer", "carrier", "regulator"])
def test_who_cannot_send_gets_no_form(world: World, name: str) -> None:
    assert Visitor(world, name).get("/manifests/new").status_code == 403


def test_a_new_manifest_reads_the_same_number_of_queries_however_many_drums(
    world: World, django_assert_max_num_queries: Any
) -> None:
    codes = [world.drum().short_code for _ in range(12)]
    firm = Visitor(world, "firm")
    with django_assert_max_num_queries(16):
        firm.get("/manifests/new", container=codes)


# --- one manifest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["firm2", "depot2", "regulator2"])
def test_a_hidden_manifest_is_not_there(world: World, name: str) -> None:
    manifest = world.issued(world.drum())
    visitor = Visitor(world, name)
    assert visitor.get(f"/manifests/{manifest.number}").status_code == 404
    assert visitor.send(f"/manifests/{manifest.number}/issue").status_code == 404


@pytest.mark.parametrize("name", ["depot", "carrier", "regulator"])
def test_a_draft_is_its_senders_alone(world: World, name: str) -> None:
    manifest = world.draft(world.drum())
    assert Visitor(world, name).get(f"/manifests/{manifest.number}").status_code == 404


def test_nobody_signed_in_is_asked_to(world: World) -> None:
    manifest = world.issued(world.drum())
    assert Visitor(world, None).get(f"/manifests/{manifest.number}").status_code in (302, 303, 401)


@pytest.mark.parametrize(
    ("step", "turns"),
    [
        ("draft", {"firm": "Sign and issue"}),
        ("issued", {"carrier": "Sign and depart"}),
        ("departed", {"carrier": "Arrived", "depot": "Sign the receipt"}),
        ("delivered", {"depot": "Sign the receipt"}),
    ],
)
def test_the_one_filled_button_is_the_next_step_of_its_party(world: World, step: str, turns: dict[str, str]) -> None:
    manifest = getattr(world, step)(world.drum())
    readers = ["firm"] if step == "draft" else [*PARTIES, "regulator", "viewer"]
    for name in readers:
        page = text(Visitor(world, name).get(f"/manifests/{manifest.number}"))
        assert filled_buttons(page) == ([turns[name]] if name in turns else []), name


def test_after_receipt_the_step_is_settle_then_treat_then_close(world: World) -> None:
    manifest = received(world, "15")
    plant, address = Visitor(world, "plant"), f"/manifests/{manifest.number}"
    assert filled_buttons(text(plant.get(address))) == ["State this mass"]
    code = lines_of(manifest)[0].container.code
    for name in ("plant", "firm"):
        assert Visitor(world, name).send(f"{address}/settle", container=code, mass_kg="15", note="x").status_code == 303
    assert filled_buttons(text(plant.get(address))) == ["Sign the treatment"]
    sent = {f"treat-{code}": "1", f"mass-{code}": "15", "method": "R9", "treated_on": "2026-11-20"}
    sent["password"] = PASSWORD
    assert plant.send(f"{address}/treat", **sent).status_code == 303
    assert filled_buttons(text(plant.get(address))) == ["Close the manifest"]
    assert plant.send(f"{address}/close").status_code == 303
    assert get_manifest(world.actor("plant"), manifest.number).state == "closed"
    assert filled_buttons(text(plant.get(address))) == []


def test_a_viewer_has_no_form_and_a_post_is_refused(world: World) -> None:
    manifest = world.draft(world.drum())
    viewer, address = Visitor(world, "viewer"), f"/manifests/{manifest.number}"
    assert f"{address}/" not in text(viewer.get(address))
    response = viewer.send(f"{address}/issue", password=PASSWORD)
    assert response.status_code == 403
    assert "You may read here" in text(response)
    assert get_manifest(world.actor("firm"), manifest.number).state == "draft"


def test_a_wrong_password_is_refused_at_its_field(world: World) -> None:
    manifest = world.draft(world.drum())
    response = Visitor(world, "firm").send(f"/manifests/{manifest.number}/issue", password="no")
    page = text(response)
    assert response.status_code == 403
    assert 'id="password-error"' in page
    assert "nothing was signed" in page
    assert 'value="no"' not in page


def test_a_step_that_is_no_longer_open_says_so(world: World) -> None:
    manifest = world.issued(world.drum())
    response = Visitor(world, "firm").send(f"/manifests/{manifest.number}/issue", password=PASSWORD)
    assert response.status_code == 409
    assert "This cannot be done now" in text(response)


def test_a_form_sent_twice_acts_once_and_leads_on_both_times(world: World) -> None:
    manifest = world.draft(world.drum())
    firm, address = Visitor(world, "firm"), f"/manifests/{manifest.number}/issue"
    assert firm.send(address, nonce="n1", password=PASSWORD).status_code == 303
    assert firm.send(address, nonce="n1", password=PASSWORD).status_code == 303


def test_a_part_treated_twice_by_one_form_is_treated_once(world: World) -> None:
    manifest = received(world, None)
    plant, address = Visitor(world, "plant"), f"/manifests/{manifest.number}/treat"
    code = lines_of(manifest)[0].container.short_code
    sent = {f"treat-{code}": "1", f"mass-{code}": "5", "method": "R9", "treated_on": "2026-11-20", "password": PASSWORD}
    assert plant.send(address, nonce="n1", **sent).status_code == 303
    assert plant.send(address, nonce="n1", **sent).status_code == 303
    assert lines_of(manifest)[0].treatments.count() == 1


def test_a_carrier_with_two_vehicles_says_which(world: World) -> None:
    from wastetrack.parties.models import Vehicle

    Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00002")
    manifest = world.issued(world.drum())
    carrier, address = Visitor(world, "carrier"), f"/manifests/{manifest.number}/depart"
    refused = carrier.send(address, password=PASSWORD)
    assert refused.status_code == 422
    assert 'id="vehicle-error"' in text(refused)
    assert carrier.send(address, password=PASSWORD, vehicle="浙D00002", compared="1").status_code == 303


def test_an_accepted_line_is_as_declared_only_where_the_form_says_so(world: World) -> None:
    manifest = world.delivered(world.drum(), world.drum())
    depot, address = Visitor(world, "depot"), f"/manifests/{manifest.number}/receive"
    sent = {"outcome-1": "accepted", "mass-1": "", "outcome-2": "accepted", "mass-2": "18.25", "password": PASSWORD}
    refused = depot.send(address, **sent)
    assert refused.status_code == 422
    assert 'id="mass-1-error"' in text(refused)
    assert 'id="mass-2-error"' not in text(refused)
    assert 'value="18.25"' in text(refused)
    assert depot.send(address, **sent, as_declared="1").status_code == 303
    assert [line.received_mass_g for line in lines_of(manifest)] == [18_500, 18_250]


def test_a_slip_in_a_statement_is_put_right_until_the_other_side_agrees(world: World) -> None:
    manifest = received(world, "15", to="depot")
    depot, address = Visitor(world, "depot"), f"/manifests/{manifest.number}"
    code = lines_of(manifest)[0].container.code
    assert depot.send(f"{address}/settle", container=code, mass_kg="16", note="scale").status_code == 303
    page = text(depot.get(address))
    assert "Change what you stated of" in page
    assert 'name="mass_kg"' in page
    assert 'value="16"' in page
    assert 'value="scale"' in page
    assert filled_buttons(page) == []
    assert not waiting(world.actor("depot")).filter(pk=manifest.pk).exists(), "nobody waits for it"
    assert depot.send(f"{address}/settle", container=code, mass_kg="15", note="scale").status_code == 303
    assert Visitor(world, "firm").send(f"{address}/settle", container=code, mass_kg="15").status_code == 303
    assert "/settle" not in text(depot.get(address))


def test_what_is_other_than_declared_but_its_mass_is_accepted_as_found(world: World) -> None:
    manifest = world.delivered(world.drum())
    receipts = [manifests.Receipt(lines_of(manifest)[0], reason="是塑料桶", differs=("packaging",))]
    depot = world.depots["depot"]
    manifests.receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    address, code = f"/manifests/{manifest.number}", lines_of(manifest)[0].container.code
    for name in ("depot", "firm"):
        visitor = Visitor(world, name)
        page = text(visitor.get(address))
        assert "Not as declared: Packaging" in page
        assert "是塑料桶" in page
        assert "State this mass" not in page
        assert '<input type="hidden" name="mass_kg" value="18.5">' in page
        assert visitor.send(f"{address}/settle", container=code, mass_kg="18.5").status_code == 303
        assert "Change what you stated" not in text(visitor.get(address)), "there is nothing to change"
    assert "Accepted as found: Packaging" in text(Visitor(world, "firm").get(address))
    assert lines_of(manifest)[0].discrepancy.settled_at is not None


def test_components_and_totals_stand_with_the_drums(world: World) -> None:
    manifest = world.delivered(world.drum(harmful_components="矿物油"), world.drum())
    address, depot = f"/manifests/{manifest.number}", Visitor(world, "depot")
    assert "矿物油" in text(depot.get(address))
    assert "Accepted mass" in text(depot.get(address))
    sent = {"outcome-1": "accepted", "mass-1": "15", "outcome-2": "rejected", "reason-2": "漏", "password": PASSWORD}
    assert depot.send(f"{address}/receive", **sent).status_code == 303
    totals = re.sub(r"<[^>]+>", "", text(depot.get(address)).partition("lines-totals")[2].partition("</dl>")[0])
    assert re.findall(r"[−+]?[\d.]+", totals) == ["37", "15", "18.5", "−3.5"]


def test_who_takes_refused_drums_on_is_shown_instead_of_asked_for_again(world: World) -> None:
    manifest = world.delivered(world.drum())
    receipts = [manifests.Receipt(lines_of(manifest)[0], outcome="rejected", reason="漏")]
    depot = world.depots["depot"]
    manifests.receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    receiver, sender, address = Visitor(world, "depot"), Visitor(world, "firm"), f"/manifests/{manifest.number}"
    assert "Make the return manifest" in text(receiver.get(address))
    assert "Send them on" in text(sender.get(address))
    back = receiver.send(f"{address}/return")["Location"]
    page = text(receiver.get(address))
    assert "Make the return manifest" not in page
    assert f'<a href="{back}">' in page
    assert back not in text(sender.get(address)), "a draft is its sender's alone"
    assert "Send them on" in text(sender.get(address))
    receiver.send(f"{back}/issue", password=PASSWORD)
    assert f'<a href="{back}">' in text(sender.get(address))
    assert "Send them on" not in text(sender.get(address))


def test_a_refusal_needs_its_reason_and_keeps_the_rest(world: World) -> None:
    manifest = world.delivered(world.drum(), world.drum())
    sent = {"outcome-1": "rejected", "outcome-2": "accepted", "mass-2": "18.25", "password": PASSWORD}
    response = Visitor(world, "depot").send(f"/manifests/{manifest.number}/receive", **sent)
    page = text(response)
    assert response.status_code == 422
    assert 'id="reason-1-error"' in page
    assert 'value="18.25"' in page
    assert re.search(r'name="outcome-1" value="rejected" checked', page)


def test_a_mass_that_is_no_number_is_refused_at_its_line(world: World) -> None:
    manifest = world.delivered(world.drum(), world.drum())
    sent = {"outcome-1": "accepted", "outcome-2": "accepted", "mass-2": "heavy", "password": PASSWORD}
    page = text(Visitor(world, "depot").send(f"/manifests/{manifest.number}/receive", **sent))
    assert 'id="mass-2-error"' in page
    assert 'value="heavy"' in page


def test_a_deviation_is_shown_and_must_be_settled_by_both(world: World) -> None:
    manifest = received(world, "15", to="depot")
    address = f"/manifests/{manifest.number}"
    page = text(Visitor(world, "firm").get(address))
    assert "Differences" in page
    assert "is-significant" in page
    code = lines_of(manifest)[0].container.code
    depot, firm = Visitor(world, "depot"), Visitor(world, "firm")
    assert depot.send(f"{address}/settle", container=code, mass_kg="15", note="scale").status_code == 303
    other = firm.send(f"{address}/settle", container=code, mass_kg="18", note="ours")
    assert other.status_code == 409
    assert "The other side stated 15 kg" in text(other)
    assert 'value="18"' in text(other)
    assert firm.send(f"{address}/settle", container=code, mass_kg="15", note="agreed").status_code == 303


def test_a_time_that_cannot_be_read_is_refused_at_its_field(world: World) -> None:
    manifest = world.departed(world.drum())
    page = text(Visitor(world, "carrier").send(f"/manifests/{manifest.number}/deliver", at="yesterday"))
    assert 'id="at-error"' in page


def test_cancelling_frees_the_drums(world: World) -> None:
    drum = world.drum()
    manifest = world.issued(drum)
    assert Visitor(world, "firm").send(f"/manifests/{manifest.number}/cancel", reason="x").status_code == 303
    drum.refresh_from_db()
    assert drum.state == "stored"


@pytest.mark.parametrize("make", ["draft", "issued"])
def test_cancelling_takes_a_reason(world: World, make: str) -> None:
    manifest = getattr(world, make)(world.drum())
    for reason in ({}, {"reason": " "}):
        answer = Visitor(world, "firm").send(f"/manifests/{manifest.number}/cancel", **reason)
        assert answer.status_code == 422
        assert 'id="reason-error"' in text(answer)
    manifest.refresh_from_db()
    assert manifest.state == make


UNPRINTABLE = ["a\x07b", "a\u202eb"]


@pytest.mark.parametrize("typed", UNPRINTABLE)
@pytest.mark.parametrize(
    ("make", "who", "verb", "name"),
    [
        ("issued", "firm", "cancel", "reason"),
        ("delivered", "depot", "receive", "reason-1"),
        ("departed", "carrier", "hand-over", "place"),
    ],
)
def test_what_cannot_be_printed_is_refused_at_its_field(
    world: World, make: str, who: str, verb: str, name: str, typed: str
) -> None:
    manifest = getattr(world, make)(world.drum())
    before = Entry.objects.count()
    sent = {"password": PASSWORD, "outcome-1": "rejected", "carrier": world.organisations["carrier"].uscc, name: typed}
    answer = Visitor(world, who).send(f"/manifests/{manifest.number}/{verb}", **sent)
    assert (answer.status_code, f'id="{name}-error"' in text(answer)) == (422, True)
    assert "cannot be printed" in text(answer)
    assert Entry.objects.count() == before


def test_lines_may_break_and_a_password_may_be_anything(world: World) -> None:
    manifest, firm = world.issued(world.drum()), Visitor(world, "firm")
    sent = {"reason": "车辆\n检修\u3000。", "password": "\x07"}
    assert firm.send(f"/manifests/{manifest.number}/cancel", **sent).status_code == 303


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0001-01-01T00:00", "too long ago"),
        ("1999-12-31T23:59", "too long ago"),
        ("9999-12-31T23:59-08:00", "This is not a time"),
        ("9999-12-31T23:59", "has not come yet"),
    ],
)
def test_a_time_out_of_this_age_is_refused(world: World, typed: str, said: str) -> None:
    manifest = world.issued(world.drum())
    answer = Visitor(world, "carrier").send(f"/manifests/{manifest.number}/depart", at=typed, password=PASSWORD)
    assert (answer.status_code, said in text(answer)) == (422, True)


@pytest.mark.parametrize("typed", ["0001-01-01", "9999-12-31"])
def test_nor_is_a_day_of_treatment(world: World, typed: str) -> None:
    manifest = received(world, None)
    sent = {f"treat-{lines_of(manifest)[0].container.short_code}": "1", "method": "R9", "password": PASSWORD}
    answer = Visitor(world, "plant").send(f"/manifests/{manifest.number}/treat", **sent, treated_on=typed)
    assert answer.status_code == 422


def test_an_unknown_verb_is_not_there(world: World) -> None:
    manifest = world.issued(world.drum())
    assert Visitor(world, "firm").send(f"/manifests/{manifest.number}/explode").status_code == 404


def test_reading_a_verbs_address_leads_back_to_the_manifest(world: World) -> None:
    manifest = world.issued(world.drum())
    response = Visitor(world, "firm").get(f"/manifests/{manifest.number}/issue")
    assert response["Location"] == f"/manifests/{manifest.number}"


def test_signatures_name_who_for_whom_and_the_digest(world: World) -> None:
    from wastetrack.ledger.services import seal

    manifest = world.issued(world.drum())
    seal(NOW)
    page = text(Visitor(world, "depot").get(f"/manifests/{manifest.number}"))
    assert "Issued and signed by the sender" in page
    assert "演示用户 firm" in page
    assert re.search(r'data-copy="[0-9a-f]{64}"', page)
    assert "nothing altered" in page
    assert "Drafted</strong>" not in page


def test_a_page_reads_the_same_number_of_queries_however_many_lines(
    world: World, django_assert_max_num_queries: Any
) -> None:
    manifest = world.delivered(*[world.drum() for _ in range(10)])
    depot = Visitor(world, "depot")
    with django_assert_max_num_queries(22):
        depot.get(f"/manifests/{manifest.number}")


# --- whose turn it is --------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["draft", "issued", "departed", "delivered", "received", "differs", "closed"])
def test_the_filter_and_the_page_agree_on_whose_turn_it_is(world: World, step: str) -> None:
    if step in ("received", "differs"):
        manifest = received(world, "15" if step == "differs" else None)
    elif step == "closed":
        manifest = received(world, None, to="depot")
        manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW)
    else:
        manifest = getattr(world, step)(world.drum())
    manifest = Manifest.objects.select_related("receiver").get(pk=manifest.pk)
    lines = lines_of(manifest)
    for name in (*PARTIES, "plant"):
        actor = world.actor(name)
        steps = set(turn_of(manifest, lines, actor).steps) - {"cancel", "correct"}
        steps -= {"receive"} if manifest.state == "in_transit" else set()
        assert waiting(actor).filter(pk=manifest.pk).exists() == bool(steps), name


@pytest.mark.parametrize(
    "address", ["/manifests/%00", "/manifests?search=%00", "/manifests/new?container=%00&search=%00"]
)
def test_what_no_database_can_hold_is_refused(world: World, address: str) -> None:
    assert Visitor(world, "firm").get(address).status_code == 400
    assert Visitor(world, "firm").send("/manifests/new", receiver="\0").status_code == 400


# --- expected ----------------------------------------------------------------------------------------------


def test_a_depot_sees_what_is_still_missing_of_a_load(world: World) -> None:
    first, second = world.drum(), world.drum()
    manifest = world.delivered(first, second)
    depot = world.depots["depot"]
    receipts = [manifests.Receipt(lines_of(manifest)[0])]
    manifests.receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    page = text(Visitor(world, "depot").get(f"/depots/{depot.pk}/expected"))
    assert "1 of 2 in" in page
    assert second.short_grouped in page
    assert first.short_grouped not in page
    assert Visitor(world, "firm").get(f"/depots/{depot.pk}/expected").status_code == 404
