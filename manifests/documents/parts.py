"""The rows of the manifest's three parts, as the official form has them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from labels import fonts
from manifests.documents.gather import Facts, Group
from manifests.documents.sheets import PALE, Cell, Row
from manifests.documents.words import NONE, Words, known_word, word
from manifests.models import Leg
from wastetrack.parties.models import Organisation
from wastetrack.regulations.divisions import full_name
from wastetrack.regulations.hazards import name_of
from wastetrack.regulations.vocabulary import CONTAINER_KINDS, FORMS, TREATMENT_METHODS, Term
from wastetrack.units import tonnes

RECEIPTS = ("manifest.receive", "manifest.receive_partly", "manifest.reject")
_CAPTION, _VALUE = 1.15, 2.2
Columns = tuple[tuple[str, float], ...]
"""A table's columns: the name of each one's caption, and its share of the width."""


# --- pieces ------------------------------------------------------------------------------------------------


def moment(at: datetime | None) -> str:
    """A local time to the minute; a dash for none."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M") if at else NONE


def exact_tonnes(mass_g: int | None) -> str:
    """Grams as tonnes, exactly: at most six decimals, none that says nothing."""
    if mass_g is None:
        return NONE
    return f"{tonnes(mass_g):.6f}".rstrip("0").rstrip(".") or "0"


def heading(words: Words, *, level: int = 1) -> Row:
    """A heading over the whole width, kept with what follows."""
    size = 10.0 if level == 1 else 8.5
    ground = 0.85 if level == 1 else PALE
    return Row([Cell(f"{words.zh}  {words.en}", face=fonts.BOLD, size=size, ground=ground)], keeps=True)


def caption(name: str, share: float = _CAPTION) -> Cell:
    """A field's name, with small English below."""
    zh, en = word("captions", name)
    return Cell(zh, share, note=en, size=7.5, ground=PALE)


def fields(*pairs: tuple[str, str], keeps: bool = True, note: str = "") -> Row:
    """One row of captions with their values; a single pair takes the whole width."""
    shares = _VALUE if len(pairs) > 1 else 2 * _VALUE + _CAPTION
    cells = []
    for name, value in pairs:
        cells += [caption(name), Cell(value or NONE, shares, note=note)]
    return Row(cells, keeps=keeps)


def table_head(columns: Columns) -> Row:
    """The head of a table: each column's caption and share."""
    cells = [Cell(*_titled(name, share), size=7, align="center", ground=PALE) for name, share in columns]
    return Row(cells, keeps=True)


def _titled(name: str, share: float) -> tuple[str, float, str]:
    zh, en = word("captions", name)
    return zh, share, en


def term(table: dict[str, Term], code: str) -> str:
    """A stored word in Chinese; the code itself for one we do not know."""
    return table[code].zh if code in table else code


def address_of(organisation: Organisation) -> str:
    return organisation.address or full_name(organisation.division)


# --- 一、移出 -----------------------------------------------------------------------------------------------

_SENT: Columns = (("no", 0.5), ("name", 2), ("code", 1.45), ("hazards", 1.1), ("form", 0.75), ("harmful", 2))
_SENT = (*_SENT, ("packaging", 1), ("count", 0.8), ("sent_t", 1.15))


def sending(facts: Facts) -> list[Row]:
    """Part one: who sends what, and what to do when it leaks."""
    manifest, sender = facts.manifest, facts.manifest.sender
    issue = facts.last_entry("manifest.issue")
    person = (issue.user_name or issue.username) if issue else sender.contact_name
    rows = [
        heading(word("parts", "sending")),
        fields(("unit", sender.name), ("emergency_phone", sender.contact_phone)),
        fields(("address", manifest.sender_site.address or address_of(sender)), ("uscc", sender.uscc)),
        fields(("operator", person), ("phone", sender.contact_phone)),
        fields(("issued", moment(manifest.issued_at)), ("handed_over", moment(manifest.departed_at))),
        fields(("site", manifest.sender_site.name), ("contract", manifest.contract)),
        fields(("measures", manifest.emergency_measures)),
    ]
    head = table_head(_SENT)
    rows.append(head)
    rows += [_sent_row(number, group, head) for number, group in enumerate(facts.groups, 1)]
    return [*rows, _total(_SENT, {"count": str(len(facts.lines)), "sent_t": exact_tonnes(facts.sent_total_g)})]


def _sent_row(number: int, group: Group, head: Row) -> Row:
    drum = group.drum
    values = {
        "no": str(number),
        "name": drum.name,
        "code": drum.waste_code,
        "hazards": " ".join(f"{name_of(letter, 'zh')}{letter}" for letter in drum.hazard_letters) or NONE,
        "form": term(dict(FORMS), drum.form),
        "harmful": drum.harmful_components or drum.components or NONE,
        "packaging": term(dict(CONTAINER_KINDS), drum.container_kind),
        "count": str(len(group.lines)),
        "sent_t": exact_tonnes(group.sent_g),
    }
    return _table_row(_SENT, values, head)


def _table_row(columns: Columns, values: dict[str, str], head: Row) -> Row:
    cells = [
        Cell(values[name], share, size=8, align="right" if name in _FIGURES else "left") for name, share in columns
    ]
    return Row(cells, head=[head])


_FIGURES = frozenset({"no", "count", "sent_t", "accepted_t", "sent_kg", "accepted_kg"})


