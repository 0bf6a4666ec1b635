"""The thread of a demo year: what happens is put down with its time, and then done in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from random import Random

from django.utils import timezone

from depots.services import log_into
from desk.demo.parties import District, Party
from desk.demo.wastes import Waste
from labels.services import log_prints
from wastetrack.regulations.calendar import add_working_days, is_working_day
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, WasteStream

Step = Callable[[datetime], object]


class Story:
    """A district's days up to `now`. What is put down for later than `now` stays undone: it is the open end."""

    def __init__(self, district: District, *, now: datetime, days: int, seed: int) -> None:
        self.district = district
        self.now = now
        self.today = timezone.localdate(now)
        self.first = self.today - timedelta(days=days)
        self.days = days
        self.seed = seed
        self.waste_of: dict[int, Waste] = {}
        """What a container holds, by its id."""
        self.ready: dict[int, list[int]] = {}
        """Containers that their holder (by organisation id) may send on in the usual course of things."""
        self._due: list[tuple[datetime, int, Step]] = []
        self._put_down = 0

    def at(self, when: datetime, step: Step) -> None:
        """Put down a step."""
        heapq.heappush(self._due, (when, self._put_down, step))
        self._put_down += 1

    def tell(self) -> None:
        """Do every step up to `now`, those of one moment in the order they were put down."""
        while self._due and self._due[0][0] <= self.now:
            when, _, step = heapq.heappop(self._due)
            step(when)

    def random(self, name: str) -> Random:
        """Chance that depends on the seed and this name alone."""
        return Random(f"{self.seed}/{name}")

    def working_day(self, ago: int, clock: time) -> datetime:
        """A time on the n-th working day before today."""
        return moment(add_working_days(self.today, -ago), clock)

    def in_the_past(self, when: datetime) -> bool:
        """Whether it lies before today: the usual course ends with yesterday, whatever the hour is now."""
        return timezone.localdate(when) < self.today

    def log(
        self,
        firm: Party,
        usual: tuple[Waste, WasteStream],
        *,
        start: date,
        now: datetime,
        rng: Random,
        into: list[int],
    ) -> Container:
        """The firm logs a container of one of its usual wastes into its storage point, and prints its label."""
        waste, stream = usual
        grams = rng.randint(waste.kg[0] * 10, waste.kg[1] * 10) * 100
        data = {**waste.description, "mass_kg": kg_text(grams), "accumulation_start": start}
        container = log_into(actor=firm.actor, depot=firm.depot, data=data, now=now, stream=stream)
        log_prints(actor=firm.actor, containers=[container], layout="single", now=now)
        self.waste_of[container.pk] = waste
        into.append(container.pk)
        return container

    def ready_at(self, party: Party) -> list[int]:
        return self.ready.setdefault(party.organisation.pk, [])


def moment(day: date, clock: time) -> datetime:
    """A local time of a day."""
    return timezone.make_aware(datetime.combine(day, clock))


def shift(when: datetime, working_days: int, clock: time) -> datetime:
    """A local time some working days after a moment."""
    return moment(add_working_days(timezone.localdate(when), working_days), clock)


def office_hours(day: date, rng: Random) -> datetime:
    """Some time between 8:00 and 17:00 of this day, or of the next working day."""
    while not is_working_day(day):
        day += timedelta(days=1)
    return moment(day, time(8)) + timedelta(minutes=rng.randrange(9 * 60))
