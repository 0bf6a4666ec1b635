"""What can fall due with a container: its storage time. It ends by a manifest: one that is issued, or another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from depots.models import Stay
from depots.watched import where_drums_stand
from manifests.selectors import leaving_on
from manifests.touched import names
from wastetrack.alerts.registry import Deadline, Look, Watch, Whereabouts, register, subjects_themselves
from wastetrack.waste.clock import KIND, deadline_of
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import RESTING


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = Container.objects.filter(code__in=names(abouts), state__in=RESTING, storage_deadline__isnull=False)
    containers = list(rows.select_related("origin"))
    stays = Stay.objects.filter(container__in=containers, left_at=None)
    divisions = dict(stays.values_list("container", "depot__site__division"))
    # What is logged and not stored yet stands where it came from.
    places = {one: (divisions.get(one.pk, one.origin.division), one.holder_id) for one in containers}
    figures = look.figures("storage", places.values())
    for container, place in places.items():
        division, organisation_id = place
        yield deadline_of(container, organisation_id, division, figures[place])


def _whereabouts(abouts: Sequence[str]) -> Mapping[str, Whereabouts]:
    """Where drums stand, and on which manifest they leave: then there is nothing to draft (two queries)."""
    stand = where_drums_stand(abouts)
    for code, number in leaving_on(names(abouts)).items():
        about = f"{Container.SUBJECT}:{code}"
        stand[about] = Whereabouts(
            gettext("%(stands)s It leaves on manifest %(number)s.")
            % {"stands": stand[about].sentence, "number": number},
            action=gettext("See the manifest"),
            link=f"/manifests/{number}",
        )
    return stand


register(
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
        find=_find,
        on={"container.*": subjects_themselves},
        figures=("storage.warn_days", "storage.warn_working_days"),
        where=_whereabouts,
        link="/manifests/new?container=%(code)s",
    )
)
