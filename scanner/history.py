"""The record of scans: every one with device, person and both times; and those that somebody must still look at."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from scanner.models import Intent, Scan, Verdict
from scanner.rows import row_of
from scanner.selectors import to_be_seen
from scanner.services import note_seen
from wastetrack.errors import NotFound, Refused, invalid
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.pages import field_messages, go_to, nonce_again, printable
from wastetrack.parties.actors import Actor

PAGE = 50


@require_safe
def scan_list(request: HttpRequest) -> HttpResponse:
    """The organisation's scans, the newest first, refused ones too; `open` for those to be looked at."""
    actor = actor_of(request)
    chosen = {name: request.GET.get(name, "") for name in ("verdict", "intent", "device", "open", "cursor")}
    return render(request, "scanner/scans.html", _context(actor, chosen))


@require_POST
def see(request: HttpRequest, nonce: str) -> HttpResponse:
    """Say what was done about a scan that had happened and that the rules do not bear."""
    actor = actor_of(request)
    actor.require_write()
    found = to_be_seen(actor).filter(nonce=nonce).first()
    if found is None:
        raise NotFound("unknown_scan")
    try:
        note_seen(actor=actor, scan=found, note=printable(request.POST).get("note", ""), now=now_of(request))
    except Refused as refusal:
        context = _context(actor, {"open": "1", "verdict": "", "intent": "", "device": "", "cursor": ""})
        context |= {"errors": field_messages(refusal), "refused": nonce, **nonce_again(refusal)}
        return render(request, "scanner/scans.html", context, status=refusal.status)
    return go_to("/scans?open=1")


def _context(actor: Actor, chosen: dict[str, str]) -> dict[str, Any]:
    found = to_be_seen(actor) if chosen["open"] else Scan.objects.visible_to(actor)
    scans: QuerySet[Scan] = found.select_related("container", "user", "seen_by", "undone_by")
    for name, values in (("verdict", Verdict.values), ("intent", Intent.values)):
        if chosen[name]:
            if chosen[name] not in values:
                raise invalid(name, "wrong_type")
            scans = scans.filter(**{name: chosen[name]})
    if chosen["device"]:
        scans = scans.filter(device=chosen["device"])
    return {
        "page": page_of(scans, chosen["cursor"], PAGE, lambda found: [row_of(actor, scan) for scan in found]),
        "chosen": chosen,
        "filtered": any(value for name, value in chosen.items() if name != "cursor"),
        "waiting": to_be_seen(actor).count(),
        "intents": Intent.choices,
        "verdicts": [choice for choice in Verdict.choices if choice[0] != Verdict.REPEATED],
    }