def _total(columns: Columns, values: dict[str, str]) -> Row:
    """The sums of a table, below its columns; what has none is one cell with the word for it."""
    zh, en = word("captions", "total")
    cells: list[Cell] = []
    for name, share in columns:
        if name in values:
            cells.append(Cell(values[name], share, size=8, face=fonts.BOLD, align="right"))
        elif len(cells) == 1 and name not in values:
            cells[0] = Cell(cells[0].words, cells[0].share + share, size=8, face=fonts.BOLD)
        elif not cells:
            cells.append(Cell(f"{zh} {en}", share, size=8, face=fonts.BOLD))
        else:
            cells.append(Cell("", share))
    return Row(cells)


# --- 二、运输 -----------------------------------------------------------------------------------------------


def carriage(facts: Facts) -> list[Row]:
    """Part two: a block for each carrier's part of the way; before departure the carrier that is to come."""
    rows = [heading(word("parts", "carriage"))]
    if facts.legs:
        for number in range(len(facts.legs)):
            rows += _leg(facts, number)
    elif carrier := facts.manifest.carrier:
        rows += _block(facts, carrier, None, end="", start=_sender_place(facts))
    else:
        rows.append(Row([Cell(NONE)]))
    return rows


def _leg(facts: Facts, number: int) -> list[Row]:
    leg, following = facts.legs[number], facts.legs[number + 1 : number + 2]
    head = word("parts", "leg", n=number + 1)
    if not leg.departed_at:
        status = word("words", "offered" if leg.handed_over_at else "planned")
        head = Words(f"{head.zh}（{status.zh}）", f"{head.en} · {status.en}")
    elif facts.manifest.self_delivered:
        own = word("words", "own_transport")
        head = Words(f"{head.zh}（{own.zh}）", f"{head.en} · {own.en}")
    start = leg.place or _sender_place(facts)
    end = following[0].place if following else ""
    return [heading(head, level=2), *_block(facts, leg.carrier, leg, start=start, end=end)]


def _sender_place(facts: Facts) -> str:
    site = facts.manifest.sender_site
    return site.address or f"{full_name(site.division)} {site.name}"


def _block(facts: Facts, carrier: Organisation, leg: Leg | None, *, start: str, end: str) -> list[Row]:
    on = timezone.localdate((leg and leg.departed_at) or facts.manifest.issued_at or facts.now)
    permits = facts.permits_of(carrier.pk, transport=True, on=on)
    receiver = facts.manifest.receiver
    return [
        fields(("unit", carrier.name), ("transport_permit", "、".join(permits))),
        fields(("address", address_of(carrier)), ("phone", carrier.contact_phone)),
        fields(("driver", leg.driver_name if leg else ""), ("driver_phone", "")),
        fields(("vehicle", word("words", "road").zh), ("plate", leg.plate if leg else "")),
        fields(("start", start), ("departed", moment(leg.departed_at if leg else None))),
        fields(("via", ""), ("end", end or f"{receiver.name} {address_of(receiver)}")),
        fields(("arrived", moment(leg.arrived_at if leg else None)), keeps=False),
    ]


# --- 三、接受 -----------------------------------------------------------------------------------------------

_TAKEN: Columns = (("no", 0.5), ("name", 2), ("code", 1.45), ("significant", 1.5), ("opinion", 1.9), ("method", 2))
_TAKEN = (*_TAKEN, ("accepted_t", 1.25))


def receipt(facts: Facts) -> list[Row]:
    """Part three: what the receiver found and decided, and how it treats it."""
    manifest, receiver = facts.manifest, facts.manifest.receiver
    signed = facts.last_entry(*RECEIPTS)
    person = (signed.user_name or signed.username) if signed else ""
    on = timezone.localdate(manifest.received_at or manifest.issued_at or facts.now)
    permits = facts.permits_of(receiver.pk, transport=False, on=on)
    head = table_head(_TAKEN)
    return [
        heading(word("parts", "receipt")),
        fields(("unit", receiver.name), ("operating_permit", "、".join(permits))),
        fields(("address", address_of(receiver)), ("uscc", receiver.uscc)),
        fields(("operator", person), ("phone", receiver.contact_phone)),
        fields(("received", moment(manifest.received_at))),
        head,
        *(_taken_row(facts, number, group, head) for number, group in enumerate(facts.groups, 1)),
        _total(_TAKEN, {"accepted_t": exact_tonnes(facts.accepted_total_g)}),
    ]


def _taken_row(facts: Facts, number: int, group: Group, head: Row) -> Row:
    values = {
        "no": str(number),
        "name": group.drum.name,
        "code": group.drum.waste_code,
        "significant": _difference(group),
        "opinion": _opinion(group),
        "method": _method(facts, group),
        "accepted_t": exact_tonnes(group.accepted_g),
    }
    return _table_row(_TAKEN, values, head)


def _difference(group: Group) -> str:
    if group.accepted_g is None:
        return NONE
    if group.significant:
        return " ".join(word("words", "yes"))
    if group.severities:
        return f"{word('words', 'no').zh}（{word('words', 'notice').zh}）"
    return " ".join(word("words", "no"))


def _opinion(group: Group) -> str:
    """How many of it were accepted and refused, and how many wait."""
    counts = {"accepted": len(group.accepted), "rejected": len(group.refused)}
    counts["open"] = len(group.lines) - sum(counts.values())
    if counts["open"] == len(group.lines):
        return NONE
    return " · ".join(f"{word('outcomes', name).zh} {count}" for name, count in counts.items() if count)


def _method(facts: Facts, group: Group) -> str:
    if not group.accepted:
        return NONE
    if not group.methods:
        return word("words", "collect").zh if not facts.manifest.is_final_transfer else NONE
    return "、".join(f"{code} {term(dict(TREATMENT_METHODS), code)}" for code in group.methods)


def state_words(facts: Facts) -> Words:
    """The state as of now."""
    return known_word("states", facts.manifest.state)
