"""What becomes of the lines of a first manifest when the one that follows it, with its refused drums, ends."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from manifests.models import Line, Manifest


def end_followed(manifest: Manifest, containers: Collection[int], at: datetime | None) -> None:
    """These drums are back or taken in: for every manifest that this one follows, and those before it, it is done.

    `at` None: it was a mistake, they are under way again (one query for each manifest it follows).
    """
    later: Manifest | None = manifest
    while later is not None and later.follows_id:
        Line.objects.filter(followed_by=later, container__in=containers).update(taken_back_at=at)
        later = later.follows


def leave_to_first(manifest: Manifest, containers: Collection[int] | None = None) -> None:
    """This manifest takes its drums (all, unless told) nowhere: they wait under the one it follows, as before it."""
    if manifest.follows_id:
        lines = Line.objects.filter(followed_by=manifest)
        (lines if containers is None else lines.filter(container__in=containers)).update(followed_by=None)
