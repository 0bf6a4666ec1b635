"""The sentence for every kind of ledger entry: a drum's or a manifest's life in words, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from wastetrack.alerts.models import AlertState
from wastetrack.alerts.selectors import late_since, own_word, title_of
from wastetrack.districts.words import figure_name, group_name
from wastetrack.parties.models import PermitKind
from wastetrack.regulations.identifiers import group
from wastetrack.regulations.vocabulary import container_kind, form, treatment_method
from wastetrack.sentences import listed


@dataclass(frozen=True)
class Telling:
    """How a kind is told: an icon, a title, and lines that each need the named value of the entry's data."""

    icon: str
    title: Any
    lines: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Told:
    """An entry in words."""

    icon: str
    title: str
    lines: tuple[str, ...]


_MANIFEST = ("manifest", _("Manifest %(manifest)s"))
_PLACE = ("depot_name", "%(depot_name)s")
_BAY = ("bay", _("Bay %(bay)s"))
_REASON = ("reason", _("Reason: %(reason)s"))
_BY_SENDER = ("brought_by", _("Brought by the sender itself"))
_COUNTER = ("counter", _("Signed on a device of others, at %(counter)s"))
_HOST = ("host", "%(host)s")
_NOTE = ("note", _("Note: %(note)s"))
_PHONE = ("phone_said", _("Signed %(phone_said)s by the phone's own clock"))
_DIFFERING = ("differing", _("Not as declared: %(differing)s"))
_FOUND = ("accepted", _("Accepted: %(accepted)s, refused: %(refused)s"))
_RECEIPT_CONFIRMED = (
    ("receipt_signed", _("Signed by the receiver")),
    ("receive_by_scan", _("Confirmed by the receiver drum by drum, by scan")),
    ("receive_at_counter", _("Confirmed by the receiver drum by drum, on the scale")),
)
"""How a receipt was confirmed: signed, or by each drum's own scan or weighing."""
_FILED = (
    ("plan", _("Management plan %(plan)s")),
    ("declaration", _("Declaration %(declaration)s")),
    ("reference", _("Receipt %(reference)s of %(filed_on)s")),
)
_WAS_DUE = (("due", _("Was due by %(due)s")), ("since", _("Since %(since)s")))
"""The last day on which it was right; of what has a word of its own for being late, since when it is so."""
_WEIGHED = ("mass_kg", _("Weighed %(mass_kg)s kg"))

