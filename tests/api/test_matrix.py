"""Who may read and do what with a manifest: every address there is, every state, every kind of reader.

The addresses come from the site itself: a new one without a rule here fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from manifests import services as manifests
from manifests.models import Attachment, Leg, Manifest, ManifestState
from manifests.rounds import requests_of
from manifests.services import Receipt, collecting, rounds
from manifests.services.counter import Brought, start_walk_in
from manifests.verbs import VERBS
from tests.conftest import Api
from tests.world import NOW, PASSWORD, TODAY, World
from wastetrack.lifecycle.diagrams import stateful_models
from wastetrack.parties.models import Delegation, Token, Vehicle

UNKNOWN = "20263399999999"
"""A number that no manifest has."""
NOWHERE = "999999"

# --- the rules -----------------------------------------------------------------------------------------------

STATES: list[str] = [*ManifestState.values, "cancelled_issued"]
"""Cancelled as a draft, nobody ever saw it; cancelled after issue, its parties did."""
HIDDEN: set[str] = {ManifestState.DRAFT, ManifestState.CANCELLED}
UNDER_WAY: set[str] = {ManifestState.ISSUED, ManifestState.IN_TRANSIT}
ALWAYS = set(STATES)
ISSUED = ALWAYS - HIDDEN

SEES: dict[str, set[str]] = {
    "author": ALWAYS,
    "colleague": ALWAYS,
    "steward": ALWAYS,
    "former steward": set(),
    "receiver": ISSUED,
    "driver": ISSUED,
    "planned carrier": UNDER_WAY,
    "past carrier": ISSUED - {ManifestState.ISSUED, "cancelled_issued"},
    "stranger": set(),
    "regulator": ISSUED,
    "regulator elsewhere": set(),
    "nobody": set(),
}
"""In which states each kind of reader sees the manifest. A planned leg that is not used falls away with its carrier."""

OUTSIDE = {"former steward": 403, "nobody": 401}
"""Who is not let in at all, and how a program's call of theirs is answered; a page leads nobody to the door."""

DOES: dict[str, set[str]] = {
    "issue": {"sender"},
    "depart": {"driver"},
    "hand-over": {"driver"},
    "take-over": {"planned carrier"},
    "deliver": {"driver", "planned carrier", "receiver"},
    "receive": {"receiver"},
    "settle": {"sender", "receiver"},
    "treat": {"receiver"},
    "close": {"receiver"},
    "cancel": {"sender", "driver", "past carrier", "receiver"},
    "correct": {"sender", "driver", "past carrier", "receiver"},
    "approve": {"sender", "driver", "past carrier", "receiver"},
    "decline": {"sender", "driver", "past carrier", "receiver"},
    "withdraw": {"sender", "driver", "past carrier", "receiver"},
    "national-number": {"sender", "driver", "receiver"},
    "amend-plan": {"sender"},
    "type-in": {"sender"},
}
"""Who may ever do a verb. The sender's is the author's, and that of a steward who acts for it."""
SENDER = {"author", "steward"}
FIRM = SENDER | {"colleague"}


@dataclass(frozen=True)
class Rule:
    """What an address shows of a thing to those who see the thing, or to everybody who is signed in.

    `ok`: the answers where it is shown; `only`: who alone gets a page (200) where not all who see the thing do.
    `does`: who may ever change something by sending a form or a body there. `elsewhere`: the test that looks at it,
    where who may is not a matter of a thing's parties.
    """

    of: str = ""
    ok: tuple[int, ...] = (200,)
    only: frozenset[str] = frozenset(SEES)
    does: frozenset[str] = frozenset()
    elsewhere: str = ""


def some(of: str, only: set[str], does: set[str] | None = None) -> Rule:
    """Seen by these alone; the others who see the thing are led back to it or refused."""
    return Rule(of, (200, 303, 403, 404, 409), frozenset(only), frozenset(does or ()))


def posted(of: str, does: set[str]) -> Rule:
    """An address that only takes what these may send."""
    return Rule(of, (302, 303, 403, 404, 405), frozenset(), frozenset(does))


