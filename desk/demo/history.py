"""The usual course of a district: firms fill drums and hand them over, depots send them on, plants treat them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import partial
from random import Random

from desk.demo.parties import Crew, Party
from desk.demo.story import Story, moment, office_hours
from desk.demo.trips import Trip, usual_plan
from desk.demo.wastes import Waste, go_together
from wastetrack.alerts.models import Alert, AlertState, Recheck
from wastetrack.alerts.services import sweep
from wastetrack.ledger.models import Entry
from wastetrack.regulations.parameters import parameter
from wastetrack.waste.models import Container, WasteStream

DAY_ENDS = time(23, 55)
LATELY = timedelta(days=10)
"""So long every day ends with a look at everything."""
DIFFERENCES = ("manifest.discrepancy", "manifest.settle")
"""Steps that a watch is told of by the log alone, and has to tell of on the same day."""
LORRY = 40
DIRECT = 5
"""Every fifth firm hands over to the plants itself."""
QUIET_DAYS = 15
"""The first firm's last pickup lies so long ago, so that its list today is short enough to read."""
SEND_ON_DAYS, USUAL_FIRMS = 18, 44
"""How often a depot of the usual district sends to a plant; with more firms, in proportion more often."""
FORGOTTEN = 5
"""How many drums a depot leaves standing until they are due, and as many until they are overdue."""


class Forgetful:
    """A depot that leaves a few drums standing: some until they are nearly due, some until they are overdue."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.soon = now + timedelta(days=int(parameter("storage.warn_days").value))
        self.left = {"late": FORGOTTEN, "soon": FORGOTTEN}

    def __call__(self, container: Container) -> bool:
        due = container.storage_deadline
        if due is None or due >= self.soon:
            return False
        kind = "late" if due < self.now else "soon"
        self.left[kind] -= 1
        return self.left[kind] >= 0


class UsualCourse:
    """Puts down the days from the first to yesterday."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.depots = {"depot": Forgetful(story.now), "depot2": Forgetful(story.now)}

    def put_down(self) -> None:
        """All of it: the clock, every firm, every depot."""
        self.story.at(moment(self.story.first, time.min), sweep)
        for ago in range(self.story.days, -1, -1):
            self.story.at(moment(self.story.today - timedelta(days=ago), DAY_ENDS), self.end_day)
        for number, firm in enumerate(self.story.district.firms):
            for usual in firm.streams:
                self.fill(firm, usual)
            self.hand_over(number, firm)
        for key in self.depots:
            self.send_on(key)

    def end_day(self, now: datetime) -> None:
        """Say what the day has brought, as a site does that sweeps all the time.

        Of a day long ago only what has a date of its own: to look at everything would take as long as all the rest.
        """
        # What is warned of and due later is looked at every day, and nothing is said of it.
        due = Alert.objects.filter(next_at__lte=now).exclude(state=AlertState.WARNED, due_at__gt=now)
        differing = Entry.objects.filter(index=None, kind__in=DIFFERENCES)
        if now > self.story.now - LATELY or due.exists() or differing.exists():
            # In this district nothing changes without an entry: daily looks in case it does wait for the last sweep.
            Recheck.objects.filter(daily=True).update(next_at=now + timedelta(minutes=1))
            sweep(now)

    def fill(self, firm: Party, usual: tuple[Waste, WasteStream]) -> None:
        """The firm fills a container of this waste every so many days."""
        story, waste = self.story, usual[0]
        rng = story.random(f"fill {firm.organisation.uscc} {waste.code} {waste.name}")
        every = min(waste.every_days, story.days // 3)
        day = story.first + timedelta(days=rng.randrange(every))
        while day < story.today:
            when = office_hours(day, rng)
            start = day - timedelta(days=rng.randrange(min(every, 21)))
            if story.in_the_past(when):
                story.at(when, partial(self.log, firm, usual, start, rng))
            day += timedelta(days=max(1, round(every * rng.uniform(0.7, 1.3))))

    def log(self, firm: Party, usual: tuple[Waste, WasteStream], start: date, rng: Random, now: datetime) -> None:
        """One container, which the next lorry may take."""
        self.story.log(firm, usual, start=start, now=now, rng=rng, into=self.story.ready_at(firm))

    def hand_over(self, number: int, firm: Party) -> None:
        """A lorry comes every few weeks and takes what has gathered, to a depot or directly to the plants."""
        story = self.story
        rng = story.random(f"hand over {firm.organisation.uscc}")
        every = min(70, story.days // 3)
        own_depot = "depot" if number % 2 == 0 else "depot2"
        crews = story.district.crews["carrier" if number % 2 == 0 else "carrier2"]
        targets = ("plant", "plant2") if number % DIRECT == DIRECT - 1 else (own_depot,)
        day = story.first + timedelta(days=rng.randrange(every // 4, every))
        last = story.today - timedelta(days=QUIET_DAYS if number == 0 else 0)
        while day < last:
            for target in targets:
                self.transfer(firm, target, rng.choice(crews), office_hours(day, rng), rng)
            day += timedelta(days=max(1, round(every * rng.uniform(0.8, 1.2))))

    def send_on(self, key: str) -> None:
        """A depot sends to each plant what that one treats, every two or three weeks."""
        story = self.story
        rng = story.random(f"send on {key}")
        crews = story.district.crews["carrier" if key == "depot" else "carrier2"]
        every = min(SEND_ON_DAYS * USUAL_FIRMS // max(len(story.district.firms), USUAL_FIRMS), story.days // 5)
        day = story.first + timedelta(days=2 * every)
        while day < story.today:
            for target in ("plant", "plant2"):
                self.transfer(story.district.receivers[key], target, rng.choice(crews), office_hours(day, rng), rng)
            day += timedelta(days=max(1, round(every * rng.uniform(0.8, 1.2))))

    def transfer(self, sender: Party, target: str, crew: Crew, begin: datetime, rng: Random) -> None:
        """Put down one transfer of whatever the sender has for this receiver when it begins."""
        story = self.story
        receiver = story.district.receivers[target]
        trip = Trip(
            story, sender=sender, receiver=receiver, crew=crew, drums=[], rng=rng, forgets=self.depots.get(target)
        )
        to_plant = target not in self.depots
        steps = usual_plan(begin, rng, to_plant=to_plant)
        if story.in_the_past(begin):
            story.at(begin, lambda now: load(trip, target if to_plant else None))
        trip.plan({name: when for name, when in steps.items() if story.in_the_past(when)})


def load(trip: Trip, plant: str | None) -> None:
    """Take what is ready, for a plant only what it treats; no more than a lorry holds."""
    ready, waste_of = trip.story.ready_at(trip.sender), trip.story.waste_of
    kinds = set[Waste]()
    trip.drums.clear()
    for pk in ready:
        waste = waste_of[pk]
        if (plant is None or waste.plant == plant) and len(trip.drums) < LORRY and go_together({*kinds, waste}):
            kinds.add(waste)
            trip.drums.append(pk)
    taken = set(trip.drums)
    ready[:] = [pk for pk in ready if pk not in taken]
