"""What is refused at the gate, wholly or in part, and where it goes from there."""

from __future__ import annotations

from tests.journeys.frame import Tale, journey
from tests.journeys.trade import another_plant, cast, kinds_of
from wastetrack.alerts.models import Alert


@journey
def test_total_refusal_after_regrouping(tale: Tale) -> None:
    """A total refusal after regrouping

    The depot pours the drums of two firms together and sends them to a plant, which refuses all of it. The depot takes
    the drum back, and another plant treats it. Both firms read the end of their own waste, to the gram.
    """
    firm, firm2, depot, carrier, plant = cast(tale, "firm", "firm2", "depot", "carrier", "plant")
    first, second = firm.logs("drum a", "10"), firm2.logs("drum b", "20")
    for party, drum in ((firm, first), (firm2, second)):
        load = party.sends(f"the manifest of {drum.name}", [drum], to=depot, by=carrier)
        carrier.brings(load, depot)
        depot.receives(load)
    merged = depot.merges([first, second], "drum m", "30")

    away = depot.sends("the manifest to the plant", [merged], to=plant, by=carrier)
    carrier.brings(away, plant)
    plant.receives(away, refuses={merged: "too much water"}, to=depot)
    assert (away.state, merged.state) == ("rejected", "in_transit")
    plant.cannot("illegal_state").receives(away)
    plant.cannot("line_not_accepted").treats(away, {merged: "30"})
    plant.cannot("not_taken_back").closes(away)
    depot.scans_in(merged, "takes drum m back into its store")
    assert merged.row.holder_id == tale.world.organisations["depot"].pk
    plant.closes(away)

    plant2 = another_plant(tale, "plant2")
    again = depot.sends("the manifest to the second plant", [merged], to=plant2, by=carrier)
    carrier.brings(again, plant2)
    plant2.receives(again, accepts={merged: "30"})
    plant2.treats(again, {merged: "30"})
    plant2.closes(again)
    assert kinds_of(f"container:{merged.code}")[-3:] == ["depart", "receive", "treat"]
    assert firm.asks_fates(first)["treated_kg"] == "10"
    assert firm2.asks_fates(second)["treated_kg"] == "20"


@journey
def test_return_manifest(tale: Tale) -> None:
    """A return manifest

    The depot refuses one of two drums. It travels back to its firm under a manifest of its own, linked with the first.
    """
    firm, depot, carrier = cast(tale, "firm", "depot", "carrier")
    good, leaking = firm.logs("the good drum", "18.5"), firm.logs("the leaking drum", "12")
    load = firm.sends("the manifest", [good, leaking], to=depot, by=carrier)
    carrier.brings(load, depot)
    depot.receives(load, accepts={good: "18.5"}, refuses={leaking: "leaks"}, to=firm)
    assert load.state == "partly_received"
    depot.cannot("not_taken_back").closes(load)
    back = depot.returns(load, "the return manifest")
    assert back.row.follows is not None
    assert (back.row.follows.number, back.row.purpose) == (load.number, "return")
    depot.issues(back, to=carrier)
    firm.cannot("not_here").merges([leaking, good], "", "30.5")
    carrier.brings(back, firm)
    firm.receives(back, accepts={leaking: "12"}, to=depot)
    assert (back.state, leaking.state) == ("received", "stored")
    assert leaking.row.holder_id == tale.world.organisations["firm"].pk
    firm.closes(back)
    depot.closes(load)


@journey
def test_onward_to_another_receiver(tale: Tale) -> None:
    """Refused, and on to another receiver

    The first depot refuses the whole load. Its firm sends it on to the second depot straight from the gate, under a
    manifest that follows the first.
    """
    firm, depot, depot2, carrier = cast(tale, "firm", "depot", "depot2", "carrier")
    drum = firm.logs("the drum", "18.5")
    load = firm.sends("the manifest", [drum], to=depot, by=carrier)
    carrier.brings(load, depot)
    depot.receives(load, refuses={drum: "no room of this kind"}, to=firm)
    assert load.state == "rejected"
    on = firm.sends("the onward manifest", [drum], to=depot2, by=carrier)
    assert on.row.purpose == "onward"
    carrier.brings(on, depot2)
    depot2.receives(on, accepts={drum: "18.5"}, to=firm)
    assert drum.row.holder_id == tale.world.organisations["depot2"].pk
    depot.closes(load)
    depot2.closes(on)
    assert not firm.sees(f"/depots/{depot2.depot_id}/inventory")


@journey
def test_partial_refusal_with_a_significant_difference(tale: Tale) -> None:
    """A partial refusal and a significant difference

    Of three drums the depot refuses one, and another weighs far less than declared. Firm and regulator are told at
    once; nothing is closed until both sides state the same mass.
    """
    firm, depot, carrier = cast(tale, "firm", "depot", "carrier")
    whole, light, bulging = firm.logs("drum a", "18.5"), firm.logs("drum b", "20"), firm.logs("drum c", "5")
    load = firm.sends("the manifest", [whole, light, bulging], to=depot, by=carrier)
    carrier.brings(load, depot)
    depot.receives(load, accepts={whole: "18.5", light: "16"}, refuses={bulging: "bulges"}, to=firm)
    assert load.state == "partly_received"
    assert Alert.objects.filter(kind__contains="discrepancy", resolved_at=None).exists()
    depot.cannot("open_discrepancy").closes(load)
    depot.settles(load, light, "16", "weighed twice")
    firm.cannot("settle_differs").settles(load, light, "20", "that is what we wrote")
    firm.settles(load, light, "16", "our scale was wrong")
    assert not Alert.objects.filter(kind__contains="discrepancy", resolved_at=None).exists()
    assert light.kg == "16"
    depot.cannot("not_taken_back").closes(load)
    firm.scans_in(bulging, "takes drum c back into its store")
    depot.closes(load)
