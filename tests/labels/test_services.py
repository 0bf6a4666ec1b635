"""Printing a container's label: the PDF of the service, read back, and the log of it."""

from __future__ import annotations

from io import BytesIO

import pypdfium2
import pytest

from labels.models import Print
from labels.services import print_labels
from scanner.decoding import decode
from tests.world import NOW, World
from wastetrack.errors import Invalid, NotPermitted
from wastetrack.ledger.models import Entry


def pages(pdf: bytes) -> list[bytes]:
    """Each page as a PNG at 203 dpi, as a label printer sees it."""
    images = []
    for page in pypdfium2.PdfDocument(pdf):
        target = BytesIO()
        page.render(scale=203 / 72).to_pil().save(target, "PNG")
        images.append(target.getvalue())
    return images


def test_the_label_of_a_drum_holds_its_code_and_is_logged(world: World) -> None:
    drum = world.drum()
    (page,) = pages(print_labels(actor=world.actor("firm"), codes=[drum.short_code], layout="single", now=NOW))
    (found,) = decode(page)
    assert found.text == f"HTTP://127.0.0.1:8000/W/{drum.code}"
    assert Print.objects.get().container_id == drum.pk
    assert Entry.objects.filter(kind="container.print_label", subject=drum.subject).count() == 1


def test_a_big_container_gets_a_label_for_each_of_two_sides(world: World) -> None:
    tank = world.drum(container_kind="ibc", volume_l=1000)
    assert len(pages(print_labels(actor=world.actor("firm"), codes=[tank.code], layout="single", now=NOW))) == 2


def test_a_hidden_drum_has_no_label_for_others_and_a_reader_prints_none(world: World) -> None:
    drum = world.drum()
    with pytest.raises(Invalid) as refused:
        print_labels(actor=world.actor("firm2"), codes=[drum.code], layout="single", now=NOW)
    assert refused.value.errors[0].code == "unknown_code"
    with pytest.raises(NotPermitted, match="read_only"):
        print_labels(actor=world.actor("viewer"), codes=[drum.code], layout="single", now=NOW)
    assert not Print.objects.exists()
