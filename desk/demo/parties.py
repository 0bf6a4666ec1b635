"""The parties of the demo district. Every name says that it is a demonstration; every code and telephone is made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from depots.models import Bay, Depot, DepotKind
from desk.demo.logins import LOGINS, PASSWORD, PIN
from desk.demo.wastes import BAYS, COLLECTED, TRADES, Waste, treated_by
from wastetrack.notices.models import Address
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import (
    Delegation,
    MemberRole,
    Membership,
    Organisation,
    OrganisationRole,
    Permit,
    PermitKind,
    Site,
    User,
    Vehicle,
)
from wastetrack.parties.pins import keep_pin
from wastetrack.regulations.identifiers import make_site_code, make_uscc
from wastetrack.units import GRAMS_PER_KG, GRAMS_PER_TONNE
from wastetrack.waste.models import WasteStream

# Valid check characters, but 990602 is no division and no authority registers under it: nobody has such a code.
USCC = "91990602DEM{:05d}"
OFFICE_USCC = "11990602DEM{:05d}"
# Of the right form, so that every page takes them: 浙D·D0001 and on, all of this series made up.
PLATE = "浙DD{:04d}"
DISTRICT, NEIGHBOUR, ELSEWHERE = "330602", "330603", "330206"
OTHER_PROVINCE = "310115"
PARKS = ("演示·越城甲园区", "演示·越城乙园区", "演示·越城丙园区", "演示·越城丁园区")
DELEGATING = 12
KG_A_PLACE = 20
SPARE_LORRIES = 10
ENDING_DAYS = 20
"""So long one depot's permit holds still."""


@dataclass
class Party:
    """An organisation of the district, who acts for it, and where and what it stores."""

    organisation: Organisation
    actor: Actor
    depot: Depot
    bays: dict[str, Bay] = field(default_factory=dict)
    streams: list[tuple[Waste, WasteStream]] = field(default_factory=list)
    steward: Actor | None = None
    """The steward acting for it, if it delegates."""


@dataclass(frozen=True)
class Crew:
    """A carrier's driver with a vehicle."""

    organisation: Organisation
    actor: Actor
    plate: str


@dataclass
class District:
    """Who is there: firms in order, depots and plants by login, crews by carrier."""

    firms: list[Party] = field(default_factory=list)
    receivers: dict[str, Party] = field(default_factory=dict)
    crews: dict[str, list[Crew]] = field(default_factory=dict)


