"""Creating once: a POST that carries an Idempotency-Key may be sent again without doing anything twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from wastetrack.errors import invalid
from wastetrack.http import actor_of, now_of
from wastetrack.lifecycle.services import once


def create_once(request: HttpRequest, make: Callable[[], Any], *, key: str | None = None) -> HttpResponse:
    """Run `make` in a transaction and answer 201; the same Idempotency-Key gets the first answer again.

    Raises NotPermitted(read_only), Invalid(idempotency_key_unusable), Refused(idempotency_key_reused, 422).
    """
    actor = actor_of(request)
    # Also before an answer is given again: it belongs to those who may create.
    actor.require_write()
    key = key or request.headers.get("Idempotency-Key")

    def body() -> tuple[int, str]:
        return 201, json.dumps(make(), ensure_ascii=False)

    if not key:
        with transaction.atomic():
            status, text = body()
    else:
        if len(key) > 120 or not key.isprintable():
            raise invalid("Idempotency-Key", "idempotency_key_unusable")
        asked = f"{request.method} {request.path}\n".encode() + request.body
        status, text = once(
            organisation_id=actor.principal.pk,
            key=key,
            fingerprint=hashlib.sha256(asked).hexdigest(),
            now=now_of(request),
            make=body,
        )
    return HttpResponse(text, status=status, content_type="application/json")
