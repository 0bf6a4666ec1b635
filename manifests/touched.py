"""What an entry of the log touches: manifests, and the approvals, plans and receivers that their masses count for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from django.db.models import Exists, OuterRef
from django.db.models.functions import ExtractYear

from manifests.models import Approval, Contract, Manifest, PlannedTransfer
from wastetrack.alerts.registry import Subjects
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Organisation, Permit, is_licensed
from wastetrack.waste.models import Container

On = Callable[[Sequence[Entry]], Iterable[str]]
COUNTS = (
    *("manifest.issue", "manifest.cancel", "manifest.call_off", "manifest.receive*", "manifest.reject"),
    *("manifest.reopen", "manifest.correct", "manifest.settle"),
    *("container.receive", "container.reject", "container.unreceive", "container.weigh"),
)
"""The steps after which other masses count: of what is issued, accepted, refused, weighed again or put right."""
DIFFERS = (
    *("manifest.discrepancy", "manifest.settle", "manifest.correct"),
    *("container.weigh", "container.unreceive"),
)
"""The steps that open a difference in mass, or settle one."""


def after(kinds: Iterable[str], subjects_of: On) -> dict[str, On]:
    """The same subjects after entries of each of these kinds: for `Watch.on`."""
    return dict.fromkeys(kinds, subjects_of)


def names(abouts: Iterable[str]) -> list[str]:
    """The subjects' own names, without what they are: numbers, codes, primary keys."""
    return [about.partition(":")[2] for about in abouts]


def _numbers(entries: Sequence[Entry]) -> set[str]:
    """The numbers of the manifests that entries are about, or in whose name a drum's are."""
    own = {entry.subject.partition(":")[2] for entry in entries if entry.subject.startswith("manifest:")}
    others = {entry.data.get("manifest", "") for entry in entries if not entry.subject.startswith("manifest:")}
    return own | (others - {""})


def manifests(entries: Sequence[Entry]) -> set[str]:
    """The manifests that entries are about, or in whose name a drum's are (no query)."""
    return {f"manifest:{number}" for number in _numbers(entries)}


def approvals(entries: Sequence[Entry]) -> set[str]:
    """Approvals that entries are about or that manifests use up, and the others between the same two (two queries)."""
    recorded = names(entry.subject for entry in entries if entry.kind == "approval.record")
    used = Approval.objects.filter(manifests__number__in=_numbers(entries)) | Approval.objects.filter(pk__in=recorded)
    pairs = set(used.values_list("sender", "receiver"))
    if not pairs:
        return set()
    rows = Approval.objects.filter(sender__in={sender for sender, _ in pairs})
    return {f"approval:{pk}" for pk, *pair in rows.values_list("pk", "sender", "receiver") if tuple(pair) in pairs}


def contracts(entries: Sequence[Entry]) -> set[str]:
    """The contracts that entries are about, and the others between the same two (one query)."""
    recorded = Contract.objects.filter(pk__in=names(entry.subject for entry in entries))
    pairs = recorded.filter(client=OuterRef("client"), partner=OuterRef("partner"))
    return {f"contract:{pk}" for pk in Contract.objects.filter(Exists(pairs)).values_list("pk", flat=True)}


def permits(entries: Sequence[Entry]) -> set[str]:
    """The permits that entries are about, and their holders' others (one query)."""
    found = Permit.objects.filter(organisation__uscc__in={entry.data["uscc"] for entry in entries})
    return {f"permit:{pk}" for pk in found.values_list("pk", flat=True)}


def permit_holders(entries: Sequence[Entry]) -> set[str]:
    """The holders of the permits that entries are about (no query)."""
    return {organisation_subject(entry.data["uscc"]) for entry in entries}


def plans(entries: Sequence[Entry]) -> set[str]:
    """The plans, by site and year, out of which manifests send (one query); what is planned names its own."""
    rows = Manifest.objects.filter(number__in=_numbers(entries), issued_at__isnull=False)
    sent = rows.annotate(year=ExtractYear("issued_at")).values_list("sender_site__code", "year").distinct()
    return {plan_subject(code, year) for code, year in sent}


def plan_subject(site_code: str, year: int) -> str:
    """A site's plan of a year, as the ledger names it."""
    return f"plan:{site_code}:{year}"


def plan_of_row(row: PlannedTransfer) -> str:
    """The plan that a row stands in."""
    return plan_subject(row.site.code, row.year)


def receivers(entries: Sequence[Entry]) -> set[str]:
    """The receivers of manifests (one query)."""
    found = Organisation.objects.filter(receiving__number__in=_numbers(entries))
    return {organisation_subject(uscc) for uscc in found.values_list("uscc", flat=True).distinct()}


def licensed_parties(entries: Sequence[Entry]) -> set[str]:
    """Licensed senders and receivers of manifests, and licensed holders of drums (three queries)."""
    codes = [entry.subject.partition(":")[2] for entry in entries if entry.subject.startswith("container:")]
    numbers = _numbers(entries)
    found = set(Container.objects.filter(code__in=codes).values_list("holder", flat=True))
    for pair in Manifest.objects.filter(number__in=numbers).values_list("sender", "receiver"):
        found.update(pair)
    licensed = Organisation.objects.filter(is_licensed(), pk__in=found)
    return {organisation_subject(uscc) for uscc in licensed.values_list("uscc", flat=True)}


def organisation_subject(uscc: str) -> str:
    """An organisation, as the ledger names it."""
    return f"organisation:{uscc}"


PERMITS = Subjects(
    rows=lambda: Permit.objects.all(),
    about=lambda permit: permit.subject,
    organisation="organisation",
    division="organisation__division",
    daily=True,
)
LICENSED = Subjects(
    rows=lambda: Organisation.objects.filter(is_licensed()),
    about=lambda one: organisation_subject(one.uscc),
    organisation="pk",
    division="division",
    # A permit begins and ends with a day.
    daily=True,
)
"""Those who take waste of others by a permit."""
