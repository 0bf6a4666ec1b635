"""A drum that stands somewhere and has no printed label: no scan finds it, so that its place is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from depots.models import Stay
from depots.watched import where_drums_stand
from labels.selectors import unlabelled
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register, subjects_themselves
from wastetrack.regulations.parameters import Parameter


def _without() -> QuerySet[Any]:
    """With the `division` in which each stands: the depot's, or of the site where it was logged and is not stored."""
    stays = Stay.objects.filter(container=OuterRef("pk"), left_at=None).values("depot__site__division")[:1]
    return unlabelled().annotate(division=Coalesce(Subquery(stays), F("origin__division")))


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    codes = [about.partition(":")[2] for about in abouts]
    places = {one: (one.division, one.holder_id) for one in _without().filter(code__in=codes)}
    figures = look.figures("labels", places.values())
    for container, place in places.items():
        division, organisation_id = place
        due_at = container.logged_at + timedelta(days=float(figures[place]["unprinted_days"]))
        said = {"code": container.code, "short_code": container.short_grouped, "name": container.name}
        yield Deadline(container.subject, organisation_id, division, warn_at=due_at, due_at=due_at, details=said)


_SAID = _("No label of drum %(short_code)s (%(name)s) at %(organisation)s was printed by %(due)s.")

UNLABELLED = register(
    Watch(
        kind="unlabelled",
        title=_("Drum without a label"),
        sentences={
            "watching": _("A label of drum %(short_code)s (%(name)s) at %(organisation)s is to be printed by %(due)s."),
            "warned": _SAID,
            "overdue": _SAID,
        },
        action=_("Print its label"),
        states={"overdue": _("No label")},
        find=_find,
        on={"container.*": subjects_themselves},
        subjects=Subjects(
            rows=_without,
            about=lambda container: container.subject,
            organisation="holder_id",
            division="division",
        ),
        clause="container_label",
        # HJ 1276 asks for one on every container. A label from elsewhere is unknown here: the sentence says "printed".
        parameters={
            "labels.unprinted_days": Parameter(
                value=1,
                unit="calendar days",
                source="本项目自定：登记后打印标签的天数；HJ 1276 要求每个容器都有标签",
                confidence="D",
                name=_("A drum's label is printed within"),
                stricter="lower",
            )
        },
        where=where_drums_stand,
        link="/containers/%(code)s",
    )
)
