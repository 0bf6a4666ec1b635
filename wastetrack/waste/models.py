"""The drum is the unit: every container has a code, one holder, one clock."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from wastetrack.lifecycle.states import Guard, Stateful, verb
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site
from wastetrack.parties.visibility import NOBODY, VisibleModel, in_district
from wastetrack.regulations.identifiers import group
from wastetrack.units import kg

LIQUID = "L"


class WasteStream(VisibleModel):
    """A firm's usual waste: what one tap fills in when a drum is logged."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="streams")
    site = models.ForeignKey(Site, models.PROTECT, related_name="streams")
    waste_code = models.CharField(max_length=10)
    name = models.CharField(max_length=60)
    form = models.CharField(max_length=2)
    hazards = models.CharField(max_length=20)
    components = models.CharField(max_length=200, blank=True)
    harmful_components = models.CharField(max_length=200, blank=True)
    precautions = models.CharField(max_length=200, blank=True)
    reaction_groups = models.CharField(max_length=60, null=True, blank=True)
    """As on a container; null: what the code says."""
    container_kind = models.CharField(max_length=20)
    volume_l = models.DecimalField(max_digits=9, decimal_places=1)
    active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"{self.name} {self.waste_code}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(organisation=actor.organisation_id) | in_district("site__division", actor)


class ContainerState(models.TextChoices):
    LOGGED = "logged", _("Logged")
    STORED = "stored", _("Stored")
    COMMITTED = "committed", _("On a manifest")
    IN_TRANSIT = "in_transit", _("In transit")
    TREATED = "treated", _("Treated")
    EMPTIED = "emptied", _("Emptied")
    MISSING = "missing", _("Missing")
    VOIDED = "voided", _("Voided")


ENDED = (ContainerState.TREATED, ContainerState.EMPTIED, ContainerState.VOIDED)
"""States that are for ever; each is also the code by which a step is refused."""
GONE: Mapping[str, str] = {**{state.value: state.value for state in ENDED}, ContainerState.MISSING.value: "was_missing"}
"""Why nothing can be done with a container that stands nowhere: the refusal's code by its state."""


