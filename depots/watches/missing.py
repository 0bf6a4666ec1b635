"""What can be missing: a drum that a count did not find."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from depots.count_selectors import missing_lines
from depots.counts import MISSING, missing_since
from wastetrack.alerts.registry import Deadline, Look, Watch, register, subjects_themselves
from wastetrack.ledger.models import Entry
from wastetrack.waste.models import Container


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    for line in missing_lines([about.partition(":")[2] for about in abouts]):
        since = line.settled_at or line.count.counted_at
        if line.container is not None and since is not None:
            yield missing_since(line.count, line.container, since, lost=line.settled_at is not None)


def _not_found(entries: Sequence[Entry]) -> Iterable[str]:
    return {f"{Container.SUBJECT}:{code}" for entry in entries for code in entry.data["missing"]}


def _settled(entries: Sequence[Entry]) -> Iterable[str]:
    return {f"{Container.SUBJECT}:{code}" for entry in entries if (code := entry.data["container"])}


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
        find=_find,
        on={
            "count.close": _not_found,
            "count.settle_line": _settled,
            "container.lose": subjects_themselves,
            "container.find": subjects_themselves,
        },
        link="/depots/%(depot)s/counts/%(count)s",
    )
)
