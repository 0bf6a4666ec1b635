"""Without a network the device says of a scan what the site would say: random depots, drums and scans go to both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.conf import settings

from depots import services as store
from depots.models import Bay, Depot, Stay
from labels.codes import bay_payload, payload
from manifests import services as manifests
from manifests.models import Line
from scanner.services import ScanRequest, scan
from scanner.snapshot import snapshot
from tests.world import NOW, World
from wastetrack.regulations.identifiers import short_code
from wastetrack.waste.models import Container
from wastetrack.waste.services import log_waste

# Wastes that react with one another, one that reacts with nothing known, and some of which nobody has said anything.
WASTES: list[dict[str, Any]] = [
    {"waste_code": "900-249-08", "hazards": "T I"},
    {"waste_code": "900-402-06"},
    {"waste_code": "900-300-34"},
    {"waste_code": "900-352-35"},
    {"waste_code": "900-041-49", "hazards": "T"},
    {"waste_code": "900-041-49", "hazards": "T", "reaction_groups": "NONE"},
    {"waste_code": "900-039-49", "hazards": "T", "reaction_groups": "6-A"},
    {"waste_code": "900-252-12", "reaction_groups": "5-A 4-A"},
    {"waste_code": "900-249-08", "hazards": "T", "reaction_groups": "E"},
]
FOR_THE_DEPOT = [waste for waste in WASTES if waste["waste_code"][-2:] in {"08", "49", "06", "12"}]
NOT_KNOWN_HERE = {"unknown_code", "no_manifest", "wrong_depot", "not_here"}
"""What the site says of a drum that is not in the depot's snapshot; which of them, the device can't tell."""


def random_drum(random: Random, wastes: list[dict[str, Any]]) -> dict[str, Any]:
    volume = random.choice(["25", "60.5", "200", "1000"])
    return {
        "name": "演示废物",
        "container_kind": "steel_drum",
        "accumulation_start": "2026-11-20",
        "form": random.choice("LLS"),
        "volume_l": volume,
        "mass_kg": str(random.choice([5, 18.5, 120.25, 180, 199.999])),
        **random.choice(wastes),
    }


def random_bay(random: Random, depot: Depot, number: int) -> Bay:
    def maybe(*values: Any) -> Any:
        return random.choice([None, None, *values])

    return Bay.objects.create(
        depot=depot,
        code=random.choice(["A", "b", "C-", "10"]) + str(number),
        capacity_g=maybe(150_000, 400_000, 900_500),
        places=maybe(1, 2, 4),
        bund_l=maybe(20, 100, 250),
        admits=random.choice(["", "", "", "HW08", "HW06 900-041-49", "HW34 HW35"]),
        hazards=random.choice(["", "", "", "T", "T I", "C T I"]),
    )


@dataclass
class Yard:
    """A depot in which scans happen: the site answers each, and what the device would have known is noted."""

    world: World
    name: str
    random: Random
    asked: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.actor = self.world.actor(self.name)
        self.depot = self.world.depots[self.name]
        Bay.objects.filter(depot=self.depot).delete()
        self.bays = [random_bay(self.random, self.depot, number) for number in range(self.random.choice([0, 3, 5, 6]))]
        self.other_bay = Bay.objects.create(depot=self.world.depots["depot2"], code="X9")
        self.now = NOW

    def work(self, drums: list[Container], strangers: list[Container], scans: int) -> None:
        known: dict[str, Any] = {}
        waiting: list[dict[str, Any]] = []
        for number in range(scans):
            if number % 12 == 0:
                known = json.loads(json.dumps(snapshot(self.actor, self.depot, self.now)))
                waiting = []
            sent = self.random_scan(number, drums, strangers)
            self.now += timedelta(seconds=7)
            answer = scan(actor=self.actor, request=ScanRequest(**sent), now=self.now)
            self.asked.append({"snapshot": known, "waiting": list(waiting), "scan": sent})
            self.answers.append((answer.verdict, answer.reason, self.stands(answer.container)))
            waiting.append(sent)

    def stands(self, container: Container | None) -> str | None:
        stay = Stay.objects.filter(container=container, left_at=None, depot=self.depot).select_related("bay").first()
        return stay.bay.code if container and stay and stay.bay else None

    def random_scan(self, number: int, drums: list[Container], strangers: list[Container]) -> dict[str, Any]:
        random = self.random
        drum = random.choice(drums) if random.random() < 0.9 else random.choice(strangers)
        texts = [drum.short_code, drum.code, payload(drum.code, settings.PUBLIC_URL), drum.short_grouped.lower()]
        odd = [bay_payload("1", settings.PUBLIC_URL), "HTTPS://SHOP.EXAMPLE.COM/X", "rubbish", short_code(str(number))]
        intent = random.choice(["check_in"] * 5 + ["put_away"] * 6 + ["lookup"])
        sent: dict[str, Any] = {
            "nonce": f"{self.name}-{number}",
            "intent": intent,
            "text": random.choice(texts if random.random() < 0.95 else odd),
            "depot": str(self.depot.pk),
            "bay": self.random_bay_name() if intent != "lookup" else None,
        }
        if intent == "check_in" and self.name == "depot" and random.random() < 0.4:
            line = Line.objects.filter(container=drum, outcome="").exists()
            sent["mass_kg"] = random.choice(["5", "18.5", "19", "120", "181"]) if line else None
        return sent

    def random_bay_name(self) -> str | None:
        random = self.random
        if not self.bays or random.random() < 0.3:
            return random.choice([None, None, "", "no such bay"])
        bay = random.choice(self.bays)
        signs = [
            bay_payload(str(bay.pk), settings.PUBLIC_URL),
            bay_payload(str(self.other_bay.pk), settings.PUBLIC_URL),
        ]
        return str(random.choice([bay.code, bay.code, bay.code.lower(), f" {bay.code} ", str(bay.pk), *signs]))


def at_the_firm(world: World, random: Random) -> Yard:
    """A firm's own storage point: some drums stand in it, breaking rules or not, some are logged alone."""
    yard = Yard(world, "firm", random)
    drums = []
    for _ in range(24):
        drum = log_waste(actor=yard.actor, site=yard.depot.site, data=random_drum(random, WASTES), now=NOW)
        drums.append(drum)
        if random.random() < 0.5:
            bay = random.choice([*yard.bays, None])
            store.check_in(actor=yard.actor, container=drum, depot=yard.depot, bay=bay, now=NOW, breaches=[])
    yard.work(drums, [world.drum("firm2")], 120)
    return yard


