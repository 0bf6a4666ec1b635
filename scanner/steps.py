"""What a scan does, by its intent: find the container that was meant, and call the one verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.conf import settings

from depots import counts
from depots import services as store
from depots.models import Bay, Depot
from depots.selectors import get_bay, get_depot, own_depots
from labels.codes import Scanned, read
from manifests import services as manifests
from manifests.models import Line, ManifestState
from manifests.selectors import line_awaited_by, line_to_take_back, line_to_weigh_again
from manifests.services import Receipt
from scanner.models import Intent
from scanner.tasks import Details, Load, Task
from scanner.undo import undo
from wastetrack.errors import NotPermitted, Refused
from wastetrack.sentences import SENTENCES
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import by_code

TEXT_LENGTH = 300
NO_DRUM = {"bay": "is_a_bay", "foreign": "foreign_code"}


def look_up(task: Task) -> None:
    """Only say what it is."""
    _known(task)


def check_in(task: Task) -> None:
    """Off the lorry into stock, a firm's own drum into its store, one coming back, or a second weighing."""
    scanned = _drum_of(task)
    line = line_awaited_by(task.actor, scanned)
    if line is not None:
        task.container = line.container
        _receive(task, line)
        return
    container = _known(task, _to_a_stranger)
    mass_g = task.request.mass_g
    if mass_g is not None and container.disputed and (again := line_to_weigh_again(task.actor, container)):
        discrepancy = manifests.weigh_again(actor=task.actor, line=again, mass_g=mass_g, now=task.now, at=task.at)
        container.refresh_from_db()
        if discrepancy.settled_at is None:
            task.flag = Refused("still_differs", container=container.short_grouped)
        return
    depot, bay = _place(task)
    if (back := line_to_take_back(task.actor, container)) is not None:
        task.container = manifests.take_back(actor=task.actor, line=back, depot=depot, bay=bay, **task.times)
    else:
        task.container = store.check_in(actor=task.actor, container=container, depot=depot, bay=bay, **task.times)


def _receive(task: Task, line: Line) -> None:
    if line.manifest.state == ManifestState.ISSUED:
        raise Refused("not_departed", manifest=line.manifest.number)
    depot, bay = _place(task)
    at, mass_g = task.at, task.request.mass_g
    departed_at, earliest = line.manifest.departed_at, manifests.earliest_receipt(line.manifest)
    if at is not None and departed_at is not None and earliest is not None:
        # A device whose clock is behind says it came before it left. Its own time stays on the scan.
        at = None if at < departed_at else max(at, earliest)
    receipt = Receipt(line, mass_g=mass_g)
    try:
        manifest = manifests.receive(
            actor=task.actor,
            manifest=line.manifest,
            receipts=[receipt],
            depot=depot,
            bay=bay,
            now=task.now,
            at=at,
            breaches=task.breaches,
        )
    except Refused as refusal:
        if refusal.code != "line_already_received":
            raise
        # Somebody else scanned it a moment ago: to the operator it is simply here.
        raise Refused("already_here", container=line.container.short_grouped) from None
    task.container = line.container
    task.weigh_again = line.container.disputed
    if not task.weigh_again:
        bay_code = receipt.bay.code if receipt.bay else None
        task.details = Details(bay_code, Load(manifest.number, *manifest.progress))


def put_away(task: Task) -> None:
    """Into another bay of the depot where it stands."""
    container = _known(task)
    depot = _depot(task)
    if task.request.bay in (None, ""):
        raise Refused("bay_missing")
    bay = _bay(depot, task.request.bay)
    stay = store.put_away(actor=task.actor, container=container, bay=bay, **task.times)
    task.details = Details(stay.bay.code if stay.bay else None)


def check_out(task: Task) -> None:
    """Onto the vehicle, ticked off on the manifest that sends it."""
    container = _known(task)
    manifests.load(actor=task.actor, container=container, manifest=task.request.manifest, now=task.now, at=task.at)


