from datetime import date

import pytest

from wastetrack.regulations.identifiers import (
    ALPHABET31,
    ContainerCode,
    ManifestNumber,
    container_prefix,
    group,
    make_site_code,
    make_uscc,
    manifest_number,
    manifest_series,
    normalise_short_code,
    parse_manifest_number,
    short_code,
    short_code_ok,
    site_code_ok,
    uscc_ok,
    uscc_problem,
)

# Real codes that are public, to check the arithmetic against; nothing but this test uses them.
REAL = [
    "91330100799655058B",
    "91110108551385082Q",
    "91310000132228728T",
    "91440300708461136T",
    "11100000000013127D",
    "91330000142928410C",
    "914403001922038216",
]
MADE = make_uscc("91330699MA000001")


@pytest.mark.parametrize("code", REAL)
def test_real_credit_codes_pass_both_checks(code):
    assert uscc_problem(code) is None
    assert make_uscc(code[:16]) == code


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (MADE[:-1], "uscc_length"),
        (MADE + "0", "uscc_length"),
        ("", "uscc_length"),
        (MADE.lower(), "uscc_alphabet"),
        ("I" + MADE[1:], "uscc_alphabet"),
        (MADE[:-1] + ("0" if MADE[-1] != "0" else "1"), "uscc_check"),
        (MADE[1] + MADE[0] + MADE[2:], "uscc_check"),
    ],
)
def test_a_wrong_credit_code_says_what_is_wrong(code, problem):
    assert uscc_problem(code) == problem
    assert not uscc_ok(code)


def test_the_inner_organisation_code_is_checked_even_when_the_outer_check_holds():
    first17 = MADE[:16] + ("0" if MADE[16] != "0" else "1")
    right_outside = [first17 + last for last in ALPHABET31 if uscc_problem(first17 + last) != "uscc_check"]
    assert [uscc_problem(code) for code in right_outside] == ["uscc_body_check"]


@pytest.mark.parametrize("body", ["9133069900000000"[:n] for n in (0, 15)] + ["913306990000000O"])
def test_no_credit_code_is_made_from_what_cannot_be_one(body):
    with pytest.raises(ValueError, match="uscc_"):
        make_uscc(body)


def test_every_ending_of_the_organisation_code_occurs():
    endings = {make_uscc(f"91330699{n:08d}")[16] for n in range(50)}
    assert endings == set("0123456789X")


def test_site_code():
    assert make_site_code(MADE, 1) == f"{MADE}001P"
    assert site_code_ok(make_site_code(MADE, 999))


@pytest.mark.parametrize(
    "code", [f"{MADE}000P", f"{MADE}001X", f"{MADE}01P", f"{MADE}001P ", f"{MADE}00１P", f"{'0' * 17}1001P", ""]
)
def test_what_is_no_site_code(code):
    assert not site_code_ok(code)


@pytest.mark.parametrize(
    ("uscc", "n", "problem"), [(MADE, 0, "site_serial"), (MADE, 1000, "site_serial"), ("9", 1, "uscc_length")]
)
def test_no_site_code_is_made_from_what_cannot_be_one(uscc, n, problem):
    with pytest.raises(ValueError, match=problem):
        make_site_code(uscc, n)


DRUM = ContainerCode(MADE, "900-249-08", date(2026, 3, 5), 7)


def test_a_container_code_has_37_characters_in_four_parts():
    assert str(DRUM) == f"{MADE}9002490820260305007"
    assert len(str(DRUM)) == 37
    assert DRUM.prefix == str(DRUM)[:34] == container_prefix(MADE, "900-249-08", date(2026, 3, 5))


@pytest.mark.parametrize("text", [str(DRUM), str(DRUM).lower(), group(str(DRUM)), f" {DRUM}\n"])
def test_a_container_code_is_read_as_written_or_typed(text):
    assert ContainerCode.parse(text) == DRUM


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "container_code_format"),
        (str(DRUM)[:-1], "container_code_format"),
        (str(DRUM) + "0", "container_code_format"),
        ("O" + str(DRUM)[1:], "container_code_format"),
        (str(DRUM)[:-1] + "７", "container_code_format"),
        (str(DRUM).replace("20260305", "20260229"), "container_code_day"),
        (str(DRUM).replace("20260305", "00000101"), "container_code_day"),
        (str(DRUM)[:-3] + "000", "container_code_serial"),
    ],
)
def test_what_is_no_container_code(text, problem):
    with pytest.raises(ValueError, match=problem):
        ContainerCode.parse(text)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"serial": 1000}, "container_code_serial"),
        ({"serial": 0}, "container_code_serial"),
        ({"waste_code": "90024908"}, "container_code_waste"),
        ({"unit": MADE[:-1]}, "container_code_unit"),
    ],
)
def test_a_container_code_that_would_not_fit_is_never_made(change, problem):
    parts = {"unit": MADE, "waste_code": "900-249-08", "day": date(2026, 3, 5), "serial": 1} | change
    with pytest.raises(ValueError, match=problem):
        ContainerCode(**parts)


