"""Keeping waste longer than the rule: by a document of the authority that issued the permit (Code art. 535(3))."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from depots.models import Depot, Stay
from depots.services import require_own
from wastetrack.districts.selectors import figure
from wastetrack.errors import FieldError, Invalid, Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import Actor
from wastetrack.waste import clock
from wastetrack.waste.models import Container

DOCUMENT_LENGTH, MOST = 60, 500


def extend(
    *, actor: Actor, containers: Sequence[Container], until: date | None, document: str, now: datetime
) -> list[Container]:
    """Containers in the actor's own depot may stay to the end of `until`, by the document with this number.

    Raises Invalid(no_codes | too_many | missing | too_long | unprintable | not_later | too_far), Refused(not_here).
    """
    actor.require_write()
    document = " ".join(document.split())
    with transaction.atomic():
        locked = lock(containers) if containers else []
        stays = {
            stay.container_id: stay
            for stay in Stay.objects.filter(container__in=locked, left_at=None).select_related(
                "depot__site__organisation", "depot__permit"
            )
        }
        for container in locked:
            if container.pk not in stays:
                raise Refused("not_here", container=container.short_grouped)
            require_own(actor, stays[container.pk].depot)
        _check(locked, until, document, now, stays)
        assert until is not None
        facts = []
        for container in locked:
            before, container.storage_deadline = container.storage_deadline, clock.end_of(until)
            container.extension = document
            payload = {
                "document": document,
                "from_deadline": instant(before) if before else None,
                "storage_deadline": instant(container.storage_deadline),
            }
            facts.append(Fact("container.extend", container.subject, container.readers(), payload))
        Container.objects.bulk_update(locked, ["storage_deadline", "extension"], batch_size=500)
        clock.stop(locked, actor=actor, now=now)
        _watch_anew(locked, stays)
        record(actor, facts, now=now)
    return locked


def _watch_anew(containers: Sequence[Container], stays: dict[int, Stay]) -> None:
    """Watch the new deadlines: one query for each depot, however many containers."""
    alike: dict[Depot, list[Container]] = defaultdict(list)
    for container in containers:
        alike[stays[container.pk].depot].append(container)
    for depot, found in alike.items():
        clock.start(found, organisation_id=depot.organisation_id, division=depot.site.division)


def _check(
    containers: Sequence[Container], until: date | None, document: str, now: datetime, stays: dict[int, Stay]
) -> None:
    errors = []
    if not containers:
        errors.append(FieldError("containers", "no_codes"))
    if len(containers) > MOST:
        errors.append(FieldError("containers", "too_many", {"limit": MOST}))
    if not document:
        errors.append(FieldError("document", "missing"))
    if len(document) > DOCUMENT_LENGTH:
        errors.append(FieldError("document", "too_long", {"limit": DOCUMENT_LENGTH}))
    if not document.isprintable():
        errors.append(FieldError("document", "unprintable"))
    if until is None:
        errors.append(FieldError("until", "missing"))
    elif containers:
        errors += _date_errors(containers, until, now, next(iter(stays.values())).depot.site.division)
    if errors:
        raise Invalid(*errors)


def _date_errors(containers: Sequence[Container], until: date, now: datetime, division: str) -> list[FieldError]:
    most = int(figure(division, "storage.extension_days"))
    if until > timezone.localdate(now) + timedelta(days=most):
        return [FieldError("until", "too_far", {"days": most})]
    return [
        FieldError("until", "not_later", {"container": container.short_grouped})
        for container in containers
        if container.storage_deadline is not None and clock.end_of(until) <= container.storage_deadline
    ]
