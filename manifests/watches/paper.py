"""A manifest on paper that is not typed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from manifests.deadlines import MANIFEST, PAPER, paper_deadline, paper_place
from manifests.models import Manifest, ManifestState
from manifests.touched import after, manifests, names
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register


def _on_paper() -> QuerySet[Manifest]:
    return Manifest.objects.filter(paper=True, state=ManifestState.DRAFT, paper_completed_at__isnull=False)


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = _on_paper().filter(number__in=names(abouts)).select_related("sender", "sender_site", "receiver")
    places = {one: paper_place(one) for one in rows}
    figures = look.figures(MANIFEST, places.values())
    for manifest, place in places.items():
        assert manifest.paper_completed_at is not None
        yield paper_deadline(manifest, manifest.paper_completed_at, figures[place])


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
        find=_find,
        on=after(("manifest.draft", "manifest.revise", "manifest.issue", "manifest.cancel"), manifests),
        # No district reads a draft, but its figures hold for it.
        subjects=Subjects(
            rows=_on_paper,
            about=lambda manifest: str(manifest.subject),
            organisation="sender",
            division="sender_site__division",
        ),
        figures=("manifest.paper_working_days", "manifest.paper_warn_working_days"),
        district="never",
        link="/manifests/%(number)s",
    )
)
