"""A permit that ends: a carrier's in good time, another once its renewal can no longer be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from manifests.permits import last_to_ask, to_renew
from manifests.touched import PERMITS, names, permits
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.parties.models import PermitKind
from wastetrack.waste.clock import end_of, start_of


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    places = to_renew(names(abouts))
    # Carriers' licences are papers as those of vehicles are; Order 408 speaks of operating permits alone.
    operating, papers = look.figures("permit", places.values()), look.figures("papers", places.values())
    for permit, place in places.items():
        carries = permit.kind == PermitKind.TRANSPORT
        if carries:
            warn_from = permit.valid_to - timedelta(days=int(papers[place]["warn_days"]))
        else:
            # Until then permit_renewal speaks of it: one alert at a time tells of one end.
            warn_from = min(last_to_ask(permit, operating[place]) + timedelta(days=1), permit.valid_to)
        yield Deadline(
            about=permit.subject,
            organisation_id=permit.organisation_id,
            division=permit.organisation.division,
            warn_at=start_of(warn_from),
            due_at=end_of(permit.valid_to),
            clause="transport" if carries else "permit_term",
            details={"permit": permit.number},
        )


register(
    Watch(
        kind="permit_expiry",
        title=_("Permit that ends"),
        sentences={
            "warned": _(
                "Permit %(permit)s of %(organisation)s ends on %(due)s: %(days)d days left until the authority has to "
                "have issued its successor and put it on record here."
            ),
            "overdue": _(
                "Permit %(permit)s of %(organisation)s ended on %(due)s, and none that goes on from it is on "
                "record: the authority that issues it puts it on record, or withdraws this one where none follows."
            ),
        },
        action=_("See the permit"),
        find=_find,
        on={"permit.*": permits},
        subjects=PERMITS,
        # Only the office can end it: it is told with the holder.
        district="at once",
        figures=("permit.renewal_working_days", "papers.warn_days"),
        states={"overdue": _("Ended")},
        link="/permits/%(key)s",
        office_action=_("Put the next one on record"),
        office_link="/permits?after=%(key)s#record",
    )
)
