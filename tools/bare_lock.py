"""Takes the addresses out of package-lock.json: npm finds packages by name and version and checks their hashes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ADDRESSES = {"resolved", "funding"}


def bare(lock: dict[str, Any]) -> dict[str, Any]:
    """The same lock without download addresses and appeals for funding."""
    packages = {
        path: {key: value for key, value in entry.items() if key not in ADDRESSES}
        for path, entry in lock["packages"].items()
    }
    return lock | {"packages": packages}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(json.dumps(bare(json.loads(path.read_text())), indent=2) + "\n")
