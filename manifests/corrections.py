"""Corrections as they are read: proposals, who agreed, and every version's old and new values in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from manifests.models import Consent, Correction, Line, Manifest, Outcome
from wastetrack.ledger.canonical import instant
from wastetrack.parties.actors import Actor
from wastetrack.regulations.vocabulary import container_kind, form
from wastetrack.telling import CORRECTED
from wastetrack.units import kg_text


def corrections_of(manifest: Manifest) -> list[Correction]:
    """The manifest's corrections, oldest first (one query, two where there are any)."""
    consents = Consent.objects.select_related("organisation", "given_by")
    rows = manifest.corrections.select_related("proposer", "proposed_by")
    return list(rows.prefetch_related(Prefetch("consents", consents)))


def open_one(corrections: Sequence[Correction]) -> Correction | None:
    """The one that is not settled yet."""
    return next((one for one in corrections if one.settled_at is None), None)


def asked_of(correction: Correction, actor: Actor) -> bool:
    """Whether the actor's organisation is still to agree or to decline."""
    return any(
        one.given_at is None for one in correction.consents.all() if one.organisation_id == actor.organisation_id
    )


def totals_json(lines: Sequence[Line]) -> dict[str, str | None]:
    """What was declared, and what of it was accepted, refused (as declared), and waits to be received."""
    accepted = [line for line in lines if line.outcome == Outcome.ACCEPTED]
    refused = [line for line in lines if line.outcome == Outcome.REJECTED]
    return {
        "declared_kg": kg_text(sum(line.mass_g for line in lines)),
        "accepted_kg": kg_text(sum(line.received_mass_g or 0 for line in accepted)),
        "refused_kg": kg_text(sum(line.refused_mass_g or line.mass_g for line in refused)),
        "waiting_kg": kg_text(sum(line.mass_g for line in lines if not line.outcome)),
    }


def correction_json(correction: Correction) -> dict[str, Any]:
    """A correction as the API gives it."""
    return {
        "id": str(correction.pk),
        "state": correction.state,
        "cancels": correction.cancels,
        "proposer": {"uscc": correction.proposer.uscc, "name": correction.proposer.name},
        "proposed_at": instant(correction.proposed_at),
        "reason": correction.reason,
        "changes": correction.data,
        "consents": [_consent_json(one) for one in correction.consents.all()],
        "settled_at": instant(correction.settled_at) if correction.settled_at else None,
        "version": correction.version,
    }


def _consent_json(consent: Consent) -> dict[str, Any]:
    organisation = consent.organisation
    return {
        "uscc": organisation.uscc,
        "name": organisation.name,
        "given_at": instant(consent.given_at) if consent.given_at else None,
    }


# --- in words ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChangeShown:
    """One change as a page shows it; a time is a datetime, all else text."""

    drum: Line | None
    label: str
    old: str | datetime
    new: str | datetime
    is_time: bool


@dataclass(frozen=True)
class CorrectionShown:
    """A correction as a page shows it."""

    correction: Correction
    changes: Sequence[ChangeShown]

    @property
    def waits_for(self) -> list[str]:
        """Who must still agree."""
        return [one.organisation.name for one in self.correction.consents.all() if one.given_at is None]

    @property
    def agreed(self) -> list[Consent]:
        return [one for one in self.correction.consents.all() if one.given_at is not None]


def shown(corrections: Sequence[Correction], lines: Sequence[Line]) -> list[CorrectionShown]:
    """These corrections in words, for a page that has the manifest's lines."""
    by_code = {line.container.code: line for line in lines}
    return [CorrectionShown(one, [_change(change, by_code) for change in one.data]) for one in corrections]


def _change(change: Mapping[str, Any], by_code: Mapping[str, Line]) -> ChangeShown:
    field = change["field"]
    old, new = _in_words(field, change["old"]), _in_words(field, change["new"])
    return ChangeShown(by_code.get(change["container"]), str(CORRECTED[field]), old, new, field == "received_at")


def _in_words(field: str, value: str) -> str | datetime:
    if field == "received_at":
        return parse_datetime(value) or value
    if field in ("mass_kg", "declared_mass_kg"):
        return f"{value} kg"
    if field in ("form", "container_kind"):
        term = (form if field == "form" else container_kind)(value)
        if term is not None:
            return str(term.en if (get_language() or "").startswith("en") else term.zh)
    return value or _("nothing")
