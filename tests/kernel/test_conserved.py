"""Whatever is done in whatever order: no gram is lost, a drum has one place, its clock runs there, no time is won.

A random walk over everything that moves, divides or weighs a drum. A step that is refused counts as well: it must have
changed nothing. Every example runs in a savepoint of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import hypothesis
import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from depots import counts, regroup
from depots.books import books_of
from depots.models import Bay, CountLine, Depot, Stay
from depots.services import check_in, put_away, void
from manifests import services as manifests
from manifests.models import Line, Manifest, Outcome
from manifests.services import Receipt, Treated
from scanner.models import Scan
from scanner.services import ScanRequest, scan
from tests.world import DRUM, NOW, PASSWORD, World
from wastetrack.alerts.models import Alert
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import record
from wastetrack.lifecycle.services import lock
from wastetrack.parties.models import Membership, User
from wastetrack.parties.visibility import organisation_key
from wastetrack.waste.lineage import Part, reweigh
from wastetrack.waste.models import Container, ContainerState, Derivation, Share
from wastetrack.waste.selectors import RESTING, ancestors, ends_of
from wastetrack.waste.services import log_waste

pytestmark = pytest.mark.once

FIRMS = ("firm", "firm2")
KEEPERS = ("firm", "firm2", "depot", "depot2", "plant")
"""Who may divide and mix."""
ROUTES = (("firm", "depot"), ("firm2", "depot"), ("depot", "depot2"), ("depot2", "depot"), ("depot", "plant"))
GONE = (ContainerState.EMPTIED, ContainerState.VOIDED)
ANY = st.integers(0, 10_000)

hypothesis.settings.register_profile(
    "bounded",
    max_examples=20,
    stateful_step_count=60,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],  # a failing walk is shown as it is: making it shorter takes minutes
    suppress_health_check=list(HealthCheck),
)


class Trade(RuleBasedStateMachine):
    """The district, as far as it can be made to go wrong."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.expected_g = sum(Container.objects.exclude(state__in=GONE).values_list("mass_g", flat=True))
        """What must be there by what was logged, weighed and voided."""
        self.done: dict[str, int] = defaultdict(int)

    # --- helpers ---

    def pick(self, rows: Any, number: int) -> Any:
        found = list(rows.order_by("pk"))
        return found[number % len(found)] if found else None

    @contextmanager
    def tried(self, name: str) -> Iterator[None]:
        """A step that may be refused; then nothing of it is left, not even an entry."""
        before = Entry.objects.count()
        try:
            yield
            self.done[name] += 1
        except Refused:
            assert Entry.objects.count() == before

    def keeper_of(self, drum: Container) -> str:
        return next(name for name, one in self.world.organisations.items() if one.pk == drum.holder_id)

    def stored(self, *names: str) -> Any:
        holders = [self.world.organisations[name].pk for name in names or KEEPERS]
        return Container.objects.filter(state="stored", holder__in=holders)

    # --- what can happen ---

    @rule(days=st.integers(1, 200))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(firm=st.sampled_from(FIRMS), mass_g=st.integers(1, 40_000), store=st.booleans())
    def log(self, firm: str, mass_g: int, store: bool) -> None:
        depot, actor = self.world.depots[firm], self.world.actor(firm)
        data = {**DRUM, "mass_kg": str(Decimal(mass_g) / 1000), "accumulation_start": self.now.date().isoformat()}
        with self.tried("log"):
            drum = log_waste(actor=actor, site=depot.site, data=data, now=self.now)
            self.expected_g += mass_g
            if store:
                check_in(actor=actor, container=drum, depot=depot, now=self.now)

    @rule(number=ANY)
    def store(self, number: int) -> None:
        if drum := self.pick(Container.objects.filter(state="logged"), number):
            name = self.keeper_of(drum)
            request = ScanRequest(f"s{Scan.objects.count()}", drum.code, "check_in")
            scan(actor=self.world.actor(name), request=request, now=self.now)

    @rule(number=ANY, scan_first=st.booleans())
    def undo(self, number: int, scan_first: bool) -> None:
        """The last check-in, which may be long ago or have just been made."""
        if scan_first:
            self.store(number)
            self.receive(number, less=False)
        last = Scan.objects.filter(intent="check_in").order_by("-pk").first()
        if last is None:
            return
        actor = self.world.actor(last.user.username)
        mass_g = last.container.mass_g if last.container else 0
        answer = scan(actor=actor, request=ScanRequest(f"u{Scan.objects.count()}", last.nonce, "undo"), now=self.now)
        if answer.verdict == "accepted":
            self.done["undo"] += 1
            assert last.container is not None
            self.expected_g += Container.objects.get(pk=last.container_id).mass_g - mass_g

    @rule(number=ANY)
    def throw_away(self, number: int) -> None:
        rare = Container.objects.filter(state__in=["logged", "stored"]) if number % 3 == 0 else Container.objects.none()
        if drum := self.pick(rare, number):
            with self.tried("void"):
                void(actor=self.world.actor(self.keeper_of(drum)), container=drum, reason="演示", now=self.now)
                self.expected_g -= drum.mass_g

    @rule(number=ANY, which=ANY)
    def put(self, number: int, which: int) -> None:
        drum, bay = self.pick(self.stored("depot"), number), self.pick(Bay.objects.all(), which)
        if drum:
            with self.tried("put_away"):
                put_away(actor=self.world.actor("depot"), container=drum, bay=bay, now=self.now)

    @rule(number=ANY, cut=st.integers(1, 39_999), short=st.sampled_from([0, 0, 0, 1]))
    def split(self, number: int, cut: int, short: int) -> None:
        if (drum := self.pick(self.stored(), number)) and drum.mass_g > 2:
            first = 1 + cut % (drum.mass_g - 2)
            parts = [Part("steel_drum", Decimal(200), mass) for mass in (first, drum.mass_g - first - short)]
            actor = self.world.actor(self.keeper_of(drum))
            with self.tried("split"):
                regroup.split(actor=actor, container=drum, parts=parts, now=self.now)
                assert not short

    @rule(number=ANY, other=ANY)
    def merge(self, number: int, other: int) -> None:
        one = self.pick(self.stored(), number)
        two = self.pick(self.stored(self.keeper_of(one)), other) if one else None
        if one and two:
            part = Part("ibc", Decimal(1000), one.mass_g + two.mass_g)
            actor = self.world.actor(self.keeper_of(one))
            with self.tried("merge"):
                regroup.merge(actor=actor, containers=[one, two], part=part, now=self.now)

    @rule(number=ANY)
    def repack(self, number: int) -> None:
        if drum := self.pick(self.stored(), number):
            part = Part("plastic_drum", Decimal(120), drum.mass_g)
            actor = self.world.actor(self.keeper_of(drum))
            with self.tried("repack"):
                regroup.repack(actor=actor, container=drum, part=part, now=self.now)

    @rule(route=st.sampled_from(ROUTES), number=ANY, other=ANY, leave=st.sampled_from([True, True, True, False]))
    def send(self, route: tuple[str, str], number: int, other: int, leave: bool) -> None:
        sender, receiver = route
        drums = {self.pick(self.stored(sender), n) for n in (number, other)} - {None}
        if drums:
            make = self.world.delivered if leave else self.world.issued
            with self.tried("send"), transaction.atomic():
                make(*sorted(drums, key=lambda drum: drum.pk), sender=sender, to=receiver, now=self.now)

    @rule(number=ANY)
    def cancel(self, number: int) -> None:
        if manifest := self.pick(Manifest.objects.filter(state="issued"), number):
            with self.tried("cancel"):
                sender = self.world.actor(self.name_of(manifest.sender_id))
                manifests.cancel(actor=sender, manifest=manifest, reason="演示", now=self.now)

    def name_of(self, organisation_id: int) -> str:
        return next(name for name, one in self.world.organisations.items() if one.pk == organisation_id)

    def waiting(self, number: int) -> tuple[Line | None, str]:
        """A line that nobody has received yet, and who may."""
        lines = Line.objects.filter(outcome="", manifest__state__in=["in_transit", "delivered"])
        line = self.pick(lines.select_related("container", "manifest"), number)
        return line, self.name_of(line.manifest.receiver_id) if line else ""

    def say(self, name: str, line: Line, receipt: Receipt) -> None:
        """One line of its manifest is received so by the receiver."""
        actor, depot = self.world.actor(name), self.world.depots[name]
        manifests.receive(actor=actor, manifest=line.manifest, receipts=[receipt], depot=depot, now=self.now)

    @rule(number=ANY, less=st.sampled_from([False, False, True]))
    def receive(self, number: int, less: bool) -> None:
        line, name = self.waiting(number)
        if line is None:
            return
        if less:
            mass_g = max(1, line.mass_g - 300)
            with self.tried("less"):
                self.say(name, line, Receipt(line, "accepted", mass_g, "演示"))
                self.expected_g += mass_g - line.mass_g
        else:
            request = ScanRequest(f"s{Scan.objects.count()}", line.container.code, "check_in")
            verdict = scan(actor=self.world.actor(name), request=request, now=self.now).verdict
            self.done["receive"] += verdict == "accepted"

    @rule(number=ANY)
    def reject(self, number: int) -> None:
        line, name = self.waiting(number)
        if line:
            with self.tried("reject"):
                self.say(name, line, Receipt(line, "rejected", None, "演示"))

    @rule(number=ANY)
    def take_back(self, number: int) -> None:
        refused = Line.objects.filter(outcome=Outcome.REJECTED, taken_back_at=None).select_related("manifest")
        if line := self.pick(refused, number):
            name = self.name_of(line.manifest.sender_id)
            with self.tried("take_back"):
                depot = self.world.depots[name]
                manifests.take_back(actor=self.world.actor(name), line=line, depot=depot, now=self.now)

    @rule(number=ANY, share=st.integers(1, 4))
    def treat(self, number: int, share: int) -> None:
        """What stands at the plant, as it came or as the plant regrouped it."""
        at_plant = Container.objects.filter(state="stored", holder=self.world.organisations["plant"])
        if not (drum := self.pick(at_plant, number)):
            return
        family = [drum, *ancestors([drum])]
        line = Line.objects.filter(outcome="accepted", container__in=family, manifest__receiver=drum.holder_id).last()
        if line:
            with self.tried("treat"):
                treated = Treated(drum, "R9", max(1, (drum.mass_g - drum.treated_g) // share), self.now)
                actor = self.world.actor("plant")
                manifests.treat(actor=actor, manifest=line.manifest, treatments=[treated], now=self.now)
                self.done["treat_part" if drum.derived else "treat"] += 1

    @rule(number=ANY, less=st.integers(-200, 200))
    def correct(self, number: int, less: int) -> None:
        """A drum of long ago turns out to have weighed more or less: what came out of it follows."""
        drum = self.pick(Container.objects.exclude(state__in=["voided", "committed", "in_transit"]), number)
        if drum is None:
            return
        with self.tried("correct"), transaction.atomic():
            (drum,) = lock([drum])
            leaves = Container.objects.exclude(state__in=GONE)
            before = sum(leaves.values_list("mass_g", flat=True))
            facts = reweigh(drum, max(1, drum.mass_g - less))
            told = {fact.subject: fact.payload for fact in facts}
            there = [told[one.subject] for one in leaves.all() if one.subject in told]
            changes = sum(Decimal(one["to_kg"]) - Decimal(one["from_kg"]) for one in there)
            record(self.world.actor("depot"), facts, now=self.now)
            self.expected_g = before + int(changes * 1000)

    @rule(number=ANY)
    def lose(self, number: int) -> None:
        """A count misses one drum of a bay, and a second person says that it is gone."""
        stay = self.pick(Stay.objects.filter(left_at=None, depot=self.world.depots["depot"]), number)
        if stay and stay.bay:
            here = Stay.objects.filter(left_at=None, bay=stay.bay).exclude(pk=stay.pk)
            line = self.counted(stay.bay, [one.container for one in here], stay.container)
            with self.tried("lose"):
                second = self.world.actor("second")
                counts.settle(actor=second, line=line, how="lost", reason="演示", now=self.now)

    @rule(number=ANY)
    def find(self, number: int) -> None:
        drum, bay = self.pick(Container.objects.filter(state="missing"), number), self.pick(Bay.objects.all(), 0)
        if drum:
            here = [stay.container for stay in Stay.objects.filter(left_at=None, bay=bay)]
            line = self.counted(bay, [*here, drum], drum)
            with self.tried("find"):
                actor = self.world.actor("depot")
                counts.settle(actor=actor, line=line, how="returned", reason="演示", now=self.now)

    def counted(self, bay: Bay, drums: list[Container], about: Container) -> CountLine:
        """A count of the bay that finds these; the line about one of them, or about one that it misses."""
        self.now += timedelta(minutes=1)
        actor = self.world.actor("depot")
        count = counts.begin(actor=actor, bay=bay, now=self.now)
        for drum in drums:
            counts.note(actor=actor, bay=bay, container=drum, text=drum.code, now=self.now)
        counts.close(actor=actor, count=count, now=self.now)
        return CountLine.objects.select_related("count__depot__site__organisation", "count__bay", "container").get(
            count=count, container=about
        )

    # --- what holds after every step ---

    @invariant()
    def no_gram_is_lost(self) -> None:
        there = Container.objects.exclude(state__in=GONE)
        assert sum(there.values_list("mass_g", flat=True)) == self.expected_g

    @invariant()
    def what_went_out_of_a_drum_is_in_its_children(self) -> None:
        out, came = defaultdict[int, int](int), defaultdict[int, int](int)
        for parent, child, mass_g in Derivation.objects.values_list("parent", "child", "mass_g"):
            out[parent] += mass_g
            came[child] += mass_g
        emptied = dict(Container.objects.filter(state="emptied").values_list("pk", "mass_g"))
        assert out == emptied
        shares = defaultdict[int, int](int)
        for container, mass_g in Share.objects.values_list("container", "mass_g"):
            shares[container] += mass_g
        assert came == shares

    @invariant()
    def every_gram_of_a_drum_ends_somewhere(self) -> None:
        """Over all drums, what is theirs in a last container is what that container holds."""
        held = defaultdict[int, int](int)
        for origin in Container.objects.exclude(parents__isnull=False):
            for end, contents in ends_of([origin]):
                held[end.pk] += contents.get(origin.pk, 0)
        assert held == dict(Container.objects.exclude(state="emptied").values_list("pk", "mass_g"))

    @invariant()
    def a_drum_stands_where_its_state_says(self) -> None:
        stays = Stay.objects.filter(left_at=None).select_related("depot__site")
        places = {stay.container_id: stay.depot.organisation_id for stay in stays}
        assert len(places) == stays.count()
        standing = Container.objects.filter(state__in=["stored", "committed"])
        assert places == dict(standing.values_list("pk", "holder"))

    @invariant()
    def the_stock_is_what_the_log_says(self) -> None:
        books = books_of(Depot.objects.select_related("site"))
        assert not [one.differing for one in books.values() if one.differing]
        held = Stay.objects.filter(left_at=None).values_list("depot").annotate(Sum("container__mass_g"))
        assert {depot: one.log_g for depot, one in books.items()} == dict(held)

    @invariant()
    def a_clock_runs_for_what_rests_and_for_nothing_else(self) -> None:
        watched = list(Alert.objects.filter(kind="storage", resolved_at=None).values_list("about", "due_at"))
        resting = Container.objects.filter(state__in=RESTING)
        assert sorted(watched) == sorted((drum.subject, drum.storage_deadline) for drum in resting)
        assert not Container.objects.exclude(state__in=RESTING).exclude(storage_deadline=None).exists()

    @invariant()
    def nobody_gains_time_or_loses_sight(self) -> None:
        parents = defaultdict[int, list[int]](list)
        for parent, child in Derivation.objects.values_list("parent", "child"):
            parents[child].append(parent)
        drums = {drum.pk: drum for drum in Container.objects.all()}
        stays = list(Stay.objects.values_list("container", "depot__site__organisation", "entered_at"))
        for drum in drums.values():
            family, edge = {drum.pk}, [drum.pk]
            while edge:
                edge = [pk for near in edge for pk in parents[near] if pk not in family]
                family.update(edge)
            firms = {organisation_key(drums[pk].generator_id) for pk in family}
            assert firms <= drum.readers()
            if drum.state in RESTING:
                first = min([at for pk, where, at in stays if pk in family and where == drum.holder_id], default=None)
                if first is not None:
                    assert drum.storage_deadline is not None
                    last = timezone.localdate(drum.storage_deadline)
                    assert last <= timezone.localdate(first) + timedelta(days=365)


def begun(world: World) -> None:
    """A district where something stands everywhere already, and something is on its way."""
    here, there, treated = ([world.drum(name) for name in FIRMS * 2] for _ in range(3))
    for drums, to in ((here, "depot"), (there, "depot2"), (treated, "plant")):
        for drum in drums[:2] if to == "plant" else drums:
            manifest = world.delivered(drum, sender=FIRMS[drum.generator_id != world.organisations["firm"].pk], to=to)
            receipts = [Receipt(line) for line in manifest.lines.select_related("container")]
            depot = world.depots[to]
            manifests.receive(actor=world.actor(to), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    divided = Container.objects.get(pk=treated[1].pk)
    parts = [Part("steel_drum", Decimal(200), mass_g) for mass_g in (divided.mass_g - 1_000, 1_000)]
    regroup.split(actor=world.actor("plant"), container=divided, parts=parts, now=NOW)
    world.delivered(world.drum())
    refused = world.delivered(world.drum("firm2"), sender="firm2")
    receipts = [Receipt(line, "rejected", None, "演示") for line in refused.lines.select_related("container")]
    depot = world.depots["depot"]
    manifests.receive(actor=world.actor("depot"), manifest=refused, receipts=receipts, depot=depot, now=NOW)


def test_nothing_is_lost_doubled_or_prolonged(world: World) -> None:
    user = User.objects.create_user(username="second", password=PASSWORD, name="演示用户二")
    depot = world.organisations["depot"]
    world.memberships["second"] = Membership.objects.create(user=user, organisation=depot, role="operator")
    begun(world)
    done: dict[str, int] = defaultdict(int)

    class InSavepoint(Trade):
        def __init__(self) -> None:
            self.world = world
            self.block = transaction.atomic()
            self.block.__enter__()
            super().__init__()

        def teardown(self) -> None:
            for name, count in getattr(self, "done", {}).items():
                done[name] += count
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    # A walk that never gets anywhere would prove nothing: others follow until everything has happened.
    everything = {"log", "split", "merge", "repack", "send", "receive", "reject", "take_back", "undo", "treat"}
    everything |= {"treat_part", "correct", "lose", "find", "less"}
    for walk in range(5):
        run_state_machine_as_test(
            hypothesis.seed(walk)(InSavepoint), settings=hypothesis.settings.get_profile("bounded")
        )
        if not (missing := everything - {name for name, count in done.items() if count}):
            break
    assert missing == set(), dict(done)
