"""What follows the three parts: the corrections agreed on, who signed, and every drum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.utils.dateparse import parse_datetime

from labels import fonts
from manifests.documents.gather import Facts, differences_of
from manifests.documents.parts import Columns, heading, moment, table_head, term
from manifests.documents.sheets import GREY, Cell, Row
from manifests.documents.words import NONE, Words, document_words, known_word, word
from manifests.models import Consent, Correction, CorrectionState, Discrepancy, Line, Outcome, Statement
from wastetrack.ledger.models import Entry
from wastetrack.regulations.identifiers import group
from wastetrack.regulations.vocabulary import CONTAINER_KINDS, FORMS
from wastetrack.telling import tell
from wastetrack.units import kg_text

_VERSIONS = (("what", 2.2), ("old", 2), ("new", 2))
_SIGNED = (("when", 1.3), ("meaning", 1.4), ("signer", 1.2), ("for_whom", 2.3), ("how", 1.5), ("digest", 1.3))
_DRUMS: Columns = (("no", 0.45), ("drum", 3.5), ("code", 1.15), ("packaging", 0.9), ("sent_kg", 1.25), ("outcome", 1.8))
_DRUMS = (*_DRUMS, ("accepted_kg", 1.25))
_DIFFERENCES: Columns = (("drum", 1.4), ("declared_kg", 1.2), ("measured_kg", 1.2), ("agreed_kg", 1.2), ("stated", 5))
SHORT_DIGEST = 16


# --- corrections -------------------------------------------------------------------------------------------


def versions(facts: Facts) -> list[Row]:
    """Every correction that holds or is proposed: old and new value, who proposed it, who agreed when."""
    if not facts.corrections:
        return []
    codes = {line.container.code: line.container.short_code for line in facts.lines}
    rows = [heading(word("parts", "versions"))]
    for correction in facts.corrections:
        head = [_version_head(correction), table_head(_VERSIONS)]
        rows += head
        rows += [_change(change, codes, head) for change in _changes(correction)]
        rows += [_agreed(correction)]
    return rows


def _version_head(correction: Correction) -> Row:
    zh, en = word("words", "agreed" if correction.state == CorrectionState.APPROVED else "open")
    number = f"{word('captions', 'version').zh} {correction.version or NONE}"
    words = f"{number} · {zh} {en} · {correction.proposer.name} {moment(correction.proposed_at)}"
    return Row([Cell(words, face=fonts.BOLD, size=8, note=correction.reason)], keeps=True)


def _changes(correction: Correction) -> Iterator[dict[str, Any]]:
    if correction.cancels:
        yield {"container": None, "field": "", "old": "", "new": word("words", "cancels").zh}
    yield from correction.data


def _change(change: dict[str, Any], codes: dict[str, str], head: list[Row]) -> Row:
    code, name = str(change.get("container") or ""), str(change.get("field") or "")
    about = group(codes.get(code, code)) if code else word("words", "whole").zh
    field_words = known_word("fields", name) if name else Words("")
    what = Cell(f"{about} {field_words.zh}".strip(), _VERSIONS[0][1], note=field_words.en, size=8)
    values = [Cell(shown(name, change.get(side)), share, size=8) for side, share in _VERSIONS[1:]]
    return Row([what, *values], head=head)


def shown(field: str, value: object) -> str:
    """An old or new value in Chinese, with its unit; a dash for nothing."""
    if value in (None, "", []):
        return NONE
    if isinstance(value, list):
        return "、".join(map(str, value))
    text = str(value)
    if "mass" in field:
        return f"{text} kg"
    if field == "outcome":
        return known_word("outcomes", text).zh if text in document_words()["outcomes"] else text
    if field.endswith("_at") and (at := parse_datetime(text)):
        return moment(at)
    return term({**FORMS, **CONTAINER_KINDS}, text)


def _agreed(correction: Correction) -> Row:
    zh, en = word("captions", "agreed")
    given = "；".join(map(_consent, correction.consents.all())) or NONE
    return Row([Cell(f"{zh} {en}", 1, size=8, tone=GREY), Cell(given, 5, size=8)])


def _consent(consent: Consent) -> str:
    person = f" {consent.given_by.display_name}" if consent.given_by else ""
    return f"{consent.organisation.name}{person} {moment(consent.given_at)}"


# --- signatures --------------------------------------------------------------------------------------------


def signatures(facts: Facts) -> list[Row]:
    """Who signed what, for whom, when by the server's clock, by which means."""
    head = table_head(_SIGNED)
    rows = [heading(word("parts", "signatures")), head]
    rows += [_signed(entry, paper=facts.manifest.paper, head=head) for entry in facts.signatures]
    return rows if facts.signatures else [*rows, Row([Cell(NONE)])]


