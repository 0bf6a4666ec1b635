"""The manifest as a document: what it says, who gets it, that its code is read by both readers."""

from __future__ import annotations

import json
from typing import Any

import pypdfium2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from manifests import services as manifests
from manifests.documents.drawing import draw_manifest
from manifests.documents.gather import Facts, facts_of
from manifests.documents.parts import exact_tonnes
from manifests.models import Consent, Correction, CorrectionState, Leg, Manifest
from manifests.selectors import get_manifest, lines_of
from tests.api.support import refused
from tests.labels.conftest import Printed
from tests.labels.test_signs import codes_in
from tests.pages.visitors import Visitor
from tests.world import NOW, World

LONG = "演示废矿物油与含矿物油废物沾染的包装容器及过滤吸附介质（危险特性见标签）混合收集物料"


def facts(world: World, manifest: Manifest, who: str = "firm") -> Facts:
    actor = world.actor(who)
    return facts_of(actor, get_manifest(actor, manifest.number), NOW)


def pages(pdf: bytes) -> list[str]:
    """Each page's text without spaces."""
    return ["".join(Printed(pdf, page).text.split()) for page in range(len(pypdfium2.PdfDocument(pdf)))]


def drawn(world: World, manifest: Manifest, who: str = "firm") -> str:
    return "".join(pages(draw_manifest(facts(world, manifest, who))))


def received(world: World, manifest: Manifest, **masses: Any) -> Manifest:
    """The plant accepts all but the first line, which it refuses."""
    lines = lines_of(manifest)
    receipts = [manifests.Receipt(line, **masses) for line in lines[1:]]
    receipts.append(manifests.Receipt(lines[0], outcome="rejected", reason="包装渗漏"))
    actor = world.actor("plant").confirmed_by("pin")
    depot = world.depots["plant"]
    return manifests.receive(actor=actor, manifest=manifest, receipts=receipts, depot=depot, now=NOW)


# --- what it says ------------------------------------------------------------------------------------------


def test_it_has_the_three_parts_and_their_fields(world: World) -> None:
    manifest = world.delivered(world.drum(harmful_components="苯系物"), to="plant")
    words = drawn(world, manifest)
    for said in (
        *("一、危险废物移出信息", "二、危险废物运输信息", "三、危险废物接受信息"),
        *("应急联系电话", "经办人", "突发环境事件防范措施", "包装数量", "营运证件号", "经由地", "实际到达时间"),
        *("危险废物经营许可证编号", "是否存在重大差异", "接受人处理意见", "拟利用处置方式"),
        *("演示firm", "演示carrier", "演示plant", "浙D00001", "900-249-08", "苯系物", "铁桶", "固态"),
        *(f"{manifest.number}", "已到达", "截至2026-11-2009:00"),
    ):
        assert said in words, said


def test_lines_that_agree_in_all_the_form_asks_are_one_row(world: World) -> None:
    drums = [world.drum(mass_kg="18.5"), world.drum(mass_kg="0.001"), world.drum(name="废活性炭"), world.drum(form="L")]
    drums += [world.drum(container_kind="plastic_drum"), world.drum(harmful_components="铅")]
    groups = facts(world, world.issued(*drums)).groups
    assert [(len(group.lines), group.sent_g) for group in groups] == [(2, 18_501), *[(1, 18_500)] * 4]


@pytest.mark.parametrize(
    ("mass_g", "said"),
    [(1, "0.000001"), (18_500, "0.0185"), (1_000_000, "1"), (12_345_678, "12.345678"), (0, "0"), (None, "—")],
)
def test_tonnes_are_exact(mass_g: int | None, said: str) -> None:
    assert exact_tonnes(mass_g) == said


def test_every_drum_stands_in_the_annex_with_what_became_of_it(world: World) -> None:
    drums = [world.drum(), world.drum(), world.drum(mass_kg="20.125")]
    manifest = received(world, world.delivered(*drums, to="plant"))
    words = drawn(world, manifest)
    assert "附表：逐桶明细" in words
    for drum in drums:
        assert drum.short_grouped in words
        assert "".join(drum.code_grouped.split()) in words
    assert "20.125" in words
    assert "包装渗漏" in words
    assert "接受2·拒收1" in words
    assert exact_tonnes(38_625) in words


