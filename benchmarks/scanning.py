"""Scans over a line that loses 30 % of the replies after they were committed: what is lost, doubled, contradicted.

Target: nothing, in 100,000 scans by the page's own queue under Node. The peer in the same run makes a new nonce a try.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.scanner.lossy import Outcome, scan_over_a_bad_line


def run(small: bool = False) -> list[dict[str, object]]:
    """One row with nonces and one without: scans, seconds, and what must never be."""
    scans = 2_000 if small else 100_000
    rows = []
    for name, number, fresh in (("one nonce a scan", scans, False), ("a new nonce a try", scans // 20, True)):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row(name, scan_over_a_bad_line(Path(folder), scans=number, fresh=fresh, limit=7_200)))
    return rows


def row(name: str, outcome: Outcome) -> dict[str, object]:
    """An outcome as figures."""
    return {
        "client": name,
        "scans": outcome.scans,
        "scans/s": outcome.scans / outcome.seconds,
        "replies lost": outcome.fates["lost"],
        "lost": len(outcome.lost),
        "doubled": len(outcome.doubled),
        "contradicted": len(outcome.contradicted),
    }
