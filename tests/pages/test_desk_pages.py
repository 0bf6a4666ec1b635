"""The desk's pages: the door, the home of each role, logging, drums, labels, alerts, and refusals in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from depots.services import check_in, void
from desk.demo.logins import LOGINS
from desk.todo import todo_of
from labels.models import Print
from manifests import services as manifests
from manifests.selectors import lines_of
from manifests.services.counter import Brought, start_walk_in
from manifests.services.rounds import finish_round, start_round
from tests.kernel.test_rounds import asked, planned
from tests.pages.visitors import Visitor, text
from tests.world import DRUM, NOW, PASSWORD, TODAY, World, later
from wastetrack.alerts.models import Alert, Severity
from wastetrack.alerts.services import sweep
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal
from wastetrack.parties.models import Delegation, Membership
from wastetrack.templatetags.trade import GRADES
from wastetrack.units import grams
from wastetrack.waste.models import Container, WasteStream
from wastetrack.waste.services import log_waste

Clock = Callable[[Any], None]


@pytest.fixture(autouse=True)
def _now(clock: Clock) -> None:
    pass


@pytest.fixture
def firm(world: World) -> Visitor:
    return Visitor(world, "firm")


def usual(world: World, **changes: Any) -> WasteStream:
    """A usual waste of the firm."""
    fields = {"waste_code": "900-249-08", "name": "废油滤芯", "form": "S", "hazards": "T I", "volume_l": 200}
    return WasteStream.objects.create(
        organisation=world.organisations["firm"],
        site=world.depots["firm"].site,
        container_kind="steel_drum",
        **fields | changes,
    )


def logged(world: World) -> Container:
    """A drum that stands in the firm's workshop."""
    return log_waste(actor=world.actor("firm"), site=world.depots["firm"].site, data=DRUM, now=NOW)


# --- the door ----------------------------------------------------------------------------------------------


def sign_in(client: Client, **fields: str) -> Any:
    return client.post("/sign-in", fields, headers={"Accept-Language": "en"})


def test_a_page_sends_a_stranger_to_the_door_and_back(world: World) -> None:
    client = Client()
    assert client.get("/log?stream=1")["Location"] == "/sign-in?next=%2Flog%3Fstream%3D1"
    answer = sign_in(client, username="firm", password=PASSWORD, next="/log?stream=1")
    assert (answer.status_code, answer["Location"]) == (303, "/log?stream=1")


