"""What an organisation's permits let it take, whether they go on, and which are on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    DateField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat

from manifests.checks import Stretch, names_all, stretches_of
from manifests.models import NO_RETURN, UNDER_WAY, Line
from wastetrack.alerts.selectors import is_told
from wastetrack.districts.selectors import Figures, Place
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, OrganisationRole, Permit, PermitKind, is_licensed
from wastetrack.parties.visibility import in_district
from wastetrack.regulations.calendar import add_working_days
from wastetrack.schemas import row_id
from wastetrack.waste.models import Container, ContainerState, Derivation

TAKERS = frozenset({OrganisationRole.COLLECTOR, OrganisationRole.TREATER})
MOST_HOLDERS = 300
"""So many organisations are offered to choose from; any other is named by its credit code."""
KEPT = (ContainerState.STORED, ContainerState.COMMITTED)


def fits(kind: str, organisation: Organisation) -> bool:
    """Whether the organisation is in the business that a kind of permit is for."""
    needs = {OrganisationRole.CARRIER} if kind == PermitKind.TRANSPORT else TAKERS
    return bool(organisation.role_set & needs)


def is_renewed(permit: Permit, others: Iterable[Permit]) -> bool:
    """Whether later ones of its holder's permits go on from it without a day between, for everything that it names.

    One licence to carry renews another whatever they name: nothing else asks for their codes.
    """
    carries = permit.kind == PermitKind.TRANSPORT
    # One that never held ends before it begins: it renews nothing.
    held = [one for one in others if one.valid_from <= one.valid_to and (one.kind == PermitKind.TRANSPORT) == carries]
    begins_by = permit.valid_to + timedelta(days=1)
    later = [one for one in held if one.valid_from <= begins_by and one.valid_to > permit.valid_to]
    return bool(later) and (carries or names_all(later, permit))


def to_renew(pks: Iterable[str]) -> dict[Permit, Place]:
    """Of these permits those that are in use and not renewed, and where and for whom figures hold (two queries).

    What was withdrawn is to have no successor.
    """
    rows = Permit.objects.filter(pk__in=list(pks), withdrawn_at=None).select_related("organisation")
    return {
        one: (one.organisation.division, one.organisation_id)
        for one in rows.prefetch_related("organisation__permits")
        if fits(one.kind, one.organisation) and not is_renewed(one, one.organisation.permits.all())
    }


def last_to_ask(permit: Permit, figures: Figures) -> date:
    """The last day on which its renewal can be asked for in time (Order 408, 13), by the figures of `permit`."""
    return add_working_days(permit.valid_to, -int(figures["renewal_working_days"]))


def takers(usccs: Iterable[str]) -> QuerySet[Organisation]:
    """Of these organisations, those that take waste of others, with their permits (two queries)."""
    roles = Q(*(("roles__contains", role) for role in sorted(TAKERS)), _connector=Q.OR)
    return Organisation.objects.filter(roles, uscc__in=list(usccs)).prefetch_related("permits")


def years_of(organisations: Sequence[Organisation], on: date) -> Mapping[Organisation, Stretch]:
    """Of each the part of the year in which it has come nearest to what its permits let it take, or furthest beyond,
    with what is announced, as at an issue (one query)."""
    found = stretches_of(organisations, on)
    return {taker: max(stretches, key=lambda one: one.share) for taker, stretches in found.items()}


Codes = Mapping[str, int]
"""How many drums there are of a waste code."""


def in_stock(organisations: Sequence[Organisation]) -> Mapping[int, Codes]:
    """What stands with each that came from others, or out of what did (one query)."""
    return _by_code(_stock(organisations).values_list("holder", "waste_code").annotate(n=Count("pk")))


def announced(organisations: Sequence[Organisation]) -> Mapping[int, Codes]:
    """What is on its way to each (one query)."""
    rows = _on_the_way(organisations).values_list("manifest__receiver", "container__waste_code")
    return _by_code(rows.annotate(n=Count("pk")))


def _stock(organisations: Sequence[Organisation]) -> QuerySet[Container]:
    rows = Container.objects.filter(holder__in=organisations, state__in=KEPT)
    # For what it generated itself nobody needs a permit; what it regrouped bears its code but was others'.
    regrouped = Exists(Derivation.objects.filter(child=OuterRef("pk")))
    return rows.filter(~Q(generator=F("holder")) | Q(regrouped)).order_by()


def _on_the_way(organisations: Sequence[Organisation]) -> QuerySet[Line]:
    rows = Line.objects.filter(NO_RETURN, outcome="", manifest__state__in=UNDER_WAY)
    return rows.filter(manifest__receiver__in=organisations).order_by()


def _by_code(rows: Iterable[tuple[int, str, int]]) -> Mapping[int, Codes]:
    found: dict[int, dict[str, int]] = {}
    for organisation, code, n in rows:
        found.setdefault(organisation, {})[code] = n
    return found


def not_covered(organisation: Organisation, codes: Codes, on: date) -> Codes:
    """Those of the codes that none of its permits of a day names."""
    valid = [one for one in organisation.permits.all() if one.kind != PermitKind.TRANSPORT and one.valid_on(on)]
    return {code: n for code, n in sorted(codes.items()) if not any(one.covers(code) for one in valid)}


def unnamed_by(uscc: str, on: date) -> Q:
    """The drums that no permit of this organisation names on a day, in its store or on their way there; none where it
    takes no waste of others."""
    holders = list(takers([uscc]))
    found = Q(pk__in=[])
    for holder in holders:
        here = not_covered(holder, in_stock(holders).get(holder.pk, {}), on)
        coming = not_covered(holder, announced(holders).get(holder.pk, {}), on)
        found |= Q(pk__in=_stock(holders).filter(waste_code__in=here).values("pk"))
        found |= Q(pk__in=_on_the_way(holders).filter(container__waste_code__in=coming).values("container"))
    return found


# --- what is on record ---------------------------------------------------------------------------------------


def may_record_permits(actor: Actor) -> bool:
    """Whether the actor puts permits on record: an office, for its district. A permit decides what a depot may take in,
    so nobody declares his own."""
    return actor.is_regulator and actor.manages


def is_of_district(actor: Actor, organisation: Organisation) -> bool:
    """Whether the organisation lies in the actor's district."""
    return bool(actor.district) and organisation.division.startswith(actor.district)


