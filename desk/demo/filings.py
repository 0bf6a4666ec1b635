"""What the firms of the demo file each month, and the contracts that the first of them have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import partial

from compliance.selectors import firms_of, open_duties
from compliance.services import record_filing
from desk.demo.parties import Party
from desk.demo.story import Story, moment
from manifests import services as manifests
from wastetrack.districts.selectors import figures_for

FILING_DAY, FILING_HOUR = 8, time(10, 30)
FORGETFUL, FORGETS_FOR = 11, timedelta(days=80)
"""Every so many firms one stops filing so long before today."""
WITH_CONTRACTS = 6
ENDS_SOON, CONTRACT_YEAR = timedelta(days=21), timedelta(days=365)


class Paperwork:
    """Puts down the filings of every firm and receiver, month by month, and a few contracts."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def put_down(self) -> None:
        district = self.story.district
        parties = [*district.firms, *district.receivers.values()]
        forgetful = [party for number, party in enumerate(parties) if number % FORGETFUL == 1]
        day = self.story.first.replace(day=FILING_DAY)
        while day <= self.story.today:
            late = day > self.story.today - FORGETS_FOR
            filing = [party for party in parties if not (late and party in forgetful)]
            self.story.at(moment(day, FILING_HOUR), partial(file_all, filing))
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=FILING_DAY)
        for number, firm in enumerate(district.firms[:WITH_CONTRACTS]):
            self.story.at(self.story.working_day(self.story.days // 3, time(9)), partial(self._contract, number, firm))

    def _contract(self, number: int, firm: Party, now: datetime) -> None:
        """With the depot that usually takes its waste; the first firm's ends soon."""
        receiver = self.story.district.receivers["depot" if number % 2 == 0 else "depot2"]
        end = self.story.today + (ENDS_SOON if number == 0 else CONTRACT_YEAR)
        manifests.record_contract(
            actor=firm.actor,
            number=f"演示合同〔{now.year}〕{number + 1:03d}号",
            partner=receiver.organisation,
            purpose="take",
            valid_from=end - CONTRACT_YEAR,
            valid_to=end,
            now=now,
        )


def file_all(parties: Sequence[Party], now: datetime) -> None:
    """Each files everything that it can file by now."""
    organisations = {party.organisation.pk: party.organisation for party in parties}
    places = {(one.division, one.pk) for one in organisations.values()}
    limits = {pk: found for (_, pk), found in figures_for("supervision", places).items()}
    for party, firm in zip(parties, firms_of(list(organisations.values()), limits, now.date()), strict=True):
        for duty in open_duties(firm):
            if duty.fileable_from <= now.date():
                record_filing(
                    actor=party.actor,
                    kind=duty.kind,
                    period=duty.period.code,
                    filed_on=now.date(),
                    reference=f"演示回执{now:%Y%m%d}-{duty.period.code}",
                    now=now,
                )