def at_the_depot(world: World, random: Random) -> Yard:
    """A collection depot: drums on their way to it, some on manifests that have not departed, some not to it at all."""
    drums: list[Container] = []
    for size in (6, 6, 6, 3):
        # One kind a lorry: what reacts may not travel together.
        kind = [random.choice(FOR_THE_DEPOT)]
        made = [world.drum("firm", **random_drum(random, kind)) for _ in range(size)]
        drums += made
        manifest = world.issued(*made)
        if size == 6:
            manifest = manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=NOW)
            manifests.deliver(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    yard = Yard(world, "depot", random)
    yard.work(drums, [world.drum("firm2"), world.drum("firm")], 120)
    return yard


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("place", [at_the_firm, at_the_depot])
def test_the_device_says_what_the_site_would_say(
    world: World, javascript: Callable[..., Any], place: Callable[[World, Random], Yard], seed: int
) -> None:
    yard = place(world, Random(seed))
    wrong, kept, seen = [], 0, Counter[str]()
    for asked, site, told in zip(yard.asked, yard.answers, javascript("judge_scans.mjs", yard.asked), strict=True):
        verdict, reason, _bay = site
        seen[reason or verdict] += 1
        if told["verdict"] == "kept":
            kept += 1
        elif not agree(asked, site, told):
            wrong.append((asked["scan"], {"site": site, "device": (told["verdict"], told["reason"], told["bay"])}))
    assert wrong[:3] == []
    # It hardly ever has nothing to say, and the scans meet many rules.
    assert kept < len(yard.asked) // 4
    assert seen["accepted"] > 10
    assert len(seen) > 4


def test_a_bund_holds_a_tenth_of_all_the_liquid(world: World, javascript: Callable[..., Any]) -> None:
    yard = Yard(world, "firm", Random(0))
    Bay.objects.filter(depot=yard.depot).delete()
    yard.bays = [Bay.objects.create(depot=yard.depot, code="L1", bund_l=26)]
    drum = {**random_drum(Random(0), WASTES[:1]), "form": "L", "volume_l": "25"}
    made = [log_waste(actor=yard.actor, site=yard.depot.site, data=drum, now=NOW) for _ in range(12)]
    known = json.loads(json.dumps(snapshot(yard.actor, yard.depot, NOW)))
    sent: list[dict[str, Any]] = [
        {"nonce": f"n{n}", "intent": "check_in", "text": one.code, "depot": str(yard.depot.pk), "bay": "L1"}
            for n, one in enumerate(made)
    ]  # fmt: skip
    site = [scan(actor=yard.actor, request=ScanRequest(**one), now=NOW).reason for one in sent]
    asked = [{"snapshot": known, "waiting": sent[:n], "scan": one} for n, one in enumerate(sent)]
    assert site == [None] * 10 + ["bund_too_small"] * 2
    assert [told["reason"] for told in javascript("judge_scans.mjs", asked)] == site


def agree(asked: dict[str, Any], site: tuple[str, str | None, str | None], told: dict[str, Any]) -> bool:
    verdict, reason, bay = site
    if verdict == "accepted":
        return told["verdict"] == "accepted" and told["bay"] == bay
    if told["reason"] in NOT_KNOWN_HERE and reason in NOT_KNOWN_HERE:
        return told["reason"] == reason or told["container"] is None
    return (told["verdict"], told["reason"]) == (verdict, reason)


def test_without_a_snapshot_it_is_neither_right_nor_wrong(javascript: Callable[..., Any]) -> None:
    asked: dict[str, Any] = {"snapshot": None, "waiting": [], "scan": {"text": "X", "intent": "check_in"}}
    (told,) = javascript("judge_scans.mjs", [asked])
    assert (told["verdict"], told["reason"]) == ("kept", None)