def count(task: Task) -> None:
    """Noted in the bay's count, whatever it is: what is there is there."""
    depot = _depot(task)
    if task.request.bay in (None, ""):
        raise Refused("bay_missing")
    bay = _bay(depot, task.request.bay)
    scanned = read(task.request.text, settings.PUBLIC_URL)
    if scanned.kind == "bay":
        raise Refused("is_a_bay")
    known = by_code(scanned.code).first() if scanned.kind in ("container", "short") and scanned.code else None
    if known is not None and known.seen_by(task.actor):
        task.container = known
    text = "" if task.container else scanned.text[:TEXT_LENGTH]
    task.count_line = counts.note(
        actor=task.actor, bay=bay, container=task.container, text=text, now=task.now, at=task.at
    )
    if task.container is None:
        task.flag = Refused("counted_unknown")


def take_back(task: Task) -> None:
    """The operator's own last scan is undone; the text is its nonce."""
    task.undoes = undo(task)
    task.container = task.undoes.container


def stopped(task: Task) -> None:
    """The device itself has stopped it: nothing happened, and nothing does. Always Refused, with its reason."""
    scanned = read(task.request.text, settings.PUBLIC_URL)
    if scanned.code is not None and scanned.kind in ("container", "short"):
        task.container = by_code(scanned.code).first()
    raise Refused(task.request.reason if task.request.reason in SENTENCES else "stopped_by_device")


STEPS: Mapping[str, Callable[[Task], None]] = {
    Intent.LOOKUP: look_up,
    Intent.CHECK_IN: check_in,
    Intent.PUT_AWAY: put_away,
    Intent.CHECK_OUT: check_out,
    Intent.COUNT: count,
    Intent.UNDO: take_back,
}


# --- what the scan names ---


def _drum_of(task: Task) -> str:
    """The long or short code that was scanned. Raises Refused(is_a_bay | foreign_code | not_a_code)."""
    scanned: Scanned = read(task.request.text, settings.PUBLIC_URL)
    if scanned.code is None or scanned.kind not in ("container", "short"):
        raise Refused(NO_DRUM.get(scanned.kind, "not_a_code"))
    return scanned.code


def _known(task: Task, stranger: Callable[[Task, Container], Refused] | None = None) -> Container:
    """The scanned container, which the actor may see. Raises Refused(unknown_code), or what `stranger` makes of it."""
    container: Container | None = by_code(_drum_of(task)).first()
    if container is None:
        raise Refused("unknown_code")
    if not container.seen_by(task.actor):
        raise stranger(task, container) if stranger else Refused("unknown_code")
    task.container = container
    return container


def _to_a_stranger(task: Task, container: Container) -> Refused:
    """What is said of a drum that the actor may not see: that there is none, whatever else was asked.

    A depot that takes others' waste hears what the label itself tells anybody. Whose and what it is stays hidden.
    """
    try:
        takes_from_others = _depot(task).takes_from_others
    except Refused:
        takes_from_others = False
    if takes_from_others:
        return Refused("wrong_depot" if container.state == ContainerState.IN_TRANSIT else "no_manifest")
    return Refused("unknown_code")


# --- where ---


def _place(task: Task) -> tuple[Depot, Bay | None]:
    depot = _depot(task)
    asked = task.request.bay
    return depot, _bay(depot, asked) if asked not in (None, "") else None


def _bay(depot: Depot, asked: object) -> Bay:
    """A bay by its code, its id, or the text of its sign. Raises Refused(wrong_bay) for the sign of another depot's."""
    scanned = read(str(asked), settings.PUBLIC_URL)
    if scanned.kind != "bay":
        return get_bay(depot, asked)
    bay = (
        Bay.objects.filter(pk=int(scanned.code or 0)).select_related("depot__site").first()
        if ((scanned.code or "").isdigit() and len(scanned.code or "") < 19)
        else None
    )
    if bay is None:
        raise Refused("unknown_bay", bay=scanned.code)
    if bay.depot_id != depot.pk:
        raise Refused("wrong_bay", bay="")
    return bay


def _depot(task: Task) -> Depot:
    """The depot scanned at: the one named, else the organisation's only one."""
    actor, asked = task.actor, task.request.depot
    if asked not in (None, ""):
        depot = get_depot(actor, asked)
    else:
        own = list(own_depots(actor)[:2])
        if len(own) != 1:
            raise Refused("depot_missing")
        depot = own[0]
    if depot.organisation_id != actor.organisation_id:
        raise NotPermitted("not_permitted")
    return depot
