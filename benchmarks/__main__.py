"""Runs every module of this folder that has `run(small) -> rows` and prints its rows as a table.

A row is a dict: its keys are the columns, its values what to print. `python -m benchmarks [--small] [name ...]`
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import time
import unicodedata
from collections.abc import Mapping, Sequence
from types import ModuleType

import django

import benchmarks

Row = Mapping[str, object]


def subjects(wanted: Sequence[str]) -> list[ModuleType]:
    """The benchmark modules by name, all of them if none is asked for. Raises SystemExit for an unknown name."""
    names = [found.name for found in pkgutil.iter_modules(benchmarks.__path__) if not found.name.startswith("_")]
    if unknown := set(wanted) - set(names):
        sys.exit(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(names)}.")
    modules = [importlib.import_module(f"benchmarks.{name}") for name in wanted or names]
    return [module for module in modules if hasattr(module, "run")]


def shown(value: object) -> str:
    """A figure with three significant digits or more, anything else as it is."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def table(rows: Sequence[Row]) -> str:
    """Rows under the columns of the first; figures to the right, words to the left."""
    columns = list(rows[0])
    lines = [columns, *([shown(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(width(line[place]) for line in lines) for place in range(len(columns))]
    right = [isinstance(rows[0][column], int | float) for column in columns]
    padded = (
        [
            " " * (wide - width(cell)) + cell if flush else cell + " " * (wide - width(cell))
            for cell, wide, flush in zip(line, widths, right, strict=True)
        ]
        for line in lines
    )
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def main() -> None:
    """Prints a table a subject, with what its module's docstring promises above it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", help="benchmarks to run (default: all)")
    parser.add_argument("--small", action="store_true", help="a quick look: smaller sets, rougher figures")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    for module in subjects(options.names):
        title = (module.__doc__ or module.__name__).strip().splitlines()[0]
        start = time.perf_counter()
        rows = module.run(small=options.small)
        print(f"\n{title}\n{table(rows) if rows else '(no rows)'}\n({time.perf_counter() - start:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
