"""`/scans`: one, many, and reading a photo."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import File, Router
from ninja.files import UploadedFile
from pydantic import ValidationError

from scanner.decoding import MAX_BYTES, decode, engines
from scanner.schemas import BatchIn, ScanIn, answer_json, refused_json
from scanner.services import ScanRequest, scan
from wastetrack.errors import Invalid, Refused, invalid
from wastetrack.http import actor_of, fault_of, now_of, refusal_of
from wastetrack.parties.actors import Actor
from wastetrack.schemas import field_errors

router = Router(tags=["scans"])
MOST_SCANS = 500


@router.post("")
def one(request: HttpRequest, body: ScanIn) -> dict[str, Any]:
    """Do what one scan means. A refusal is a verdict, not an error; the same nonce gets the first answer again."""
    return answer_json(scan(actor=actor_of(request), request=_request(body), now=now_of(request)))


@router.post("/batch")
def batch(request: HttpRequest, body: BatchIn) -> dict[str, Any]:
    """Up to 500 scans, answered in order, each on its own: a bad one is answered with its problem."""
    if len(body.scans) > MOST_SCANS:
        raise invalid("scans", "too_many_scans", limit=MOST_SCANS)
    actor, now = actor_of(request), now_of(request)
    actor.require_write()
    return {"results": [_one_of_many(actor, row, now) for row in body.scans]}


def _one_of_many(actor: Actor, row: object, now: datetime) -> dict[str, Any]:
    try:
        return answer_json(scan(actor=actor, request=_request(ScanIn.model_validate(row)), now=now))
    except ValidationError as error:
        refusal: Refused = Invalid(*field_errors(error.errors(include_url=False, include_input=False)))
    except Exception as error:
        refusal = refusal_of(error) or fault_of(error)
    nonce = row.get("nonce") if isinstance(row, dict) else None
    return refused_json(nonce if isinstance(nonce, str) else "", refusal)


def _request(body: ScanIn) -> ScanRequest:
    return ScanRequest(**body.model_dump())


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