TELLINGS: Mapping[str, Telling] = {
    "container.log": Telling(
        icon="plus",
        title=_("Logged"),
        lines=(
            ("mass_kg", _("%(mass_kg)s kg of %(name)s, %(waste_code)s")),
            ("site", _("At %(site)s, filling began on %(accumulation_start)s")),
        ),
    ),
    "container.store": Telling(icon="building-warehouse", title=_("Put into the store"), lines=(_PLACE, _BAY)),
    "container.put_away": Telling(icon="arrows-move", title=_("Moved to another bay"), lines=(_PLACE, _BAY)),
    "container.commit": Telling(icon="file-check", title=_("Put on a manifest"), lines=(_MANIFEST,)),
    "container.release": Telling(icon="file-x", title=_("Free again: its manifest was called off"), lines=(_MANIFEST,)),
    "container.depart": Telling(
        icon="truck", title=_("Left with the carrier"), lines=(_MANIFEST, ("vehicle", _("Vehicle %(vehicle)s")))
    ),
    "container.receive": Telling(
        icon="building-warehouse",
        title=_("Received"),
        lines=(
            _PLACE,
            _BAY,
            ("mass_kg", _("Weighed %(mass_kg)s kg, declared %(declared_kg)s kg")),
            ("permit_lapsed", _("The receiver's permit did not cover it any more")),
            _MANIFEST,
        ),
    ),
    "container.reject": Telling(
        icon="square-x", title=_("Refused by the receiver"), lines=(_REASON, _WEIGHED, _DIFFERING, _MANIFEST)
    ),
    "container.take_back": Telling(
        icon="arrow-back-up", title=_("Taken back by the sender"), lines=(_PLACE, _BAY, _MANIFEST)
    ),
    "container.take_over": Telling(
        icon="truck",
        title=_("Taken over by the next carrier"),
        lines=(("place", _("At %(place)s")), ("vehicle", _("Vehicle %(vehicle)s")), _MANIFEST),
    ),
    "container.reroute": Telling(
        icon="file-check", title=_("Refused before: on a further manifest, still on the lorry"), lines=(_MANIFEST,)
    ),
    "container.unroute": Telling(icon="file-x", title=_("The further manifest was called off"), lines=(_MANIFEST,)),
    "container.weigh": Telling(
        icon="scale", title=_("Mass corrected"), lines=(("to_kg", _("From %(from_kg)s kg to %(to_kg)s kg")), _MANIFEST)
    ),
    "container.treat": Telling(
        icon="recycle",
        title=_("Treated"),
        lines=(
            ("method", _("%(mass_kg)s kg by %(method_name)s (%(method)s)")),
            ("plant", "%(plant)s"),
            ("residue", _("Left over: %(residue)s")),
            _MANIFEST,
        ),
    ),
    "container.treat_part": Telling(
        icon="recycle",
        title=_("Treated in part"),
        lines=(
            ("method", _("%(mass_kg)s kg by %(method_name)s (%(method)s)")),
            ("plant", "%(plant)s"),
            ("residue", _("Left over: %(residue)s")),
            _MANIFEST,
        ),
    ),
    "container.void": Telling(icon="ban", title=_("Voided: logged by mistake"), lines=(_REASON,)),
    "container.print_label": Telling(icon="printer", title=_("Label printed")),
    "container.derive": Telling(
        icon="arrows-split",
        title=_("Filled from other drums"),
        lines=(
            ("how_word", "%(how_word)s"),
            ("mass_kg", _("%(mass_kg)s kg of %(name)s, %(waste_code)s")),
            ("due_day", _("Must leave by %(due_day)s")),
        ),
    ),
    "container.empty": Telling(
        icon="package-export", title=_("Emptied"), lines=(("how_word", "%(how_word)s"), ("went", _("Into %(went)s")))
    ),
    "container.extend": Telling(
        icon="calendar-plus",
        title=_("Storage time extended"),
        lines=(("due_day", _("Until %(due_day)s")), ("document", _("By the document %(document)s"))),
    ),
    "container.state_reactions": Telling(
        icon="flask", title=_("Stated what it reacts with"), lines=(("groups", "%(groups)s"),)
    ),
    "container.load": Telling(icon="truck-loading", title=_("Loaded onto the vehicle"), lines=(_MANIFEST,)),
    "container.unload": Telling(icon="arrow-back-up", title=_("Taken off the vehicle again"), lines=(_MANIFEST,)),
    "container.unstore": Telling(
        icon="arrow-back-up", title=_("Put into the store by mistake: taken back"), lines=(_PLACE, _BAY)
    ),
    "container.unreceive": Telling(
        icon="arrow-back-up", title=_("Received by mistake: taken back"), lines=(_MANIFEST,)
    ),
    "scan.seen": Telling(icon="eye", title=_("A scan that broke a rule was seen to"), lines=(_NOTE,)),
    "container.scan_seen": Telling(icon="eye", title=_("A scan that broke a rule was seen to"), lines=(_NOTE,)),
    "container.lose": Telling(
        icon="help-circle", title=_("Recorded as missing: a count did not find it"), lines=(_PLACE, _BAY, _REASON)
    ),
    "container.find": Telling(icon="eye", title=_("Found again"), lines=(_PLACE, _BAY, _REASON)),
    "count.begin": Telling(icon="list-check", title=_("Bay being counted"), lines=(_PLACE, _BAY)),
    "count.drop": Telling(icon="ban", title=_("Count called off"), lines=(_PLACE, _BAY)),
    "count.close": Telling(
        icon="list-check",
        title=_("Bay counted"),
        lines=(
            _PLACE,
            _BAY,
            ("counted", _("%(counted)s counted; by the books %(expected)s with %(expected_kg)s kg")),
            ("differences", _("Differences: %(differences)s")),
        ),
    ),
    "count.settle_line": Telling(icon="checkbox", title=_("A difference of a count settled"), lines=(_BAY, _REASON)),
    "count.settle": Telling(icon="circle-check", title=_("Count settled"), lines=(_PLACE, _BAY)),
    "round.change": Telling(
        icon="pencil",
        title=_("Round changed"),
        lines=(("vehicle", _("Vehicle %(vehicle)s")), ("day", _("On %(day)s"))),
    ),
    "round.serve": Telling(
        icon="circle-check", title=_("Stop served"), lines=(("firm", "%(firm)s"), _MANIFEST, _PHONE)
    ),
    "round.miss": Telling(icon="square-x", title=_("Stop not served"), lines=(("firm", "%(firm)s"), _REASON)),
    "round.park": Telling(
        icon="alert-triangle", title=_("A signed stop could not be recorded"), lines=(("firm", "%(firm)s"), _PHONE)
    ),
    "manifest.draft": Telling(icon="pencil", title=_("Drafted")),
    "manifest.revise": Telling(icon="pencil", title=_("The draft was changed")),
    "manifest.attach": Telling(icon="plus", title=_("A scan of the paper was added"), lines=(("name", "%(name)s"),)),
    "vehicle.set": Telling(
        icon="truck",
        title=_("A vehicle is on record"),
        lines=(
            ("plate", _("Vehicle %(plate)s")),
            ("permit_number", _("Certificate %(permit_number)s")),
            ("valid_to", _("Until %(valid_to)s")),
            ("capacity_kg", _("Up to %(capacity_kg)s kg")),
        ),
    ),
    "vehicle.end": Telling(
        icon="truck", title=_("A vehicle is off the record"), lines=(("plate", _("Vehicle %(plate)s")),)
    ),
    "plan.set": Telling(
        icon="pencil",
        title=_("Planned for the year"),
        lines=(("to_kg", _("%(year)s: %(to_kg)s kg of %(waste_code)s to %(receiver)s")),),
    ),
    "approval.record": Telling(
        icon="file-check",
        title=_("An approval to leave the province was recorded"),
        lines=(("number", _("%(number)s: %(mass_kg)s kg to %(receiver)s until %(valid_to)s")),),
    ),
    "contract.record": Telling(
        icon="file-check",
        title=_("A contract was recorded"),
        lines=(("number", _("%(number)s with %(partner)s until %(valid_to)s")),),
    ),
    "permit.record": Telling(
        icon="certificate",
        title=_("A permit was put on record"),
        lines=(
            ("number", _("%(number)s of %(holder)s, from %(valid_from)s to %(valid_to)s")),
            ("permit_kind", "%(permit_kind)s"),
            ("codes", _("It names %(codes)s")),
            ("mass_a_year", _("Up to %(mass_a_year)s a year")),
        ),
    ),
    "permit.correct": Telling(
        icon="pencil",
        title=_("A permit was corrected"),
        lines=(("permit", "%(permit)s"), ("put_right", "%(put_right)s"), _REASON),
    ),
    "permit.withdraw": Telling(
        icon="ban",
        title=_("A permit was withdrawn"),
        lines=(
            ("permit", "%(permit)s"),
            ("last_day", _("Its last day is %(last_day)s, no longer %(was_to)s")),
            ("never_held", _("It never held: it had been put on record by mistake")),
            _REASON,
        ),
    ),
    "filing.record": Telling(icon="certificate", title=_("Filed with the authority"), lines=_FILED),
    "filing.withdraw": Telling(icon="arrow-back-up", title=_("Filing withdrawn"), lines=(*_FILED, _REASON)),
    "manifest.issue": Telling(icon="signature", title=_("Issued and signed by the sender")),
    "manifest.cancel": Telling(icon="ban", title=_("Called off"), lines=(_REASON,)),
    "manifest.depart": Telling(
        icon="truck",
        title=_("Departed, signed by the carrier"),
        lines=(
            ("vehicle", _("Vehicle %(vehicle)s")),
            ("scanned", _("Scanned on: %(scanned)s of %(drums)s drums")),
            ("compared", _("Not scanned: every label compared with the list by eye")),
            _BY_SENDER,
        ),
    ),
    "manifest.hand_over": Telling(
        icon="truck",
        title=_("Handed over, signed by the carrier"),
        lines=(("carrier", _("To %(carrier)s")), ("place", _("At %(place)s"))),
    ),
    "manifest.take_over": Telling(
        icon="truck",
        title=_("Taken over, signed by the next carrier"),
        lines=(("carrier", "%(carrier)s"), ("vehicle", _("Vehicle %(vehicle)s"))),
    ),
    "manifest.show": Telling(
        icon="shield-check",
        title=_("A roadside check was opened for an officer"),
        lines=(("until", _("Until %(until_time)s")),),
    ),
    "manifest.roadside": Telling(
        icon="eye",
        title=_("Looked at by an officer at the roadside"),
        lines=(("shown_by", _("Shown by %(shown_by)s")),),
    ),
    "manifest.call_off": Telling(icon="ban", title=_("Called off under way, by consent"), lines=(_REASON,)),
    "manifest.deliver": Telling(icon="map-pin", title=_("Delivered to the receiver's gate")),
    "manifest.receipt": Telling(
        icon="checkbox", title=_("Some of the drums received"), lines=(_FOUND, *_RECEIPT_CONFIRMED)
    ),
    "manifest.receive": Telling(icon="checkbox", title=_("Received in full"), lines=_RECEIPT_CONFIRMED),
    "manifest.receive_partly": Telling(icon="square-half", title=_("Received in part"), lines=_RECEIPT_CONFIRMED),
    "manifest.reject": Telling(icon="square-x", title=_("Refused by the receiver"), lines=_RECEIPT_CONFIRMED),
    "manifest.reopen": Telling(icon="arrow-back-up", title=_("A receipt was taken back: the load waits again")),
    "manifest.treat": Telling(
        icon="recycle",
        title=_("Treatment recorded, signed by the plant"),
        lines=(("drums", _("%(drums)s drums, %(mass_kg)s kg")),),
    ),
    "manifest.discrepancy": Telling(
        icon="scale",
        title=_("Declared and received differ"),
        lines=(
            ("declared_kg", _("Declared %(declared_kg)s kg, received %(received_kg)s kg")),
            _DIFFERING,
            _NOTE,
        ),
    ),
    "manifest.correct": Telling(
        icon="pencil",
        title=_("Corrected"),
        lines=(("corrected", "%(corrected)s"), _REASON, ("version", _("Version %(version)s"))),
    ),
    "manifest.settle": Telling(
        icon="scale",
        title=_("Mass stated"),
        lines=(
            ("mass_kg", _("%(side_name)s: %(mass_kg)s kg")),
            ("found", _("Accepted as found: %(found)s")),
            _NOTE,
        ),
    ),
    "manifest.number": Telling(
        icon="hash",
        title=_("National number recorded"),
        lines=(("number", "%(number)s"), ("was", _("Before: %(was)s"))),
    ),
    "manifest.close": Telling(icon="circle-check", title=_("Closed")),
    "correction.propose": Telling(icon="pencil", title=_("A correction is proposed"), lines=(_REASON,)),
    "correction.ask": Telling(
        icon="pencil",
        title=_("Who has signed since is asked to agree to the correction too"),
        lines=(("names", "%(names)s"),),
    ),
    "correction.consent": Telling(icon="signature", title=_("Agreed to the correction")),
    "correction.approve": Telling(icon="circle-check", title=_("All have agreed: the correction holds")),
    "correction.decline": Telling(icon="ban", title=_("The correction was declined"), lines=(_REASON,)),
    "correction.withdraw": Telling(icon="arrow-back-up", title=_("The correction was withdrawn")),
    "collection.ask": Telling(icon="plus", title=_("Asked to be fetched"), lines=(_NOTE,)),
    "collection.plan": Telling(icon="truck", title=_("Put on a round")),
    "collection.fall_back": Telling(icon="arrow-back-up", title=_("Back in the list: not fetched"), lines=(_REASON,)),
    "collection.serve": Telling(icon="circle-check", title=_("Fetched"), lines=(_MANIFEST, _PHONE)),
    "collection.withdraw": Telling(icon="ban", title=_("The firm no longer wants to be fetched from")),
    "round.plan": Telling(icon="truck", title=_("A round is planned"), lines=(("vehicle", _("Vehicle %(vehicle)s")),)),
    "round.start": Telling(icon="truck", title=_("The driver has set out")),
    "round.finish": Telling(icon="circle-check", title=_("The round is finished")),
    "round.cancel": Telling(icon="ban", title=_("The round was called off"), lines=(_REASON,)),
    "walk_in.start": Telling(
        icon="user-question",
        title=_("Weighed at the counter, waiting for the firm"),
        lines=(("depot_name", "%(depot_name)s"), ("firm", "%(firm)s")),
    ),
    "walk_in.confirm": Telling(icon="signature", title=_("Confirmed and signed by the firm"), lines=(_COUNTER,)),
    "walk_in.decline": Telling(icon="ban", title=_("Declined"), lines=(_REASON,)),
    "walk_in.expire": Telling(icon="clock-off", title=_("Expired: nobody confirmed it in time")),
    "person.set_pin": Telling(icon="key", title=_("Signing PIN set")),
    "person.pin_locked": Telling(icon="lock", title=_("Signing PIN locked after wrong tries"), lines=(_COUNTER,)),
    "alert.warn": Telling(icon="alert-triangle", title=_("Warned: due soon"), lines=(("due", _("Due by %(due)s")),)),
    "alert.fall_due": Telling(icon="alert-octagon", title=_("Overdue"), lines=_WAS_DUE),
    "alert.escalate": Telling(
        icon="building-bank", title=_("It has stood for too long: the district has been told"), lines=_WAS_DUE
    ),
    "webhook.create": Telling(icon="webhook", title=_("Webhook made"), lines=(_HOST,)),
    "webhook.rotate": Telling(icon="key", title=_("Webhook: another secret"), lines=(_HOST,)),
    "webhook.pause": Telling(icon="player-pause", title=_("Webhook paused"), lines=(_HOST,)),
    "webhook.resume": Telling(icon="player-play", title=_("Webhook resumed"), lines=(_HOST,)),
    "webhook.ping": Telling(icon="send", title=_("Webhook tested"), lines=(_HOST,)),
    "webhook.replay": Telling(
        icon="history", title=_("Webhook set back"), lines=(_HOST, ("index", _("Again from entry %(index)s on")))
    ),
    "webhook.remove": Telling(icon="trash", title=_("Webhook removed"), lines=(_HOST,)),
    "webhook.fail": Telling(icon="plug-connected-x", title=_("Webhook fails"), lines=(_HOST,)),
    "webhook.recover": Telling(icon="plug-connected", title=_("Webhook works again"), lines=(_HOST,)),
    "webhook.give_up": Telling(icon="ban", title=_("Webhook given up after failing for days"), lines=(_HOST,)),
    "alert.resolve": Telling(icon="circle-check", title=_("Warning ended")),
    "alert.acknowledge": Telling(icon="eye", title=_("Warning acknowledged"), lines=(_NOTE,)),
    "bay.set": Telling(
        icon="layout-grid", title=_("Bay set up"), lines=(_BAY, _PLACE, ("fields", _("Changed: %(fields)s")))
    ),
    "bay.remove": Telling(icon="layout-off", title=_("Bay taken away"), lines=(_BAY, _PLACE)),
    "district.set_figure": Telling(
        icon="adjustments",
        title=_("Figure set"),
        lines=(
            ("figure", _("%(figure)s: %(value)s; by the rules %(rule)s")),
            ("source", _("Source: %(source)s")),
        ),
    ),
    "district.set_pair": Telling(
        icon="arrows-split",
        title=_("Compatibility set"),
        lines=(("pair", "%(pair)s"), ("source", _("Source: %(source)s"))),
    ),
    "district.withdraw": Telling(
        icon="arrow-back-up", title=_("Own decision withdrawn"), lines=(("withdrawn", "%(withdrawn)s"),)
    ),
    "organisation.tighten": Telling(
        icon="adjustments",
        title=_("Figure tightened for ourselves"),
        lines=(("figure", _("%(figure)s: %(value)s; in the district %(district)s")),),
    ),
    "organisation.loosen": Telling(
        icon="arrow-back-up", title=_("Own figure taken back"), lines=(("figure", "%(figure)s"),)
    ),
    "stream.save": Telling(
        icon="bookmark", title=_("Kept as a usual waste"), lines=(("name", _("%(name)s, %(waste_code)s")),)
    ),
}
REGROUPED = {"split": _("Split"), "merge": _("Merged"), "repack": _("Repacked")}
CORRECTED = {
    "mass_kg": _("Mass received"),
    "declared_mass_kg": _("Mass declared"),
    "name": _("Name"),
    "form": _("Form"),
    "hazards": _("Hazards"),
    "components": _("Components"),
    "container_kind": _("Packaging"),
    "received_at": _("Received at"),
    "emergency_measures": _("Emergency measures"),
    "contract": _("Contract"),
    "vehicle": _("Vehicle"),
}
"""What a correction of a manifest can change, in words."""
KG_A_TONNE = 1000
PERMIT_KINDS = {kind.value: kind.label for kind in PermitKind}
PERMIT_FACTS = {
    "number": _("Number"),
    "kind": _("Kind"),
    "codes": _("Codes"),
    "yearly_mass_kg": _("Mass a year"),
    "valid_from": _("First day"),
    "valid_to": _("Last day"),
}
"""What a permit says, in words."""
DIFFERENCES = {"name": _("Name"), "hazards": _("Hazards"), "form": _("Form"), "packaging": _("Packaging")}
"""What a receipt may find other than declared, beside the mass."""
SIDES = {"sender": _("Sender"), "receiver": _("Receiver")}
BAY_FIELDS = {
    "code": _("code"),
    "name": _("name"),
    "place": _("place on the plan"),
    "admits": _("wastes admitted"),
    "hazards": _("hazards admitted"),
    "capacity_kg": _("capacity"),
    "places": _("places"),
    "bund_l": _("bund"),
    "temperature": _("temperature"),
}
"""What of a bay can change, in words."""


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "—"


