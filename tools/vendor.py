"""Lays out the front-end parts that pages use: npm's JS and CSS, and one SVG sprite of the icons that templates name.

Reads node_modules, writes build/vendor. Nothing is fetched here and nothing of it is committed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "barcode-detector.js": "barcode-detector/dist/es/ponyfill.js",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "idb.js": "idb/build/index.js",
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "zxing-exported.js": "barcode-detector/dist/es/zxing-exported.js",
    "zxing_reader.wasm": "zxing-wasm/dist/reader/zxing_reader.wasm",
}
SKIPPED = {"build", "node_modules", "tests", "docs", "tools", "benchmarks"}

SVG = "http://www.w3.org/2000/svg"
TAG = re.compile(r"""\{%\s*icon\s+["']([^"']+)["']""")
VALUE = re.compile(r"""\bicon["']?\s*[=:(]\s*["']([a-z0-9-]+)["']""")
"""In Python: `icon="truck"`, `"icon": "truck"` and `icon("truck")`, for templates that say `{% icon state.icon %}`."""
SOURCE_MAP = re.compile(rb"\s*(?://|/\*)# sourceMappingURL=[^\n]*\s*\Z")


class UnknownIcon(Exception):
    """A name that is no Tabler icon, with the file that uses it."""


def sources(root: Path) -> Iterator[Path]:
    """The project's templates and Python files, in order."""
    for top in sorted(root.iterdir()):
        if top.is_dir() and not top.name.startswith(".") and top.name not in SKIPPED:
            for path in sorted(top.rglob("*")):
                if path.suffix == ".py" or (path.suffix == ".html" and "templates" in path.parts):
                    yield path


def icons_named(root: Path) -> dict[str, Path]:
    """Every icon that the project names → the first file that names it."""
    found: dict[str, Path] = {}
    for path in sources(root):
        text = path.read_text(encoding="utf-8")
        names = TAG.findall(text) + (VALUE.findall(text) if path.suffix == ".py" else [])
        for name in names:
            found.setdefault(name, path)
    return dict(sorted(found.items()))


def drawing(icons: Path, name: str) -> Path | None:
    """Tabler's file for `name`: outline, or filled for a name that ends in -filled."""
    shape, style = (name.removesuffix("-filled"), "filled") if name.endswith("-filled") else (name, "outline")
    path = icons / style / f"{shape}.svg"
    return path if re.fullmatch(r"[a-z0-9-]+", name) and path.is_file() else None


def sprite(icons: Path, names: dict[str, Path]) -> str:
    """One SVG with a symbol for each name, its id the name. Raises UnknownIcon."""
    ElementTree.register_namespace("", SVG)
    sheet = ElementTree.Element(f"{{{SVG}}}svg")
    for name, user in names.items():
        path = drawing(icons, name)
        if path is None:
            raise UnknownIcon(f"{user}: there is no Tabler icon named {name!r}")
        icon = ElementTree.parse(path).getroot()
        kept = {key: value for key, value in icon.attrib.items() if key not in {"width", "height", "class"}}
        symbol = ElementTree.SubElement(sheet, f"{{{SVG}}}symbol", {"id": name, **kept})
        # The first path of an outline icon is an invisible bounding square.
        symbol.extend(part for part in icon if part.get("d") != "M0 0h24v24H0z")
    return "<!-- Tabler Icons, MIT -->\n" + ElementTree.tostring(sheet, encoding="unicode") + "\n"


def put(path: Path, content: bytes) -> None:
    """Writes only what changed, so that what depends on the file is not made again for nothing."""
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def lay_out(root: Path = ROOT) -> None:
    """node_modules → build/vendor. Raises UnknownIcon."""
    modules, target = root / "node_modules", root / "build" / "vendor"
    target.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        # The maps stay behind; a reference to them would stop the static files' manifest.
        put(target / name, SOURCE_MAP.sub(b"", (modules / source).read_bytes()))
    put(target / "icons.svg", sprite(modules / "@tabler/icons/icons", icons_named(root)).encode())


if __name__ == "__main__":
    try:
        lay_out()
    except UnknownIcon as error:
        sys.exit(str(error))
