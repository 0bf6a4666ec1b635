import pytest

from wastetrack.regulations.hazards import LETTERS, Hazards, name_of, parse_hazards


@pytest.mark.parametrize(
    ("text", "letters", "mode"),
    [
        ("T", ("T",), "single"),
        ("In", ("In",), "single"),
        (" in ", ("In",), "single"),
        ("T,I", ("T", "I"), "first_always"),
        ("T，I， R", ("T", "I", "R"), "first_always"),
        ("T、C", ("T", "C"), "first_always"),
        ("Ｔ／Ｃ", ("T", "C"), "any_of"),
        ("T/C/I/R/In", ("T", "C", "I", "R", "In"), "any_of"),
    ],
)
def test_reads_the_catalogues_way_of_writing(text, letters, mode):
    hazards = parse_hazards(text)
    assert hazards == Hazards(letters, mode)
    assert parse_hazards(str(hazards)) == hazards


@pytest.mark.parametrize("text", ["", "X", "T,", ",T", "T,,I", "T,T", "T,C/I", "TI", "毒性"])
def test_refuses_what_the_catalogue_never_writes(text):
    with pytest.raises(ValueError, match="bad_hazard"):
        parse_hazards(text)


@pytest.mark.parametrize(
    ("listed", "chosen", "allowed"),
    [
        ("T", {"T"}, True),
        ("T", {"T", "I"}, False),
        ("T", set(), False),
        ("T,I", {"T"}, True),
        ("T,I", {"T", "I"}, True),
        ("T,I", {"I"}, False),
        ("T,I", {"T", "C"}, False),
        ("T/In", {"In"}, True),
        ("T/In", {"T", "In"}, True),
        ("T/In", set(), False),
        ("T/In", {"C"}, False),
    ],
)
def test_a_comma_means_the_first_for_certain_and_a_slash_one_or_more(listed, chosen, allowed):
    assert parse_hazards(listed).allows(chosen) is allowed


def test_what_is_certain_can_be_filled_in_beforehand():
    assert parse_hazards("T").certain == {"T"}
    assert parse_hazards("T,I").certain == {"T"}
    assert parse_hazards("T/C").certain == set()


def test_every_letter_has_a_name():
    assert {name_of(letter) for letter in LETTERS} == {"腐蚀性", "毒性", "易燃性", "反应性", "感染性"}
    assert name_of("In", "en") == "Infectivity"
