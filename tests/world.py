"""A small district for tests: firms, depots, a carrier, a plant, regulators. Codes are synthetic with valid checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from depots.models import Bay, Depot, DepotKind
from manifests import services as manifests
from manifests.models import Manifest
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership, Organisation, Permit, Site, Token, User, Vehicle
from wastetrack.regulations.identifiers import make_site_code, make_uscc
from wastetrack.waste.models import Container

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=ZONE)
TODAY = NOW.date()
PASSWORD = "demo"

DRUM: dict[str, Any] = {
    "waste_code": "900-249-08",
    "name": "废油桶",
    "form": "S",
    "mass_kg": "18.5",
    "container_kind": "steel_drum",
    "volume_l": 200,
    "accumulation_start": "2026-11-20",
}


@dataclass
class World:
    """The district. `actor(name)` acts for the organisation of that name."""

    organisations: dict[str, Organisation] = field(default_factory=dict)
    depots: dict[str, Depot] = field(default_factory=dict)
    memberships: dict[str, Membership] = field(default_factory=dict)

    def actor(self, name: str) -> Actor:
        return Actor.of(self.memberships[name])

    def token(self, name: str, now: datetime = NOW) -> str:
        return Token.mint(
            membership=self.memberships[name], delegation=None, now=now, expires=datetime(2099, 1, 1, tzinfo=ZONE)
        )

    def add(self, name: str, roles: str, division: str = "330602", role: str = "operator") -> Organisation:
        number = len(self.organisations) + 1
        organisation = Organisation.objects.create(
            uscc=make_uscc(f"91330699T{number:07d}"),
            name=f"演示{name}",
            roles=roles,
            division=division,
            contact_name="演示联系人",
            contact_phone="0575-00000000",
            demo=True,
        )
        user = User.objects.create_user(username=name, password=PASSWORD, name=f"演示用户 {name}")
        self.memberships[name] = Membership.objects.create(user=user, organisation=organisation, role=role)
        self.organisations[name] = organisation
        return organisation

    def add_depot(self, name: str, kind: str, bays: int = 0, permit: Permit | None = None) -> Depot:
        organisation = self.organisations[name]
        site = Site.objects.create(
            organisation=organisation,
            code=make_site_code(organisation.uscc, 1),
            name=f"{organisation.name}厂区",
            division=organisation.division,
        )
        depot = Depot.objects.create(
            site=site, name=f"{organisation.name}贮存", kind=kind, facility_code="TS001", permit=permit
        )
        for number in range(1, bays + 1):
            Bay.objects.create(depot=depot, code=f"A{number}", capacity_g=5_000_000)
        self.depots[name] = depot
        return depot

    def permit(self, name: str, codes: str, kind: str = "comprehensive", until: date = date(2028, 12, 31)) -> Permit:
        return Permit.objects.create(
            organisation=self.organisations[name],
            number=f"演示{name}",
            kind=kind,
            codes=codes,
            yearly_mass_g=10_000_000_000,
            valid_from=date(2024, 1, 1),
            valid_to=until,
        )

    # --- the trade's steps, as short as tests want them ---

    def drum(self, firm: str = "firm", now: datetime = NOW, **changes: Any) -> Container:
        """A drum in the firm's own store."""
        from depots.services import log_into

        return log_into(actor=self.actor(firm), depot=self.depots[firm], data={**DRUM, **changes}, now=now)

    def draft(self, *drums: Container, sender: str = "firm", to: str = "depot", now: datetime = NOW) -> Manifest:
        return manifests.draft(
            actor=self.actor(sender),
            receiver=self.organisations[to],
            carrier=self.organisations["carrier"],
            containers=drums,
            now=now,
        )

    def issued(self, *drums: Container, sender: str = "firm", to: str = "depot", now: datetime = NOW) -> Manifest:
        manifest = self.draft(*drums, sender=sender, to=to, now=now)
        return manifests.issue(actor=self.actor(sender), manifest=manifest, now=now)

    def departed(self, *drums: Container, sender: str = "firm", to: str = "depot", now: datetime = NOW) -> Manifest:
        manifest = self.issued(*drums, sender=sender, to=to, now=now)
        return manifests.depart(actor=self.actor("carrier"), manifest=manifest, now=now)

    def delivered(self, *drums: Container, sender: str = "firm", to: str = "depot", now: datetime = NOW) -> Manifest:
        manifest = self.departed(*drums, sender=sender, to=to, now=now)
        return manifests.deliver(actor=self.actor("carrier"), manifest=manifest, now=now)


def build_world() -> World:
    """Two neighbour firms, two depots, a carrier, a plant, two regulators, a reader who may not write."""
    world = World()
    for name in ("firm", "firm2"):
        world.add(name, "generator")
        world.add_depot(name, DepotKind.STORAGE_POINT)
    for name in ("depot", "depot2"):
        world.add(name, "collector")
        permit = world.permit(name, "HW08 HW49 HW06 HW12", kind="pilot")
        world.add_depot(name, DepotKind.COLLECTION_DEPOT, bays=2, permit=permit)
    world.add("carrier", "carrier", role="driver")
    world.permit("carrier", "", kind="transport")
    Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00001", capacity_g=10_000_000)
    world.add("plant", "treater")
    plant_permit = world.permit("plant", "HW08 HW49 HW06 HW12")
    world.add_depot("plant", DepotKind.PLANT_STORE, bays=1, permit=plant_permit)
    world.add("regulator", "regulator")
    world.add("regulator2", "regulator", division="330111")
    viewer = User.objects.create_user(username="viewer", password=PASSWORD, name="演示只读")
    world.memberships["viewer"] = Membership.objects.create(
        user=viewer, organisation=world.organisations["firm"], role="viewer"
    )
    return world


def later(days: float) -> datetime:
    """Some days after NOW."""
    return NOW + timedelta(days=days)
