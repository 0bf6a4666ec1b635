"""What can be missing: a drum that a count did not find."""

from django.utils.translation import gettext_lazy as _

from depots.counts import MISSING
from wastetrack.alerts.registry import Watch, register

MISSING_DRUM = register(
    Watch(
        kind=MISSING,
        title=_("Missing drum"),
        sentences={
            "warned": _(
                "Drum %(short_code)s (%(name)s) was not found when bay %(bay)s of %(organisation)s was counted: look "
                "for it, or say by %(due)s what became of it."
            ),
            "overdue": _(
                "Drum %(short_code)s (%(name)s) is missing from bay %(bay)s of %(organisation)s: nobody has explained "
                "it, or it is recorded as lost."
            ),
        },
        action=_("See the count"),
        states={"warned": _("To be looked for"), "overdue": _("Not explained or lost")},
        link="/depots/%(depot)s/counts/%(count)s",
    )
)
