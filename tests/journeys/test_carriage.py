"""On the road: several carriers, and a load that turns back."""

from __future__ import annotations

from tests.journeys.frame import Tale, journey
from tests.journeys.trade import another_carrier, cast


@journey
def test_three_carriers_and_a_direct_arrival(tale: Tale) -> None:
    """Three carriers and a direct arrival

    Four carriers are planned. Each signs for its own leg where the load changes lorries; the third drives straight to
    the plant's gate, so the fourth leg falls away and its carrier no longer sees the load.
    """
    firm, plant, carrier = cast(tale, "firm", "plant", "carrier")
    second = another_carrier(tale, "carrier2", "浙A20002")
    third = another_carrier(tale, "carrier3", "浙B30003")
    fourth = another_carrier(tale, "carrier4", "浙C40004")
    drum = firm.logs("the drum", "18.5")
    load = firm.sends("the manifest", [drum], to=plant, by=[carrier, second, third, fourth])
    assert fourth.sees(f"/manifests/{load.number}")
    second.cannot("not_your_part").departs(load)
    carrier.departs(load)
    second.cannot("not_your_part").takes_over(load)
    carrier.hands_over(load, second, "Keqiao rest area")
    third.cannot("not_your_part").takes_over(load)
    tale.wait("Half an hour later", minutes=30)
    second.takes_over(load, "浙A20002")
    assert drum.row.holder_id == tale.world.organisations["carrier2"].pk
    carrier.cannot("not_your_part").delivers(load, plant)
    second.hands_over(load, third, "Shangyu lorry park")
    tale.wait("An hour later", hours=1)
    third.takes_over(load, "浙B30003")
    third.delivers(load, plant)
    assert load.state == "delivered"
    assert not fourth.sees(f"/manifests/{load.number}")
    assert not fourth.sees(f"/containers/{drum.code}")
    for past in (carrier, second):
        assert past.sees(f"/manifests/{load.number}")
    legs = plant.get(f"/manifests/{load.number}")["legs"]
    assert [(leg["carrier"]["name"], leg["place"]) for leg in legs] == [
        ("演示carrier", ""),
        ("演示carrier2", "Keqiao rest area"),
        ("演示carrier3", "Shangyu lorry park"),
    ]
    assert all(leg["departed_at"] and leg["arrived_at"] for leg in legs)
    plant.receives(load, accepts={drum: "18.5"})
    plant.treats(load, {drum: "18.5"}, residue="炉渣 0.2 kg")
    plant.closes(load)


@journey
def test_called_off_on_the_road(tale: Tale) -> None:
    """Called off on the road

    The load has set out. Its firm can no longer cancel alone: it proposes to call it off, the carrier agrees, and the
    drum comes home.
    """
    firm, depot, carrier = cast(tale, "firm", "depot", "carrier")
    drum = firm.logs("the drum", "18.5")
    load = firm.sends("the manifest", [drum], to=depot, by=carrier)
    carrier.departs(load)
    firm.cancels(load, "the wrong drum was loaded")
    assert load.state == "in_transit"
    firm.cannot("own_proposal").agrees(load)
    depot.cannot("not_your_part").agrees(load)
    carrier.declines(load, "I am almost there", to=firm)
    firm.cancels(load, "the wrong drum was loaded, really")
    carrier.agrees(load, to=firm, to_what="calling it off")
    assert (load.state, drum.state) == ("cancelled", "in_transit")
    depot.cannot("illegal_state").receives(load)
    firm.scans_in(drum, "takes the drum back into its store")
    assert (drum.state, drum.row.holder_id) == ("stored", tale.world.organisations["firm"].pk)
    again = firm.sends("a new manifest", [drum], to=depot, by=carrier)
    assert again.state == "issued"
