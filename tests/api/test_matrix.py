"""Who may read and do what with a manifest: every address there is, every state, every kind of reader.

The addresses come from the site itself: a new one without a rule here fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from manifests import services as manifests
from manifests.models import Leg, Manifest, ManifestState
from manifests.services import Receipt
from manifests.services.counter import Brought, start_walk_in
from manifests.verbs import VERBS
from tests.api.support import rows
from tests.conftest import Api
from tests.world import NOW, PASSWORD, World
from wastetrack.parties.models import Delegation, Token, Vehicle

UNKNOWN = "20263399999999"
"""A number that no manifest has."""

# --- the rules -----------------------------------------------------------------------------------------------

STATES = [*ManifestState.values, "cancelled_issued"]
"""Cancelled as a draft, nobody ever saw it; cancelled after issue, its parties did."""
HIDDEN = {ManifestState.DRAFT, ManifestState.CANCELLED}
UNDER_WAY = {ManifestState.ISSUED, ManifestState.IN_TRANSIT}
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
    "cancel": {"sender"},
    "national-number": {"sender", "driver", "receiver"},
}
"""Who may ever do a verb. The sender's is the author's, and that of a steward who acts for it."""
SENDER = {"author", "steward"}


@dataclass(frozen=True)
class Rule:
    """What an address shows: `of` a manifest or a walk-in as `SEES` says, or to everybody who is signed in.

    `ok`: the answers where it is shown. `only`: who else is refused although signed in. `elsewhere`: the test that
    looks at it, where who may is not a matter of a manifest's parties.
    """

    of: str = ""
    ok: tuple[int, ...] = (200,)
    elsewhere: str = ""


OF_MANIFEST, OF_WALK_IN, ANYBODY = Rule("manifest"), Rule("walk-in"), Rule("signed in")
SOME = Rule("signed in", (200, 403, 404))
VERB, FORM = Rule("verb"), Rule("form", (302, 303, 403, 404, 405))

RULES: dict[str, Rule] = {
    "get /api/v1/manifests": ANYBODY,
    "post /api/v1/manifests": Rule(elsewhere="tests/api/test_strangers.py"),
    "get /api/v1/manifests/{number}": OF_MANIFEST,
    "post /api/v1/manifests/{number}/{verb}": VERB,
    "get /api/v1/walk-ins": ANYBODY,
    "post /api/v1/walk-ins": Rule(elsewhere="tests/pages/test_walk_in_pages.py"),
    "get /api/v1/walk-ins/firms": SOME,
    "get /api/v1/walk-ins/firms/{uscc}/streams": Rule(elsewhere="tests/pages/test_walk_in_pages.py"),
    "get /api/v1/walk-ins/{walk_in_id}": OF_WALK_IN,
    "post /api/v1/walk-ins/{walk_in_id}/confirm": Rule(elsewhere="tests/kernel/test_walk_in.py"),
    "post /api/v1/walk-ins/{walk_in_id}/decline": Rule(elsewhere="tests/kernel/test_walk_in.py"),
    "page /walk-in": SOME,
    "page /walk-ins/{walk_in_id}": OF_WALK_IN,
    "page /walk-ins/{walk_in_id}/confirm": FORM,
    "page /walk-ins/{walk_in_id}/decline": FORM,
    "page /manifests": ANYBODY,
    "page /manifests/new": SOME,
    "page /manifests/{number}": OF_MANIFEST,
    "page /manifests/{number}/{verb}": FORM,
    "page /depots/{depot_id}/expected": Rule(elsewhere="tests/pages/test_depot_pages.py"),
    "page /depots/{depot_id}/next-load": Rule(elsewhere="tests/kernel/test_loads.py"),
}


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


def build(world: World) -> dict[str, str]:
    """State → number. The depot receives; `carrier2` is planned to carry on, `carrier0` has carried the first part."""
    for name in ("carrier0", "carrier2"):
        world.add(name, "carrier", role="driver")
        world.permit(name, "", kind="transport")
        Vehicle.objects.create(
            organisation=world.organisations[name], plate=f"浙D0002{name[-1]}", capacity_g=10_000_000
        )
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
    return {state: manifest.number for state, manifest in made.items()}


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
    """The carriers of before and after, as rows: which verbs write them is no matter of this test."""
    Manifest.objects.filter(pk=manifest.pk).update(relay=True)
    if "past carrier" in _who_sees(state):
        past = {"carrier": world.organisations["carrier0"], "departed_at": NOW, "arrived_at": NOW}
        Leg.objects.create(manifest=manifest, position=50, **past)
    if "planned carrier" in _who_sees(state):
        Leg.objects.create(manifest=manifest, position=51, carrier=world.organisations["carrier2"])


def _who_sees(state: str) -> set[str]:
    return {who for who, states in SEES.items() if state in states}


@pytest.fixture
def numbers(world: World, clock: Any) -> dict[str, str]:
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


def of(kind: str) -> list[tuple[str, Rule]]:
    """(path, rule) of what is read and whose rule is of this kind."""
    found = [(address.partition(" "), rule) for address, rule in RULES.items() if rule.of == kind]
    return [(path, rule) for (how, _, path), rule in found if how != "post"]


def test_every_address_has_its_rule(world: World, api: Any) -> None:
    there = set(addresses(api("firm")))
    assert there - set(RULES) == set(), "a new address: say in RULES who may"
    assert set(RULES) - there == set(), "an address that is gone"
    assert set(VERBS) == set(DOES)
    assert set(SEES) == {*NAMES, "nobody"}


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


def blank(answer: Any, number: str) -> str:
    """An answer without the number that was asked for, and without what is drawn anew for each page."""
    text = answer.content.decode().replace(number, "#")
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "token", text)


@pytest.mark.parametrize("who", SEES)
def test_who_reads_a_manifest(world: World, numbers: dict[str, str], who: str) -> None:
    reader, looked = Reader(world, who), 0
    for path, rule in of("manifest"):
        unknown = reader.get(path.format(number=UNKNOWN))
        for state, number in numbers.items():
            answer = reader.get(path.format(number=number))
            looked += 1
            if outside(who, path, answer):
                continue
            assert unknown.status_code == 404, path
            if state in SEES[who]:
                assert answer.status_code in rule.ok, (path, state)
                continue
            assert (answer.status_code, blank(answer, number)) == (404, blank(unknown, UNKNOWN)), (path, state)
            assert dict(answer.headers) == dict(unknown.headers) | {"Content-Length": answer["Content-Length"]}
    assert looked == len(of("manifest")) * len(STATES)


@pytest.mark.parametrize("who", SEES)
def test_no_list_names_what_its_reader_may_not_see(world: World, numbers: dict[str, str], who: str) -> None:
    reader = Reader(world, who)
    for path, rule in of("signed in"):
        answer = reader.get(path)
        if outside(who, path, answer):
            continue
        assert answer.status_code in rule.ok, path
        told = answer.content.decode()
        grouped = told.replace(" ", "").replace("\u2009", "")
        for state, number in numbers.items():
            assert state in SEES[who] or number not in grouped, (path, state)
    if who not in OUTSIDE:
        items = json.loads(reader.api.get("/manifests").content)["items"]
        assert {item["number"] for item in items} == {numbers[state] for state in SEES[who]}


@pytest.mark.parametrize("who", SEES)
def test_what_only_takes_forms_shows_nothing(world: World, numbers: dict[str, str], who: str) -> None:
    reader = Reader(world, who)
    for path, rule in of("form"):
        for number in numbers.values():
            answer = reader.get(path.format(number=number, verb="issue", walk_in_id="1"))
            assert answer.status_code in rule.ok, path


@pytest.mark.parametrize("who", SEES)
def test_who_reads_what_was_weighed_at_the_counter(world: World, numbers: dict[str, str], who: str) -> None:
    firm, depot = world.organisations["firm"], world.depots["depot"]
    brought = [Brought(18_500, container=world.drum())]
    walk_in = start_walk_in(actor=world.actor("depot"), depot=depot, firm=firm, drums=brought, now=NOW)
    reader = Reader(world, who)
    for path, rule in of("walk-in"):
        answer = reader.get(path.format(walk_in_id=walk_in.pk))
        if outside(who, path, answer):
            continue
        if who in SENDER | {"colleague", "receiver", "regulator"}:
            assert answer.status_code in rule.ok, path
            continue
        unknown = reader.get(path.format(walk_in_id="999999"))
        hidden = blank(answer, f"/walk-ins/{walk_in.pk}")
        assert (answer.status_code, hidden) == (404, blank(unknown, "/walk-ins/999999")), path


# --- doing ---------------------------------------------------------------------------------------------------


def may(who: str, verb: str) -> bool:
    return who in DOES[verb] or (who in SENDER and "sender" in DOES[verb])


def body_of(world: World, manifest: Manifest) -> dict[str, Any]:
    """What every verb would take."""
    code = manifest.lines.select_related("container")[0].container.code
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
def test_who_may_do_nothing_with_a_manifest(world: World, numbers: dict[str, str], who: str) -> None:
    """Whoever a verb is not for changes nothing, in no state, and learns nothing where the manifest is hidden."""
    reader, before, tried = Reader(world, who), None, 0
    for state, number in numbers.items():
        manifest = Manifest.objects.get(number=number)
        body = body_of(world, manifest)
        before = before or rows()
        for verb in VERBS:
            if may(who, verb) and state in SEES[who]:
                continue
            answer = reader.api.post(f"/manifests/{number}/{verb}", body)
            tried += 1
            if who in OUTSIDE:
                assert answer.status_code == 401
            elif state not in SEES[who]:
                unknown = reader.api.post(f"/manifests/{UNKNOWN}/{verb}", body)
                assert (answer.status_code, blank(answer, number)) == (404, blank(unknown, UNKNOWN)), (state, verb)
            elif who == "colleague":
                assert (answer.status_code, answer.json()["code"]) == (403, "read_only"), (state, verb)
            else:
                assert answer.status_code in (403, 409, 422), (state, verb, answer.content)
    assert rows() == before
    assert tried > 0


@pytest.mark.parametrize("who", SEES)
def test_no_form_does_what_its_sender_may_not(world: World, numbers: dict[str, str], who: str) -> None:
    reader, before = Reader(world, who), None
    for state, number in numbers.items():
        before = before or rows()
        for verb in VERBS:
            if may(who, verb) and state in SEES[who]:
                continue
            typed = {"nonce": f"{state}{verb}", "password": PASSWORD, "reason": "r", "place": "p"}
            answer = reader.page.post(f"/manifests/{number}/{verb}", typed)
            if who == "nobody":
                assert answer.status_code in (302, 401), (state, verb)
            elif state not in SEES[who] and who not in OUTSIDE:
                assert answer.status_code == 404, (state, verb)
            else:
                assert answer.status_code in (403, 404, 409, 422), (state, verb)
    assert rows() == before
