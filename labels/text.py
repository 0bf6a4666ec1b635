"""Setting a text into a box: wrapping, narrowing and, when nothing else helps, cutting. Widths are in em."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from labels import fonts

NARROWEST = 0.7
"""Characters may become this much narrower, never lower: the standard asks for their height."""

_STEPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, NARROWEST)
_WORTHWHILE = 0.8  # narrowing this far is better than one line more

# What stays together: a word or number up to a comma (but not that of 1,3-), opening marks with what follows them,
# closing marks with what they follow.
_OPENING, _CLOSING = "（《〈“‘「『【〔", "）》〉”’」』】〕，。、；：！？…·%"
_PIECE = re.compile(rf"[{_OPENING}]*(?:[!-~]+?(?:[,;/](?![0-9])|(?![!-~]))|.)[{_CLOSING}]* ?")


@lru_cache(8192)
def width(text: str, face: str = fonts.BOLD) -> float:
    """How wide the text is, in em."""
    return float(fonts.font(face).stringWidth(text, 1))


def wrap(text: str, limit: float) -> list[str]:
    """The text in lines no wider than `limit`, without the spaces at their ends; one empty line for no text."""
    if width(text) <= limit:
        return [text.strip()]
    lines, line, used = [], "", 0.0
    for piece in _pieces(text, limit):
        if line and used + width(piece.rstrip()) > limit:
            lines.append(line.rstrip())
            line, used = "", 0.0
        line, used = line + piece, used + width(piece)
    return [*lines, line.rstrip()]


def _pieces(text: str, limit: float) -> list[str]:
    """What may not be parted, save that what is wider than a whole line falls into its characters."""
    pieces = _PIECE.findall(text)
    return [part for piece in pieces for part in (piece if width(piece.rstrip()) > limit else [piece])]


def cut(line: str, limit: float) -> str:
    """The line with … at its end, shortened until it fits."""
    while line and width(line + "…") > limit:
        line = line[:-1]
    return line.rstrip() + "…"


WHOLE = 99
"""`least` for a text that may not be cut."""


@dataclass(slots=True)
class Setting:
    """How one text stands in a box `limit` wide: its lines, and how much narrower than usual its characters are.

    `least`: the lines it keeps as long as another text can give way.
    """

    text: str
    limit: float
    least: int = 1
    scale: float = 1.0
    lines: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.lines = wrap(self.text, self.limit)
        for scale in _STEPS if len(self.lines) > 1 else ():
            narrowed = wrap(self.text, self.limit / scale) if scale >= _WORTHWHILE else self.lines
            if len(narrowed) < len(self.lines):
                self.scale, self.lines = scale, narrowed
                break

    def tighten(self) -> None:
        """One step narrower, or one line fewer with … at its end."""
        narrower = next((step for step in _STEPS if step < self.scale), None)
        if narrower:
            self.scale, self.lines = narrower, wrap(self.text, self.limit / narrower)
        else:
            *kept, last, _ = self.lines
            self.lines = [*kept, cut(last, self.limit / self.scale)]


def fit(settings: Sequence[Setting], room: int) -> None:
    """Tightens until all together take at most `room` lines: the longest first, of equals the lower one.

    ValueError when even one line each would not do.
    """
    while sum(len(setting.lines) for setting in settings) > room:
        loose = [setting for setting in settings if len(setting.lines) > setting.least]
        loose = loose or [setting for setting in settings if len(setting.lines) > 1 and setting.least < WHOLE]
        if not loose:
            raise ValueError("more texts than lines")
        max(reversed(loose), key=lambda setting: len(setting.lines)).tighten()
