"""The parties of the full district: how many, where, and that all of them are plainly made up."""

from __future__ import annotations

import pytest

from depots.models import Depot
from desk.demo.parties import PARKS, found_district
from desk.demo.wastes import BAY_OF, TRADES, go_together
from tests.demo.conftest import NOW
from wastetrack.notices.selectors import address_of
from wastetrack.parties.models import Delegation, Organisation, Permit, User
from wastetrack.regulations.divisions import exists
from wastetrack.regulations.identifiers import uscc_ok
from wastetrack.regulations.selectors import find_waste_code
from wastetrack.regulations.vocabulary import treatment_method

WASTES = [waste for trade in TRADES for waste in trade.wastes]


@pytest.mark.django_db
def test_full_district() -> None:
    district = found_district(firms=44, days=365, now=NOW)
    firms = Organisation.objects.filter(roles="generator")
    assert (firms.count(), set(firms.values_list("park", flat=True))) == (44, set(PARKS))
    assert district.firms[0].organisation.park == district.firms[1].organisation.park
    assert set(firms.values_list("division", flat=True)) == {"330602"}
    assert all(2 <= len(firm.streams) <= 4 for firm in district.firms)
    assert Depot.objects.filter(kind="storage_point").count() == 44
    assert Depot.objects.filter(kind="collection_depot", bays__code="A1").count() == 2
    assert Delegation.objects.filter(ended_at=None).count() == 12
    for organisation in Organisation.objects.all():
        assert organisation.demo
        assert organisation.name.startswith("演示·")
        assert uscc_ok(organisation.uscc)
        assert not exists(organisation.uscc[2:8])
        assert organisation.contact_phone.startswith("0575-0000")
    assert all(user.name.startswith("演示") and user.check_password("demo") for user in User.objects.all()[:3])
    assert len(set(User.objects.values_list("password", flat=True))) == 1
    assert all(address_of(user) == f"{user.username}@demo.invalid" for user in User.objects.all())


@pytest.mark.django_db
def test_every_waste_may_go_where_it_is_sent() -> None:
    district = found_district(firms=4, days=30, now=NOW)
    for waste in WASTES:
        permits = Permit.objects.filter(organisation=district.receivers[waste.plant].organisation)
        assert any(permit.covers(waste.code) for permit in permits)
        for depot in ("depot", "depot2"):
            permits = Permit.objects.filter(organisation=district.receivers[depot].organisation)
            assert any(permit.covers(waste.code) for permit in permits)


@pytest.mark.django_db
@pytest.mark.parametrize("waste", WASTES, ids=lambda waste: waste.name)
def test_wastes_are_of_the_catalogue(waste) -> None:
    found = find_waste_code(waste.code, on=NOW.date())
    assert found is not None
    assert found.hazards.allows(set(waste.hazards.split()))
    method = treatment_method(waste.method)
    assert method is not None
    assert method.final


def test_no_two_wastes_of_a_bay_react() -> None:
    for one in WASTES:
        for other in WASTES:
            if BAY_OF[one.category] == BAY_OF[other.category]:
                assert go_together([one, other]), (one.name, other.name)
