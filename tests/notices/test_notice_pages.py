"""The pages of notices and of webhooks, the links in mails, and the same by API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.api.support import answered, refused
from tests.notices.conftest import System, member, reach
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World
from wastetrack.alerts.registry import watches
from wastetrack.errors import NotPermitted
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal
from wastetrack.notices import keys
from wastetrack.notices.models import Address, Choice, Mail, Webhook
from wastetrack.notices.services import create, deliver_next, pause, ping, remove, rotate
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Delegation


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read at NOW."""


@pytest.mark.parametrize("name", ["firm", "carrier", "plant", "viewer", "regulator"])
def test_everybody_has_a_page_of_notices(world: World, name: str) -> None:
    page = text(Visitor(world, name).get("/notices"))
    assert all(f'id="kind-{watch.kind}"' in page for watch in watches())
    assert f"/calendar/{world.memberships[name].pk}-" in page
    assert ('href="/webhooks"' in page) == (name in {"firm", "plant", "regulator"})


def test_a_choice_is_kept_and_shown(world: World) -> None:
    viewer = Visitor(world, "viewer")
    sent = viewer.send("/notices/choices", **{"when:": "usual", "when:storage": "daily", "when:receipt": ""})
    assert sent["Location"] == "/notices?kept=1#choices"
    page = text(viewer.get("/notices", kept="1"))
    own = page.split('id="kind-storage"')[1].split("</select>")[0]
    assert '<option value="daily" selected>' in own
    assert "Your choices are kept." in page


def test_the_last_sees_why_nothing_is_no_choice(world: World) -> None:
    firm = Visitor(world, "firm")
    own = text(firm.get("/notices")).split('id="kind-storage"')[1].split("</div>")[0]
    assert '<option value="never" disabled>' in own
    assert "you are the last who would be told" in own
    answer = firm.send("/notices/choices", **{"when:storage": "never", "when:receipt": "daily"})
    assert answer.status_code == 409
    assert "Nobody else of your organisation would be told" in text(answer)
    assert not Choice.objects.exists()
    member(world, "boss", "firm")
    assert "you are the last" not in text(firm.get("/notices"))


def test_an_address_is_given_and_confirmed_by_one_tap(world: World) -> None:
    firm = Visitor(world, "firm")
    wrong = firm.send("/notices/address", email="a@example.org", again="b@example.org")
    assert wrong.status_code == 422
    assert "The two addresses are not the same." in text(wrong)
    firm.send("/notices/address", email="a@example.org", again="a@example.org")
    assert "A link was mailed to a@example.org" in text(firm.get("/notices"))
    link = f"/notices/confirm/{keys.confirmation(Mail.objects.get().pk)}"
    stranger = Client(headers={"Accept-Language": "en"})
    assert "Mail me deadlines at a@example.org." in text(stranger.get(link))
    assert not Address.objects.exists(), "a program that looks at links confirms nothing"
    assert "a@example.org is your address now" in text(stranger.post(link))
    assert "<strong>a@example.org</strong>" in text(firm.get("/notices"))
    assert "A link was mailed" not in text(firm.get("/notices"))
    for over in (link, "/notices/confirm/x"):
        assert stranger.get(over).status_code == stranger.post(over).status_code == 404


def test_that_nobody_is_mailed_of_what_the_law_asks_for_is_said(world: World) -> None:
    words = "Nobody who acts for your organisation has an address"
    viewer = Visitor(world, "viewer")
    reach(world, "viewer")
    assert words in text(viewer.get("/notices"))
    reach(world, "firm")
    assert words not in text(viewer.get("/notices"))


