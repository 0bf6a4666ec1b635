"""`/scans`: one, many, and reading a photo."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import File, Router
from ninja.files import UploadedFile
from pydantic import ValidationError

from scanner.decoding import MAX_BYTES, decode, engines
from scanner.schemas import BatchIn, ScanIn, SeenIn, answer_json, refused_json, seen_json
from scanner.selectors import details_of, to_be_seen
from scanner.services import Answer, ScanRequest, note_seen, scan
from scanner.tasks import Details
from wastetrack.errors import Invalid, NotFound, Refused, invalid
from wastetrack.http import PAGE_SIZE, actor_of, fault_of, now_of, page_of, refusal_of, require_owner
from wastetrack.parties.actors import Actor
from wastetrack.schemas import Text, field_errors

router = Router(tags=["scans"])
MOST_SCANS = 500


@router.post("")
def one(request: HttpRequest, body: ScanIn) -> dict[str, Any]:
    """Do what one scan means. A refusal is a verdict, not an error; the same nonce gets the first answer again."""
    return _answered(_sender(request), body, now_of(request))


def _sender(request: HttpRequest) -> Actor:
    """Who sends scans. Raises Refused(other_person) for scans that a device kept for somebody else."""
    actor = actor_of(request)
    require_owner(request, actor)
    return actor


def _answered(actor: Actor, body: ScanIn, now: datetime) -> dict[str, Any]:
    asked = ScanRequest(**body.model_dump())
    answer = scan(actor=actor, request=asked, now=now)
    return answer_json(answer, asked, answer.details or _details(actor, answer))


@router.post("/batch")
def batch(request: HttpRequest, body: BatchIn) -> dict[str, Any]:
    """Up to 500 scans, answered in order, each on its own: a bad one is answered with its problem."""
    if len(body.scans) > MOST_SCANS:
        raise invalid("scans", "too_many_scans", limit=MOST_SCANS)
    actor, now = _sender(request), now_of(request)
    actor.require_write()
    return {"results": [_one_of_many(actor, row, now) for row in body.scans]}


def _details(actor: Actor, answer: Answer) -> Details:
    accepted = answer.container if answer.reason is None else None
    return details_of(actor, accepted, answer.intent, weigh_again=answer.weigh_again)


def _one_of_many(actor: Actor, row: object, now: datetime) -> dict[str, Any]:
    try:
        return _answered(actor, ScanIn.model_validate(row), now)
    except ValidationError as error:
        refusal: Refused = Invalid(*field_errors(error.errors(include_url=False, include_input=False)))
    except Exception as error:
        refusal = refusal_of(error) or fault_of(error)
    nonce = row.get("nonce") if isinstance(row, dict) else None
    return refused_json(nonce if isinstance(nonce, str) else "", refusal)


@router.get("/to-be-seen")
def unseen(request: HttpRequest, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """Scans made without a network that had happened and that the rules do not bear, the newest first."""
    actor = actor_of(request)
    return page_of(to_be_seen(actor), cursor, limit, lambda scans: [seen_json(actor, scan) for scan in scans])


@router.post("/{nonce}/seen")
def seen(request: HttpRequest, nonce: Text, body: SeenIn) -> dict[str, Any]:
    """Say what was done about such a scan."""
    actor = actor_of(request)
    found = to_be_seen(actor).filter(nonce=nonce).first()
    if found is None:
        raise NotFound("unknown_scan")
    return seen_json(actor, note_seen(actor=actor, scan=found, note=body.note, now=now_of(request)))


@router.post("/decode")
def decode_image(request: HttpRequest, image: File[UploadedFile]) -> dict[str, Any]:
    """The barcodes in a photo, by either engine. `notice` says when an engine is missing on this server."""
    actor_of(request)
    found = decode(image.read(MAX_BYTES + 1))
    return {
        "barcodes": [
            {"text": code.text, "symbology": code.symbology, "engine": code.engine, "box": code.box} for code in found
        ],
        "engines": engines(),
    }
