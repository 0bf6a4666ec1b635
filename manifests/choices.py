"""What a new manifest may be made of: the sender's free drums, and who may take and carry them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Prefetch, Q, QuerySet

from depots.models import Stay
from manifests.checks import carrier_problems, receiver_problems
from manifests.models import Line, Manifest, ManifestState
from wastetrack.errors import FieldError
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Permit
from wastetrack.sentences import sentence
from wastetrack.waste.clock import warned
from wastetrack.waste.models import ContainerState

MOST_SHOWN = 200
"""Free drums on one page; the rest is found by searching."""


@dataclass(frozen=True)
class FreeDrums:
    """The free drums to choose from: the chosen ones, then by deadline; and how many more there are."""

    stays: Sequence[Stay]
    more: int


def free_drums(actor: Actor, chosen: Collection[str], search: str = "", draft: Manifest | None = None) -> FreeDrums:
    """The organisation's stored drums on no issued manifest: the chosen ones, and those that match the search.

    `chosen` are long or short codes. Three queries, however many drums; each has `drafts`: drafts that name it already,
    other than `draft`, which is being said anew.
    """
    stays = Stay.objects.filter(
        left_at=None,
        depot__site__organisation=actor.organisation_id,
        container__holder=actor.organisation_id,
        container__state=ContainerState.STORED,
    )
    drafts = Line.objects.filter(manifest__state=ManifestState.DRAFT, manifest__sender=actor.organisation_id)
    drafts = drafts.exclude(manifest=draft) if draft else drafts
    stays = (
        stays.select_related("container__generator", "depot__site", "bay")
        .prefetch_related(Prefetch("container__lines", drafts.select_related("manifest"), to_attr="drafts"))
        .annotate(warned=warned("container__"))
        .order_by("container__storage_deadline", "id")
    )
    picked = Q(container__code__in=chosen) | Q(container__short_code__in=chosen)
    first = list(stays.filter(picked)) if chosen else []
    others = _matching(stays.exclude(picked) if chosen else stays, search)
    found = list(others[: MOST_SHOWN + 1])
    more = others.count() - MOST_SHOWN if len(found) > MOST_SHOWN else 0
    return FreeDrums([*sorted(first, key=_urgency), *sorted(found[:MOST_SHOWN], key=_urgency)], more)


def _urgency(stay: Stay) -> tuple[str, int]:
    deadline = stay.container.storage_deadline
    return (deadline.isoformat() if deadline else "9999", stay.pk)


def _matching(stays: QuerySet[Stay], search: str) -> QuerySet[Stay]:
    text = search.strip()[:40]
    if not text:
        return stays
    code = text.upper().replace("-", "") if text.isascii() else text
    return stays.filter(
        Q(container__waste_code__startswith=text)
        | Q(container__name__icontains=text)
        | Q(container__short_code__startswith=code)
        | Q(container__generator__name__icontains=text)
    )


@dataclass(frozen=True)
class Choice:
    """An organisation to choose, its permits in force, and why it may not be chosen (empty: it may)."""

    organisation: Organisation
    permits: Sequence[Permit]
    problems: Sequence[FieldError]

    @property
    def reasons(self) -> list[str]:
        """Why not, in the active language."""
        return [sentence(problem.code, problem.params) for problem in self.problems]


def receivers(actor: Actor, waste_codes: Collection[str], on: date) -> list[Choice]:
    """Every collector and plant, and whether it may take all of these wastes on this day (two queries)."""
    licensed = Q(roles__contains="collector") | Q(roles__contains="treater")
    choices = []
    for organisation in _choosable(actor).filter(licensed).exclude(pk=actor.principal.pk):
        permits = list(organisation.permits.all())
        problems = receiver_problems(organisation, permits, waste_codes, on)
        choices.append(Choice(organisation, [p for p in permits if p.kind != "transport" and p.valid_on(on)], problems))
    return choices


def carriers(actor: Actor, on: date) -> list[Choice]:
    """Every carrier, and whether it may carry on this day (two queries)."""
    choices = []
    for organisation in _choosable(actor).filter(roles__contains="carrier"):
        permits = list(organisation.permits.all())
        problems = carrier_problems(organisation, permits, on)
        choices.append(Choice(organisation, [p for p in permits if p.kind == "transport" and p.valid_on(on)], problems))
    return choices


def _choosable(actor: Actor) -> QuerySet[Organisation]:
    organisations = Organisation.objects.visible_to(actor).prefetch_related("permits")
    return organisations.order_by("name", "pk")


def last_sent(actor: Actor) -> Manifest | None:
    """The organisation's latest manifest: its parties are the likely ones again."""
    return Manifest.objects.filter(sender=actor.organisation_id).order_by("-pk").first()