def tell(kind: str, data: Mapping[str, Any]) -> Told:
    """An entry's kind and data in the active language; a kind without a sentence is told by its own name."""
    telling = TELLINGS.get(kind)
    if telling is None:
        return Told("point", kind, ())
    words = _Blank({**data, **_derived(data)})
    lines = (str(line) % words for name, line in telling.lines if words.get(name) not in (None, ""))
    return Told(telling.icon, _title(kind, data, telling), tuple(lines))


_ALERT_STATES = {"alert.warn": AlertState.WARNED, "alert.fall_due": AlertState.OVERDUE}


def _title(kind: str, data: Mapping[str, Any], telling: Telling) -> str:
    """The title; of an alert it says of which kind it is, and its state as the watch calls it."""
    if not kind.startswith("alert.") or "kind" not in data:
        return str(telling.title)
    named, state = str(data["kind"]), _ALERT_STATES.get(kind)
    return f"{title_of(named)} · {(state and own_word(named, state)) or telling.title}"


def _derived(data: Mapping[str, Any]) -> dict[str, Any]:
    """Words for what the data holds as codes."""
    found: dict[str, Any] = {}
    if method := treatment_method(str(data.get("method") or "")):
        found["method_name"] = method.en if (get_language() or "").startswith("en") else method.zh
    if data.get("side") in SIDES:
        found["side_name"] = SIDES[data["side"]]
    if isinstance(differs := data.get("differs"), str):
        found["differing"] = listed(str(DIFFERENCES.get(name, name)) for name in differs.split())
    found |= _received(data)
    if isinstance(as_found := data.get("as_found"), str):
        found["found"] = listed(str(DIFFERENCES.get(name, name)) for name in as_found.split())
    if "version" in data and isinstance(changes := data.get("changes"), list):
        found["corrected"] = listed(_corrected(one, data.get("drums") or {}) for one in changes)
    if isinstance(asked := data.get("asked"), list):
        found["names"] = listed(asked)
    if isinstance(changed := data.get("changed"), Mapping):
        found["fields"] = ", ".join(str(BAY_FIELDS.get(name, name)) for name in changed)
    return found | _timed(data) | _regrouped(data) | _decided(data) | _permitted(data) | _by_the_phone(data)


