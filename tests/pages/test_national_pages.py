"""The national system's list against ours: every pile of the comparison, bad files, and what a confirmation records."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from manifests import services as manifests
from manifests.models import Manifest
from manifests.national.matching import Reconciled, reconcile
from manifests.national.reading import read_list
from manifests.national.tables import MAX_BYTES, MAX_ROWS
from tests.api.support import nothing_done
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World
from wastetrack.errors import Invalid

HEAD = [
    "国家联单号",
    "移出单位",
    "移出单位信用代码",
    "接受单位",
    "废物代码",
    "计划数量(吨)",
    "确认数量(吨)",
    "转移时间",
    "状态",
]
NATIONAL = "20263306000501"


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read at NOW."""


def row(world: World, number: Any = NATIONAL, **changes: Any) -> list[Any]:
    """A row as the list would have it for a drum of 18.5 kg from firm to depot, sent today."""
    firm = world.organisations["firm"]
    told = dict(
        zip(
            HEAD,
            [number, firm.name, firm.uscc, "演示depot", "900-249-08", 0.0185, "", "2026-11-20", "已办结"],
            strict=True,
        )
    )
    return list((told | changes).values())


def xlsx(*rows: list[Any], head: list[str] | None = None, above: list[list[Any]] | None = None) -> bytes:
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    for number, cells in enumerate([*(above or []), head or HEAD, *rows]):
        sheet.write_row(number, 0, cells)
    book.close()
    return target.getvalue()


def csv(*rows: list[Any], head: list[str] | None = None) -> bytes:
    return "\r\n".join(",".join(map(str, cells)) for cells in [head or HEAD, *rows]).encode()


def compared(world: World, *rows: list[Any], who: str = "firm") -> Reconciled:
    return reconcile(world.actor(who), world.organisations[who], read_list(xlsx(*rows)))


def numbered(world: World, number: str = NATIONAL) -> Manifest:
    manifest = world.departed(world.drum())
    return manifests.set_national_number(actor=world.actor("firm"), manifest=manifest, number=number, now=NOW)


def upload(visitor: Visitor, data: bytes, name: str = "list.xlsx") -> Any:
    return visitor.client.post("/manifests/national", {"file": SimpleUploadedFile(name, data)})


