"""What must have been told, computed from the diary alone by brute force: no watch, no sweep, no table of alerts.

At each moment at which there was a sweep every rule is asked for everything, whatever has changed. A rule is the law's
text or the figure that the project sets where the law has none; figures are written out here once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from tests.clock.district import DEPOTS, FIRMS, OIL, PLANT, RAGS, Diary, Drum, Load, Spot
from tests.world import ZONE
from wastetrack.regulations.calendar import add_working_days

DAY = timedelta(days=1)
FIGURES: Mapping[str, float] = {
    "alerts.escalate_days": 7,
    "storage.warn_days": 30,
    "storage_point.max_kg": 3_000,
    "storage_point.warn_percent": 80,
}
"""Those that somebody changes while the district lives."""
NOT_ESCALATED = {
    *("bay_full", "bay_places", "vehicle_expiry", "contract_expiry", "approval", "deviation", "generation_jump"),
    *("permit_renewal", "permit_expiry", "neighbours"),
}
"""What is the firm's own business, or has broken nothing yet, stays with it; of what may burn, and of what the district
alone can end, it is told at once."""


def first_of(day: date) -> datetime:
    return datetime.combine(day, time.min, ZONE)


def last_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), ZONE)


@dataclass(frozen=True)
class Cause:
    """Somebody is to be warned from a time on and late after another; or, without, of a level: `over` or nearly."""

    who: str
    warn: datetime | None = None
    due: datetime | None = None
    over: bool = False
    which: str = ""
    """The period or month that it is about: another is another alert."""


@dataclass
class Told:
    """One alert that must have been, by the days on which it came to each state."""

    kind: str
    about: str
    who: str
    since: datetime
    which: str = ""
    stage: int = 0
    """0 quiet, 1 warned, 2 overdue, 3 with the district."""
    late_since: datetime | None = None
    days: tuple[date | None, ...] = (None, None, None, None)
    """Opened, overdue, escalated, resolved."""

    def mark(self, place: int, at: datetime) -> None:
        days = list(self.days)
        days[place] = at.date()
        self.days = tuple(days)


Causes = Iterator[tuple[str, str, Cause]]


class Oracle:
    """`told()` is every alert there must have been. `bays` are what the district's bays hold: (bund, mass, places)."""

    def __init__(self, diary: Diary, bays: Mapping[int, Any], depots: Mapping[str, Any], own: Any) -> None:
        self.diary, self.bays, self.depots = diary, bays, depots
        self.own = own
        """Each organisation's own entries about containers, in order: when."""
        self.drums = list(diary.drums.values())

    # --- from causes to alerts, moment by moment --------------------------------------------------------------

    def told(self) -> list[Told]:
        open_now: dict[tuple[str, str], Told] = {}
        done: list[Told] = []
        for now in self.diary.sweeps:
            causes = {(kind, about): cause for kind, about, cause in self.causes(now)}
            for key in [*open_now]:
                alert, cause = open_now[key], causes.get(key)
                other = cause is None or (cause.who, cause.which) != (alert.who, alert.which)
                if cause is None or other or self._stage(cause, alert, now) < min(alert.stage, 2):
                    if alert.stage:
                        alert.mark(3, now)
                        done.append(alert)
                    del open_now[key]
            for key, cause in causes.items():
                alert = open_now.setdefault(key, Told(*key, cause.who, now, cause.which))
                self._step(alert, cause, now)
        return done + [alert for alert in open_now.values() if alert.stage]

    def _stage(self, cause: Cause, alert: Told, now: datetime) -> int:
        if cause.warn is None or cause.due is None:
            return 2 if cause.over else 1
        return 2 if cause.due <= now else 1 if cause.warn <= now else 0

    def _step(self, alert: Told, cause: Cause, now: datetime) -> None:
        stage = self._stage(cause, alert, now)
        if stage and not alert.stage:
            alert.mark(0, now)
        if stage == 2 and alert.stage < 2:
            alert.mark(1, now)
        alert.stage = max(alert.stage, stage)
        if alert.stage < 2:
            return
        if cause.due is None:
            alert.late_since = alert.late_since or now
        else:
            alert.late_since = cause.due
        days = self.figure("alerts.escalate_days", alert.who, now)
        due = alert.late_since + timedelta(days=days)
        if alert.stage == 2 and due <= now and alert.kind not in NOT_ESCALATED:
            alert.stage = 3
            alert.mark(2, now)

    # --- figures ------------------------------------------------------------------------------------------------

    def figure(self, key: str, who: str, now: datetime) -> float:
        district, own = FIGURES[key], None
        for at, scope, name, changed, value in self.diary.figures:
            if at > now or changed != key:
                continue
            if scope == "district":
                district = FIGURES[key] if value is None else value
            elif name == who:
                own = value
        if own is None:
            return district
        return max(own, district) if key == "storage.warn_days" else min(own, district)

    # --- the rules ------------------------------------------------------------------------------------------------

    def causes(self, now: datetime) -> Causes:
        rules: list[Callable[[datetime], Causes]] = [
            *(self.storage, self.labels, self.storage_points, self.depot_full, self.in_bays, self.loads),
            *(self.plans, self.permits, self.masses, self.papers, self.filings, self.silence, self.jumps),
        ]
        for rule in rules:
            yield from rule(now)

    def standing(self, now: datetime) -> Iterator[tuple[Drum, Spot]]:
        for drum in self.drums:
            if drum.logged <= now:
                for spot in drum.spots:
                    if spot.since <= now and (spot.until is None or spot.until > now):
                        yield drum, spot

    @staticmethod
    def mass(drum: Drum, now: datetime) -> int:
        return [grams for at, grams in drum.masses if at <= now][-1]

    def storage(self, now: datetime) -> Causes:
        """A year where it stands, from when it was begun to be filled or came in; waste oil with a collection permit 90
        working days (Order 408, 20). Warned 30 days before, or 20 working days."""
        for drum, spot in self.standing(now):
            since = spot.since.date()
            if spot.holder == "depot2" and drum.waste_code == OIL:
                last = add_working_days(since, 90)
                warn = add_working_days(last, -20)
            else:
                last = since + timedelta(days=365)
                warn = last - timedelta(days=self.figure("storage.warn_days", spot.holder, now))
            yield "storage", f"container:{drum.code}", Cause(spot.holder, first_of(warn), last_of(last))

    def labels(self, now: datetime) -> Causes:
        """Every container bears a label (HJ 1276); ours: printed within a day."""
        for drum, spot in self.standing(now):
            if drum.printed is None or drum.printed > now:
                due = drum.logged + DAY
                yield "unlabelled", f"container:{drum.code}", Cause(spot.holder, due, due)

    def storage_points(self, now: datetime) -> Causes:
        """Never more than 3 t in a storage point (GB 18597, 8.3.5); warned from 80 %."""
        for name in FIRMS:
            grams = sum(self.mass(drum, now) for drum, spot in self.standing(now) if spot.holder == name)
            most = self.figure("storage_point.max_kg", name, now) * 1000
            if grams > most:
                yield "storage_point", f"depot:{self.depots[name].pk}", Cause(name, over=True)
            elif grams and grams * 100 >= most * self.figure("storage_point.warn_percent", name, now):
                yield "storage_point", f"depot:{self.depots[name].pk}", Cause(name)

    def depot_full(self, now: datetime) -> Causes:
        """Not more than it was designed for (HJ 1259, 5.5.2.2); warned from 80 %."""
        most = 9_000_000
        grams = sum(self.mass(drum, now) for drum, spot in self.standing(now) if spot.holder == "depot")
        if grams * 10 >= most * 8:
            yield "depot_full", f"depot:{self.depots['depot'].pk}", Cause("depot", over=grams > most)

    def in_bays(self, now: datetime) -> Causes:
        """Mass and places of a bay, its bund (GB 18597, 6.2.2), and what must stand apart."""
        there = defaultdict[int, list[Drum]](list)
        holder: dict[int, str] = {}
        for drum, spot in self.standing(now):
            if spot.bay is not None:
                there[spot.bay].append(drum)
                holder[spot.bay] = spot.holder
        apart = [apart for at, apart in self.diary.apart if at <= now]
        for bay, drums in there.items():
            about, who = f"bay:{bay}", holder[bay]
            bund_l, most_g, places = self.bays[bay]
            grams = sum(self.mass(drum, now) for drum in drums)
            if most_g and grams * 10 >= most_g * 8:
                yield "bay_full", about, Cause(who, over=grams > most_g)
            if places and len(drums) * 10 >= places * 8:
                yield "bay_places", about, Cause(who, over=len(drums) > places)
            volumes = [drum.volume_l for drum in drums if drum.liquid]
            if bund_l is not None and volumes and max(max(volumes), sum(volumes) / 10) > bund_l:
                yield "bund", about, Cause(who, over=True)
            if apart and apart[-1] and {OIL, RAGS} <= {drum.waste_code for drum in drums}:
                yield "neighbours", about, Cause(who, over=True)

    def loads(self, now: datetime) -> Causes:
        """On the road 48 h; confirmed within 5 working days (Measures, 18); what differs agreed on within 7 days."""
        for load in self.diary.loads:
            about = f"manifest:{load.number}"
            if load.departed and load.departed <= now and not (load.delivered and load.delivered <= now):
                due = load.departed + timedelta(hours=48)
                yield "transit", about, Cause("carrier", due - timedelta(hours=12), due)
            if load.delivered and load.delivered <= now and not (load.complete and load.complete <= now):
                day = load.delivered.date()
                warn, last = first_of(add_working_days(day, 4)), last_of(add_working_days(day, 5))
                yield "receipt", about, Cause(load.receiver, warn, last)
            yield from self._difference(load, about, now)

    def _difference(self, load: Load, about: str, now: datetime) -> Causes:
        since = self._differs_since(load)
        if since is None or since > now or (load.settled and load.settled <= now):
            return
        if load.differs == "significant":
            last = last_of(since.date() + timedelta(days=7))
            yield "discrepancy", about, Cause(load.sender, since, last)
        elif now < since + timedelta(days=30):
            yield "deviation", about, Cause(load.sender)

    @staticmethod
    def _differs_since(load: Load) -> datetime | None:
        off = [at for code, (at, grams) in load.received.items() if _noted(load.declared[code], grams)]
        return min(off, default=None)

    def plans(self, now: datetime) -> Causes:
        """No more than planned to each receiver (Measures, 14); warned from 90 %. Told until the year is declared."""
        for name in FIRMS:
            for year in {at.year for at, *_ in self.diary.planned} | {now.year, now.year - 1}:
                planned: dict[tuple[str, str], int] = {}
                for at, who, of, code, to, grams in self.diary.planned:
                    if (who, of) == (name, year) and at <= now:
                        planned[code, to] = grams
                if not planned or now >= first_of(date(year + 1, 4, 1)):
                    continue
                sent = self._sent(name, year, now)
                site = f"plan:{self.depots[name].site.code}:{year}"
                if any(grams > planned.get(key, 0) for key, grams in sent.items()):
                    yield "plan", site, Cause(name, over=True)
                elif any(grams * 10 >= planned[key] * 9 for key, grams in sent.items()):
                    yield "plan", site, Cause(name)

    def _sent(self, name: str, year: int, now: datetime) -> dict[tuple[str, str], int]:
        sent = defaultdict[tuple[str, str], int](int)
        for load in self.diary.loads:
            if load.sender == name and load.issued <= now and load.issued.year == year:
                for code, grams in load.declared.items():
                    at, found = load.received.get(code, (now, grams))
                    sent[self.diary.drums[code].waste_code, load.receiver] += found if at <= now else grams
        return sent

    def permits(self, now: datetime) -> Causes:
        """Renewal is asked for 30 working days before the end (Order 408, 13): told 10 days before that, or 60 before
        the end if that is earlier, to the last day of asking; from then on its end is. A carrier's is told
        30 days before."""
        for pk, who, kind, last, _ in self.diary.permits:
            about = f"permit:{pk}"
            if kind == "transport":
                yield "permit_expiry", about, Cause(who, first_of(last - 30 * DAY), last_of(last))
                continue
            asked = add_working_days(last, -30)
            yield "permit_expiry", about, Cause(who, first_of(asked + DAY), last_of(last))
            if now <= last_of(asked):
                warn = min(asked - 10 * DAY, last - 60 * DAY)
                yield "permit_renewal", about, Cause(who, first_of(warn), last_of(asked))

    def masses(self, now: datetime) -> Causes:
        """What comes in a year by a permit (Order 408, 12): warned from 80 %, reached at 100 %, anew past 120 %."""
        for _, who, kind, last, granted in self.diary.permits:
            if granted is None or kind == "transport" or last < now.date():
                continue
            taken = 0
            for load in self.diary.loads:
                if load.receiver != who or load.issued > now:
                    continue
                for code, grams in load.declared.items():
                    at, found = load.received.get(code, (None, grams))
                    if at is None or at > now:
                        taken += grams
                    elif at.year == now.year:
                        taken += found
            if taken * 100 > granted * 120:
                yield "permit_overrun", self._organisation(who), Cause(who, over=True)
            elif taken * 100 >= granted * 80:
                yield "permit_mass", self._organisation(who), Cause(who, over=taken >= granted)

    def papers(self, now: datetime) -> Causes:
        """Vehicles and contracts 30 days before they end, approvals too; what is only ended is told as long after."""
        last = {plate: ends for at, plate, ends in self.diary.vehicles if at <= now}
        for plate, ends in last.items():
            if ends is not None:
                yield "vehicle_expiry", plate, Cause("old carrier", first_of(ends - 30 * DAY), last_of(ends))
        signed = [one for one in self.diary.contracts if one[0] <= now]
        for _, number, who, partner, ends in signed:
            newer = any(one[2:4] == (who, partner) and one[4] > ends for one in signed)
            if not newer and now < first_of(ends + 31 * DAY):
                yield "contract_expiry", number, Cause(who, first_of(ends - 30 * DAY), last_of(ends))
        for at, number, who, ends in self.diary.approvals:
            if at <= now < first_of(ends + 31 * DAY):
                yield "approval", number, Cause(who, first_of(ends - 30 * DAY), last_of(ends))

    # --- what is filed with the authority ----------------------------------------------------------------------

    def filings(self, now: datetime) -> Causes:
        """A plan by 31 March (HJ 1259, 5.2.2); a declaration of the year by the next 31 March, and for who generates
        10 t a year of each quarter by the 15th after it (7.2). The earliest not filed counts; warned 10 days before."""
        for name in FIRMS:
            first = min((drum.logged for drum in self.drums if drum.firm == name and drum.logged <= now), default=None)
            if first is None:
                continue
            filed = {(kind, period) for at, who, kind, period in self.diary.filed if who == name and at <= now}
            plans = [(date(year, 3, 31), f"{year}") for year in range(first.year, first.year + 4)]
            plans = [one for one in plans if one[0] >= first.date() and ("plan", one[1]) not in filed]
            years = [(date(year + 1, 3, 31), f"{year}") for year in range(first.year, first.year + 4)]
            declared = [
                one for one in sorted(years + self._quarters(name, first, now)) if ("declaration", one[1]) not in filed
            ]
            for kind, duties in (("management_plan", plans), ("declaration", declared)):
                day, period = duties[0]
                cause = Cause(name, first_of(day - 10 * DAY), last_of(day), which=period)
                yield kind, self._organisation(name), cause

    def _quarters(self, name: str, first: datetime, now: datetime) -> list[tuple[date, str]]:
        found: list[tuple[date, str]] = []
        year, quarter = first.year, (first.month - 1) // 3 + 1
        while True:
            year, quarter = (year, quarter + 1) if quarter < 4 else (year + 1, 1)
            begins = date(year, quarter * 3 - 2, 1)
            if begins > now.date():
                return found
            by_year = defaultdict[int, int](int)
            for drum in self.drums:
                if drum.firm == name and drum.logged.date() < begins:
                    by_year[drum.logged.year] += self.mass(drum, now)
            if max(by_year.values(), default=0) >= 10_000_000:
                after = date(year + quarter // 4, quarter * 3 % 12 + 1, 15)
                found.append((after, f"{year}-Q{quarter}"))

    def silence(self, now: datetime) -> Causes:
        """Stock stands and for 60 days its holder has written nothing about any container; overdue after 30 more."""
        holders = {spot.holder for _, spot in self.standing(now)}
        for name in holders:
            said = [at for at in self.own.get(name, ()) if at <= now]
            if said:
                day = said[-1].date() + 60 * DAY
                yield "ledger_silent", self._organisation(name), Cause(name, first_of(day), last_of(day + 30 * DAY))

    def jumps(self, now: datetime) -> Causes:
        """Half as much again as the month before, or half of it; a fall shows when the month is over. From 100 kg."""
        this = now.date().replace(day=1)
        before, earlier = (this - DAY).replace(day=1), ((this - DAY).replace(day=1) - DAY).replace(day=1)
        for name in FIRMS:
            grams = defaultdict[date, int](int)
            for drum in self.drums:
                if drum.firm == name and drum.logged <= now:
                    grams[drum.logged.date().replace(day=1)] += self.mass(drum, now)
            rise = grams[before] >= 100_000 and (grams[this] - grams[before]) * 2 >= grams[before]
            past = grams[earlier] >= 100_000 and abs(grams[before] - grams[earlier]) * 2 >= grams[earlier]
            if rise or past:
                month = this if rise else before
                yield "generation_jump", self._organisation(name), Cause(name, which=f"{month:%Y-%m}")

    def _organisation(self, name: str) -> str:
        return f"organisation:{name}"


def _noted(declared_g: int, found_g: int) -> bool:
    off = abs(declared_g - found_g)
    return off * 100 > declared_g * 3 or off > 50_000


__all__ = ["DEPOTS", "PLANT", "Oracle", "Told"]