def _timed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Words for when something is due or late, and until when it holds."""
    found: dict[str, Any] = {}
    if due := parse_datetime(str(data.get("due_at") or "")):
        if own_word(str(data.get("kind")), AlertState.OVERDUE):
            found["since"] = late_since(due).isoformat()
        else:
            found["due"] = timezone.localdate(due).isoformat()
    until = parse_datetime(str(data.get("until") or ""))
    # A bare day is no moment: such a one says itself.
    if until and timezone.is_aware(until):
        found["until_time"] = timezone.localtime(until).strftime("%H:%M")
    return found


def _received(data: Mapping[str, Any]) -> dict[str, Any]:
    """How a receipt was confirmed, and what it found."""
    meaning, content = data.get("meaning"), data.get("content")
    if meaning in ("receive_by_scan", "receive_at_counter"):
        return {str(meaning): True}
    if meaning != "receipt" or not isinstance(content, Mapping):
        return {}
    accepted = sum(1 for line in content["lines"] if line["outcome"] == "accepted")
    return {"receipt_signed": True, "accepted": accepted, "refused": len(content["lines"]) - accepted}


def _permitted(data: Mapping[str, Any]) -> dict[str, Any]:
    """Words for what a permit says, and for what of it was put right or withdrawn."""
    found: dict[str, Any] = {}
    if data.get("kind") in PERMIT_KINDS and "holder" in data:
        found["permit_kind"] = PERMIT_KINDS[data["kind"]]
        found["mass_a_year"] = _as_said("yearly_mass_kg", data["yearly_mass_kg"]) if data["yearly_mass_kg"] else ""
    if "was_to" in data and not data.get("last_day"):
        found["never_held"] = True
    if isinstance(facts := data.get("facts"), list):
        found["put_right"] = listed(
            f"{PERMIT_FACTS.get(one['fact'], one['fact'])}: "
            f"{_as_said(one['fact'], one['old'])} → {_as_said(one['fact'], one['new'])}"
            for one in facts
        )
    return found


def _as_said(fact: str, value: str | None) -> str:
    """A permit's fact as people read it."""
    if fact == "kind":
        return str(PERMIT_KINDS.get(value or "", value))
    if value and fact == "yearly_mass_kg":
        return f"{(Decimal(value) / KG_A_TONNE).normalize():f} t"
    return value or "—"