def _signed(entry: Entry, *, paper: bool, head: Row) -> Row:
    data = entry.data
    meaning = _meaning(entry)
    happened = "" if entry.event_time == entry.recorded_at else f"← {moment(entry.event_time)}"
    values = {
        "when": Cell(moment(entry.recorded_at), note=happened),
        "meaning": Cell(meaning.zh, note=meaning.en),
        "signer": Cell(entry.user_name or entry.username),
        "for_whom": Cell(entry.organisation_name, note=entry.organisation_uscc),
        "how": Cell(_means(entry, data, paper=paper)),
        "digest": Cell(str(data.get("content_sha256") or NONE)[:SHORT_DIGEST]),
    }
    cells = [
        Cell(values[name].words, share, note=values[name].note, size=7 if name == "digest" else 8)
        for name, share in _SIGNED
    ]
    return Row(cells, head=[head])


def _meaning(entry: Entry) -> Words:
    if entry.kind in document_words()["meanings"]:
        return word("meanings", entry.kind)
    return Words(tell(entry.kind, entry.data).title)


def _means(entry: Entry, data: dict[str, Any], *, paper: bool) -> str:
    found = [word("means", data["confirmed"]).zh] if data.get("confirmed") in ("pin", "password") else []
    if str(data.get("meaning")) in document_words()["means"]:
        # Confirmed drum by drum, and not signed.
        found.append(word("means", data["meaning"]).zh)
    if data.get("counter"):
        found.append(word("means", "counter", place=data["counter"]).zh)
    if entry.via_name:
        found.append(word("means", "via", via=entry.via_name).zh)
    if paper:
        found.append(word("means", "paper").zh)
    return "、".join(found) or word("means", "session").zh


# --- every drum --------------------------------------------------------------------------------------------


def drums(facts: Facts) -> list[Row]:
    """Each drum: its code, the mass sent, what the receiver did with it, the mass accepted."""
    head = table_head(_DRUMS)
    rows = [heading(word("parts", "drums")), head]
    return rows + [_drum(facts, line, head) for line in facts.lines]


def _drum(facts: Facts, line: Line, head: Row) -> Row:
    drum = line.container
    values = {
        "no": str(line.position),
        "drum": group(drum.short_code),
        "code": drum.waste_code,
        "packaging": term(dict(CONTAINER_KINDS), drum.container_kind),
        "sent_kg": kg_text(facts.sent_g(line)) or NONE,
        "outcome": _outcome(line).zh,
        "accepted_kg": kg_text(line.received_mass_g) or NONE if line.outcome == Outcome.ACCEPTED else NONE,
    }
    notes = {"drum": group(drum.code), "outcome": line.reason}
    right = {"no", "sent_kg", "accepted_kg"}
    cells = [
        Cell(values[name], share, notes.get(name, ""), size=8, align="right" if name in right else "left")
        for name, share in _DRUMS
    ]
    return Row(cells, head=[head])


def differences(facts: Facts) -> list[Row]:
    """What differed and how it was settled: declared, weighed, agreed, and who stated what when. No rows for none."""
    found = differences_of(facts.lines)
    if not found:
        return []
    head = table_head(_DIFFERENCES)
    return [heading(word("parts", "differences")), head, *(_differed(facts, *one, head) for one in found)]


def _differed(facts: Facts, line: Line, found: Discrepancy, head: Row) -> Row:
    what = "、".join(known_word("differing", name).zh for name in found.differs.split())
    agreed = kg_text(line.received_mass_g) if found.settled_at else None
    cells = [
        Cell(group(line.container.short_code), note="；".join(filter(None, (what, found.note)))),
        Cell(kg_text(found.declared_mass_g) or NONE, align="right"),
        Cell(kg_text(found.received_mass_g) or NONE, align="right"),
        Cell(agreed or word("words", "not_settled").zh, align="right", note=moment(found.settled_at) if agreed else ""),
        Cell(_statements(facts, found)),
    ]
    shares = [share for _, share in _DIFFERENCES]
    return Row([replace(cell, share=share, size=8) for cell, share in zip(cells, shares, strict=True)], head=[head])


def _statements(facts: Facts, found: Discrepancy) -> str:
    """Each side's statement as it stands, in their order."""
    said = sorted(found.statements.all(), key=lambda one: one.at)
    if not said and found.settled_at:
        return word("words", "by_correction").zh
    return "；".join(_statement(facts, one) for one in said) or NONE


def _statement(facts: Facts, one: Statement) -> str:
    party = facts.manifest.sender if one.side == "sender" else facts.manifest.receiver
    who = f"{word('sides', one.side).zh} {party.name} {one.by.display_name} {moment(one.at)}"
    return f"{who}：{kg_text(one.mass_g)} kg{f'，{one.note}' if one.note else ''}"


def _outcome(line: Line) -> Words:
    if line.outcome == Outcome.REJECTED and line.taken_back_at:
        return word("outcomes", "taken_back")
    return word("outcomes", line.outcome or "open")
