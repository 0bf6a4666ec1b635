import json
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


@pytest.fixture(scope="session")
def official():
    """The official 2021 list, read beside the repository."""
    path = REFERENCE / "hw_catalogue_2021.json"
    if not path.exists():
        pytest.skip("the official list is not beside this repository")
    return path


@pytest.fixture(scope="session")
def official_entries(official):
    return json.loads(official.read_text("utf-8"))["entries"]
