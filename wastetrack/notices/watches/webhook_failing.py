"""A firm's own system does not take what it is sent: warned after a few tries, overdue once we have given up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register, subjects_themselves
from wastetrack.notices.models import Webhook
from wastetrack.notices.services.delivering import GIVE_UP, TOLD_AFTER


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    numbers = [int(about.partition(":")[2]) for about in abouts]
    for webhook in Webhook.objects.filter(pk__in=numbers, failing_since__isnull=False):
        since = webhook.failing_since
        if since is not None and (webhook.attempts >= TOLD_AFTER or webhook.paused_at is not None):
            until = timezone.localtime(since + GIVE_UP, look.now.tzinfo).date()
            yield Deadline(
                webhook.subject,
                webhook.organisation_id,
                "",
                warn_at=since,
                # Not by the clock: a courier that was away gives up later, or never.
                due_at=webhook.paused_at,
                details={
                    "host": webhook.host,
                    "error": webhook.error,
                    "webhook": webhook.pk,
                    "until": until.isoformat(),
                },
            )


WEBHOOK_FAILING = register(
    Watch(
        kind="webhook_failing",
        title=_("Webhook fails"),
        sentences={
            "warned": _(
                "%(host)s has not taken what %(organisation)s is sent since %(since)s (%(error)s); "
                "if nothing arrives by %(until)s we stop trying."
            ),
            "overdue": _(
                "%(host)s did not take what %(organisation)s is sent (%(error)s); nothing has been sent since %(due)s."
            ),
        },
        action=_("Look at the log"),
        find=_find,
        on={"webhook.*": subjects_themselves},
        subjects=Subjects(
            rows=lambda: Webhook.objects.all(),
            about=lambda webhook: str(webhook.subject),
            organisation="organisation",
            division="organisation__division",
        ),
        severity=Severity.WARNING,
        legal=False,
        district="never",
        link="/webhooks/%(webhook)s",
        states={"warned": _("Failing"), "overdue": _("Given up")},
    )
)
