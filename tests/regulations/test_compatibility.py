import pytest

from wastetrack.regulations.compatibility import ANYTHING, GROUPS, conflict, groups_for
from wastetrack.regulations.data import toml


@pytest.mark.parametrize(
    ("code", "groups"),
    [
        ("900-300-34", {"1-B"}),
        ("900-352-35", {"1-A"}),
        ("900-028-33", {"5-A"}),
        ("261-064-38", {"5-A"}),
        ("900-402-06", {"4-A"}),
        ("900-249-08", {"4-A"}),
        ("900-000-08", {"4-A"}),
        ("267-001-15", {"E"}),
        ("900-030-36", set()),
        ("900-052-31", {"1-B"}),
    ],
)
def test_usual_groups_by_code(code, groups):
    assert groups_for(code) == groups


@pytest.mark.parametrize("code", ["336-064-17", "900-041-49", "900-039-49", "900-023-29", "900-025-31"])
def test_what_the_code_does_not_tell_is_unknown_and_never_harmless(code):
    assert groups_for(code) is None


@pytest.mark.parametrize(
    ("a", "b", "pair"),
    [
        ({"1-A"}, {"1-B"}, ("1-A", "1-B")),
        ({"2-A"}, {"1-A"}, ("2-A", "1-A")),
        ({"3-A"}, {"3-B"}, ("3-A", "3-B")),
        ({"4-A"}, {"1-B"}, ("4-A", "1-B")),
        ({"4-A"}, {"2-A"}, ("4-A", "2-A")),
        ({"5-A"}, {"1-B"}, ("5-A", "1-B")),
        ({"6-A"}, {"4-A"}, ("6-A", "4-A")),
        ({"6-A"}, {"6-B"}, ("6-A", "6-B")),
        ({"E"}, {"4-A"}, ("E", ANYTHING)),
        ({"E"}, set(), ("E", ANYTHING)),
    ],
)
def test_pairs_that_react_whichever_comes_first(a, b, pair):
    for found in (conflict(frozenset(a), frozenset(b)), conflict(frozenset(b), frozenset(a))):
        assert found is not None
        assert (found.group_a, found.group_b) == pair
        assert found.consequence_zh
        assert found.consequence_en
        assert found.source


@pytest.mark.parametrize(
    ("a", "b"),
    [({"1-A"}, {"5-A"}), ({"4-A"}, {"4-A"}), ({"1-B"}, {"1-B"}), ({"4-A"}, {"5-A"}), (set(), {"1-A"}), ({"E"}, {"E"})],
)
def test_pairs_that_do_not(a, b):
    assert conflict(frozenset(a), frozenset(b)) is None
    assert conflict(frozenset(b), frozenset(a)) is None


def test_the_gravest_reason_comes_first():
    found = conflict(frozenset({"1-A", "5-A"}), frozenset({"1-B"}))
    assert found is not None
    assert found.group_a == "5-A"


def test_pairs_and_defaults_name_known_groups_only():
    table = toml("compatibility.toml")
    named = {row["a"] for row in table["pairs"]} | {b for row in table["pairs"] for b in row["b"]}
    named |= {group for groups in table["defaults"]["categories"].values() for group in groups}
    named |= {group for groups in table["defaults"]["codes"].values() for group in groups}
    assert named - {ANYTHING} == set(GROUPS)
