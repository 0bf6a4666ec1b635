"""A firm's own system is told of everything it asked for: once, in order, signed, and however often it is away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from tests.notices.conftest import System, member
from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.selectors import explain
from wastetrack.alerts.services import settle
from wastetrack.errors import Invalid, NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import head
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.notices.keys import webhook_secret
from wastetrack.notices.models import Delivery, Trouble, Webhook
from wastetrack.notices.services import (
    create,
    deliver_next,
    forget_old,
    pause,
    ping,
    remove,
    replay,
    resume,
    rotate,
)
from wastetrack.notices.services.delivering import GIVE_UP, HOLD, PATIENCE
from wastetrack.notices.wire import SECONDS, Answer, check_url, is_public, post
from wastetrack.parties.actors import SYSTEM

SOON = timedelta(minutes=1)


def hook(world: World, system: System, *kinds: str, name: str = "firm") -> Webhook:
    seal()
    return create(actor=world.actor(name), url=f"{system.url}/in", kinds=kinds or ["container.*"], now=NOW)


def run(now: datetime = NOW) -> int:
    """Everything that is due by now; how often a webhook was taken."""
    seal()
    taken = 0
    while deliver_next(now):
        taken += 1
        assert taken < 200
    return taken


def signed_by(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As the Standard Webhooks say it, written from their text."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


def test_what_happens_arrives_as_the_feed_says_it(world: World, system: System) -> None:
    webhook = hook(world, system)
    drum = world.drum()
    run()
    entries = list(Entry.objects.filter(subject=drum.subject).order_by("index"))
    assert system.indices == [entry.index for entry in entries]
    frame = json.loads(system.got[0][1])
    assert set(frame) == {"index", "kind", "subject", "at", "data"}
    assert (frame["index"], frame["kind"], frame["subject"]) == (entries[0].index, "container.log", drum.subject)
    assert (frame["at"], frame["data"]) == ("2026-11-20T01:00:00.000000Z", entries[0].data)
    webhook.refresh_from_db()
    assert (webhook.after, webhook.state) == (head() - 1, "working")


def test_each_message_is_signed_as_the_standard_says(world: World, system: System) -> None:
    webhook = hook(world, system)
    world.drum()
    run()
    headers, body = system.got[0]
    secret = webhook_secret(webhook.pk, 0)
    assert signed_by(secret, headers, body)
    assert not signed_by(secret, headers, body + b" ")
    assert not signed_by(secret, {**headers, "webhook-timestamp": "1"}, body)
    assert not signed_by(webhook_secret(webhook.pk, 1), headers, body)
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["content-type"] == "application/json"
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


def test_a_new_secret_signs_beside_the_old_one_for_a_day(world: World, system: System) -> None:
    webhook = rotate(actor=world.actor("firm"), webhook=hook(world, system), now=NOW)
    for days, old in ((0.5, True), (1.5, False)):
        world.drum()
        run(later(days))
        headers, body = system.got[-1]
        assert signed_by(webhook_secret(webhook.pk, 1), headers, body)
        assert signed_by(webhook_secret(webhook.pk, 0), headers, body) is old


def test_changed_twice_in_a_day_no_secret_of_that_day_stops_signing(world: World, system: System) -> None:
    webhook = hook(world, system)
    for days in (0, 0, 0.5):
        rotate(actor=world.actor("firm"), webhook=webhook, now=later(days))
    for days, signing in ((0.6, {0, 1, 2, 3}), (1.6, {3})):
        world.drum()
        run(later(days))
        headers, body = system.got[-1]
        assert {n for n in range(5) if signed_by(webhook_secret(webhook.pk, n), headers, body)} == signing
    webhook.refresh_from_db()
    for days in (2, *[4] * 20):
        rotate(actor=world.actor("firm"), webhook=webhook, now=later(days))
    webhook.refresh_from_db()
    assert webhook.serials(later(4.5)) == list(range(24, 16, -1))


def test_only_its_kinds_and_only_what_its_firm_may_read(world: World, system: System) -> None:
    hook(world, system, "container.store", "alert.*")
    mine = world.drum(accumulation_start="2025-10-01")
    world.drum("firm2")
    settle("storage", [mine.subject], now=NOW)
    run()
    kinds = [json.loads(body)["kind"] for _, body in system.got]
    assert kinds == ["container.store", "alert.fall_due"]


def test_what_was_before_it_is_not_sent(world: World, system: System) -> None:
    world.drum()
    hook(world, system, "*")
    run()
    assert [json.loads(body)["kind"] for _, body in system.got] == ["webhook.create"]


def test_a_failure_holds_up_what_follows_until_it_arrives(world: World, system: System) -> None:
    webhook = hook(world, system)
    system.answers, system.words = [500, 503, 200], b"<b>no</b>\0" + b"x" * 500
    drums = [world.drum() for _ in range(3)]
    assert run() == 1
    waits = []
    while not all(Entry.objects.filter(subject=drum.subject, index__in=system.indices).exists() for drum in drums):
        webhook.refresh_from_db()
        waits.append((webhook.next_at - NOW).total_seconds())
        assert run(webhook.next_at - timedelta(seconds=1)) == 0
        run(webhook.next_at)
    assert waits == [10, 70]
    first, *rest = system.indices
    assert rest[:2] == [first, first]
    assert rest[1:] == sorted(set(rest)), "in order, nothing left out, nothing twice"
    assert len({headers["webhook-id"] for headers, _ in system.got}) == len(system.got) - 2
    tries = list(Delivery.objects.order_by("pk").values_list("attempt", "status", "error")[:3])
    assert tries == [(1, 500, "status"), (2, 503, "status"), (3, 200, "")]
    answer = Delivery.objects.order_by("pk")[0].answer
    assert (len(answer), "\0" in answer) == (200, False)


def test_after_days_it_is_given_up_and_the_firm_is_told(world: World, system: System) -> None:
    webhook = hook(world, system)
    system.answers = [500]
    world.drum()
    run()
    moments = [NOW]
    while webhook.paused_at is None:
        webhook.refresh_from_db()
        moments.append(webhook.next_at)
        run(webhook.next_at)
        webhook.refresh_from_db()
        settle("webhook_failing", [webhook.subject], now=moments[-1])
        state = Alert.objects.filter(kind="webhook_failing").values_list("state", flat=True).first()
        assert state == (None if len(moments) < 3 else "overdue" if webhook.paused_at else "warned")
    seconds = [(after - before).total_seconds() for before, after in pairwise(moments)]
    assert seconds == [10, 60, 300, 1_800, 7_200, 21_600, *[43_200] * 6]
    assert moments[-1] - NOW >= GIVE_UP
    kinds = list(Entry.objects.filter(subject=webhook.subject).order_by("id").values_list("kind", flat=True))
    assert kinds == ["webhook.create", "webhook.fail", "webhook.give_up"]
    assert webhook.state == "gave_up"
    assert run(later(30)) == 0
    system.answers = [200]
    resume(actor=world.actor("firm"), webhook=webhook, now=later(30))
    settle("webhook_failing", [webhook.subject], now=later(30))
    assert Alert.objects.get(kind="webhook_failing").state == "resolved"
    assert run(later(30)) > 0
    assert len(set(system.indices)) == Entry.objects.filter(kind__startswith="container.").count()


def test_when_it_works_again_the_alert_goes(world: World, system: System) -> None:
    webhook = hook(world, system)
    system.answers = [500, 500, 500, 200]
    world.drum()
    for seconds in (0, 10, 70):
        run(NOW + timedelta(seconds=seconds))
    settle("webhook_failing", [webhook.subject], now=later(0.01))
    alert = Alert.objects.get(kind="webhook_failing")
    assert (alert.state, alert.data["host"]) == ("warned", "127.0.0.1")
    run(later(0.01))
    assert Entry.objects.filter(kind="webhook.recover").count() == 1
    settle("webhook_failing", [webhook.subject], now=later(0.02))
    alert.refresh_from_db()
    assert alert.state == "resolved"


def test_given_up_is_what_has_been_given_up_not_what_the_clock_says(world: World, system: System) -> None:
    webhook = hook(world, system)
    system.answers = [500]
    world.drum()
    for seconds in (0, 10, 70):
        run(NOW + timedelta(seconds=seconds))
    settle("webhook_failing", [webhook.subject], now=later(0.01))
    # Nobody delivered for some days: the site itself was away.
    settle("webhook_failing", [webhook.subject], now=later(5))
    alert = Alert.objects.get(kind="webhook_failing")
    assert (alert.state, alert.due_at) == ("warned", None)
    with override("en"):
        assert "if nothing arrives by 2026-11-23 we stop trying" in explain(alert, later(5)).sentence
    run(later(5))
    settle("webhook_failing", [webhook.subject], now=later(5))
    alert.refresh_from_db()
    assert (alert.state, alert.due_at) == ("overdue", later(5))
    with override("en"):
        assert "nothing has been sent since 2026-11-25" in explain(alert, later(5)).sentence


def test_setting_it_back_ends_no_alert_before_something_has_arrived(world: World, system: System) -> None:
    webhook = hook(world, system)
    system.answers = [200, 500, 500, 500, 500, 200]
    drum = world.drum()
    begin = Entry.objects.filter(subject=drum.subject).order_by("id")[0]
    for seconds in (0, 0, 10, 70):
        run(NOW + timedelta(seconds=seconds))
    seal()
    begin.refresh_from_db()
    settle("webhook_failing", [webhook.subject], now=later(0.01))
    replay(actor=world.actor("firm"), webhook=webhook, index=begin.index or 0, now=later(0.01))
    for state in ("warned", "warned", "resolved"):
        settle("webhook_failing", [webhook.subject], now=later(0.02))
        assert Alert.objects.get(kind="webhook_failing").state == state
        webhook.refresh_from_db()
        run(max(webhook.next_at, later(0.01)))
    assert Entry.objects.filter(kind="webhook.fail").count() == 1
    assert Entry.objects.filter(kind="webhook.recover").count() == 1


def test_gone_is_gone(world: World, system: System) -> None:
    webhook = hook(world, system)
    system.answers = [410]
    world.drum()
    run()
    webhook.refresh_from_db()
    assert (webhook.state, len(system.got)) == ("gave_up", 1)


def test_a_redirect_is_not_followed(world: World, system: System) -> None:
    hook(world, system)
    system.answers = [302]
    world.drum()
    run()
    assert (len(system.got), Delivery.objects.get().error) == (1, "status")


def test_while_it_is_paused_nothing_is_sent_and_nothing_is_lost(world: World, system: System) -> None:
    firm = world.actor("firm")
    webhook = pause(actor=firm, webhook=hook(world, system), now=NOW)
    world.drum()
    assert run() == 0
    with pytest.raises(Refused, match="webhook_paused"):
        pause(actor=firm, webhook=webhook, now=NOW)
    with pytest.raises(Refused, match="webhook_paused"):
        ping(actor=firm, webhook=webhook, now=NOW)
    resume(actor=firm, webhook=webhook, now=NOW)
    with pytest.raises(Refused, match="webhook_not_paused"):
        resume(actor=firm, webhook=webhook, now=NOW)
    run()
    assert len(system.got) == Entry.objects.filter(kind__startswith="container.").count()


def test_a_ping_is_its_own_and_nobody_elses(world: World, system: System) -> None:
    first, second = hook(world, system, "alert.*"), hook(world, system, "webhook.*")
    run()
    system.got.clear()
    ping(actor=world.actor("firm"), webhook=first, now=NOW)
    run()
    assert [json.loads(body)["subject"] for _, body in system.got] == [first.subject]
    ping(actor=world.actor("firm"), webhook=second, now=NOW)
    run()
    assert [json.loads(body)["subject"] for _, body in system.got] == [first.subject, second.subject]


def test_a_ping_tries_at_once_what_waits_to_be_tried(world: World, system: System) -> None:
    webhook = hook(world, system)
    system.answers = [500, 200]
    world.drum()
    run()
    ping(actor=world.actor("firm"), webhook=webhook, now=NOW)
    run()
    assert json.loads(system.got[-1][1])["kind"] == "webhook.ping"


def test_it_is_set_back_and_delivers_again_under_the_same_ids(world: World, system: System) -> None:
    webhook = hook(world, system)
    world.drum()
    run()
    first = list(system.got)
    replay(actor=world.actor("firm"), webhook=webhook, index=system.indices[0], now=later(1))
    run(later(1))
    again = system.got[len(first) :]
    assert [(headers["webhook-id"], body) for headers, body in again] == [
        (headers["webhook-id"], body) for headers, body in first
    ]
    for wrong in (-1, head() + 5):
        with pytest.raises(Invalid) as refused:
            replay(actor=world.actor("firm"), webhook=webhook, index=wrong, now=NOW)
        assert refused.value.errors[0].code == "unknown_index"


def test_one_that_dies_between_the_post_and_the_mark_sends_that_one_again(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import delivering

    hook(world, system)
    world.drum()
    seal()

    def posted_and_killed(*given: Any, **more: Any) -> Any:
        post(*given, **more)
        raise SystemExit

    monkeypatch.setattr(delivering, "post", posted_and_killed)
    with pytest.raises(SystemExit):
        deliver_next(NOW)
    monkeypatch.undo()
    assert run(NOW + HOLD / 2) == 0, "it is still held"
    run(NOW + HOLD)
    assert system.indices[0] == system.indices[1]
    assert system.indices[1:] == sorted(set(system.indices))


def test_what_is_paused_or_set_back_during_a_post_is_not_moved_by_it(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import delivering

    webhook = hook(world, system)
    world.drum()
    run()
    begin = system.indices[0]
    world.drum()
    seal()

    def meanwhile(*given: Any, **more: Any) -> Any:
        replay(actor=world.actor("firm"), webhook=webhook, index=begin, now=NOW)
        return post(*given, **more)

    monkeypatch.setattr(delivering, "post", meanwhile)
    deliver_next(NOW)
    monkeypatch.undo()
    webhook.refresh_from_db()
    assert webhook.after == begin - 1


def test_a_webhook_that_is_removed_during_a_post_is_gone(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import delivering

    webhook = hook(world, system)
    world.drum()
    seal()

    def meanwhile(*given: Any, **more: Any) -> Any:
        remove(actor=world.actor("firm"), webhook=webhook, now=NOW)
        return post(*given, **more)

    monkeypatch.setattr(delivering, "post", meanwhile)
    assert deliver_next(NOW)
    assert not Webhook.objects.exists()
    assert not Delivery.objects.exists()


def test_a_courier_goes_on_with_what_it_has_taken_for_a_while(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import delivering

    hook(world, system, "container.store")
    for _ in range(6):
        world.drum()
    seal()
    monkeypatch.setattr(delivering, "GO_ON", 0)
    for number in (1, 2):
        assert deliver_next(NOW)
        assert len(system.got) == number
    monkeypatch.undo()
    assert deliver_next(NOW)
    assert len(system.got) == 6
    assert Webhook.objects.get().held_until is None


def test_what_is_given_another_secret_meanwhile_is_signed_with_it(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import delivering

    webhook = hook(world, system, "container.store")
    for _ in range(2):
        world.drum()
    seal()

    def meanwhile(*given: Any, **more: Any) -> Any:
        if not system.got:
            rotate(actor=world.actor("firm"), webhook=webhook, now=NOW)
        return post(*given, **more)

    monkeypatch.setattr(delivering, "post", meanwhile)
    assert deliver_next(NOW)
    secret = webhook_secret(webhook.pk, 1)
    assert [signed_by(secret, *message) for message in system.got] == [False, True]


def test_one_organisation_holds_one_courier(world: World, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    from wastetrack.notices.services import delivering

    for number, name in enumerate(("firm", "firm", "firm2"), 1):
        url = system.at(number)
        create(actor=world.actor(name), url=url, kinds=["container.store"], now=NOW)
    for name in ("firm", "firm2"):
        world.drum(name)
    seal()
    seen: list[tuple[bool, int, bool]] = []

    def meanwhile(*given: Any, **more: Any) -> Any:
        monkeypatch.undo()
        # Another courier: it delivers to the other firm, and then there is nothing for it to do.
        seen.append((deliver_next(NOW), len(system.got), deliver_next(NOW)))
        return post(*given, **more)

    monkeypatch.setattr(delivering, "post", meanwhile)
    assert deliver_next(NOW)
    assert seen == [(True, 1, False)]
    run()
    assert len(system.got) == 3


def test_one_host_holds_one_courier_of_a_lane(world: World, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    from wastetrack.notices.services import delivering

    hooks = [hook(world, system, "container.store", name=name) for name in ("firm", "firm2", "depot")]
    Webhook.objects.filter(pk=hooks[2].pk).update(slow=True)
    for name in ("firm", "firm2"):
        world.drum(name)
    ping(actor=world.actor("depot"), webhook=hooks[2], now=NOW)
    seal()
    seen: list[tuple[bool, bool, bool]] = []

    def meanwhile(*given: Any, **more: Any) -> Any:
        monkeypatch.undo()
        # Of its lane nothing is free; the slow lane is its own.
        seen.append(
            (deliver_next(NOW, slow=False), delivering._take(hooks[1], NOW), bool(deliver_next(NOW, slow=True)))
        )
        return post(*given, **more)

    monkeypatch.setattr(delivering, "post", meanwhile)
    assert deliver_next(NOW, slow=False)
    assert seen == [(False, False, True)]
    run()
    assert len(system.got) == 3


def test_who_answers_slowly_changes_its_lane_and_comes_back(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import delivering

    hook(world, system, "container.store")
    waited: list[float] = []
    quick, slow, cut = (
        Answer(200, None, "", 999),
        Answer(200, None, "", 1_001),
        Answer(None, Trouble.TOO_SLOW, "", 2_000),
    )
    answers = [quick, slow, slow, quick, cut, quick, quick]

    def posted(*given: Any, seconds: float) -> Answer:
        waited.append(seconds)
        return answers[len(waited) - 1]

    monkeypatch.setattr(delivering, "post", posted)
    for _ in range(6):
        world.drum()
    seal()
    lanes = []
    for days in range(10):
        for lane in (False, True):
            while deliver_next(later(days), slow=lane):
                lanes.append(lane)
    assert waited == [PATIENCE, PATIENCE, SECONDS, SECONDS, PATIENCE, SECONDS, PATIENCE]
    # Two in a row by one courier while the lane stays the same.
    assert lanes == [False, True, False, True, False]


def test_one_that_is_slow_or_away_does_not_stop_another(world: World, system: System) -> None:
    away = hook(world, system)
    Webhook.objects.filter(pk=away.pk).update(url="http://127.0.0.1:9/")
    hook(world, system)
    world.drum()
    run()
    assert len(system.got) == Entry.objects.filter(kind__startswith="container.").count()
    assert set(Delivery.objects.filter(webhook=away).values_list("error", flat=True)) == {"refused"}


# --- who may -----------------------------------------------------------------------------------------------------


def test_only_who_says_how_the_firm_works_sees_and_makes_them(world: World, system: System) -> None:
    webhook = hook(world, system)
    member(world, "driver", "firm", role="driver")
    for name, error in (("viewer", NotPermitted), ("driver", NotPermitted)):
        with pytest.raises(error):
            create(actor=world.actor(name), url=system.url, kinds=["*"], now=NOW)
        with pytest.raises(error):
            rotate(actor=world.actor(name), webhook=webhook, now=NOW)
        assert not Webhook.objects.visible_to(world.actor(name)).exists()
    assert not Webhook.objects.visible_to(world.actor("firm2")).exists()
    assert not Webhook.objects.visible_to(world.actor("regulator")).exists()
    assert Webhook.objects.visible_to(world.actor("firm")).count() == 1


def test_there_are_so_many_and_no_more(world: World, system: System) -> None:
    for _ in range(10):
        hook(world, system)
    with pytest.raises(Refused, match="too_many_webhooks"):
        hook(world, system)


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ([], "missing"),
        (["", " "], "missing"),
        (["drum.*"], "unknown_entry_kind"),
        (["container.sing"], "unknown_entry_kind"),
        (["container.*", "[a-z]*"], "unknown_entry_kind"),
        (["container.l?g"], "unknown_entry_kind"),
    ],
)
def test_kinds_that_there_are_not_are_refused(world: World, system: System, kinds: list[str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        create(actor=world.actor("firm"), url=system.url, kinds=kinds, now=NOW)
    assert (refused.value.errors[0].field, refused.value.errors[0].code) == ("kinds", code)


# --- where to ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "missing"),
        ("example.org", "url_unusable"),
        ("ftp://example.org", "url_unusable"),
        ("https://", "url_unusable"),
        ("https://x..cn/", "url_unusable"),
        (f"https://{'x' * 64}.cn/", "url_unusable"),
        ("https://*/", "url_unusable"),
        ("https://%31%32%37.0.0.1/", "url_unusable"),
        ("https://-x.cn/", "url_unusable"),
        ("https://user:pass@example.org/", "url_unusable"),
        ("https://example.org/a b", "url_unusable"),
        ("https://example.org/#x", "url_unusable"),
        ("https://example.org/\r\nX: y", "url_unusable"),
        ("https://example.org:99999/", "url_unusable"),
        ("https://[::1", "url_unusable"),
        ("https://例.org/", "url_unusable"),
        ("https://example.org/" + "x" * 500, "url_too_long"),
        ("http://example.org/", "url_not_https"),
        ("https://127.0.0.1/", "url_private"),
        ("https://[::1]/", "url_private"),
        ("https://169.254.169.254/latest", "url_private"),
        ("https://localhost/", "url_private"),
    ],
)
def test_addresses_that_cannot_be_are_refused(settings: Any, url: str, code: str) -> None:
    settings.WEBHOOKS_PRIVATE = False
    with pytest.raises(Invalid) as refused:
        check_url(url)
    assert (refused.value.errors[0].field, refused.value.errors[0].code) == ("url", code)


def test_addresses_that_can_be_are_kept(settings: Any) -> None:
    settings.WEBHOOKS_PRIVATE = False
    for url in ("https://example.org", "https://example.org:8443/a?b=c", "https://8.8.8.8/"):
        assert check_url(f" {url} ") == url


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fec0::1", "::8.8.8.8", "::ffff:8.8.8.8", "::ffff:0:808:808", "64:ff9b:1::808:808", "64:ff9b:1::1", "100::1",
        "2002:808:808::1", "2001:db8::1", "2001:2::1", "2001:20::1", "3fff::1", "1::1", "1fff::1", "4000::1", "5f00::1",
        "8000::1", "fe80::1%1",
    ],
)  # fmt: skip
def test_an_address_inside_a_network_is_none(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2000::1", "2001:200::1", "240e::1", "2606:4700::1111", "3ffe::1", "64:ff9b::808:808"]
)
def test_an_address_outside_is_one(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001"])
def test_no_name_leads_inside(system: System, settings: Any, host: str) -> None:
    settings.WEBHOOKS_PRIVATE = False
    url = system.url.replace("http:", "https:").replace("127.0.0.1", host)
    assert post(url, b"{}", {}).error == Trouble.PRIVATE
    assert system.got == []


def test_an_address_kept_without_https_is_called_no_more_where_it_would_be_refused(
    system: System, settings: Any
) -> None:
    assert post(system.url, b"{}", {}).error is None
    settings.WEBHOOKS_PRIVATE = False
    assert post(system.url, b"{}", {}).error == Trouble.NOT_HTTPS
    assert len(system.got) == 1


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "fe80::1%1",
        "fd00:ec2::254",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_where_a_cloud_keeps_its_keys_is_never_called(
    settings: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    settings.WEBHOOKS_PRIVATE = True
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
    monkeypatch.setattr("wastetrack.notices.wire.socket.getaddrinfo", lambda *given, **more: found)
    connected: list[Any] = []
    monkeypatch.setattr(
        "wastetrack.notices.wire.socket.create_connection", lambda *given, **more: connected.append(given)
    )
    assert post("http://keys.example/", b"{}", {}).error == Trouble.PRIVATE
    assert connected == []


def test_the_connection_goes_to_the_address_that_was_checked(
    system: System, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is outside when it is checked and inside right after: it is looked up once, and never again."""
    settings.WEBHOOKS_PRIVATE = False
    looked_up, connected = [], []

    def rebinding(host: str, port: int, *given: Any, **more: Any) -> Any:
        looked_up.append(host)
        address = "203.0.113.7" if len(looked_up) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connecting(address: tuple[str, int], *given: Any, **more: Any) -> Any:
        connected.append(address[0])
        raise OSError

    monkeypatch.setattr("wastetrack.notices.wire.is_public", lambda address: address.startswith("203."))
    monkeypatch.setattr("wastetrack.notices.wire.socket.getaddrinfo", rebinding)
    monkeypatch.setattr("wastetrack.notices.wire.socket.create_connection", connecting)
    url = system.url.replace("http:", "https:").replace("127.0.0.1", "rebind.example")
    assert post(url, b"{}", {}).error == Trouble.REFUSED
    assert (looked_up, connected) == (["rebind.example"], ["203.0.113.7"])


