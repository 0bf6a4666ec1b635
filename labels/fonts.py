"""The two cuts of the label font, and what to do with a character that they lack."""

import unicodedata
from functools import cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

FOLDER = Path(__file__).resolve().parent.parent / "build" / "fonts"
REGULAR = "NotoSansSC-Regular"
BOLD = "NotoSansSC-Bold"

SUBSTITUTE = "〓"
"""Printed for a character that the font lacks: the printers' mark for a missing type."""


class FontsMissing(RuntimeError):
    """The font files are not there, or are broken."""


@cache
def _font(name: str, folder: Path) -> TTFont:
    path = folder / f"{name}.ttf"
    try:
        # Without asciiReadable a file carries only the glyphs it uses, not all of ASCII.
        font = TTFont(name, str(path), asciiReadable=False)
    except (TTFError, OSError) as error:
        raise FontsMissing(f"{path} can't be read ({error}): run `make`, which puts the label fonts there.") from error
    # Names and licence of the font: 2 kB in every file, which no PDF viewer reads.
    font.face.table.pop("name", None)
    pdfmetrics.registerFont(font)
    return font


def font(name: str) -> TTFont:
    """REGULAR or BOLD, ready for reportlab; FontsMissing when `make` has not put the files there."""
    return _font(name, FOLDER)


def clean(text: str) -> str:
    """One line of composed characters: line ends and runs of space become one space, invisible ones go."""
    composed = unicodedata.normalize("NFC", text)
    if not composed.isprintable():
        composed = "".join(" " if c.isspace() else c for c in composed if c.isspace() or _visible(c))
    return " ".join(composed.split())


def _visible(char: str) -> bool:
    """Not a control, formatting or surrogate character; private or unassigned ones are meant to be seen."""
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs"}


def missing(text: str) -> tuple[str, ...]:
    """The characters of a text that can't be printed and will stand as SUBSTITUTE, each once, in order."""
    glyphs, characters = font(BOLD).face.charToGlyph, clean(text)
    if set(map(ord, characters)) <= glyphs.keys():
        return ()
    return tuple(dict.fromkeys(c for c in characters if ord(c) not in glyphs))


def printable(text: str) -> str:
    """The text as it will be printed: cleaned, and SUBSTITUTE for what the font lacks, never nothing."""
    return clean(text).translate({ord(c): SUBSTITUTE for c in missing(text)})
