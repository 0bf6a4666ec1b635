"""Putting on record the permits that an authority has issued, correcting and withdrawing them.

A change holds from now on: what was checked by a permit before stays as it was done.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from manifests.permits import fits, is_of_district, may_record_permits
from wastetrack.errors import Invalid, NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Permit, PermitKind
from wastetrack.parties.selectors import organisation_of
from wastetrack.regulations.catalogue import categories
from wastetrack.regulations.selectors import catalogue_for, editions
from wastetrack.units import grams, kg_text
from wastetrack.waste.reading import Reader, read_day

NUMBER_LENGTH, REASON_LENGTH = 40, 200
MOST_G = 1_000_000_000_000
"""A million tonnes a year."""
YEARS = range(2000, 2101)
"""In which a permit can begin and end: anything else is a slip of the pen."""
FACTS = ("number", "kind", "codes", "yearly_mass_kg", "valid_from", "valid_to")
"""What a permit says, as it is sent and as the log tells it."""


def record_permit(*, actor: Actor, organisation: Organisation | str, now: datetime, **said: object) -> Permit:
    """Put a permit on record for an organisation of the actor's district, or who has a credit code; `said`: each of
    FACTS.

    `codes` are waste codes and categories (HW08), a text or a list, `yearly_mass_kg` kilograms; a transport permit
    needs no codes and has no mass. Raises NotPermitted(read_only | not_your_part), Invalid naming every field: missing,
    unknown_organisation, not_in_your_district, unknown_permit_kind, permit_kind_not_theirs, unknown_permit_code,
    permit_without_mass, permit_mass_too_large, mass_…, date_unreadable, year_out_of_reach,
    dates_out_of_order, too_long, unprintable, permit_known.
    """
    _require_office(actor)
    reader = Reader()
    holder = _holder(reader, actor, organisation)
    facts = _read(reader, holder, said)
    assert holder is not None
    with transaction.atomic():
        permit = _kept(Permit(organisation=holder, **facts))
        payload = {"uscc": holder.uscc, "holder": holder.name, **facts_of(permit)}
        record(actor, [Fact("permit.record", permit.subject, permit.readers(), payload)], now=now)
    return permit


def correct_permit(
    *,
    actor: Actor,
    permit: Permit,
    said: Mapping[str, object],
    reason: object,
    now: datetime,
    version: int | None = None,
) -> Permit:
    """Say anew what a permit says; `said`: those of FACTS that are other than on record, the others may be there too.

    `version`: what the actor saw, where it was shown. Raises NotPermitted(read_only | not_your_part), Invalid as
    `record_permit` does, permit_kind_fixed where one to take waste would become one to carry it or the other way
    round, and for the reason (missing | too_long | unprintable), Refused(permit_withdrawn | permit_changed |
    permit_unchanged).
    """
    _require_office(actor, permit)
    with transaction.atomic():
        permit = _held(permit)
        if version not in (None, permit.version):
            raise Refused("permit_changed")
        before, reader = facts_of(permit), Reader()
        why = reader.text("reason", reason, REASON_LENGTH, required=True)
        facts = _read(reader, permit.organisation, {**before, **said}, was=permit.kind)
        if set(facts["codes"].split()) == set(permit.codes.split()):
            # The same ones in another order are no other ones.
            facts["codes"] = permit.codes
        for name, value in facts.items():
            setattr(permit, name, value)
        after = facts_of(permit)
        changed = [
            {"fact": name, "old": before[name], "new": after[name]} for name in FACTS if before[name] != after[name]
        ]
        if not changed:
            raise Refused("permit_unchanged")
        permit.version += 1
        _kept(permit)
        payload = {"uscc": permit.organisation.uscc, "permit": before["number"], "facts": changed, "reason": why}
        record(actor, [Fact("permit.correct", permit.subject, permit.readers(), payload)], now=now)
    return permit


def withdraw_permit(*, actor: Actor, permit: Permit, last_day: object, reason: object, now: datetime) -> Permit:
    """Say that a permit ends with a day and that no other follows it; a day before its first: that it never held.

    Raises NotPermitted(read_only | not_your_part), Invalid(missing | date_unreadable | year_out_of_reach |
    permit_ends_before at `last_day`; missing | too_long | unprintable at `reason`), Refused(permit_withdrawn).
    """
    _require_office(actor, permit)
    with transaction.atomic():
        permit = _held(permit)
        reader = Reader()
        why = reader.text("reason", reason, REASON_LENGTH, required=True)
        last = _day(reader, "last_day", last_day)
        if last and last > permit.valid_to:
            reader.fail("last_day", "permit_ends_before", day=permit.valid_to.isoformat())
        reader.finish()
        assert last is not None
        before = permit.valid_to
        permit.valid_to, permit.withdrawn_at = max(last, permit.valid_from - timedelta(days=1)), now
        permit.version += 1
        permit.save()
        payload = {
            "uscc": permit.organisation.uscc,
            "permit": permit.number,
            "was_to": before.isoformat(),
            # Of one that never held there is no last day.
            "last_day": permit.valid_to.isoformat() if permit.valid_to >= permit.valid_from else None,
            "reason": why,
        }
        record(actor, [Fact("permit.withdraw", permit.subject, permit.readers(), payload)], now=now)
    return permit


def facts_of(permit: Permit) -> dict[str, str | None]:
    """What a permit says, by FACTS."""
    return {
        "number": permit.number,
        "kind": str(permit.kind),
        "codes": permit.codes,
        "yearly_mass_kg": kg_text(permit.yearly_mass_g),
        "valid_from": permit.valid_from.isoformat(),
        "valid_to": permit.valid_to.isoformat(),
    }


def _require_office(actor: Actor, permit: Permit | None = None) -> None:
    actor.require_write()
    if not may_record_permits(actor) or (permit and not is_of_district(actor, permit.organisation)):
        raise NotPermitted("not_your_part")


def _held(permit: Permit) -> Permit:
    """The permit as it is now, held to the end of the transaction. Raises Refused(permit_withdrawn)."""
    fresh: Permit = Permit.objects.select_for_update().get(pk=permit.pk)
    if fresh.withdrawn_at is not None:
        raise Refused("permit_withdrawn")
    return fresh


def _kept(permit: Permit) -> Permit:
    try:
        with transaction.atomic():
            permit.save()
    except IntegrityError:
        raise invalid("number", "permit_known") from None
    return permit


# --- reading what was sent -----------------------------------------------------------------------------------


def _holder(reader: Reader, actor: Actor, named: Organisation | str) -> Organisation | None:
    try:
        found = organisation_of(actor, named, "organisation") if isinstance(named, str) else named
    except Invalid as wrong:
        reader.errors += wrong.errors
        return None
    if not is_of_district(actor, found):
        reader.fail("organisation", "not_in_your_district")
    return found


def _read(
    reader: Reader, organisation: Organisation | None, said: Mapping[str, object], was: str = ""
) -> dict[str, Any]:
    """The permit's columns; `was`: its kind on record. Raises Invalid with all that was found."""
    number = reader.text("number", said.get("number"), NUMBER_LENGTH, required=True)
    kind = str(said.get("kind") or "")
    if kind not in PermitKind.values:
        reader.fail("kind", "unknown_permit_kind" if kind else "missing")
    elif was and (kind == PermitKind.TRANSPORT) != (was == PermitKind.TRANSPORT):
        reader.fail("kind", "permit_kind_fixed")
    elif organisation and not fits(kind, organisation):
        reader.fail("kind", "permit_kind_not_theirs", organisation=organisation.name)
    carries = kind == PermitKind.TRANSPORT
    first, last = (_day(reader, name, said.get(name)) for name in ("valid_from", "valid_to"))
    facts = {
        "number": number,
        "kind": kind,
        "codes": _codes(reader, said.get("codes"), required=not carries),
        "yearly_mass_g": _mass(reader, said.get("yearly_mass_kg"), carries=carries),
        "valid_from": first,
        "valid_to": last,
    }
    if first and last and last < first:
        reader.fail("valid_to", "dates_out_of_order")
    reader.finish()
    return facts


