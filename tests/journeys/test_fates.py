"""From any drum to its final treatments, to the gram, whatever it was poured into."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from tests.journeys.frame import Tale, journey
from tests.journeys.trade import Drum, Party, another_firm, cast


def ends_of(party: Party, drum: Drum) -> dict[str, Decimal]:
    """Where the drum's waste ended: the treated container → kilograms; the sum is the drum's own mass."""
    told = party.asks_fates(drum)
    assert told["treated_kg"] == told["mass_kg"]
    found: dict[str, Decimal] = defaultdict(Decimal)
    for end in told["ends"]:
        assert end["kind"] == "treated"
        found[end["container"]] += Decimal(end["mass_kg"])
    assert sum(found.values()) == Decimal(told["mass_kg"])
    shares = ", ".join(f"{party.tale.named(code)} {kg} kg" for code, kg in sorted(found.items()))
    party.tale.tell(party.key, f"asks where {drum.name} ended", then=shares)
    return found


@journey
def test_fractions_in_thirds(tale: Tale) -> None:
    """Fractions in thirds

    Three firms bring 100 g each, which the depot pours together and splits in three. Each of the three is treated, and
    every firm reads where its 100 g ended: no gram more, none less, though a third of 100 g is no whole gram.
    """
    firm, firm2, depot, carrier, plant = cast(tale, "firm", "firm2", "depot", "carrier", "plant")
    firm3 = another_firm(tale, "firm3")
    drums = {party: party.logs(f"can {letter}", "0.1") for party, letter in ((firm, "a"), (firm2, "b"), (firm3, "c"))}
    for party, drum in drums.items():
        load = party.sends(f"the manifest of {drum.name}", [drum], to=depot, by=carrier)
        carrier.brings(load, depot)
        depot.receives(load)
    merged = depot.merges(list(drums.values()), "the drum of all", "0.3")
    parts = depot.splits(merged, {"part x": "0.1", "part y": "0.1", "part z": "0.1"})
    load = depot.sends("the manifest to the plant", parts, to=plant, by=carrier)
    carrier.brings(load, plant)
    plant.receives(load)
    plant.treats(load, dict.fromkeys(parts, "0.1"))
    plant.closes(load)
    columns: dict[str, Decimal] = defaultdict(Decimal)
    for party, drum in drums.items():
        for code, kg in ends_of(party, drum).items():
            assert kg in (Decimal("0.033"), Decimal("0.034"))
            columns[code] += kg
    assert columns == {part.code: Decimal("0.1") for part in parts}


@journey
def test_diamond(tale: Tale) -> None:
    """A diamond: split, two depots, together again

    A drum is split at the depot. One half goes straight to the plant, the other by way of a second depot, where it is
    poured together with another firm's drum. At the plant all of it becomes one again and is treated.
    """
    firm, firm2, depot, depot2, carrier, plant = cast(tale, "firm", "firm2", "depot", "depot2", "carrier", "plant")
    drum, other = firm.logs("drum a", "30"), firm2.logs("drum b", "6")
    load = firm.sends("the manifest", [drum], to=depot, by=carrier)
    carrier.brings(load, depot)
    depot.receives(load)
    left, right = depot.splits(drum, {"half l": "20", "half r": "10"})
    straight = depot.sends("the straight manifest", [left], to=plant, by=carrier)
    across = depot.sends("the manifest across", [right], to=depot2, by=carrier)
    theirs = firm2.sends("the manifest of drum b", [other], to=depot2, by=carrier)
    carrier.brings(straight, plant)
    plant.receives(straight)
    for one in (across, theirs):
        carrier.brings(one, depot2)
        depot2.receives(one)
    mixed = depot2.merges([right, other], "drum m", "16")
    onward = depot2.sends("the manifest from the second depot", [mixed], to=plant, by=carrier)
    carrier.brings(onward, plant)
    plant.receives(onward)
    whole = plant.merges([left, mixed], "drum w", "36")
    plant.treats(onward, {whole: "36"})
    for one in (straight, onward):
        plant.closes(one)
    assert ends_of(firm, drum) == {whole.code: Decimal(30)}
    assert ends_of(firm2, other) == {whole.code: Decimal(6)}
