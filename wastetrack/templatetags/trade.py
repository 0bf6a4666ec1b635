"""How the trade's values look on a page: masses, days left, codes, states, icons."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from wastetrack.regulations.identifiers import group
from wastetrack.regulations.vocabulary import CONTAINER_KINDS, FORMS, TREATMENT_METHODS
from wastetrack.sentences import sentence
from wastetrack.units import GRAMS_PER_TONNE, kg_text, tonnes

register = template.Library()
MINUS = "\N{MINUS SIGN}"


@register.filter
def mass(mass_g: int | None) -> SafeString | str:
    """Grams as kg below a tonne and t above, with its unit."""
    if mass_g is None:
        return "—"
    if mass_g < GRAMS_PER_TONNE:
        return format_html('<span class="figure">{}</span> <span class="unit">kg</span>', kg_text(mass_g))
    shown = f"{tonnes(mass_g):.3f}".rstrip("0").rstrip(".")
    return format_html('<span class="figure">{}</span> <span class="unit">t</span>', shown)


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
def urgency(deadline: datetime | None, now: datetime) -> str:
    """The state word of a deadline for colour and shape: none, calm, due, overdue."""
    if deadline is None:
        return "none"
    if deadline < now:
        return "overdue"
    return "due" if (deadline - now).days < 30 else "calm"


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
def moment(value: datetime | None) -> str:
    """A local time to the minute."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else "—"