def test_a_significant_difference_is_said(world: World) -> None:
    manifest = received(world, world.delivered(world.drum(), world.drum(), to="plant"), mass_g=30_000)
    assert "是yes" in drawn(world, manifest)


def test_what_was_settled_stands_below_with_who_stated_what_when(world: World) -> None:
    manifest = received(world, world.delivered(world.drum(), world.drum(), to="plant"), mass_g=30_000)
    line = lines_of(manifest)[1]
    assert "尚未认定" in drawn(world, manifest)
    for who, note in (("plant", "地磅复核"), ("firm", "认可")):
        actor = world.actor(who)
        manifests.settle(actor=actor, manifest=manifest, line=line, mass_kg="25.125", note=note, now=NOW)
    words = drawn(world, manifest)
    for said in (
        *("质量和属性差异的认定", "18.5", "30", "25.125"),
        "接受人演示plant演示用户plant2026-11-2009:00：25.125kg，地磅复核",
        "移出人演示firm演示用户firm2026-11-2009:00：25.125kg，认可",
    ):
        assert said in words, said
    assert "尚未认定" not in words
    assert exact_tonnes(25_125) in words, "what was agreed is what was accepted"
    assert facts(world, manifest).accepted_total_g == 25_125
    assert words.count("差异确认") == 2, "both statements stand among the signatures"
    assert "登录账户" in words


def test_a_correction_agreed_on_is_signed_once_by_each(world: World) -> None:
    drum = world.drum()
    manifest = received(world, world.delivered(world.drum(), drum, to="plant"))
    change = {"lines": [{"container": drum.code, "mass_kg": "18.6"}]}
    manifests.propose(actor=world.actor("plant"), manifest=manifest, reason="写反了", changes=change, now=NOW)
    manifests.approve(actor=world.actor("firm"), manifest=manifest, now=NOW)
    kinds = [entry.kind for entry in facts(world, get_manifest(world.actor("firm"), manifest.number)).signatures]
    assert kinds[-2:] == ["correction.propose", "correction.consent"]
    words = drawn(world, manifest)
    assert "接受量Massreceived" in words


def test_signatures_say_who_for_whom_when_and_how(world: World) -> None:
    manifest = world.draft(world.drum())
    signer = world.actor("firm").confirmed_by("pin").at_counter("演示收集点")
    manifest = manifests.issue(actor=signer, manifest=manifest, now=NOW)
    words = drawn(world, manifest)
    for said in ("移出人签发", "演示用户firm", "签名码", "在演示收集点柜台", "2026-11-2009:00"):
        assert said in words, said
    assert json.loads(facts(world, manifest).signatures[0].payload)["content_sha256"][:16] in words


def test_each_leg_has_its_block_and_an_unused_one_is_gone(world: World) -> None:
    manifest = world.delivered(world.drum(), world.drum(), to="plant")
    leg = {"manifest": manifest, "carrier": world.organisations["carrier"]}
    Leg.objects.create(position=2, **leg, plate="浙D00002", place="演示中转场", departed_at=NOW, handed_over_at=NOW)
    Leg.objects.create(position=3, **leg)
    words = drawn(world, manifest)
    assert "第2段承运" in words
    assert words.count("演示中转场") == 2, "the end of one leg is where the next begins"
    assert "第3段承运（计划，尚未起运）" in words
    received(world, manifest)
    assert "第3段承运" not in drawn(world, manifest)


def test_versions_tell_old_and_new_and_who_agreed_when(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum, to="plant")
    change = {"container": drum.code, "field": "mass_kg", "old": "18.5", "new": "19.25"}
    who = {"proposer": world.organisations["firm"], "proposed_by": world.memberships["firm"].user}
    correction = Correction.objects.create(
        manifest=manifest, **who, reason="称量有误", proposed_at=NOW, changes=json.dumps([change])
    )
    Consent.objects.create(correction=correction, organisation=world.organisations["plant"])
    assert "待同意，尚未生效" in drawn(world, manifest)
    consent = {"given_by": world.memberships["plant"].user, "given_at": NOW}
    Consent.objects.update(**consent)
    Correction.objects.update(state=CorrectionState.APPROVED, settled_at=NOW, version=2)
    words = drawn(world, manifest)
    for said in ("更正记录", "版次2", "全体同意", "18.5kg", "19.25kg", "称量有误", "演示plant演示用户plant2026-11-20"):
        assert said in words, said


