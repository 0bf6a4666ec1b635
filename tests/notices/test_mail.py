"""Mail through a real server: gathered from the log, once, in the reader's language, never lost and never a flood."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.notices.conftest import Mailbox, member, reach
from tests.pages.visitors import Visitor, text
from tests.world import NOW, ZONE, World, later
from wastetrack.alerts.models import Alert, AlertState, Bookmark
from wastetrack.alerts.selectors import explain
from wastetrack.alerts.services import end, settle, sweep
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.notices import keys
from wastetrack.notices.models import Address, Mail
from wastetrack.notices.selectors import LAST_MAILS
from wastetrack.notices.services import ask_address, choose, confirm_address, forget_old, gather, send_next
from wastetrack.notices.services.gathering import MOST_IN_A_MAIL, next_digest
from wastetrack.parties.actors import SYSTEM
from wastetrack.parties.models import Delegation, Organisation

OLD = "2025-10-01"
"""Filling began so long ago that storage is overdue."""
SOON = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _begun(world: World, mailbox: Mailbox, settings: Any) -> None:
    """The site mails from here on, without waiting for more."""
    settings.GATHER_SECONDS = 0
    gather(NOW)


def post(now: datetime) -> int:
    """What the courier does at this time; how many mails it took."""
    seal()
    while gather(now):
        pass
    taken = 0
    while send_next(now):
        taken += 1
    return taken


def happens(world: World, moment: datetime, drums: int = 1, firm: str = "firm") -> list[str]:
    """Drums fall overdue at once; their subjects."""
    subjects = [world.drum(firm, now=moment, accumulation_start=OLD).subject for _ in range(drums)]
    look(subjects, moment)
    return subjects


def look(subjects: list[str], moment: datetime) -> None:
    """What the sweep does with drums; it would look at much else too."""
    settle("storage", subjects, now=moment)
    seal()


def test_a_burst_is_one_mail(world: World, mailbox: Mailbox, settings: Any) -> None:
    settings.GATHER_SECONDS = 20
    reach(world, "firm")
    happens(world, NOW, drums=25)
    assert post(NOW) == 0, "it waits for more of the same sweep"
    assert post(NOW + SOON) == 1
    (message,) = mailbox.taken
    assert (message["To"], message["Subject"]) == ("firm@example.org", "25 overdue: 演示firm")
    assert mailbox.words[0].count("/alerts/") == 20
    assert "and 5 more" in mailbox.words[0]
    assert post(NOW + 2 * SOON) == 0


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def test_it_is_in_the_readers_own_language(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    reach(world, "viewer", language="")
    happens(world, NOW)
    post(NOW + SOON)
    told = {message["To"]: words for message, words in zip(mailbox.taken, mailbox.words, strict=True)}
    assert "- Overdue: Drum" in told["firm@example.org"]
    assert "days over" in told["firm@example.org"]
    assert "超期" in told["viewer@example.org"], "the site's own where a reader has chosen none"
    alert = Alert.objects.get(state=AlertState.OVERDUE)
    assert all(f"/alerts/{alert.pk}\n" in words for words in told.values())
    clause = explain(alert, NOW).citation
    assert clause is not None
    assert f"{clause.reference_en}\n" in told["firm@example.org"]
    assert f"{clause.reference_zh}\n" in told["viewer@example.org"]
    shown = {message["To"]: html_of(message) for message in mailbox.taken}
    assert clause.reference_en in shown["firm@example.org"]
    assert clause.reference_zh in shown["viewer@example.org"]


def test_it_has_an_html_part_that_escapes_names(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    Organisation.objects.filter(pk=world.organisations["firm"].pk).update(name="<b>A & B</b>")
    happens(world, NOW)
    post(NOW + SOON)
    html = html_of(mailbox.taken[0])
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in html
    assert "<b>A & B</b>" in mailbox.words[0]


def test_warnings_wait_for_the_morning_and_overdue_does_not(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    drum = world.drum()
    look([drum.subject], later(340))
    assert post(later(340.01)) == 0
    morning = Mail.objects.get().next_at
    assert morning is not None
    assert timezone.localtime(morning, ZONE) == datetime(2027, 10, 27, 7, 30, tzinfo=ZONE)
    assert post(morning) == 1
    assert mailbox.taken[0]["Subject"] == "1 due soon: 演示firm"
    assert drum.short_grouped in mailbox.words[0]
    assert post(morning + timedelta(days=2)) == 0, "a day on which nothing is new has no mail"


def test_what_has_no_day_is_not_due_soon(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    happens(world, NOW)
    drums = [world.drum() for _ in range(3)]
    look([drum.subject for drum in drums], later(340))
    Alert.objects.filter(about=drums[0].subject).update(due_at=None)
    post(later(340.01))
    post(next_digest(later(340.01)))
    assert mailbox.taken[-1]["Subject"].strip() == "1 overdue, 2 due soon, 1 to look at: 演示firm"


def test_the_morning_is_local(settings: Any) -> None:
    assert next_digest(NOW) == datetime(2026, 11, 21, 7, 30, tzinfo=ZONE)
    assert next_digest(datetime(2026, 11, 20, 7, 29, 59, tzinfo=ZONE)) == datetime(2026, 11, 20, 7, 30, tzinfo=ZONE)
    assert next_digest(datetime(2026, 11, 20, 7, 30, tzinfo=ZONE)) == datetime(2026, 11, 21, 7, 30, tzinfo=ZONE)


def test_what_was_resolved_before_it_goes_out_is_left_out(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    first, second = happens(world, NOW, drums=2)
    end("storage", [first], actor=SYSTEM, now=NOW)
    post(NOW + SOON)
    assert [message["Subject"] for message in mailbox.taken] == ["1 overdue: 演示firm"]
    end("storage", [second], actor=SYSTEM, now=NOW)
    happens(world, later(1))
    Alert.objects.update(state=AlertState.RESOLVED)
    assert post(later(1) + SOON) == 1
    assert len(mailbox.taken) == 1, "nothing was left to tell"
    assert Mail.objects.filter(sent_at=None).count() == 1


def test_who_chose_otherwise_is_told_otherwise(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm", "viewer")
    choose(actor=world.actor("viewer"), choices={"storage": "never"})
    choose(actor=world.actor("firm"), choices={"storage": "daily"})
    happens(world, NOW)
    assert post(NOW + SOON) == 0
    assert post(next_digest(NOW)) == 1
    assert [message["To"] for message in mailbox.taken] == ["firm@example.org"]


def test_who_stopped_after_it_was_written_is_left_alone(world: World, mailbox: Mailbox) -> None:
    reach(world, "viewer")
    happens(world, NOW)
    gather(NOW)
    choose(actor=world.actor("viewer"), choices={"": "never"})
    post(NOW + SOON)
    assert mailbox.taken == []


def test_the_last_one_is_told_whatever_was_chosen(world: World, mailbox: Mailbox) -> None:
    boss = member(world, "boss", "firm")
    deputy = member(world, "deputy", "firm")
    reach(world, "boss", "deputy")
    choose(actor=world.actor("boss"), choices={"storage": "never"})
    deputy.delete()
    happens(world, NOW)
    post(NOW + SOON)
    assert [message["To"] for message in mailbox.taken] == [boss.user.notice_address.email]


def test_nothing_goes_to_an_address_that_is_not_confirmed(world: World, mailbox: Mailbox) -> None:
    user = world.memberships["firm"].user
    user.email = "typed@example.org"
    user.save()
    happens(world, NOW)
    assert post(next_digest(NOW)) == 0
    reach(world, "firm2")
    Address.objects.update(email="another@example.org")
    happens(world, NOW, firm="firm2")
    assert post(next_digest(NOW)) == 0
    assert mailbox.taken == []


def test_an_address_is_confirmed_by_the_link_in_its_mail(world: World, mailbox: Mailbox) -> None:
    ask_address(actor=world.actor("firm"), email="new@example.org", again="new@example.org", now=NOW)
    assert post(NOW) == 1
    (words,) = mailbox.words
    assert mailbox.taken[0]["To"] == "new@example.org"
    token = words.split("/notices/confirm/")[1].split()[0]
    assert confirm_address(token=token, now=NOW) == "new@example.org"
    happens(world, NOW)
    assert post(NOW + SOON) == 1
    assert mailbox.taken[1]["To"] == "new@example.org"


def test_an_address_that_was_replaced_is_told_and_gets_no_more(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    ask_address(actor=world.actor("firm"), email="new@example.org", again="new@example.org", now=NOW)
    confirm_address(token=keys.confirmation(Mail.objects.get(purpose="confirm").pk), now=NOW)
    assert post(NOW) == 1
    assert mailbox.taken[0]["To"] == "firm@example.org"
    assert "are mailed to another address from now on" in mailbox.words[0]
    assert "new@example.org" not in mailbox.words[0]
    happens(world, NOW)
    assert post(NOW + SOON) == 1
    assert mailbox.taken[1]["To"] == "new@example.org"


def test_neighbours_are_not_told_and_the_district_only_when_it_is_its_turn(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm", "firm2", "regulator", "regulator2")
    late = happens(world, NOW)
    post(next_digest(NOW))
    assert [message["To"] for message in mailbox.taken] == ["firm@example.org"]
    assert not Mail.objects.filter(membership=world.memberships["regulator"]).exists(), "not even written"
    look(late, later(60))
    post(later(60) + SOON)
    assert sorted(message["To"] for message in mailbox.taken[1:]) == ["firm@example.org", "regulator@example.org"]


def test_further_organisations_that_are_told_get_mail(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm", "depot", "plant")
    world.delivered(world.drum(), world.drum())
    sweep(later(30))
    post(later(30) + SOON)
    post(next_digest(later(30)))
    named = {name for alert in Alert.objects.exclude(state="watching") for name in alert.readers()}
    told = {message["To"] for message in mailbox.taken}
    for name in ("firm", "depot", "plant"):
        key = f"o:{world.organisations[name].pk}"
        assert (f"{name}@example.org" in told) == (key in named), name


def test_whoever_acts_for_a_firm_is_told_until_that_ends(world: World, mailbox: Mailbox) -> None:
    world.add("steward", "steward")
    reach(world, "steward")
    given = Delegation.objects.create(
        principal=world.organisations["firm"], agent=world.organisations["steward"], begun_at=NOW
    )
    assert "organisations that it acts for" in text(Visitor(world, "steward").get("/notices"))
    late = happens(world, NOW)
    happens(world, NOW, firm="firm2")
    assert post(NOW + SOON) == 1
    (message,) = mailbox.taken
    assert (message["To"], message["Subject"]) == ("steward@example.org", "1 overdue: 演示steward")
    assert "- Overdue (演示firm): Drum" in mailbox.words[0]
    # One of another organisation is read after one has chosen to act for it.
    assert [link for link in links_of(mailbox) if "/alerts/" in link] == []
    assert Visitor(world, "steward").get("/act-as").status_code == 200
    look([world.drum().subject], later(340))
    look(late, later(340))
    gather(later(340))
    Delegation.objects.filter(pk=given.pk).update(ended_at=later(340))
    post(next_digest(later(340)))
    assert len(mailbox.taken) == 1, "what was written before it ended does not go out"
    happens(world, later(341))
    assert post(later(341) + SOON) == 0
    assert "organisations that it acts for" not in text(Visitor(world, "steward").get("/notices"))


def links_of(mailbox: Mailbox) -> list[str]:
    """Every link in the mails, each once, as a path of this site."""
    site = "http://127.0.0.1:8000"
    found = {word.removeprefix(site) for words in mailbox.words for word in words.split() if word.startswith(site)}
    return sorted(found)


def test_its_links_lead_to_what_they_say(world: World, mailbox: Mailbox, clock: Any) -> None:
    reach(world, "firm")
    happens(world, NOW, drums=21)
    post(NOW + SOON)
    links, firm = links_of(mailbox), Visitor(world, "firm")
    assert sum("/alerts/" in link for link in links) == 20
    assert "/alerts?kind=storage" in links
    for link in (*links[:3], "/alerts?kind=storage", "/notices"):
        path, _, kind = link.partition("?kind=")
        answer = firm.get(path, **({"kind": kind} if kind else {}))
        assert answer.status_code == 200, link
    alert = Alert.objects.filter(state=AlertState.OVERDUE).first()
    assert alert is not None
    assert explain(alert, NOW).sentence in text(firm.get(f"/alerts/{alert.pk}"))


def test_its_links_stop_it(world: World, mailbox: Mailbox) -> None:
    reach(world, "viewer")
    happens(world, NOW)
    post(NOW + SOON)
    (message,) = mailbox.taken
    link = message["List-Unsubscribe"].strip(" <>")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in mailbox.words[0]
    assert keys.leaving(link.rpartition("/")[2]) == world.memberships["viewer"].pk
    assert keys.leaving("x") == -1


def test_the_page_shows_the_last_mails_and_how_each_is(world: World, mailbox: Mailbox, clock: Any) -> None:
    reach(world, "firm", "viewer")
    happens(world, NOW)
    gather(NOW)
    assert "Waits" in mails_shown(world, "firm")
    mailbox.refusing = "550 nobody"
    send_next(NOW)
    assert "Not sent yet" in mails_shown(world, "firm")
    Mail.objects.update(next_at=None)
    assert "Not sent" in mails_shown(world, "firm")
    Mail.objects.update(sent_at=NOW, error="")
    assert "Sent" in mails_shown(world, "firm")
    assert "550" not in mails_shown(world, "firm")
    # Another's mails are another's affair.
    Mail.objects.exclude(user=world.memberships["firm"].user).delete()
    assert mails_shown(world, "viewer") == ""
    member = world.memberships["firm"]
    again = [Mail(purpose="daily", key=str(n), user=member.user, created_at=NOW) for n in range(LAST_MAILS)]
    Mail.objects.bulk_create(again)
    shown = mails_shown(world, "firm")
    assert shown.count("No longer needed") == LAST_MAILS
    assert "Sent" not in shown


def mails_shown(world: World, name: str) -> str:
    """The words of the page's list of mails; empty where there is none."""
    _, found, rest = Visitor(world, name).get("/notices").content.decode().partition('id="mails"')
    return rest.partition("</section>")[0] if found else ""


