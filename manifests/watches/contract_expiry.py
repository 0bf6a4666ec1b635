"""A contract that ends and is not renewed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from manifests.contracts import renewed
from manifests.models import Contract
from manifests.touched import contracts, names
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register
from wastetrack.districts.selectors import Place
from wastetrack.waste.clock import end_of, start_of


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = list(Contract.objects.filter(pk__in=names(abouts)).select_related("client", "partner"))
    over = renewed(rows)
    places: dict[Contract, Place] = {one: (one.client.division, one.client_id) for one in rows if one not in over}
    figures = look.figures("papers", places.values())
    for contract, place in places.items():
        days = timedelta(days=int(figures[place]["warn_days"]))
        # Told for as long after its end as before: who has no more business with the other needs no new one.
        silent_at = start_of(contract.valid_to + days + timedelta(days=1))
        if look.now < silent_at:
            yield Deadline(
                about=f"contract:{contract.pk}",
                organisation_id=contract.client_id,
                division=contract.client.division,
                warn_at=start_of(contract.valid_to - days),
                due_at=end_of(contract.valid_to),
                details={"contract": contract.number, "partner": contract.partner.name},
                look_at=silent_at,
            )


register(
    Watch(
        kind="contract_expiry",
        title=_("Contract that ends"),
        sentences={
            "warned": _(
                "Contract %(contract)s between %(organisation)s and %(partner)s ends on %(due)s: %(days)d days left."
            ),
            "overdue": _(
                "Contract %(contract)s between %(organisation)s and %(partner)s ended on %(due)s, and no later one is "
                "on record."
            ),
        },
        action=_("Record the new contract"),
        find=_find,
        on={"contract.record": contracts},
        subjects=Subjects(
            rows=Contract.objects.all,
            about=lambda contract: f"contract:{contract.pk}",
            organisation="client",
            division="client__division",
        ),
        clause="generator_duties",
        severity=Severity.WARNING,
        district="never",
        figures=("papers.warn_days",),
        states={"overdue": _("Ended")},
        link="/contracts?renew=%(key)s#record",
    )
)
