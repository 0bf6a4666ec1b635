"""The fonts, and the script that puts them there."""

import pytest

from labels import fonts
from tools.fonts import FILES, PACKAGE, make_fonts


@pytest.fixture
def checkout(tmp_path):
    """A folder where npm has put the package."""
    for inside in FILES.values():
        file = tmp_path / PACKAGE / inside
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"glyphs of " + inside.encode())
    return tmp_path


def test_the_script_copies_once(checkout):
    assert {path.name for path in make_fonts(checkout)} == set(FILES)
    assert make_fonts(checkout) == []
    assert (checkout / "build/fonts/NotoSansSC-Bold.ttf").read_bytes() == b"glyphs of 700Bold/NotoSansSC_700Bold.ttf"


def test_the_script_mends_a_broken_copy(checkout):
    make_fonts(checkout)
    broken = checkout / "build/fonts/NotoSansSC-Bold.ttf"
    broken.write_bytes(b"half")
    assert make_fonts(checkout) == [broken]


def test_the_script_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="NotoSansSC"):
        make_fonts(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"not a font"])
def test_missing_or_broken_fonts_name_make(tmp_path, monkeypatch, content):
    monkeypatch.setattr(fonts, "FOLDER", tmp_path)
    if content is not None:
        (tmp_path / f"{fonts.BOLD}.ttf").write_bytes(content)
    with pytest.raises(fonts.FontsMissing, match="run `make`"):
        fonts.font(fonts.BOLD)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("废油", "废油"),
        (" 废\t油\r\n桶 ", "废 油 桶"),
        ("a\u200bb\x00\ufeff\ud800c", "abc"),
        ("e\u0301", "é"),
        ("王𠮷", "王〓"),
        ("\ue000", "〓"),
    ],
)
def test_text_is_made_printable(text, printed):
    assert fonts.printable(text) == printed


def test_a_file_carries_no_licence_text_of_the_font():
    assert "name" not in fonts.font(fonts.BOLD).face.table


def test_missing_characters_are_named_once():
    assert fonts.missing("𠮷油𠮷😀") == ("𠮷", "😀")