def test_a_day_of_an_early_year_keeps_its_eight_digits():
    assert ContainerCode.parse(str(ContainerCode(MADE, "900-249-08", date(999, 1, 2), 1))).day == date(999, 1, 2)


@pytest.mark.parametrize("division", ["3306", "330602"])
def test_manifest_number(division):
    assert manifest_number(2026, division, 1) == "20263306000001"
    assert manifest_series(2026, division) == "20263306"
    assert parse_manifest_number("20263306000001") == ManifestNumber(2026, "3306", 1)


@pytest.mark.parametrize(
    ("year", "division", "serial", "problem"),
    [
        (2026, "3306", 0, "manifest_serial"),
        (2026, "3306", 1_000_000, "manifest_serial"),
        (26, "3306", 1, "manifest_year"),
        (2026, "33", 1, "manifest_division"),
        (2026, "33060", 1, "manifest_division"),
        (2026, "", 1, "manifest_division"),
    ],
)
def test_no_manifest_number_is_made_from_what_cannot_be_one(year, division, serial, problem):
    with pytest.raises(ValueError, match=problem):
        manifest_number(year, division, serial)


@pytest.mark.parametrize(
    "text", ["", "2026330600000", "20263306000000", "202633060000012", "2026X306000001", "02263306000001", "汉" * 14]
)
def test_what_is_no_manifest_number(text):
    with pytest.raises(ValueError, match="manifest_number"):
        parse_manifest_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026 3306 000001",
        "2026-3306—000001",
        "２０２６３３０６０００００１",
        "2O2633O6OOOOO1",
        "20263306oooooI",
        "20263306 00000l",
        "20263306 00000i",
    ],
)
def test_a_manifest_number_is_read_as_people_type_it(text):
    assert str(parse_manifest_number(text)) == "20263306000001"


def test_a_short_code_comes_from_its_seed_alone():
    assert short_code("drum") == short_code("drum")
    assert short_code("drum") != short_code("drum", attempt=1) != short_code("drum2")
    # Written down once: a change of the scheme would part printed labels from their drums.
    assert short_code("drum") == "0QGP2K0M"


def test_every_wrong_character_and_every_swap_of_a_short_code_is_found():
    for n in range(10_000):
        code = short_code(str(n))
        assert short_code_ok(code)
        for place, right in enumerate(code):
            wrong = ALPHABET31[(ALPHABET31.index(right) + 1 + (n + place) % 30) % 31]
            assert not short_code_ok(code[:place] + wrong + code[place + 1 :])
        for place in range(7):
            if code[place] != code[place + 1]:
                assert not short_code_ok(code[:place] + code[place + 1] + code[place] + code[place + 2 :])


def test_each_of_the_other_characters_in_each_place_is_found():
    for n in range(10_000):
        code = short_code(str(n))
        for place in range(8):
            tries = {code[:place] + other + code[place + 1 :] for other in ALPHABET31} - {code}
            assert len(tries) == 30
            assert not any(map(short_code_ok, tries))


@pytest.mark.parametrize("text", ["", "ABCDEFG", "ABCDEFGHJ", "IIIIIIII", "ａａａａａａａａ"])
def test_what_is_no_short_code(text):
    assert not short_code_ok(text)


def test_a_short_code_is_read_as_people_type_it():
    assert normalise_short_code(" oqgp – 2k-om\n") == "0QGP2K0M"
    assert normalise_short_code("iosz-v") == "1052V"
    assert normalise_short_code("０ＱＧＰ－２Ｋ０Ｍ") == "0QGP2K0M"
    assert normalise_short_code(group(short_code("drum"))) == short_code("drum")


def test_codes_are_shown_in_groups():
    assert group("0QGP2K0M") == "0QGP-2K0M"
    assert group(str(DRUM)) == f"{MADE} 90024908 20260305 007"
    assert group("20263306000001") == "20263306000001"
