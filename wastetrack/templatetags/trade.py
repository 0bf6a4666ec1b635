"""How the trade's values look on a page: masses, days left, codes, states, icons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from wastetrack.alerts.models import Alert, Severity
from wastetrack.alerts.selectors import severity_felt
from wastetrack.districts.words import CONFIDENCE
from wastetrack.parties.actors import Actor
from wastetrack.regulations.clauses import Citation, cite
from wastetrack.regulations.divisions import full_name
from wastetrack.regulations.hazards import name_of
from wastetrack.regulations.identifiers import group
from wastetrack.regulations.vocabulary import CONTAINER_KINDS, FORMS, TREATMENT_METHODS
from wastetrack.sentences import sentence
from wastetrack.telling import Told, tell
from wastetrack.units import figure_and_unit
from wastetrack.waste.clock import LAST_MOMENT

register = template.Library()
MINUS = "\N{MINUS SIGN}"


@register.filter
def plan_seen_by(alert: Alert, actor: Actor) -> bool:
    """Whether the reader is told who acknowledged an alert and what is planned."""
    return alert.plan_seen_by(actor)


@register.filter
def mass(mass_g: int | None) -> SafeString | str:
    """Grams as kg below a tonne and t above, with its unit."""
    if mass_g is None:
        return "—"
    return _with_unit(*figure_and_unit(mass_g))


def _with_unit(figure: str | None, unit: str) -> SafeString:
    """A figure and its unit, never on two lines."""
    html = '<span class="nowrap"><span class="figure">{}</span> <span class="unit">{}</span></span>'
    return format_html(html, figure, unit)


@register.filter
def grouped(code: str) -> str:
    """A code in readable groups."""
    return group(code)


@register.simple_tag
def days_left(deadline: datetime | None, now: datetime) -> str:
    """`12 days left`, `due today`, `3 days over`."""
    if deadline is None:
        return "—"
    days = (timezone.localdate(deadline) - timezone.localdate(now)).days
    if days == 0:
        return _("due today")
    if days > 0:
        return ngettext("%(n)d day left", "%(n)d days left", days) % {"n": days}
    return ngettext("%(n)d day over", "%(n)d days over", -days) % {"n": -days}


@register.simple_tag
def urgency(deadline: datetime | None, now: datetime, warned: object = False) -> str:
    """The word of a deadline for colour and shape: none, calm, due, overdue. `warned`: whether an alert tells of it."""
    if deadline is None:
        return "none"
    if deadline < now:
        return "overdue"
    return "due" if warned else "calm"


@dataclass(frozen=True)
class Look:
    """How a state looks everywhere: its colour (a class `is-…` of the style sheet) and its shape (an icon)."""

    tone: str
    icon: str


LOOKS = {
    # Containers
    "logged": Look("resting", icon="circle-dashed"),
    "stored": Look("resting", icon="square-filled"),
    "committed": Look("resting", icon="file-check"),
    "in_transit": Look("moving", icon="truck"),
    "treated": Look("done", icon="circle-check-filled"),
    "emptied": Look("done", icon="circle"),
    "missing": Look("overdue", icon="help-circle"),
    "voided": Look("void", icon="ban"),
    # Deadlines and alerts
    "watching": Look("resting", icon="clock"),
    "calm": Look("resting", icon="clock"),
    "none": Look("resting", icon="clock"),
    "due": Look("due", icon="alert-triangle-filled"),
    "warned": Look("due", icon="alert-triangle-filled"),
    "overdue": Look("overdue", icon="alert-octagon-filled"),
    "escalated": Look("overdue", icon="building-bank"),
    "resolved": Look("done", icon="circle-check-filled"),
    # Manifests and their lines
    "draft": Look("void", icon="pencil"),
    "issued": Look("resting", icon="file-check"),
    "delivered": Look("moving", icon="map-pin-filled"),
    "received": Look("done", icon="checkbox"),
    "partly_received": Look("due", icon="square-half"),
    "rejected": Look("overdue", icon="square-x"),
    "accepted": Look("done", icon="checkbox"),
    "closed": Look("done", icon="circle-check-filled"),
    "cancelled": Look("void", icon="ban"),
    # At the counter
    "waiting": Look("due", icon="user-question"),
    "confirmed": Look("done", icon="circle-check-filled"),
    "declined": Look("void", icon="ban"),
    "expired": Look("void", icon="clock-off"),
    # Collections and rounds
    "asked": Look("due", icon="clock"),
    "planned": Look("resting", icon="route"),
    "served": Look("done", icon="circle-check-filled"),
    "withdrawn": Look("void", icon="ban"),
    "under_way": Look("moving", icon="truck"),
    "finished": Look("done", icon="flag"),
    "pending": Look("resting", icon="map-pin"),
    "missed": Look("void", icon="square-x"),
    # Counts of a bay
    "counting": Look("moving", icon="list-check"),
    "counted": Look("due", icon="alert-triangle-filled"),
    "settled": Look("done", icon="circle-check-filled"),
    "dropped": Look("void", icon="ban"),
    # Differences in mass
    "notice": Look("due", icon="alert-triangle-filled"),
    "significant": Look("overdue", icon="alert-octagon-filled"),
}


GRADES = {
    Severity.QUIET: Look("resting", icon="clock"),
    Severity.NOTICE: Look("moving", icon="info-circle-filled"),
    Severity.WARNING: Look("due", icon="alert-triangle-filled"),
    Severity.ALARM: Look("overdue", icon="alert-octagon-filled"),
}
"""How grave an alert is, by colour and shape."""


@register.filter
def grade(severity: int) -> Look:
    """How an alert's severity looks: `.tone`, `.icon`."""
    return GRADES[Severity(severity)]


