"""What mends a problem of a draft: each is shown with the one thing to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from manifests.models import Manifest
from wastetrack.errors import FieldError
from wastetrack.http import field_json

EDIT = "/manifests/%(number)s/edit"
FIXES: Mapping[str, tuple[Any, str]] = {
    "containers": (_("Change the drums"), EDIT),
    "receiver": (_("Choose another receiver"), EDIT),
    "carrier": (_("Choose another carrier"), EDIT),
    "approval": (_("Record the approval"), "/approvals"),
    "plan": (_("Put it into the plan"), "/manifests/%(number)s/amend-plan"),
}
"""By the field that a problem is at: what to do, and where. The plan's is done by one tap."""


def problem_with_fix(manifest: Manifest, problem: FieldError) -> dict[str, Any]:
    """A problem or warning as JSON: field, code, message, and `fix` {text, link}."""
    text, link = FIXES[problem.field]
    return {**field_json(problem), "fix": {"text": str(text), "link": link % {"number": manifest.number}}}