def elsewhere(test: str) -> Rule:
    return Rule(elsewhere=f"tests/{test}.py")


OF_MANIFEST, ANYBODY = Rule("manifest"), Rule("signed in")
ROLES = Rule("signed in", (200, 403, 404))
DRIVERS = {"driver", "planned carrier", "past carrier"}
PARTIES = SENDER | DRIVERS | {"receiver"}
CARRIED = {"driver", "past carrier"}

RULES: dict[str, Rule] = {
    "get /api/v1/manifests": ANYBODY,
    "post /api/v1/manifests": elsewhere("api/test_strangers"),
    "get /api/v1/manifests/{number}": OF_MANIFEST,
    "get /api/v1/manifests/{number}.pdf": OF_MANIFEST,
    "get /api/v1/manifests/{number}/attachments/{sha256}": OF_MANIFEST,
    "post /api/v1/manifests/{number}/{verb}": Rule("verb"),
    "post /api/v1/manifests/{number}/attachments": posted("manifest", SENDER),
    "post /api/v1/manifests/{number}/return": posted("manifest", {"receiver"}),
    "post /api/v1/manifests/{number}/revise": posted("manifest", SENDER),
    "post /api/v1/manifests/{number}/roadside": posted("manifest", PARTIES),
    "page /manifests": ANYBODY,
    "page /manifests/new": ROLES,
    "page /manifests/{number}": OF_MANIFEST,
    "page /manifests/{number}.pdf": OF_MANIFEST,
    "page /[mM]/{number}": Rule("manifest", (303,)),
    "page /manifests/{number}/{verb}": Rule("form", (302, 303, 403, 404, 405)),
    "page /manifests/{number}/correction": some("manifest", PARTIES, PARTIES),
    "page /manifests/{number}/edit": some("manifest", SENDER, SENDER),
    "page /manifests/{number}/return": posted("form", {"receiver"}),
    "page /manifests/{number}/roadside": some("manifest", set(), PARTIES),
    "page /manifests/{number}/scans": posted("form", SENDER),
    "page /manifests/{number}/scans/{sha256}": OF_MANIFEST,
    "page /manifests/national": ROLES,
    "page /manifests/national/confirm": elsewhere("pages/test_national_pages"),
    "page /vehicles": ROLES,
    "get /api/v1/vehicles": ANYBODY,
    "post /api/v1/vehicles": elsewhere("kernel/test_fleet"),
    "page /drive": ROLES,
    "page /drive/{number}": some("manifest", DRIVERS),
    "page /on-the-road": ROLES,
    "page /manifests/{number}/certificate.pdf": Rule("manifest", (200, 409)),
    "page /containers/{code}/certificate.pdf": elsewhere("labels/test_certificates"),
    "page /[cC]/{number}": elsewhere("labels/test_certificates"),
    "page /[rR]/{secret}": elsewhere("kernel/test_roadside"),
    "get /api/v1/approvals": ANYBODY,
    "post /api/v1/approvals": elsewhere("api/test_drafts"),
    "page /approvals": ROLES,
    "get /api/v1/contracts": ANYBODY,
    "post /api/v1/contracts": elsewhere("pages/test_contract_pages"),
    "page /contracts": ROLES,
    "get /api/v1/permits": ANYBODY,
    "post /api/v1/permits": elsewhere("api/test_permits"),
    "get /api/v1/permits/{permit_id}": elsewhere("api/test_permits"),
    "post /api/v1/permits/{permit_id}/correct": elsewhere("api/test_permits"),
    "post /api/v1/permits/{permit_id}/withdraw": elsewhere("api/test_permits"),
    "page /permits": ROLES,
    "page /permits/{permit_id}": elsewhere("pages/test_permit_pages"),
    "page /permits/{permit_id}/correct": elsewhere("pages/test_permit_pages"),
    "page /permits/{permit_id}/withdraw": elsewhere("pages/test_permit_pages"),
    "get /api/v1/plan": ROLES,
    "post /api/v1/plan": elsewhere("api/test_drafts"),
    "page /plan": ROLES,
    "get /api/v1/walk-ins": ANYBODY,
    "post /api/v1/walk-ins": elsewhere("pages/test_walk_in_pages"),
    "get /api/v1/walk-ins/firms": ROLES,
    "get /api/v1/walk-ins/firms/{uscc}/streams": elsewhere("pages/test_walk_in_pages"),
    "get /api/v1/walk-ins/{walk_in_id}": Rule("walk-in"),
    "post /api/v1/walk-ins/{walk_in_id}/confirm": posted("walk-in", SENDER | {"receiver"}),
    "post /api/v1/walk-ins/{walk_in_id}/decline": posted("walk-in", SENDER | {"receiver"}),
    "page /walk-in": ROLES,
    "page /walk-ins/{walk_in_id}": Rule("walk-in"),
    "page /walk-ins/{walk_in_id}/confirm": posted("form", SENDER | {"receiver"}),
    "page /walk-ins/{walk_in_id}/decline": posted("form", SENDER | {"receiver"}),
    "get /api/v1/collections": ANYBODY,
    "post /api/v1/collections": elsewhere("kernel/test_rounds"),
    "get /api/v1/collections/{collection_id}": Rule("collection"),
    "post /api/v1/collections/{collection_id}/withdraw": posted("collection", SENDER),
    "page /collections": ANYBODY,
    "page /collections/new": ROLES,
    "page /collections/{collection_id}": Rule("collection"),
    "page /collections/{collection_id}/withdraw": posted("form", SENDER),
    "get /api/v1/rounds": ANYBODY,
    "post /api/v1/rounds": elsewhere("kernel/test_rounds"),
    "get /api/v1/rounds/{round_id}": Rule("round"),
    "post /api/v1/rounds/{round_id}/change": posted("round", {"receiver"}),
    "post /api/v1/rounds/{round_id}/{verb}": posted("round", {"receiver", "driver"}),
    "post /api/v1/rounds/{round_id}/stops/{stop_id}/miss": posted("round", {"driver"}),
    "post /api/v1/rounds/{round_id}/stops/{stop_id}/serve": posted("round", {"driver"}),
    "page /depots/{depot_id}/rounds/new": elsewhere("pages/test_round_pages"),
    "page /rounds": ANYBODY,
    "page /rounds/{round_id}": Rule("round"),
    "page /rounds/{round_id}/plan": some("round", {"receiver"}, {"receiver"}),
    "page /rounds/{round_id}/{verb}": posted("form", {"receiver", "driver"}),
    "page /rounds/{round_id}/stops/{stop_id}/{verb}": posted("form", {"driver"}),
    "page /depots/{depot_id}/expected": elsewhere("pages/test_depot_pages"),
    "page /depots/{depot_id}/next-load": elsewhere("kernel/test_loads"),
}

