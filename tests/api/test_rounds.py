"""Collections and rounds by program: a whole round, sealed signatures, strangers, and what is sent twice."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.models import Manifest, Round, SignedStop
from manifests.sealing import bound_to, public_key, unseal
from tests.api.support import answered, nothing_done, refused
from tests.api.test_queries import queries
from tests.kernel.test_rounds import DRIVER_PIN, PIN, asked, planned, signed, started
from tests.world import NOW, TODAY, World
from wastetrack.http import owner_of
from wastetrack.parties.models import Pin
from wastetrack.signing import set_pin

ISO = NOW.isoformat()


@pytest.fixture(autouse=True)
def _pins(world: World) -> None:
    for name, pin in (("firm", PIN), ("firm2", PIN), ("carrier", DRIVER_PIN)):
        set_pin(actor=world.actor(name), password="demo", pin=pin, now=NOW)


def serving(round_: Round, *drums: Any, **changes: Any) -> dict[str, Any]:
    """The body of a stop that both signed."""
    body = {"nonce": "n1", "shown": signed(round_, *drums).shown, "drums": [drum.code for drum in drums]}
    return {**body, "username": "firm", "firm_pin": PIN, "pin": DRIVER_PIN, **changes}


def path_of(round_: Round, verb: str = "serve") -> str:
    stop = round_.stops.first()
    assert stop is not None
    return f"/rounds/{round_.pk}/stops/{stop.pk}/{verb}"


def test_a_whole_round(world: World, api: Any) -> None:
    drum = world.drum()
    body = {"depot": str(world.depots["depot"].pk), "containers": [drum.code], "window": "9–11"}
    first = api("firm").post("/collections", body, **{"Idempotency-Key": "k"})
    again = api("firm").post("/collections", body, **{"Idempotency-Key": "k"})
    request = answered(first, 201)
    assert answered(again, 201)["id"] == request["id"]
    (waiting,) = answered(api("depot").get("/collections", state="asked"))["items"]
    assert (waiting["id"], waiting["mass_kg"], waiting["firm"]["name"]) == (request["id"], "18.5", "演示firm")
    carrier = world.organisations["carrier"].uscc
    plan = {
        "depot": str(world.depots["depot"].pk),
        "carrier": carrier,
        "vehicle": "浙D·00001",
        "day": TODAY.isoformat(),
    }
    made = answered(api("depot").post("/rounds", {**plan, "collections": [request["id"]]}), 201)
    assert (made["state"], made["stops"][0]["drums"]) == ("planned", [drum.code])
    answered(api("depot").post(f"/rounds/{made['id']}/change", {**plan, "collections": [request["id"]]}))
    driver = api("carrier")
    assert answered(driver.post(f"/rounds/{made['id']}/start"))["state"] == "under_way"
    round_ = Round.objects.get()
    outcome = answered(driver.post(path_of(round_), serving(round_, drum)))
    assert (outcome["outcome"], outcome["manifest"]) == ("recorded", Manifest.objects.get().number)
    assert answered(driver.post(path_of(round_), serving(round_, drum))) == outcome
    done = answered(driver.post(f"/rounds/{made['id']}/finish"))
    assert (done["state"], done["stops"][0]["phase"]) == ("finished", "served")
    assert answered(api("firm").get(f"/collections/{request['id']}"))["state"] == "served"


def test_a_signature_sealed_on_the_device_is_opened_here(world: World, api: Any, seal: Any) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    body = sealed(round_, seal, drum)
    outcome = answered(api("carrier").post(path_of(round_), body))
    assert outcome["outcome"] == "recorded", outcome
    # The same seals under another nonce, for another content or time open nothing.
    for changes in ({"nonce": "n2"}, {"nonce": "n3", "shown": "0" * 64}, {"nonce": "n4", "signed_at": ISO}):
        parked = answered(api("carrier").post(path_of(round_), {**body, **changes}))
        assert parked["outcome"] == "parked"
    assert Manifest.objects.count() == 1


def test_a_seal_that_does_not_open_tries_no_pin(world: World, api: Any, seal: Any) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    body = {**sealed(round_, seal, drum), "nonce": "other"}
    outcome = answered(api("carrier").post(path_of(round_), body))
    assert [one["code"] for one in outcome["reasons"]] == ["seal_broken"]
    assert set(Pin.objects.values_list("tries", flat=True)) == {0}


def test_a_wrong_pin_sealed_offline_is_parked_and_counts(world: World, api: Any, seal: Any) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    body = sealed(round_, seal, drum, pin="888222")
    for _ in range(2):
        outcome = answered(api("carrier").post(path_of(round_), body))
        assert [one["code"] for one in outcome["reasons"]] == ["wrong_pin"]
    assert Pin.objects.get(user__username="carrier").tries == 1


def sealed(round_: Round, seal: Any, *drums: Any, pin: str = DRIVER_PIN) -> dict[str, Any]:
    stop = round_.stops.get()
    body = {"nonce": "n1", "shown": signed(round_, *drums).shown, "signed_at": "2026-11-20T01:00:00.000Z"}
    about = (stop.pk, body["nonce"], body["shown"], body["signed_at"])
    return {
        **body,
        "drums": [drum.code for drum in drums],
        "sealed_firm": seal(bound_to("firm", *about), {"username": "firm", "pin": PIN}),
        "sealed_driver": seal(bound_to("driver", *about), {"pin": pin}),
    }


@pytest.fixture
def seal() -> Any:
    """Seals as the phone does (its own code is looked at under tests/rounds)."""
    import base64
    import json
    import os

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    def make(bound: bytes, told: dict[str, str]) -> str:
        own = ec.generate_private_key(ec.SECP256R1())
        site = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.b64decode(public_key()))
        point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        secret = own.exchange(ec.ECDH(), site)
        key = HKDF(hashes.SHA256(), 32, salt=point, info=b"wastetrack signature v1").derive(secret)
        iv = os.urandom(12)
        raw = point + iv + AESGCM(key).encrypt(iv, json.dumps(told).encode(), bound)
        text = base64.b64encode(raw).decode()
        assert unseal(text, bound).pin == told["pin"]
        return text

    return make


def test_what_cannot_be_read_is_refused_and_not_kept(world: World, api: Any) -> None:
    drum = world.drum()
    round_, driver = started(world, asked(world, drum)), api("carrier")
    path, body = path_of(round_), serving(round_, drum)
    with nothing_done():
        refused(driver.post(path, {**body, "nonce": ""}), 422, "nonce_missing", "nonce")
        refused(driver.post(path, {**body, "nonce": "x" * 65}), 422, "nonce_unusable", "nonce")
        refused(driver.post(path, {**body, "drums": []}), 422, "no_lines", "drums")
        refused(driver.post(path, {**body, "signed_at": "x"}), 422, "time_unreadable", "signed_at")
        refused(driver.post(path, {**body, "signed_at": "2027-01-01T00:00:00Z"}), 422, "time_in_future", "signed_at")
        wrong = {**body, "new": [{"stream": "1", "mass_kg": "0"}]}
        refused(driver.post(path, wrong), 422, "mass_zero", "new.0.mass_kg")
    assert not SignedStop.objects.exists()


def test_a_lock_is_told_and_kept_for_later(world: World, api: Any) -> None:
    drum = world.drum()
    round_, driver = started(world, asked(world, drum)), api("carrier")
    for number in range(5):
        driver.post(path_of(round_), serving(round_, drum, nonce=f"w{number}", pin="888222"))
    answer = driver.post(path_of(round_), serving(round_, drum))
    refused(answer, 429, "pin_locked")
    assert int(answer["Retry-After"]) > 0


def test_what_waited_on_a_phone_is_sent_in_its_owners_name(world: World, api: Any) -> None:
    drum = world.drum()
    round_, driver = started(world, asked(world, drum)), api("carrier")
    other = {"X-Owner": owner_of(world.actor("depot"))}
    for path, body in (
        (path_of(round_), serving(round_, drum)),
        (path_of(round_, "miss"), {"reason": "x"}),
        (f"/rounds/{round_.pk}/finish", {}),
    ):
        refused(driver.post(path, body, **other), 409, "other_person")
    mine = {"X-Owner": owner_of(world.actor("carrier"))}
    assert answered(driver.post(path_of(round_), serving(round_, drum), **mine))["outcome"] == "recorded"


@pytest.mark.parametrize("who", ["firm", "firm2", "depot2", "plant", "regulator2"])
def test_a_stranger_of_the_round(world: World, api: Any, who: str) -> None:
    drum = world.drum()
    request = asked(world, drum)
    round_ = started(world, request)
    with nothing_done():
        refused(api(who).get(f"/rounds/{round_.pk}"), 404, "unknown_round")
        refused(api(who).post(path_of(round_), serving(round_, drum)), 404, "unknown_round")
        refused(api(who).post(path_of(round_, "miss"), {"reason": "x"}), 404, "unknown_round")
        for verb in ("start", "finish", "cancel", "change"):
            body = {"day": TODAY.isoformat()} if verb == "change" else {}
            refused(api(who).post(f"/rounds/{round_.pk}/{verb}", body), 404, "unknown_round")
    assert answered(api(who).get("/rounds"))["items"] == []
    if who != "firm":
        refused(api(who).get(f"/collections/{request.pk}"), 404, "unknown_collection")
        refused(api(who).post(f"/collections/{request.pk}/withdraw"), 404, "unknown_collection")


def test_who_sees_a_round_may_not_do_anothers_part(world: World, api: Any) -> None:
    drum = world.drum()
    round_ = planned(world, asked(world, drum))
    refused(api("carrier").post(f"/rounds/{round_.pk}/cancel"), 403, "not_your_part")
    refused(api("regulator").post(f"/rounds/{round_.pk}/start"), 403, "not_your_part")
    answered(api("carrier").post(f"/rounds/{round_.pk}/start"))
    refused(api("depot").post(path_of(round_), serving(round_, drum)), 403, "not_your_part")
    refused(api("regulator").post(f"/rounds/{round_.pk}/finish"), 403, "not_your_part")
    refused(api("carrier").post(f"/rounds/{round_.pk}/dance"), 404, "unknown_verb")


def test_said_again_is_done_once(world: World, api: Any) -> None:
    round_, driver = started(world, asked(world, world.drum())), api("carrier")
    for _ in range(2):
        answered(driver.post(path_of(round_, "miss"), {"reason": "没人"}))
    for _ in range(2):
        assert answered(driver.post(f"/rounds/{round_.pk}/finish"))["state"] == "finished"


def test_lists_cost_the_same_however_long(world: World, api: Any) -> None:
    depot, costs = api("depot"), []
    for number in (1, 5):
        for _ in range(number):
            planned(world, asked(world, world.drum()))
            asked(world, world.drum())
        with queries() as found:
            for path in ("/rounds", "/collections"):
                answered(depot.get(path))
        costs.append(len(found))
    assert costs[0] == costs[1]
