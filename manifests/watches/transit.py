"""A load that is longer on its way than it should be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from manifests.checks import leaves_province
from manifests.deadlines import named
from manifests.models import Manifest, ManifestState
from manifests.touched import after, manifests, names
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register
from wastetrack.districts.selectors import Figures, Place
from wastetrack.regulations.parameters import Parameter

STEPS = (
    *("manifest.depart", "manifest.take_over", "manifest.deliver", "manifest.receive*"),
    *("manifest.reject", "manifest.call_off"),
)


def _under_way() -> QuerySet[Manifest]:
    # What ran on paper is typed in with its arrival: it is never seen on the road.
    rows = Manifest.objects.filter(state=ManifestState.IN_TRANSIT, carrier__isnull=False)
    return rows.select_related("sender", "sender_site", "receiver", "carrier")


def _place(manifest: Manifest) -> Place:
    assert manifest.carrier_id is not None
    return manifest.sender_site.division, manifest.carrier_id


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    places = {one: _place(one) for one in _under_way().filter(number__in=names(abouts))}
    figures = look.figures("transit", places.values())
    for manifest, place in places.items():
        yield _deadline(manifest, place, figures[place])


def _deadline(manifest: Manifest, place: Place, limits: Figures) -> Deadline:
    """From the first departure on, however many carriers take part; the one that has it now answers for it."""
    assert manifest.departed_at is not None
    hours = int(limits["far_hours" if leaves_province(manifest) else "hours"])
    due_at = manifest.departed_at + timedelta(hours=hours)
    by = timezone.localtime(due_at).replace(tzinfo=None)
    return Deadline(
        about=manifest.subject,
        organisation_id=place[1],
        division=place[0],
        warn_at=max(manifest.departed_at, due_at - timedelta(hours=int(limits["warn_hours"]))),
        due_at=due_at,
        details={**named(manifest), "by": by.isoformat(" ", "minutes")},
        also=[manifest.sender_id, manifest.receiver_id],
    )


register(
    Watch(
        kind="transit",
        title=_("On the road"),
        sentences={
            "warned": _(
                "The load of manifest %(number)s from %(sender)s to %(receiver)s, carried by %(organisation)s, should "
                "arrive by %(by)s."
            ),
            "overdue": _(
                "The load of manifest %(number)s from %(sender)s to %(receiver)s, carried by %(organisation)s, should "
                "have arrived by %(by)s and is still on the road."
            ),
        },
        action=_("Say that it has arrived"),
        find=_find,
        on=after(STEPS, manifests),
        subjects=Subjects(
            rows=_under_way,
            about=lambda manifest: str(manifest.subject),
            organisation="carrier",
            division="sender_site__division",
        ),
        severity=Severity.WARNING,
        legal=False,
        parameters={
            "transit.hours": Parameter(
                48,
                "hours",
                "本项目自定：省内转移自起运到送达的时间；办法未给数值",
                "D",
                name=_("Loads on their way: they arrive, within the province, within"),
                stricter="lower",
            ),
            "transit.far_hours": Parameter(
                120,
                "hours",
                "本项目自定：跨省转移自起运到送达的时间；办法未给数值",
                "D",
                name=_("In another province, within"),
                stricter="lower",
            ),
            "transit.warn_hours": Parameter(
                12,
                "hours",
                "本项目自定：超时前提醒",
                "D",
                name=_("Not arrived: warning before"),
                stricter="higher",
            ),
        },
        link="/manifests/%(number)s",
    )
)
