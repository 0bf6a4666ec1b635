"""A small district that lives through many days by the real services, and a diary of what happened in it.

Everything is drawn from one seed: who fills what when, how long a load is on its way, who forgets to print, to confirm,
to file, to renew. The diary is what the oracle knows; it is written here, beside each step, and read from no watch.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from depots.models import Bay, Depot, DepotKind, Stay
from depots.services import log_into
from labels.services import print_labels
from manifests import services as manifests
from manifests.models import Manifest
from manifests.services.contracts import record_contract
from manifests.services.planning import plan_transfer, record_approval
from manifests.services.treatment import Treated, treat
from tests.world import DRUM, ZONE, World
from wastetrack.alerts.services import sweep
from wastetrack.districts.models import Figure
from wastetrack.districts.services import set_figure, set_pair, tighten, withdraw
from wastetrack.errors import Refused
from wastetrack.fleet import end_vehicle, set_vehicle
from wastetrack.parties.models import Vehicle
from wastetrack.waste.models import Container

from compliance.services import record_filing  # isort: skip

HERE, FAR = "330602", "310115"
OIL, RAGS = "900-249-08", "900-041-49"
GROUPS = {OIL: "4-A", RAGS: "5-A"}
"""What the two wastes react with; the rules let them stand together until the district says otherwise."""
HAZARDS = {OIL: "T I", RAGS: "T"}
FIRMS = [f"firm{number:02}" for number in range(1, 13)]
MONDAY, TUESDAY, THURSDAY = 0, 1, 3
DEPOTS, PLANT = ["depot", "depot2"], "plant"


@dataclass
class Spot:
    """A drum stands with somebody; in a depot's bay or in none."""

    since: datetime
    holder: str
    depot: int
    bay: int | None
    until: datetime | None = None


@dataclass
class Drum:
    code: str
    firm: str
    waste_code: str
    liquid: bool
    volume_l: int
    logged: datetime
    masses: list[tuple[datetime, int]]
    spots: list[Spot]
    printed: datetime | None = None


@dataclass
class Load:
    """A manifest; `received` by code: when, and grams."""

    number: str
    sender: str
    receiver: str
    declared: dict[str, int]
    issued: datetime
    departed: datetime | None = None
    delivered: datetime | None = None
    received: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    differs: str = ""
    """`notice` or `significant`."""
    settled: datetime | None = None

    @property
    def complete(self) -> datetime | None:
        """When its last line was received."""
        return max(at for at, _ in self.received.values()) if len(self.received) == len(self.declared) else None


@dataclass
class Diary:
    drums: dict[str, Drum] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)
    filed: list[tuple[datetime, str, str, str]] = field(default_factory=list)
    """When, who, which kind, which period."""
    planned: list[tuple[datetime, str, int, str, str, int]] = field(default_factory=list)
    """When, who, for which year, which code, to whom, grams."""
    vehicles: list[tuple[datetime, str, date | None]] = field(default_factory=list)
    """When, which, the last day from then on; None: it was given away."""
    contracts: list[tuple[datetime, str, str, str, date]] = field(default_factory=list)
    """When, its number, between whom, its last day."""
    approvals: list[tuple[datetime, str, str, date]] = field(default_factory=list)
    """When, its number, whose, its last day."""
    permits: list[tuple[str, str, str, date, int | None]] = field(default_factory=list)
    """Its number, whose, which kind, its last day, grams a year."""
    figures: list[tuple[datetime, str, str, str, float | None]] = field(default_factory=list)
    """When, which scope (`district` or an organisation), whose, which figure, its value; None: taken back."""
    apart: list[tuple[datetime, bool]] = field(default_factory=list)
    """When the district says that the two wastes must stand apart, or need not."""
    sweeps: list[datetime] = field(default_factory=list)


