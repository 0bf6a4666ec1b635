"""Leave to send waste out of the province that is used up, or nearly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from manifests.approvals import relieved
from manifests.checks import approvals_left
from manifests.deadlines import MANIFEST, approval_place
from manifests.models import Approval
from manifests.touched import COUNTS, after, approvals, names
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register
from wastetrack.regulations.parameters import Parameter
from wastetrack.units import kg_text
from wastetrack.waste.clock import start_of

SHARE = "approval_used_warn_percent"


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    today = timezone.localdate(look.now)
    rows = Approval.objects.filter(pk__in=names(abouts), valid_from__lte=today, valid_to__gte=today)
    held = list(rows.select_related("sender", "receiver"))
    left, others = approvals_left(held), relieved(held, today)
    figures = look.figures(MANIFEST, {approval_place(one) for one in held})
    for approval in held:
        used_g = approval.mass_g - left[approval]
        share = figures[approval_place(approval)][SHARE]
        if approval in others or used_g * 100 < approval.mass_g * share:
            continue
        yield Deadline(
            about=f"approval:{approval.pk}",
            organisation_id=approval.sender_id,
            division=approval.sender.division,
            over=not left[approval],
            details={
                "approval": approval.number,
                "receiver": approval.receiver.name,
                "used": kg_text(used_g),
                "left": kg_text(left[approval]),
                "mass": kg_text(approval.mass_g),
            },
            # Once it has ended, how much of it was left is no matter any more.
            look_at=start_of(approval.valid_to + timedelta(days=1)),
        )


register(
    Watch(
        kind="approval_used",
        title=_("Approval used up"),
        sentences={
            "warned": _(
                "Approval %(approval)s to send waste to %(receiver)s has %(left)s kg left of %(mass)s kg: apply anew "
                "before it is used up."
            ),
            "overdue": _(
                "Approval %(approval)s to send waste to %(receiver)s is used up, all %(mass)s kg, since %(since)s: "
                "nothing more may leave on it."
            ),
        },
        action=_("Record the new approval"),
        find=_find,
        on=after((*COUNTS, "approval.record"), approvals),
        subjects=Subjects(
            rows=Approval.objects.all,
            about=lambda approval: f"approval:{approval.pk}",
            organisation="sender",
            division="sender__division",
            daily=True,
        ),
        clause="interprovincial_reapply",
        severity=Severity.WARNING,
        district="never",
        parameters={
            f"{MANIFEST}.{SHARE}": Parameter(
                80,
                "%",
                "本项目自定：跨省转移批准数量用到这一比例时提醒",
                "D",
                name=_("An approval to leave the province is used up: warning from"),
                stricter="lower",
            )
        },
        states={"warned": _("Nearly used up"), "overdue": _("Used up")},
        link="/approvals",
    )
)
