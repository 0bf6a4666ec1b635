"""What a correction is to change: its fields, their values now, and reading the new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from manifests.models import Leg, Line, Manifest, Outcome
from manifests.services.carriage import require_fit
from manifests.services.common import CONTRACT_LENGTH, MEASURES_LENGTH, plain_code
from manifests.services.masses import require_weighable, went_on
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.canonical import instant
from wastetrack.parties.models import Vehicle
from wastetrack.regulations import plates
from wastetrack.regulations.selectors import find_waste_code
from wastetrack.regulations.vocabulary import form
from wastetrack.units import kg_text
from wastetrack.waste.models import Container
from wastetrack.waste.reading import NAME_LENGTH, TEXT_LENGTH, Reader

MASSES = ("mass_kg", "declared_mass_kg")
DESCRIPTION = ("name", "form", "hazards", "components", "container_kind")
"""What a correction may change of what a drum is; its code is printed in its number."""
LINE_FIELDS = (*MASSES, *DESCRIPTION, "received_at")
OWN_FIELDS = ("emergency_measures", "contract", "vehicle")
"""What it may change of the manifest itself."""


@dataclass(frozen=True)
class Change:
    """One field's value as it is and as it is to be, as text; `container`: a drum's code, None for the manifest's."""

    container: str | None
    field: str
    old: str
    new: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def counted_g(line: Line) -> int:
    """The grams that count for a line: as received or agreed on since, before that as declared."""
    if line.outcome != Outcome.ACCEPTED or line.received_mass_g is None:
        return line.mass_g
    return line.received_mass_g


def components_field(drum: Container) -> str:
    """The harmful components are what a manifest shows, where they are known."""
    return "harmful_components" if drum.harmful_components else "components"


_LINE_VALUES: Mapping[str, Callable[[Line], str | None]] = {
    "mass_kg": lambda line: kg_text(counted_g(line)),
    "declared_mass_kg": lambda line: kg_text(line.mass_g),
    "components": lambda line: getattr(line.container, components_field(line.container)),
    "received_at": lambda line: instant(line.received_at) if line.received_at else "",
}


def value_of(line: Line, field: str) -> str:
    """A line's field as it is now, as text."""
    find = _LINE_VALUES.get(field)
    return (find(line) if find else getattr(line.container, field)) or ""


def own_value(manifest: Manifest, leg: Leg | None, field: str) -> str:
    """A field of the manifest itself as it is now, as text; the vehicle is that of the last leg that departed."""
    if field == "vehicle":
        return leg.plate if leg else ""
    return str(getattr(manifest, field))


def last_leg(legs: Sequence[Leg]) -> Leg | None:
    """The last leg that somebody has signed for."""
    return next((leg for leg in reversed(legs) if leg.departed_at), None)


