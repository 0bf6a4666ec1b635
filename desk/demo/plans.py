"""What every site of the demo planned to send this year: what has gone, and room for more of it."""

from __future__ import annotations

from datetime import datetime

from desk.demo.parties import District, Party
from manifests import services as manifests
from manifests.plan import plan_of
from wastetrack.units import kg_text

STEP_G = 500_000


def put_down_plans(district: District, now: datetime) -> None:
    """Plan, for every waste and receiver that a site had this year, a quarter more, in full half tonnes."""
    for party in (*district.firms, *district.receivers.values()):
        _plan(party, now)


def _plan(party: Party, now: datetime) -> None:
    for row in plan_of(party.depot.site, now.year):
        planned_g = -(-row.sent_g * 5 // 4 // STEP_G) * STEP_G
        manifests.plan_transfer(
            actor=party.actor,
            site=party.depot.site,
            year=now.year,
            waste_code=row.waste_code,
            receiver=row.receiver,
            mass_kg=kg_text(max(planned_g, STEP_G)),
            now=now,
        )
