"""One manifest on its way, from draft to closing, by the verbs that everybody uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

from desk.demo.parties import Crew, Party
from desk.demo.story import Story, shift
from desk.demo.wastes import BAY_OF
from manifests import services as manifests
from manifests.models import Discrepancy, Line, Manifest, Outcome
from manifests.selectors import aboard
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Vehicle
from wastetrack.units import kg_text
from wastetrack.waste.models import Container

MEASURES = "泄漏时疏散无关人员，远离火源，用吸附棉围堵收容，并立即联系应急电话和当地生态环境部门。"
REFUSALS = ("标签与实物不符", "包装破损，有渗漏", "含水率过高，不符合入库要求")
MISREAD_G = 300
Judge = Callable[[int, Line], manifests.Receipt]
"""What the receiver finds of the n-th line."""


class Trip:
    """A transfer of some drums. Each step but the first needs the one before it, as the manifest itself does."""

    def __init__(
        self,
        story: Story,
        *,
        sender: Party,
        receiver: Party,
        crew: Crew,
        drums: list[int],
        rng: Random,
        judge: Judge | None = None,
        forgets: Callable[[Container], bool] | None = None,
    ) -> None:
        self.story, self.sender, self.receiver, self.crew, self.rng = story, sender, receiver, crew, rng
        self.drums = drums
        self.judge: Judge = judge or (lambda number, line: usual_receipt(line, rng))
        self.forgets = forgets
        """Of a depot: whether it leaves this container standing instead of sending it on."""
        self.signer: Actor = sender.steward if sender.steward and rng.random() < 0.6 else sender.actor
        self.manifest: Manifest | None = None
        self.back: Manifest | None = None
        """The manifest of what was refused, on its way home."""
        self.accepted: list[int] = []
        self.disputed = False
        # Now and then a second weighing shows that the sender was right.
        self.recount = judge is None and rng.random() < 0.25

    def plan(self, steps: Mapping[str, datetime]) -> None:
        """Put down the steps with their times."""
        for name, when in steps.items():
            self.story.at(when, getattr(self, name))

    # --- the steps ---

    def draft(self, now: datetime, **on_paper: Any) -> None:
        containers = list(Container.objects.filter(pk__in=self.drums).order_by("pk"))
        if containers:
            self.manifest = manifests.draft(
                actor=self.signer,
                receiver=self.receiver.organisation,
                carrier=self.crew.organisation,
                containers=containers,
                emergency_measures=MEASURES,
                contract=f"演示合同-{now:%Y}-{self.sender.organisation.uscc[-4:]}",
                now=now,
                **on_paper,
            )

    def draft_on_paper(self, now: datetime) -> None:
        """It ran on paper while the network was away: its sender has begun to type it in."""
        self.draft(now, paper_number=f"演示纸质-{now:%m%d}", paper_completed_at=now - timedelta(hours=3))

    def issue(self, now: datetime) -> None:
        self.advance(manifests.issue, signing(self.signer), now)

    def cancel(self, now: datetime) -> None:
        self.advance(manifests.cancel, self.signer, now, reason="车辆检修，另行安排")
        self.story.ready_at(self.sender).extend(self.drums)

    def depart(self, now: datetime) -> None:
        if self.manifest is not None:
            self.advance(manifests.depart, signing(self.crew.actor), now, plate=self.free_plate())

    def hand_over(self, now: datetime) -> None:
        """The other carrier takes over half way; its driver has not signed yet."""
        crews = self.story.district.crews
        following = next(crew[0] for crew in crews.values() if crew[0].organisation != self.crew.organisation)
        more = {"carrier": following.organisation, "place": "演示·上虞服务区", "plate": following.plate}
        self.advance(manifests.hand_over, signing(self.crew.actor), now, **more)

    def deliver(self, now: datetime) -> None:
        self.advance(manifests.deliver, self.crew.actor, now)

    def receive(self, now: datetime) -> None:
        """Every line is weighed and put into the bay of its category."""
        by_bay = defaultdict[str, list[manifests.Receipt]](list)
        for number, line in enumerate(self.lines()):
            by_bay[BAY_OF[line.container.category]].append(self.judge(number, line))
        for code, receipts in sorted(by_bay.items()):
            bay = self.receiver.bays[code]
            self.advance(
                manifests.receive,
                signing(self.receiver.actor),
                now,
                receipts=receipts,
                depot=self.receiver.depot,
                bay=bay,
            )
            self.accepted += [receipt.line.container_id for receipt in receipts if receipt.outcome == Outcome.ACCEPTED]
        self.disputed = Discrepancy.objects.filter(line__manifest=self.manifest).exists()

    def receiver_states(self, now: datetime) -> None:
        self.state(self.receiver.actor, "地磅复核无误", now)

    def sender_states(self, now: datetime) -> None:
        self.state(self.signer, "认可接受方称重", now)

    def propose(self, now: datetime) -> None:
        """The receiver misread its scale and asks the sender to agree to the right mass."""
        line = self.lines(outcome=Outcome.ACCEPTED)[0]
        right = {"container": line.container.code, "mass_kg": kg_text((line.received_mass_g or 0) + MISREAD_G)}
        actor, manifest = signing(self.receiver.actor), line.manifest
        manifests.propose(actor=actor, manifest=manifest, reason="读数抄错", changes={"lines": [right]}, now=now)

    def send_back(self, now: datetime) -> None:
        """The receiver writes the manifest under which what it refused goes home."""
        assert self.manifest is not None
        actor = self.receiver.actor
        self.back = manifests.send_back(actor=actor, manifest=self.manifest, now=now)
        self.back = manifests.issue(actor=signing(actor), manifest=self.back, now=now)

    def depart_back(self, now: datetime) -> None:
        assert self.back is not None
        actor, plate = signing(self.crew.actor), self.free_plate()
        manifests.depart(actor=actor, manifest=self.back, plate=plate, now=now)

    def take_back(self, now: datetime) -> None:
        """Refused drums come home to the sender."""
        if len(self.accepted) == len(self.drums):
            return
        for line in self.lines(outcome=Outcome.REJECTED):
            bay = self.sender.bays.get(BAY_OF[line.container.category])
            manifests.take_back(actor=self.sender.actor, line=line, depot=self.sender.depot, bay=bay, now=now)
            self.story.ready_at(self.sender).append(line.container_id)

    def treat(self, now: datetime) -> None:
        treatments = [
            manifests.Treated(line.container, self.story.waste_of[line.container_id].method, line.container.mass_g, now)
            for line in self.lines(outcome=Outcome.ACCEPTED)
        ]
        if treatments:
            self.advance(manifests.treat, signing(self.receiver.actor), now, treatments=treatments)

    def close(self, now: datetime) -> None:
        """The paper is done; what a depot received may go on from here, but for what it forgets."""
        self.advance(manifests.close, self.receiver.actor, now)
        if self.forgets is not None:
            drums = Container.objects.filter(pk__in=self.accepted).order_by("pk")
            self.story.ready_at(self.receiver).extend(drum.pk for drum in drums if not self.forgets(drum))

    # --- what they share ---

    def free_plate(self) -> str:
        """The crew's own lorry; another of its carrier's where that one is out with something else."""
        spare = Vehicle.objects.filter(organisation=self.crew.organisation).exclude(plate=self.crew.plate)
        plates = [self.crew.plate, *spare.order_by("pk").values_list("plate", flat=True)]
        return next(plate for plate in plates if not aboard(plate))

    def advance(self, verb: Callable[..., Manifest], actor: Actor, now: datetime, **more: object) -> None:
        if self.manifest is not None:
            self.manifest = verb(actor=actor, manifest=self.manifest, now=now, **more)

    def lines(self, **wanted: object) -> Sequence[Line]:
        if self.manifest is None:
            return ()
        return list(
            self.manifest.lines.filter(**wanted)
            .select_related(
                "container", "discrepancy", "manifest__sender_site", "manifest__sender", "manifest__receiver"
            )
            .order_by("position")
        )

    def state(self, actor: Actor, note: str, now: datetime) -> None:
        """A side states the weighed mass, or after a recount the declared one: on either, both sides agree."""
        if not self.disputed:
            return
        for line in self.lines(discrepancy__settled_at=None, discrepancy__isnull=False):
            found: Discrepancy = line.discrepancy
            grams = found.declared_mass_g if self.recount else found.received_mass_g
            words = "复称后按移出量认定" if self.recount else note
            manifests.settle(
                actor=signing(actor), manifest=line.manifest, line=line, mass_kg=kg_text(grams), note=words, now=now
            )


def signing(actor: Actor) -> Actor:
    """Who signs in the demo does so with the password."""
    return actor.confirmed_by("password")


def usual_receipt(line: Line, rng: Random) -> manifests.Receipt:
    """Mostly as declared or a little off; now and then too light or too heavy, rarely refused."""
    chance = rng.random()
    if chance < 0.01:
        return refused(line, rng)
    if chance < 0.035:
        return weighed(line, rng.choice((-1, 1)) * rng.uniform(0.04, 0.12))
    return weighed(line, rng.uniform(-0.008, 0.008)) if chance < 0.4 else manifests.Receipt(line)


def refused(line: Line, rng: Random) -> manifests.Receipt:
    return manifests.Receipt(line, Outcome.REJECTED, reason=rng.choice(REFUSALS))


def weighed(line: Line, share: float) -> manifests.Receipt:
    """Accepted with a mass that is off by this share, read from a scale that shows 0.1 kg."""
    return manifests.Receipt(line, mass_g=round(line.mass_g * (1 + share) / 100) * 100)


def usual_plan(begin: datetime, rng: Random, *, to_plant: bool) -> dict[str, datetime]:
    """When the steps of an ordinary transfer happen. One in thirty is called off the next day."""

    def later(working_days: int, hour: int) -> datetime:
        return shift(begin, working_days, time(hour, rng.randrange(60)))

    steps = {"draft": begin, "issue": begin + timedelta(minutes=rng.randint(5, 40))}
    if rng.random() < 0.03:
        return steps | {"cancel": later(1, 9)}
    steps |= {"depart": later(1, 9), "deliver": later(1, 10), "receive": later(1, 11)}
    steps |= {"receiver_states": later(2, 14), "take_back": later(2, 15), "sender_states": later(3, 9)}
    if to_plant:
        treated = rng.randint(4, 8)
        return steps | {"treat": later(treated, 10), "close": later(treated, 16)}
    return steps | {"close": later(4, 10)}
