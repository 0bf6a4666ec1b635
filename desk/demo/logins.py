"""The accounts of the demo, as the sign-in page and `seed_demo` offer them. Their password is public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

PASSWORD = "demo"
PIN = "394716"
"""With which two firms sign at a depot's counter, and two drivers on the road; as public as the password."""


@dataclass(frozen=True)
class Login:
    """One account: the party it acts for and in which member role, what it is, what to try with it."""

    username: str
    party: str
    role: str
    title: Any
    does: Any


LOGINS = (
    Login(
        "firm",
        "firm",
        "operator",
        _("Small firm"),
        _("Logs a drum, prints its label, hands it over: one is overdue, three are due, a draft waits."),
    ),
    Login(
        "firm2", "firm2", "operator", _("Neighbour firm"), _("States its mass of a drum that the depot found lighter.")
    ),
    Login("depot", "depot", "operator", _("Collection depot"), _("Scans in the lorries at its gate, sends stock on.")),
    Login(
        "keeper",
        "depot",
        "operator",
        _("Second keeper"),
        _("Works at the same depot: says whether a drum is lost that the other did not find."),
    ),
    Login("depot2", "depot2", "operator", _("Second depot"), _("Sees its own stock and gate, nothing of the other.")),
    Login("carrier", "carrier", "driver", _("Driver"), _("Departs with what is issued, delivers what is on the road.")),
    Login(
        "carrier2",
        "carrier2",
        "driver",
        _("Second driver"),
        _("Takes a load over half way from the first carrier, who has handed it over."),
    ),
    Login("plant", "plant", "operator", _("Treatment plant"), _("Receives, records the treatment, closes manifests.")),
    Login("regulator", "regulator", "operator", _("Regulator"), _("Sees the whole district and any drum's life.")),
    Login(
        "regulator2",
        "regulator2",
        "operator",
        _("Regulator elsewhere"),
        _("Sees nothing here: it is not its district."),
    ),
    Login("steward", "steward", "operator", _("Steward"), _("Acts for a dozen firms under their delegations.")),
    Login("viewer", "firm", "viewer", _("Reader"), _("Reads what the small firm sees and changes nothing.")),
)
