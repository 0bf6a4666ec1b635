"""What the API takes and says of manifests."""

from __future__ import annotations

from typing import Any

from manifests.models import Leg, Line, Manifest
from manifests.verbs import Sent
from wastetrack.ledger.canonical import instant
from wastetrack.schemas import Body, Few, Letters, LongNote, Loose, Mass, Moment, Note, Text, Uscc, required
from wastetrack.units import kg_text


class StreamIn(Body):
    """So much of a usual waste, without a drum logged before."""

    stream: Text
    mass_kg: Mass = None
    accumulation_start: Text = ""


class DraftIn(Body):
    receiver: Uscc
    carrier: Uscc = ""
    carriers: Few[Uscc] = []
    """Instead of `carrier`, where several take it on one after the other."""
    containers: Few[Text] = []
    streams: Few[StreamIn] = []
    emergency_measures: LongNote = ""
    contract: Text = ""
    paper_number: Text = ""
    paper_completed_at: Moment = None
    """It ran on paper: when the transfer was complete."""


class ApprovalIn(Body):
    number: Text = ""
    receiver: Uscc = ""
    waste_codes: Few[Text] = []
    mass_kg: Mass = None
    method: Text = ""
    route: Note = ""
    valid_from: Text = ""
    valid_to: Text = ""


class ContractIn(Body):
    number: Text = ""
    partner: Uscc = ""
    purpose: Text = ""
    valid_from: Text = ""
    valid_to: Text = ""


class PermitFactsIn(Body):
    number: Text = ""
    kind: Text = ""
    """`comprehensive`, `collection`, `pilot` or `transport`."""
    codes: Letters = None
    """Waste codes, and categories (`HW08`) for all of theirs."""
    yearly_mass_kg: Mass = None
    valid_from: Loose = None
    valid_to: Loose = None


class PermitIn(PermitFactsIn):
    model_config = required("organisation", "number", "kind", "valid_from", "valid_to")

    organisation: Uscc = ""


class PermitCorrectionIn(PermitFactsIn):
    model_config = required("reason")

    reason: Text = ""
    version: int | None = None
    """What was seen: refused where it has been corrected since."""


class PermitEndIn(Body):
    model_config = required("last_day", "reason")

    last_day: Loose = None
    """A day before its first says that it never held."""
    reason: Text = ""


class VehicleIn(Body):
    plate: Text = ""
    permit_number: Text = ""
    """Of its transport certificate."""
    valid_to: Text = ""
    capacity_kg: Mass = None
    ended: bool = False


class PlanIn(Body):
    site: Text = ""
    year: int | None = None
    waste_code: Text = ""
    receiver: Uscc = ""
    mass_kg: Mass = None
    method: Text = ""


class LineIn(Body):
    container: Text = ""
    outcome: Text = ""
    mass_kg: Mass = None
    reason: Note = ""
    method: Text = ""
    treated_at: Moment = None
    residue: Note = ""
    differs: Few[Text] = []
    """What of a received drum is not as declared, beside its mass: name, hazards, form, packaging."""
    declared_mass_kg: Mass = None
    name: Text = ""
    form: Text = ""
    hazards: Letters = None
    components: Note = ""
    container_kind: Text = ""
    received_at: Moment = None
    waste_code: Text = ""


class VerbIn(Body):
    """The body of any verb; each reads the fields it needs."""

    password: Text = ""
    pin: Text = ""
    shown: Text = ""
    """`digest` of the manifest as the signer saw it; what has changed since is refused."""
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
    at: Moment = None
    carrier: Uscc = ""
    place: Note = ""
    next_username: Text = ""
    next_pin: Text = ""
    emergency_measures: LongNote | None = None
    contract: Note | None = None
    national_number: Text = ""
    driver: Text = ""
    compared: bool | None = None
    """Of a departure where nothing was scanned on: every label was compared with the list by eye."""
    accepted_kg: Mass = None
    refused_kg: Mass = None
    correction: Text = ""
    """Which proposal is agreed to, declined or withdrawn: the `id` it was read with."""


IN_SENT = (
    *("password", "pin", "shown", "container", "mass_kg", "note", "reason", "vehicle", "depot", "bay"),
    *("carrier", "place", "next_username", "next_pin"),
)
FIELDS = (
    *("emergency_measures", "contract", "national_number", "driver", "delivered_at", "compared"),
    *("accepted_kg", "refused_kg", "correction"),
)


def sent_of(body: VerbIn, verb: str) -> Sent:
    """A verb's body as the verb takes it; `fields` holds those that were given."""
    when = {
        "depart": body.departed_at,
        "type-in": body.departed_at,
        "deliver": body.delivered_at,
        "receive": body.received_at,
    }.get(verb)
    return Sent(
        **{name: getattr(body, name) for name in IN_SENT},
        lines=[line.model_dump(exclude_unset=verb == "correct") for line in body.lines],
        at=when or body.at,
        fields={name: getattr(body, name) for name in FIELDS if name in body.model_fields_set},
    )


def _when(moment: Any) -> str | None:
    return instant(moment) if moment else None


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """A manifest's head, as lists give it."""
    return {
        "number": manifest.number,
        "national_number": manifest.national_number or None,
        "state": manifest.state,
        "on_paper": manifest.paper,
        "sender": {"uscc": manifest.sender.uscc, "name": manifest.sender.name},
        "receiver": {"uscc": manifest.receiver.uscc, "name": manifest.receiver.name},
        "carrier": {"uscc": manifest.carrier.uscc, "name": manifest.carrier.name} if manifest.carrier else None,
        "next_carrier": {"uscc": manifest.next_carrier.uscc, "name": manifest.next_carrier.name}
        if manifest.next_carrier
        else None,
        "created_at": _when(manifest.created_at),
        "issued_at": _when(manifest.issued_at),
        "departed_at": _when(manifest.departed_at),
        "delivered_at": _when(manifest.delivered_at),
        "received_at": _when(manifest.received_at),
        "closed_at": _when(manifest.closed_at),
    }


def paper_json(manifest: Manifest) -> dict[str, Any] | None:
    """Of a manifest that ran on paper: its number there, when it was complete, its scans; None of any other."""
    if not manifest.paper:
        return None
    scans = manifest.attachments.defer("content").order_by("pk")
    return {
        "number": manifest.paper_number,
        "completed_at": _when(manifest.paper_completed_at),
        "scans": [{"name": one.name, "sha256": one.sha256, "bytes": one.size} for one in scans],
    }


def leg_json(leg: Leg) -> dict[str, Any]:
    """One carrier's part of the way; `departed_at` null: planned or offered, not signed for."""
    return {
        "position": leg.position,
        "carrier": {"uscc": leg.carrier.uscc, "name": leg.carrier.name},
        "vehicle": leg.plate or None,
        "driver": leg.driver_name or None,
        "place": leg.place,
        "handed_over_at": _when(leg.handed_over_at),
        "departed_at": _when(leg.departed_at),
        "arrived_at": _when(leg.arrived_at),
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
        "components": line.container.harmful_components or line.container.components,
        "container_kind": line.container.container_kind,
        "mass_kg": kg_text(line.mass_g),
        "outcome": line.outcome or None,
        "received_mass_kg": kg_text(line.received_mass_g),
        "refused_mass_kg": kg_text(line.refused_mass_g),
        "received_at": _when(line.received_at),
        "reason": line.reason,
        "discrepancy": {
            "severity": discrepancy.severity,
            "differs": discrepancy.differs.split(),
            "note": discrepancy.note,
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