@register.filter
def confidence(letter: str) -> str:
    """What a confidence, A to D, means."""
    return str(CONFIDENCE.get(letter, letter))


@register.inclusion_tag("partials/state.html")
def state_badge(row: Any, label: str = "") -> dict[str, Any]:
    """A state by colour, shape and word: of a row with a `state`, or of a state's own name and its label.

    An open alert has the colour and shape of its severity, like the heading and the bell's count it belongs to.
    """
    graded = isinstance(row, Alert) and row.is_open
    look = GRADES[Severity(severity_felt(row))] if graded else LOOKS[row if isinstance(row, str) else row.state]
    return {"look": look, "label": label or row.get_state_display()}


@register.inclusion_tag("partials/time_left.html", takes_context=True)
def time_left(context: Any, deadline: datetime | None, warned: object = False) -> dict[str, Any]:
    """`12 days left` by colour, shape and word, the day on hover; a dash where no clock runs."""
    now = context["now"]
    return {"deadline": deadline, "look": LOOKS[urgency(deadline, now, warned)], "label": days_left(deadline, now)}


@register.inclusion_tag("partials/code.html")
def drum_code(container: Any, size: str = "", link: bool = True) -> dict[str, Any]:
    """A drum's short code as a link to its page. `size="big"`: with the long code below, both to copy."""
    return {"container": container, "size": size, "link": link}


@register.simple_tag
def citation(clause: str, on: date | datetime | None) -> Citation | None:
    """The clause as it stands on a day (`.reference_zh`, `.text_zh`, `.text_en`); None where there is none."""
    if not clause or on is None:
        return None
    return cite(clause, timezone.localdate(on) if isinstance(on, datetime) else on)


@register.filter
def tells(entry: Any) -> Told:
    """A ledger entry in words: `.icon`, `.title`, `.lines`."""
    return tell(entry.kind, entry.data)


@register.filter
def hazard(letter: str) -> str:
    """The name of a hazard letter in the reader's language."""
    return name_of(letter, "en" if (get_language() or "").startswith("en") else "zh")


@register.filter
def term(code: str, vocabulary: str) -> str:
    """A stored word in the reader's language: form, container or method."""
    table: Any = {"form": FORMS, "container": CONTAINER_KINDS, "method": TREATMENT_METHODS}[vocabulary]
    found = table.get(code)
    if found is None:
        return code
    return str(found.en if (get_language() or "").startswith("en") else found.zh)


@register.filter
def says(code: str) -> str:
    """The sentence of a code."""
    return sentence(code)


@register.simple_tag
def icon(name: str) -> SafeString:
    """An outline icon from the sprite; decoration only, the words stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("vendor/icons.svg"),
        name,
    )


@register.filter
def day(value: datetime | date | None) -> str:
    """A local day, ISO."""
    if value is None:
        return "—"
    return (timezone.localdate(value) if isinstance(value, datetime) else value).isoformat()


@register.filter
def deadline(value: datetime | None) -> str:
    """When something is due: its last day, or the minute where it does not end with a day."""
    return day(value) if value and timezone.localtime(value).time() == LAST_MOMENT else moment(value)


@register.filter
def moment(value: datetime | None) -> str:
    """A local time to the minute."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else "—"


@register.inclusion_tag("partials/field_error.html", takes_context=True)
def field_error(context: Any, field: str) -> dict[str, Any]:
    """What is wrong with one field of the form shown again: `errors` of the context, by `pages.field_messages`."""
    return {"field": field, "message": (context.get("errors") or {}).get(field)}


@register.simple_tag(takes_context=True)
def invalid(context: Any, field: str) -> SafeString | str:
    """The attributes that tie a wrong input to its message."""
    if field not in (context.get("errors") or {}):
        return ""
    return format_html('aria-invalid="true" aria-describedby="{}-error"', field)


@register.filter
def normal(value: Decimal | None) -> str:
    """A decimal without trailing zeros."""
    if value is None:
        return "—"
    whole, point, rest = f"{value:f}".partition(".")
    return f"{whole}{point}{rest.rstrip('0')}".rstrip(".")


@register.filter
def division(code: str) -> str:
    """The full name of an administrative division in the reader's language."""
    return full_name(code, "en" if (get_language() or "").startswith("en") else "zh")


SUBJECT_PAGES = {
    "container": "/containers/",
    "manifest": "/manifests/",
    "walk_in": "/walk-ins/",
    "depot": "/depots/",
    "alert": "/alerts/",
    "permit": "/permits/",
}


@register.filter
def subject_url(subject: str) -> str:
    """The page of a ledger subject (`container:<code>`); empty where it has none."""
    kind, _, name = subject.partition(":")
    return f"{SUBJECT_PAGES[kind]}{name}" if kind in SUBJECT_PAGES else ""


LISTS = {
    "management_plan": "/filings",
    "declaration": "/filings",
    "contract_expiry": "/contracts#contract-{key}",
    "generation_jump": "/containers?generator={uscc}&generated={month}",
    **dict.fromkeys(("permit_codes", "permit_mass", "permit_overrun"), "/permits?search={uscc}"),
}
"""By kind of alert the list that holds what it is about, where that has no page of its own."""
OF_FIRM = "/containers?holder={uscc}"


@register.filter
def way_to_look(alert: Alert) -> str:
    """Where a reader who does not answer for it sees what an alert is about: its page, its list, its firm's drums."""
    listed = LISTS.get(alert.kind, OF_FIRM)
    names = {
        "key": alert.about.partition(":")[2],
        "uscc": alert.organisation.uscc,
        "month": alert.data.get("month", ""),
    }
    return subject_url(alert.about) or listed.format(**names)