def test_what_does_not_arrive_is_named(system: System) -> None:
    assert post("http://name.invalid/", b"{}", {}).error == Trouble.UNKNOWN_HOST
    assert post("http://127.0.0.1:9/", b"{}", {}).error == Trouble.REFUSED
    assert post(system.url.replace("http:", "https:"), b"{}", {}).error in {Trouble.TLS, Trouble.BROKEN}


def test_one_that_drips_is_cut(settings: Any) -> None:
    settings.WEBHOOKS_PRIVATE = True

    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        connection, _ = server.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.1):
            try:
                connection.sendall(b"X-Y: z\r\n")
            except OSError:
                break
        connection.close()

    thread = threading.Thread(target=drip)
    thread.start()
    begun = time.monotonic()
    answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, seconds=0.5)
    assert (answer.error, answer.status) == (Trouble.TOO_SLOW, None)
    assert time.monotonic() - begun < 3
    over.set()
    thread.join()
    server.close()


def test_a_name_server_that_hangs_is_not_waited_for(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOKS_PRIVATE = True
    over = threading.Event()
    monkeypatch.setattr("wastetrack.notices.wire.socket.getaddrinfo", lambda *given, **more: over.wait(20) and [])
    begun = time.monotonic()
    assert post("http://hangs.example/", b"{}", {}, seconds=0.3).error == Trouble.TOO_SLOW
    assert time.monotonic() - begun < 3
    over.set()


def test_an_address_that_hangs_leaves_the_other_its_time(
    system: System, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOKS_PRIVATE = True
    port = int(system.url.rpartition(":")[2])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("10.0.0.1", "127.0.0.1")]
    monkeypatch.setattr("wastetrack.notices.wire.socket.getaddrinfo", lambda *given, **more: found)
    connect = socket.create_connection

    def connecting(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] == "127.0.0.1":
            return connect(address, timeout=timeout)
        time.sleep(timeout)
        raise TimeoutError

    monkeypatch.setattr("wastetrack.notices.wire.socket.create_connection", connecting)
    assert post("http://two.example/", b"{}", {}, seconds=1).status == 200


# --- what it costs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [1, 12])
def test_a_delivery_costs_no_more_among_many(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    from wastetrack.notices.services import delivering

    monkeypatch.setattr(delivering, "GO_ON", 0)
    for number in range(others):
        hook(world, system, name="firm" if number < 9 else "firm2")
    for _ in range(others):
        world.drum()
        world.drum("firm2")
    seal()
    with CaptureQueriesContext(connection) as queries:
        assert deliver_next(NOW)
    assert len(queries) == 15


@pytest.mark.parametrize("idle", [1, 30])
def test_those_that_nothing_concerns_are_moved_on_in_one(world: World, system: System, idle: int) -> None:
    one = hook(world, system, "alert.*")
    run()
    one.refresh_from_db()
    copies = [Webhook(**{**model_to_dict(one), "id": None, "organisation": one.organisation}) for _ in range(idle - 1)]
    Webhook.objects.bulk_create(copies)
    world.drum()
    seal()
    with CaptureQueriesContext(connection) as queries:
        while deliver_next(NOW):
            pass
    assert set(Webhook.objects.values_list("after", flat=True)) == {head() - 1}
    assert [sql["sql"].split()[0] for sql in queries if "webhook" in sql["sql"]].count("UPDATE") == 1
    # Two looks, of which the second finds none that is behind.
    assert len(queries) == 9


@pytest.mark.parametrize("kind", ["container.log", "alert.warn"])
def test_one_that_is_far_behind_holds_up_nobody(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from wastetrack.notices.services import delivering

    monkeypatch.setattr(delivering, "READ", 3)
    behind = pause(actor=world.actor("firm"), webhook=hook(world, system, kind), now=NOW)
    for _ in range(20):
        world.drum()
    other = hook(world, system, "container.store")
    world.drum()
    seal()
    resume(actor=world.actor("firm"), webhook=behind, now=NOW - timedelta(seconds=1))
    seal()
    looks = 0
    while not any(f"msg_{other.pk}_" in headers["webhook-id"] for headers, _ in system.got):
        looks += 1
        assert deliver_next(NOW + timedelta(milliseconds=looks))
    assert looks < 10
    run(NOW + SOON)
    expected = Entry.objects.filter(kind=kind).order_by("index").values_list("index", flat=True)
    got = [headers["webhook-id"] for headers, _ in system.got if f"msg_{behind.pk}_" in headers["webhook-id"]]
    assert got == [f"msg_{behind.pk}_{index}" for index in expected]


def test_what_is_read_for_one_that_is_behind_is_not_sent_again_to_another(world: World, system: System) -> None:
    behind = hook(world, system, "alert.*")
    hook(world, system)
    pause(actor=world.actor("firm"), webhook=behind, now=NOW)
    world.drum()
    run()
    resume(actor=world.actor("firm"), webhook=behind, now=NOW)
    world.drum()
    run()
    expected = Entry.objects.filter(kind__startswith="container.").order_by("index").values_list("index", flat=True)
    assert system.indices == list(expected)


def test_what_is_set_back_or_taken_meanwhile_is_not_passed_over(
    world: World, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import delivering

    webhook = hook(world, system, "container.store")
    world.drum()
    run()
    (begin,) = system.indices
    record(SYSTEM, [Fact("district.figure", "district:3306", frozenset())], now=NOW)
    seal()
    look = delivering._first_entries

    def meanwhile(change: Any) -> Any:
        def looked(*given: Any) -> Any:
            found = look(*given)
            change()
            return found

        return looked

    held = NOW + HOLD
    monkeypatch.setattr(delivering, "_first_entries", meanwhile(lambda: Webhook.objects.update(next_at=held)))
    assert deliver_next(NOW)
    assert Webhook.objects.get().next_at == held, "another courier has it"
    again = lambda: replay(actor=world.actor("firm"), webhook=webhook, index=begin, now=held)  # noqa: E731
    monkeypatch.setattr(delivering, "_first_entries", meanwhile(again))
    assert deliver_next(held)
    assert Webhook.objects.get().after == begin - 1, "it was set back"


def test_when_nothing_happened_nothing_is_read(world: World, system: System) -> None:
    hook(world, system)
    run()
    with CaptureQueriesContext(connection) as queries:
        assert deliver_next(NOW) is False
    assert len(queries) == 2


def test_the_log_of_tries_is_kept_for_some_weeks(world: World, system: System) -> None:
    hook(world, system)
    world.drum()
    run()
    forget_old(later(29))
    assert Delivery.objects.exists()
    forget_old(later(31))
    assert not Delivery.objects.exists()
