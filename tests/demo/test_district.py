"""What the demo shows: every state, every open end, and books that add up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils.timezone import localdate

from depots.models import Stay
from desk.demo.logins import LOGINS, PASSWORD
from manifests.models import Approval, Correction, Discrepancy, Line, Manifest, ManifestState, Treatment
from manifests.selectors import needing, visible_manifests
from scanner.services import ScanRequest, scan
from tests.demo.conftest import actor
from wastetrack.alerts.models import Alert
from wastetrack.alerts.registry import ESCALATION, watch_of
from wastetrack.alerts.selectors import open_counts
from wastetrack.errors import NotPermitted
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import attest
from wastetrack.notices.models import Mail
from wastetrack.notices.services import gather
from wastetrack.parties.selectors import actor_of_token, choices_of
from wastetrack.parties.services import grant_token
from wastetrack.regulations import plates
from wastetrack.regulations.parameters import parameter
from wastetrack.units import grams, kg
from wastetrack.waste.models import Container


@pytest.fixture(autouse=True)
def untouched(demo: datetime) -> Iterator[None]:
    """What a test does to the district is undone after it."""
    undone = transaction.atomic()
    # As Django's own test cases say it: what is durable may happen within.
    undone._from_testcase = True  # type: ignore[attr-defined]
    with undone:
        yield
        transaction.set_rollback(True)


def test_manifests_stand_in_every_state() -> None:
    assert set(Manifest.objects.values_list("state", flat=True)) == set(ManifestState.values)


def test_drums_stand_in_every_state_that_a_verb_leads_to() -> None:
    states = set(Container.objects.values_list("state", flat=True))
    assert states == {"logged", "stored", "committed", "in_transit", "treated", "voided"}


def test_some_masses_are_disputed_and_some_disputes_are_settled() -> None:
    statements = Counter(
        (found.settled_at is not None, found.statements.count()) for found in Discrepancy.objects.all()
    )
    assert set(statements) == {(False, 0), (False, 1), (True, 2)}


def test_refused_drums_wait_to_be_taken_back() -> None:
    waiting = Line.objects.filter(outcome="rejected", taken_back_at=None)
    assert set(waiting.values_list("manifest__state", flat=True)) == {"partly_received", "rejected"}


def test_list_of_the_first_firm_tells_one_overdue_three_due_a_contract_that_ends_and_a_draft() -> None:
    firm = actor("firm")
    assert open_counts(firm) == {"alarm": 1, "warning": 4, "notice": 0}
    assert Alert.objects.filter(organisation=firm.organisation, kind="contract_expiry", state="warned").count() == 1
    assert [manifest.lines.count() for manifest in needing(firm, ["draft"], "sender")] == [2]
    assert not needing(firm, ["issued", "in_transit", "delivered"], "sender").exists()


def test_neighbour_has_a_mass_to_state_and_a_drum_to_check_in() -> None:
    neighbour = actor("firm2").organisation
    disputed = Discrepancy.objects.get(line__manifest__sender=neighbour, settled_at=None, statements__isnull=False)
    assert [statement.side for statement in disputed.statements.all()] == ["receiver"]
    assert Container.objects.filter(holder=neighbour, state="logged").count() == 1


@pytest.mark.parametrize(
    ("username", "state", "party"),
    [
        ("carrier", "issued", "carrier"),
        ("carrier", "in_transit", "carrier"),
        ("depot", "delivered", "receiver"),
        ("depot2", "delivered", "receiver"),
        ("plant", "delivered", "receiver"),
        ("plant", "received", "receiver"),
    ],
)
def test_everybody_finds_something_to_do(username: str, state: str, party: str) -> None:
    assert needing(actor(username), [state], party).exists()


def test_every_page_of_a_manifest_has_something_to_show() -> None:
    handed = Manifest.objects.get(next_carrier__isnull=False)
    assert handed.next_carrier == actor("carrier2").organisation
    assert all(plates.normal(leg.plate) == leg.plate for leg in handed.legs.all())
    assert Correction.objects.get(settled_at=None).consents.get().given_at is None
    back = Manifest.objects.get(follows__isnull=False)
    assert (back.state, back.purpose) == ("in_transit", "return")
    assert Manifest.objects.get(paper=True).state == "draft"
    approval = Approval.objects.get()
    assert (approval.sender, approval.receiver.division) == (actor("depot").organisation, "310115")


def test_what_was_signed_says_by_what_means() -> None:
    entries = Entry.objects.filter(kind__in=["manifest.issue", "manifest.depart", "manifest.settle"])
    assert {entry.data.get("confirmed") for entry in entries} == {"password"}


def test_drums_at_the_gate_are_scanned_in_at_once(demo: datetime) -> None:
    depot = actor("depot")
    for number, line in enumerate(
        Line.objects.filter(manifest__state="delivered", manifest__receiver=depot.organisation, outcome="")
    ):
        answer = scan(actor=depot, request=ScanRequest(f"n{number}", line.container.code, "check_in"), now=demo)
        assert answer.verdict == "accepted"
    assert not needing(depot, ["delivered"], "receiver").exists()


def test_masses_add_up_to_the_gram() -> None:
    logged = Decimal(0)
    found = Decimal(0)
    for entry in Entry.objects.filter(kind__in=["container.log", "container.receive", "container.weigh"]):
        data = entry.data
        if entry.kind == "container.log":
            logged += Decimal(data["mass_kg"])
        elif entry.kind == "container.receive":
            found += Decimal(data["mass_kg"]) - Decimal(data["declared_kg"])
        else:
            found += Decimal(data["to_kg"]) - Decimal(data["from_kg"])
    stock = Stay.objects.filter(left_at=None).aggregate(mass=Sum("container__mass_g"))["mass"]
    rest = Container.objects.filter(state__in=["logged", "in_transit", "voided"]).aggregate(mass=Sum("mass_g"))["mass"]
    treated = Treatment.objects.aggregate(mass=Sum("mass_g"))["mass"]
    assert found != 0
    assert grams(logged + found) == stock + rest + treated
    assert kg(Container.objects.aggregate(mass=Sum("mass_g"))["mass"]) == logged + found


def test_every_drum_in_a_store_has_a_place_and_no_other_has() -> None:
    at_rest = Container.objects.filter(state__in=["stored", "committed"])
    assert set(Stay.objects.filter(left_at=None).values_list("container", flat=True)) == set(
        at_rest.values_list("pk", flat=True)
    )


def test_log_is_sealed_intact_and_in_the_order_of_time() -> None:
    entries = list(Entry.objects.order_by("id"))
    attested = attest(entries)
    assert (attested.checked, attested.unsealed, attested.altered, attested.intact) == (len(entries), 0, (), True)
    assert [entry.recorded_at for entry in entries] == sorted(entry.recorded_at for entry in entries)


def test_steps_were_done_by_people_of_the_demo_and_by_the_clock() -> None:
    names = set(Entry.objects.values_list("user_name", "role"))
    assert {role for _, role in names} == {"operator", "driver", "system"}
    assert all(name.startswith("演示") for name, role in names if role != "system")
    assert Entry.objects.exclude(via_name="").exists()


@pytest.mark.parametrize("login", LOGINS, ids=lambda login: login.username)
def test_every_login_signs_in_with_the_public_password(login, demo: datetime) -> None:
    granted = grant_token(username=login.username, password=PASSWORD, uscc=None, now=demo)
    found = actor_of_token(granted.secret, demo)
    assert found is not None
    assert (found.organisation_id, found.role) == (actor(login.party).organisation_id, login.role)


def test_steward_acts_for_firms_that_delegate() -> None:
    steward = actor("steward").user
    assert steward is not None
    principals = [delegation.principal.name for _, delegation in choices_of(steward) if delegation]
    assert len(principals) == 3
    assert actor("firm").organisation.name not in principals  # type: ignore[union-attr]


def test_viewer_only_reads() -> None:
    with pytest.raises(NotPermitted, match="read_only"):
        actor("viewer").require_write()


def test_only_the_regulator_of_the_district_sees_it() -> None:
    issued = Manifest.objects.exclude(issued_at=None)
    assert visible_manifests(actor("regulator")).count() == issued.count()
    assert not visible_manifests(actor("regulator2")).exists()
    assert Container.objects.visible_to(actor("regulator")).count() == Container.objects.count()


def test_neighbours_do_not_see_each_other() -> None:
    for one, other in (("firm", "firm2"), ("firm2", "firm")):
        hidden = Container.objects.visible_to(actor(one)).filter(generator=actor(other).organisation)
        assert not hidden.exists()


def test_what_the_first_sweep_finds_is_mailed(demo: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wastetrack.notices.services.gathering.mail_is_on", lambda: True)
    while gather(demo):
        pass
    assert set(Mail.objects.filter(user__username="firm").values_list("purpose", flat=True)) == {"at_once", "daily"}


def test_every_alert_was_said_on_its_day(demo: datetime) -> None:
    """Warned, overdue and told to the district: each on the day of its own time, and none of them left out.

    What was recorded when it was due already was said on that day. A level has no other time than that of its saying.
    """
    escalated = timedelta(days=int(parameter(ESCALATION).value))
    known: dict[str, datetime] = {}
    said = defaultdict[str, dict[str, date]](dict)
    for kind, subject, at in Entry.objects.order_by("id").values_list("kind", "subject", "event_time"):
        known.setdefault(subject, at)
        if kind.startswith("alert."):
            said[subject][kind.removeprefix("alert.")] = localdate(at)
    alerts = Alert.objects.exclude(state="watching")
    assert {alert.kind for alert in alerts} >= {"storage", "contract_expiry", "permit_expiry", "deviation"}
    for alert in alerts:
        began = known.get(alert.about, demo - timedelta(days=30))
        until = alert.resolved_at or demo
        due = alert.due_at or until
        times = {}
        if began < due and alert.warn_at < due:
            times["warn"] = alert.warn_at
        if alert.due_at:
            times["fall_due"] = alert.due_at
            if watch_of(alert.kind).district == "escalated":
                times["escalate"] = alert.due_at + escalated
        # A deadline is the last second of its day: it is said on the next, unless it has ended by then.
        days = {verb: localdate(max(at, began) + timedelta(seconds=1)) for verb, at in times.items() if at < until}
        ended = alert.resolved_at and localdate(alert.resolved_at)
        wanted = {verb: day for verb, day in days.items() if verb == "warn" or day != ended}
        assert said[alert.subject].pop("resolve", None) == ended
        assert said[alert.subject] == wanted, str(alert)
