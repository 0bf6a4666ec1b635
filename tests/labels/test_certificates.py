"""The certificate of treatment: what it says, its PDF and code, and checking one without an account."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from django.test import Client
from PIL import Image

from manifests.certificate_pages import MOST_CHECKS
from manifests.certificates import Certificate, certificate_of_drum, certificate_of_manifest, check_certificate
from manifests.documents.certificate import draw_certificate
from manifests.models import Manifest, Treatment
from tests.kernel.test_fates import bring, corrected, fresh, log, merge, split, treat
from tests.pages.visitors import Visitor
from tests.world import World
from wastetrack.errors import NotFound, NotPermitted, Refused
from wastetrack.ledger.models import Entry, EntryReader
from wastetrack.ledger.services import seal
from wastetrack.waste.models import Container


@pytest.fixture
def drum(world: World) -> Container:
    return log(world, 1_000)


@pytest.fixture
def manifest(world: World, drum: Container) -> Manifest:
    return bring(world, drum, sender="firm", to="plant")


def of_drum(world: World, drum: Container, by: str = "firm") -> Certificate:
    return certificate_of_drum(world.actor(by), fresh(drum))


def read(pdf: bytes) -> tuple[list[Image.Image], str]:
    pages = list(pypdfium2.PdfDocument(pdf))
    words = "".join(page.get_textpage().get_text_range() for page in pages)
    return [page.render(scale=3).to_pil() for page in pages], words


# --- what it says ------------------------------------------------------------------------------------------


def test_there_is_none_before_anything_is_treated(world: World, drum: Container, manifest: Manifest) -> None:
    for ask in (lambda: of_drum(world, drum), lambda: certificate_of_manifest(manifest)):
        with pytest.raises(Refused, match="nothing_treated") as refused:
            ask()
        assert refused.value.status == 409


def test_it_says_plainly_what_is_outstanding(world: World, drum: Container, manifest: Manifest) -> None:
    treat(world, manifest, drum, 300)
    partly = certificate_of_manifest(manifest)
    assert (partly.content["treated_kg"], partly.content["outstanding_kg"]) == ("0.3", "0.7")
    treat(world, manifest, drum, 700)
    whole = certificate_of_manifest(manifest)
    assert (whole.finished, whole.content["treated_kg"], whole.content["difference_kg"]) == (True, "1", "0")


def test_a_drum_is_certified_through_what_it_was_mixed_into(world: World, drum: Container, manifest: Manifest) -> None:
    other = log(world, 500, "firm2")
    theirs = bring(world, other, sender="firm2", to="plant")
    mixed = merge(world, drum, other, by="plant")
    one, two = split(world, mixed, 600, 900, by="plant")
    treat(world, manifest, one)
    treat(world, theirs, two, method="D10")
    for name, its, masses in (("firm", drum, ["0.4", "0.6"]), ("firm2", other, ["0.2", "0.3"])):
        content = of_drum(world, its, name).content
        assert [row["mass_kg"] for row in content["rows"]] == masses
        assert [row["treated_in"] for row in content["rows"]] == [one.short_code, two.short_code]
        assert content["treated_kg"] == content["mass_kg"]
        assert {row["drum"] for row in content["rows"]} == {its.short_code}
    assert certificate_of_manifest(theirs).content["treated_kg"] == "0.5"


def test_only_its_generator_and_regulators_have_a_drums(world: World, drum: Container, manifest: Manifest) -> None:
    treat(world, manifest, drum)
    assert of_drum(world, drum, "regulator").number == of_drum(world, drum).number
    with pytest.raises(NotPermitted):
        of_drum(world, drum, "carrier")


# --- checking one ------------------------------------------------------------------------------------------


def test_an_earlier_certificate_still_holds_when_more_is_treated(
    world: World, drum: Container, manifest: Manifest
) -> None:
    treat(world, manifest, drum, 300)
    early = [certificate_of_manifest(manifest), of_drum(world, drum)]
    treat(world, manifest, drum, 700)
    for certificate in early:
        checked = check_certificate(certificate.number)
        assert checked.certificate.content == certificate.content
        assert (checked.superseded, checked.in_log) == (True, True)
    assert not check_certificate(certificate_of_manifest(manifest).number).superseded


def test_what_the_records_no_longer_say_is_unknown(world: World, drum: Container, manifest: Manifest) -> None:
    treat(world, manifest, drum, 300)
    number = certificate_of_manifest(manifest).number
    assert check_certificate(number.lower()).certificate.number == number
    corrected(drum, 900)
    for wrong in (number, number[:-1], number[:-1] + "G", f"M{manifest.number}", "M-", "", "X" * 200, "W1-" + "0" * 16):
        with pytest.raises(NotFound):
            check_certificate(wrong)


def test_a_treatment_that_the_log_does_not_bear_out_is_said(world: World, drum: Container, manifest: Manifest) -> None:
    treat(world, manifest, drum)
    seal()
    assert check_certificate(certificate_of_manifest(manifest).number).in_log
    Treatment.objects.update(method="D10")
    assert not check_certificate(certificate_of_manifest(manifest).number).in_log


def test_a_log_that_was_altered_is_said(world: World, drum: Container, manifest: Manifest) -> None:
    treat(world, manifest, drum)
    seal()
    number = certificate_of_manifest(manifest).number
    entry = Entry.objects.get(kind="container.treat")
    EntryReader.objects.filter(entry=entry)._raw_delete(using="default")
    assert not check_certificate(number).in_log


# --- the paper and the page --------------------------------------------------------------------------------


def test_the_paper_says_it_and_its_code_opens_the_page(world: World, drum: Container, manifest: Manifest) -> None:
    pyzbar = pytest.importorskip("pyzbar.pyzbar")
    treat(world, manifest, drum, 300)
    certificate = certificate_of_manifest(manifest)
    pdf = draw_certificate(certificate)
    assert pdf == draw_certificate(certificate)
    (page,), words = read(pdf)
    for said in (
        "危险废物利用处置证明",
        "Certificate of treatment",
        "部分完成",
        certificate.number,
        "0.7",
        "演示plant",
    ):
        assert said in words, said
    by_zxing = zxingcpp.read_barcodes(page)[0].text
    by_zbar = pyzbar.decode(page)[0].data.decode()
    assert by_zxing == by_zbar
    path = re.sub("^HTTPS?://[^/]+", "", by_zxing)
    assert path == f"/C/{certificate.number}"
    answer = Client().get(path)
    assert answer.status_code == 200
    shown = answer.content.decode()
    for said in (certificate.number, "0.3 kg", "0.7 kg", manifest.number, drum.short_code[:4]):
        assert said in shown, said


def test_a_long_one_has_several_pages_each_with_its_code(world: World) -> None:
    drums = [log(world, 1_000) for _ in range(60)]
    manifest = bring(world, *drums, sender="firm", to="plant")
    for drum in drums[:3]:
        treat(world, manifest, drum)
    certificate = certificate_of_manifest(manifest)
    pages, words = read(draw_certificate(certificate))
    assert len(pages) > 1
    assert all(zxingcpp.read_barcodes(page)[0].text.endswith(certificate.number) for page in pages)
    assert f"第 {len(pages)} 页，共 {len(pages)} 页" in words


def test_what_was_left_over_stands_once_below_the_drums_treated_together(world: World) -> None:
    drums = [log(world, 1_000) for _ in range(3)]
    manifest = bring(world, *drums, sender="firm", to="plant")
    for drum in drums:
        treat(world, manifest, drum)
    certificate = certificate_of_manifest(manifest)
    rows = [{**row, "residue": "炉渣 12 kg"} for row in certificate.content["rows"]]
    rows[2] = {**rows[2], "residue": "飞灰"}
    _, words = read(draw_certificate(Certificate({**certificate.content, "rows": rows}, certificate.treatments)))
    assert words.count("炉渣 12 kg") == words.count("飞灰") == 1


def test_the_pages_and_who_may_have_them(world: World, drum: Container, manifest: Manifest) -> None:
    def get(name: str, address: str) -> Any:
        return Visitor(world, name).get(address)

    addresses = (f"/manifests/{manifest.number}/certificate.pdf", f"/containers/{drum.short_code}/certificate.pdf")
    assert [get("firm", address).status_code for address in addresses] == [409, 409]
    treat(world, manifest, drum)
    for address in addresses:
        answer = get("firm", address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert get("firm2", address).status_code == 404
        assert Client().get(address).status_code == 302
    assert get("carrier", addresses[1]).status_code == 403
    assert get("carrier", addresses[0]).status_code == 200
    assert Client().get("/c/M00000000000000-0000000000000000").status_code == 404


def test_an_address_without_an_account_checks_only_so_many(
    world: World, drum: Container, manifest: Manifest, clock: Any
) -> None:
    treat(world, manifest, drum)
    number = certificate_of_manifest(manifest).number
    unknown = "M00000000000000-0000000000000000"
    answers = [Client().get(f"/c/{one}").status_code for one in [number, unknown] * (MOST_CHECKS // 2)]
    assert answers == [200, 404] * (MOST_CHECKS // 2)
    assert [Client().get(f"/c/{one}").status_code for one in (number, unknown)] == [429, 429]
    assert Client(REMOTE_ADDR="10.0.0.2").get(f"/c/{number}").status_code == 200
    assert Visitor(world, "firm").get(f"/c/{number}").status_code == 200


def test_the_pages_offer_it(world: World, drum: Container, manifest: Manifest) -> None:
    firm = Visitor(world, "firm")
    pages = (f"/manifests/{manifest.number}", f"/containers/{drum.short_code}")
    assert not any("certificate.pdf" in firm.get(page).content.decode() for page in pages)
    treat(world, manifest, drum)
    for page in pages:
        assert f"{page}/certificate.pdf" in firm.get(page).content.decode()
    carrier = Visitor(world, "carrier").get(pages[1]).content.decode()
    assert "certificate.pdf" not in carrier
