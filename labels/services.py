"""Drawing containers' labels, and the log of what was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from labels.codes import payload
from labels.drawing import LabelData, draw_labels
from labels.models import Print
from wastetrack.errors import invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.regulations.parameters import label_size
from wastetrack.regulations.vocabulary import FORMS
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import by_codes

LAYOUTS = ("single", "a4")
MOST_LABELS = 500


def label_of(container: Container) -> LabelData:
    """What HJ 1276 puts on this container's label."""
    unit = container.generator
    return LabelData(
        waste_name=container.name,
        category=container.category,
        waste_code=container.waste_code,
        form=FORMS[container.form].zh,
        hazards=container.hazard_letters,
        components=container.components,
        harmful_components=container.harmful_components,
        precautions=container.precautions,
        code37=container.code,
        short_code=container.short_code,
        unit_name=unit.name,
        unit_kind="generator",
        contact=unit.contact_name,
        phone=unit.contact_phone,
        produced_on=container.accumulation_start,
        mass_kg=container.mass_kg,
        remarks=container.remarks,
        volume_l=container.volume_l,
        qr_payload=payload(container.code, settings.PUBLIC_URL),
        demo=unit.demo,
    )


def print_labels(*, actor: Actor, codes: Sequence[str], layout: str, now: datetime) -> bytes:
    """The PDF of the labels of these containers, in this order; every drawing is logged.

    Raises Invalid(no_codes | too_many_codes | unknown_layout), NotFound(unknown_code) for one that may not be seen,
    NotPermitted(read_only).
    """
    if layout not in LAYOUTS:
        raise invalid("layout", "unknown_layout")
    if not codes:
        raise invalid("codes", "no_codes")
    if len(codes) > MOST_LABELS:
        raise invalid("codes", "too_many_codes", limit=MOST_LABELS)
    with transaction.atomic():
        containers = by_codes(actor, codes)
        log_prints(actor=actor, containers=containers, layout=layout, now=now)
    # A container of more than 450 L bears its label on two opposite sides.
    labels = [label_of(container) for container in containers for _ in range(label_size(container.volume_l).sides)]
    return draw_labels(labels, layout)  # type: ignore[arg-type]


def log_prints(*, actor: Actor, containers: Sequence[Container], layout: str, now: datetime) -> None:
    """Note that the labels of these containers were printed."""
    with transaction.atomic():
        Print.objects.bulk_create(
            Print(container=container, user=actor.user, layout=layout, printed_at=now) for container in containers
        )
        facts = [
            Fact("container.print_label", container.subject, container.readers(), {"layout": layout})
            for container in containers
        ]
        record(actor, facts, now=now)
