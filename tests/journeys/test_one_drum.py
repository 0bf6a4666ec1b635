"""The main job: one drum from the workshop to the plant, by the services that every shell calls."""

from __future__ import annotations

from datetime import timedelta

import pytest

from depots.selectors import stock
from desk.selectors import life_of
from manifests import services as manifests
from manifests.selectors import get_manifest, lines_of
from scanner.services import ScanRequest, scan
from tests.world import NOW, World, later
from wastetrack.alerts.selectors import open_alerts
from wastetrack.alerts.services import sweep
from wastetrack.errors import NotFound, Refused
from wastetrack.ledger.selectors import entries_after
from wastetrack.ledger.services import seal
from wastetrack.units import grams


def kinds(world: World, name: str, after: int = -1) -> list[str]:
    return [entry.kind for entry in entries_after(world.actor(name), after)]


def test_one_drum_goes_all_the_way(world: World) -> None:
    firm, depot, carrier, plant = (world.actor(name) for name in ("firm", "depot", "carrier", "plant"))
    drum = world.drum()
    assert drum.state == "stored"
    assert len(drum.code) == 37
    assert drum.storage_deadline is not None
    assert drum.storage_deadline.date().isoformat() == "2027-11-20"
    assert drum.storage_clause == "storage_one_year_generator"

    stray = world.drum("firm2")
    refused = scan(actor=depot, request=ScanRequest("n0", stray.code, "check_in"), now=NOW)
    assert (refused.verdict, refused.reason) == ("refused", "no_manifest")
    assert refused.container is None

    manifest = world.delivered(drum)
    answer = scan(actor=depot, request=ScanRequest("n1", drum.code, "check_in", bay="A2"), now=NOW)
    assert (answer.verdict, answer.reason) == ("accepted", None)
    stay = stock(world.depots["depot"]).get()
    assert stay.bay is not None
    assert (stay.container.pk, stay.bay.code) == (drum.pk, "A2")
    assert get_manifest(depot, manifest.number).state == "received"
    manifests.close(actor=depot, manifest=manifest, now=NOW)

    drum.refresh_from_db()
    due = drum.storage_deadline
    assert due is not None
    seal()
    seen = entries_after(depot, -1)[-1].index or 0
    assert sweep(due - timedelta(days=29)) >= 1
    assert sweep(due - timedelta(days=29)) == 0
    sweep(due + timedelta(seconds=1))
    sweep(due + timedelta(seconds=1))
    seal()
    assert kinds(world, "depot", seen) == ["alert.warn", "alert.fall_due"]
    drum_alerts = [alert for alert in open_alerts(depot) if alert.about == drum.subject]
    assert [alert.state for alert in drum_alerts] == ["overdue"]
    assert drum_alerts[0].pk in {alert.pk for alert in open_alerts(world.actor("regulator"))}
    assert drum_alerts[0].pk not in {alert.pk for alert in open_alerts(world.actor("firm2"))}
    assert drum_alerts[0].pk not in {alert.pk for alert in open_alerts(world.actor("regulator2"))}

    at = due + timedelta(days=1)
    second = world.delivered(drum, sender="depot", to="plant", now=at)
    line = lines_of(second)[0]
    receipts = [manifests.Receipt(line, mass_g=grams("17.9"))]
    manifests.receive(actor=plant, manifest=second, receipts=receipts, depot=world.depots["plant"], now=at)
    assert [alert for alert in open_alerts(depot) if alert.about == drum.subject] == []
    treated = manifests.Treated(line, "R9", grams("17.9"), at)
    with pytest.raises(Refused, match="open_discrepancy"):
        manifests.treat(actor=plant, manifest=second, treatments=[treated], now=at)
    with pytest.raises(Refused, match="open_discrepancy"):
        manifests.close(actor=plant, manifest=second, now=at)
    manifests.settle(actor=plant, manifest=second, line=line, mass_kg="17.9", note="地磅", now=at)
    manifests.settle(actor=depot, manifest=second, line=line, mass_kg="17.9", note="同意", now=at)
    with pytest.raises(Refused, match="not_treated"):
        manifests.close(actor=plant, manifest=second, now=at)
    manifests.treat(actor=plant, manifest=second, treatments=[treated], now=at)
    manifests.close(actor=plant, manifest=second, now=at)

    seal()
    life = life_of(firm, drum.short_code)
    assert life.container.state == "treated"
    assert [done.plant.name for done in life.treatments] == ["演示plant"]
    assert life.attestation.intact
    told = life_of(world.actor("regulator"), drum.code)
    assert [entry.kind for entry in told.entries] == [
        "container.log",
        "container.store",
        "container.commit",
        "container.depart",
        "container.receive",
        "container.commit",
        "container.depart",
        "container.receive",
        "container.treat",
    ]
    assert told.entries[0].organisation_name == "演示firm"
    with pytest.raises(NotFound, match="unknown_code"):
        life_of(world.actor("firm2"), drum.code)
    assert carrier.organisation is not None
    assert later(0) == NOW
