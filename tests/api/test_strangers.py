"""What a stranger gets: the same answer as for what there is not, and no trace in any list, feed or message."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from depots.models import Depot
from manifests.models import Manifest
from tests.api.support import answered, nothing_done, refused
from tests.conftest import Api
from tests.world import DRUM, PASSWORD, World
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.ledger.services import seal
from wastetrack.waste.models import Container

STRANGERS = ["firm2", "depot2", "carrier", "plant", "regulator2"]
"""Nobody of the manifest; `carrier` until one names it."""


@dataclass
class Secret:
    """Things of the firm that nobody else may know of, and the words that would give them away."""

    drum: Container
    manifest: Manifest
    depot: Depot
    alert: Alert

    @property
    def words(self) -> list[str]:
        return [
            self.drum.code,
            self.drum.short_code,
            self.drum.short_grouped,
            self.drum.name,
            self.manifest.number,
            self.depot.name,
            self.drum.generator.name,
            self.drum.generator.uscc,
        ]

    @property
    def reads(self) -> list[tuple[str, str]]:
        """Address and the answer for what there is not."""
        return [
            (f"/containers/{self.drum.code}", "unknown_code"),
            (f"/containers/{self.drum.short_code}", "unknown_code"),
            (f"/containers/{self.drum.code}/history", "unknown_code"),
            (f"/containers?depot={self.depot.pk}", "unknown_depot"),
            (f"/manifests/{self.manifest.number}", "unknown_manifest"),
            (f"/depots/{self.depot.pk}", "unknown_depot"),
            (f"/depots/{self.depot.pk}/inventory", "unknown_depot"),
            (f"/depots/{self.depot.pk}/bays", "unknown_depot"),
            (f"/organisations/{self.drum.generator.uscc}", "unknown_organisation"),
            ("/ledger/inclusion?entry=0", "unknown_entry"),
        ]

    @property
    def writes(self) -> list[tuple[str, dict[str, Any], str]]:
        signed = {"password": PASSWORD, "container": self.drum.code, "mass_kg": "1", "reason": "x"}
        verbs = ["issue", "depart", "deliver", "receive", "settle", "treat", "close", "cancel", "no-such-verb"]
        return [
            (f"/containers/{self.drum.code}/void", {"reason": "x"}, "unknown_code"),
            (f"/alerts/{self.alert.pk}/acknowledge", {"note": "x"}, "unknown_alert"),
            *((f"/manifests/{self.manifest.number}/{verb}", signed, "unknown_manifest") for verb in verbs),
        ]


@pytest.fixture
def secret(world: World, clock: Any) -> Secret:
    firm = world.organisations["firm"]
    firm.name = "极密公司"
    firm.save()
    drum = world.drum(name="极密残渣", accumulation_start="2025-11-01")
    sweep(now := drum.logged_at)
    manifest = world.draft(world.drum(), drum, now=now)
    seal()
    return Secret(drum, manifest, world.depots["firm"], Alert.objects.get(kind="storage", about=drum.subject))


LISTS = ["/containers", "/manifests", "/alerts", "/depots", "/ledger/entries", "/waste-codes?q=900-249-08", "/me"]
LISTS += ["/alerts?open=true&kind=storage", "/filings", "/contracts", "/permits", "/figures"]


def look(api: Api, path: str) -> Any:
    return api.client.get(f"/api/v1{path}", headers=api.headers)


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_reads_nothing(world: World, api: Any, secret: Secret, who: str) -> None:
    for path, code in secret.reads:
        refused(look(api(who), path), 404, code)


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_finds_nothing_in_any_list(world: World, api: Any, secret: Secret, who: str) -> None:
    uscc = secret.drum.generator.uscc
    for path in [*LISTS, f"/containers?holder={uscc}", "/containers?state=stored", "/manifests?state=draft"]:
        told = json.dumps(answered(look(api(who), path)), ensure_ascii=False)
        assert [word for word in secret.words if word in told] == [], path


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_does_nothing(world: World, api: Any, secret: Secret, who: str) -> None:
    with nothing_done():
        for path, body, code in secret.writes:
            refused(api(who).post(path, body), 404, code)


@pytest.mark.parametrize("who", STRANGERS)
def test_a_strangers_refusals_name_nothing(world: World, api: Any, secret: Secret, who: str) -> None:
    program = api(who)
    texts = [look(program, path).content.decode() for path, _ in secret.reads if secret.drum.generator.uscc not in path]
    texts += [program.post(path, body).content.decode() for path, body, _ in secret.writes]
    texts += [
        program.post("/labels", {"codes": [secret.drum.code]}).content.decode(),
        program.post("/scans", {"nonce": "l", "text": secret.drum.code, "intent": "lookup"}).content.decode(),
        program.post("/scans", {"nonce": "p", "text": secret.drum.code, "intent": "put_away"}).content.decode(),
        program.post("/scans", {"nonce": "c", "text": secret.drum.code, "intent": "check_in"}).content.decode(),
        program.post(
            "/manifests", {"receiver": world.organisations["depot"].uscc, "containers": [secret.drum.code]}
        ).content.decode(),
    ]
    # The way on from a refused scan carries the text that was scanned: what the stranger sent itself.
    texts = [text.replace(f"/walk-in?container={secret.drum.code}", "") for text in texts]
    for text in texts:
        assert [word for word in secret.words if word in text] == [], text


@pytest.mark.parametrize("who", ["depot", "regulator"])
def test_a_draft_is_hidden_from_its_receiver_and_from_the_regulator(
    world: World, api: Any, secret: Secret, who: str
) -> None:
    number = secret.manifest.number
    refused(look(api(who), f"/manifests/{number}"), 404, "unknown_manifest")
    for path in ("/manifests", "/manifests?state=draft", "/ledger/entries"):
        assert number not in json.dumps(answered(look(api(who), path)))
    with nothing_done():
        refused(api(who).post(f"/manifests/{number}/receive", {"password": PASSWORD}), 404, "unknown_manifest")


@pytest.mark.parametrize("who", ["depot", "carrier", "regulator", "firm2"])
def test_a_draft_that_was_cancelled_stays_hidden(world: World, api: Any, secret: Secret, who: str) -> None:
    number = secret.manifest.number
    answered(api("firm").post(f"/manifests/{number}/cancel", {"reason": "错"}))
    seal()
    refused(look(api(who), f"/manifests/{number}"), 404, "unknown_manifest")
    for path in ("/manifests", "/manifests?state=cancelled", "/ledger/entries"):
        assert number not in json.dumps(answered(look(api(who), path)))
    assert answered(look(api("firm"), f"/manifests/{number}"))["state"] == "cancelled"


@pytest.mark.parametrize("who", ["depot", "carrier"])
def test_a_draft_shares_no_drum(world: World, api: Any, secret: Secret, who: str) -> None:
    refused(look(api(who), f"/containers/{secret.drum.code}"), 404, "unknown_code")


def test_an_issued_manifest_is_for_its_parties_and_districts_alone(world: World, api: Any) -> None:
    drum = world.drum()
    number = world.issued(drum).number
    for who in ("firm", "depot", "carrier", "regulator", "viewer"):
        assert answered(look(api(who), f"/manifests/{number}"))["state"] == "issued"
        assert answered(look(api(who), f"/containers/{drum.code}"))["state"] == "committed"
    for who in ("firm2", "depot2", "plant", "regulator2"):
        refused(look(api(who), f"/manifests/{number}"), 404, "unknown_manifest")
        refused(look(api(who), f"/containers/{drum.code}"), 404, "unknown_code")


def test_another_carrier_cannot_take_the_load(world: World, api: Any) -> None:
    world.add("carrier2", "carrier", role="driver")
    world.permit("carrier2", "", kind="transport")
    number = world.issued(world.drum()).number
    with nothing_done():
        refused(api("carrier2").post(f"/manifests/{number}/depart", {"password": PASSWORD}), 404, "unknown_manifest")


def test_a_receiver_sees_of_its_sender_what_the_manifest_says_and_no_more(world: World, api: Any) -> None:
    shared, kept = world.drum(), world.drum()
    world.delivered(shared)
    depot = api("depot")
    assert [item["code"] for item in answered(look(depot, "/containers"))["items"]] == [shared.code]
    refused(look(depot, f"/containers/{kept.code}"), 404, "unknown_code")
    refused(look(depot, f"/depots/{world.depots['firm'].pk}"), 404, "unknown_depot")
    refused(look(depot, f"/organisations/{world.organisations['firm'].uscc}"), 404, "unknown_organisation")


def test_a_regulator_reads_its_district_and_changes_nothing(world: World, api: Any, secret: Secret) -> None:
    regulator = api("regulator")
    assert answered(look(regulator, f"/containers/{secret.drum.code}"))["name"] == "极密残渣"
    assert answered(look(regulator, f"/depots/{secret.depot.pk}"))["stock"]["containers"] == 2
    number = world.issued(world.drum()).number
    with nothing_done():
        refused(regulator.post("/containers", DRUM), 422, "unknown_site", "site")
        refused(regulator.post("/containers", {**DRUM, "depot": str(secret.depot.pk)}), 403, "not_your_depot")
        refused(regulator.post(f"/containers/{secret.drum.code}/void", {"reason": "x"}), 403, "not_your_part")
        for verb in ("issue", "depart", "deliver", "close", "cancel"):
            refused(regulator.post(f"/manifests/{number}/{verb}", {"password": PASSWORD}), 403, "not_your_part")


def test_a_reader_reads_all_and_writes_nothing(world: World, api: Any, secret: Secret) -> None:
    viewer = api("viewer")
    for path, code in secret.reads:
        if code != "unknown_entry":
            answered(look(viewer, path))
    draft = {"receiver": world.organisations["depot"].uscc, "containers": [secret.drum.code]}
    scanned = {"nonce": "n", "text": secret.drum.code, "intent": "lookup"}
    with nothing_done():
        for path, body in (
            ("/containers", DRUM),
            ("/containers", {**DRUM, "depot": str(secret.depot.pk)}),
            ("/labels", {"codes": [secret.drum.code]}),
            ("/scans", scanned),
            ("/scans/batch", {"scans": [scanned]}),
            ("/manifests", draft),
            *((path, body) for path, body, _ in secret.writes if "no-such-verb" not in path),
        ):
            refused(viewer.post(path, body), 403, "read_only")


def test_a_neighbours_place_is_no_place_to_log_into(world: World, api: Any) -> None:
    with nothing_done():
        theirs = str(world.depots["firm2"].pk)
        refused(api("firm").post("/containers", {**DRUM, "depot": theirs}), 422, "unknown_depot", "depot")
        site = world.depots["firm2"].site
        for name in (site.code, str(site.pk)):
            refused(api("firm").post("/containers", {**DRUM, "site": name}), 422, "unknown_site", "site")
