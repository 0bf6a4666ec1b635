"""What the parties sign: a manifest as it stands, its canonical form, and the digest that binds a signature to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from manifests.models import Correction, Leg, Line, Manifest, ManifestState
from manifests.services.common import brought_by
from wastetrack.errors import Refused
from wastetrack.ledger.canonical import canonical_json, instant
from wastetrack.units import kg_text


def signature(content: Mapping[str, Any], meaning: str) -> dict[str, Any]:
    """What binds an entry to what was signed: the content, the SHA-256 of its canonical JSON, and as what it counts.

    Who signed, by what and when stands in the entry itself.
    """
    return {"content": dict(content), "content_sha256": sha256(content), "meaning": meaning}


def sha256(content: Mapping[str, Any]) -> str:
    """The digest of a content's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(dict(content)).encode()).hexdigest()


def content_of(manifest: Manifest, lines: Sequence[Line]) -> dict[str, Any]:
    """What the sender signs: the parties and every line."""
    return {
        "number": manifest.number,
        "sender": manifest.sender.uscc,
        "receiver": manifest.receiver.uscc,
        "carrier": manifest.carrier.uscc if manifest.carrier else None,
        **brought_by(manifest),
        "emergency_measures": manifest.emergency_measures,
        **({"contract": manifest.contract} if manifest.contract else {}),
        **({"follows": manifest.follows.number} if manifest.follows else {}),
        **({"approval": manifest.approval.number} if manifest.approval else {}),
        **({"paper": manifest.paper_number} if manifest.paper else {}),
        "lines": [line_content(manifest, line) for line in lines],
    }


def line_content(manifest: Manifest, line: Line) -> dict[str, Any]:
    """A line as it is signed: the drum, what is in it, how it is packed, how much."""
    drum = line.container
    # A draft's masses follow its drums until it is issued.
    mass_g = drum.mass_g if manifest.state == ManifestState.DRAFT else line.mass_g
    return {
        "container": drum.code,
        "waste_code": drum.waste_code,
        "name": drum.name,
        "form": drum.form,
        "hazards": drum.hazards,
        "components": drum.harmful_components or drum.components,
        "packaging": drum.container_kind,
        "mass_kg": kg_text(mass_g),
    }


def digest_of(
    manifest: Manifest, lines: Sequence[Line], legs: Sequence[Leg], corrections: Sequence[Correction] | None = None
) -> str:
    """The digest of all that a party sees before it signs: the content, the way so far, corrections agreed and open.

    What other parties add in their own blocks since, a receipt or a treatment, does not change it, nor that one of
    those asked has agreed to what is proposed (one query, none where its corrections are given).
    """
    way = [
        {
            "carrier": leg.carrier.uscc,
            "plate": leg.plate,
            "driver": leg.driver_name,
            "place": leg.place,
            "handed_over_at": instant(leg.handed_over_at) if leg.handed_over_at else None,
            "departed_at": instant(leg.departed_at) if leg.departed_at else None,
        }
        for leg in legs
    ]
    seen = {"legs": way, "version": manifest.version, "proposal": _proposal(manifest, corrections)}
    return sha256({**content_of(manifest, lines), **seen})


def _proposal(manifest: Manifest, corrections: Sequence[Correction] | None) -> dict[str, Any] | None:
    """The correction that is open, if one is: which one, and what it would change."""
    # A draft has none: nobody has signed it.
    if corrections is None:
        corrections = list(manifest.corrections.filter(settled_at=None)) if manifest.issued_at else []
    found = next((one for one in corrections if one.settled_at is None), None)
    if found is None:
        return None
    return {"id": found.pk, "cancels": found.cancels, "changes": found.data, "reason": found.reason}


def require_as_shown(manifest: Manifest, shown: str) -> None:
    """Raises Refused(changed_since_shown) unless this is the digest of the manifest as it is now (four queries)."""
    lines = list(manifest.lines.select_related("container"))
    if shown != digest_of(manifest, lines, list(manifest.legs.select_related("carrier"))):
        raise Refused("changed_since_shown", manifest=manifest.number)
