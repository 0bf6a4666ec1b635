"""The official list goes in whole or not at all, and every broken file says where it is broken."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from django.core.management import CommandError, call_command

from wastetrack.errors import Invalid, Refused
from wastetrack.regulations import catalogue_file, selectors
from wastetrack.regulations.models import ImportedEdition
from wastetrack.regulations.services import import_catalogue

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
GOOD = 'code,hazard,description\n900-249-08,"T,I",其他\n900-041-49,T/In,包装\n'


@pytest.fixture(autouse=True)
def fresh_shelf():
    selectors.forget()
    yield
    selectors.forget()


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sheet(folder, rows, name="hw.xlsx"):
    path = folder / name
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return path


def take(path, edition="2025", **more):
    return import_catalogue(path=path, edition=edition, now=NOW, **more)


def found(code, **where):
    waste = selectors.find_waste_code(code, **where)
    assert waste is not None
    return waste


def test_the_official_list_goes_in_cleanly(official, official_entries):
    edition = import_catalogue(path=official, now=NOW)
    assert (edition.key, edition.effective_from, len(edition.codes)) == ("2021", date(2021, 1, 1), 467)
    for entry in official_entries:
        waste = found(entry["code"], edition="2021")
        assert waste.description == "".join(entry["description"].split())
        assert waste.hazards.letters == tuple(entry["hazard_codes"])
        assert waste.industry == entry["industry"]
    # Our own short names stay beside the official words, and the words can be searched.
    assert found("900-249-08", edition="2021").name_zh == "其他废矿物油/废油桶"
    assert selectors.search_waste_codes("粉红水", edition="2021")[0].code == "267-004-15"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_as_excel_saves_it(tmp_path, encoding):
    rows = [
        "国家危险废物名录",
        "废物类别,行业来源,废物代码,危险废物,危险特性",
        'HW08 废矿物油,非特定行业,900-249-08,其他,"T，I"',
        ",,90021408,,T",
        "",
    ]
    text = "\r\n".join(rows)
    take(put(tmp_path, "hw.csv", text.encode(encoding)))
    waste = found("900-249-08", edition="2025")
    assert (waste.category_name_zh, waste.industry, str(waste.hazards)) == ("废矿物油", "非特定行业", "T,I")
    assert found("900-214-08", edition="2025").category_name_zh == "废矿物油与含矿物油废物"


def test_xlsx_with_numbers_for_codes(tmp_path):
    take(
        sheet(
            tmp_path,
            [["名录"], ["废物代码", "危险特性", "描述"], [90024908, "T，I", "其他"], ["900-041-49", "T/In", "包装"]],
        )
    )
    assert [waste.code for waste in selectors.search_waste_codes("900", edition="2025")] == ["900-249-08", "900-041-49"]


def test_a_code_that_is_new_is_named_by_its_description_until_somebody_names_it(tmp_path):
    rows = [
        {"code": "321-035-48", "hazard": "T", "description": "锡 火法冶炼\n粉尘"},
        {"code": "321-036-48", "hazard": "T", "description": "锡" * 60},
        {"code": "321-037-48", "hazard": "T", "name": "锡渣"},
        {"code": "321-038-48", "hazard": "T"},
    ]
    take(put(tmp_path, "new.json", json.dumps(rows)))
    names = [found(row["code"]).name_zh for row in rows]
    assert names == ["锡火法冶炼粉尘", "锡" * 23 + "…", "锡渣", "321-038-48"]


def test_a_category_that_is_new_brings_its_name(tmp_path):
    row = {"code": "900-001-51", "hazard": "T", "category": "HW51 新类别"}
    take(put(tmp_path, "new.json", json.dumps([row])))
    assert found("900-001-51").category_name_zh == "新类别"


# --- which edition serves ---


def test_until_2025_is_imported_2021_stands_in_and_says_so(tmp_path):
    before = found("900-249-08", on=date(2024, 12, 31))
    after = found("900-249-08", on=date(2025, 1, 1))
    assert (before.edition, before.note_zh) == ("2021", "")
    assert after.edition == "2021"
    assert "2025年版" in after.note_zh
    take(put(tmp_path, "hw.csv", GOOD))
    now = found("900-249-08", on=date(2025, 1, 1))
    assert (now.edition, now.note_zh) == ("2025", "")
    assert found("900-000-08", on=date(2025, 1, 1)).edition == "2025"
    assert selectors.find_waste_code("900-214-08", on=date(2025, 1, 1)) is None
    assert found("900-214-08", on=date(2024, 12, 31)).edition == "2021"


def test_the_imported_2021_edition_stands_in_with_its_descriptions(official):
    import_catalogue(path=official, now=NOW)
    waste = found("900-249-08", on=date(2026, 1, 1))
    assert waste.description
    assert "2025年版" in waste.note_zh


def test_an_edition_ends_when_the_next_begins(tmp_path):
    take(put(tmp_path, "hw.csv", GOOD), edition="2027", effective_from=date(2027, 7, 1))
    ends = {edition.key: edition.effective_to for edition in selectors.editions()}
    assert ends == {"2021": date(2024, 12, 31), "2025": date(2027, 6, 30), "2027": None}
    assert selectors.catalogue_for(date(2027, 6, 30)).edition.key == "2025"
    assert selectors.catalogue_for(date(2027, 7, 1)).edition.key == "2027"
    assert selectors.catalogue_for().edition.key == "2027"


def test_a_second_import_takes_the_place_of_the_first(tmp_path):
    take(put(tmp_path, "hw.csv", GOOD))
    take(put(tmp_path, "hw.csv", "code,hazard\n900-214-08,T\n"))
    assert ImportedEdition.objects.count() == 1
    assert selectors.find_waste_code("900-249-08", edition="2025") is None
    assert selectors.find_waste_code("900-214-08", edition="2025") is not None


def test_an_unknown_edition_is_refused():
    with pytest.raises(Invalid) as refusal:
        selectors.search_waste_codes("油", edition="1998")
    assert [error.code for error in refusal.value.errors] == ["unknown_edition"]


# --- what it costs ---


def test_lookups_cost_one_small_query_and_then_none(django_assert_num_queries):
    with django_assert_num_queries(1):
        selectors.find_waste_code("900-249-08", on=date(2026, 1, 1))
    with django_assert_num_queries(0):
        selectors.find_waste_code("900-041-49", on=date(2026, 1, 1))
        selectors.search_waste_codes("油桶")


def test_an_imported_edition_is_read_once(tmp_path, django_assert_num_queries):
    take(put(tmp_path, "hw.csv", GOOD))
    with django_assert_num_queries(2):
        selectors.find_waste_code("900-249-08")
    selectors.forget()
    with django_assert_num_queries(1):
        selectors.find_waste_code("900-249-08")


def test_an_import_is_looked_for_again_once_it_is_committed(
    tmp_path, django_capture_on_commit_callbacks, django_assert_num_queries
):
    with django_capture_on_commit_callbacks() as callbacks:
        take(put(tmp_path, "hw.csv", GOOD))
    found("900-249-08")
    with django_assert_num_queries(0):
        found("900-249-08")
    for callback in callbacks:
        callback()
    with django_assert_num_queries(1):
        found("900-249-08")


def test_an_import_by_another_process_is_seen_after_a_while(tmp_path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(selectors, "monotonic", lambda: clock[0])
    take(put(tmp_path, "hw.csv", GOOD))
    assert selectors.find_waste_code("900-041-49", edition="2025") is not None
    row = ImportedEdition.objects.get()
    row.codes, row.imported_at = row.codes[:1], NOW + timedelta(minutes=1)
    row.save()
    assert selectors.find_waste_code("900-041-49", edition="2025") is not None
    clock[0] += selectors.RECHECK_SECONDS
    assert selectors.find_waste_code("900-041-49", edition="2025") is None


# --- files that are broken ---

BROKEN = [
    ("hw.csv", "code,description\n900-249-08,x\n", "missing_column", 1, "hazard"),
    ("hw.csv", "", "missing_column", 1, "code"),
    ("hw.csv", "code,hazard\n", "no_rows", 0, ""),
    ("hw.csv", "code,hazard,代码\n900-249-08,T,1\n", "column_twice", 1, "code"),
    ("hw.csv", "code,hazard\n900-249-08,T\n900-249-08,T\n", "duplicate_code", 3, "code"),
    ("hw.csv", "code,hazard\n900-249-08,T\n90024908,T\n", "duplicate_code", 3, "code"),
    ("hw.csv", "code,hazard\n900-249-08,T\n\n900-041-49,X\n", "bad_hazard", 4, "hazard"),
    ("hw.csv", "code,hazard\n900-249-08,\n", "bad_hazard", 2, "hazard"),
    ("hw.csv", "code,hazard\n900-249-08\n", "bad_hazard", 2, "hazard"),
    ("hw.csv", "code,hazard\n900-249,T\n", "bad_waste_code", 2, "code"),
    ("hw.csv", "code,hazard\n7100108,T\n", "bad_waste_code", 2, "code"),
    ("hw.csv", "code,hazard\n900-249-08,T,I\n", "extra_cells", 2, "3"),
    ("hw.csv", "code,hazard,category\n900-249-08,T,HW49\n", "category_mismatch", 2, "category"),
    ("hw.csv", "code,hazard\n900-249-51,T\n", "unknown_category", 2, "category"),
    ("hw.csv", 'code,hazard\n900-249-08,"T"x\n', "bad_csv", 2, "code"),
    ("hw.csv", b"code,hazard\n\xff\xff\xff", "bad_encoding", 0, ""),
    ("hw.json", '[{"code": "900-249-08",\n "haz', "bad_json", 2, "2"),
    ("hw.json", "[" * 100_000, "bad_json", 0, ""),
    ("hw.json", "[" + "9" * 5000 + "]", "bad_json", 0, ""),
    ("hw.json", "[" + "9" * 90 + "]", "bad_row", 1, "code"),
    ("hw.json", "{}", "missing_column", 1, "entries"),
    ("hw.json", "3", "missing_column", 1, "entries"),
    ("hw.json", "[]", "no_rows", 0, ""),
    ("hw.json", '{"count": 2, "entries": [{"code": "900-249-08", "hazard": "T"}]}', "count_mismatch", 0, ""),
    ("hw.json", '[{"code": "900-249-08"}]', "missing_column", 1, "hazard"),
    ("hw.json", '[{"code": 90024908, "hazard": "T"}]', "bad_value", 1, "code"),
    ("hw.json", b'["\xff"]', "bad_encoding", 0, ""),
    ("hw.xlsx", "no workbook", "bad_xlsx", 0, ""),
    ("hw.pdf", "%PDF", "unknown_format", 0, ""),
]


@pytest.mark.parametrize(("name", "content", "code", "row", "column"), BROKEN)
def test_a_broken_file_changes_nothing_and_says_where_it_is_broken(tmp_path, name, content, code, row, column):
    take(put(tmp_path, "good.csv", GOOD))
    before = ImportedEdition.objects.values().get()
    with pytest.raises(Invalid) as refusal:
        take(put(tmp_path, name, content))
    assert refusal.value.code == "bad_catalogue"
    error = refusal.value.errors[0]
    assert (error.code, error.params["file"], error.params["row"], error.params["column"]) == (code, name, row, column)
    assert error.field == (f"{row}.{column}" if row else "file")
    assert ImportedEdition.objects.values().get() == before
    assert selectors.find_waste_code("900-041-49", edition="2025") is not None


def test_a_broken_sheet_says_where(tmp_path):
    path = sheet(tmp_path, [["代码", "危险特性"], ["900-249-08", "T"], ["900-041-49", "T;In"]])
    with pytest.raises(Invalid) as refusal:
        take(path)
    assert [(error.code, error.field) for error in refusal.value.errors] == [("bad_hazard", "3.hazard")]
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(Invalid) as refusal:
        take(path)
    assert [error.code for error in refusal.value.errors] == ["bad_xlsx"]


def test_every_problem_is_named_but_not_without_end(tmp_path):
    rows = "".join("x,y\n" for _ in range(80))
    with pytest.raises(Invalid) as refusal:
        take(put(tmp_path, "hw.csv", f"code,hazard\n{rows}"))
    assert refusal.value.params["problems"] == 80
    assert len(refusal.value.errors) == catalogue_file.MAX_ERRORS


def test_a_file_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue_file, "MAX_BYTES", 200)
    monkeypatch.setattr(catalogue_file, "MAX_ROWS", 2)
    for content, code in [(GOOD + "900-214-08,T,\n", "too_many_rows"), (GOOD + " " * 200, "file_too_large")]:
        with pytest.raises(Invalid) as refusal:
            take(put(tmp_path, "hw.csv", content))
        assert [error.code for error in refusal.value.errors] == [code]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(Invalid) as refusal:
        take(tmp_path / "none.csv")
    assert [error.code for error in refusal.value.errors] == ["file_unreadable"]


@pytest.mark.parametrize(
    ("edition", "code"),
    [(None, "edition_missing"), ("25", "bad_edition"), ("2025/1", "bad_edition"), ("2030", "effective_from_missing")],
)
def test_an_edition_and_its_first_day_are_known_or_given(tmp_path, edition, code):
    with pytest.raises(Invalid) as refusal:
        take(put(tmp_path, "hw.csv", GOOD), edition=edition)
    assert [error.code for error in refusal.value.errors] == [code]
    assert not ImportedEdition.objects.exists()


def test_two_editions_never_begin_on_one_day(tmp_path):
    path = put(tmp_path, "hw.csv", GOOD)
    with pytest.raises(Refused) as refusal:
        take(path, edition="2026", effective_from=date(2025, 1, 1))
    assert refusal.value.code == "edition_date_taken"
    take(path, edition="2027", effective_from=date(2027, 1, 1))
    with pytest.raises(Refused):
        take(path, edition="2028", effective_from=date(2027, 1, 1))
    assert [edition.key for edition in ImportedEdition.objects.all()] == ["2027"]


@pytest.mark.parametrize(
    ("name", "source", "edition"),
    [
        ("hw_catalogue_2025.json", "", "2025"),
        ("hw.json", "国家危险废物名录（2021年版），2025-01-01起被2025年版替代", "2021"),
        ("hw.json", "名录（2021年版），名录（2025年版）", None),
        ("hw_2021_2025.json", "", None),
    ],
)
def test_the_edition_that_a_file_names(tmp_path, name, source, edition):
    document = {"source": source, "entries": [{"code": "900-249-08", "hazard": "T"}]}
    assert catalogue_file.read_catalogue(put(tmp_path, name, json.dumps(document))).edition == edition


# --- the command ---


def test_the_command_says_what_it_did(tmp_path, capsys):
    call_command("import_catalogue", put(tmp_path, "hw_2025.csv", GOOD))
    assert capsys.readouterr().out == "2 codes imported as the 2025 edition, in force from 2025-01-01.\n"


def test_the_command_takes_an_edition_and_a_day(tmp_path):
    path = put(tmp_path, "hw.csv", GOOD)
    call_command("import_catalogue", path, "--edition", "2030", "--effective-from", "2030-06-01")
    assert ImportedEdition.objects.get().effective_from == date(2030, 6, 1)


def test_the_command_names_file_row_and_column(tmp_path):
    path = put(tmp_path, "hw_2025.csv", "code,hazard\n900-249-08,T\n900-041-49,X\n")
    with pytest.raises(CommandError, match=r"hw_2025\.csv, row 3, column hazard: bad_hazard “X”"):
        call_command("import_catalogue", path)
    with pytest.raises(CommandError, match="effective_from_missing"):
        call_command("import_catalogue", put(tmp_path, "hw.csv", GOOD), "--edition", "2030")
    with pytest.raises(CommandError, match="effective-from"):
        call_command("import_catalogue", path, "--effective-from", "1.1.2025")
    assert not ImportedEdition.objects.exists()
