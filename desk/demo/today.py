"""Today's picture: papers in every state, drums that are due, two sides that do not agree, a lorry at the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from depots.services import void
from desk.demo.parties import Party
from desk.demo.story import Story, office_hours
from desk.demo.trips import Judge, Trip, refused, weighed
from desk.demo.wastes import Waste, go_together
from manifests.models import Line
from manifests.services import Receipt
from wastetrack.waste.clock import limit_for
from wastetrack.waste.models import WasteStream
from wastetrack.waste.services import log_waste

DUE_AT_FIRM = (-8, 6, 14, 23)
"""Days until the first firm's forgotten drums are due: its list begins with one that is overdue."""
DUE_ELSEWHERE = (-21, -13, -3, 2, 9, 11, 17, 20, 26, 28)

STEPS = {
    "draft": (0, time(14, 0)),
    "issue": (0, time(14, 40)),
    "cancel": (1, time(8, 50)),
    "depart": (1, time(9, 10)),
    "deliver": (1, time(10, 20)),
    "receive": (1, time(10, 50)),
    "hand_over": (1, time(9, 45)),
    "receiver_states": (2, time(9, 30)),
    "propose": (2, time(11, 15)),
    "send_back": (2, time(11, 30)),
    "depart_back": (3, time(8, 45)),
    "draft_on_paper": (0, time(14, 0)),
    "take_back": (2, time(15, 0)),
    "sender_states": (3, time(10, 0)),
    "treat": (4, time(9, 0)),
    "close": (4, time(16, 0)),
}
"""When a staged step happens: working days after the draft, and the time of that day."""
MINUTES_AGO = {"depart": 55, "depart_back": 35, "hand_over": 25, "deliver": 20}
"""When a step that falls on today happened: so long ago, whatever the time is now."""


def some_off(share: float) -> Judge:
    """The first line is off by this share, the others are as declared."""
    return lambda number, line: weighed(line, share) if number == 0 else Receipt(line)


def some_refused(lines: int) -> Judge:
    """The first so many lines are refused."""

    def judge(number: int, line: Line) -> Receipt:
        return refused(line, Random(number)) if number < lines else Receipt(line)

    return judge


def as_declared(number: int, line: Line) -> Receipt:
    return Receipt(line)


@dataclass(frozen=True)
class Scene:
    """A manifest of so many drums, from a firm by its number, drafted so many working days ago, led up to a step."""

    firm: int
    receiver: str
    drums: int
    ago: int
    steps: str
    judge: Judge = as_declared


ISSUED = "draft issue"
ON_THE_ROAD = f"{ISSUED} depart"
AT_THE_GATE = f"{ON_THE_ROAD} deliver"
RECEIVED = f"{AT_THE_GATE} receive"
HALF_STATED = f"{RECEIVED} receiver_states"
SETTLED = f"{HALF_STATED} sender_states"

SCENES = (
    Scene(0, "depot", 2, 1, "draft"),
    Scene(3, "depot2", 2, 1, "draft"),
    Scene(4, "plant", 1, 2, "draft"),
    Scene(2, "depot", 2, 1, ISSUED),
    Scene(5, "depot", 1, 1, ISSUED),
    Scene(3, "depot2", 2, 1, ISSUED),
    Scene(6, "depot", 2, 1, ON_THE_ROAD),
    Scene(4, "plant", 2, 1, ON_THE_ROAD),
    Scene(2, "depot", 3, 1, AT_THE_GATE),
    Scene(7, "depot", 2, 1, AT_THE_GATE),
    Scene(5, "depot2", 2, 1, AT_THE_GATE),
    Scene(8, "plant", 2, 1, AT_THE_GATE),
    Scene(4, "plant", 2, 3, RECEIVED),
    Scene(1, "depot", 3, 3, HALF_STATED, some_off(-0.06)),
    Scene(9, "plant", 2, 4, RECEIVED, some_off(-0.13)),
    Scene(6, "depot", 3, 3, RECEIVED, some_refused(1)),
    Scene(3, "depot2", 1, 3, RECEIVED, some_refused(1)),
    Scene(8, "depot", 2, 9, f"{SETTLED} close", some_off(0.07)),
    Scene(7, "plant", 2, 10, f"{SETTLED} treat close", some_off(-0.05)),
    Scene(5, "depot2", 2, 11, f"{RECEIVED} take_back close", some_refused(1)),
    Scene(2, "depot", 1, 8, f"{ISSUED} cancel"),
    Scene(8, "depot", 2, 1, f"{ON_THE_ROAD} hand_over"),
    Scene(9, "depot", 2, 3, f"{RECEIVED} propose"),
    Scene(2, "depot", 2, 3, f"{RECEIVED} send_back depart_back", some_refused(1)),
    Scene(3, "depot", 1, 2, "draft_on_paper"),
)


