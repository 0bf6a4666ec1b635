"""Saying that something was filed, and taking it back."""

from __future__ import annotations

from datetime import date, datetime

from django.db import IntegrityError, transaction

from compliance.models import Filing, FilingKind
from compliance.periods import Period, earliest_day, read_period
from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import OrganisationRole
from wastetrack.waste.reading import Reader

REFERENCE_LENGTH, REASON_LENGTH = 60, 200
FILERS = frozenset({OrganisationRole.GENERATOR, OrganisationRole.COLLECTOR, OrganisationRole.TREATER})
"""Who may have waste of its own to plan and declare."""


def require_filer(actor: Actor) -> None:
    """Raises NotPermitted(read_only), or (not_your_part) for who has nothing to file."""
    actor.require_write()
    if not actor.roles & FILERS:
        raise NotPermitted("not_your_part")


def record_filing(
    *, actor: Actor, kind: str, period: str, filed_on: object, reference: object, now: datetime
) -> Filing:
    """Record that the actor's organisation has filed a plan or declaration with the national system (HJ 1259 5.2, 7.2).

    Raises NotPermitted(read_only | not_your_part), Invalid naming every field: missing, unknown_kind_of_filing,
    unknown_period, date_unreadable, date_in_future, date_too_old, filed_too_early, already_filed, too_long,
    unprintable.
    """
    require_filer(actor)
    reader = Reader()
    number = reader.text("reference", reference, REFERENCE_LENGTH, required=True)
    day = reader.day("filed_on", filed_on, now=now)
    covered = read_period(period)
    if kind not in FilingKind.values:
        reader.fail("kind", "unknown_kind_of_filing")
    elif covered is None or (kind == FilingKind.PLAN and covered.months != 12):
        reader.fail("period", "unknown_period")
    elif day is not None:
        _require_begun(reader, kind, covered, day)
    reader.finish()
    assert day is not None
    return _keep(actor, FilingKind(kind), period, day, number, now)


def _require_begun(reader: Reader, kind: str, period: Period, day: date) -> None:
    first = earliest_day(kind, period)
    if day < first:
        reader.fail("filed_on", "filed_too_early", day=first.isoformat())


def _keep(actor: Actor, kind: FilingKind, period: str, day: date, reference: str, now: datetime) -> Filing:
    try:
        with transaction.atomic():
            filing = Filing.objects.create(
                organisation=actor.principal,
                kind=kind,
                period=period,
                filed_on=day,
                reference=reference,
                recorded_at=now,
                recorded_by=actor.person,
            )
            record(actor, [_fact("filing.record", filing)], now=now)
    except IntegrityError:
        raise invalid("period", "already_filed") from None
    return filing


def withdraw_filing(*, actor: Actor, filing: Filing, reason: object, now: datetime) -> Filing:
    """Take back that it was filed: it was recorded by mistake, or sent back. It is due again.

    Raises NotPermitted(read_only | not_your_part), Invalid(missing | too_long | unprintable),
    Refused(filing_withdrawn).
    """
    actor.require_write()
    if filing.organisation_id != actor.organisation_id:
        raise NotPermitted("not_your_part")
    reader = Reader()
    why = reader.text("reason", reason, REASON_LENGTH, required=True)
    reader.finish()
    with transaction.atomic():
        # Whoever is faster withdraws it; the other finds that it is done.
        standing = Filing.objects.filter(pk=filing.pk, withdrawn_at=None)
        if not standing.update(withdrawn_at=now, reason=why):
            raise Refused("filing_withdrawn")
        filing.refresh_from_db(fields=["withdrawn_at", "reason"])
        record(actor, [_fact("filing.withdraw", filing, reason=why)], now=now)
    return filing


def _fact(kind: str, filing: Filing, **more: str) -> Fact:
    payload = {
        "uscc": filing.organisation.uscc,
        filing.kind: filing.period,
        "filed_on": filing.filed_on.isoformat(),
        "reference": filing.reference,
        **more,
    }
    return Fact(kind, filing.subject, filing.readers(), payload)