THINGS: dict[str, set[str]] = {
    "walk-in": FIRM | {"receiver", "regulator"},
    "collection": FIRM | {"receiver", "driver", "regulator"},
    "round": {"receiver", "driver", "regulator"},
}
"""Who sees what the firm brought to the depot's counter, asked it to fetch, and the round that is to fetch it."""


# --- the readers ---------------------------------------------------------------------------------------------


class Reader:
    """One of `SEES`, with a program and a browser."""

    def __init__(self, world: World, who: str) -> None:
        self.who = who
        self.page = Client(headers={"Accept-Language": "en"}, raise_request_exception=False)
        if who == "nobody":
            self.api = Api(None)
            return
        name = NAMES[who]
        membership, delegation = world.memberships[name], None
        if "steward" in who:
            principal = world.organisations["firm"]
            delegation = Delegation.objects.create(principal=principal, agent=membership.organisation, begun_at=NOW)
        later = NOW.replace(year=2099)
        self.api = Api(Token.mint(membership=membership, delegation=delegation, now=NOW, expires=later))
        self.page.force_login(membership.user)
        session = self.page.session
        session["membership"], session["delegation"] = membership.pk, delegation.pk if delegation else None
        session.save()
        if delegation and who == "former steward":
            Delegation.objects.filter(pk=delegation.pk).update(ended_at=NOW)

    def get(self, path: str) -> Any:
        return self.api.get(path.removeprefix("/api/v1")) if path.startswith("/api/v1") else self.page.get(path)


