"""When plans and declarations fall due: one deadline a firm and kind, for the earliest that is not filed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance.models import FilingKind
from compliance.selectors import firms_of
from wastetrack.alerts.models import Alert
from wastetrack.alerts.registry import Deadline, Find, Look, Subjects
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Organisation
from wastetrack.regulations.parameters import Parameter
from wastetrack.waste.clock import end_of, start_of
from wastetrack.waste.generation import fillers, month_of

SUPERVISION = ("supervision.key_tonnes_a_year", "supervision.simplified_tonnes_a_year")
WARNING = {
    "filings.warn_days": Parameter(
        10,
        "calendar days",
        "本项目自定：管理计划、申报期满前",
        "D",
        name=_("A plan or declaration is due: warning before"),
        group=_("Plans and declarations"),
        stricter="higher",
    )
}
SUBJECTS = Subjects(
    rows=lambda: Organisation.objects.filter(generated__isnull=False).distinct(),
    about=lambda one: f"organisation:{one.uscc}",
    organisation="id",
    division="division",
)


def find(kind: FilingKind) -> Find:
    """How a watch finds the deadlines of a kind of filing (nine queries at most)."""

    def found(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
        organisations = list(Organisation.objects.filter(uscc__in=[about.partition(":")[2] for about in abouts]))
        places = {one.pk: (one.division, one.pk) for one in organisations}
        limits, warnings = (look.figures(table, places.values()) for table in ("supervision", "filings"))
        today = timezone.localdate(look.now)
        classed = kind == FilingKind.DECLARATION
        here = {pk: limits[place] for pk, place in places.items()}
        for firm in firms_of(organisations, here, today, classed=classed):
            if (duty := next(firm.unfiled(kind), None)) is None:
                continue
            one = firm.organisation
            warn_days = int(warnings[places[one.pk]]["warn_days"])
            yield Deadline(
                about=f"organisation:{one.uscc}",
                organisation_id=one.pk,
                division=one.division,
                warn_at=start_of(duty.due - timedelta(days=warn_days)),
                due_at=end_of(duty.due),
                cause=duty.period.code,
                details={"period": duty.period.code},
                # A month has passed: by what was logged in it, more may be to be declared.
                look_at=start_of(month_of(today, 1)) if classed else None,
            )

    return found


def filers(entries: Sequence[Entry]) -> Iterable[str]:
    """For `on`: whose filings or permits these entries are about."""
    return {f"organisation:{entry.data['uscc']}" for entry in entries}


def beginners(kind: str) -> Callable[[Sequence[Entry]], Iterable[str]]:
    """For `on`: who logged these containers and has no deadline of this kind yet. The others' begin with a month."""

    def found(entries: Sequence[Entry]) -> Iterable[str]:
        firms = fillers(entries)
        known = Alert.objects.filter(kind=kind, about__in=firms, resolved_at=None).values_list("about", flat=True)
        return firms - set(known)

    return found