class ChangeReader(Reader):
    """Reads a proposal's rows and fields; every problem is found, at its field."""

    def __init__(self, manifest: Manifest, lines: Sequence[Line], legs: Sequence[Leg], now: datetime) -> None:
        super().__init__()
        self.manifest, self.now = manifest, now
        self.lines, self.leg = lines, last_leg(legs)
        self.by_code = {code: line for line in lines for code in (line.container.code, line.container.short_code)}
        onward = went_on(manifest, [line.container for line in lines]).select_related("manifest")
        self.onward = {line.container_id: line.manifest.number for line in onward}

    def read(self, sent: Mapping[str, Any]) -> list[Change]:
        """What `{lines: [{container, …}], emergency_measures, contract, vehicle}` changes of what is.

        Notes unknown_line, duplicate_line, code_on_label, gone_on, not_received, time_…, mass_…, treated,
        treated_too_much, too_long, no_vehicle_yet, plate_format, unknown_vehicle, why the vehicle could not have
        departed with it, and what logging a drum notes.
        """
        found: list[Change] = []
        seen = set[int]()
        for number, row in enumerate(sent.get("lines") or ()):
            place = f"lines.{number}"
            line = self.by_code.get(plain_code(row.get("container")))
            if line is None:
                self.fail(f"{place}.container", "unknown_line")
                continue
            if line.pk in seen:
                self.fail(f"{place}.container", "duplicate_line")
            seen.add(line.pk)
            found += self._line(place, line, row)
        return found + self._own(sent)

    def _line(self, place: str, line: Line, row: Mapping[str, Any]) -> list[Change]:
        if row.get("waste_code"):
            self.fail(f"{place}.waste_code", "code_on_label")
        found = {}
        for field in LINE_FIELDS:
            if row.get(field) is None:
                continue
            # Before a drum is accepted, the mass that counts is the declared one.
            name = "declared_mass_kg" if field == "mass_kg" and line.outcome != Outcome.ACCEPTED else field
            new, old = self._value(f"{place}.{field}", field, line, row[field]), value_of(line, name)
            if new != old:
                found[name] = Change(line.container.code, name, old, new)
        return list(found.values())

    def _value(self, place: str, field: str, line: Line, given: Any) -> str:
        if field in MASSES:
            return self._mass(place, field, line, given)
        if field == "received_at":
            return self._received_at(place, line, given)
        if line.container_id in self.onward:
            self.fail(place, "gone_on", manifest=self.onward[line.container_id])
        return self._description(place, field, line.container, given)

    def _description(self, place: str, field: str, drum: Container, given: Any) -> str:
        if field == "hazards":
            waste = find_waste_code(drum.waste_code, on=timezone.localdate(self.now))
            if waste is None:
                self.fail(place, "unknown_waste_code")
            return self.hazards(place, given, waste)
        if field == "form":
            return self.word(place, given, form, "unknown_form")
        if field == "container_kind":
            return self.kind(place, given)
        length = NAME_LENGTH if field == "name" else TEXT_LENGTH
        return self.text(place, given, length, required=field == "name")

    def _mass(self, place: str, field: str, line: Line, given: Any) -> str:
        mass_g = self.mass(place, given)
        drum = line.container
        moves = field == "mass_kg" or line.outcome != Outcome.ACCEPTED
        if mass_g and moves and line.container_id not in self.onward:
            try:
                require_weighable(drum, mass_g, moves=True)
            except Refused as refusal:
                self.fail(place, refusal.code, **refusal.params)
        return kg_text(mass_g) or ""

    def _received_at(self, place: str, line: Line, given: Any) -> str:
        if not isinstance(given, datetime):
            self.fail(place, "time_unreadable")
            return ""
        if not line.received_at:
            self.fail(place, "not_received")
            return ""
        departed_at = self.leg.departed_at if self.leg else self.manifest.departed_at
        earliest, latest = _bounds(self.manifest, line, departed_at)
        if given > self.now:
            self.fail(place, "time_in_future")
        elif earliest is not None and given < earliest:
            self.fail(place, "time_out_of_order", earliest=instant(earliest))
        elif latest is not None and given > latest:
            self.fail(place, "time_after_next", latest=instant(latest))
        return instant(given)

    def _own(self, sent: Mapping[str, Any]) -> list[Change]:
        found = []
        for field, length in (("emergency_measures", MEASURES_LENGTH), ("contract", CONTRACT_LENGTH)):
            if sent.get(field) is not None:
                new, old = self.text(field, sent[field], length), own_value(self.manifest, self.leg, field)
                if new != " ".join(old.split()):
                    found.append(Change(None, field, old, new))
        if sent.get("vehicle"):
            new = self._plate(str(sent["vehicle"]))
            old = own_value(self.manifest, self.leg, "vehicle")
            if not plates.same(new, old):
                self._fits(new)
                found.append(Change(None, "vehicle", old, new))
        return found

    def _plate(self, given: str) -> str:
        plate = plates.normal(given)
        if self.leg is None:
            self.fail("vehicle", "no_vehicle_yet")
        elif plate is None:
            self.fail("vehicle", "plate_format", plate=given.strip()[:20])
        elif not self.manifest.self_delivered and vehicle_of(self.leg, plate) is None:
            self.fail("vehicle", "unknown_vehicle", plate=plate, carrier=self.leg.carrier.name)
        return plate or ""

    def _fits(self, plate: str) -> None:
        if self.leg is not None and plate:
            try:
                require_fitting(self.manifest, self.leg, plate, self.lines)
            except Refused as refusal:
                self.errors += refusal.errors


def require_fitting(manifest: Manifest, leg: Leg, plate: str, lines: Sequence[Line]) -> None:
    """The carrier's vehicle with this plate could have departed with it. Raises Invalid at `vehicle`, as depart."""
    vehicle = None if manifest.self_delivered else vehicle_of(leg, plate)
    if vehicle is None or leg.departed_at is None:
        return
    try:
        require_fit(leg.carrier, vehicle, manifest, lines, timezone.localdate(leg.departed_at), leg)
    except Refused as refusal:
        raise invalid("vehicle", refusal.code, **refusal.params) from refusal


def vehicle_of(leg: Leg, plate: str) -> Vehicle | None:
    """The carrier's vehicle with this plate."""
    theirs = Vehicle.objects.filter(organisation=leg.carrier_id)
    return next((vehicle for vehicle in theirs if plates.same(vehicle.plate, plate)), None)


def _bounds(manifest: Manifest, line: Line, departed_at: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Between what and what a receipt lies: the arrival (`departed_at`: of the last leg), and the drum's next step."""
    # A delivery that the receipt itself told moves with it.
    told = manifest.delivered_at == line.received_at
    assert line.received_at is not None
    stay = line.container.stays.filter(entered_at=line.received_at).order_by("pk").first()
    after = [done.treated_at for done in line.treatments.all()]
    after += [stay.left_at] if stay and stay.left_at else []
    after += [line.taken_back_at] if line.taken_back_at else []
    return (departed_at if told else manifest.delivered_at), min(after, default=None)
