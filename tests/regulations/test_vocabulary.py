import pytest

from wastetrack.regulations.vocabulary import (
    CONTAINER_KINDS,
    FORMS,
    TREATMENT_METHODS,
    container_kind,
    form,
    treatment_method,
)


@pytest.mark.parametrize(
    ("text", "code"), [("S", "S"), ("solid", "S"), ("semi_solid", "SS"), ("ss", "SS"), (" Liquid ", "L"), ("gas", "G")]
)
def test_a_form_by_code_or_name(text, code):
    found = form(text)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("text", ["", "固", "plasma"])
def test_an_unknown_word_is_none(text):
    assert form(text) is None
    assert container_kind(text) is None
    assert treatment_method(text) is None


def test_the_words_of_the_trade_are_there():
    assert list(FORMS) == ["S", "SS", "L", "G"]
    assert {"steel_drum", "plastic_drum", "ibc", "bag", "box", "jerrycan", "tank", "gas_cylinder", "loose"} <= set(
        CONTAINER_KINDS
    )
    assert {"R1", "R9", "R15", "D1", "D9", "D10", "D16", "C1", "C2", "C3", "C5", "Y10", "Y11", "Y16"} <= set(
        TREATMENT_METHODS
    )


@pytest.mark.parametrize("table", [FORMS, CONTAINER_KINDS, TREATMENT_METHODS])
def test_every_word_has_both_languages_and_a_source(table):
    for code, term in table.items():
        assert code == term.code
        assert term.zh
        assert term.en.isascii()
        assert term.source
        assert term.confidence in "ABCD"
    assert len({term.zh for term in table.values()}) == len(table)


def test_a_drum_is_rigid_and_has_usual_volumes():
    drum = container_kind("steel_drum")
    assert drum is not None
    assert drum.rigid
    assert 200 in drum.usual_l


def test_handing_waste_to_a_collector_is_not_its_end():
    assert not TREATMENT_METHODS["C5"].final
    assert all(method.final for code, method in TREATMENT_METHODS.items() if code != "C5")
