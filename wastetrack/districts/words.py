"""What the district's figures, their units and the reaction groups are called, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from wastetrack.regulations.compatibility import ANYTHING, GROUPS
from wastetrack.regulations.english import in_english
from wastetrack.regulations.parameters import Parameter, parameter, parameters_of, tables

TABLES: Mapping[str, Any] = {
    "mass_deviation": _("When a weighed mass departs from the declared one"),
    "storage_point": _("A firm's storage point"),
    "facility": _("Storage facilities"),
    "storage": _("Storage time"),
    "vehicle": _("Collection vehicles"),
    "walk_in": _("Firms that bring their waste to a depot themselves"),
    "manifest": _("Manifests"),
    "permit": _("Permits"),
    "papers": _("Papers of vehicles and drivers"),
    "ledger": _("Ledgers"),
    "alerts": _("Alerts"),
    "supervision": _("Supervision"),
}
"""The tables of figures that a district may set for itself, in the order in which they are shown."""

FIGURES: Mapping[str, Any] = {
    "mass_deviation.notice_percent": _("To be noted from a difference of"),
    "mass_deviation.notice_kg": _("or of"),
    "mass_deviation.significant_percent": _("Significant from a difference of"),
    "storage_point.max_kg": _("Most that may stand in it"),
    "storage_point.warn_percent": _("To be watched from"),
    "facility.warn_percent": _("A bay is to be watched from a fill of"),
    "facility.alarm_percent": _("A bay counts as full from"),
    "facility.liquid_share_percent": _("Share of all liquid that the bund must hold"),
    "facility.video_days": _("Video is kept for"),
    "storage.warn_days": _("Storage time ends: warning before"),
    "storage.warn_working_days": _("A storage time in working days ends: warning before"),
    "storage.extension_days": _("An approved extension is entered up to, from the day of entering"),
    "vehicle.payload_kg": _("Payload of a vehicle of which nothing is known"),
    "walk_in.max_kg": _("Most that a firm may bring at once"),
    "walk_in.hours": _("The firm's confirmation is waited for"),
    "walk_in.most_drums": _("Most drums at once"),
    "manifest.confirm_working_days": _("Receipt is confirmed within"),
    "manifest.confirm_warn_working_days": _("Receipt not confirmed: warning after"),
    "manifest.paper_working_days": _("A paper manifest is entered within"),
    "manifest.paper_warn_working_days": _("Paper manifest not entered: warning after"),
    "manifest.settle_days": _("A significant difference is settled within"),
    "manifest.approval_warn_days": _("An approval to leave the province ends: warning before"),
    "manifest.keep_years": _("Manifests are kept for"),
    "manifest.interprovincial_months": _("An approval to leave the province holds for"),
    "permit.collection_years": _("A collection permit holds for"),
    "permit.comprehensive_years": _("A comprehensive permit holds for"),
    "permit.renewal_working_days": _("Renewal is asked for before the end, by"),
    "permit.warn_days": _("A permit that ends: warning before"),
    "permit.overrun_percent": _("A new permit is needed from an overrun of"),
    "permit.record_years": _("Operating records are kept for"),
    "papers.warn_days": _("Papers that end: warning before"),
    "ledger.keep_years": _("Ledgers are kept for"),
    "ledger.silent_days": _("Stock without an entry: warning after"),
    "ledger.balance_kg": _("Tolerance of a balance"),
    "alerts.escalate_days": _("What stays overdue goes to the district after"),
    "supervision.key_tonnes_a_year": _("Key supervision from, a year"),
    "supervision.simplified_tonnes_a_year": _("Simplified management from, a year"),
    "supervision.small_firm_tonnes_a_year": _("Small firm up to, a year"),
}

STRICTER: Mapping[str, str] = {
    "storage_point.max_kg": "lower",
    "facility.liquid_share_percent": "higher",
    "facility.video_days": "higher",
    "manifest.confirm_working_days": "lower",
    "manifest.paper_working_days": "lower",
    "permit.overrun_percent": "lower",
    "supervision.key_tonnes_a_year": "lower",
    "supervision.simplified_tonnes_a_year": "lower",
}
"""Which way a figure of the law is stricter: a district may set it that way alone.

The program's own figures may be set either way; a figure of the law that is not here has no stricter side (how long a
permit holds, how long records are kept) and is no district's to set.
"""
EARLIER: Mapping[str, str] = {
    "mass_deviation.notice_percent": "lower",
    "mass_deviation.notice_kg": "lower",
    "storage_point.max_kg": "lower",
    "storage_point.warn_percent": "lower",
    "facility.warn_percent": "lower",
    "facility.alarm_percent": "lower",
    "facility.liquid_share_percent": "higher",
    "storage.warn_days": "higher",
    "storage.warn_working_days": "higher",
    "manifest.confirm_warn_working_days": "lower",
    "manifest.paper_warn_working_days": "lower",
    "manifest.approval_warn_days": "higher",
    "permit.warn_days": "higher",
    "permit.renewal_working_days": "higher",
    "papers.warn_days": "higher",
    "ledger.silent_days": "lower",
    "ledger.balance_kg": "lower",
}
"""The figures that an organisation may tighten for itself, and which way: it is warned earlier than others."""
CONFIDENCE: Mapping[str, Any] = {
    "A": _("read in the official text"),
    "B": _("a reliable reprint"),
    "C": _("general knowledge, not checked"),
    "D": _("our own"),
}
"""What is known of a figure or a clause."""
LAW = frozenset("AB")
"""The confidence of a figure that is the law's."""

UNITS: Mapping[str, Any] = {
    "hours": _("hours"),
    "drums": _("drums"),
    "calendar days": _("days"),
    "working days": _("working days"),
    "months": _("months"),
    "years": _("years"),
}


def direction(key: str, confidence: str) -> str:
    """How a district may set a figure: `lower` or `higher` than the rules alone, `either`, or not at all: ``."""
    return STRICTER.get(key) or _declared(key).stricter if confidence in LAW else "either"


def tightening(key: str) -> str:
    """Which way an organisation may set a figure for itself, `lower` or `higher`; empty where it may not."""
    return EARLIER.get(key) or _declared(key).stricter


def table_names() -> Mapping[str, Any]:
    """The tables of figures that a district may set, in the order in which they are shown, and their names.

    Figures that a rule brings itself stand under the rule's name.
    """
    own = {table: next(iter(parameters_of(table).values())).group for table in tables() if table not in TABLES}
    return {**TABLES, **{table: name for table, name in own.items() if name}}


def figure_name(key: str) -> str:
    """What a figure is called; its key where it has no name."""
    return str(FIGURES.get(key) or _declared(key).name or key)


def _declared(key: str) -> Parameter:
    try:
        return parameter(key)
    except KeyError:
        return _NONE


_NONE = Parameter(0, "", "", "")


def unit_name(unit: str) -> str:
    """A unit in the reader's language; kg, t and % are the same in all."""
    return str(UNITS.get(unit, unit))


def source_name(source: str) -> str:
    """What one of the rules' own figures or pairs rests on, in the reader's language."""
    return in_english(source) if (get_language() or "").startswith("en") else source


def group_name(code: str, language: str) -> str:
    """A reaction group's name, zh or en; of "*" too, which is anything else."""
    if code == ANYTHING:
        return str(_("anything else"))
    group = GROUPS.get(code)
    return code if group is None else group.en if language == "en" else group.zh
