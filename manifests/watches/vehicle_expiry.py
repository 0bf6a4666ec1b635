"""A vehicle whose transport certificate ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from manifests.touched import names
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register, subjects_themselves
from wastetrack.districts.selectors import Place
from wastetrack.parties.models import Vehicle
from wastetrack.waste.clock import end_of, start_of


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = Vehicle.objects.filter(pk__in=names(abouts), ended_at=None, valid_to__isnull=False)
    places: dict[Vehicle, Place] = {
        one: (one.organisation.division, one.organisation_id) for one in rows.select_related("organisation")
    }
    figures = look.figures("papers", places.values())
    for vehicle, place in places.items():
        assert vehicle.valid_to is not None
        yield Deadline(
            about=f"vehicle:{vehicle.pk}",
            organisation_id=vehicle.organisation_id,
            division=vehicle.organisation.division,
            warn_at=start_of(vehicle.valid_to - timedelta(days=int(figures[place]["warn_days"]))),
            due_at=end_of(vehicle.valid_to),
            details={"plate": vehicle.plate},
        )


register(
    Watch(
        kind="vehicle_expiry",
        title=_("Vehicle certificate that ends"),
        sentences={
            "warned": _(
                "The transport certificate of vehicle %(plate)s of %(organisation)s ends on %(due)s: "
                "%(days)d days left."
            ),
            "overdue": _(
                "The transport certificate of vehicle %(plate)s of %(organisation)s ended on %(due)s: it departs with "
                "nothing until it is renewed."
            ),
        },
        action=_("See the vehicles"),
        find=_find,
        on={"vehicle.*": subjects_themselves},
        subjects=Subjects(
            rows=lambda: Vehicle.objects.filter(ended_at=None),
            about=lambda vehicle: f"vehicle:{vehicle.pk}",
            organisation="organisation",
            division="organisation__division",
            daily=True,
        ),
        clause="transport",
        # It is kept off the road: nothing is broken as long as it stands.
        severity=Severity.WARNING,
        district="never",
        figures=("papers.warn_days",),
        states={"overdue": _("Ended")},
        link="/vehicles",
    )
)