NAMES = {
    "author": "firm",
    "colleague": "viewer",
    "steward": "steward",
    "former steward": "steward2",
    "receiver": "depot",
    "driver": "carrier",
    "planned carrier": "carrier2",
    "past carrier": "carrier0",
    "stranger": "firm2",
    "regulator": "regulator",
    "regulator elsewhere": "regulator2",
}


# --- a manifest in every state, with its parties ---------------------------------------------------------------


@dataclass(frozen=True)
class District:
    """What there is to be seen: a manifest in every state, and one of each other thing, by their ids."""

    numbers: dict[str, str]
    ids: dict[str, str]

    def of(self, path: str, number: str = "") -> str:
        """The address with the ids of what there is."""
        return _filled(path, {**self.ids, "number": number or next(iter(self.numbers.values()))})

    def unknown(self, path: str) -> str:
        """The same address of what there is not."""
        return _filled(path, {**dict.fromkeys(self.ids, NOWHERE), "number": UNKNOWN, "sha256": self.ids["sha256"]})


def _filled(path: str, ids: dict[str, str]) -> str:
    return path.replace("[mM]", "m").replace("[cC]", "c").format(**{"verb": "start", **ids})


def build(world: World) -> District:
    """The depot receives; `carrier2` is planned to carry on, `carrier0` has carried the first part."""
    for name in ("carrier0", "carrier2"):
        world.add(name, "carrier", role="driver")
        world.permit(name, "", kind="transport")
        plate = f"浙D0002{name[-1]}"
        Vehicle.objects.create(organisation=world.organisations[name], plate=plate, capacity_g=10_000_000)
    for name in ("steward", "steward2"):
        world.add(name, "steward")
    made = {
        ManifestState.DRAFT: world.draft(world.drum()),
        ManifestState.CANCELLED: _cancelled(world, world.draft(world.drum())),
        "cancelled_issued": _cancelled(world, world.issued(world.drum())),
        ManifestState.ISSUED: world.issued(world.drum()),
        ManifestState.IN_TRANSIT: world.departed(world.drum()),
        ManifestState.DELIVERED: world.delivered(world.drum()),
        ManifestState.RECEIVED: _received(world, "accepted", "accepted"),
        ManifestState.PARTLY_RECEIVED: _received(world, "accepted", "rejected"),
        ManifestState.REJECTED: _received(world, "rejected", "rejected"),
        ManifestState.CLOSED: _closed(world),
    }
    for state, manifest in made.items():
        _ways(world, manifest, state)
    return District({str(state): manifest.number for state, manifest in made.items()}, _others(world))


def _others(world: World) -> dict[str, str]:
    firm, depot, keeper = world.organisations["firm"], world.depots["depot"], world.actor("depot")
    brought = [Brought(18_500, container=world.drum())]
    walk_in = start_walk_in(actor=keeper, depot=depot, firm=firm, drums=brought, now=NOW)
    asked = collecting.ask(actor=world.actor("firm"), depot=depot, containers=[world.drum()], now=NOW)
    vehicle = Vehicle.objects.select_related("organisation").get(organisation=world.organisations["carrier"])
    requests = list(requests_of(keeper).filter(pk=asked.pk))
    planned = rounds.plan_round(actor=keeper, depot=depot, plan=rounds.Plan(vehicle, TODAY, requests), now=NOW)
    return {
        "walk_in_id": str(walk_in.pk),
        "collection_id": str(asked.pk),
        "round_id": str(planned.pk),
        "stop_id": str(planned.stops.get().pk),
        "sha256": "0" * 64,
    }


def _cancelled(world: World, manifest: Manifest) -> Manifest:
    return manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="r", now=NOW)


