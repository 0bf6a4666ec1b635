"""A scan in words, wherever scans are listed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scanner.models import Scan
from wastetrack.parties.actors import Actor
from wastetrack.sentences import sentence
from wastetrack.waste.models import Container

NOTABLE = timedelta(minutes=2)
"""A device's clock that is off by less is not worth a word."""


@dataclass(frozen=True)
class Row:
    """A scan in words: the reason or flag, and what is to be said of its times."""

    scan: Scan
    container: Container | None
    """None also for one that the reader may no longer see."""
    reason: str
    times: str
    undone: bool


def row_of(actor: Actor, scan: Scan) -> Row:
    """A scan with its reason's sentence and what its clocks say."""
    code, params = (scan.flag, scan.flag_params) if scan.flag else (scan.reason, scan.params)
    reason = sentence(code, json.loads(params)) if code else ""
    container = scan.container if scan.container is not None and scan.container.seen_by(actor) else None
    return Row(scan, container, reason, times_of(scan), hasattr(scan, "undone_by"))


def times_of(scan: Scan) -> str:
    """Why a scan stands where it stands among the others: how long it waited, and how wrong its device's clock is."""
    said = []
    waited, wrong = scan.recorded_at - scan.happened_at, scan.scanned_at - scan.happened_at
    if waited >= NOTABLE:
        said.append(_("scanned %(ago)s before it was recorded") % {"ago": span(waited)})
    if abs(wrong) >= NOTABLE:
        ahead, behind = _("the device's clock is %(off)s ahead"), _("the device's clock is %(off)s behind")
        said.append((ahead if wrong > timedelta() else behind) % {"off": span(abs(wrong))})
    return " · ".join(said)


def span(length: timedelta) -> str:
    """A length of time in its largest whole unit."""
    minutes = int(length.total_seconds() // 60)
    if minutes >= 48 * 60:
        days = minutes // (24 * 60)
        return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    if minutes >= 120:
        hours = minutes // 60
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