@pytest.mark.parametrize(
    ("make", "stamp"), [("draft", "草稿DRAFT"), ("issued", ""), ("cancelled", "已作废CANCELLED"), ("paper", "纸质补录")]
)
def test_what_it_is_stands_on_every_page(world: World, make: str, stamp: str) -> None:
    drums = [world.drum() for _ in range(12)]
    manifest = world.draft(*drums) if make == "draft" else world.issued(*drums)
    if make == "cancelled":
        manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="r", now=NOW)
    if make == "paper":
        Manifest.objects.update(paper=True, paper_number="P-1")
    found = pages(draw_manifest(facts(world, manifest)))
    assert len(found) >= 2
    for number, words in enumerate(found, 1):
        assert "演示DEMO" in words
        assert stamp in words
        assert f"第{number}页，共{len(found)}页" in words
    others = {"草稿DRAFT", "已作废CANCELLED", "纸质补录"} - {stamp}
    assert not any(other in words for words in found for other in others)


def test_a_table_goes_on_under_its_head_and_nothing_leaves_the_page(world: World) -> None:
    drums = [world.drum(name=f"{LONG}{number}", harmful_components=LONG * 3) for number in range(30)]
    Manifest.objects.filter(pk=world.issued(*drums).pk).update(emergency_measures="防" * 300)
    pdf = draw_manifest(facts(world, Manifest.objects.get()))
    found = pages(pdf)
    assert len(found) > 4
    assert sum("有害成分名称" in words for words in found) > 2
    for page in range(len(found)):
        printed = Printed(pdf, page)
        for _letter, (left, bottom, right, top) in printed.characters():
            assert left > 10
            assert right < 200
            assert bottom > 8
            assert top < 290


def test_it_is_the_same_in_every_language(world: World) -> None:
    manifest = world.issued(world.drum())
    found = set()
    for language in ("en", "zh-hans"):
        with translation.override(language):
            found.add(draw_manifest(facts(world, manifest)))
    assert len(found) == 1


# --- its code ----------------------------------------------------------------------------------------------


def test_its_code_opens_the_manifest(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = "https://waste.example"
    manifest = world.issued(world.drum())
    address = f"HTTPS://WASTE.EXAMPLE/M/{manifest.number}"
    assert codes_in(draw_manifest(facts(world, manifest))) == {address}
    path = address.removeprefix("HTTPS://WASTE.EXAMPLE")
    assert Visitor(world, "depot").get(path).headers["Location"] == f"/manifests/{manifest.number}"
    assert Visitor(world, "firm2").get(path).status_code == 404
    nobody = Visitor(world, None).get(path)
    assert nobody.status_code == 302
    assert nobody.headers["Location"] == f"/sign-in?next=%2FM%2F{manifest.number}"


# --- who gets it -------------------------------------------------------------------------------------------


def test_api_and_page_give_the_same_document(world: World, api: Any) -> None:
    manifest = world.issued(world.drum())
    one = api("depot").get(f"/manifests/{manifest.number}.pdf")
    other = Visitor(world, "depot").get(f"/manifests/{manifest.number}.pdf")
    assert one.status_code == other.status_code == 200
    assert one["Content-Type"] == "application/pdf"
    assert one.content[:5] == b"%PDF-"
    assert f'href="/manifests/{manifest.number}.pdf"' in (
        Visitor(world, "depot").get(f"/manifests/{manifest.number}").content.decode()
    )


def test_a_draft_is_its_senders_alone(world: World, api: Any) -> None:
    manifest = world.draft(world.drum())
    assert api("firm").get(f"/manifests/{manifest.number}.pdf").status_code == 200
    for name in ("depot", "carrier", "regulator", "firm2"):
        refused(api(name).get(f"/manifests/{manifest.number}.pdf"), 404, "unknown_manifest")
    refused(api("firm2").get("/manifests/20263306999999.pdf"), 404, "unknown_manifest")


def test_gathering_costs_the_same_however_many_lines(world: World) -> None:
    short, long = world.issued(world.drum()), world.issued(*[world.drum() for _ in range(30)])
    counts = []
    for manifest in (short, long):
        with CaptureQueriesContext(connection) as captured:
            draw_manifest(facts(world, manifest))
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12
