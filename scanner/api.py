"""`/scans`: one, many, and reading a photo."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import File, Router
from ninja.files import UploadedFile
from pydantic import ValidationError

from scanner.decoding import decode, engines
from scanner.schemas import BatchIn, ScanIn, answer_json
from scanner.services import ScanRequest, scan
from wastetrack.errors import Invalid, Refused, invalid
from wastetrack.http import actor_of, now_of, problem_json, refusal_of

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


def _one_of_many(actor: Any, row: dict[str, Any], now: Any) -> dict[str, Any]:
    nonce = str(row.get("nonce") or "")[:64]
    try:
        return answer_json(scan(actor=actor, request=_request(ScanIn(**row)), now=now))
    except ValidationError as error:
        refusal: Refused = Invalid(code="invalid_fields", fields=str(error.error_count()))
    except Exception as error:
        known = refusal_of(error)
        if known is None:
            raise
        refusal = known
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


def _request(body: ScanIn) -> ScanRequest:
    return ScanRequest(**body.dict())


@router.post("/decode")
def decode_image(request: HttpRequest, image: File[UploadedFile]) -> dict[str, Any]:
    """The barcodes in a photo, by either engine. `notice` says when an engine is missing on this server."""
    actor_of(request)
    found = decode(image.read())
    return {
        "barcodes": [
            {"text": code.text, "symbology": code.symbology, "engine": code.engine, "box": code.box} for code in found
        ],
        "engines": engines(),
    }