class Container(Stateful):
    """One drum, bag or box of one waste, from the day filling began to its treatment."""

    SUBJECT = "container"

    state = FSMField(default=ContainerState.LOGGED, choices=ContainerState, protected=True)
    code = models.CharField(max_length=37, unique=True)
    short_code = models.CharField(max_length=8, unique=True)
    generator = models.ForeignKey(Organisation, models.PROTECT, related_name="generated")
    origin = models.ForeignKey(Site, models.PROTECT, related_name="containers")
    holder = models.ForeignKey(Organisation, models.PROTECT, related_name="held")
    stream = models.ForeignKey(WasteStream, models.PROTECT, null=True, blank=True, related_name="containers")
    waste_code = models.CharField(max_length=10, db_index=True)
    category = models.CharField(max_length=4)
    name = models.CharField(max_length=60)
    form = models.CharField(max_length=2)
    hazards = models.CharField(max_length=20)
    """Hazard letters with one space between: `T I`."""
    components = models.CharField(max_length=200, blank=True)
    harmful_components = models.CharField(max_length=200, blank=True)
    precautions = models.CharField(max_length=200, blank=True)
    remarks = models.CharField(max_length=200, blank=True)
    reaction_groups = models.CharField(max_length=60, null=True, blank=True)
    """With what it reacts: group codes, sorted, one space between; empty: with nothing; null: nobody has said."""
    container_kind = models.CharField(max_length=20)
    volume_l = models.DecimalField(max_digits=9, decimal_places=1)
    mass_g = models.BigIntegerField()
    """Grams now; what was logged and every weighing since stand in the ledger."""
    treated_g = models.BigIntegerField(default=0)
    """Grams of it that are treated already."""
    disputed = models.BooleanField(default=False)
    """Sender and receiver do not agree on its mass yet."""
    accumulation_start = models.DateField()
    storage_deadline = models.DateTimeField(null=True, blank=True, db_index=True)
    """End of the last day it may stay with its holder; null while it is in transit and after treatment."""
    storage_clause = models.CharField(max_length=60, blank=True)
    extension = models.CharField(max_length=60, blank=True)
    """The document by which its holder may keep it longer than the rule."""
    logged_at = models.DateTimeField()
    reader_keys = models.TextField()
    """Who may see it: reader keys, sorted, one space between. ContainerReader is the index over them."""

    class Meta:
        indexes = [
            models.Index(fields=["holder", "state", "id"], name="container_held"),
            models.Index(fields=["generator", "id"], name="container_generated"),
            models.Index(fields=["generator", "logged_at"], name="container_logged"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(mass_g__gt=0), name="container_mass_positive"),
            models.CheckConstraint(
                condition=Q(treated_g__gte=0, treated_g__lte=models.F("mass_g")), name="container_treated_within"
            ),
        ]

    def __str__(self) -> str:
        return self.short_code

    @property
    def subject(self) -> str:
        return f"container:{self.code}"

    @property
    def mass_kg(self) -> Decimal:
        return kg(self.mass_g)

    @property
    def hazard_letters(self) -> tuple[str, ...]:
        return tuple(self.hazards.split())

    @property
    def reactions(self) -> frozenset[str] | None:
        """Its reaction groups; None where nobody has said, which is never to be taken for harmless."""
        return None if self.reaction_groups is None else frozenset(self.reaction_groups.split())

    @property
    def kind(self) -> tuple[str, frozenset[str] | None]:
        """As far as it may meet other wastes (districts.selectors.Kind)."""
        return self.waste_code, self.reactions

    @property
    def derived(self) -> bool:
        """Whether it came out of other containers (one query)."""
        return self.parents.exists()

    @property
    def is_liquid(self) -> bool:
        return self.form == LIQUID

    @property
    def short_grouped(self) -> str:
        return group(self.short_code)

    @property
    def code_grouped(self) -> str:
        return group(self.code)

    def positions(self, actor: Actor) -> frozenset[str]:
        found = {"holder"} if actor.organisation_id == self.holder_id else set()
        if actor.organisation_id == self.generator_id:
            found.add("generator")
        return frozenset(found)

    def readers(self) -> frozenset[str]:
        return frozenset(self.reader_keys.split())

    def seen_by(self, actor: Actor) -> bool:
        """Whether the actor may see it now."""
        return not self.readers().isdisjoint(actor.readers)

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return Q(Exists(ContainerReader.objects.filter(container=OuterRef("pk"), reader__in=actor.readers)))

    @verb(source=ContainerState.LOGGED, target=ContainerState.STORED, by="holder")
    def store(self) -> None:
        """The holder puts it into its store."""

    @verb(
        source=ContainerState.STORED,
        target=ContainerState.COMMITTED,
        by="manifest",
        guards=[Guard("container_has_no_label_data", lambda container: bool(container.hazards and container.form))],
    )
    def commit(self) -> None:
        """A manifest that names it is issued."""

    @verb(source=ContainerState.COMMITTED, target=ContainerState.STORED, by="manifest")
    def release(self) -> None:
        """That manifest is cancelled before departure."""

    @verb(source=ContainerState.COMMITTED, target=ContainerState.IN_TRANSIT, by="manifest")
    def depart(self) -> None:
        """The carrier departs with it."""

    @verb(source=ContainerState.IN_TRANSIT, target=ContainerState.IN_TRANSIT, by="manifest")
    def take_over(self) -> None:
        """Another carrier takes it over on the way."""

    @verb(source=ContainerState.IN_TRANSIT, target=ContainerState.COMMITTED, by="manifest")
    def reroute(self) -> None:
        """It was refused, and a further manifest takes it back or on without its coming off the lorry."""

    @verb(source=ContainerState.COMMITTED, target=ContainerState.IN_TRANSIT, by="manifest")
    def unroute(self) -> None:
        """That further manifest is cancelled before departure: it is on the lorry as before."""

    @verb(source=ContainerState.IN_TRANSIT, target=ContainerState.STORED, by="manifest")
    def receive(self) -> None:
        """The receiver accepts it into its store."""

    @verb(source=ContainerState.IN_TRANSIT, target=ContainerState.STORED, by="manifest")
    def take_back(self) -> None:
        """The sender takes it back into its store after the receiver refused it."""

    @verb(source=ContainerState.STORED, target=ContainerState.TREATED, by="manifest")
    def treat(self) -> None:
        """All of it has been treated."""

    @verb(source=ContainerState.STORED, target=ContainerState.LOGGED, by="holder")
    def unstore(self) -> None:
        """The holder takes back that it was put into its store: it was scanned by mistake."""

    @verb(source=ContainerState.STORED, target=ContainerState.IN_TRANSIT, by="manifest")
    def unreceive(self) -> None:
        """The receiver takes back its receipt: it was scanned by mistake and is on the lorry still."""

    @verb(
        source=ContainerState.STORED,
        target=ContainerState.EMPTIED,
        by="holder",
        guards=[
            Guard("treated_in_part", lambda container: not container.treated_g),
            Guard("mass_disputed", lambda container: not container.disputed),
        ],
    )
    def empty(self) -> None:
        """All of it went into other containers: split, merged or repacked."""

    @verb(source=ContainerState.STORED, target=ContainerState.MISSING, by="holder")
    def lose(self) -> None:
        """A count did not find it, and a second person says that it is gone."""

    @verb(source=ContainerState.MISSING, target=ContainerState.STORED, by="holder")
    def find(self) -> None:
        """It was found again."""

    @verb(
        source=[ContainerState.LOGGED, ContainerState.STORED],
        target=ContainerState.VOIDED,
        by="generator",
        guards=[
            Guard("already_handed_over", lambda container: container.holder_id == container.generator_id),
            # What is in it came out of others: to void it would lose that mass.
            Guard("has_parents", lambda container: not container.derived),
        ],
    )
    def void(self) -> None:
        """Logged by mistake: there is no such drum."""


