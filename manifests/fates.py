"""What became of a drum: every end of its waste, to the gram, through whatever it was regrouped into."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from depots.models import Stay
from manifests.models import Treatment
from wastetrack.ledger.canonical import instant
from wastetrack.parties.actors import Actor
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import ends_of
from wastetrack.waste.shares import Contents, portions

STANDS, HIDDEN = "stands", "hidden"
KINDS = {
    ContainerState.IN_TRANSIT.value: "in_transit",
    ContainerState.MISSING.value: "missing",
    ContainerState.VOIDED.value: "voided",
}


@dataclass(frozen=True)
class Fate:
    """One end of a drum's waste: `treated`, or where it is: `stands`, `in_transit`, `missing`, `voided`.

    `hidden`: all that lies with others of whom the reader may know nothing.
    """

    kind: str
    mass_g: int
    """Grams of the drum's own waste."""
    container: Container | None = None
    """What it is in now, or was treated in."""
    treatment: Treatment | None = None
    place: Stay | None = None


@dataclass(frozen=True)
class Fates:
    """All ends of a drum's waste. They add up to its mass, but for what later scales found more or less."""

    container: Container
    ends: Sequence[Fate]

    @property
    def treated(self) -> list[Fate]:
        """The final treatments, the first one first."""
        done = [(end, end.treatment) for end in self.ends if end.treatment]
        return [end for end, treatment in sorted(done, key=lambda row: (row[1].treated_at, row[1].pk))]

    @property
    def others(self) -> list[Fate]:
        """What is not treated, or not told."""
        return [end for end in self.ends if end.treatment is None]

    @property
    def treated_g(self) -> int:
        return sum(end.mass_g for end in self.treated)

    @property
    def other_g(self) -> int:
        return sum(end.mass_g for end in self.others)

    @property
    def difference_g(self) -> int:
        """What later scales did not find of its mass; negative where they found more."""
        return self.container.mass_g - self.treated_g - self.other_g

    @property
    def difference_abs_g(self) -> int:
        return abs(self.difference_g)


def fates_of(actor: Actor, container: Container) -> Fates:
    """Where the waste of a container that the actor may see is now or ended.

    Of every treatment each drum has its part by what was in the container, so that over all drums they add up to it.
    Seven queries for a firm's drum, however large its family.
    """
    ends = ends_of([container])
    pks = [one.pk for one, _ in ends]
    seen = set(Container.objects.visible_to(actor).filter(pk__in=pks).values_list("pk", flat=True))
    (found,) = _told([container], [(one, contents) for one, contents in ends if one.pk in seen])
    hidden_g = sum(contents.get(container.pk, 0) for one, contents in ends if one.pk not in seen)
    return Fates(container, [*found.ends, Fate(HIDDEN, hidden_g)]) if hidden_g else found


def all_fates_of(containers: Sequence[Container]) -> list[Fates]:
    """The same of several containers, in their order, with nothing hidden: for what a plant certifies."""
    return _told(containers, ends_of(containers))


def _told(containers: Sequence[Container], ends: Sequence[tuple[Container, Contents]]) -> list[Fates]:
    """What these ends mean for each container (two queries)."""
    pks = [one.pk for one, _ in ends]
    treatments = defaultdict[int, list[Treatment]](list)
    for treatment in Treatment.objects.filter(container__in=pks).select_related("plant", "container").order_by("pk"):
        treatments[treatment.container_id].append(treatment)
    stays = Stay.objects.filter(container__in=pks, left_at=None).select_related("depot__site", "bay")
    places = {stay.container_id: stay for stay in stays}
    found: dict[int, list[Fate]] = {one.pk: [] for one in containers}
    for one, contents in ends:
        for key, fate in _fates(one, contents, treatments[one.pk], places.get(one.pk)):
            if key in found:
                found[key].append(fate)
    return [Fates(one, found[one.pk]) for one in containers]


def _fates(
    one: Container, contents: Contents, treatments: Sequence[Treatment], place: Stay | None
) -> Iterator[tuple[int, Fate]]:
    """Whose part of each treatment of a last container is how much, in the order recorded, and of what is left."""
    left_g = sum(contents.values()) - sum(treatment.mass_g for treatment in treatments)
    *parts, rest = portions(contents, [*(treatment.mass_g for treatment in treatments), left_g])
    for treatment, part in zip(treatments, parts, strict=True):
        for key, mass_g in part.items():
            yield key, Fate("treated", mass_g, one, treatment)
    for key, mass_g in rest.items():
        yield key, Fate(KINDS.get(one.state, STANDS), mass_g, one, None, place)


def fates_json(fates: Fates) -> dict[str, Any]:
    """Where a drum's waste ended, as the API says it."""
    return {
        "container": fates.container.code,
        "mass_kg": kg_text(fates.container.mass_g),
        "treated_kg": kg_text(fates.treated_g),
        "other_kg": kg_text(fates.other_g),
        "difference_kg": kg_text(fates.difference_g),
        "ends": [_fate_json(end) for end in [*fates.treated, *fates.others]],
    }


def _fate_json(end: Fate) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": end.kind, "mass_kg": kg_text(end.mass_g)}
    if end.container is not None:
        said |= {"container": end.container.code, "short_code": end.container.short_code}
    if (done := end.treatment) is not None:
        said |= {
            "method": done.method,
            "plant": {"uscc": done.plant.uscc, "name": done.plant.name},
            "treated_at": instant(done.treated_at),
            "residue": done.residue,
        }
    elif end.container is not None:
        said["holder"] = {"uscc": end.container.holder.uscc, "name": end.container.holder.name}
        said["depot"] = end.place.depot.name if end.place else None
    return said
