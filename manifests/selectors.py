"""Reading manifests."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Sum

from manifests.models import (
    ON_THE_WAY,
    TURNED_AWAY,
    UNDER_WAY,
    Discrepancy,
    Leg,
    Line,
    Manifest,
    ManifestState,
    Outcome,
    Treatment,
    to_treat,
)
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor
from wastetrack.regulations.identifiers import SHORT_CODE_LENGTH, typed_digits
from wastetrack.regulations.plates import plain
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import descendants


def visible_manifests(actor: Actor) -> QuerySet[Manifest]:
    """The actor's manifests with parties, counts and declared mass; newest first."""
    return (
        Manifest.objects.visible_to(actor)
        .select_related("sender", "sender_site", "receiver", "carrier", "next_carrier")
        .annotate(
            line_count=Count("lines"),
            mass_g=Sum("lines__mass_g"),
            disputed=Exists(Discrepancy.objects.filter(line__manifest=OuterRef("pk"), settled_at=None)),
        )
        .order_by("-id")
    )


def get_manifest(actor: Actor, number: str) -> Manifest:
    """A manifest by its number as typed. Raises NotFound(unknown_manifest) alike for hidden and unknown ones."""
    manifest = visible_manifests(actor).filter(number=typed_digits(number)).first()
    if manifest is None:
        raise NotFound("unknown_manifest")
    return manifest


def lines_of(manifest: Manifest) -> list[Line]:
    """The manifest's lines with container, discrepancy, statements, treatments (three queries at most).

    Each has `untreated`: whether its receiver has still to treat its drum, or what came out of it.
    """
    treatments = Treatment.objects.order_by("id")
    if not manifest.lines_may_be_treated:
        # Nothing to ask for: an empty queryset costs nothing.
        treatments = treatments.none()
    return list(
        Line.objects.filter(manifest=manifest)
        .select_related("container__generator", "discrepancy")
        .prefetch_related("discrepancy__statements", Prefetch("treatments", treatments))
        .annotate(untreated=to_treat(manifest.receiver_id))
    )


def regrouped(manifest: Manifest, lines: Sequence[Line]) -> list[Container]:
    """What came out of the drums that a manifest's receiver accepted and emptied, and stands in its store now.

    One query a generation; none where nothing was emptied.
    """
    accepted = (line.container for line in lines if line.outcome == Outcome.ACCEPTED)
    below = descendants([one for one in accepted if one.state == ContainerState.EMPTIED])
    here = [one for one in below if one.holder_id == manifest.receiver_id]
    return [one for one in here if one.state == ContainerState.STORED]


def legs_of(manifest: Manifest) -> list[Leg]:
    """The carriers' parts of the way, in order (one query)."""
    return list(manifest.legs.select_related("carrier", "vehicle"))


def line_awaited_by(actor: Actor, code: str) -> Line | None:
    """The open line on which the actor's organisation awaits the container of this long or short code, if any."""
    which = Q(container__short_code=code) if len(code) == SHORT_CODE_LENGTH else Q(container__code=code)
    return (
        Line.objects.filter(which, outcome="", manifest__receiver=actor.organisation_id, manifest__state__in=UNDER_WAY)
        .select_related("container__generator", "manifest__sender_site", "manifest__receiver", "manifest__sender")
        .first()
    )


def line_to_weigh_again(actor: Actor, container: Container) -> Line | None:
    """The line on which the actor's organisation received this container with a mass that nobody agrees on yet."""
    open_ones = Q(discrepancy__settled_at=None, discrepancy__isnull=False)
    return (
        Line.objects.filter(open_ones, container=container, manifest__receiver=actor.organisation_id)
        .select_related("manifest__receiver", "manifest__sender_site", "container")
        .order_by("-pk")
        .first()
    )


def line_to_load(actor: Actor, container: Container) -> Line | None:
    """The newest line on which the actor's organisation sends or carries this container and which has not departed."""
    ours = Q(manifest__sender=actor.organisation_id) | Q(manifest__carrier=actor.organisation_id)
    return (
        Line.objects.filter(ours, container=container, manifest__state__in=(ManifestState.ISSUED, *ON_THE_WAY))
        .filter(outcome="")
        .select_related("manifest", "container")
        .order_by("-pk")
        .first()
    )


def aboard(plate: str, leg: Leg | None = None) -> list[Container]:
    """What is on the road on this vehicle; with a leg, what of other manifests was while it was driven (one query)."""
    on_it = Leg.objects.filter(plate=plain(plate), departed_at__isnull=False)
    if leg is None:
        on_it = on_it.filter(arrived_at=None)
        lines = Line.objects.filter(manifest__state=ManifestState.IN_TRANSIT, outcome="")
    else:
        on_it = on_it.filter(Q(arrived_at=None) | Q(arrived_at__gt=leg.departed_at))
        on_it = on_it.filter(departed_at__lt=leg.arrived_at) if leg.arrived_at else on_it
        lines = Line.objects.exclude(manifest=leg.manifest_id).exclude(manifest__state=ManifestState.CANCELLED)
    lines = lines.filter(manifest__in=on_it.values("manifest"))
    return [line.container for line in lines.select_related("container")]


def line_to_take_back(actor: Actor, container: Container) -> Line | None:
    """The line of a drum that was turned away, which the actor's organisation, its sender, has not yet taken back."""
    return (
        Line.objects.filter(
            TURNED_AWAY,
            container=container,
            taken_back_at=None,
            followed_by=None,
            manifest__sender=actor.organisation_id,
        )
        .select_related("manifest__sender", "manifest__sender_site", "manifest__receiver")
        .first()
    )


def manifests_naming(actor: Actor, container: Container) -> QuerySet[Manifest]:
    """The manifests a container was ever on, as far as the actor may see them; oldest first."""
    return (
        Manifest.objects.visible_to(actor)
        .filter(lines__container=container)
        .select_related("sender", "receiver", "carrier")
        .order_by("id")
    )


def leaving_on(codes: Sequence[str]) -> dict[str, str]:
    """Of drums that stand in a store and are bound to leave it, the number of the manifest on which (one query)."""
    lines = Line.objects.filter(container__code__in=codes, container__state=ContainerState.COMMITTED)
    rows = lines.filter(manifest__state__in=UNDER_WAY, outcome="").order_by("pk")
    return dict(rows.values_list("container__code", "manifest__number"))


def treatments_of(container: Container) -> QuerySet[Treatment]:
    """How and where a container ended."""
    return (
        Treatment.objects.filter(container=container)
        .select_related("plant", "line__manifest__receiver")
        .order_by("treated_at", "id")
    )


def needing(actor: Actor, states: Sequence[str], party: str) -> QuerySet[Manifest]:
    """Manifests in these states that wait for the actor's organisation in its part as `party`."""
    return visible_manifests(actor).filter(Q(**{party: actor.organisation_id}), state__in=states)
