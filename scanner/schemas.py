"""What the API takes and says of scans."""

from __future__ import annotations

from typing import Any

from ninja import Schema

from scanner.services import Answer
from wastetrack.schemas import Loose, Mass, Moment, Text
from wastetrack.sentences import sentence
from wastetrack.units import kg_text
from wastetrack.waste.models import Container


class ScanIn(Schema):
    nonce: Text = ""
    text: Text = ""
    intent: Text = ""
    depot: Loose = None
    bay: Loose = None
    mass_kg: Mass = None
    scanned_at: Moment = None


class BatchIn(Schema):
    scans: list[dict[str, Any]]


def scanned_json(container: Container) -> dict[str, Any]:
    """What a verdict says of its container."""
    return {
        "code": container.code,
        "short_code": container.short_code,
        "state": container.state,
        "waste_code": container.waste_code,
        "name": container.name,
        "mass_kg": kg_text(container.mass_g),
        "generator": container.generator.name,
        "storage_deadline": container.storage_deadline.isoformat() if container.storage_deadline else None,
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    """A verdict: a stable reason, its sentence in the caller's language, and the container if it may be seen."""
    return {
        "nonce": answer.nonce,
        "verdict": answer.verdict,
        "reason": answer.reason,
        "message": sentence(answer.reason, answer.params) if answer.reason else sentence("scan_accepted"),
        "container": scanned_json(answer.container) if answer.container else None,
    }
