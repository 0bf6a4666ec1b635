"""The signs of a store: what its bays and its door say, gathered and drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from django.conf import settings

from depots.models import Bay, Depot, Stay
from depots.selectors import get_bay, permit_of
from labels.codes import bay_payload
from labels.signs import (
    BaySign,
    FacilitySign,
    Kind,
    Spot,
    draw_bay_signs,
    draw_facility_signs,
    draw_plates,
    sign_standard,
)
from wastetrack.errors import invalid
from wastetrack.regulations.catalogue import categories

KINDS = ("bay", "plate", "facility")
CATEGORY = "HW"


def print_signs(*, depot: Depot, kind: str, on: date, bays: Sequence[str] = (), distance_m: object = None) -> bytes:
    """The PDF of a depot's signs of a day: of the bays named (all of them where none is), as plates, or of the
    facility.

    `distance_m`: from how far they are to be read. Raises Invalid(unknown_sign | no_bays | distance_out_of_range),
    NotFound(unknown_bay).
    """
    if kind not in KINDS:
        raise invalid("kind", "unknown_sign")
    if kind == "facility":
        return draw_facility_signs([_facility(depot)], _distance("facility", distance_m))
    chosen = [get_bay(depot, code) for code in bays] or list(Bay.objects.filter(depot=depot))
    if not chosen:
        raise invalid("bays", "no_bays")
    signs = _bay_signs(depot, chosen, on)
    return draw_plates(signs) if kind == "plate" else draw_bay_signs(signs, _distance("bay", distance_m))


def _distance(kind: str, asked: object) -> Decimal:
    if asked in (None, ""):
        return Decimal(str(sign_standard()[kind]["usual_m"]))
    most = sign_standard()["distance"]["most_m"]
    try:
        metres = Decimal(str(asked).strip()[:12])
    except InvalidOperation:
        metres = Decimal(0)
    if not (metres.is_finite() and 0 < metres <= most):
        raise invalid("distance_m", "distance_out_of_range", limit=most)
    return metres


def _facility(depot: Depot) -> FacilitySign:
    unit = depot.site.organisation
    return FacilitySign(unit.name, depot.facility_code, unit.contact_name, unit.contact_phone, unit.demo)


def _bay_signs(depot: Depot, chosen: Sequence[Bay], on: date) -> list[BaySign]:
    unit, kinds = depot.site.organisation, _kinds_of(depot, on)
    spots = tuple(
        Spot(bay.code, bay.row, bay.column, tuple(kind.category for kind in kinds[bay.pk]))
        for bay in Bay.objects.filter(depot=depot)
    )
    return [
        BaySign(
            code=bay.code,
            name=bay.name,
            depot=depot.name,
            unit=unit.name,
            spots=spots,
            kinds=kinds[bay.pk],
            temperature=bay.temperature,
            qr_payload=bay_payload(str(bay.pk), settings.PUBLIC_URL),
            demo=unit.demo,
        )
        for bay in chosen
    ]


def _kinds_of(depot: Depot, on: date) -> Mapping[int, tuple[Kind, ...]]:
    """What each bay is for: what it admits, else what stands in it now, else what the permit of the day covers."""
    standing = defaultdict[int, set[str]](set)
    here = Stay.objects.filter(depot=depot, left_at=None, bay__isnull=False)
    for bay_id, code in here.values_list("bay_id", "container__waste_code").distinct():
        standing[bay_id].add(code)
    permit = permit_of(depot, on)
    permitted = permit.codes.split() if permit else []
    return {
        bay.pk: _kinds(sorted(bay.admitted) or sorted(standing[bay.pk]) or sorted(permitted), bay.hazard_letters)
        for bay in Bay.objects.filter(depot=depot)
    }


def _kinds(codes: Sequence[str], hazards: tuple[str, ...]) -> tuple[Kind, ...]:
    """Codes and whole categories, gathered by category; a category that is named whole needs no codes."""
    by_category = defaultdict[str, list[str]](list)
    for code in codes:
        by_category[code if code.startswith(CATEGORY) else f"{CATEGORY}{code[-2:]}"].append(code)
    known = categories()
    return tuple(
        Kind(
            category,
            known[category].name_zh if category in known else "",
            () if category in named else tuple(named),
            hazards,
        )
        for category, named in sorted(by_category.items())
    )