class Today:
    """Puts down what somebody finds who opens the demo. Its drums are no part of the usual course."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.rng = story.random("today")

    def put_down(self) -> None:
        """All scenes, and the drums that somebody forgot."""
        for scene in SCENES:
            self.stage(scene)
        for due in DUE_AT_FIRM:
            self.forget(self.firm(0), due)
        for number, due in enumerate(DUE_ELSEWHERE, 1):
            self.forget(self.firm(number), due)
        self.story.at(self.story.working_day(6, time(9, 0)), self.log_by_mistake)
        self.story.at(self.story.working_day(1, time(16, 0)), self.log_only)

    def firm(self, number: int) -> Party:
        """A firm by its number; the first is itself alone, however few there are."""
        firms = self.story.district.firms
        return firms[0] if number == 0 else firms[1 + (number - 1) % (len(firms) - 1)]

    def stage(self, scene: Scene) -> None:
        """Put down a scene: its drums some days before, then its steps."""
        story, sender = self.story, self.firm(scene.firm)
        drums: list[int] = []
        chosen: list[Waste] = []
        for number in range(scene.drums):
            when = story.working_day(scene.ago + 3, time(9 + number, 15))
            start = when.date() - timedelta(days=5)
            usual = self.choose(sender, scene.receiver, chosen)
            chosen.append(usual[0])
            self.log(sender, usual, when=when, start=start, into=drums)
        crews = story.district.crews["carrier2" if scene.receiver == "depot2" else "carrier"]
        trip = Trip(
            story,
            sender=sender,
            receiver=story.district.receivers[scene.receiver],
            crew=crews[0],
            drums=drums,
            rng=self.rng,
            judge=scene.judge,
        )
        trip.plan({step: self.time_of(scene, step) for step in scene.steps.split()})

    def choose(self, firm: Party, receiver: str, already: Sequence[Waste]) -> tuple[Waste, WasteStream]:
        """One of the firm's usual wastes that this receiver may take and that bears those on the lorry already."""
        fitting = [usual for usual in firm.streams if receiver.startswith("depot") or usual[0].plant == receiver]
        return self.rng.choice([usual for usual in fitting if go_together([*already, usual[0]])])

    def time_of(self, scene: Scene, step: str) -> datetime:
        days, clock = STEPS[step]
        if days < scene.ago:
            return self.story.working_day(scene.ago - days, clock)
        return self.story.now - timedelta(minutes=MINUTES_AGO[step])

    def log(
        self, firm: Party, usual: tuple[Waste, WasteStream], *, when: datetime, start: date, into: list[int]
    ) -> None:
        self.story.at(when, lambda now: self.story.log(firm, usual, start=start, now=now, rng=self.rng, into=into))

    def forget(self, firm: Party, due: int) -> None:
        """A drum that nobody calls a lorry for; it is due so many days from today."""
        usual, today = self.rng.choice(firm.streams), self.story.today
        start = today + timedelta(days=due - limit_for(["generator"], None, usual[0].code, today).days)
        # What a firm has when it joins, it logs then, with the day on which filling began.
        when = office_hours(max(self.story.first, start + timedelta(days=12)), self.rng)
        self.log(firm, usual, when=when, start=start, into=[])

    def log_by_mistake(self, now: datetime) -> None:
        firm = self.firm(2)
        drum = self.story.log(firm, firm.streams[0], start=now.date(), now=now, rng=self.rng, into=[])
        void(actor=firm.actor, container=drum, reason="重复登记", now=now)

    def log_only(self, now: datetime) -> None:
        """A drum that its firm has logged but not yet put into its store: its own scan does that."""
        firm = self.firm(1)
        waste, stream = firm.streams[0]
        data = {**waste.description, "mass_kg": waste.kg[0], "accumulation_start": now.date()}
        log_waste(actor=firm.actor, site=firm.depot.site, data=data, now=now, stream=stream)