def problems(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        read_list(data)
    return [(error.field, error.code) for error in caught.value.errors]


# --- the piles ---------------------------------------------------------------------------------------------


def test_a_manifest_with_that_number_matches(world: World) -> None:
    numbered(world)
    found = compared(world, row(world))
    assert [pair.theirs.number for pair in found.matching] == [NATIONAL]
    assert found.total == 1


@pytest.mark.parametrize(
    ("changes", "field", "ours", "theirs"),
    [
        ({"计划数量(吨)": 0.019001}, "planned", "0.0185 t", "0.019001 t"),
        ({"废物代码": "900-214-08"}, "waste", "900-249-08", "900-214-08"),
        ({"接受单位": "演示depot2"}, "receiver", "演示depot", "演示depot2"),
        ({"转移时间": "2026-11-19"}, "day", "2026-11-20", "2026-11-19"),
        ({"状态": "已作废"}, "voided", "On the road", "已作废"),
    ],
)
def test_what_differs_is_told_with_both_values(
    world: World, changes: dict[str, Any], field: str, ours: str, theirs: str
) -> None:
    numbered(world)
    with translation.override("en"):
        (pair,) = compared(world, row(world, **changes)).differing
    assert [(one.field, one.ours, one.theirs) for one in pair.differences] == [(field, ours, theirs)]


def test_what_was_accepted_is_compared_once_it_is(world: World) -> None:
    manifest = numbered(world)
    assert compared(world, row(world, **{"确认数量(吨)": 0.02})).matching
    receipts = [manifests.Receipt(manifest.lines.get())]
    actor, depot = world.actor("depot"), world.depots["depot"]
    manifests.receive(actor=actor, manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    (pair,) = compared(world, row(world, **{"确认数量(吨)": 0.02})).differing
    assert [one.field for one in pair.differences] == ["confirmed"]


def test_a_list_rounded_to_kilograms_differs_by_its_rounding_alone(world: World) -> None:
    numbered(world)
    assert compared(world, row(world, **{"计划数量(吨)": "0.019"})).matching
    assert compared(world, row(world, **{"计划数量(吨)": "0.02"})).differing


@pytest.mark.parametrize("number", [1, 3, -3])
def test_without_a_number_a_near_day_and_mass_are_proposed(world: World, number: int) -> None:
    manifest = world.departed(world.drum())
    day = date(2026, 11, 20 + number).isoformat()
    found = compared(world, row(world, **{"转移时间": day, "计划数量(吨)": 0.0188}))
    assert [(pair.ours.manifest, pair.theirs.number) for pair in found.proposed] == [(manifest, NATIONAL)]
    assert not found.ours_only
    assert not found.theirs_only


@pytest.mark.parametrize(
    "changes",
    [
        {"转移时间": "2026-11-24"},
        {"转移时间": "2026-11-16"},
        {"计划数量(吨)": 0.0192},
        {"废物代码": "900-214-08"},
        {"接受单位": "演示depot2"},
        {"国家联单号": "20263301000501"},
        {"状态": "作废"},
    ],
)
def test_what_is_farther_off_is_not_proposed(world: World, changes: dict[str, Any]) -> None:
    world.departed(world.drum())
    found = compared(world, row(world, **changes))
    assert not found.proposed
    assert len(found.theirs_only) == 1


def test_of_two_alike_each_is_proposed_once(world: World) -> None:
    ours = [world.departed(world.drum()) for _ in range(2)]
    rows = [row(world, f"2026330600060{number}") for number in range(3)]
    found = compared(world, *rows)
    assert {pair.ours.manifest for pair in found.proposed} == set(ours)
    assert len(found.theirs_only) == 1


def test_ours_alone_are_told_within_the_days_of_the_list(world: World) -> None:
    numbered(world)
    lonely = world.departed(world.drum(mass_kg="300"))
    draft = world.draft(world.drum())
    found = compared(world, row(world))
    assert [ours.manifest for ours in found.ours_only] == [lonely]
    assert draft not in [ours.manifest for ours in found.ours_only]


def test_the_list_of_others_tells_us_nothing_of_their_manifests(world: World) -> None:
    numbered(world)
    found = compared(world, row(world), who="firm2")
    assert found.of_others == 1
    assert found.total == 0


def test_several_wastes_of_one_number_are_one_manifest(world: World) -> None:
    manifest = world.departed(world.drum(), world.drum(), world.drum(waste_code="900-214-08", name="废矿物油"))
    manifests.set_national_number(actor=world.actor("firm"), manifest=manifest, number=NATIONAL, now=NOW)
    rows = [row(world, **{"计划数量(吨)": 0.037}), row(world, 废物代码="900-214-08")]
    assert len(compared(world, *rows, rows[0]).matching) == 1
    assert compared(world, *rows, rows[0]).repeated == 1


def test_rows_of_single_codes_are_parts_of_one_manifest_of_ours(world: World) -> None:
    manifest = world.departed(world.drum(), world.drum(waste_code="900-214-08", name="废矿物油"))
    rows = [row(world), row(world, "20263306000502", 废物代码="900-214-08", **{"计划数量(吨)": 0.02})]
    found = compared(world, *rows)
    assert [(pair.ours.manifest, pair.theirs.number) for pair in found.differing] == [
        (manifest, NATIONAL),
        (manifest, "20263306000502"),
    ]
    assert [[one.field for one in pair.differences] for pair in found.differing] == [["waste"], ["waste", "planned"]]
    assert not found.ours_only
    assert not found.theirs_only
    other_day = compared(world, row(world, 转移时间="2026-11-19"))
    assert (len(other_day.ours_only), len(other_day.theirs_only)) == (1, 1)


def test_the_cost_does_not_grow_with_the_list(world: World) -> None:
    costs = []
    for count in (2, 12):
        for _ in range(count):
            world.departed(world.drum())
        rows = [row(world, f"20263306{number:06d}") for number in range(1, count + 1)]
        with CaptureQueriesContext(connection) as captured:
            compared(world, *rows)
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 5


# --- the file ----------------------------------------------------------------------------------------------


def test_a_csv_of_chinese_excel_is_read(world: World) -> None:
    data = csv(row(world, f'="{NATIONAL}"'), row(world, "2O26 33O6 OOO5O2")).decode().encode("gb18030")
    assert [one.number for one in read_list(data).manifests] == [NATIONAL, "20263306000502"]


def test_other_titles_units_and_a_line_above_the_header_are_understood(world: World) -> None:
    head = [
        "联单编号",
        "移出人名称",
        "移出人统一社会信用代码",
        "接收单位名称",
        "危废代码",
        "转移量（千克）",
        "",
        "起运时间",
        "x",
    ]
    cells = [int(NATIONAL), *row(world)[1:4], "90024908", 18.5, "", date(2026, 11, 20), "?"]
    (one,) = read_list(xlsx(cells, head=head, above=[["2026年转移联单"]])).manifests
    assert one.number == NATIONAL
    assert one.planned_g == {"900-249-08": 18_500}
    assert one.day == date(2026, 11, 20)


@pytest.mark.parametrize(
    "head",
    [
        ["联单编号", "移出单位", "接受单位", "废物代码", "重量(kg)", "日期"],
        ["联单编号", "移出单位", "接受单位", "废物代码", "数量（千克）", "转移日期"],
        ["National number", "Sender", "Receiver", "Waste code", "Quantity (kg)", "Date"],
    ],
)
def test_short_and_english_headings_are_read_and_shown(world: World, head: list[str]) -> None:
    cells = [NATIONAL, "演示firm", "演示depot", "900-249-08", 18.5, "2026-11-20"]
    (one,) = read_list(csv(cells, head=head)).manifests
    assert (one.planned_g, one.day) == ({"900-249-08": 18_500}, date(2026, 11, 20))
    shown = text(Visitor(world, "firm").get("/manifests/national")).lower()
    assert all(title.split("(")[0].split("（")[0].strip().lower() in shown for title in head)


def test_of_two_days_the_first_counts(world: World) -> None:
    (one,) = read_list(csv([*row(world), "2026-10-01"], head=[*HEAD, "计划转移时间"])).manifests
    assert one.day == date(2026, 11, 20)


@pytest.mark.parametrize("title", ["国家联单号", "移出单位", "接受单位", "废物代码", "转移时间"])
def test_a_needed_column_that_is_missing_is_named(world: World, title: str) -> None:
    head = ["x" if one == title or (title == "移出单位" and one.startswith(title)) else one for one in HEAD]
    with pytest.raises(Invalid) as caught:
        read_list(xlsx(row(world), head=head))
    assert [(error.code, error.params) for error in caught.value.errors] == [("list_column_missing", {"column": title})]


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("国家联单号", "2026"),
        ("国家联单号", "=1+1"),
        ("废物代码", "HW08"),
        ("计划数量(吨)", "=SUM(A1)"),
        ("计划数量(吨)", "-1"),
        ("计划数量(吨)", "9" * 30),
        ("转移时间", "soon"),
        ("转移时间", "2026-13-40"),
        ("接受单位", ""),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(world: World, title: str, value: str) -> None:
    data = csv(row(world), row(world, "20263306000502", **{title: value}))
    assert problems(data) == [(f"3.{title}", "list_value")]


def test_one_number_with_other_parties_is_a_conflict(world: World) -> None:
    data = xlsx(row(world), row(world, 接受单位="演示depot2"))
    assert problems(data) == [("3.number", "list_conflict")]


def far_cell() -> bytes:
    """A workbook of two cells, one of them at the far end of the sheet."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    sheet = book.add_worksheet()
    sheet.write("A1", "x")
    sheet.write("XFD1048576", "x")
    book.close()
    return target.getvalue()


def bomb() -> bytes:
    """A small file that unpacks to a hundred megabytes."""
    target = io.BytesIO(xlsx([""]))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/big.bin", b"\0" * 100_000_000)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "list_empty"),
        (b" \n", "list_empty"),
        (csv(), "list_empty"),
        (xlsx(), "list_empty"),
        (b"%PDF-1.7\n\0\x01", "list_wrong_type"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "list_wrong_type"),
        (b"PK\x03\x04 no archive", "list_unreadable"),
        (xlsx([""])[:-200], "list_unreadable"),
        (b'a,"b', "list_unreadable"),
        (b"x" * (MAX_BYTES + 1), "list_too_large"),
        (bomb(), "list_too_large"),
        (far_cell(), "list_too_many_rows"),
        (b"x\n" * (MAX_ROWS + 1), "list_too_many_rows"),
        (csv(head=[*HEAD, "废物代码"]), "list_column_twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_file_is_refused_with_words(world: World, data: bytes, code: str) -> None:
    assert problems(data) == [("file", code)]
    answer = upload(Visitor(world, "firm"), data)
    assert answer.status_code == 422
    assert "alert-danger" in text(answer)


# --- the page ----------------------------------------------------------------------------------------------


def test_a_confirmed_proposal_is_recorded_and_nothing_else(world: World) -> None:
    manifest, other = world.departed(world.drum()), world.departed(world.drum(mass_kg="300"))
    visitor = Visitor(world, "firm")
    assert 'href="/manifests/national"' in text(visitor.get("/manifests"))
    with nothing_done():
        shown = text(upload(visitor, xlsx(row(world))))
    assert f'name="link" value="{manifest.number} {NATIONAL}" checked' in shown
    assert other.number[8:] in shown
    answer = text(visitor.send("/manifests/national/confirm", link=f"{manifest.number} {NATIONAL}"))
    assert "1 number recorded" in answer
    manifest.refresh_from_db()
    assert manifest.national_number == NATIONAL
    assert len(compared(world, row(world)).matching) == 1


def test_a_refused_confirmation_stops_no_other(world: World) -> None:
    taken, free = numbered(world), world.departed(world.drum())
    links = [f"{free.number} {NATIONAL}", f"{free.number} 20263306000777", f"{taken.number} x", "", "20263306999999 1"]
    answer = text(Visitor(world, "firm").send("/manifests/national/confirm", link=links))
    assert "1 number recorded" in answer
    assert "is recorded with another manifest already" in answer
    free.refresh_from_db()
    assert free.national_number == "20263306000777"


def test_nothing_ticked_says_so(world: World) -> None:
    assert Visitor(world, "firm").send("/manifests/national/confirm").status_code == 422


def test_who_sends_and_receives_nothing_has_no_such_page(world: World) -> None:
    for name in ("regulator", "carrier"):
        assert Visitor(world, name).get("/manifests/national").status_code == 403
    assert Visitor(world, None).get("/manifests/national").status_code == 302


def test_a_reader_compares_but_records_nothing(world: World) -> None:
    manifest = world.departed(world.drum())
    visitor = Visitor(world, "viewer")
    assert 'name="link"' not in text(upload(visitor, xlsx(row(world))))
    with nothing_done():
        answer = visitor.send("/manifests/national/confirm", link=f"{manifest.number} {NATIONAL}")
    assert answer.status_code == 403


def test_without_a_file_the_page_asks_for_it(world: World) -> None:
    assert "Choose the file first." in text(Visitor(world, "firm").send("/manifests/national"))


def test_no_markup_of_the_file_reaches_the_page(world: World) -> None:
    cells = row(world, 接受单位="<script>alert(1)</script>")
    assert "<script>alert" not in text(upload(Visitor(world, "firm"), xlsx(cells)))


# --- the command -------------------------------------------------------------------------------------------


def test_the_command_tells_the_same(world: World, tmp_path: Any) -> None:
    numbered(world)
    world.departed(world.drum(mass_kg="300"))
    path = tmp_path / "list.xlsx"
    path.write_bytes(xlsx(row(world, **{"计划数量(吨)": 0.03})))
    out = io.StringIO()
    call_command("reconcile_national", path, organisation=world.organisations["firm"].uscc, stdout=out)
    assert f"{NATIONAL}: planned: 0.0185 t here, 0.03 t there" in out.getvalue()
    assert "Only here: 1" in out.getvalue()


@pytest.mark.parametrize(("name", "said"), [("nothing.xlsx", "cannot be opened"), ("bad.csv", "is missing")])
def test_the_command_says_what_is_wrong(world: World, tmp_path: Any, name: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match=said):
        call_command("reconcile_national", tmp_path / name, organisation=world.organisations["firm"].uscc)
    with pytest.raises(CommandError, match="no organisation"):
        call_command("reconcile_national", tmp_path / name, organisation="x")
