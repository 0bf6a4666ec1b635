"""The main job: one drum from the workshop to the plant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from depots.selectors import stock
from desk.selectors import life_of
from manifests.selectors import get_manifest
from tests.journeys.frame import Tale, journey
from tests.journeys.trade import cast
from tests.world import World
from wastetrack.alerts.models import Alert
from wastetrack.alerts.selectors import open_alerts
from wastetrack.alerts.services import sweep
from wastetrack.errors import NotFound
from wastetrack.ledger.selectors import entries_after
from wastetrack.ledger.services import seal


def kinds(world: World, name: str, after: int = -1) -> list[str]:
    return [entry.kind for entry in entries_after(world.actor(name), after)]


@journey
def test_one_drum(tale: Tale) -> None:
    """One drum, all the way

    A firm's drum goes to the collection depot, stays there too long, and is treated at the plant, where the scale
    says otherwise than the manifest.
    """
    world = tale.world
    firm, firm2, depot, carrier, plant = cast(tale, "firm", "firm2", "depot", "carrier", "plant")
    drum = firm.logs("the drum", "18.5")
    assert len(drum.code) == 37
    assert drum.row.storage_deadline is not None
    assert drum.row.storage_deadline.date().isoformat() == "2027-11-20"
    assert drum.row.storage_clause == "storage_one_year_generator"
    stray = firm2.logs("a drum that nobody announced", "18.5")
    assert depot.cannot("no_manifest").scans_in(stray)["container"] is None

    load = firm.sends("the manifest", [drum], to=depot, by=carrier)
    carrier.brings(load, depot)
    depot.scans_in(drum, bay="A2")
    stay = stock(world.depots["depot"]).get()
    assert stay.bay is not None
    assert (stay.container.pk, stay.bay.code) == (drum.row.pk, "A2")
    assert get_manifest(world.actor("depot"), load.number).state == "received"
    depot.closes(load)

    due = drum.row.storage_deadline
    assert due is not None
    seal()
    seen = entries_after(world.actor("depot"), -1)[-1].index or 0
    assert sweep(due - timedelta(days=29)) >= 1
    assert sweep(due - timedelta(days=29)) == 0
    sweep(due + timedelta(seconds=1))
    sweep(due + timedelta(seconds=1))
    seal()
    about = drum.row.subject
    told = [entry for entry in entries_after(world.actor("depot"), seen) if entry.data.get("kind") == "storage"]
    assert [(entry.kind, entry.data["about"]) for entry in told] == [("alert.warn", about), ("alert.fall_due", about)]
    of_drum = Alert.objects.filter(kind="storage", about=about)
    drum_alerts = [alert for alert in open_alerts(world.actor("depot")) if alert in of_drum]
    assert [alert.state for alert in drum_alerts] == ["overdue"]
    assert drum_alerts[0].pk in {alert.pk for alert in open_alerts(world.actor("regulator"))}
    assert drum_alerts[0].pk not in {alert.pk for alert in open_alerts(world.actor("firm2"))}
    assert drum_alerts[0].pk not in {alert.pk for alert in open_alerts(world.actor("regulator2"))}

    tale.wait("A day after the drum's time at the depot was over", seconds=(due - tale.now).total_seconds() + 86_400)
    second = depot.sends("the second manifest", [drum], to=plant, by=carrier)
    carrier.brings(second, plant)
    plant.receives(second, accepts={drum: "17.9"}, to=depot)
    assert [alert for alert in open_alerts(world.actor("depot")) if alert in of_drum] == []
    plant.cannot("open_discrepancy").treats(second, {drum: "17.9"})
    plant.cannot("open_discrepancy").closes(second)
    plant.settles(second, drum, "17.9", "the weighbridge says so")
    depot.settles(second, drum, "17.9", "agreed")
    plant.cannot("not_treated").closes(second)
    plant.treats(second, {drum: "17.9"})
    plant.closes(second)

    seal()
    life = life_of(world.actor("firm"), drum.row.short_code)
    assert life.container.state == "treated"
    assert [done.plant.name for done in life.treatments] == ["演示plant"]
    assert life.attestation.intact
    entries = life_of(world.actor("regulator"), drum.code).entries
    steps = ["log", "store", "commit", "depart", "receive", "commit", "depart", "receive", "treat"]
    assert [entry.kind for entry in entries] == [f"container.{step}" for step in steps]
    assert entries[0].organisation_name == "演示firm"
    with pytest.raises(NotFound, match="unknown_code"):
        life_of(world.actor("firm2"), drum.code)
