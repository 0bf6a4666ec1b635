"""Reads the data files of a jurisdiction. Numbers with a point come as Decimal, never as float."""

import json
import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

CN = Path(__file__).with_name("cn")


@cache
def toml(name: str) -> dict[str, Any]:
    """The parsed file `cn/<name>`; read once a process, so callers must not change it."""
    return tomllib.loads((CN / name).read_text("utf-8"), parse_float=Decimal)


@cache
def read_json(name: str) -> Any:
    """The parsed file `cn/<name>`; read once a process, so callers must not change it."""
    return json.loads((CN / name).read_text("utf-8"), parse_float=Decimal)