class District:
    """`live(days)` and then read `diary`. `names` tells how the alerts' subjects name what the diary names."""

    def __init__(self, seed: int, start: date) -> None:
        self.chance = random.Random(seed)
        self.now = datetime.combine(start, time(7), ZONE)
        self.start, self.diary, self.world = start, Diary(), World()
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._figures: list[Figure] = []
        self._swept_till = start - timedelta(days=1)
        self._number = itertools.count()
        self._settle_in()

    # --- the cast ------------------------------------------------------------------------------------------

    def _settle_in(self) -> None:
        world = self.world
        for name in FIRMS:
            world.add(name, "generator", HERE)
            world.add_depot(name, DepotKind.STORAGE_POINT)
        for name, kind, grams, ends in (
            ("depot", "pilot", 60_000_000, date(2030, 12, 31)),
            ("depot2", "collection", 25_000_000, date(2030, 12, 31)),
        ):
            world.add(name, "collector", HERE)
            permit = self._permit(name, "HW08 HW49", kind, ends, grams)
            world.add_depot(name, DepotKind.COLLECTION_DEPOT, bays=3, permit=permit)
        Depot.objects.filter(pk=world.depots["depot"].pk).update(capacity_g=9_000_000)
        first, second, _ = Bay.objects.filter(depot=world.depots["depot"]).order_by("code")
        Bay.objects.filter(pk=first.pk).update(capacity_g=4_000_000, places=14, bund_l=500)
        Bay.objects.filter(pk=second.pk).update(capacity_g=3_000_000, bund_l=1_000)
        world.add(PLANT, "treater", HERE)
        permit = self._permit(PLANT, "HW08 HW49", "comprehensive", date(2030, 12, 31), 14_000_000)
        world.add_depot(PLANT, DepotKind.PLANT_STORE, bays=2, permit=permit)
        world.add("carrier", "carrier", HERE)
        self._permit("carrier", "", "transport", date(2030, 12, 31), None)
        world.add("old carrier", "carrier", HERE)
        self._permit("old carrier", "", "transport", self._in(220), None)
        world.add("old depot", "collector", HERE)
        self._permit("old depot", "HW08", "comprehensive", self._in(150), 1_000_000)
        world.add("far plant", "treater", FAR)
        self._permit("far plant", "HW08", "comprehensive", date(2030, 12, 31), 9_000_000_000)
        world.add("regulator", "regulator", HERE)
        Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00001", capacity_g=30_000_000)

    def _permit(self, name: str, codes: str, kind: str, ends: date, grams: int | None) -> Any:
        permit = self.world.permit(name, codes, kind=kind, until=ends)
        type(permit).objects.filter(pk=permit.pk).update(yearly_mass_g=grams)
        permit.yearly_mass_g = grams
        self.diary.permits.append((str(permit.pk), name, kind, ends, grams))
        return permit

    def _in(self, days: int) -> date:
        return self.start + timedelta(days=days)

    def _on(self, days: int, *weekdays: int) -> date:
        """The first of these weekdays from a day on: drums are filled and fetched on their days."""
        return next(day for day in map(self._in, itertools.count(days)) if day.weekday() in weekdays)

    # --- time ----------------------------------------------------------------------------------------------

    def at(self, moment: datetime, work: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._number), work))

    def soon(self, hours: float, work: Callable[[], None]) -> None:
        self.at(self.now + timedelta(hours=hours), work)

    def hour(self, day: date, first: float = 8, last: float = 18) -> datetime:
        return datetime.combine(day, time.min, ZONE) + timedelta(seconds=self.chance.randint(*_seconds(first, last)))

    def live(self, days: int) -> Diary:
        """Let so many days go by."""
        self._plan_ahead(days)
        end = datetime.combine(self._in(days), time(23), ZONE)
        for number in range(days):
            for _ in range(self.chance.choice([0, 0, 0, 1, 1, 2])):
                self.at(self.hour(self._in(number), 0, 23.5), self._sweep)
        self.at(end, self._sweep)
        while self._agenda and self._agenda[0][0] <= end:
            self.now, _, work = heapq.heappop(self._agenda)
            work()
            if work != self._sweep and self._swept_till < self.now.date():
                # A day on which something happens ends with a sweep: what a step resolves itself is resolved that day.
                self._swept_till = self.now.date()
                self.at(datetime.combine(self._swept_till, time.max, ZONE), self._sweep)
        return self.diary

    def _sweep(self) -> None:
        self.diary.sweeps.append(self.now)
        sweep(self.now)

    # --- what will happen ----------------------------------------------------------------------------------

    def _plan_ahead(self, days: int) -> None:
        for name in FIRMS:
            self._working_life(name, days)
        for name in DEPOTS:
            for day in range(25, days, self.chance.randint(30, 45)):
                self.at(self.hour(self._on(day, TUESDAY)), lambda name=name: self._pick_up(name, PLANT, 14))
        for name in FIRMS:
            self._filings(name)
        self._papers(days)
        self._rules(days)

    def _working_life(self, name: str, days: int) -> None:
        number = FIRMS.index(name)
        big, every = number in (1, 2), self.chance.choice([14, 20, 30]) if number > 2 else 7
        day = self.chance.randint(0, 20)
        while day < days:
            self.at(self.hour(self._on(day, MONDAY, THURSDAY)), lambda: self._fill(name, big))
            day += self.chance.randint(1, 2 * every)
            if self.chance.random() < 0.04:
                # It stands still for a while: nothing is written.
                day += self.chance.randint(60, 110)
        if number == 3:
            # It never sends anything away.
            return
        for day in range(self.chance.randint(10, 40), days, self.chance.randint(25, 90) if not big else 34):
            to = self.chance.choice(DEPOTS)
            self.at(self.hour(self._on(day, TUESDAY)), lambda to=to: self._pick_up(name, to, 16))

    def _fill(self, name: str, big: bool) -> None:
        world, oil = self.world, self.chance.random() < 0.7
        liquid = oil and self.chance.random() < 0.3
        volume = 1_000 if big and not liquid else self.chance.choice([60, 200])
        mass = self.chance.randint(300, 900) if big else self.chance.randint(15, 190)
        code = OIL if oil else RAGS
        data = {
            **DRUM,
            "waste_code": code,
            "form": "L" if liquid else "S",
            "volume_l": volume,
            "mass_kg": str(mass),
            "accumulation_start": self.now.date().isoformat(),
            "hazards": HAZARDS[code],
            "reaction_groups": GROUPS[code],
        }
        row = log_into(actor=world.actor(name), depot=world.depots[name], data=data, now=self.now)
        spot = Spot(self.now, name, world.depots[name].pk, None)
        masses = [(self.now, mass * 1000)]
        self.diary.drums[row.code] = Drum(row.code, name, code, liquid, volume, self.now, masses, [spot])
        if (luck := self.chance.random()) < 0.93:
            self.soon(0.2 if luck < 0.7 else self.chance.uniform(1, 100), lambda: self._print(row.code))

    def _print(self, code: str) -> None:
        drum = self.diary.drums[code]
        if drum.spots[-1].holder == drum.firm and drum.spots[-1].until is None:
            print_labels(actor=self.world.actor(drum.firm), codes=[code], layout="single", now=self.now)
            drum.printed = self.now

    # --- loads ---------------------------------------------------------------------------------------------

    def _pick_up(self, sender: str, to: str, most: int) -> None:
        rows = Container.objects.filter(holder=self.world.organisations[sender], state="stored", disputed=False)
        drums = list(rows.order_by("logged_at", "pk"))
        # One waste a load: they may not always travel together.
        drums = [one for one in drums if one.waste_code == drums[0].waste_code][:most]
        if not drums:
            return
        try:
            manifest = self.world.issued(*drums, sender=sender, to=to, now=self.now)
        except Refused:
            return
        load = Load(manifest.number, sender, to, {one.code: one.mass_g for one in drums}, self.now)
        self.diary.loads.append(load)
        self.soon(self.chance.uniform(0.5, 30), lambda: self._depart(load))

    def _manifest(self, load: Load) -> Manifest:
        return Manifest.objects.get(number=load.number)

    def _depart(self, load: Load) -> None:
        try:
            manifests.depart(actor=self.world.actor("carrier"), manifest=self._manifest(load), now=self.now)
        except Refused:
            # What is on the lorry already must not meet it.
            self.soon(15, lambda: self._depart(load))
            return
        load.departed = self.now
        for code in load.declared:
            self.diary.drums[code].spots[-1].until = self.now
        hours = self.chance.choice([3, 8, 20, 40, 45, 60, 90])
        self.soon(hours + self.chance.random(), lambda: self._deliver(load))

    def _deliver(self, load: Load) -> None:
        manifests.deliver(actor=self.world.actor("carrier"), manifest=self._manifest(load), now=self.now)
        load.delivered = self.now
        self.soon(self.chance.choice([1, 5, 30, 90, 170, 260]) + self.chance.random(), lambda: self._receive(load))

    def _receive(self, load: Load) -> None:
        """Some of it or all of it; what has no room today waits for another day."""
        manifest = self._manifest(load)
        left = [line for line in manifest.lines.select_related("container").order_by("pk") if not line.outcome]
        if len(left) > 3 and not load.received and self.chance.random() < 0.3:
            left = left[: len(left) // 2]
        for line in left:
            factor = 1.0 if load.differs else self.chance.choice([1.0] * 22 + [1.02, 0.95, 1.05, 0.85])
            grams = round(line.mass_g * factor)
            if not self._receive_one(load, manifest, line, grams):
                break
        if load.complete is None:
            self.soon(self.chance.uniform(20, 60), lambda: self._receive(load))
        elif load.receiver == PLANT:
            self.soon(self.chance.uniform(30, 1_500), lambda: self._treat(load))

    def _receive_one(self, load: Load, manifest: Manifest, line: Any, grams: int) -> bool:
        depot, receiver = self.world.depots[load.receiver], self.world.actor(load.receiver)
        receipt = manifests.Receipt(line, mass_g=grams)
        try:
            manifests.receive(actor=receiver, manifest=manifest, receipts=[receipt], depot=depot, now=self.now)
        except Refused:
            return False
        code = line.container.code
        drum, stay = self.diary.drums[code], Stay.objects.get(container__code=code, left_at=None)
        drum.spots.append(Spot(self.now, load.receiver, depot.pk, stay.bay_id))
        drum.masses.append((self.now, grams))
        load.received[code] = self.now, grams
        if grade := _grade(line.mass_g, grams):
            load.differs = grade
            self.soon(self.chance.uniform(30, 1_000), lambda: self._agree(load, line, grams))
        return True

    def _agree(self, load: Load, line: Any, grams: int) -> None:
        for name in (load.receiver, load.sender):
            line.refresh_from_db()
            manifests.settle(
                actor=self.world.actor(name),
                manifest=self._manifest(load),
                line=line,
                mass_kg=f"{grams / 1000:.3f}",
                note="",
                now=self.now,
            )
        load.settled = self.now

    def _treat(self, load: Load) -> None:
        if load.differs and not load.settled:
            self.soon(50, lambda: self._treat(load))
            return
        drums = Container.objects.filter(code__in=load.declared)
        done = [Treated(drum, "R9", drum.mass_g, self.now) for drum in drums]
        treat(actor=self.world.actor(PLANT), manifest=self._manifest(load), treatments=done, now=self.now)
        for code in load.declared:
            self.diary.drums[code].spots[-1].until = self.now

    # --- filings, papers, plans, figures ---------------------------------------------------------------------

    def _filings(self, name: str) -> None:
        """Plans and yearly declarations of two years, and the quarters of a year; some late, some never."""
        year = self.start.year
        for kind, period, due in (
            *(("plan", f"{one}", date(one, 3, 31)) for one in (year + 1,)),
            *(("declaration", f"{one}", date(one + 1, 3, 31)) for one in (year,)),
            *(("declaration", f"{year + 1}-Q{n + 1}", date(year + 1, 3 * n + 4, 15)) for n in range(3)),
        ):
            if self.chance.random() < 0.85:
                latest = due + timedelta(days=self.chance.choice([-12, -9, -5, -1, 0, 1, 5, 9, 30]))
                self.at(self.hour(latest), lambda k=kind, p=period: self._file(name, k, p))

    def _file(self, name: str, kind: str, period: str) -> None:
        actor, day = self.world.actor(name), self.now.date().isoformat()
        record_filing(actor=actor, kind=kind, period=period, filed_on=day, reference=f"{period}", now=self.now)
        self.diary.filed.append((self.now, name, kind, period))

    def _papers(self, days: int) -> None:
        for number in range(2, 6):
            plate = f"浙D{number:05}"
            ends = self._in(self.chance.randint(20, 300))
            self.at(self.hour(self._in(0)), lambda p=plate, e=ends: self._vehicle(p, e))
            again = self.hour(ends + timedelta(days=self.chance.choice([-25, -2, 3, 15])))
            later = ends + timedelta(days=365) if number % 2 else None
            self.at(again, lambda p=plate, e=later: self._vehicle(p, e))
        for number, name in enumerate(FIRMS[:5]):
            ends = self._in(self.chance.randint(40, max(41, days - 60)))
            self.at(self.hour(self._in(0)), lambda n=name, e=ends: self._contract(n, f"{n}-1", e))
            if number % 2:
                again = self.hour(ends + timedelta(days=self.chance.choice([-20, -1, 10, 29])))
                later = ends + timedelta(days=365)
                self.at(again, lambda n=name, e=later: self._contract(n, f"{n}-2", e))
        for name in FIRMS[:2]:
            ends = self._in(self.chance.randint(60, 300))
            self.at(self.hour(self._in(0)), lambda n=name, e=ends: self._approval(n, e))
        for name in FIRMS[:6]:
            for year in (self.start.year, self.start.year + 1):
                for code in (OIL, RAGS):
                    for to in DEPOTS:
                        kg = self.chance.choice([400, 1_500, 6_000])
                        work = lambda n=name, y=year, c=code, t=to, kg=kg: self._plan(n, y, c, t, kg)  # noqa: E731
                        self.at(self.hour(self._in(1)), work)
            self.at(self.hour(self._in(self.chance.randint(150, 350))), lambda n=name: self._amend(n))

    def _vehicle(self, plate: str, ends: date | None) -> None:
        actor = self.world.actor("old carrier")
        if ends is None:
            end_vehicle(actor=actor, plate=plate, now=self.now)
        else:
            set_vehicle(actor=actor, plate=plate, valid_to=ends, now=self.now)
        self.diary.vehicles.append((self.now, plate, ends))

    def _contract(self, name: str, number: str, ends: date) -> None:
        partner = self.world.organisations["depot"]
        record_contract(
            actor=self.world.actor(name),
            number=number,
            partner=partner,
            purpose="take",
            valid_from=self.now.date(),
            valid_to=ends,
            now=self.now,
        )
        self.diary.contracts.append((self.now, number, name, "depot", ends))

    def _approval(self, name: str, ends: date) -> None:
        record_approval(
            actor=self.world.actor(name),
            number=f"批{name}",
            receiver=self.world.organisations["far plant"],
            waste_codes=[OIL],
            mass_kg="5000",
            method="R9",
            valid_from=self.now.date(),
            valid_to=ends,
            now=self.now,
        )
        self.diary.approvals.append((self.now, f"批{name}", name, ends))

    def _plan(self, name: str, year: int, code: str, to: str, kg: int) -> None:
        plan_transfer(
            actor=self.world.actor(name),
            site=self.world.depots[name].site,
            year=year,
            waste_code=code,
            receiver=self.world.organisations[to],
            mass_kg=str(kg),
            now=self.now,
        )
        self.diary.planned.append((self.now, name, year, code, to, kg * 1000))

    def _amend(self, name: str) -> None:
        """What was sent beyond the plan is planned after all."""
        for code in (OIL, RAGS):
            for to in DEPOTS:
                self._plan(name, self.now.year, code, to, self.chance.choice([8_000, 20_000]))

    def _rules(self, days: int) -> None:
        self.at(self.hour(self._in(90)), lambda: self._figure("storage_point.max_kg", 2_500))
        self.at(self.hour(self._in(180)), lambda: self._figure("alerts.escalate_days", 3))
        self.at(self.hour(self._in(200)), lambda: self._figure("storage_point.max_kg", None))
        self.at(self.hour(self._in(120)), lambda: self._own("firm04", "storage.warn_days", 60))
        self.at(self.hour(self._in(260)), lambda: self._own("firm04", "storage.warn_days", None))
        self.at(self.hour(self._in(100)), lambda: self._own("firm03", "storage_point.warn_percent", 50))
        self.at(self.hour(self._in(170)), lambda: self._apart(True))
        self.at(self.hour(self._in(290)), lambda: self._apart(False))

    def _figure(self, key: str, value: int | None) -> None:
        actor = self.world.actor("regulator")
        if value is None:
            (row,) = [one for one in self._figures if one.key == key]
            withdraw(actor=actor, row=row, now=self.now)
        else:
            self._figures.append(set_figure(actor=actor, key=key, value=value, source="演示文件", now=self.now))
        self.diary.figures.append((self.now, "district", "", key, value))

    def _own(self, name: str, key: str, value: int | None) -> None:
        tighten(actor=self.world.actor(name), key=key, value=value, now=self.now)
        self.diary.figures.append((self.now, "own", name, key, value))

    def _apart(self, apart: bool) -> None:
        pair = {"group_a": GROUPS[RAGS], "group_b": GROUPS[OIL], "apart": apart}
        set_pair(actor=self.world.actor("regulator"), source="演示决定", now=self.now, **pair)  # type: ignore[arg-type]
        self.diary.apart.append((self.now, apart))


def _seconds(first: float, last: float) -> tuple[int, int]:
    return round(first * 3600), round(last * 3600)


def _grade(declared_g: int, found_g: int) -> str:
    """How a difference is graded: noted above 3 % or 50 kg, significant above 10 %."""
    off = abs(declared_g - found_g)
    if off * 10 > declared_g:
        return "significant"
    return "notice" if off * 100 > declared_g * 3 or off > 50_000 else ""
