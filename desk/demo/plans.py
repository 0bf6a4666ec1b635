"""What every site of the demo planned to send this year, and the one approval to leave the province."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from desk.demo.parties import District, Party
from manifests import services as manifests
from manifests.plan import plan_of
from wastetrack.units import kg_text

STEP_G = 500_000


def put_down_plans(district: District, now: datetime) -> None:
    """Plan, for every waste and receiver that a site had this year, a quarter more, in full half tonnes."""
    for party in (*district.firms, *district.receivers.values()):
        _plan(party, now)
    _approve(district, now)


def _approve(district: District, now: datetime) -> None:
    """The first depot may send a part of its waste oil to a plant of another province."""
    depot, plant = district.receivers["depot"], district.receivers["plant3"]
    today = timezone.localdate(now)
    manifests.record_approval(
        actor=depot.actor,
        number=f"演示跨省〔{today.year}〕1号",
        receiver=plant.organisation,
        waste_codes=["900-214-08", "900-249-08"],
        mass_kg="50000",
        method="R9",
        valid_from=today - timedelta(days=60),
        valid_to=today + timedelta(days=120),
        route="G92 杭甬高速 — G15 沈海高速",
        now=now,
    )


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
