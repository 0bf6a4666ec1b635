"""The certificate of treatment (利用处置证明): what it says, its number, and whether the log still bears it out.

A certificate is no row: its number names a manifest or a drum and the digest of what it says, so whoever holds it can
have it checked, and nobody finds one by counting. Later treatments do not make an earlier one wrong: it says less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils import timezone

from manifests.fates import all_fates_of
from manifests.models import Manifest, Outcome, Treatment
from manifests.services.content import sha256
from wastetrack.errors import NotFound, NotPermitted, Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.selectors import attest, history_of
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.units import kg_text
from wastetrack.waste.models import Container

MANIFEST, DRUM = "manifest", "drum"
LETTERS = {"M": MANIFEST, "W": DRUM}
DIGITS = 16


@dataclass(frozen=True)
class Certificate:
    """What one certificate says, and the treatments it says it of."""

    content: dict[str, Any]
    treatments: Sequence[Treatment]

    @cached_property
    def number(self) -> str:
        """Whose it is and the digest of what it says: in capitals, as a QR code holds them best."""
        letter = next(letter for letter, kind in LETTERS.items() if kind == self.content["kind"])
        return f"{letter}{self.content['subject']}-{sha256(self.content)[:DIGITS].upper()}"

    @property
    def finished(self) -> bool:
        """Whether nothing of the waste is outstanding."""
        return "outstanding_kg" not in self.content


@dataclass(frozen=True)
class _Source:
    """What certificates of one manifest or drum are made from: they differ by how much was treated when."""

    head: dict[str, Any]
    whole_g: int
    rows: Sequence[tuple[Treatment, dict[str, Any], int]]
    """In the order recorded: the treatment, what is said of it, and the grams that are of this waste."""
    finished: bool

    @cached_property
    def treatments(self) -> list[Treatment]:
        return list({treatment.pk: treatment for treatment, _, _ in self.rows}.values())

    def certificate(self, count: int, *, finished: bool) -> Certificate:
        """The certificate after the first `count` treatments."""
        treatments = self.treatments[:count]
        pks = {treatment.pk for treatment in treatments}
        rows = [(said, mass_g) for treatment, said, mass_g in self.rows if treatment.pk in pks]
        left_g = self.whole_g - sum(mass_g for _, mass_g in rows)
        plants = {treatment.plant_id: treatment.plant for treatment in treatments}
        content = {
            **self.head,
            "plants": [_party(plant) for _, plant in sorted(plants.items())],
            "rows": [said for said, _ in rows],
            "treated_kg": kg_text(self.whole_g - left_g),
            ("difference_kg" if finished else "outstanding_kg"): kg_text(left_g),
        }
        return Certificate(content, treatments)

    def newest(self) -> Certificate:
        """What is certified now. Raises Refused(nothing_treated)."""
        if not self.rows:
            raise Refused("nothing_treated")
        return self.certificate(len(self.treatments), finished=self.finished)

    def all(self) -> Iterator[Certificate]:
        """Every certificate that there can have been, the newest first."""
        for count in range(len(self.treatments), 0, -1):
            for finished in (True, False):
                yield self.certificate(count, finished=finished)


def certificate_of_manifest(manifest: Manifest) -> Certificate:
    """What the receiver certifies to the parties of a manifest. Raises Refused(nothing_treated)."""
    return _of_manifest(manifest).newest()


def certificate_of_drum(actor: Actor, container: Container) -> Certificate:
    """What became of a drum, for its generator and the regulators. Raises Refused(nothing_treated), NotPermitted."""
    if container.generator_id != actor.organisation_id and not actor.is_regulator:
        raise NotPermitted("not_your_part")
    return _of_drum(container).newest()


def _of_manifest(manifest: Manifest) -> _Source:
    lines = manifest.lines.filter(outcome=Outcome.ACCEPTED).select_related("container__holder")
    containers = [line.container for line in lines]
    head = {
        "kind": MANIFEST,
        "subject": manifest.number,
        "sender": _party(manifest.sender),
        "demo": manifest.sender.demo or manifest.receiver.demo,
    }
    return _source(head, containers, plant_id=manifest.receiver_id)


def _of_drum(container: Container) -> _Source:
    generator = container.generator
    head = {"kind": DRUM, "subject": container.short_code, "code": container.code, "demo": generator.demo}
    return _source({**head, "generator": _party(generator)}, [container], plant_id=None)


def _source(head: dict[str, Any], containers: Sequence[Container], *, plant_id: int | None) -> _Source:
    """`plant_id`: only what this plant treated counts, the rest has gone on; None for treatments by whomever."""
    rows, others_g = [], 0
    for fates in all_fates_of(containers):
        others_g += fates.other_g
        for end in fates.treated:
            assert end.treatment is not None
            assert end.container is not None
            if plant_id in (None, end.treatment.plant_id):
                rows.append(
                    (end.treatment, _said(fates.container, end.container, end.treatment, end.mass_g), end.mass_g)
                )
            else:
                others_g += end.mass_g
    drums = [
        {"code": one.short_code, "waste_code": one.waste_code, "name": one.name, "mass_kg": kg_text(one.mass_g)}
        for one in containers
    ]
    whole_g = sum(one.mass_g for one in containers)
    head = {**head, "drums": drums, "mass_kg": kg_text(whole_g)}
    return _Source(head, whole_g, sorted(rows, key=lambda row: row[0].pk), finished=not others_g)


def _said(drum: Container, last: Container, treatment: Treatment, mass_g: int) -> dict[str, Any]:
    return {
        "drum": drum.short_code,
        "treated_in": last.short_code,
        "method": treatment.method,
        "treated_on": timezone.localdate(treatment.treated_at).isoformat(),
        "plant": treatment.plant.name,
        "mass_kg": kg_text(mass_g),
        "residue": treatment.residue,
    }


def _party(organisation: Organisation) -> dict[str, str]:
    return {"name": organisation.name, "uscc": organisation.uscc}


# --- checking one ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    """A certificate that somebody holds, against the records now."""

    certificate: Certificate
    superseded: bool
    """Whether more has been treated since."""
    in_log: bool
    """Whether every treatment that it names stands in the signed log as it names it."""
    unsealed: int


def check_certificate(number: str) -> Checked:
    """The certificate of this number, as whoever holds it may know it.

    Raises NotFound(unknown_certificate) alike for what never was and for what the records no longer say.
    """
    subject, _, digest = number.strip().upper().partition("-")
    source = _source_of(subject[:1], subject[1:]) if len(digest) == DIGITS else None
    if source is None:
        raise NotFound("unknown_certificate")
    for certificate in source.all():
        if certificate.number == f"{subject}-{digest}":
            return _checked(certificate, superseded=len(certificate.treatments) < len(source.treatments))
    raise NotFound("unknown_certificate")


def _source_of(letter: str, subject: str) -> _Source | None:
    if LETTERS.get(letter) == MANIFEST:
        manifest = Manifest.objects.select_related("sender", "receiver").filter(number=subject).first()
        return _of_manifest(manifest) if manifest else None
    if LETTERS.get(letter) == DRUM:
        drum = Container.objects.select_related("generator", "holder").filter(short_code=subject).first()
        return _of_drum(drum) if drum else None
    return None


def _checked(certificate: Certificate, *, superseded: bool) -> Checked:
    subjects = sorted({treatment.container.subject for treatment in certificate.treatments})
    entries = list(history_of(subjects))
    attested = attest(entries, whole=subjects)
    logged = Counter(
        (entry.subject, entry.data["method"], entry.data["mass_kg"], entry.data["treated_at"])
        for entry in entries
        if entry.kind in ("container.treat", "container.treat_part") and "method" in entry.data
    )
    said = Counter(
        (row.container.subject, row.method, kg_text(row.mass_g), instant(row.treated_at))
        for row in certificate.treatments
    )
    in_log = said <= logged and not attested.altered and not attested.missing
    return Checked(certificate, superseded, in_log, attested.unsealed)