# --- never lost, never twice -----------------------------------------------------------------------------------


def test_it_is_tried_again_when_the_server_refuses(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    happens(world, NOW)
    gather(NOW)
    mailbox.refusing = "451 later"
    assert send_next(NOW + SOON) is True
    mail = Mail.objects.get()
    assert (mail.sent_at, mail.attempts) == (None, 1)
    assert "451" in mail.error
    assert send_next(NOW + 2 * SOON) is False, "not at once"
    mailbox.refusing = ""
    assert send_next(NOW + 7 * SOON) is True
    assert len(mailbox.taken) == 1
    assert Mail.objects.get().sent_at is not None


def test_it_is_given_up_after_days(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    happens(world, NOW)
    gather(NOW)
    mailbox.refusing = "550 nobody"
    moment, tries = NOW + SOON, 0
    while (mail := Mail.objects.get()).next_at is not None:
        moment = mail.next_at
        assert send_next(moment)
        tries += 1
        assert tries < 20
    assert tries == 8
    assert timedelta(days=2) < moment - NOW < timedelta(days=4)
    assert "550" in Mail.objects.get().error


def test_one_that_dies_between_sending_and_marking_doubles_that_one_alone(
    world: World, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(world, "firm", "firm2")
    happens(world, NOW)
    happens(world, NOW, firm="firm2")
    gather(NOW)
    send = EmailMultiAlternatives.send

    def sent_and_killed(message: Any, **more: Any) -> None:
        send(message, **more)
        raise SystemExit

    monkeypatch.setattr(EmailMultiAlternatives, "send", sent_and_killed)
    with pytest.raises(SystemExit):
        send_next(NOW + SOON)
    monkeypatch.undo()
    assert post(NOW + SOON) == 1, "the other one goes out; the first is held"
    assert post(NOW + 10 * SOON) == 1
    ids = [message["Message-ID"] for message in mailbox.taken]
    assert len(ids) == 3
    assert len(set(ids)) == 2
    assert ids[0] == ids[2], "a mailbox can tell that it is the same"


def test_one_that_dies_before_the_bookmark_moves_writes_it_once(
    world: World, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wastetrack.notices.services import gathering

    reach(world, "firm")
    happens(world, NOW)
    monkeypatch.setattr(gathering, "_write_daily", lambda *_: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        gather(NOW)
    assert not Mail.objects.exists()
    monkeypatch.undo()
    assert post(NOW + SOON) == 1
    assert len(mailbox.taken) == 1


def test_what_comes_while_a_mail_waits_joins_it_and_later_is_another(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    happens(world, NOW)
    gather(NOW)
    happens(world, NOW, drums=2)
    gather(NOW)
    assert Mail.objects.count() == 1
    assert post(NOW + SOON) == 1
    happens(world, NOW + SOON)
    assert post(NOW + 2 * SOON) == 1
    assert [message["Subject"][0] for message in mailbox.taken] == ["3", "1"]


def test_a_mail_speaks_of_so_many_and_the_next_of_the_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from wastetrack.notices.services import gathering

    assert MOST_IN_A_MAIL == 1_000
    monkeypatch.setattr(gathering, "MOST_IN_A_MAIL", 4)
    reach(world, "firm")
    happens(world, NOW, drums=3)
    gather(NOW)
    happens(world, NOW, drums=7)
    gather(NOW)
    assert sorted(len(mail.alert_ids) for mail in Mail.objects.all()) == [2, 4, 4]
    told = [pk for mail in Mail.objects.all() for pk in mail.alert_ids]
    assert len(set(told)) == 10


def test_a_site_that_begins_to_mail_begins_with_what_is_new(world: World, mailbox: Mailbox) -> None:
    Bookmark.objects.filter(name="notices").delete()
    reach(world, "firm")
    happens(world, NOW)
    assert post(NOW + SOON) == 0
    happens(world, NOW)
    assert post(NOW + 2 * SOON) == 1


def test_nothing_is_written_where_no_mail_is_sent(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    reach(world, "firm")
    happens(world, NOW)
    assert post(NOW + SOON) == 0
    assert not Mail.objects.exists()


def test_an_ended_membership_gets_no_mail(world: World, mailbox: Mailbox) -> None:
    reach(world, "viewer")
    happens(world, NOW)
    gather(NOW)
    world.memberships["viewer"].delete()
    assert post(NOW + SOON) == 0


def test_other_entries_only_move_the_bookmark(world: World) -> None:
    record(SYSTEM, [Fact("webhook.fail", "webhook:1", frozenset())], now=NOW)
    seal()
    gather(NOW)
    with CaptureQueriesContext(connection) as queries:
        assert gather(NOW) is False
    assert len(queries) == 2


@pytest.mark.parametrize("size", [1, 12])
def test_gathering_costs_no_more_for_more(world: World, mailbox: Mailbox, size: int) -> None:
    for number in range(size):
        member(world, f"more{number}", "firm", role="viewer")
        reach(world, f"more{number}")
    happens(world, NOW, drums=size)
    with CaptureQueriesContext(connection) as queries:
        gather(NOW)
    assert Mail.objects.count() == size
    assert len(queries) == 13


@pytest.mark.parametrize("size", [1, 12])
def test_a_mail_costs_no_more_for_more(world: World, mailbox: Mailbox, size: int) -> None:
    reach(world, "firm")
    happens(world, NOW, drums=size)
    gather(NOW)
    with CaptureQueriesContext(connection) as queries:
        assert send_next(NOW + SOON)
    assert len(mailbox.taken) == 1
    assert len(queries) == 12


def test_old_mails_are_forgotten_and_waiting_ones_are_not(world: World, mailbox: Mailbox) -> None:
    reach(world, "firm")
    happens(world, NOW)
    post(NOW + SOON)
    forget_old(later(89))
    assert Mail.objects.count() == 1
    happens(world, NOW)
    gather(NOW)
    forget_old(later(91))
    assert [mail.sent_at for mail in Mail.objects.all()] == [None]