def _by_the_phone(data: Mapping[str, Any]) -> dict[str, Any]:
    """The time of signing as a phone said it, on our clock's face."""
    phone = data.get("phone")
    try:
        at = parse_datetime(str(phone["signed_at"])) if isinstance(phone, Mapping) and "signed_at" in phone else None
        return {"phone_said": timezone.localtime(at).strftime("%Y-%m-%d %H:%M")} if at else {}
    except (ValueError, OverflowError):
        return {}


def _corrected(change: Mapping[str, Any], drums: Mapping[str, str]) -> str:
    """One field that was corrected, of which drum; `drums`: their short codes by code."""
    field, code = change["field"], change["container"]
    old, new = (_as_word(field, change[name]) for name in ("old", "new"))
    drum = f"{group(drums.get(code, code))} " if code else ""
    return f"{drum}{CORRECTED.get(field, field)}: {old} → {new}"


def _as_word(field: str, value: str) -> str:
    """A corrected field's value as people read it."""
    if not value:
        return "—"
    if field in ("mass_kg", "declared_mass_kg"):
        return f"{value} kg"
    if field == "received_at" and (moment := parse_datetime(value)):
        return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M")
    term = {"form": form, "container_kind": container_kind}.get(field, lambda _: None)(value)
    if term is None:
        return value
    return term.en if (get_language() or "").startswith("en") else term.zh


