"""A year's management plan that is to be filed."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from compliance.deadlines import SUBJECTS, WARNING, beginners, filers, find
from compliance.models import FilingKind
from wastetrack.alerts.registry import Watch, register
from wastetrack.waste.generation import fillers

KIND = "management_plan"

PLAN = register(
    Watch(
        kind=KIND,
        title=_("Management plan to file"),
        sentences={
            "warned": _(
                "The management plan of %(organisation)s for %(period)s must be filed by %(due)s: %(days)d days left."
            ),
            "overdue": _(
                "The management plan of %(organisation)s for %(period)s should have been filed by "
                "%(due)s: %(days)d days over."
            ),
        },
        action=pgettext_lazy("plan", "Record its filing"),
        find=find(FilingKind.PLAN),
        on={"filing.*": filers, "container.log": beginners(KIND), "container.void": fillers},
        subjects=SUBJECTS,
        clause="plan_deadline",
        parameters=WARNING,
        link="/filings?filing=plan+%(period)s#record",
    )
)
