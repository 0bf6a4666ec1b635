"""Much more waste than in the month before, or much less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register
from wastetrack.parties.models import Organisation
from wastetrack.regulations.parameters import Parameter
from wastetrack.units import GRAMS_PER_KG, kg_text
from wastetrack.waste.clock import start_of
from wastetrack.waste.generation import fillers, masses_by_month, month_of

Figures = Mapping[str, int | Decimal]


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    """A rise is said as soon as it is there; a fall once its month is over; both until the next month has ended."""
    organisations = list(Organisation.objects.filter(uscc__in=[about.partition(":")[2] for about in abouts]))
    places = {one: (one.division, one.pk) for one in organisations}
    figures = look.figures("generation", places.values())
    this = month_of(timezone.localdate(look.now))
    masses = masses_by_month([one.pk for one in organisations], month_of(this, -2), this)
    for one, place in places.items():
        months, here = masses[one.pk], figures[place]
        jump = _jump(months, this, here, so_far=True) or _jump(months, month_of(this, -1), here)
        compared = max(months.get(this, 0), months.get(month_of(this, -1), 0)) >= here["least_kg"] * GRAMS_PER_KG
        if jump or compared:
            next_month = start_of(month_of(this, 1))
            yield Deadline(
                about=f"organisation:{one.uscc}",
                organisation_id=one.pk,
                division=one.division,
                # Without a jump it is quiet until the month is over: what has fallen shows only then.
                warn_at=None if jump else next_month,
                cause=jump["month"] if jump else "",
                details=jump or {"month": f"{this:%Y-%m}"},
                look_at=next_month,
            )


def _jump(months: Mapping[date, int], month: date, figures: Figures, *, so_far: bool = False) -> dict[str, Any] | None:
    """By how much the month's mass departs from that of the month before, where that is far and of enough."""
    mass_g, before_g = months.get(month, 0), months.get(month_of(month, -1), 0)
    departs = (mass_g - before_g) * 100
    if (
        not before_g
        or before_g < figures["least_kg"] * GRAMS_PER_KG
        or abs(departs) < figures["jump_percent"] * before_g
    ):
        return None
    if so_far and departs < 0:
        return None
    return {
        "month": f"{month:%Y-%m}",
        "mass_kg": kg_text(mass_g),
        "before": f"{month_of(month, -1):%Y-%m}",
        "before_kg": kg_text(before_g),
        "stands_until": (start_of(month_of(month, 2)) - timedelta(days=1)).date().isoformat(),
        "percent": f"{departs // before_g if departs > 0 else -(-departs // before_g):+d}",
    }


JUMP = register(
    Watch(
        kind="generation_jump",
        title=_("Waste that jumps"),
        sentences={
            "watching": _("What %(organisation)s logs in %(month)s is compared with the month before."),
            "warned": _(
                "%(organisation)s has logged %(mass_kg)s kg in %(month)s after %(before_kg)s kg in %(before)s "
                "(%(percent)s %%): see that all of it is logged, and logged right. Where it is right, acknowledge this "
                "with a note; it goes by itself after %(stands_until)s."
            ),
            "resolved": _(
                "%(organisation)s had logged %(mass_kg)s kg in %(month)s after %(before_kg)s kg in %(before)s "
                "(%(percent)s %%)."
            ),
        },
        action=_("See the drums of %(month)s"),
        more=((_("See the drums of %(before)s"), "/containers?generator=%(key)s&generated=%(before)s"),),
        states={"warned": _("To be looked at")},
        find=_find,
        on=dict.fromkeys(("container.log", "container.void", "container.weigh", "container.*receive"), fillers),
        subjects=Subjects(
            rows=lambda: Organisation.objects.filter(generated__isnull=False).distinct(),
            about=lambda one: f"organisation:{one.uscc}",
            organisation="id",
            division="division",
        ),
        severity=Severity.NOTICE,
        legal=False,
        district="never",
        parameters={
            "generation.jump_percent": Parameter(
                50,
                "%",
                "本项目自定：当月产生量与上月相比的增减",
                "D",
                _("Generated waste jumps from a change against the month before of"),
                "lower",
            ),
            "generation.least_kg": Parameter(
                100,
                "kg",
                "本项目自定：上月产生量低于此数的不比较",
                "D",
                _("Compared only where the month before had at least"),
                "lower",
            ),
        },
        link="/containers?generator=%(key)s&generated=%(month)s",
    )
)
