"""What the API takes and says of manifests."""

from __future__ import annotations

from typing import Any

from manifests.models import Line, Manifest
from wastetrack.ledger.canonical import instant
from wastetrack.schemas import Body, Few, LongNote, Mass, Moment, Note, Text, Uscc
from wastetrack.units import kg_text


class DraftIn(Body):
    receiver: Uscc
    carrier: Uscc = ""
    containers: Few[Text]
    emergency_measures: LongNote = ""


class LineIn(Body):
    container: Text = ""
    outcome: Text = ""
    mass_kg: Mass = None
    reason: Note = ""
    method: Text = ""
    treated_at: Moment = None


class VerbIn(Body):
    """The body of any verb; each reads the fields it needs."""

    password: Text = ""
    pin: Text = ""
    lines: Few[LineIn] = []
    container: Text = ""
    mass_kg: Mass = None
    note: Note = ""
    reason: Note = ""
    vehicle: Text = ""
    depot: Text = ""
    bay: Text = ""
    departed_at: Moment = None
    delivered_at: Moment = None
    received_at: Moment = None


def _when(moment: Any) -> str | None:
    return instant(moment) if moment else None


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """A manifest's head, as lists give it."""
    return {
        "number": manifest.number,
        "national_number": manifest.national_number or None,
        "state": manifest.state,
        "sender": {"uscc": manifest.sender.uscc, "name": manifest.sender.name},
        "receiver": {"uscc": manifest.receiver.uscc, "name": manifest.receiver.name},
        "carrier": {"uscc": manifest.carrier.uscc, "name": manifest.carrier.name} if manifest.carrier else None,
        "created_at": _when(manifest.created_at),
        "issued_at": _when(manifest.issued_at),
        "departed_at": _when(manifest.departed_at),
        "delivered_at": _when(manifest.delivered_at),
        "received_at": _when(manifest.received_at),
        "closed_at": _when(manifest.closed_at),
    }


def line_json(line: Line) -> dict[str, Any]:
    """A line with what was found at receipt, what is disputed, and how it was treated."""
    discrepancy = getattr(line, "discrepancy", None)
    return {
        "position": line.position,
        "container": line.container.code,
        "short_code": line.container.short_code,
        "container_state": line.container.state,
        "waste_code": line.container.waste_code,
        "name": line.container.name,
        "form": line.container.form,
        "hazards": list(line.container.hazard_letters),
        "mass_kg": kg_text(line.mass_g),
        "outcome": line.outcome or None,
        "received_mass_kg": kg_text(line.received_mass_g),
        "reason": line.reason,
        "discrepancy": {
            "severity": discrepancy.severity,
            "settled": discrepancy.settled_at is not None,
            "statements": [
                {"side": said.side, "mass_kg": kg_text(said.mass_g), "note": said.note, "at": _when(said.at)}
                for said in discrepancy.statements.all()
            ],
        }
        if discrepancy
        else None,
        "treatments": [
            {"method": done.method, "mass_kg": kg_text(done.mass_g), "treated_at": _when(done.treated_at)}
            for done in line.treatments.all()
        ],
    }
