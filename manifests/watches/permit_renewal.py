"""A permit whose renewal is to be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from manifests.permits import last_to_ask, to_renew
from manifests.touched import PERMITS, names, permits
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.parties.models import PermitKind
from wastetrack.regulations.parameters import Parameter
from wastetrack.waste.clock import end_of, start_of


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    places = to_renew(names(abouts))
    figures = look.figures("permit", places.values())
    for permit, place in places.items():
        # Order 408 speaks of operating permits alone.
        if permit.kind == PermitKind.TRANSPORT:
            continue
        day = last_to_ask(permit, figures[place])
        if look.now > end_of(day):
            # It can no longer be asked for in time: from now on permit_expiry speaks of it.
            continue
        before_asking = day - timedelta(days=int(figures[place]["renewal_warn_days"]))
        before_the_end = permit.valid_to - timedelta(days=int(figures[place]["warn_days"]))
        yield Deadline(
            about=permit.subject,
            organisation_id=permit.organisation_id,
            division=permit.organisation.division,
            warn_at=start_of(min(before_asking, before_the_end, day)),
            due_at=end_of(day),
            details={"permit": permit.number, "ends": permit.valid_to.isoformat()},
            look_at=start_of(day + timedelta(days=1)),
        )


register(
    Watch(
        kind="permit_renewal",
        title=_("Renewal of a permit"),
        sentences={
            "warned": _(
                "Permit %(permit)s of %(organisation)s ends on %(ends)s: its renewal is to be asked for by %(due)s, "
                "of the authority that issued it, which puts the new one on record."
            ),
            "overdue": _(
                "The renewal of permit %(permit)s of %(organisation)s, which ends on %(ends)s, was to be asked for by "
                "%(due)s."
            ),
        },
        action=_("See the permit"),
        find=_find,
        on={"permit.*": permits},
        subjects=PERMITS,
        clause="permit_term",
        # Whether it has been asked for is not on record here: only the permit that comes of it.
        severity=Severity.WARNING,
        district="never",
        figures=("permit.renewal_working_days", "permit.warn_days"),
        parameters={
            "permit.renewal_warn_days": Parameter(
                10,
                "calendar days",
                "本项目自定：申请换证期满前提醒",
                "D",
                name=_("Renewal to be asked for: warning before"),
                stricter="higher",
            )
        },
        states={"warned": _("To be asked for")},
        link="/permits/%(key)s",
        office_action=_("Put the next one on record"),
        office_link="/permits?after=%(key)s#record",
    )
)
