"""Books that do not balance: what came in, less what went out, is not what stands there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from depots.books import books_of
from depots.watched import DEPOTS, depots_of, figures_of, of_depot, place_of
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.regulations.identifiers import group
from wastetrack.units import GRAMS_PER_KG, kg_text

AGAIN = timedelta(hours=1)
"""How soon open books are looked at again: what puts a row right writes no entry."""


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    depots = list(depots_of(abouts))
    figures = figures_of("ledger", depots, look)
    books = books_of(depots)
    for depot in depots:
        # Each drum's difference counts: what is taken from one and put to another is no balance.
        differing = books[depot.pk].differing if depot.pk in books else {}
        off_g = sum(differing.values())
        if off_g <= figures[place_of(depot)]["balance_kg"] * GRAMS_PER_KG:
            continue
        deadline = of_depot(
            depot,
            over=True,
            stock_kg=kg_text(books[depot.pk].stock_g),
            log_kg=kg_text(books[depot.pk].log_g),
            off_kg=kg_text(off_g),
            drums=len(differing),
            short_code=group(max(differing, key=lambda code: (differing[code], code))),
        )
        yield replace(deadline, look_at=look.now + AGAIN)


_SAID = _(
    "The books of %(depot_name)s (%(organisation)s) have not balanced since %(due)s: by the log %(log_kg)s kg stand "
    "there, by the inventory %(stock_kg)s kg; in all %(off_kg)s kg of %(drums)s drums differ, most with %(short_code)s."
)

BALANCE = register(
    Watch(
        kind="balance",
        title=_("Books do not balance"),
        sentences={"warned": _SAID, "overdue": _SAID},
        action=_("See the inventory"),
        states={"overdue": _("Not balanced")},
        find=_find,
        # Rows that change behind the log's back leave no entry: every depot is looked at once a day.
        subjects=DEPOTS,
        clause="plan_ledger_declaration",
        figures=("ledger.balance_kg",),
        link="/depots/%(depot)s",
    )
)