def _received(world: World, *outcomes: str) -> Manifest:
    manifest = world.delivered(*(world.drum() for _ in outcomes))
    lines = list(manifest.lines.select_related("container"))
    found = [Receipt(line, outcome, reason="r") for line, outcome in zip(lines, outcomes, strict=True)]
    depot = world.depots["depot"]
    return manifests.receive(actor=world.actor("depot"), manifest=manifest, receipts=found, depot=depot, now=NOW)


def _closed(world: World) -> Manifest:
    manifest = _received(world, "accepted")
    return manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW)


def _ways(world: World, manifest: Manifest, state: str) -> None:
    """The carriers of before and after and a scan, as rows: what writes them is no matter of this test."""
    Manifest.objects.filter(pk=manifest.pk).update(relay=True)
    kept = {"sha256": "0" * 64, "content_type": "application/pdf", "content": b"%PDF-", "size": 5, "name": "a.pdf"}
    Attachment.objects.create(manifest=manifest, added_by=world.actor("firm").person, added_at=NOW, **kept)
    if "past carrier" in _who_sees(state):
        past = {"carrier": world.organisations["carrier0"], "departed_at": NOW, "arrived_at": NOW}
        Leg.objects.create(manifest=manifest, position=50, **past)
    if "planned carrier" in _who_sees(state):
        Leg.objects.create(manifest=manifest, position=51, carrier=world.organisations["carrier2"])


def _who_sees(state: str) -> set[str]:
    return {who for who, states in SEES.items() if state in states}


@pytest.fixture
def district(world: World, clock: Any) -> District:
    return build(world)


# --- the addresses -------------------------------------------------------------------------------------------


def addresses(api: Api) -> Iterator[str]:
    """Every address of the manifests' room: `get /api/v1/…`, `post /api/v1/…` from the schema, `page /…`."""
    for path, item in api.get("/openapi.json").json()["paths"].items():
        for method, call in item.items():
            if call["operationId"].startswith("manifests_"):
                yield f"{method} {path}"
    yield from (f"page /{path}" for path in _pages(get_resolver().url_patterns, ""))


