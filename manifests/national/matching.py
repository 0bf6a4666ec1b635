"""What the national system lists of an organisation against what stands here: what matches, differs or is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property

from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy

from manifests.deviation import Limits, limits_in, severity_of
from manifests.models import Line, Manifest, ManifestState, Outcome
from manifests.national.reading import Listed, Theirs
from manifests.services.numbers import series_of_national
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.units import tonnes

DAYS_APART = 3
"""As far as the two systems' days of one transfer may lie from each other."""
MOST_TOLERATED_G = 500
"""A list rounded to the kilogram or finer differs by its rounding alone; a coarser one is compared as it is."""


@dataclass(frozen=True)
class Ours:
    """A manifest of ours with its grams by waste code."""

    manifest: Manifest
    sent_g: Mapping[str, int]
    accepted_g: Mapping[str, int]

    @property
    def day(self) -> date:
        at = self.manifest.departed_at or self.manifest.issued_at
        assert at is not None
        return timezone.localdate(at)

    @property
    def sent_total_g(self) -> int:
        return sum(self.sent_g.values())

    @property
    def accepted_total_g(self) -> int | None:
        return sum(self.accepted_g.values()) if self.manifest.received_at else None

    @property
    def cancelled(self) -> bool:
        return self.manifest.state == ManifestState.CANCELLED


FIELDS = {
    "sender": gettext_lazy("Sender"),
    "receiver": gettext_lazy("Receiver"),
    "waste": gettext_lazy("Waste codes"),
    "planned": gettext_lazy("Mass sent"),
    "confirmed": gettext_lazy("Mass accepted"),
    "day": gettext_lazy("Day"),
    "voided": gettext_lazy("State"),
}
"""In what two manifests can differ, in words."""


@dataclass(frozen=True)
class Difference:
    """One of FIELDS in which the two differ, with both values in words."""

    field: str
    ours: str
    theirs: str

    @property
    def label(self) -> str:
        return str(FIELDS[self.field])


@dataclass(frozen=True)
class Pair:
    """A manifest of ours and the list's; no differences: they match."""

    ours: Ours
    theirs: Theirs
    differences: Sequence[Difference] = ()


@dataclass
class Reconciled:
    """All of the organisation's manifests of the list's days, each in one place."""

    matching: list[Pair] = field(default_factory=list)
    differing: list[Pair] = field(default_factory=list)
    proposed: list[Pair] = field(default_factory=list)
    """Found by parties, waste, day and mass: the number is recorded when somebody confirms it."""
    ours_only: list[Ours] = field(default_factory=list)
    theirs_only: list[Theirs] = field(default_factory=list)
    of_others: int = 0
    """Manifests of the list that do not name the organisation."""
    repeated: int = 0

    @cached_property
    def total(self) -> int:
        pairs = len(self.matching) + len(self.differing) + len(self.proposed)
        return pairs + len(self.ours_only) + len(self.theirs_only)


def reconcile(actor: Actor, organisation: Organisation, listed: Listed) -> Reconciled:
    """The list against the organisation's issued manifests (a constant number of queries, however many)."""
    result = Reconciled(repeated=listed.repeated)
    about_us = [theirs for theirs in listed.manifests if _names(theirs, organisation)]
    result.of_others = len(listed.manifests) - len(about_us)
    if not about_us:
        return result
    known = _ours(actor, organisation, about_us)
    by_number = {ours.manifest.national_number: ours for ours in known if ours.manifest.national_number}
    unmatched = []
    for theirs in about_us:
        if ours := by_number.get(theirs.number):
            differences = differences_of(ours, theirs)
            (result.differing if differences else result.matching).append(Pair(ours, theirs, differences))
        else:
            unmatched.append(theirs)
    free = [ours for ours in known if not ours.manifest.national_number and not ours.cancelled]
    result.proposed = _proposed(free, unmatched)
    taken = {pair.theirs.number for pair in result.proposed}
    linked = {pair.ours.manifest.pk for pair in result.proposed}
    partly = _partly(
        [ours for ours in known if not ours.cancelled and ours.manifest.pk not in linked],
        [theirs for theirs in unmatched if theirs.number not in taken],
    )
    result.differing += partly
    taken |= {pair.theirs.number for pair in partly}
    result.theirs_only = [theirs for theirs in unmatched if theirs.number not in taken]
    met = {pair.ours.manifest.pk for pair in (*result.matching, *result.differing, *result.proposed)}
    result.ours_only = [ours for ours in known if ours.manifest.pk not in met and not ours.cancelled]
    return result


