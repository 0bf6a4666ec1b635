"""Puts the label fonts from the npm package into build/fonts/. Run by `make`; writes nothing when up to date."""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("node_modules/@expo-google-fonts/noto-sans-sc")
FILES = {
    "NotoSansSC-Regular.ttf": "400Regular/NotoSansSC_400Regular.ttf",
    "NotoSansSC-Bold.ttf": "700Bold/NotoSansSC_700Bold.ttf",
    "LICENSE_FONT": "LICENSE_FONT",
}


def up_to_date(source: Path, target: Path) -> bool:
    """Whether the target is a whole copy of this source."""
    if not target.exists():
        return False
    new, old = source.stat(), target.stat()
    return new.st_size == old.st_size and new.st_mtime <= old.st_mtime


def make_fonts(root: Path = ROOT) -> list[Path]:
    """Copies what is missing or older; gives the files it wrote. FileNotFoundError when npm has not run."""
    written = []
    for name, inside in FILES.items():
        source, target = root / PACKAGE / inside, root / "build" / "fonts" / name
        if not up_to_date(source, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            # Through a neighbour and a rename: a run that is cut off leaves no half font behind.
            part = target.with_suffix(".part")
            shutil.copyfile(source, part)
            part.replace(target)
            written.append(target)
    return written


if __name__ == "__main__":
    try:
        made = make_fonts()
    except FileNotFoundError as missing:
        sys.exit(f"{missing.filename} is missing: run `make`, which installs the npm packages first")
    print(f"fonts: {len(made)} written, {len(FILES) - len(made)} up to date")