def _regrouped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Words for what became of a drum's content, its time, and what it reacts with."""
    found: dict[str, Any] = {}
    if data.get("how") in REGROUPED:
        found["how_word"] = REGROUPED[data["how"]]
    if isinstance(into := data.get("into"), list):
        found["went"] = listed(f"{group(one['short_code'])} ({one['mass_kg']} kg)" for one in into)
    if due := parse_datetime(str(data.get("storage_deadline") or "")):
        found["due_day"] = timezone.localdate(due).isoformat()
    if isinstance(stated := data.get("reaction_groups"), str):
        language = "en" if (get_language() or "").startswith("en") else "zh"
        names = [group_name(code, language) for code in stated.split()]
        found["groups"] = " · ".join(names) or _("With nothing known")
    return found


def _decided(data: Mapping[str, Any]) -> dict[str, Any]:
    """Words for what a district has decided."""
    language = "en" if (get_language() or "").startswith("en") else "zh"
    if "group_a" in data:
        names = " · ".join(group_name(str(data[name]), language) for name in ("group_a", "group_b"))
        apart = _("must stand apart") if data.get("apart") else _("may stand together")
        return {"withdrawn": names} if "what" in data else {"pair": f"{names}: {apart}"}
    if "key" in data:
        name = figure_name(str(data["key"]))
        return {"withdrawn": name} if "what" in data else {"figure": name}
    return {}
