"""What can fall due with a container: its storage time."""

from django.utils.translation import gettext_lazy as _

from wastetrack.alerts.registry import Watch, register
from wastetrack.waste.clock import KIND

STORAGE = register(
    Watch(
        kind=KIND,
        title=_("Storage time"),
        sentences={
            "warned": _("Drum %(short_code)s (%(name)s) must leave %(organisation)s by %(due)s: %(days)d days left."),
            "overdue": _(
                "Drum %(short_code)s (%(name)s) should have left %(organisation)s by %(due)s: %(days)d days over."
            ),
        },
        action=_("Hand it over"),
        link="/manifests/new?container=%(code)s",
    )
)
