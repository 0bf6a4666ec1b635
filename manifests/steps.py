"""The forms of the steps that are open to a reader of a manifest, with what each needs to be filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from depots.models import Bay
from depots.selectors import own_depots
from manifests.choices import carriers
from manifests.forms import Typed, receipt_rows, settle_rows, treatment_rows
from manifests.models import Line, Manifest, Treatment
from manifests.selectors import regrouped
from manifests.turns import Turn, awaits_treatment, has_stated, is_disputed, may_restate
from manifests.verbs import SIGNED
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import vehicles_of
from wastetrack.regulations.plates import same
from wastetrack.regulations.vocabulary import TREATMENT_METHODS
from wastetrack.waste.models import ContainerState

ASIDE = ("cancel", "correct", "decline", "withdraw")
"""Steps that are never the next action."""


@dataclass(frozen=True)
class StepForm:
    """One step's form. The first of a page is its next action; `signed` ones ask for the password."""

    verb: str
    first: bool
    signed: bool
    typed: Typed
    errors: Mapping[str, str]
    needs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def aside(self) -> bool:
        """Whether it stands below all else."""
        return self.verb in ("cancel", "correct")

    @property
    def template(self) -> str:
        return f"manifests/steps/{self.verb.replace('-', '_')}.html"


Needs = Callable[[Actor, Manifest, Sequence[Line], Typed, Mapping[str, str], datetime], dict[str, Any]]


def step_forms(
    actor: Actor,
    manifest: Manifest,
    lines: Sequence[Line],
    turn: Turn,
    now: datetime,
    *,
    refused_verb: str,
    typed: Typed,
    errors: Mapping[str, str],
) -> list[StepForm]:
    """The forms of a turn's steps, in their order; a refused one with what was typed and its errors."""
    forms = []
    for number, verb in enumerate(turn.steps):
        own_typed, own_errors = (typed, errors) if verb == refused_verb else ({}, {})
        needs = NEEDS[verb](actor, manifest, lines, own_typed, own_errors, now) if verb in NEEDS else {}
        signed = verb in SIGNED - {"correct"} or (verb == "cancel" and manifest.departed_at is not None)
        first = number == 0 and verb not in ASIDE and not needs.get("again")
        forms.append(StepForm(verb, first, signed, own_typed, own_errors, needs))
    return forms


def _depart(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], typed: Typed, errors: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    vehicles = list(vehicles_of(actor.organisation_id))
    return {"vehicles": vehicles, "scanned": sum(1 for line in lines if line.loaded_at)}


def _hand_over(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], typed: Typed, errors: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    able = [choice.organisation for choice in carriers(actor, timezone.localdate(now)) if not choice.problems]
    planned = manifest.legs.filter(departed_at=None).first() if manifest.relay else None
    return {
        "carriers": [one for one in able if one.pk != manifest.carrier_id],
        "planned": planned.carrier_id if planned else None,
    }


def _take_over(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], typed: Typed, errors: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    offered = manifest.legs.filter(departed_at=None, handed_over_at__isnull=False).first()
    vehicles = list(vehicles_of(actor.organisation_id))
    usual = next((one.plate for one in vehicles if offered and same(one.plate, offered.plate)), "")
    return {"vehicles": vehicles, "place": offered.place if offered else "", "usual_plate": usual}


def _receive(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], typed: Typed, errors: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    depots = list(own_depots(actor))
    bays = list(Bay.objects.filter(depot=depots[0])) if len(depots) == 1 else []
    return {"rows": receipt_rows(lines, typed, errors), "depots": depots, "bays": bays}


def _settle(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], typed: Typed, errors: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    side = "sender" if "sender" in manifest.positions(actor) else "receiver"
    mine = [line for line in lines if (is_disputed(line) and not has_stated(line, side)) or may_restate(line, side)]
    rows = settle_rows(mine, side, typed, errors)
    return {"rows": rows, "again": all(row.again for row in rows)}


def _treat(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], typed: Typed, errors: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    as_it_came = [line.container for line in lines if awaits_treatment(line) and not is_disputed(line)]
    todo = [one for one in as_it_came if one.state == ContainerState.STORED] + regrouped(manifest, lines)
    last = Treatment.objects.filter(plant=actor.organisation_id).order_by("-id").first()
    return {
        "rows": treatment_rows(todo, typed, errors),
        "methods": [method for method in TREATMENT_METHODS.values() if method.final],
        "usual_method": last.method if last else "",
        "today": timezone.localdate(now).isoformat(),
    }


NEEDS: Mapping[str, Needs] = {
    "depart": _depart,
    "hand-over": _hand_over,
    "take-over": _take_over,
    "receive": _receive,
    "settle": _settle,
    "treat": _treat,
}
