"""Leave to send waste out of the province that ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from manifests.approvals import followed
from manifests.deadlines import APPROVAL, MANIFEST, approval_deadline, approval_place
from manifests.models import Approval
from manifests.touched import approvals, names
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Watch, register


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = list(Approval.objects.filter(pk__in=names(abouts)).select_related("sender", "receiver"))
    renewed = followed(rows)
    figures = look.figures(MANIFEST, {approval_place(one) for one in rows})
    for approval in rows:
        deadline = approval_deadline(approval, figures[approval_place(approval)])
        assert deadline.look_at is not None
        if approval not in renewed and look.now < deadline.look_at:
            yield deadline


register(
    Watch(
        kind=APPROVAL,
        title=_("Approval to leave the province"),
        sentences={
            "warned": _("Approval %(approval)s to send waste to %(receiver)s ends on %(due)s: %(days)d days left."),
            "overdue": _("Approval %(approval)s to send waste to %(receiver)s ended on %(due)s."),
        },
        action=_("See the approvals"),
        find=_find,
        on={"approval.record": approvals},
        # Who sends nothing without it has broken nothing.
        severity=Severity.WARNING,
        district="never",
        figures=("manifest.approval_warn_days",),
        states={"overdue": _("Ended")},
        link="/approvals",
    )
)