def _codes(reader: Reader, sent: object, *, required: bool) -> str:
    """Waste codes and categories as a permit keeps them: in order, each once, a space between."""
    text = " ".join(map(str, sent)) if isinstance(sent, list | tuple) else str(sent or "")
    # Full-width letters, digits and commas are what a Chinese keyboard gives.
    given = unicodedata.normalize("NFKC", text).upper().replace(",", " ").replace("、", " ").split()
    if required and not given:
        reader.fail("codes", "missing")
    # It was issued by the list of its day, which need not be today's.
    lists, found = [catalogue_for(edition=one.key) for one in editions()], set()
    for one in given:
        waste = next((entry for known in lists if (entry := known.find(one))), None)
        if waste is None and one not in categories():
            reader.fail("codes", "unknown_permit_code", given=one[:20])
            break
        found.add(waste.code if waste else one)
    return " ".join(sorted(found, key=lambda code: (not code.startswith("HW"), code)))


def _mass(reader: Reader, sent: object, *, carries: bool) -> int | None:
    if carries:
        if sent not in (None, ""):
            reader.fail("yearly_mass_kg", "permit_without_mass")
        return None
    try:
        return grams(sent, field="yearly_mass_kg", most_g=MOST_G)
    except Invalid as wrong:
        if wrong.errors[0].code == "mass_too_large":
            reader.fail("yearly_mass_kg", "permit_mass_too_large")
        else:
            reader.errors += wrong.errors
        return None


def _day(reader: Reader, field: str, sent: object) -> date | None:
    found = read_day(sent)
    if found is None:
        reader.fail(field, "missing" if sent in (None, "") else "date_unreadable")
    elif found.year not in YEARS:
        reader.fail(field, "year_out_of_reach")
    return found
