"""Changes after a signature: proposed, agreed, and true everywhere at once."""

from __future__ import annotations

from tests.journeys.frame import Tale, journey
from tests.journeys.trade import cast


@journey
def test_correction_across_two_depots(tale: Tale) -> None:
    """A correction across two depots

    The depot received a drum, split it, and sent one part on to a second depot. Then its scale turns out to have been
    wrong. Firm and depot agree on the true mass: stock, family tree and fates follow in the same moment, and what the
    second depot weighed itself stays as it is.
    """
    firm, depot, depot2, carrier = cast(tale, "firm", "depot", "depot2", "carrier")
    drum = firm.logs("the drum", "30")
    load = firm.sends("the manifest", [drum], to=depot, by=carrier)
    carrier.brings(load, depot)
    depot.receives(load, accepts={drum: "30"})
    kept, sent = depot.splits(drum, {"the part that stays": "20", "the part that goes on": "10"})
    onward = depot.sends("the onward manifest", [sent], to=depot2, by=carrier)
    carrier.brings(onward, depot2)
    depot2.receives(onward, accepts={sent: "10"})

    row = {"container": drum.code, "mass_kg": "36"}
    depot2.cannot("unknown_manifest").proposes(load, "the drum weighed 36 kg", "no part of it", lines=[row])
    depot.proposes(load, "the drum weighed 36 kg, not 30 kg", "the scale was off", to=firm, lines=[row])
    depot.cannot("own_proposal").agrees(load)
    depot.cannot("correction_open").proposes(load, "the drum weighed 35 kg", "again", lines=[row | {"mass_kg": "35"}])
    assert (drum.kg, kept.kg, sent.kg) == ("30", "20", "10")
    firm.agrees(load, to=depot)
    firm.cannot("correction_over").agrees(load)
    assert load.row.version == 2
    assert (drum.kg, kept.kg, sent.kg) == ("36", "24", "10")
    stock = depot.get(f"/depots/{depot.depot_id}")["stock"]
    assert (stock["containers"], stock["mass_kg"]) == (1, "24")
    told = firm.asks_fates(drum)
    assert told["mass_kg"] == "36"
    detail = firm.get(f"/manifests/{load.number}")
    assert detail["version"] == 2
    steps = firm.get(f"/containers/{drum.code}/lineage")["steps"]
    assert sorted(step["mass_kg"] for step in steps) == ["12", "24"]

    depot.proposes(load, "the drum weighed 37 kg", "perhaps", to=firm, lines=[row | {"mass_kg": "37"}])
    firm.declines(load, "we weighed it too", to=depot)
    assert (drum.kg, load.row.version) == ("36", 2)
