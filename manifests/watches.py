"""What can fall due with a manifest, in words."""

from django.utils.translation import gettext_lazy as _

from manifests.deadlines import APPROVAL, DISCREPANCY, PAPER, RECEIPT
from wastetrack.alerts.registry import Watch, register

register(
    Watch(
        kind=RECEIPT,
        title=_("Receipt to confirm"),
        sentences={
            "warned": _("Manifest %(number)s from %(sender)s has arrived: confirm its receipt by %(due)s."),
            "overdue": _(
                "Manifest %(number)s from %(sender)s should have been confirmed by %(organisation)s by %(due)s: "
                "%(days)d days over."
            ),
        },
        action=_("Receive it"),
        link="/manifests/%(number)s",
    )
)
register(
    Watch(
        kind=PAPER,
        title=_("Paper manifest to type in"),
        sentences={
            "warned": _("The paper manifest to %(receiver)s (%(number)s) must be typed in by %(due)s."),
            "overdue": _(
                "The paper manifest to %(receiver)s (%(number)s) should have been typed in by %(due)s: "
                "%(days)d days over."
            ),
        },
        action=_("Type it in"),
        link="/manifests/%(number)s",
    )
)
register(
    Watch(
        kind=APPROVAL,
        title=_("Approval to leave the province"),
        sentences={
            "warned": _("Approval %(approval)s to send waste to %(receiver)s ends on %(due)s: %(days)d days left."),
            "overdue": _("Approval %(approval)s to send waste to %(receiver)s ended on %(due)s."),
        },
        action=_("See the approvals"),
        states={"overdue": _("Ended")},
        link="/approvals",
    )
)
register(
    Watch(
        kind=DISCREPANCY,
        title=_("Significant difference"),
        sentences={
            "warned": _(
                "What %(receiver)s received under manifest %(number)s differs significantly from what %(sender)s "
                "declared: both settle it by %(due)s."
            ),
            "overdue": _(
                "The significant difference of manifest %(number)s between %(sender)s and %(receiver)s is still not "
                "settled: %(days)d days over."
            ),
        },
        action=_("Settle it"),
        states={"warned": _("To be settled"), "overdue": _("Not settled")},
        link="/manifests/%(number)s",
    )
)
