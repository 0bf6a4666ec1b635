"""What the API takes and says of scans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from labels.codes import read
from scanner.models import Scan, Verdict
from scanner.services import Answer, ScanRequest
from scanner.tasks import Details
from wastetrack.errors import Refused
from wastetrack.http import problem_json
from wastetrack.ledger.canonical import instant
from wastetrack.parties.actors import Actor
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
    manifest: Text = ""
    scanned_at: Moment = None
    sent_at: Moment = None
    device: Text = ""
    seq: int | None = None
    said: Text = ""
    reason: Text = ""
    again: bool = False


class SeenIn(Body):
    note: Text = ""


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


ACTIONS: Mapping[str, tuple[Any, str]] = {
    "no_manifest": (_("Make it at the counter now"), "/walk-in?container=%(code)s"),
    "not_on_a_manifest": (_("Make a manifest now"), "/manifests/new?container=%(code)s"),
    "no_count": (_("Begin a count"), "/depots/%(depot)s/counts"),
    "was_missing": (_("Open the counts"), "/depots/%(depot)s/counts"),
}
"""What to do next, by the reason of a refusal: a label and an address."""


def answer_json(answer: Answer, request: ScanRequest, details: Details) -> dict[str, Any]:
    """A verdict: a stable reason, its sentence in the caller's language, the container if it may be seen, what next."""
    weighing = details.weighing
    return {
        "nonce": answer.nonce,
        "verdict": answer.verdict,
        "reason": answer.reason,
        "message": sentence(answer.reason, answer.params) if answer.reason else sentence("scan_accepted"),
        "container": scanned_json(answer.container) if answer.container else None,
        "intent": answer.intent,
        "bay": details.bay,
        "flag": {"code": answer.flag, "message": sentence(answer.flag, answer.flag_params)} if answer.flag else None,
        "weigh_again": weighing
        and {
            "declared_kg": kg_text(weighing.declared_g),
            "received_kg": kg_text(weighing.received_g),
            "limit_percent": str(weighing.limit_percent),
        },
        "load": details.load
        and {"manifest": details.load.manifest, "expected": details.load.expected, "done": details.load.done},
        "action": action_json(answer, request),
    }


def action_json(answer: Answer, request: ScanRequest) -> dict[str, str] | None:
    """The way on from a refusal; None where there is none but the sentence."""
    label, address = ACTIONS.get(answer.reason or "", ("", ""))
    if not address:
        return None
    scanned = read(request.text, settings.PUBLIC_URL)
    words = {"code": quote(scanned.code or ""), "depot": quote(str(request.depot or ""), safe="")}
    return (
        {"label": str(label), "href": address % words}
        if all(words[name] for name in words if name in address)
        else None
    )


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
        "intent": None,
        "bay": None,
        "flag": None,
        "weigh_again": None,
        "load": None,
        "action": None,
        "problem": problem,
    }


def seen_json(actor: Actor, scan: Scan) -> dict[str, Any]:
    """A scan that had happened and that the rules do not bear: what, when, by whom, why, and what was done."""
    code = scan.flag or scan.reason
    params = json.loads(scan.flag_params if scan.flag else scan.params)
    return {
        "id": str(scan.pk),
        "nonce": scan.nonce,
        "text": scan.text,
        "intent": scan.intent,
        "depot": scan.depot_asked or None,
        "bay": scan.bay_asked or None,
        "container": scanned_json(scan.container) if scan.container and scan.container.seen_by(actor) else None,
        "recorded": scan.verdict == Verdict.ACCEPTED,
        "reason": code,
        "message": sentence(code, params),
        "user": scan.user.display_name,
        "device": scan.device,
        "scanned_at": instant(scan.scanned_at),
        "happened_at": instant(scan.happened_at),
        "recorded_at": instant(scan.recorded_at),
        "note": scan.seen_note or None,
    }
