"""The page of plans and declarations, and its API: what is due, recorded as filed, withdrawn; the regulator's list."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from compliance import views
from compliance.models import Filing
from compliance.selectors import WATCHES
from tests.api.support import answered, refused
from tests.api.test_queries import cost
from tests.pages.visitors import Visitor, text
from tests.world import NOW, ZONE, World
from wastetrack.alerts.models import PAST_DUE, Alert
from wastetrack.alerts.services import sweep

BEGUN = datetime(2026, 2, 10, 9, tzinfo=ZONE)
SENT = {"filing": "declaration 2026-Q2", "filed_on": "2026-07-10", "reference": "演示回执 7"}
JSON = {"kind": "declaration", "period": "2026-Q2", "filed_on": "2026-07-10", "reference": "演示回执 7"}


@pytest.fixture
def middling(world: World) -> World:
    """A firm that logged 20 t in February: it declares quarters from the second on."""
    world.drum(now=BEGUN, mass_kg="20000", accumulation_start="2026-02-10")
    return world


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_firm_sees_what_is_due_and_why_and_records_it(middling: World, clock: Any) -> None:
    firm = Visitor(middling, "firm")
    page = text(firm.get("/filings"))
    words = plain(page)
    assert "Declaration · quarter 2 of 2026 by 2026-07-15" in words
    assert "Declaration · quarter 4 of 2026 by 2027-01-15 · can be filed from 2027-01-01" in words
    assert "Simplified management" in words
    assert "is 20 t (2026)" in words
    assert 'value="declaration 2026-Q4"' not in page
    answer = firm.send("/filings", **SENT)
    filing = Filing.objects.get()
    assert answer["Location"] == f"/filings#filing-{filing.pk}"
    page = text(firm.get("/filings"))
    assert 'value="declaration 2026-Q2"' not in page
    assert "Declaration · quarter 2 of 2026 2026-07-10, receipt 演示回执 7" in plain(page)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_duty_of_a_link_is_chosen(middling: World, clock: Any, language: str) -> None:
    page = text(Visitor(middling, "firm", language).get("/filings", filing="declaration 2026-Q3"))
    assert re.search(r'value="declaration 2026-Q3" selected', page)


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(middling: World, clock: Any) -> None:
    firm = Visitor(middling, "firm")
    answer = firm.send("/filings", **SENT | {"filed_on": "2026-06-30"})
    page = text(answer)
    assert (answer.status_code, Filing.objects.count()) == (422, 0)
    assert 'id="filed_on-error"' in page
    assert "It can be filed from 2026-07-01 on" in page
    assert 'value="演示回执 7"' in page
    assert 'id="filing-error"' in text(firm.send("/filings", **SENT | {"filing": "tax 2026"}))


def test_a_form_sent_twice_records_once(middling: World, clock: Any) -> None:
    firm = Visitor(middling, "firm")
    first, second = (firm.send("/filings", "n", **SENT) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Filing.objects.count() == 1


def test_a_filing_is_withdrawn_with_its_reason_and_is_due_again(middling: World, clock: Any) -> None:
    firm = Visitor(middling, "firm")
    firm.send("/filings", **SENT)
    at = f"/filings/{Filing.objects.get().pk}/withdraw"
    assert firm.send(at, reason="").status_code == 422
    assert firm.send(at, reason="被退回").status_code == 303
    page = text(firm.get("/filings"))
    assert "Reason: 被退回" in page
    assert 'value="declaration 2026-Q2"' in page
    assert firm.send(at, reason="被退回").status_code == 409
    for name, status in (("firm2", 404), ("carrier", 404), ("regulator", 403), ("viewer", 403)):
        assert Visitor(middling, name).send(at, reason="r").status_code == status


def test_who_only_reads_gets_no_form(middling: World, clock: Any) -> None:
    page = text(Visitor(middling, "viewer").get("/filings"))
    assert "quarter 2 of 2026" in page
    assert '<form class="card"' not in page
    assert Visitor(middling, "viewer").send("/filings", **SENT).status_code == 403


def test_a_depot_without_waste_of_its_own_has_nothing_to_file(middling: World, clock: Any) -> None:
    assert "Nothing is to be filed yet" in text(Visitor(middling, "depot").get("/filings"))
    assert Visitor(middling, "carrier").get("/filings").status_code == 200


def test_the_regulator_sees_what_its_district_has_not_filed_in_time(middling: World, clock: Any) -> None:
    regulator = Visitor(middling, "regulator")
    assert "Everything that was due is recorded as filed" in text(regulator.get("/filings"))
    sweep(NOW)
    page = plain(text(regulator.get("/filings")))
    assert "The waste declaration of 演示firm for 2026-Q2 should have been filed by 2026-07-15" in page
    assert "演示firm" not in text(Visitor(middling, "regulator2").get("/filings"))
    Visitor(middling, "firm").send("/filings", **SENT)
    assert "演示firm · 2026-07-10, receipt 演示回执 7" in plain(text(regulator.get("/filings")))


def test_the_page_costs_the_same_however_much_was_filed(middling: World, clock: Any) -> None:
    firm = Visitor(middling, "firm")
    firm.send("/filings", **SENT)
    firm.get("/filings")
    few = cost(lambda: firm.get("/filings"))
    for number in range(1, 11):
        month = f"2025-{number:02}"
        firm.send("/filings", **SENT | {"filing": f"declaration {month}", "filed_on": "2026-01-10"})
    assert Filing.objects.count() == 11
    assert cost(lambda: firm.get("/filings")) == few


def test_an_office_finds_the_filings_of_a_firm_a_kind_and_a_year(middling: World, clock: Any) -> None:
    firm, regulator = Visitor(middling, "firm"), Visitor(middling, "regulator")
    for filing in ("declaration 2026-Q2", "declaration 2025-01", "plan 2026"):
        firm.send("/filings", filing, **SENT | {"filing": filing})
    quarter, month, plan = (str(one.pk) for one in Filing.objects.order_by("pk"))
    uscc = middling.organisations["firm"].uscc
    for asked, found in (
        ({}, [plan, month, quarter]),
        ({"year": "2026"}, [plan, quarter]),
        ({"kind": "declaration"}, [month, quarter]),
        ({"search": uscc.lower(), "kind": "declaration", "year": "2025"}, [month]),
        ({"search": "示FIRM".lower()}, [plan, month, quarter]),
        ({"search": "nobody"}, []),
        ({"search": "a\u202eb"}, []),
    ):
        page = text(regulator.get("/filings", **asked))
        assert re.findall(r'id="filing-(\d+)"', page) == found, asked
        assert ("No filing fits this." in page) is (not found)
    assert regulator.get("/filings", kind="tax").status_code == 422
    assert regulator.get("/filings", year="20x6").status_code == 422
    assert regulator.get("/filings", year="２０２６").status_code == 422


def test_nothing_of_a_long_list_is_out_of_reach(middling: World, clock: Any, api: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(views, "PAGE", 2)
    sweep(NOW)
    regulator, whole = Visitor(middling, "regulator"), "These are the longest overdue"
    told = Alert.objects.visible_to(middling.actor("regulator")).filter(kind__in=WATCHES, state__in=PAST_DUE).count()
    assert (whole in text(regulator.get("/filings"))) is (told > 2)
    monkeypatch.setattr(views, "PAGE", told - 1)
    page = text(regulator.get("/filings"))
    assert whole in page
    assert "/alerts?kind=declaration&amp;scope=all" in page
    monkeypatch.setattr(views, "PAGE", told)
    assert whole not in text(regulator.get("/filings"))

    firm = Visitor(middling, "firm")
    monkeypatch.setattr(views, "PAGE", 2)
    for number in range(1, 6):
        firm.send("/filings", **SENT | {"filing": f"declaration 2025-{number:02}", "filed_on": "2026-01-10"})
    seen, path = [], "/filings"
    while path:
        page = text(firm.get(path))
        seen += re.findall(r'id="filing-(\d+)"', page)
        on = re.search(r'href="(\?cursor=\d+)"', page)
        path = f"/filings{on[1]}" if on else ""
    assert seen == [str(one.pk) for one in Filing.objects.order_by("-pk")]
    first = answered(api("firm").get("/filings", limit=3))
    rest = answered(api("firm").get("/filings", limit=3, cursor=first["next"]))
    assert [one["id"] for one in first["items"] + rest["items"]] == seen
    assert rest["next"] is None
    refused(api("firm").get("/filings", cursor="x"), 422, "bad_cursor", "cursor")


# --- the API -----------------------------------------------------------------------------------------------


def test_a_program_files_and_withdraws(middling: World, api: Any) -> None:
    firm = api("firm")
    told = answered(firm.get("/filings"))
    assert told["supervision"] == {"class": "simplified", "licensed": False, "most_kg": "20000", "year": 2026}
    first = next(one for one in told["due"] if one["kind"] == "declaration")
    assert first == {"kind": "declaration", "period": "2026-Q2", "from": "2026-07-01", "due": "2026-07-15"}
    made = answered(firm.post("/filings", JSON, **{"Idempotency-Key": "k"}), 201)
    assert answered(firm.post("/filings", JSON, **{"Idempotency-Key": "k"}), 201) == made
    assert answered(firm.get("/filings"))["items"] == [made]
    refused(firm.post("/filings", JSON), 422, "already_filed", "period")
    refused(firm.post("/filings", {}), 422, "missing", "reference")
    assert [one["id"] for one in answered(api("regulator").get("/filings"))["items"]] == [made["id"]]
    assert answered(api("firm2").get("/filings"))["items"] == []
    refused(api("firm2").post(f"/filings/{made['id']}/withdraw", {"reason": "r"}), 404, "unknown_filing")
    gone = answered(firm.post(f"/filings/{made['id']}/withdraw", {"reason": "被退回"}))
    assert gone["withdrawn_at"]
    refused(firm.post(f"/filings/{made['id']}/withdraw", {"reason": "r"}), 409, "filing_withdrawn")
    refused(api("carrier").post("/filings", JSON), 403, "not_your_part")
