"""Every stable code that the source can say has its sentence, with the blanks that are filled where it is said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation

from wastetrack.sentences import SENTENCES, sentence

ROOMS = ("wastetrack", "labels", "depots", "manifests", "scanner", "compliance", "desk")
CODE_AT = {
    "Refused": 0, "NotFound": 0, "NotPermitted": 0, "Guard": 0, "PydanticCustomError": 0, "HttpError": 0,
    "invalid": 1, "FieldError": 1, "fail": 1, "add": 0, "refuse": 0, "word": 3,
}  # fmt: skip
"""Which argument of a call is a code: of the exceptions, of the readers' `fail` and `word`, of a file's problems."""
BLANKS_OF_A_FILE = {"file", "row", "column", "value"}

# A code that reaches its exception through a name: where, and what it can be.
BY_NAME = {
    "wastetrack/errors.py": set(),  # the exceptions themselves
    "wastetrack/lifecycle/services.py": {"guard", "container_serial_exhausted", "series_exhausted"},
    "manifests/counter_api.py": {"unknown_code", "foreign_code", "is_a_bay"},
    "manifests/counter_pages.py": {"mass_missing", "mass_not_a_number"},
    "manifests/rounds_api.py": {"time_unreadable", "time_without_offset", "time_too_old", "wrong_type"},
    "manifests/services/collecting.py": {"permit_expired", "permit_lacks_code"},
    "manifests/services/rounds.py": {"round_over", "round_not_under_way"},
    "manifests/services/serving.py": {"vehicle_overloaded", "vehicle_incompatible", "vehicle_reaction_unknown"},
    "manifests/services/changes.py": {"treated", "treated_too_much", "vehicle_expired", "vehicle_overloaded"},
    "manifests/services/effects.py": {"permit_mass_exceeded", "approval_used_up", "too_heavy_for_carrier"},
    "manifests/services/drafting.py": {"permit_expired", "permit_lacks_code", "carrier_permit_expired"},
    "wastetrack/schemas.py": {"uscc_length", "uscc_alphabet", "uscc_check", "uscc_body_check"},
    "wastetrack/waste/reading.py": {"unknown_form", "unknown_container_kind"},
    "wastetrack/regulations/catalogue_file.py": set(),
    "depots/bays.py": {"bay_place_unusable", "bay_places_unusable", "bay_bund_unusable"},
    "depots/selectors.py": {"unknown_depot"},
    "manifests/services/carriage.py": {
        "vehicle_incompatible",
        "vehicle_reaction_unknown",
        "carrier_permit_expired",
        "not_a_carrier",
    },
    "depots/regroup.py": {"treated", "emptied", "voided"},
    "manifests/walk_ins.py": {"treated", "emptied", "voided", "was_missing"},
    "wastetrack/waste/services.py": {"treated", "emptied", "voided"},
    "wastetrack/waste/lineage.py": {"treated", "voided"},
    "scanner/steps.py": {"is_a_bay", "foreign_code", "not_a_code"},
    "depots/services.py": {"treated", "voided", "emptied", "was_missing", "bay_full", "bay_incompatible"},
    "wastetrack/http.py": {"not_found", "method_not_allowed"},
    "wastetrack/api.py": {"malformed", "forged", "not_permitted"},
}


@dataclass(frozen=True)
class Said:
    """A code as one call says it: where, and the blanks that the call fills (None: not to be seen from here)."""

    place: str
    code: str | None
    blanks: frozenset[str] | None


def sources() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((settings.BASE_DIR / room).rglob("*.py")):
            if "migrations" not in path.parts and "demo" not in path.parts:
                yield path


def constants(node: ast.expr) -> list[str | None]:
    """The texts an expression can be; None for what only running it would tell."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=orelse):
            return constants(body) + constants(orelse)
        case ast.Call(func=ast.Attribute(value=ast.Dict(values=values), attr="get"), args=[_, default]):
            return [text for value in [*values, default] for text in constants(value)]
    return [None]


def blanks(call: ast.Call, name: str) -> frozenset[str] | None:
    keywords = {keyword.arg for keyword in call.keywords}
    if None in keywords:
        return None
    if name == "FieldError" and len(call.args) > 2:
        given = call.args[2]
        if not isinstance(given, ast.Dict):
            return None
        return frozenset(
            key.value for key in given.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
        )
    if name == "PydanticCustomError":
        return blanks(ast.Call(call.func, [call.func, call.func, *call.args[2:]], []), "FieldError")
    if name in {"add", "refuse"}:
        return frozenset(BLANKS_OF_A_FILE)
    return frozenset(str(keyword) for keyword in keywords)


def said_in(path: Path) -> Iterator[Said]:
    place = path.relative_to(settings.BASE_DIR).as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in {"add", "refuse"} and not place.endswith("catalogue_file.py"):
            continue
        named = [keyword.value for keyword in node.keywords if keyword.arg == "code" and name in {"Invalid", "invalid"}]
        if name in CODE_AT and len(node.args) > CODE_AT[name]:
            named.append(node.args[CODE_AT[name]])
        for value in named:
            for code in constants(value):
                yield Said(place, code, blanks(node, name))


EVERYTHING = [said for path in sources() for said in said_in(path)]


def test_the_search_finds_what_there_is() -> None:
    codes = {said.code for said in EVERYTHING}
    assert codes >= {"unknown_code", "open_discrepancy", "mass_zero", "is_a_bay", "not_your_part", "permit_lacks_code"}
    assert codes >= {"bad_hazard", "edition_date_taken", "time_without_offset", "unknown_form", "too_long"}
    assert len(codes) > 110


@pytest.mark.parametrize("said", EVERYTHING, ids=lambda said: f"{said.place}:{said.code}")
def test_a_code_has_its_sentence(said: Said) -> None:
    for code in {said.code} if said.code else BY_NAME[said.place]:
        assert code is not None
        assert code in SENTENCES, f"{code}, said in {said.place}, has no sentence"
        wanted = set(re.findall(r"%\((\w+)\)", str(SENTENCES[code])))
        if said.code and said.blanks is not None:
            assert wanted <= said.blanks, f"{said.place} leaves blanks in the sentence of {code}"


def test_the_list_of_codes_that_reach_their_exception_by_a_name_is_true() -> None:
    assert {said.place for said in EVERYTHING if said.code is None} == set(BY_NAME)


def test_no_sentence_is_left_over() -> None:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources() if path.name != "sentences.py")
    assert [code for code in SENTENCES if f'"{code}"' not in texts] == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_sentence_is_a_sentence(language: str) -> None:
    with translation.override(language):
        for code in SENTENCES:
            told = sentence(code)
            assert told.endswith((".", "。")), code
            assert "%(" not in told


@pytest.mark.django_db
def test_the_import_says_its_refusals_in_sentences(tmp_path: Path) -> None:
    path = tmp_path / "hw_2025.csv"
    path.write_text("code,hazard\n900-249-08,T\n900-041-49,X\n?,T\n", encoding="utf-8")
    with pytest.raises(CommandError) as refused:
        call_command("import_catalogue", path)
    assert str(refused.value).splitlines() == [
        "Nothing was imported.",
        "hw_2025.csv, row 3, column hazard: bad_hazard “X”. These are not hazards; write them like T,I or T/In.",
        "hw_2025.csv, row 4, column code: bad_waste_code “?”. This is not a waste code; write it like 900-249-08.",
    ]
    path.write_text("code,hazard\n900-249-08,T\n", encoding="utf-8")
    with pytest.raises(CommandError, match="Say from which day the edition 2030 is in force"):
        call_command("import_catalogue", path, "--edition", "2030")
