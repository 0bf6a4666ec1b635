"""Undoing the last scan: a new entry that takes it back, as long as nothing else has happened to the drum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from depots import counts
from depots import services as store
from manifests import services as manifests
from manifests.models import Line
from manifests.selectors import line_to_load
from scanner.models import Intent, Scan, Verdict
from scanner.tasks import Task
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.regulations.parameters import parameter


def undo(task: Task) -> Scan:
    """Take back the actor's own last scan that did something, named by its nonce.

    Raises Refused(nothing_to_undo | not_the_last | too_late_to_undo | cannot_undo).
    """
    last = _last(task)
    if last is None or (last.container is None and last.intent != Intent.COUNT):
        raise Refused("nothing_to_undo")
    if last.nonce != task.request.text.strip():
        raise Refused("not_the_last")
    if task.now - last.recorded_at > timedelta(minutes=int(parameter("scan.undo_minutes").value)):
        raise Refused("too_late_to_undo")
    if last.intent == Intent.COUNT:
        if last.count_line is None:
            raise Refused("cannot_undo")
        counts.unnote(actor=task.actor, line=last.count_line, now=task.now)
        return last
    entry = Entry.objects.filter(pk=last.entry).first() if last.entry else None
    back = TAKEN_BACK.get(entry.kind) if entry else None
    if entry is None or back is None:
        raise Refused("cannot_undo")
    back(task, last, entry)
    return last


def _last(task: Task) -> Scan | None:
    scans = Scan.objects.filter(
        organisation=task.actor.organisation_id, user=task.actor.user_id, verdict=Verdict.ACCEPTED, undone_by=None
    ).exclude(intent__in=[Intent.LOOKUP, Intent.UNDO])
    if task.request.device:
        scans = scans.filter(device=task.request.device)
    related = "container__generator", "container__holder", "container__origin", "count_line__count__depot__site"
    return scans.select_related(*related).order_by("-id").first()


# Each verb looks under the container's lock whether the scan's entry is still its newest: nobody has built on it.


def _receipt(task: Task, scan: Scan, entry: Entry) -> None:
    line = Line.objects.filter(container=scan.container, manifest__number=entry.data.get("manifest"))
    found = line.select_related("manifest__sender_site", "manifest__receiver").first()
    if found is None:
        raise Refused("cannot_undo")
    manifests.undo_receipt(actor=task.actor, line=found, entry_id=entry.pk, now=task.now)


def _storing(task: Task, scan: Scan, entry: Entry) -> None:
    assert scan.container is not None
    store.take_out(actor=task.actor, container=scan.container, entry_id=entry.pk, now=task.now)


def _move(task: Task, scan: Scan, entry: Entry) -> None:
    assert scan.container is not None
    before = str(entry.data.get("from_bay_id", ""))
    store.move_back(actor=task.actor, container=scan.container, bay_id=before, entry_id=entry.pk, now=task.now)


def _loading(task: Task, scan: Scan, entry: Entry) -> None:
    assert scan.container is not None
    line = line_to_load(task.actor, scan.container)
    if line is None:
        raise Refused("cannot_undo")
    manifests.unload(actor=task.actor, line=line, entry_id=entry.pk, now=task.now)


TAKEN_BACK: Mapping[str, Callable[[Task, Scan, Entry], None]] = {
    "container.receive": _receipt,
    "container.store": _storing,
    "container.put_away": _move,
    "container.load": _loading,
}
