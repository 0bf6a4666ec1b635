"""What the API's tests share: how a refusal looks, what a request must not leave behind, a drum on its way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db.models import Model
from django.test import Client

from depots.models import Stay
from labels.models import Print
from manifests.models import Discrepancy, Manifest, Statement, Treatment
from scanner.models import Scan
from tests.conftest import Api
from wastetrack.alerts.models import Alert
from wastetrack.ledger.models import Entry
from wastetrack.lifecycle.models import Answer, Series
from wastetrack.waste.models import Container

PROBLEM = "application/problem+json"
FACTS: list[type[Model]] = [
    Container, Stay, Entry, Manifest, Discrepancy, Statement, Treatment, Scan, Print, Alert, Answer, Series,
]  # fmt: skip


def refused(response: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The problem that a response is: of this status and code; with `field`, the code is that field's."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["detail"]
    assert body["detail"] != body["code"], "a code without its sentence"
    if field is None:
        assert body["code"] == code, body
        return body
    assert body["code"] == "invalid_fields"
    assert (field, code) in {(error["field"], error["code"]) for error in body["errors"]}, body["errors"]
    assert all(error["message"] not in ("", error["code"]) for error in body["errors"])
    return body


def answered(response: Any, status: int = 200) -> Any:
    """The JSON of an answer of this status."""
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    return response.json()


def rows() -> dict[str, Any]:
    """How much of everything there is, and in which states."""
    counted: dict[str, Any] = {model.__name__: model._default_manager.count() for model in FACTS}
    counted["states"] = sorted(Container.objects.values_list("code", "state", "mass_g"))
    counted["manifests"] = sorted(Manifest.objects.values_list("number", "state"))
    return counted


@contextlib.contextmanager
def nothing_done() -> Iterator[None]:
    """What happens inside leaves no row more, no row less and no state changed."""
    before = rows()
    yield
    assert rows() == before


def checked(token: str | None = None) -> Api:
    """A program whose requests get the CSRF check that a browser's get."""
    api = Api(token)
    api.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    return api