class Derivation(VisibleModel):
    """Grams that went from one container into another: the family tree of split, merge and repack."""

    parent = models.ForeignKey(Container, models.PROTECT, related_name="children")
    child = models.ForeignKey(Container, models.PROTECT, related_name="parents")
    mass_g = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parent", "child"], name="derivation_once"),
            models.CheckConstraint(condition=Q(mass_g__gt=0), name="derivation_mass_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.parent_id} → {self.child_id}: {self.mass_g} g"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        seen = Container.objects.visible_to(actor).values("pk")
        return Q(parent__in=seen) & Q(child__in=seen)


_HELD_BELOW = """
WITH RECURSIVE above(container) AS (
    SELECT edge.parent_id FROM waste_derivation edge JOIN waste_container held ON held.id = edge.child_id
    WHERE held.holder_id = %s AND held.state IN ({})
    UNION
    SELECT edge.parent_id FROM waste_derivation edge JOIN above ON edge.child_id = above.container
) SELECT container FROM above
"""


def in_hand(path: str, organisation_id: int | None) -> Q:
    """Whether a container, or anything that came out of it, stands with this organisation: a filter at `path`."""
    standing = (ContainerState.LOGGED, ContainerState.STORED, ContainerState.COMMITTED)
    below = RawSQL(_HELD_BELOW.format(", ".join(["%s"] * len(standing))), [organisation_id, *map(str, standing)])
    itself = Q(**{f"{path}__holder": organisation_id, f"{path}__state__in": standing})
    return itself | Q(**{f"{path}__state": ContainerState.EMPTIED, f"{path}__in": below})


class Share(VisibleModel):
    """Grams of one origin, a container without parents, in a container that came out of others, as it was derived.

    Over a container's origins they add up to what went into it. waste.lineage writes them, and nobody else.
    """

    container = models.ForeignKey(Container, models.PROTECT, related_name="shares")
    origin = models.ForeignKey(Container, models.PROTECT, related_name="shares_in")
    mass_g = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["container", "origin"], name="share_once"),
            models.CheckConstraint(condition=Q(mass_g__gt=0), name="share_mass_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.origin_id} in {self.container_id}: {self.mass_g} g"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        seen = Container.objects.visible_to(actor).values("pk")
        return Q(container__in=seen) & Q(origin__in=seen)


class ContainerReader(VisibleModel):
    """The index over `Container.reader_keys`: organisations that had to do with it, and their districts."""

    container = models.ForeignKey(Container, models.CASCADE, related_name="reader_rows")
    reader = models.CharField(max_length=24)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "container"], name="container_reader_once")]

    def __str__(self) -> str:
        return f"{self.reader} → {self.container_id}"

    @classmethod
    def visibility(cls, actor: Actor) -> Q:
        return NOBODY
