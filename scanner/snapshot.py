"""All that a device needs to judge scans by itself: the depot's bays and stock, what is expected, what leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from depots.models import Depot, Stay
from depots.selectors import bay_loads
from manifests.deviation import limits_in
from manifests.models import ON_THE_WAY, UNDER_WAY, Line, Manifest, ManifestState
from wastetrack.districts.selectors import reactions
from wastetrack.ledger.canonical import canonical_json, instant
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container, ContainerState

MOST = 20_000
"""Drums in one part of a snapshot: more than any depot has room for."""
FIELDS = (
    "pk",
    "code",
    "short_code",
    "state",
    "waste_code",
    "category",
    "name",
    "mass_g",
    "reaction_groups",
    "form",
    "hazards",
    "volume_l",
    "storage_deadline",
)


def snapshot(actor: Actor, depot: Depot, now: datetime) -> dict[str, Any]:
    """The depot as a device keeps it (a fixed number of queries). The actor's own depots alone."""
    found = {
        "depot": {
            "id": str(depot.pk),
            "name": depot.name,
            "kind": depot.kind,
            "takes_from_others": depot.takes_from_others,
        },
        "public_url": settings.PUBLIC_URL,
        "bays": _bays(depot),
        "reactions": {"pairs": _pairs(depot)},
        "stock": _stock(depot),
        "expected": _expected(actor),
        "own": _own(actor, depot),
        "leaving": _leaving(actor),
        "limits": {name: str(value) for name, value in limits_in(depot.site.division).items()},
    }
    version = hashlib.sha256(canonical_json(found).encode()).hexdigest()[:32]
    return {**found, "version": version, "taken_at": instant(now)}


def _bays(depot: Depot) -> list[dict[str, Any]]:
    return [
        {
            "id": str(load.bay.pk),
            "code": load.bay.code,
            "name": load.bay.name,
            "capacity_g": load.bay.capacity_g,
            "places": load.bay.places,
            "bund_l": load.bay.bund_l,
            "admits": sorted(load.bay.admitted),
            "hazards": list(load.bay.hazard_letters),
            "used_g": load.used_g,
            "used": load.containers,
        }
        for load in bay_loads(depot)
    ]


def _pairs(depot: Depot) -> list[dict[str, str]]:
    return [
        {"a": pair.group_a, "b": pair.group_b, "zh": pair.consequence_zh, "en": pair.consequence_en}
        for pair in reactions(depot.site.division).pairs
    ]


def _drum(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A container as a device judges it; `groups` null: nobody knows what it reacts with."""
    drum = {name: row[f"{prefix}{name}"] for name in FIELDS if name != "pk"}
    groups, deadline = drum.pop("reaction_groups"), drum.pop("storage_deadline")
    return {
        **drum,
        "hazards": drum["hazards"].split(),
        "volume_l": str(drum["volume_l"]),
        "groups": None if groups is None else groups.split(),
        "generator": row[f"{prefix}generator__name"],
        "deadline": instant(deadline) if deadline else None,
    }


def _fields(prefix: str) -> list[str]:
    return [f"{prefix}{name}" for name in (*FIELDS, "generator__name")]


def _stock(depot: Depot) -> list[dict[str, Any]]:
    rows = Stay.objects.filter(depot=depot, left_at=None).order_by("id")
    found = rows.values("bay__code", *_fields("container__"))[:MOST]
    return [{**_drum(row, "container__"), "bay": row["bay__code"]} for row in found]


def _expected(actor: Actor) -> list[dict[str, Any]]:
    """What manifests bring to the organisation: on its way, or issued and not departed yet."""
    rows = Line.objects.filter(manifest__receiver=actor.organisation_id, manifest__state__in=UNDER_WAY, outcome="")
    kept = ("manifest__number", "manifest__state", *_fields("container__"))
    return [
        {
            **_drum(row, "container__"),
            "manifest": row["manifest__number"],
            "departed": row["manifest__state"] in ON_THE_WAY,
        }
        for row in rows.order_by("id").values(*kept)[:MOST]
    ]


def _own(actor: Actor, depot: Depot) -> list[dict[str, Any]]:
    """The organisation's own drums of this site that are logged and not yet in its store."""
    rows = Container.objects.filter(
        holder=actor.organisation_id, state=ContainerState.LOGGED, origin=depot.site_id
    ).order_by("id")
    return [_drum(row) for row in rows.values(*_fields(""))[:MOST]]


def _leaving(actor: Actor) -> list[dict[str, Any]]:
    """The issued manifests by which the organisation sends, each with its drums and which of them are loaded."""
    manifests = Manifest.objects.filter(sender=actor.organisation_id, state=ManifestState.ISSUED)
    lines: Iterable[Line] = (
        Line.objects.filter(manifest__in=manifests)
        .select_related("manifest__receiver", "container")
        .order_by("manifest_id", "position")
    )
    found: dict[int, dict[str, Any]] = {}
    for line in lines:
        one = found.setdefault(
            line.manifest_id,
            {
                "manifest": line.manifest.number,
                "receiver": line.manifest.receiver.name,
                "state": line.manifest.state,
                "containers": [],
                "loaded": [],
            },
        )
        one["containers"].append(line.container.code)
        if line.loaded_at is not None:
            one["loaded"].append(line.container.code)
    return list(found.values())
