"""Which rooms a role goes to: the bar at the foot of a phone, and the same in the header of a desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from wastetrack.parties.actors import Actor


@dataclass(frozen=True)
class Way:
    """One way to go: its path, its words, its icon; `main` is what the role does most."""

    path: str
    label: Any
    icon: str
    main: bool = False

    def is_here(self, path: str) -> bool:
        """Whether the page at `path` lies in this room."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


HOME = Way("/", _("To do"), icon="home")
DRUMS = Way("/containers", _("Drums"), icon="stack-2")
LOG = Way("/log", _("Log waste"), icon="plus", main=True)
MANIFESTS = Way("/manifests", _("Manifests"), icon="file-text")
DRIVE = Way("/drive", _("Loads"), icon="truck")
ROUNDS = Way("/rounds", _("Rounds"), icon="route")
STORE = Way("/depots", _("Store"), icon="building-warehouse")
DEPOTS = Way("/depots", _("Depots"), icon="building-warehouse")
SCAN = Way("/scan", _("Scan"), icon="scan", main=True)
ALERTS = Way("/alerts", _("Alerts"), icon="bell")
FIRMS = Way("/act-as", _("Firms"), icon="building-factory-2")


def ways(actor: Actor) -> list[Way]:
    """The at most five ways of the actor's organisation, in the order of a working day."""
    roles = actor.roles
    if actor.is_regulator:
        found = [HOME, DRUMS, MANIFESTS, DEPOTS, ALERTS]
    elif roles & {"collector", "treater"}:
        found = [HOME, DRUMS, SCAN, MANIFESTS, STORE]
    elif "generator" in roles:
        found = [HOME, DRUMS, LOG, MANIFESTS, STORE]
    elif "carrier" in roles:
        found = [DRIVE, ROUNDS, SCAN, HOME, MANIFESTS]
    elif "steward" in roles:
        found = [HOME, FIRMS]
    else:
        found = [HOME, ALERTS]
    return [way for way in found if actor.may_write or not way.main]