class Founder:
    """Makes the district: organisations with their people, sites and permits."""

    def __init__(self, now: datetime, days: int) -> None:
        self.begin = now - timedelta(days=days + 30)
        self.valid = date(self.begin.year - 1, 1, 1), date(now.year + 2, 12, 31)
        self.ending = timezone.localdate(now) + timedelta(days=ENDING_DAYS)
        self.password = make_password(PASSWORD)
        self.organisations: dict[str, Organisation] = {}
        self.actors: dict[str, Actor] = {}

    def organisation(self, key: str, name: str, roles: str, **more: str) -> Organisation:
        """An organisation with one person who acts for it, called like its key."""
        number = len(self.organisations) + 1
        office = roles == OrganisationRole.REGULATOR
        fields = {
            "division": DISTRICT,
            "address": f"绍兴市越城区演示路{number}号",
            "contact_name": f"演示联系人{number:02d}",
            "contact_phone": f"0575-0000{number:04d}",
            **more,
        }
        organisation = Organisation.objects.create(
            uscc=make_uscc((OFFICE_USCC if office else USCC).format(number)),
            name=f"演示·{name}",
            short_name=name[:40],
            roles=roles,
            demo=True,
            **fields,
        )
        self.organisations[key] = organisation
        driver = roles == OrganisationRole.CARRIER
        self.actors[key] = self.person(key, key, MemberRole.DRIVER if driver else MemberRole.OPERATOR)
        return organisation

    def person(self, username: str, key: str, role: str) -> Actor:
        """A member of an organisation, who reads mail under a name that there is nowhere (RFC 2606)."""
        user = User.objects.create(
            username=username,
            password=self.password,
            name=f"演示用户{User.objects.count() + 1:02d}",
            email=f"{username}@demo.invalid",
        )
        Address.objects.create(user=user, email=user.email, confirmed_at=self.begin)
        return Actor.of(Membership.objects.create(user=user, organisation=self.organisations[key], role=role))

    def permit(self, key: str, kind: str, codes: str, tonnes: int | None = None, until: date | None = None) -> Permit:
        organisation = self.organisations[key]
        return Permit.objects.create(
            organisation=organisation,
            number=f"演示证-{organisation.pk:03d}-{organisation.permits.count() + 1}",
            kind=kind,
            codes=codes,
            yearly_mass_g=tonnes and tonnes * GRAMS_PER_TONNE,
            valid_from=self.valid[0],
            valid_to=until or self.valid[1],
        )

    def store(self, key: str, kind: str, name: str, permit: Permit | None, tonnes: int, with_bays: bool) -> Party:
        """The organisation's one site and the store on it."""
        organisation = self.organisations[key]
        site = Site.objects.create(
            organisation=organisation,
            code=make_site_code(organisation.uscc, 1),
            name=f"{organisation.name}厂区",
            division=organisation.division,
            address=organisation.address,
        )
        capacity = tonnes * GRAMS_PER_TONNE
        depot = Depot.objects.create(
            site=site, name=name, kind=kind, facility_code="TS001", permit=permit, capacity_g=capacity
        )
        party = Party(organisation, self.actors[key], depot)
        share = capacity // len(BAYS)
        for code, area in BAYS.items() if with_bays else ():
            party.bays[code] = Bay.objects.create(
                depot=depot,
                code=code,
                name=area.name,
                admits=" ".join(area.categories),
                row=area.row,
                column=area.column,
                temperature=area.temperature,
                capacity_g=share,
                places=share // KG_A_PLACE // GRAMS_PER_KG,
                # A tenth of what fits in, were it all liquid and as light as oil.
                bund_l=share // GRAMS_PER_KG // 8,
            )
        return party

    def firm(self, number: int) -> Party:
        """The n-th firm, from 1: its trade, its park, its storage point, its usual wastes."""
        trade = TRADES[(number - 1) % len(TRADES)]
        # The first two share a park: they are the neighbours that must not see each other.
        park = PARKS[max(number - 2, 0) % len(PARKS)]
        key = {1: "firm", 2: "firm2"}.get(number, f"firm{number:02d}")
        self.organisation(
            key, f"绍兴越城第{number:02d}{trade.name}", OrganisationRole.GENERATOR, park=park, industry=trade.industry
        )
        party = self.store(key, DepotKind.STORAGE_POINT, "危废贮存点", None, 3, with_bays=False)
        for waste in trade.wastes:
            stream = WasteStream.objects.create(organisation=party.organisation, site=party.depot.site, **waste.usual)
            party.streams.append((waste, stream))
        return party

    def depot(self, key: str, name: str) -> Party:
        self.organisation(key, name, OrganisationRole.COLLECTOR, industry="危险废物收集")
        # Of one the end is near, and its renewal can no longer be asked for in time: the office is told.
        until = self.ending if key == "depot2" else None
        permit = self.permit(key, PermitKind.PILOT, COLLECTED, 5_000, until)
        if key == "depot":
            # This one collects waste oil under a collection permit too, whose 90 working days bind its store.
            permit = self.permit(key, PermitKind.COLLECTION, "HW08 900-044-49", 1_000)
        return self.store(key, DepotKind.COLLECTION_DEPOT, f"{name}仓库", permit, 120, with_bays=True)

    def plant(self, key: str, name: str, division: str, like: str = "") -> Party:
        """A plant that treats its own wastes, or those of another (`like`)."""
        self.organisation(key, name, OrganisationRole.TREATER, division=division, industry="危险废物治理")
        permit = self.permit(key, PermitKind.COMPREHENSIVE, treated_by(like or key), 20_000)
        return self.store(key, DepotKind.PLANT_STORE, f"{name}暂存库", permit, 360, with_bays=True)

    def carrier(self, key: str, name: str, vehicles: int) -> list[Crew]:
        """A carrier; the first driver is its login, the others have one of their own."""
        organisation = self.organisation(key, name, OrganisationRole.CARRIER, industry="道路危险货物运输")
        self.permit(key, PermitKind.TRANSPORT, "")
        crews = []
        for number in range(1, vehicles + SPARE_LORRIES + 1):
            plate = PLATE.format(Vehicle.objects.count() + 1)
            Vehicle.objects.create(
                organisation=organisation, plate=plate, permit_number=f"演示运{plate}", capacity_g=10 * GRAMS_PER_TONNE
            )
            if number > vehicles:
                continue
            actor = self.actors[key] if number == 1 else self.person(f"{key}-{number}", key, MemberRole.DRIVER)
            crews.append(Crew(organisation, actor, plate))
        return crews

    def delegate(self, firms: list[Party]) -> None:
        """Each of these firms lets the steward act for it."""
        membership = Membership.objects.get(organisation=self.organisations["steward"])
        for firm in firms:
            delegation = Delegation.objects.create(
                principal=firm.organisation, agent=membership.organisation, begun_at=self.begin
            )
            firm.steward = Actor.of(membership, delegation)


def found_district(*, firms: int, days: int, now: datetime) -> District:
    """Make every party of the district; all sign in with the demo's password."""
    founder = Founder(now, days)
    district = District(firms=[founder.firm(number) for number in range(1, firms + 1)])
    district.receivers = {
        "depot": founder.depot("depot", "绍兴越城第一收集站"),
        "depot2": founder.depot("depot2", "绍兴越城第二收集站"),
        "plant": founder.plant("plant", "绍兴越城危废处置中心", DISTRICT),
        "plant2": founder.plant("plant2", "绍兴柯桥资源再生厂", NEIGHBOUR),
    }
    district.crews = {
        "carrier": founder.carrier("carrier", "绍兴越城危货运输一队", 2),
        "carrier2": founder.carrier("carrier2", "绍兴越城危货运输二队", 2),
    }
    founder.organisation("regulator", "绍兴越城生态环境分局", OrganisationRole.REGULATOR)
    founder.organisation("regulator2", "宁波北仑生态环境分局", OrganisationRole.REGULATOR, division=ELSEWHERE)
    founder.organisation("steward", "绍兴越城环保管家服务站", OrganisationRole.STEWARD)
    district.receivers["plant3"] = founder.plant("plant3", "上海浦东资源再生厂", OTHER_PROVINCE, like="plant2")
    founder.delegate(district.firms[1 : 1 + DELEGATING])
    for login in LOGINS:
        if login.username not in founder.organisations:
            founder.person(login.username, login.party, login.role)
    # At a counter, on the first rounds, on the road.
    for key in ("firm", "firm2", "firm03", "firm04", "firm05", "carrier", "carrier2"):
        if key not in founder.actors:
            continue
        # Not as a person does it, by password: tries are counted durably, and a demo is made whole or not at all.
        keep_pin(founder.actors[key].person, PIN, founder.begin)
    return district
