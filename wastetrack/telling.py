"""The sentence for every kind of ledger entry: a drum's or a manifest's life in words, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from wastetrack.regulations.vocabulary import treatment_method


@dataclass(frozen=True)
class Telling:
    """How a kind is told: an icon, a title, and lines that each need the named value of the entry's data."""

    icon: str
    title: Any
    lines: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Told:
    """An entry in words."""

    icon: str
    title: str
    lines: tuple[str, ...]


_MANIFEST = ("manifest", _("Manifest %(manifest)s"))
_PLACE = ("depot_name", "%(depot_name)s")
_BAY = ("bay", _("Bay %(bay)s"))
_REASON = ("reason", _("Reason: %(reason)s"))
_NOTE = ("note", _("Note: %(note)s"))

TELLINGS: Mapping[str, Telling] = {
    "container.log": Telling(
        icon="plus",
        title=_("Logged"),
        lines=(
            ("mass_kg", _("%(mass_kg)s kg of %(name)s, %(waste_code)s")),
            ("site", _("At %(site)s, filling began on %(accumulation_start)s")),
        ),
    ),
    "container.store": Telling(icon="building-warehouse", title=_("Put into the store"), lines=(_PLACE, _BAY)),
    "container.put_away": Telling(icon="arrows-move", title=_("Moved to another bay"), lines=(_PLACE, _BAY)),
    "container.commit": Telling(icon="file-check", title=_("Put on a manifest"), lines=(_MANIFEST,)),
    "container.release": Telling(icon="file-x", title=_("Free again: its manifest was called off"), lines=(_MANIFEST,)),
    "container.depart": Telling(
        icon="truck", title=_("Left with the carrier"), lines=(_MANIFEST, ("vehicle", _("Vehicle %(vehicle)s")))
    ),
    "container.receive": Telling(
        icon="building-warehouse",
        title=_("Received"),
        lines=(_PLACE, _BAY, ("mass_kg", _("Weighed %(mass_kg)s kg, declared %(declared_kg)s kg")), _MANIFEST),
    ),
    "container.reject": Telling(icon="square-x", title=_("Refused by the receiver"), lines=(_REASON, _MANIFEST)),
    "container.take_back": Telling(
        icon="arrow-back-up", title=_("Taken back by the sender"), lines=(_PLACE, _BAY, _MANIFEST)
    ),
    "container.weigh": Telling(
        icon="scale", title=_("Mass corrected"), lines=(("to_kg", _("From %(from_kg)s kg to %(to_kg)s kg")), _MANIFEST)
    ),
    "container.treat": Telling(
        icon="recycle",
        title=_("Treated"),
        lines=(("method", _("%(mass_kg)s kg by %(method_name)s (%(method)s)")), ("plant", "%(plant)s"), _MANIFEST),
    ),
    "container.treat_part": Telling(
        icon="recycle",
        title=_("Treated in part"),
        lines=(("method", _("%(mass_kg)s kg by %(method_name)s (%(method)s)")), ("plant", "%(plant)s"), _MANIFEST),
    ),
    "container.void": Telling(icon="ban", title=_("Voided: logged by mistake"), lines=(_REASON,)),
    "container.print_label": Telling(icon="printer", title=_("Label printed")),
    "manifest.draft": Telling(icon="pencil", title=_("Drafted")),
    "manifest.issue": Telling(icon="signature", title=_("Issued and signed by the sender")),
    "manifest.cancel": Telling(icon="ban", title=_("Called off"), lines=(_REASON,)),
    "manifest.depart": Telling(
        icon="truck", title=_("Departed, signed by the carrier"), lines=(("vehicle", _("Vehicle %(vehicle)s")),)
    ),
    "manifest.deliver": Telling(icon="map-pin", title=_("Delivered to the receiver's gate")),
    "manifest.receive": Telling(icon="checkbox", title=_("Received in full, signed by the receiver")),
    "manifest.receive_partly": Telling(icon="square-half", title=_("Received in part, signed by the receiver")),
    "manifest.reject": Telling(icon="square-x", title=_("Refused by the receiver")),
    "manifest.discrepancy": Telling(
        icon="scale",
        title=_("The masses differ"),
        lines=(("declared_kg", _("Declared %(declared_kg)s kg, received %(received_kg)s kg")),),
    ),
    "manifest.settle": Telling(
        icon="scale", title=_("Mass stated"), lines=(("mass_kg", _("%(side_name)s: %(mass_kg)s kg")), _NOTE)
    ),
    "manifest.close": Telling(icon="circle-check", title=_("Closed")),
    "alert.warn": Telling(icon="alert-triangle", title=_("Warned: due soon"), lines=(("due_at", _("Due by %(due)s")),)),
    "alert.fall_due": Telling(icon="alert-octagon", title=_("Overdue"), lines=(("due_at", _("Was due by %(due)s")),)),
    "alert.resolve": Telling(icon="circle-check", title=_("No longer due")),
    "alert.acknowledge": Telling(icon="eye", title=_("Warning acknowledged"), lines=(_NOTE,)),
    "stream.save": Telling(
        icon="bookmark", title=_("Kept as a usual waste"), lines=(("name", _("%(name)s, %(waste_code)s")),)
    ),
}
SIDES = {"sender": _("Sender"), "receiver": _("Receiver")}


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "—"


def tell(kind: str, data: Mapping[str, Any]) -> Told:
    """An entry's kind and data in the active language; a kind without a sentence is told by its own name."""
    telling = TELLINGS.get(kind)
    if telling is None:
        return Told("point", kind, ())
    words = _Blank({**data, **_derived(data)})
    lines = (str(line) % words for name, line in telling.lines if data.get(name) not in (None, ""))
    return Told(telling.icon, str(telling.title), tuple(lines))


def _derived(data: Mapping[str, Any]) -> dict[str, Any]:
    """Words for what the data holds as codes."""
    found: dict[str, Any] = {}
    if method := treatment_method(str(data.get("method") or "")):
        found["method_name"] = method.en if (get_language() or "").startswith("en") else method.zh
    if due := parse_datetime(str(data.get("due_at") or "")):
        found["due"] = timezone.localdate(due).isoformat()
    if data.get("side") in SIDES:
        found["side_name"] = SIDES[data["side"]]
    return found
