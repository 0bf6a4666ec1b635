"""The words of the site: gathers them from code and templates, compiles them, and checks that each has its translation.

messages.py compile FILE.po ...    .po → .mo beside it (set-up; needs no gettext on the machine)
messages.py update                 adds new texts to locale/*/LC_MESSAGES/django.po, drops those no longer used
messages.py check                  exit 1 if a text is missing, unused, untranslated or has other blanks
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import polib
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("zh_Hans",)
"""What texts, written in English, are translated into; Chinese has one form of a noun for every number."""
SKIPPED = {"build", "node_modules", "tests", "docs", "tools", "benchmarks", "migrations"}

FORMS = {
    "_": ("text",),
    "gettext": ("text",),
    "ngettext": ("text", "plural"),
    "pgettext": ("context", "text"),
    "npgettext": ("context", "text", "plural"),
}
"""What a call's leading arguments are; `_lazy` and `_noop` read the same."""
LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
CALL = re.compile(rf"""(?<!\w)(n?p?gettext|_)\(({LITERAL}(?:,\s*{LITERAL})*)""", re.DOTALL)
BLANK = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


class Text(NamedTuple):
    """One text to translate, as gettext tells texts apart."""

    text: str
    context: str | None = None
    plural: str | None = None


def _text(function: str, arguments: list[object]) -> Text | None:
    """The text that a call marks; None if it is no gettext call or its text is not written out."""
    form = FORMS.get(re.sub(r"_(?:lazy|noop)$", "", function))
    if form is None or len(arguments) < len(form) or not all(isinstance(word, str) for word in arguments[: len(form)]):
        return None
    return Text(**dict(zip(form, map(str, arguments), strict=False)))


def _name(function: ast.expr) -> str:
    """The last part of what is called: `_` for `_(…)`, `gettext` for `translation.gettext(…)`."""
    return ast.unparse(function).rpartition(".")[2]


def in_python(source: str) -> Iterator[Text]:
    """Texts marked in Python code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            text = _text(_name(node.func), [getattr(argument, "value", None) for argument in node.args])
            if text:
                yield text


def in_template(source: str) -> Iterator[Text]:
    """Texts marked in a Django template."""
    for function, arguments in CALL.findall(templatize(source)):
        text = _text(function, list(ast.literal_eval(f"({arguments},)")))
        if text:
            yield text


def sources(root: Path) -> Iterator[Path]:
    """The project's Python files and templates, in order."""
    for top in sorted(root.iterdir()):
        if top.is_dir() and not top.name.startswith("."):
            for path in sorted(top.rglob("*")):
                if not SKIPPED.intersection(path.relative_to(root).parts) and (
                    path.suffix == ".py" or (path.suffix in {".html", ".txt"} and "templates" in path.parts)
                ):
                    yield path


def used(root: Path) -> dict[Text, set[str]]:
    """Every text of the project → the files that use it."""
    found: dict[Text, set[str]] = {}
    for path in sources(root):
        read = in_python if path.suffix == ".py" else in_template
        for text in read(path.read_text(encoding="utf-8")):
            found.setdefault(text, set()).add(path.relative_to(root).as_posix())
    return found


def catalogues(root: Path) -> dict[Path, polib.POFile]:
    """The .po file of each language we translate into → what it says; an empty one where it is yet to be written."""
    found = {}
    for language in LANGUAGES:
        path = root / "locale" / language / "LC_MESSAGES" / "django.po"
        found[path] = polib.pofile(str(path), wrapwidth=120) if path.exists() else polib.POFile(wrapwidth=120)
        found[path].metadata = {
            "Language": language,
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=UTF-8",
            "Content-Transfer-Encoding": "8bit",
            "Plural-Forms": "nplurals=1; plural=0;",
        }
    return found


def key(entry: polib.POEntry) -> Text:
    """The text that an entry of a catalogue translates."""
    return Text(entry.msgid, entry.msgctxt, entry.msgid_plural or None)


def update(root: Path = ROOT) -> None:
    """Brings every catalogue in line with the code: translations stay, new texts come in empty, unused ones go."""
    texts = used(root)
    for path, old in catalogues(root).items():
        kept = {key(entry): entry for entry in old if not entry.obsolete}
        old.clear()
        for text in sorted(texts, key=lambda text: (text.text, text.context or "", text.plural or "")):
            entry = kept.get(text) or polib.POEntry(
                msgid=text.text,
                msgctxt=text.context,
                msgid_plural=text.plural or "",
                msgstr_plural={0: ""} if text.plural else {},
            )
            entry.occurrences = [(name, "") for name in sorted(texts[text])]
            old.append(entry)
        path.parent.mkdir(parents=True, exist_ok=True)
        old.save(str(path))


def blanks(text: str) -> Counter[str]:
    """The places in a text that values are put into."""
    return Counter(BLANK.findall(text))


def same_blanks(text: Text, said: str) -> bool:
    """Whether a translation has the blanks of its text; a form for one thing may leave the number out."""
    if text.plural:
        return blanks(said) <= blanks(text.plural)
    return blanks(said) == blanks(text.text)


def faults(catalogue: polib.POFile, texts: Iterable[Text]) -> Iterator[str]:
    """What is wrong with one catalogue, a line each."""
    entries = {key(entry): entry for entry in catalogue if not entry.obsolete}
    texts = set(texts)
    yield from (f"missing: {text.text!r}" for text in texts - entries.keys())
    yield from (f"no longer used: {text.text!r}" for text in entries.keys() - texts)
    for text, entry in entries.items():
        said = list(entry.msgstr_plural.values()) if text.plural else [entry.msgstr]
        if "fuzzy" in entry.flags or not all(said):
            yield f"not translated: {text.text!r}"
        elif not all(same_blanks(text, form) for form in said):
            yield f"blanks differ: {text.text!r}"


def check(root: Path = ROOT) -> int:
    """0 if every catalogue says every text of the project and nothing else; prints what is wrong."""
    texts = used(root)
    found = [
        f"{path.relative_to(root)}: {fault}"
        for path, catalogue in catalogues(root).items()
        for fault in sorted(faults(catalogue, texts))
    ]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


def compile_files(paths: Iterable[str]) -> None:
    """.po → .mo beside it."""
    for path in paths:
        polib.pofile(path).save_as_mofile(str(Path(path).with_suffix(".mo")))


def main(arguments: list[str]) -> int:
    """Command line; the exit code."""
    match arguments:
        case ["compile", *paths]:
            compile_files(paths)
        case ["update"]:
            update()
        case ["check"]:
            return check()
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
