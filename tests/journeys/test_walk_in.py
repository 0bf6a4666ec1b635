"""At the counter: drums that come without a manifest."""

from __future__ import annotations

import json
from typing import Any

from depots.models import Stay
from manifests.models import Manifest
from tests.journeys.frame import Tale, journey
from tests.journeys.trade import cast
from tests.pages.visitors import Visitor, text
from tests.world import NOW, PASSWORD
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal
from wastetrack.waste.models import Container
from wastetrack.waste.services import save_stream

PIN = "730164"


@journey
def test_walk_in(tale: Tale) -> None:
    """A firm walks in without papers

    A firm stands at the counter with two drums and no manifest. A minute later all is signed, received and on the log.
    """
    world = tale.world
    firm, depot = Visitor(world, "firm"), Visitor(world, "depot")
    clerk, keeper = cast(tale, "firm", "depot")
    drum = clerk.logs("the drum", "18.5").row
    stream = save_stream(actor=world.actor("firm"), container=drum, now=NOW)
    # The clerk has a PIN since the first day.
    firm.send("/account/pin", pin=PIN, again=PIN, password=PASSWORD)

    # The operator scans a drum that no manifest brings, and is told what to do.
    scan = {"nonce": "n1", "text": drum.code, "intent": "check_in", "depot": keeper.depot_id}
    answer = tale.api("depot").post("/scans", scan).json()
    assert (answer["verdict"], answer["reason"]) == ("refused", "no_manifest")
    assert answer["action"]["href"].startswith("/walk-in?container=")
    tale.tell("depot", "scans the drum in", then=answer["message"], refused=True)
    page = text(depot.get(answer["action"]["href"]))
    assert world.organisations["firm"].name in page

    # Two weighings: the scanned drum, and a second one that was never logged.
    old, new = f"drum:{drum.short_code}", f"new:{stream.pk}.1"
    typed: dict[str, Any] = {
        "firm": world.organisations["firm"].uscc,
        "row": [old, new],
        f"mass-{old}": "18.6",
        f"mass-{new}": "7.5",
    }
    path = depot.send("/walk-in", do="start", **typed).url
    assert path in text(firm.get("/"))
    tale.tell("depot", "weighs the drum, 18.6 kg, and a new one, 7.5 kg, at its counter", to="firm", then="Waiting")

    # The clerk signs on the spot; nothing had happened before.
    assert not Manifest.objects.exists()
    depot.send(f"{path}/confirm", username="firm", pin=PIN)
    manifest = Manifest.objects.get()
    assert manifest.state == "received"
    tale.tell(
        "firm", "signs with its PIN on the depot's device", to="depot", then="logged, issued and received at once"
    )
    received = [row.container for row in manifest.lines.select_related("container__holder")]
    assert {row.holder.name for row in received} == {"演示depot"}
    assert sorted(row.mass_g for row in received) == [7_500, 18_600]
    assert Stay.objects.filter(depot=world.depots["depot"], left_at=None).count() == 2

    # The drum's life says who did what, and where it was typed.
    seal(NOW)
    life = list(Entry.objects.visible_to(world.actor("regulator")).filter(subject=drum.subject).order_by("index"))
    assert [entry.kind.partition(".")[2] for entry in life] == ["log", "store", "commit", "depart", "receive"]
    assert [entry.username for entry in life] == ["firm", "firm", "firm", "firm", "depot"]
    told = text(Visitor(world, "regulator").get(f"/manifests/{manifest.number}"))
    assert "Brought by the sender itself" in told
    signed = Entry.objects.get(kind="manifest.issue")
    assert json.loads(signed.payload)["counter"] == world.depots["depot"].name

    # The new drum gets its label at once, and the depot sees both as its own from here on.
    label = depot.client.post("/labels", {"codes": [Container.objects.latest("pk").code], "layout": "single"})
    assert label["Content-Type"] == "application/pdf"
    tale.tell("depot", "prints the new drum's label", then="PDF")
    again = tale.api("depot").post("/scans", {**scan, "nonce": "n2"}).json()
    assert again["reason"] == "already_here"


@journey
def test_counter_hand_over(tale: Tale) -> None:
    """Handed over at the counter, after a wrong weighing

    The depot weighs two drums at its counter. The firm does not agree with the scale and declines; weighed again, it
    confirms on its own phone. Nothing happened to any drum in between.
    """
    firm, depot, stranger = cast(tale, "firm", "depot", "firm2")
    first, second = firm.logs("drum a", "18.5"), firm.logs("drum b", "7")

    def weighs(kg: str) -> str:
        rows = [{"container": first.code, "mass_kg": "18.5"}, {"container": second.code, "mass_kg": kg}]
        body = {"depot": depot.depot_id, "firm": firm.uscc, "drums": rows}
        what = f"weighs drum a, 18.5 kg, and drum b, {kg} kg, at its counter"
        return str(depot.post("/walk-ins", body, what, to=firm, then="Waiting for the firm")["id"])

    walk_in = weighs("9")
    assert not stranger.sees(f"/walk-ins/{walk_in}")
    depot.cannot("wrong_at_counter").post(
        f"/walk-ins/{walk_in}/confirm", {"username": "firm", "pin": "000000"}, "types somebody else's name and no PIN"
    )
    firm.post(f"/walk-ins/{walk_in}/decline", {"reason": "7"}, "declines: drum b is lighter", to=depot, then="Declined")
    assert (first.state, second.state) == ("stored", "stored")
    walk_in = weighs("7")
    signed = {"password": PASSWORD}
    firm.post(f"/walk-ins/{walk_in}/confirm", signed, "signs on its own phone", to=depot, then="Confirmed")
    manifest = Manifest.objects.get()
    assert (manifest.state, manifest.self_delivered) == ("received", True)
    assert {first.row.holder_id, second.row.holder_id} == {tale.world.organisations["depot"].pk}
    firm.cannot("illegal_state").post(f"/walk-ins/{walk_in}/confirm", signed, "signs a second time")