def _names(theirs: Theirs, organisation: Organisation) -> bool:
    return any(side.is_it(organisation.name, organisation.uscc) for side in (theirs.sender, theirs.receiver))


def _ours(actor: Actor, organisation: Organisation, listed: Sequence[Theirs]) -> list[Ours]:
    """The organisation's issued manifests of these days, and those with a number of the list."""
    days = [theirs.day for theirs in listed]
    first, last = _clear(min(days), -DAYS_APART), _clear(max(days), DAYS_APART)
    within = Q(departed_at__date__range=(first, last)) | Q(departed_at=None, issued_at__date__range=(first, last))
    # In the database by date alone: naming thousands of numbers in one statement is more than SQLite reads.
    rows = (
        Manifest.objects.visible_to(actor)
        .filter(Q(sender=organisation) | Q(receiver=organisation), within | ~Q(national_number=""))
        .filter(issued_at__isnull=False)
        .select_related("sender", "sender_site", "receiver")
        .order_by("id")
    )
    numbers = {theirs.number for theirs in listed}
    found = [row for row in rows if row.national_number in numbers or first <= _day_of(row) <= last]
    sent, accepted = _masses(rows)
    return [Ours(row, sent[row.pk], accepted[row.pk]) for row in found]


def _clear(day: date, days: int) -> date:
    """Some days before or after, as far as the calendar goes."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return day


def _day_of(manifest: Manifest) -> date:
    return Ours(manifest, {}, {}).day


Masses = Mapping[int, dict[str, int]]


def _masses(rows: Iterable[Manifest]) -> tuple[Masses, Masses]:
    """Grams sent and grams accepted, by manifest and waste code (one query)."""
    sent: dict[int, dict[str, int]] = defaultdict(dict)
    accepted: dict[int, dict[str, int]] = defaultdict(dict)
    sums = (
        Line.objects.filter(manifest__in=rows)
        .order_by()
        .values_list("manifest", "container__waste_code")
        .annotate(sent=Sum("mass_g"), accepted=Sum("received_mass_g", filter=Q(outcome=Outcome.ACCEPTED)))
    )
    for manifest, code, sent_g, accepted_g in sums:
        sent[manifest][code] = sent_g
        accepted[manifest][code] = accepted_g or 0
    return sent, accepted


# --- what differs ------------------------------------------------------------------------------------------


def differences_of(ours: Ours, theirs: Theirs) -> list[Difference]:
    """In what the two differ; a figure that the list does not give is not compared."""
    manifest, found = ours.manifest, []
    for name, side, party in (
        ("sender", theirs.sender, manifest.sender),
        ("receiver", theirs.receiver, manifest.receiver),
    ):
        if not side.is_it(party.name, party.uscc):
            found.append(Difference(name, party.name, str(side)))
    if set(ours.sent_g) != theirs.codes:
        found.append(Difference("waste", " ".join(sorted(ours.sent_g)), " ".join(sorted(theirs.codes))))
    found += _mass("planned", ours.sent_total_g, theirs.planned_total_g, theirs.step_g)
    found += _mass("confirmed", ours.accepted_total_g, theirs.confirmed_total_g, theirs.step_g)
    if ours.day != theirs.day:
        found.append(Difference("day", ours.day.isoformat(), theirs.day.isoformat()))
    if ours.cancelled != theirs.voided:
        found.append(Difference("voided", str(manifest.get_state_display()), theirs.state))
    return found


def _mass(name: str, ours_g: int | None, theirs_g: int | None, step_g: int) -> list[Difference]:
    if ours_g is None or theirs_g is None:
        return []
    tolerated = step_g // 2 if step_g // 2 <= MOST_TOLERATED_G else 0
    if abs(ours_g - theirs_g) <= tolerated:
        return []
    return [Difference(name, tonnes_text(ours_g), tonnes_text(theirs_g))]


def tonnes_text(mass_g: int) -> str:
    """Grams as tonnes with their unit, exactly."""
    return f"{_plain(tonnes(mass_g))} t"


def _plain(value: Decimal) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if value else "0"


# --- what probably belongs together ------------------------------------------------------------------------


def _proposed(free: Sequence[Ours], unmatched: Sequence[Theirs]) -> list[Pair]:
    """Each of theirs with the likeliest of ours that is still free: the nearest day, then the nearest mass."""
    limits: dict[str, Limits] = {}
    by_codes: dict[frozenset[str], list[Ours]] = defaultdict(list)
    for ours in free:
        by_codes[frozenset(ours.sent_g)].append(ours)
    near = []
    for theirs in unmatched:
        for ours in by_codes.get(theirs.codes, []) if not theirs.voided else []:
            division = ours.manifest.receiver.division
            if division not in limits:
                limits[division] = limits_in(division)
            if (distance := _distance(ours, theirs, limits[division])) is not None:
                near.append((*distance, ours.manifest.pk, theirs.number, ours, theirs))
    pairs, used = [], set[object]()
    for *_, pk, number, ours, theirs in sorted(near, key=lambda one: one[:4]):
        if pk not in used and number not in used:
            used |= {pk, number}
            pairs.append(Pair(ours, theirs, differences_of(ours, theirs)))
    return pairs


def _partly(ours: Sequence[Ours], unmatched: Sequence[Theirs]) -> list[Pair]:
    """Theirs of a day that name some of the wastes of one of ours: listed apart, and still the same load."""
    by_day: dict[date, list[Ours]] = defaultdict(list)
    for one in ours:
        by_day[one.day].append(one)
    pairs = []
    for theirs in unmatched:
        for one in by_day[theirs.day] if not theirs.voided else []:
            if theirs.codes < set(one.sent_g) and _same_parties(one, theirs):
                pairs.append(Pair(one, theirs, _differences_in_part(one, theirs)))
                break
    return pairs


def _differences_in_part(ours: Ours, theirs: Theirs) -> list[Difference]:
    sent_g = sum(ours.sent_g[code] for code in theirs.codes)
    found = [Difference("waste", " ".join(sorted(ours.sent_g)), " ".join(sorted(theirs.codes)))]
    return found + _mass("planned", sent_g, theirs.planned_total_g, theirs.step_g)


def _same_parties(ours: Ours, theirs: Theirs) -> bool:
    sender, receiver = ours.manifest.sender, ours.manifest.receiver
    return theirs.sender.is_it(sender.name, sender.uscc) and theirs.receiver.is_it(receiver.name, receiver.uscc)


def _distance(ours: Ours, theirs: Theirs, limits: Limits) -> tuple[int, int] | None:
    """How far apart in days and grams; None where they cannot be the same transfer."""
    manifest, mass_g = ours.manifest, theirs.planned_total_g
    if mass_g is None:
        mass_g = theirs.confirmed_total_g
    days = abs((ours.day - theirs.day).days)
    if (
        not _same_parties(ours, theirs)
        or mass_g is None
        or days > DAYS_APART
        or theirs.number[:8] not in series_of_national(manifest)
    ):
        return None
    if severity_of(limits, ours.sent_total_g, mass_g) is not None:
        return None
    return days, abs(ours.sent_total_g - mass_g)