def _pages(patterns: list[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        here = before + _plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _pages(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and _module(pattern.callback).startswith("manifests."):
            yield here


def _module(view: Any) -> str:
    return str(getattr(view, "__wrapped__", view).__module__)


def _plain(pattern: str) -> str:
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern.removeprefix("^").removesuffix("$"))
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", named)


def read(kind: str) -> list[tuple[str, Rule]]:
    """(path, rule) of what is read and whose rule is of this kind."""
    found = [(address.partition(" "), rule) for address, rule in RULES.items() if rule.of == kind]
    return [(path, rule) for (how, _, path), rule in found if how != "post"]


def sent() -> list[tuple[str, str, Rule]]:
    """(how, path, rule) of what takes forms or bodies, but for the verbs."""
    found = [(address.partition(" "), rule) for address, rule in RULES.items() if rule.does]
    return [(how, path, rule) for (how, _, path), rule in found]


def test_every_address_has_its_rule(world: World, api: Any) -> None:
    there = set(addresses(api("firm")))
    assert there - set(RULES) == set(), "a new address: say in RULES who may"
    assert set(RULES) - there == set(), "an address that is gone"
    assert set(VERBS) == set(DOES)
    assert set(SEES) == {*NAMES, "nobody"}
    tests = Path(__file__).parents[2]
    assert [rule.elsewhere for rule in RULES.values() if not (tests / rule.elsewhere).exists()] == []


DRAWN = {ManifestState.DRAFT, ManifestState.IN_TRANSIT, ManifestState.CLOSED}
"""The states of which documents are drawn here: each takes its time."""

# --- reading -------------------------------------------------------------------------------------------------


def outside(who: str, path: str, answer: Any) -> bool:
    """Whether somebody who is not let in at all was told so; of anybody else: False."""
    if who not in OUTSIDE:
        return False
    if path.startswith("/api/v1"):
        assert answer.status_code == 401, path
    elif who == "nobody":
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in"), path
    else:
        assert answer.status_code == OUTSIDE[who], path
    return True


def assert_hidden(answer: Any, unknown: Any, address: str, nowhere: str) -> None:
    """Hidden and unknown are alike to the byte, but for the address itself and what is drawn anew for each page."""
    assert (answer.status_code, _blank(answer, address)) == (404, _blank(unknown, nowhere)), address
    lengths = {"Content-Length": answer["Content-Length"]}
    assert dict(answer.headers) == dict(unknown.headers) | lengths, address


def _blank(answer: Any, address: str) -> str:
    text = answer.content.decode()
    for part in (address, address.removeprefix("/api/v1")):
        text = text.replace(part, "#")
    text = text.replace(address.split("/")[-1].removesuffix(".pdf"), "#") if UNKNOWN[:4] in address else text
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "token", text)


@pytest.mark.parametrize("who", SEES)
def test_who_reads(world: World, district: District, who: str) -> None:
    """A manifest in every state, every list, and what else there is, at every address."""
    reader = Reader(world, who)
    _reads_manifests(reader, district)
    _reads_lists(reader, district)
    _reads_things(reader, district)


def _reads_manifests(reader: Reader, district: District) -> None:
    who, looked = reader.who, 0
    for path, rule in read("manifest"):
        nowhere = district.unknown(path)
        unknown = reader.get(nowhere)
        for state, number in district.numbers.items():
            looked += 1
            if path.endswith(".pdf") and state in SEES[who] and state not in DRAWN:
                continue
            address = district.of(path, number)
            answer = reader.get(address)
            if outside(who, path, answer):
                continue
            if state not in SEES[who]:
                # Who may only read is told so before anything is looked for.
                if not (who == "colleague" and answer.status_code == 403):
                    assert_hidden(answer, unknown, address, nowhere)
                continue
            assert answer.status_code in rule.ok, (path, state)
            assert answer.status_code != 200 or who in rule.only, (path, state)
    assert looked == len(read("manifest")) * len(STATES)


def _reads_lists(reader: Reader, district: District) -> None:
    """No list names what its reader may not see, and the list of manifests has all that it may see."""
    who = reader.who
    for path, rule in read("signed in"):
        answer = reader.get(path)
        if outside(who, path, answer):
            continue
        assert answer.status_code in rule.ok, path
        told = answer.content.decode().replace(" ", "").replace("\u2009", "")
        for state, number in district.numbers.items():
            assert state in SEES[who] or number not in told, (path, state)
    if who not in OUTSIDE:
        items = json.loads(reader.api.get("/manifests").content)["items"]
        assert {item["number"] for item in items} == {district.numbers[state] for state in SEES[who]}
    for path, rule in read("form"):
        assert reader.get(district.of(path)).status_code in rule.ok, path


def _reads_things(reader: Reader, district: District) -> None:
    who = reader.who
    for thing, seen_by in THINGS.items():
        for path, rule in read(thing):
            address, nowhere = district.of(path), district.unknown(path)
            answer = reader.get(address)
            if outside(who, path, answer):
                continue
            if who in seen_by:
                assert answer.status_code in rule.ok, path
                assert answer.status_code != 200 or who in rule.only, path
            elif not (who == "colleague" and answer.status_code == 403):
                assert_hidden(answer, reader.get(nowhere), address, nowhere)


# --- doing ---------------------------------------------------------------------------------------------------


def everything() -> dict[str, Any]:
    """How many rows there are of everything, and every state; sessions and the answers kept for retries aside."""
    apart = {"sessions.session", "lifecycle.answer"}
    counted: dict[str, Any] = {
        model._meta.label_lower: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.label_lower not in apart
    }
    for model in stateful_models():
        counted[model.SUBJECT] = sorted(model.objects.values_list("pk", "state"))
    return counted


def may(who: str, verb: str, state: str) -> bool:
    """Whether the verb may be this reader's; before departure only the sender calls a manifest off."""
    if verb == "cancel" and state not in (ManifestState.IN_TRANSIT, ManifestState.DELIVERED):
        return who in SENDER
    return state in SEES[who] and (who in DOES[verb] or (who in SENDER and "sender" in DOES[verb]))


def body_of(world: World, number: str) -> dict[str, Any]:
    """What every verb would take."""
    code = Manifest.objects.get(number=number).lines.select_related("container")[0].container.code
    row = {"container": code, "outcome": "accepted", "mass_kg": "18.5", "method": "R9", "treated_at": NOW.isoformat()}
    return {
        "password": PASSWORD,
        "reason": "r",
        "note": "n",
        "place": "p",
        "container": code,
        "mass_kg": "18.5",
        "carrier": world.organisations["carrier2"].uscc,
        "vehicle": "",
        "lines": [row],
        "national_number": "20263306000001",
        "emergency_measures": "e",
        "contract": "c",
    }


@pytest.mark.parametrize("who", SEES)
def test_who_does(world: World, district: District, who: str) -> None:
    """Whoever something is not for changes nothing, in no state, and learns nothing where the manifest is hidden."""
    reader, before = Reader(world, who), everything()
    _verbs_by_programs(world, reader, district)
    assert everything() == before
    _verbs_by_forms(reader, district)
    assert everything() == before
    for how, path, rule in sent():
        _sends(reader, district, how, path, rule)
        assert everything() == before, path


def _verbs_by_programs(world: World, reader: Reader, district: District) -> None:
    """Every verb in every state."""
    who, tried = reader.who, 0
    for verb in VERBS:
        nowhere, unknown = f"/manifests/{UNKNOWN}/{verb}", None
        for state, number in district.numbers.items():
            if may(who, verb, state):
                continue
            body, address = body_of(world, number), f"/manifests/{number}/{verb}"
            answer = reader.api.post(address, body)
            tried += 1
            if who in OUTSIDE:
                assert answer.status_code == 401
            elif state not in SEES[who]:
                unknown = unknown or reader.api.post(nowhere, body)
                assert_hidden(answer, unknown, address, nowhere)
            elif who == "colleague":
                assert (answer.status_code, answer.json()["code"]) == (403, "read_only"), (state, verb)
            else:
                assert answer.status_code in (403, 409, 422), (state, verb, answer.content)
    assert tried == sum(not may(who, verb, state) for verb in VERBS for state in STATES) > 0


def _verbs_by_forms(reader: Reader, district: District) -> None:
    """The pages ask the same services: each verb in some of the states."""
    who = reader.who
    for turn, verb in enumerate(VERBS):
        for state in STATES[turn % 3 :: 3]:
            if may(who, verb, state):
                continue
            typed = {"nonce": f"{state}{verb}", "password": PASSWORD, "reason": "r", "place": "p"}
            answer = reader.page.post(f"/manifests/{district.numbers[state]}/{verb}", typed)
            if who == "nobody":
                assert answer.status_code in (302, 401), (state, verb)
            elif state not in SEES[who] and who not in OUTSIDE:
                assert answer.status_code == 404, (state, verb)
            else:
                assert answer.status_code in (403, 404, 409, 422), (state, verb)


def _sends(reader: Reader, district: District, how: str, path: str, rule: Rule) -> None:
    """One of the other addresses that take something: for the manifest of every state, or for the other thing."""
    who = reader.who
    for state, number in (district.numbers if "{number}" in path else {"": ""}).items():
        if who in rule.does and (not state or state in SEES[who]):
            continue
        body = {"reason": "r", "password": PASSWORD, "nonce": f"{path}{state}"}
        if how == "page":
            answer = reader.page.post(district.of(path, number), body)
        else:
            answer = reader.api.post(district.of(path, number).removeprefix("/api/v1"), body)
        hidden = bool(state) and state not in SEES[who] and who not in OUTSIDE and who != "colleague"
        assert answer.status_code < 500, (path, state)
        assert answer.status_code >= 400 or how == "page", (path, state, answer.content)
        assert not hidden or answer.status_code in (404, 422), (path, state)