def holders_in(actor: Actor) -> list[Organisation]:
    """Organisations of the actor's district that may have permits, by name (one query)."""
    rows = Organisation.objects.filter(is_licensed(), in_district("division", actor))
    return list(rows.order_by("name")[:MOST_HOLDERS])


def permits_of(actor: Actor) -> QuerySet[Any]:
    """The permits that are the actor's concern: its organisation's own, or a regulator's district's; each with whether
    its end is `warned` of."""
    concerned = Q(organisation=actor.organisation_id) | in_district("organisation__division", actor)
    about = Concat(Value("permit:"), Cast(OuterRef("pk"), CharField()), output_field=CharField())
    renewal, expiry = (is_told(kind, about, OuterRef("organisation")) for kind in ("permit_renewal", "permit_expiry"))
    warned = ExpressionWrapper(Q(renewal) | Q(expiry), BooleanField())
    return Permit.objects.filter(concerned).select_related("organisation").annotate(warned=warned)


def get_permit(actor: Actor, permit_id: str) -> Permit:
    """A permit of `permits_of`, by its id. Raises NotFound(unknown_permit)."""
    permit: Permit | None = permits_of(actor).filter(pk=row_id(permit_id)).first()
    if permit is None:
        raise NotFound("unknown_permit")
    return permit


def matching(permits: QuerySet[Any], search: str) -> QuerySet[Any]:
    """Of these those whose number or holder's name holds this text, or whose holder has this credit code."""
    text = search.strip()[:60]
    if not text:
        return permits
    named = Q(number__icontains=text) | Q(organisation__name__icontains=text)
    return permits.filter(named | Q(organisation__uscc=text.upper()))


def ending_first(permits: QuerySet[Any], on: date) -> QuerySet[Any]:
    """Those that hold or will, the first to end first; then what is over, the last to end first."""
    over = Q(valid_to__lt=on) | Q(withdrawn_at__isnull=False, valid_to__lt=F("valid_from"))
    since = Case(When(over, then=F("valid_to")), default=Value(None), output_field=DateField())
    return permits.alias(over=since).order_by(F("over").desc(nulls_first=True), "valid_to", "pk")
