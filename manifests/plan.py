"""What a site's yearly plan foresees (HJ 1259 table A.7) against what has gone out: it warns (article 14)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Sum
from django.db.models.functions import Coalesce, ExtractYear

from manifests.models import NO_RETURN, Line, Manifest, ManifestState, Outcome, PlannedTransfer
from wastetrack.errors import FieldError, invalid
from wastetrack.parties.models import Organisation, Site
from wastetrack.units import kg_text
from wastetrack.waste.clock import start_of
from wastetrack.waste.models import Container

YEARS = range(2022, 2100)
"""Since the Measures."""


@dataclass(frozen=True)
class Row:
    """One waste to one receiver in a year: grams planned (none: not in the plan) and sent so far."""

    waste_code: str
    receiver: Organisation
    planned: PlannedTransfer | None
    sent_g: int

    @property
    def planned_g(self) -> int:
        return self.planned.mass_g if self.planned else 0

    @property
    def left_g(self) -> int:
        return max(0, self.planned_g - self.sent_g)

    @property
    def over_g(self) -> int:
        return max(0, self.sent_g - self.planned_g)

    @property
    def percent(self) -> int:
        return self.sent_g * 100 // self.planned_g if self.planned_g else 100


def plan_of(site: Site, year: int) -> list[Row]:
    """A site's planned and actual transfers of a year (three queries). Raises Invalid(year)."""
    if year not in YEARS:
        raise invalid("year", "year")
    return plans_of([(site.code, year)])[site.code, year]


Key = tuple[str, int]
"""A plan, by its site's code and its year."""


def plans_of(keys: Collection[Key]) -> dict[Key, list[Row]]:
    """The rows of many plans, by waste code and receiver (three queries at most)."""
    sites, years = {site for site, _ in keys}, {year for _, year in keys}
    planned: dict[Key, dict[tuple[str, int], PlannedTransfer]] = {}
    rows = PlannedTransfer.objects.filter(site__code__in=sites, year__in=years)
    for one in rows.select_related("receiver", "site"):
        planned.setdefault((one.site.code, one.year), {})[one.waste_code, one.receiver_id] = one
    sent = _sent(sites, years)
    known = {receiver for found in planned.values() for _, receiver in found}
    strangers = {receiver for found in sent.values() for _, receiver in found} - known
    named = {one.receiver_id: one.receiver for found in planned.values() for one in found.values()}
    named |= {one.pk: one for one in Organisation.objects.filter(pk__in=strangers)} if strangers else {}
    return {
        key: [
            Row(code, named[receiver], planned.get(key, {}).get((code, receiver)), grams)
            for (code, receiver), grams in sorted((dict.fromkeys(planned.get(key, {}), 0) | sent.get(key, {})).items())
        ]
        for key in keys
    }


def _sent(sites: Collection[str], years: Collection[int]) -> dict[Key, dict[tuple[str, int], int]]:
    """Grams issued from sites in years by waste code and receiver; what was refused or called off does not count."""
    first, last = start_of(date(min(years), 1, 1)), start_of(date(max(years) + 1, 1, 1))
    lines = Line.objects.filter(
        manifest__sender_site__code__in=sites, manifest__issued_at__gte=first, manifest__issued_at__lt=last
    )
    lines = lines.exclude(manifest__state=ManifestState.CANCELLED).exclude(outcome=Outcome.REJECTED)
    lines = lines.filter(NO_RETURN).annotate(year=ExtractYear("manifest__issued_at")).order_by()
    rows = lines.values_list(
        "manifest__sender_site__code", "year", "container__waste_code", "manifest__receiver"
    ).annotate(sum_g=Sum(Coalesce("received_mass_g", "mass_g")))
    found: dict[Key, dict[tuple[str, int], int]] = {}
    for site, year, code, receiver, sum_g in rows:
        found.setdefault((site, year), {})[code, receiver] = sum_g
    return found


def plan_warnings(manifest: Manifest, containers: Sequence[Container], on: date) -> list[FieldError]:
    """Where a draft goes beyond its site's plan: none at all, a waste or receiver not in it, more than planned."""
    if manifest.purpose == "return" or not containers:
        return []
    rows = plan_of(manifest.sender_site, on.year)
    if not any(row.planned for row in rows):
        return [FieldError("plan", "no_plan", {"year": on.year, "site": manifest.sender_site.name})]
    left = {row.waste_code: row for row in rows if row.receiver.pk == manifest.receiver_id}
    found = []
    for code, mass_g in sorted(masses_of(containers).items()):
        row = left.get(code)
        params = {"waste_code": code, "receiver": manifest.receiver.name, "mass_kg": kg_text(mass_g), "left_kg": "0"}
        if row is None or row.planned is None:
            found.append(FieldError("plan", "not_in_plan", params))
        elif mass_g > row.left_g:
            params["left_kg"] = kg_text(row.left_g)
            found.append(FieldError("plan", "beyond_plan", params))
    return found


def masses_of(containers: Sequence[Container]) -> dict[str, int]:
    """Grams by waste code."""
    found: dict[str, int] = {}
    for container in containers:
        found[container.waste_code] = found.get(container.waste_code, 0) + container.mass_g
    return found
