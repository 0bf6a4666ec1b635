"""A declaration of waste that is to be filed."""

from django.utils.translation import gettext_lazy as _

from compliance.deadlines import SUBJECTS, SUPERVISION, WARNING, beginners, filers, find
from compliance.models import FilingKind
from wastetrack.alerts.registry import Watch, register
from wastetrack.waste.generation import fillers

KIND = "declaration"

DECLARATION = register(
    Watch(
        kind=KIND,
        title=_("Declaration to file"),
        sentences={
            "warned": _(
                "The waste declaration of %(organisation)s for %(period)s must be filed by %(due)s: %(days)d days left."
            ),
            "overdue": _(
                "The waste declaration of %(organisation)s for %(period)s should have been filed by "
                "%(due)s: %(days)d days over."
            ),
        },
        action=_("Record its filing"),
        find=find(FilingKind.DECLARATION),
        # Who holds a permit is of key supervision: it declares more often.
        on={"filing.*": filers, "permit.*": filers, "container.log": beginners(KIND), "container.void": fillers},
        subjects=SUBJECTS,
        clause="declaration_deadline",
        figures=SUPERVISION,
        parameters=WARNING,
        link="/filings?filing=declaration+%(period)s#record",
    )
)
