"""Labels on pages."""

from itertools import combinations
from random import Random

import pytest

from labels.sheets import A4, EDGE, arrange


def test_single_labels_have_pages_of_their_size():
    pages = arrange([100, 150], "single")
    assert [(page.width, page.height) for page in pages] == [(100, 100), (150, 150)]
    assert [[place.index for place in page.places] for page in pages] == [[0], [1]]


@pytest.mark.parametrize(
    ("sides", "pages"), [([100] * 4, 1), ([100] * 5, 2), ([150, 150], 2), ([150, 100, 100], 1), ([200, 100], 2)]
)
def test_as_many_as_fit_lie_on_a_sheet(sides, pages):
    assert len(arrange(sides, "a4")) == pages


def test_every_label_lies_once_on_the_paper_and_on_no_other():
    random = Random(4)
    for _ in range(200):
        sides = [random.choice((100, 150, 200, random.randint(60, 200))) for _ in range(random.randint(1, 12))]
        pages = arrange(sides, "a4")
        assert sorted(place.index for page in pages for place in page.places) == list(range(len(sides)))
        for page in pages:
            for place in page.places:
                assert place.side == sides[place.index]
                assert min(place.x, place.y, A4[0] - place.x - place.side, A4[1] - place.y - place.side) >= EDGE
            for a, b in combinations(page.places, 2):
                assert abs(a.x - b.x) >= min(a.side, b.side) or abs(a.y - b.y) >= min(a.side, b.side)


def test_equal_labels_keep_their_order():
    assert [place.index for page in arrange([100] * 9, "a4") for place in page.places] == list(range(9))


def test_another_layout_is_refused():
    with pytest.raises(ValueError, match="layout"):
        arrange([100], "a5")
