"""What the API takes and says of scans."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from scanner.services import Answer
from wastetrack.errors import Refused
from wastetrack.http import problem_json
from wastetrack.schemas import Body, Loose, Mass, Moment, Text, required
from wastetrack.sentences import sentence
from wastetrack.units import kg_text
from wastetrack.waste.models import Container


class ScanIn(Body):
    model_config = required("nonce", "text", "intent")

    nonce: Text = ""
    text: Text = ""
    intent: Text = ""
    depot: Loose = None
    bay: Loose = None
    mass_kg: Mass = None
    scanned_at: Moment = None


class BatchIn(Body):
    scans: list[Any]


def scanned_json(container: Container) -> dict[str, Any]:
    """What a verdict says of its container."""
    deadline = container.storage_deadline
    return {
        "code": container.code,
        "short_code": container.short_code,
        "state": container.state,
        "waste_code": container.waste_code,
        "name": container.name,
        "mass_kg": kg_text(container.mass_g),
        "generator": container.generator.name,
        "storage_deadline": timezone.localtime(deadline).isoformat() if deadline else None,
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


def refused_json(nonce: str, refusal: Refused) -> dict[str, Any]:
    """What a batch says of an item that is no scan at all: a refusal, with its problem."""
    problem = problem_json(refusal)
    first = problem.get("errors", [{"code": refusal.code, "message": problem["detail"]}])[0]
    return {
        "nonce": nonce,
        "verdict": "refused",
        "reason": first["code"],
        "message": first["message"],
        "container": None,
        "problem": problem,
    }
