"""A day's round: one vehicle, several firms, one manifest for each."""

from __future__ import annotations

from typing import Any

from manifests.models import Stop
from manifests.rounds import get_round, head_of, seen_of, shown_digest
from tests.journeys.frame import Tale, journey
from tests.journeys.trade import Drum, Load, Party, cast
from tests.world import NOW, PASSWORD
from wastetrack.signing import set_pin

Answer = dict[str, Any]
PINS = {"firm": "730164", "firm2": "518273", "carrier": "640951"}


@journey
def test_round_with_a_stop_not_served(tale: Tale) -> None:
    """A round with a stop that is not served

    Two firms ask the depot to fetch. It plans one round. At the first stop firm and driver sign on the driver's phone,
    which makes the firm's manifest; at the second nobody is there, and its request waits for the next round.
    """
    for name, pin in PINS.items():
        set_pin(actor=tale.world.actor(name), password=PASSWORD, pin=pin, now=NOW)
    firm, firm2, depot, carrier, stranger = cast(tale, "firm", "firm2", "depot", "carrier", "depot2")
    first, second = firm.logs("drum a", "18.5"), firm2.logs("drum b", "7")
    asked = {party: asks(party, depot, drum) for party, drum in ((firm, first), (firm2, second))}

    plan: Answer = {"depot": depot.depot_id, "carrier": carrier.uscc, "vehicle": "浙D·00001", "day": "2026-11-20"}
    plan["collections"] = [asked[firm], asked[firm2]]
    what = "plans a round: first Firm A, then Firm B"
    round_ = depot.post("/rounds", plan, what, to=carrier, then="Planned")
    path = f"/rounds/{round_['id']}"
    assert not stranger.sees(path)
    depot.cannot("request_not_waiting").post("/rounds", plan, "plans a second round of the same requests")
    carrier.post(f"{path}/start", {}, "sets out", then="Under way")

    here, there = round_["stops"]
    wrong = signed(tale, round_, here, first, nonce="n1", firm="000000")
    answer = carrier.post(f"{path}/stops/{here['id']}/serve", wrong, "serves Firm A, who types a wrong PIN", then=told)
    assert (answer["outcome"], answer["manifest"]) == ("parked", None)
    assert first.state == "stored"
    right = signed(tale, round_, here, first, nonce="n2")
    what = "scans drum a on; both sign on the driver's phone"
    answer = carrier.post(f"{path}/stops/{here['id']}/serve", right, what, to=firm, then=told)
    assert answer["outcome"] == "recorded"
    again = tale.api("carrier").post(f"{path}/stops/{here['id']}/serve", right).json()
    assert again["manifest"] == answer["manifest"]
    load = Load(answer["manifest"], "the manifest of Firm A")
    assert (load.state, first.state) == ("in_transit", "in_transit")
    assert load.row.sender_id == tale.world.organisations["firm"].pk

    missed = carrier.post(f"{path}/stops/{there['id']}/miss", {"reason": "nobody there"}, "nobody at Firm B", to=firm2)
    assert missed["stops"][1]["phase"] == "missed"
    assert firm2.get(f"/collections/{asked[firm2]}")["state"] == "asked"
    assert (second.state, Stop.objects.filter(manifest=None).count()) == ("stored", 1)
    tale.names[load.number] = load.name
    carrier.delivers(load, depot)
    carrier.post(f"{path}/finish", {}, "is back", to=depot, then="Finished")
    depot.receives(load, accepts={first: "18.5"}, to=firm)
    depot.closes(load)
    assert firm.get(f"/collections/{asked[firm]}")["state"] == "served"
    plan |= {"day": "2026-11-21", "collections": [asked[firm2]]}
    next_one = depot.post("/rounds", plan, "plans the next round: Firm B", to=carrier, then="Planned")
    assert next_one["stop_count"] == 1


def asks(firm: Party, depot: Party, drum: Drum) -> str:
    body = {"depot": depot.depot_id, "containers": [drum.code], "window": "上午"}
    return str(firm.post("/collections", body, f"asks to fetch {drum.name}", to=depot, then="Asked")["id"])


def told(answer: Answer) -> str:
    """What came of a stop, in words."""
    reasons = [str(reason["message"]) for reason in answer["reasons"]]
    return " ".join(["Not recorded:", *reasons]) if reasons else "On the road: one manifest"


def signed(
    tale: Tale, round_: dict[str, object], stop: dict[str, object], drum: Drum, **changed: str
) -> dict[str, object]:
    """A stop as the phone sends it: what both saw, and both PINs."""
    row = get_round(tale.world.actor("carrier"), round_["id"])
    at = Stop.objects.select_related("request__site__organisation").get(pk=stop["id"])
    shown = shown_digest(head_of(row, at), [(drum.code, seen_of(drum.row))], [])
    return {
        "nonce": changed["nonce"],
        "shown": shown,
        "drums": [drum.row.short_code],
        "pin": PINS["carrier"],
        "username": "firm",
        "firm_pin": changed.get("firm", PINS["firm"]),
    }