def test_where_no_mail_is_sent_the_page_says_so(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert "This site sends no mail" in text(Visitor(world, "firm").get("/notices"))


def test_one_tap_stops_the_mails_without_signing_in(world: World) -> None:
    link = f"/notices/leave/{keys.leave_token(world.memberships['viewer'].pk)}"
    program = Client(enforce_csrf_checks=True, headers={"Accept-Language": "en"})
    assert "You are mailed deadlines of 演示firm." in text(program.get(link))
    assert not Choice.objects.exists()
    page = text(program.post(link, {"List-Unsubscribe": "One-Click"}))
    assert "No more mail about 演示firm." in page
    assert "What the law asks for" not in page
    assert [choice.email for choice in Choice.objects.all()] == ["never"]
    last = f"/notices/leave/{keys.leave_token(world.memberships['firm'].pk)}"
    assert "What the law asks for still comes" in text(program.post(last))
    assert program.post("/notices/leave/1:x").status_code == 404


def test_the_calendars_link_is_renewed(world: World) -> None:
    firm = Visitor(world, "firm")
    before = text(firm.get("/notices")).split('id="ical"')[1].split('value="')[1].split('"')[0]
    assert firm.send("/notices/calendar").status_code == 303
    after = text(firm.get("/notices")).split('id="ical"')[1].split('value="')[1].split('"')[0]
    assert before != after
    assert after.startswith("http://127.0.0.1:8000/calendar/")


# --- webhooks ----------------------------------------------------------------------------------------------------


def test_a_webhook_is_made_once_and_shows_its_secret_for_ten_minutes(
    world: World, settings: Any, clock: Any, system: System
) -> None:
    from datetime import timedelta

    firm = Visitor(world, "firm")
    assert "No webhooks yet" in text(firm.get("/webhooks"))
    for _ in range(2):
        sent = firm.send(
            "/webhooks", nonce="n", url=f"{system.url}/in", kinds=["alert.*"], more="round.*, manifest.receive"
        )
    webhook = Webhook.objects.get()
    assert sent["Location"] == f"/webhooks/{webhook.pk}"
    assert webhook.patterns == ["alert.*", "round.*", "manifest.receive"]
    secret = keys.webhook_secret(webhook.pk, 0)
    page = text(firm.get(sent["Location"]))
    assert secret.replace("+", "%2B") in page.replace("+", "%2B")
    assert f"{system.url}/in" in text(firm.get("/webhooks"))
    clock(NOW + timedelta(minutes=11))
    assert secret not in text(firm.get(sent["Location"]))
    assert secret not in Entry.objects.get(kind="webhook.create").payload


def test_what_is_wrong_is_said_at_its_field(world: World, settings: Any) -> None:
    settings.WEBHOOKS_PRIVATE = False
    firm = Visitor(world, "firm")
    for fields, words in (
        ({"url": "http://example.org", "kinds": ["alert.*"]}, "The address must begin with https://."),
        ({"url": "https://example.org"}, "This is needed."),
        ({"url": "https://example.org", "more": "sing.*"}, "No entry is of this kind."),
    ):
        answer = firm.send("/webhooks", **fields)
        assert answer.status_code == 422
        assert words in text(answer)
    assert not Webhook.objects.exists()


def test_its_page_tells_how_it_goes(world: World, system: System) -> None:
    firm = Visitor(world, "firm")
    webhook = create(actor=world.actor("firm"), url=system.url, kinds=["container.*"], now=NOW)
    path = f"/webhooks/{webhook.pk}"
    assert "Nothing has been delivered yet" in text(firm.get(path))
    world.drum()
    seal()
    system.answers, system.words = [500, 200], b"<script>no</script>"
    deliver_next(NOW)
    page = text(firm.get(path))
    assert "Failing" in page
    assert "an answer other than 2xx" in page
    assert "&lt;script&gt;no" in page
    sent = firm.send(f"{path}/ping")["Location"]
    assert "The test is on its way" in text(firm.get(sent))
    assert "Drums: logged, stored, handed over, treated" in text(firm.get("/webhooks"))
    seal()
    while deliver_next(NOW):
        pass
    page = text(firm.get(path))
    assert 'hx-trigger="every 5s"' in page
    assert "The test is on its way" not in page
    assert "Drums: logged, stored, handed over, treated" in page
    assert "Working" in page
    assert "Taken" in page
    firm.send(f"{path}/replay", index=str(system.indices[0]))
    webhook.refresh_from_db()
    assert webhook.after == system.indices[0] - 1
    Webhook.objects.filter(pk=webhook.pk).update(failing_since=NOW, error="refused")
    assert "(no connection)" in text(firm.get(path))
    firm.send(f"{path}/pause")
    assert "Paused. Nothing is lost" in text(firm.get(path))
    firm.send(f"{path}/resume")
    firm.send(f"{path}/rotate")
    assert keys.webhook_secret(webhook.pk, 1) in text(firm.get(path)).replace("&#x2B;", "+")
    assert firm.send(f"{path}/sing").status_code == 404
    assert firm.send(f"{path}/remove")["Location"] == "/webhooks"
    assert firm.get(path).status_code == 404


@pytest.mark.parametrize(("name", "status"), [("viewer", 403), ("carrier", 403), ("firm2", 404), ("regulator", 404)])
def test_others_do_not_see_it(world: World, system: System, name: str, status: int) -> None:
    webhook = create(actor=world.actor("firm"), url=system.url, kinds=["*"], now=NOW)
    visitor = Visitor(world, name)
    assert visitor.get(f"/webhooks/{webhook.pk}").status_code == status
    for verb in ("rotate", "pause", "ping", "remove", "replay"):
        assert visitor.send(f"/webhooks/{webhook.pk}/{verb}", index="0").status_code == status


def test_whoever_acts_for_a_firm_keeps_no_webhooks_of_it(world: World, api: Any, system: System) -> None:
    webhook = create(actor=world.actor("firm"), url=system.url, kinds=["*"], now=NOW)
    world.add("steward", "steward")
    given = Delegation.objects.create(
        principal=world.organisations["firm"], agent=world.organisations["steward"], begun_at=NOW
    )
    steward = Visitor(world, "steward")
    steward.send("/act-as", delegation=given.pk)
    assert 'href="/webhooks"' not in text(steward.get("/notices"))
    for answer in (steward.get("/webhooks"), steward.get(f"/webhooks/{webhook.pk}"), steward.send("/webhooks")):
        assert answer.status_code == 403
        assert "own members" in text(answer)
    acting = Actor.of(world.memberships["steward"], given)
    for change in (rotate, pause, ping, remove):
        with pytest.raises(NotPermitted, match="own_members_only"):
            change(actor=acting, webhook=webhook, now=NOW)
    with pytest.raises(NotPermitted, match="own_members_only"):
        create(actor=acting, url=system.url, kinds=["*"], now=NOW)
    assert not Webhook.objects.visible_to(acting).exists()


# --- the same by API ---------------------------------------------------------------------------------------------


def test_a_program_reads_and_makes_its_choices(world: World, api: Any) -> None:
    firm = api("firm")
    told = answered(firm.get("/notices"))
    assert (told["email"], told["address"]) == ("usual", "")
    assert {"kind": "storage", "title": "Storage time", "email": None, "may_stop": False} in told["kinds"]
    told = answered(firm.post("/notices/choices", {"kind": "storage", "email": "at_once"}))
    assert {"kind": "storage", "title": "Storage time", "email": "at_once", "may_stop": False} in told["kinds"]
    refused(firm.post("/notices/choices", {"kind": "storage", "email": "never"}), 409, "last_to_be_told")
    assert answered(firm.post("/notices/calendar"))["calendar"] != told["calendar"]
    sent = answered(firm.post("/notices/address", {"email": "a@example.org", "again": "a@example.org"}))
    assert (sent["sent_to"], Mail.objects.get().to) == ("a@example.org", "a@example.org")


def test_a_program_keeps_webhooks(world: World, api: Any, system: System) -> None:
    firm = api("firm")
    body = {"url": system.url, "kinds": ["container.*"]}
    first = firm.post("/webhooks", body, **{"Idempotency-Key": "k"})
    assert first.status_code == 201
    made = first.json()
    assert firm.post("/webhooks", body, **{"Idempotency-Key": "k"}).json()["id"] == made["id"]
    assert made["secret"] == keys.webhook_secret(int(made["id"]), 0)
    assert answered(firm.get("/webhooks"))["items"] == [made]
    path = f"/webhooks/{made['id']}"
    world.drum()
    seal()
    while deliver_next(NOW):
        pass
    tries = answered(firm.get(f"{path}/deliveries"))["items"]
    assert [one["index"] for one in tries] == sorted(system.indices, reverse=True)
    assert (tries[0]["arrived"], tries[0]["status"], tries[0]["error"]) == (True, 200, None)
    assert answered(firm.post(f"{path}/replay", {"index": system.indices[0]}))["after"] == system.indices[0] - 1
    assert answered(firm.post(f"{path}/rotate"))["secret"] == keys.webhook_secret(int(made["id"]), 1)
    assert answered(firm.post(f"{path}/pause"))["state"] == "paused"
    refused(firm.post(f"{path}/pause"), 409, "webhook_paused")
    assert answered(firm.post(f"{path}/resume"))["state"] == "working"
    assert answered(firm.post(f"{path}/ping"))["state"] == "working"
    refused(firm.post(f"{path}/sing"), 404, "not_found")
    refused(api("firm2").get(path), 404, "unknown_webhook")
    assert answered(firm.post(f"{path}/remove")) == {"removed": made["id"]}
    refused(firm.get(path), 404, "unknown_webhook")


def test_no_secret_stands_in_a_table(world: World, api: Any, system: System) -> None:
    from wastetrack.lifecycle.models import Answer

    body = {"url": system.url, "kinds": ["*"]}
    made = api("firm").post("/webhooks", body, **{"Idempotency-Key": "k"}).json()
    assert made["secret"] not in Answer.objects.get(key="k").body


def test_reaching_nobody_is_no_address(world: World, api: Any) -> None:
    reach(world, "firm")
    assert answered(api("firm").get("/notices"))["address"] == "firm@example.org"
    Address.objects.update(email="other@example.org")
    assert answered(api("firm").get("/notices"))["address"] == ""