@pytest.mark.parametrize("place", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_the_door_leads_to_no_other_site(world: World, place: str) -> None:
    assert sign_in(Client(), username="firm", password=PASSWORD, next=place)["Location"] == "/"


def test_a_wrong_password_is_said_and_the_name_kept(world: World) -> None:
    answer = sign_in(Client(), username="firm", password="guess")
    assert answer.status_code == 401
    assert "User name and password do not match" in text(answer)
    assert 'value="firm"' in text(answer)


def test_guessing_is_stopped_for_a_while(world: World) -> None:
    client = Client()
    for _ in range(10):
        assert sign_in(client, username="firm", password="guess").status_code == 401
    assert sign_in(client, username="firm", password=PASSWORD).status_code == 429
    assert sign_in(client, username="firm2", password=PASSWORD).status_code == 303


def test_demo_accounts_come_in_by_one_click(world: World, settings: Any) -> None:
    page = text(Client().get("/sign-in"))
    assert all(f'value="{login.username}"' in page for login in LOGINS)
    assert sign_in(Client(), demo="depot").status_code == 303
    settings.DEMO = False
    assert 'name="demo"' not in text(Client().get("/sign-in"))
    assert sign_in(Client(), demo="depot").status_code == 401


def test_signing_out_is_a_post(firm: Visitor) -> None:
    assert firm.get("/sign-out").status_code == 405
    assert firm.client.post("/sign-out")["Location"] == "/sign-in"
    assert firm.get("/")["Location"].startswith("/sign-in")


def test_one_acts_for_whom_one_may_alone(world: World) -> None:
    other = Membership.objects.create(
        user=world.memberships["firm"].user, organisation=world.organisations["depot2"], role="operator"
    )
    visitor = Visitor(world, "firm")
    assert "演示depot2" in text(visitor.get("/act-as"))
    assert visitor.client.post("/act-as", {"membership": other.pk})["Location"] == "/"
    assert "演示depot2" in text(visitor.get("/"))
    stranger = visitor.client.post("/act-as", {"membership": world.memberships["plant"].pk})
    assert stranger.status_code == 403


# --- homes -------------------------------------------------------------------------------------------------


def test_a_new_firm_is_shown_its_first_step(firm: Visitor) -> None:
    page = text(firm.get("/"))
    assert "No drums yet" in page
    assert 'href="/log"' in page


def test_a_firm_sees_what_presses_with_its_action(world: World, firm: Visitor, clock: Clock) -> None:
    drum = world.drum()
    world.draft(world.drum())
    clock(later(367))
    page = text(firm.get("/"))
    assert "2 drums are overdue" in page
    assert f"/manifests/new?container={drum.short_code}" in page
    assert "1 draft to issue" in page


def test_drums_of_the_workshop_are_to_be_stored(world: World, firm: Visitor) -> None:
    logged(world)
    assert "1 drum is not in the store yet" in text(firm.get("/"))


def test_a_reader_sees_all_and_may_do_nothing(world: World, clock: Clock) -> None:
    world.draft(world.drum())
    clock(later(367))
    page = text(Visitor(world, "viewer").get("/"))
    assert "1 drum is overdue" in page
    assert "1 draft to issue" in page
    assert "/manifests/new" not in page
    assert 'href="/log"' not in page


def test_carrier_and_depot_see_their_steps_of_a_load(world: World) -> None:
    manifest = world.issued(world.drum())
    assert "1 load to collect" in text(Visitor(world, "carrier").get("/"))
    manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    assert "1 load to deliver" in text(Visitor(world, "carrier").get("/"))
    assert "On the road to you" in text(Visitor(world, "depot").get("/"))
    manifests.deliver(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    page = text(Visitor(world, "depot").get("/"))
    assert "1 load at the gate" in page
    assert 'href="/scan"' in page
    assert "Sent and under way" in text(Visitor(world, "firm").get("/"))


def received(world: World, *mass: str, to: str = "plant") -> Any:
    manifest = world.delivered(world.drum(), to=to)
    receipts = [manifests.Receipt(line, mass_g=grams(mass[0]) if mass else None) for line in lines_of(manifest)]
    return manifests.receive(
        actor=world.actor(to), manifest=manifest, receipts=receipts, depot=world.depots[to], now=NOW
    )


def test_a_receipt_that_is_late_stands_first_in_red(world: World) -> None:
    actor, now = world.actor("depot"), later(30)
    world.delivered(world.drum())
    sweep(now - timedelta(days=24))
    on_time = todo_of(actor, now).tasks
    assert not [one for one in on_time if one.kind == "alerts" and one.look == GRADES[Severity.ALARM]]
    sweep(now)
    first = todo_of(actor, now).tasks[0]
    assert (first.kind, first.look) == ("alerts", GRADES[Severity.ALARM])
    assert "receipt" in {row.words.alert.kind for row in first.rows}


def test_who_stands_at_a_counter_comes_before_what_is_overdue(world: World) -> None:
    now, drum = later(5), world.drum()
    sweep(now)
    assert {row.words.alert.kind for row in todo_of(world.actor("firm"), now).tasks[0].rows} == {"unlabelled"}
    start_walk_in(
        actor=world.actor("depot"),
        depot=world.depots["depot"],
        firm=world.organisations["firm"],
        drums=[Brought(18_500, container=drum)],
        now=now,
    )
    first, second = todo_of(world.actor("firm"), now).tasks[:2]
    assert (first.key, second.kind, second.look) == ("counter", "alerts", GRADES[Severity.ALARM])


def test_a_plant_is_to_treat_what_it_received(world: World) -> None:
    received(world)
    assert "1 receipt to treat" in text(Visitor(world, "plant").get("/"))


def test_both_sides_are_to_settle_a_difference(world: World) -> None:
    received(world, "12")
    for side in ("firm", "plant"):
        assert "1 difference in mass to settle" in text(Visitor(world, side).get("/"))


def test_a_regulator_sees_its_district_in_figures(world: World, clock: Clock) -> None:
    world.drum()
    received(world, "12")
    clock(later(400))
    page = text(Visitor(world, "regulator").get("/"))
    assert "Shaoxing" in page
    assert "演示firm" in page
    assert "Masses differ" in page
    assert "Nothing is overdue" in text(Visitor(world, "regulator2").get("/"))


def test_a_steward_sees_its_firms_and_acts_by_one_tap(world: World, clock: Clock) -> None:
    world.add("steward", "steward")
    held = Delegation.objects.create(
        principal=world.organisations["firm"], agent=world.organisations["steward"], begun_at=NOW
    )
    world.drum()
    clock(later(367))
    visitor = Visitor(world, "steward")
    page = text(visitor.get("/"))
    assert "演示firm" in page
    assert "1 overdue" in page
    assert visitor.client.post("/act-as", {"delegation": held.pk}).status_code == 303
    page = text(visitor.get("/"))
    assert "You act for 演示firm" in page
    assert "1 drum is overdue" in page
    held.ended_at = NOW
    held.save()
    assert "You act for" not in text(visitor.get("/"))


def ended(world: World) -> Visitor:
    """A steward whose chosen delegation has ended meanwhile."""
    steward = world.add("steward", "steward")
    held = Delegation.objects.create(principal=world.organisations["firm"], agent=steward, begun_at=NOW)
    visitor = Visitor(world, "steward")
    visitor.client.post("/act-as", {"delegation": held.pk})
    held.ended_at = NOW
    held.save()
    return visitor


def test_nobody_is_moved_to_another_organisation_unasked(world: World) -> None:
    visitor = ended(world)
    before = Entry.objects.count()
    for answer in (visitor.get("/"), visitor.send("/log"), visitor.client.get("/api/v1/me")):
        assert answer.status_code == 403
        assert "acting_for_ended" in text(answer)
    assert "You no longer act for this organisation: choose for whom you act." in text(visitor.get("/"))
    assert 'href="/act-as"' in text(visitor.get("/"))
    assert Entry.objects.count() == before


def test_whose_choice_has_ended_chooses_again_without_signing_in_anew(world: World) -> None:
    visitor = ended(world)
    assert visitor.get("/sign-in")["Location"] == "/"
    assert "演示steward" in text(visitor.get("/act-as"))
    chosen = visitor.client.post("/act-as", {"membership": world.memberships["steward"].pk})
    assert chosen["Location"] == "/"
    assert "演示steward" in text(visitor.get("/"))


def test_who_belongs_nowhere_any_more_is_told_so_at_the_door(world: World) -> None:
    visitor = ended(world)
    world.memberships["steward"].delete()
    assert visitor.get("/act-as")["Location"].startswith("/sign-in")
    assert "belongs to no organisation yet" in text(visitor.get("/sign-in"))


def busy_day(world: World) -> None:
    """One more of everything that a home page tells."""
    world.drum()
    logged(world)
    world.draft(world.drum())
    received(world, "12")
    received(world, "12", to="depot")
    world.issued(world.drum())
    world.departed(world.drum())
    world.delivered(world.drum(), to="plant")
    asked(world, world.drum())
    planned(world, asked(world, world.drum()))


def queries(visitor: Visitor, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert visitor.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", ["firm", "depot", "carrier", "plant", "regulator"])
def test_a_home_asks_no_more_for_more(world: World, name: str, clock: Clock) -> None:
    visitor = Visitor(world, name)
    clock(later(350))
    busy_day(world)
    before = queries(visitor, "/")
    busy_day(world)
    busy_day(world)
    assert queries(visitor, "/") <= before <= 22


def test_a_depot_is_told_who_waits_to_be_fetched_from(world: World) -> None:
    depot = Visitor(world, "depot")
    assert "to be fetched from" not in text(depot.get("/"))
    request = asked(world, world.drum())
    page = text(depot.get("/"))
    assert "1 firm waits to be fetched from" in page
    assert f'href="/depots/{world.depots["depot"].pk}/rounds/new"' in page
    assert f'href="/collections/{request.pk}"' in page
    assert "to be fetched from" not in text(Visitor(world, "depot2").get("/"))
    planned(world, request)
    assert "to be fetched from" not in text(depot.get("/"))


def test_a_carrier_is_told_of_todays_rounds(world: World) -> None:
    driver = Visitor(world, "carrier")
    round_ = planned(world, asked(world, world.drum()))
    planned(world, asked(world, world.drum()), day=TODAY + timedelta(days=1))
    page = text(driver.get("/"))
    assert "1 round to drive" in page
    assert f'href="/rounds/{round_.pk}"' in page
    start_round(actor=world.actor("carrier"), round_=round_, now=NOW)
    assert "1 round to drive" in text(driver.get("/"))
    finish_round(actor=world.actor("carrier"), round_=round_, now=NOW)
    assert "to drive" not in text(driver.get("/"))


# --- logging -----------------------------------------------------------------------------------------------


def test_usual_waste_and_a_weight_are_enough(world: World, firm: Visitor) -> None:
    stream = usual(world)
    assert "废油滤芯" in text(firm.get("/log"))
    form = text(firm.get("/log", stream=stream.pk))
    assert re.search(r'id="mass_kg"[^>]*inputmode="decimal"', form)
    answer = firm.send(
        "/log",
        stream=stream.pk,
        mass_kg="18.5",
        place=f"depot-{world.depots['firm'].pk}",
        accumulation_start="2026-11-20",
    )
    drum = Container.objects.get()
    assert answer["Location"] == f"/log/{drum.short_code}?stream={stream.pk}"
    assert (drum.mass_g, drum.state, drum.stream) == (18_500, "stored", stream)
    page = text(firm.get(answer["Location"]))
    assert drum.short_grouped in page
    assert 'action="/labels"' in page


def test_a_form_sent_twice_makes_one_drum(world: World, firm: Visitor) -> None:
    stream = usual(world)
    fields = {"stream": stream.pk, "mass_kg": "5", "place": f"depot-{world.depots['firm'].pk}"}
    # Every rendering of a page masks the CSRF token anew.
    first, second = (firm.send("/log", "n1", csrfmiddlewaretoken=token, **fields) for token in ("a", "b"))
    assert first["Location"] == second["Location"]
    assert Container.objects.count() == 1


def test_a_form_without_its_nonce_makes_nothing(world: World, firm: Visitor) -> None:
    answer = firm.client.post("/log", {"stream": usual(world).pk, "mass_kg": "5", "place": "depot-1"})
    assert answer.status_code == 422
    assert not Container.objects.exists()


def test_what_was_typed_comes_back_with_the_error_at_its_field(world: World, firm: Visitor) -> None:
    answer = firm.send(
        "/log",
        waste_code="900-041-49",
        mass_kg="a lot",
        name="抹布",
        form="",
        place=f"depot-{world.depots['firm'].pk}",
        accumulation_start="2099-01-01",
        remarks="三号车间",
    )
    page = text(answer)
    assert answer.status_code == 422
    assert 'value="a lot"' in page
    assert 'value="三号车间"' in page
    for field in ("mass_kg", "hazards", "form", "accumulation_start"):
        assert f'id="{field}-error"' in page, field
    assert not Container.objects.exists()


def test_a_waste_is_found_by_code_and_by_name(firm: Visitor) -> None:
    assert "900-249-08" in text(firm.get("/log", q="249-08"))
    assert "900-023-29" in text(firm.get("/log/search", q="灯管"))
    assert "Nothing found" in text(firm.get("/log/search", q="no such waste"))


def test_another_waste_may_be_kept_for_next_time(world: World, firm: Visitor) -> None:
    firm.send(
        "/log",
        waste_code="900-041-49",
        hazards=["T", "In"],
        mass_kg="3",
        name="沾油抹布",
        form="S",
        container_kind="bag",
        volume_l="50",
        place=f"site-{world.depots['firm'].site_id}",
        accumulation_start="2026-11-20",
        keep="1",
    )
    drum, stream = Container.objects.get(), WasteStream.objects.get()
    assert (drum.state, drum.stream) == ("logged", stream)
    assert (stream.name, stream.hazards, stream.container_kind) == ("沾油抹布", "T In", "bag")
    assert Entry.objects.filter(kind="stream.save").count() == 1


@pytest.mark.parametrize("name", ["viewer", "carrier", "regulator"])
def test_whoever_makes_no_waste_logs_none(world: World, name: str) -> None:
    assert Visitor(world, name).get("/log").status_code == 403


def test_nobody_logs_by_another_firms_usual_waste(world: World) -> None:
    answer = Visitor(world, "firm2").send("/log", stream=usual(world).pk, mass_kg="5", place="depot-1")
    assert answer.status_code == 422
    assert not Container.objects.exists()


# --- drums -------------------------------------------------------------------------------------------------


def test_the_list_is_filtered_by_its_address(world: World, firm: Visitor, clock: Clock) -> None:
    old, new = world.drum(accumulation_start="2025-11-30"), world.drum(waste_code="900-041-49", hazards=["T"])
    on_paper = world.drum()
    world.issued(on_paper)
    sweep(NOW)

    def shown(**query: str) -> set[str]:
        page = text(firm.get("/containers", **query))
        return {drum.short_code for drum in (old, new, on_paper) if f"/containers/{drum.short_code}" in page}

    assert shown() == {old.short_code, new.short_code, on_paper.short_code}
    assert shown(state="committed") == {on_paper.short_code}
    assert shown(waste_code="900-041-49") == {new.short_code}
    assert shown(q=old.short_grouped.lower()) == {old.short_code}
    assert shown(q=new.code) == {new.short_code}
    assert shown(due="1") == {old.short_code}
    clock(later(30))
    assert shown(overdue="1") == {old.short_code}
    assert firm.get("/containers", state="flying").status_code == 422


def test_the_list_goes_on_by_cursor(world: World, firm: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.views.containers.PAGE", 1)
    first, second = world.drum(), world.drum()
    page = text(firm.get("/containers"))
    assert second.short_code in page
    assert first.short_code not in page
    assert first.short_code in text(firm.get("/containers", cursor=second.pk))


@pytest.mark.parametrize("path", ["/containers", "/alerts"])
@pytest.mark.parametrize("name", ["firm", "regulator"])
def test_a_list_asks_no_more_for_more(world: World, name: str, path: str, clock: Clock) -> None:
    visitor = Visitor(world, name)
    clock(later(367))
    world.drum()
    sweep(later(367))
    before = queries(visitor, path)
    for _ in range(6):
        world.drum()
    sweep(later(367))
    assert queries(visitor, path) == before <= 12


def test_a_life_is_told_step_by_step_and_proven(world: World, django_assert_max_num_queries: Any) -> None:
    manifest = received(world, "12")
    seal()
    drum = Container.objects.get()
    visitor = Visitor(world, "regulator")
    with django_assert_max_num_queries(17):
        page = text(visitor.get(f"/containers/{drum.short_code}"))
    for words in ("Logged", "Put into the store", "Left with the carrier", "Received", "Declared and received differ"):
        assert words in page, words
    assert f"/manifests/{manifest.number}" in page
    assert "Log intact" in page


def test_an_altered_step_is_marked(world: World, firm: Visitor) -> None:
    drum = world.drum()
    seal()
    # The ORM changes no entry; whoever has the database can.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_entry SET user_name = 'somebody else' WHERE subject = %s", [drum.subject])
    page = text(firm.get(f"/containers/{drum.short_code}"))
    assert "Log altered" in page
    assert "This step no longer fits the signed log" in page


def test_hidden_and_unknown_drums_are_one_answer(world: World) -> None:
    hidden = Visitor(world, "firm2").get(f"/containers/{world.drum().short_code}")
    unknown = Visitor(world, "firm2").get("/containers/0000000A")
    assert hidden.status_code == unknown.status_code == 404
    assert "No drum has this code, or you may not see it" in text(hidden)
    assert "No drum has this code, or you may not see it" in text(unknown)


def test_a_drum_from_the_workshop_is_stored_by_one_button(world: World, firm: Visitor) -> None:
    drum = logged(world)
    assert f"/containers/{drum.short_code}/store" in text(firm.get(f"/containers/{drum.short_code}"))
    firm.client.post(f"/containers/{drum.short_code}/store", {"depot": world.depots["firm"].pk})
    drum.refresh_from_db()
    assert drum.state == "stored"
    assert f"/containers/{drum.short_code}/store" not in text(firm.get(f"/containers/{drum.short_code}"))


def test_voiding_wants_a_reason(world: World, firm: Visitor) -> None:
    drum = world.drum()
    assert firm.client.post(f"/containers/{drum.short_code}/void", {"reason": " "}).status_code == 422
    assert firm.client.post(f"/containers/{drum.short_code}/void", {"reason": "a\u202eb"}).status_code == 422
    firm.client.post(f"/containers/{drum.short_code}/void", {"reason": "重复登记"})
    drum.refresh_from_db()
    assert drum.state == "voided"


def test_ticked_drums_go_to_a_new_manifest(world: World, firm: Visitor) -> None:
    answer = firm.client.post("/containers/hand-over", {"codes": ["AAAA1111", "BBBB2222"]})
    assert answer["Location"] == "/manifests/new?container=AAAA1111&container=BBBB2222"
    assert firm.client.post("/containers/hand-over").status_code == 422


# --- labels ------------------------------------------------------------------------------------------------


def test_labels_come_as_a_pdf_to_look_at(world: World, firm: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []

    def draw(labels: Any, layout: str) -> bytes:
        drawn.append((labels, layout))
        return b"%PDF"

    monkeypatch.setattr("labels.services.draw_labels", draw)
    drum = world.drum()
    answer = firm.client.post("/labels", {"codes": [drum.short_code], "layout": "a4"})
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith("inline")
    assert (drawn[0][0][0].code37, drawn[0][1]) == (drum.code, "a4")
    assert Print.objects.count() == 1


def test_no_label_for_readers_strangers_and_neighbours(world: World) -> None:
    drum = world.drum()
    assert Visitor(world, "viewer").client.post("/labels", {"codes": [drum.code]}).status_code == 403
    assert Visitor(world, "firm2").client.post("/labels", {"codes": [drum.code]}).status_code == 422
    assert Visitor(world, None).client.post("/labels", {"codes": [drum.code]}).status_code == 401
    assert not Print.objects.exists()


# --- the label's own page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/w/", "/W/"])
def test_anybody_reads_the_label_and_nothing_more(world: World, path: str) -> None:
    drum = world.drum(components="矿物油", remarks="三号车间")
    world.issued(drum)
    answer = Client(headers={"Accept-Language": "en"}).get(f"{path}{drum.code}")
    page = text(answer)
    for printed in (drum.code_grouped, drum.short_grouped, "900-249-08", "矿物油", "三号车间", "18.5 kg", "演示firm"):
        assert printed in page, printed
    for hidden in ("On a manifest", "days left", "演示depot", "演示firm贮存", "Its way"):
        assert hidden not in page, hidden
    assert answer["X-Robots-Tag"] == "noindex, nofollow"


def test_an_unknown_label_is_no_page(world: World) -> None:
    answer = Client(headers={"Accept-Language": "en"}).get("/w/0000000A")
    assert answer.status_code == 404
    assert "No drum has this code, or you may not see it" in text(answer)


def test_who_may_see_the_drum_goes_to_its_page(world: World, firm: Visitor) -> None:
    drum = world.drum()
    assert firm.get(f"/W/{drum.code}")["Location"] == f"/containers/{drum.short_code}"
    neighbour = Visitor(world, "firm2").get(f"/W/{drum.code}")
    assert neighbour.status_code == 200
    assert drum.code_grouped in text(neighbour)
    assert "Stored" not in text(neighbour)


# --- alerts ------------------------------------------------------------------------------------------------


@pytest.fixture
def overdue(world: World, clock: Clock) -> Alert:
    drum = world.drum(accumulation_start="2025-11-18")
    sweep(NOW)
    return Alert.objects.get(kind="storage", about=drum.subject)


def test_an_alert_has_sentence_clause_and_action(world: World, firm: Visitor, overdue: Alert) -> None:
    page = text(firm.get("/alerts"))
    assert "should have left 演示firm" in page
    assert "Article 535" in page
    assert "/manifests/new?container=" in page
    assert "Hand it over" not in text(Visitor(world, "regulator").get("/alerts"))
    assert "Nothing is due" in text(Visitor(world, "firm2").get("/alerts"))


def test_acknowledging_keeps_it_open_with_its_note(firm: Visitor, overdue: Alert) -> None:
    firm.client.post(f"/alerts/{overdue.pk}/acknowledge", {"note": "周五清运"})
    page = text(firm.get("/alerts"))
    assert "周五清运" in page
    assert "should have left" in page


def test_nobody_acknowledges_what_is_hidden_from_them(world: World, overdue: Alert) -> None:
    for name, status in (("firm2", 404), ("viewer", 403)):
        answer = Visitor(world, name).client.post(f"/alerts/{overdue.pk}/acknowledge", {"note": "x"})
        assert answer.status_code == status


def test_a_resolved_alert_goes_below(world: World, firm: Visitor, overdue: Alert, clock: Clock) -> None:
    drum = Container.objects.get()
    void(actor=world.actor("firm"), container=drum, reason="x", now=NOW)
    page = text(firm.get("/alerts"))
    assert "Resolved lately" in page
    assert "Nothing is due" in page


def test_the_bell_counts_and_the_toast_tells(world: World, firm: Visitor, overdue: Alert) -> None:
    assert re.search(r'count is-overdue".*?1</span>', text(firm.get("/alerts/bell")), re.DOTALL)
    toast = text(firm.get("/alerts/toast", id=overdue.pk, more=4))
    assert "should have left" in toast
    assert "and 4 more" in toast
    assert text(Visitor(world, "firm2").get("/alerts/toast", id=overdue.pk)).strip() == ""


# --- every page --------------------------------------------------------------------------------------------


def test_an_address_that_does_not_exist_answers_in_words(world: World, firm: Visitor) -> None:
    answer = firm.get("/no/such/place")
    assert answer.status_code == 404
    assert "There is nothing here, or you may not see it" in text(answer)
    assert firm.get("/api/v1/no/such")["Content-Type"] == "application/problem+json"


def test_a_form_from_elsewhere_is_refused_in_words(world: World) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Accept-Language": "en"})
    client.force_login(world.memberships["firm"].user)
    answer = client.post("/sign-out")
    assert answer.status_code == 403
    assert "did not come from a page of this site" in text(answer)


def test_a_fault_of_ours_is_a_page_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("desk.views.home.todo_of", broken)
    client = Client(raise_request_exception=False, headers={"Accept-Language": "en"})
    client.force_login(world.memberships["firm"].user)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in text(answer)


@pytest.mark.parametrize("path", ["/sign-in", "/", "/containers", "/alerts", "/log"])
def test_a_page_runs_nothing_but_our_own_files(firm: Visitor, path: str) -> None:
    answer = Client().get(path) if path == "/sign-in" else firm.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    page = text(answer)
    assert re.findall(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", page) == []


def test_a_page_says_where_its_feed_begins(world: World, firm: Visitor) -> None:
    world.drum()
    seal()
    assert f'data-feed-after="{Entry.objects.count() - 1}"' in text(firm.get("/"))
    assert "data-feed-after" not in text(Client().get("/sign-in"))


def test_pages_speak_both_languages(world: World) -> None:
    assert "登记危废" in text(Visitor(world, "firm", "zh-hans").get("/"))
    assert '<html lang="zh-Hans">' in text(Visitor(world, "firm", "zh-hans").get("/"))
    assert "Log waste" in text(Visitor(world, "firm").get("/"))


def test_a_drum_put_in_by_scan_is_no_longer_to_do(world: World, firm: Visitor) -> None:
    drum = logged(world)
    check_in(actor=world.actor("firm"), container=drum, depot=world.depots["firm"], now=NOW)
    assert "not in the store yet" not in text(firm.get("/"))


# --- forms that were left and come back --------------------------------------------------------------------


def nonce_in(page: str) -> str:
    found = re.search(r'name="nonce" value="([^"]+)"', page)
    assert found
    return found[1]


def test_a_form_used_before_comes_back_ready_to_save_a_new_one(world: World, firm: Visitor) -> None:
    fields = {"stream": usual(world).pk, "place": f"depot-{world.depots['firm'].pk}"}
    assert firm.send("/log", "n1", mass_kg="5", **fields).status_code == 303
    again = firm.send("/log", "n1", mass_kg="6", **fields)
    assert again.status_code == 422
    assert "press Save again" in text(again)
    assert firm.send("/log", nonce_in(text(again)), mass_kg="6", **fields).status_code == 303
    assert Container.objects.count() == 2


@pytest.mark.parametrize("path", ["/log?stream={}", "/scan"])
def test_a_form_is_not_kept_by_the_browser(world: World, path: str) -> None:
    page = Visitor(world, "firm").get(path.format(usual(world).pk))
    assert page["Cache-Control"] == "no-store"


def test_the_door_leads_a_lost_form_back_to_its_page(world: World) -> None:
    answer = Client(headers={"Referer": "http://testserver/containers?q=a", "Accept-Language": "en"}).post("/labels")
    assert answer.status_code == 401
    assert 'href="/sign-in?next=%2Fcontainers%3Fq%3Da"' in text(answer)


def test_an_address_for_forms_alone_answers_in_words(world: World, firm: Visitor) -> None:
    answer = firm.get("/sign-out")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "This address is not used in this way" in text(answer)


def test_the_log_form_goes_to_the_address_of_its_waste(world: World, firm: Visitor) -> None:
    stream = usual(world)
    assert f'action="/log?stream={stream.pk}"' in text(firm.get("/log", stream=stream.pk))
    assert 'action="/log?waste_code=900-041-49"' in text(firm.get("/log", waste_code="900-041-49"))


def test_an_old_page_is_opened_again(world: World) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Accept-Language": "en", "Referer": "http://testserver/log"})
    client.force_login(world.memberships["firm"].user)
    page = text(client.post("/sign-out"))
    assert "This page is old" in page
    assert '<a class="btn btn-primary" href="/log">' in page
    assert "administrator" not in page


def test_a_form_for_another_organisation_does_nothing(world: World) -> None:
    other = Membership.objects.create(
        user=world.memberships["firm"].user, organisation=world.organisations["firm2"], role="operator"
    )
    visitor = Visitor(world, "firm")
    page = text(visitor.get("/log", stream=usual(world).pk))
    then = re.search(r'name="acting_for" value="(\d+)"', page)
    assert then
    visitor.client.post("/act-as", {"membership": other.pk})
    place = f"depot-{world.depots['firm2'].pk}"
    answer = visitor.send("/log", waste_code="900-041-49", mass_kg="5", place=place, acting_for=then[1])
    assert answer.status_code == 409
    assert "this page was filled in for 演示firm." in text(answer)
    assert 'href="/act-as"' in text(answer)
    assert not Container.objects.exists()


def test_a_weight_is_read_as_people_type_it(world: World, firm: Visitor) -> None:
    fields: dict[str, Any] = {"stream": usual(world).pk, "place": f"depot-{world.depots['firm'].pk}"}
    assert firm.send("/log", mass_kg="１８。５ 公斤", **fields).status_code == 303
    assert Container.objects.get().mass_g == 18_500


def test_a_firm_without_a_site_is_told_so(world: World) -> None:
    world.add("new", "generator")
    assert "No site yet: ask your administrator" in text(Visitor(world, "new").get("/log"))


@pytest.mark.parametrize(
    ("query", "words"),
    [({"stream": "99"}, "no such usual waste"), ({"waste_code": "000-000-00"}, "No such waste code")],
)
def test_a_waste_that_is_none_is_said(firm: Visitor, query: dict[str, str], words: str) -> None:
    answer = firm.get("/log", **query)
    assert answer.status_code == 404
    assert words in text(answer)


def test_a_treated_drum_gets_no_label(world: World, firm: Visitor) -> None:
    drum = world.drum()
    assert 'action="/labels"' in text(firm.get(f"/containers/{drum.short_code}"))
    Container.objects.filter(pk=drum.pk).update(state="treated")
    assert 'action="/labels"' not in text(firm.get(f"/containers/{drum.short_code}"))


def test_nobody_at_home_goes_to_the_plain_door(world: World) -> None:
    assert Client().get("/")["Location"] == "/sign-in"


def test_a_state_that_is_none_is_said_the_same_on_every_list(world: World, firm: Visitor) -> None:
    for path in ("/containers", "/manifests"):
        assert "There is no such state" in text(firm.get(path, state="gone"))


# --- a figure and what is behind it ------------------------------------------------------------------------


def rows_behind(visitor: Visitor, tile: str) -> tuple[int, int]:
    """The figure of a tile of the home page, and how many rows its link shows."""
    found = re.search(rf'<dt>{tile}</dt><dd><a href="([^"]+)"><span class="figure">(\d+)<', text(visitor.get("/")))
    assert found
    listed = text(visitor.client.get(unescape(found[1])))
    assert 'name="at"' in listed, "what the list is narrowed to can be seen and taken away"
    return int(found[2]), listed.count('class="row-link"')


def test_the_drums_that_a_tile_counts_are_those_behind_it(world: World, firm: Visitor) -> None:
    logged(world)
    world.drum()
    world.issued(world.drum())
    world.departed(world.drum())
    void(actor=world.actor("firm"), container=world.drum(), reason="x", now=NOW)
    assert rows_behind(firm, "Drums") == (3, 3)
    assert rows_behind(Visitor(world, "regulator"), "Drums") == (2, 2), "in a store; the logged one is in none"


@pytest.mark.parametrize(
    "query",
    [{"generated": "20２６-11"}, {"generated": "20٢٦-11"}, {"generated": "2026-13"}, {"at": "nowhere"}],
)
def test_a_filter_that_cannot_be_is_refused(firm: Visitor, query: dict[str, str]) -> None:
    answer = firm.get("/containers", **query)
    assert answer.status_code == 422
    assert "This is not the kind of value expected here." in text(answer)


def test_the_loads_on_the_road_are_those_behind_the_link(world: World) -> None:
    world.delivered(world.drum())
    moving = world.departed(world.drum())
    office = Visitor(world, "regulator")
    part = text(office.get("/")).split('id="moving"')[1]
    listed = text(office.get("/manifests", state="in_transit"))
    assert 'href="/manifests?state=in_transit"' in part
    for page in (part, listed):
        assert set(re.findall(r"/manifests/(\d{14})", page)) == {moving.number}
