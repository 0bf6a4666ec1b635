"""Setting what a district decides for itself; every change is an entry."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from wastetrack.districts.models import Figure, OwnFigure, Pair
from wastetrack.districts.selectors import figures
from wastetrack.districts.words import direction, table_names, tightening
from wastetrack.errors import NotFound, NotPermitted, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.parties.visibility import audience
from wastetrack.regulations.compatibility import ANYTHING, GROUPS
from wastetrack.regulations.parameters import Parameter, parameter

SOURCE_LENGTH, CONSEQUENCE_LENGTH = 200, 120
_PLAIN = re.compile(r"\d+(\.\d+)?", re.ASCII)


def require_district(actor: Actor) -> str:
    """The division that the actor decides for. Raises NotPermitted(not_your_part) but for a regulator."""
    actor.require_write()
    if not actor.district:
        raise NotPermitted("not_your_part")
    return actor.district


def set_figure(*, actor: Actor, key: str, value: object, source: str, now: datetime) -> Figure:
    """Set a parameter's value for the actor's own district.

    What the law says may be made stricter alone; where nothing is stricter, it stays as it is.
    Raises Invalid(unknown_figure | figure_fixed | figure_not_a_number | figure_too_large | figure_not_looser |
    source_missing), NotPermitted(not_your_part).
    """
    division = require_district(actor)
    if key.partition(".")[0] not in table_names():
        raise invalid("key", "unknown_figure")
    try:
        rule = parameter(key)
    except KeyError:
        raise invalid("key", "unknown_figure") from None
    number = _number(value, rule)
    _require_not_looser(key, rule, number)
    with transaction.atomic():
        row, _ = Figure.objects.update_or_create(
            division=division, key=key, defaults={"value": number, "source": _source(source), "set_at": now}
        )
        payload = {"key": key, "value": f"{number.normalize():f}", "rule": str(rule.value), "source": row.source}
        record(actor, [Fact("district.set_figure", f"district:{division}", _readers(division), payload)], now=now)
    return row


def tighten(*, actor: Actor, key: str, value: object, now: datetime) -> OwnFigure | None:
    """Set a figure for the actor's own organisation, stricter than its district has it; None takes its own one back.

    Raises Invalid(unknown_figure | figure_fixed | figure_not_a_number | figure_too_large | figure_not_tighter),
    NotFound(not_set_here), NotPermitted(read_only, not_your_part for a driver or a district).
    """
    actor.require_write()
    organisation = actor.principal
    if not actor.manages or actor.is_regulator:
        raise NotPermitted("not_your_part")
    if (way := _tightened(key)) == "":
        raise invalid("key", "figure_fixed")
    subject, readers = f"organisation:{organisation.uscc}", audience([organisation.pk], [organisation.division])
    with transaction.atomic():
        if value is None:
            if not OwnFigure.objects.filter(organisation=organisation, key=key).delete()[0]:
                raise NotFound("not_set_here")
            record(actor, [Fact("organisation.loosen", subject, readers, {"key": key})], now=now)
            return None
        number, table, name = _number(value, parameter(key)), *key.split(".", 1)
        district = figures(organisation.division, table)[name]
        if number > district if way == "lower" else number < district:
            raise invalid("value", "figure_not_tighter", district=str(district))
        defaults = {"value": number, "set_at": now}
        row, _ = OwnFigure.objects.update_or_create(organisation=organisation, key=key, defaults=defaults)
        payload = {"key": key, "value": f"{number.normalize():f}", "district": str(district)}
        record(actor, [Fact("organisation.tighten", subject, readers, payload)], now=now)
    return row


def _tightened(key: str) -> str:
    try:
        parameter(key)
    except KeyError:
        raise invalid("key", "unknown_figure") from None
    return tightening(key)


def _number(value: object, rule: Parameter) -> Decimal:
    """A figure as it was sent, within what its unit bears: beyond that, nothing could be timed by it."""
    text = str(value).strip()
    if not _PLAIN.fullmatch(text):
        # Decimal takes 1_0 and 1E+2, which nobody means by a figure.
        raise invalid("value", "figure_not_a_number")
    number = Decimal(text)
    if number > rule.most:
        raise invalid("value", "figure_too_large", limit=str(rule.most))
    if number != number.quantize(Decimal("0.001")):
        raise invalid("value", "figure_not_a_number")
    return number


def _require_not_looser(key: str, rule: Parameter, number: Decimal) -> None:
    """National law is no district's to loosen."""
    way = direction(key, rule.confidence)
    if not way:
        raise invalid("key", "figure_fixed")
    if (way == "lower" and number > rule.value) or (way == "higher" and number < rule.value):
        raise invalid("value", "figure_not_looser", rule=str(rule.value))


def set_pair(
    *, actor: Actor, group_a: str, group_b: str, apart: bool, source: str, now: datetime, consequence: str = ""
) -> Pair:
    """Say that two reaction groups must stand apart in the actor's own district, or need not.

    Raises Invalid(unknown_group | same_group | source_missing | too_long), NotPermitted(not_your_part).
    """
    division = require_district(actor)
    for field, group in (("group_a", group_a), ("group_b", group_b)):
        if group not in GROUPS and not (field == "group_b" and group == ANYTHING):
            raise invalid(field, "unknown_group")
    if group_a == group_b:
        # It would bar a waste from standing with its own kind.
        raise invalid("group_b", "same_group")
    if group_b != ANYTHING and group_b < group_a:
        group_a, group_b = group_b, group_a
    if len(consequence) > CONSEQUENCE_LENGTH:
        raise invalid("consequence", "too_long", limit=CONSEQUENCE_LENGTH)
    with transaction.atomic():
        values = {"apart": apart, "consequence": consequence.strip(), "source": _source(source), "set_at": now}
        row, _ = Pair.objects.update_or_create(division=division, group_a=group_a, group_b=group_b, defaults=values)
        payload = {"group_a": group_a, "group_b": group_b, "apart": apart, "source": row.source}
        record(actor, [Fact("district.set_pair", f"district:{division}", _readers(division), payload)], now=now)
    return row


def withdraw(*, actor: Actor, row: Figure | Pair, now: datetime) -> None:
    """Take a district's own decision back: the wider district's, or the rules', holds again."""
    division = require_district(actor)
    if row.division != division:
        raise NotPermitted("not_your_part")
    with transaction.atomic():
        about = {"key": row.key} if isinstance(row, Figure) else {"group_a": row.group_a, "group_b": row.group_b}
        payload = {"what": str(row), **about}
        row.delete()
        record(actor, [Fact("district.withdraw", f"district:{division}", _readers(division), payload)], now=now)


def _source(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise invalid("source", "source_missing")
    if len(text) > SOURCE_LENGTH:
        raise invalid("source", "too_long", limit=SOURCE_LENGTH)
    return text


def _readers(division: str) -> frozenset[str]:
    return audience([], [division])
