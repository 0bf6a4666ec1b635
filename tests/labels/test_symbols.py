"""The pictograms."""

import re
from xml.etree import ElementTree

import pytest

from labels.standard import hazard, label_standard
from labels.symbols import SYMBOLS, pdf_operators, shapes, svg


def pictogram(letter):
    upper, lower = hazard(letter).halves or pytest.fail(letter)
    return letter, upper, lower


@pytest.mark.parametrize("letter", SYMBOLS)
def test_a_pictogram_stays_in_its_diamond(letter):
    for shape in shapes(*pictogram(letter)):
        numbers = [float(number) for number in re.findall(r"-?[0-9.]+", shape.path)]
        for x, y in zip(numbers[::2], numbers[1::2], strict=True):
            assert abs(x - 50) + abs(y - 50) <= 50


@pytest.mark.parametrize("letter", SYMBOLS)
def test_a_pictogram_is_a_picture_for_pages_too(letter):
    root = ElementTree.fromstring(svg(*pictogram(letter)))
    assert len(root) == len(shapes(*pictogram(letter)))


def test_paths_become_pdf_operators():
    assert pdf_operators("M1 2L3 4C1 1 2 2 3 3Z").split("\n") == ["1 2 m", "3 4 l", "1 1 2 2 3 3 c", "h"]


def test_every_hazard_has_a_name_and_all_but_infectious_a_diamond():
    names = {letter: hazard(letter) for letter in ("C", "T", "I", "R", "In")}
    assert all(found.name for found in names.values())
    assert [letter for letter, found in names.items() if found.halves is None] == ["In"]


@pytest.mark.parametrize("table", ["colours", "frame", "text", "captions", "hazards"])
def test_every_table_says_where_it_is_from(table):
    assert label_standard()[table]["source"]
    assert label_standard()[table]["confidence"] in "ABCD"
