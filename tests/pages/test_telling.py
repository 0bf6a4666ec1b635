"""Every kind of ledger entry that the code can write has its sentence, and every blank in it is filled."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.utils.translation import override

from wastetrack.ledger.models import Entry
from wastetrack.lifecycle.states import Stateful
from wastetrack.telling import TELLINGS, tell

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("wastetrack", "labels", "depots", "manifests", "scanner", "compliance", "desk")


def written_out() -> Iterator[str]:
    """Kinds that code names where it makes a Fact."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fact" and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant):
                        yield first.value


def moved() -> Iterator[str]:
    """Kinds that `advance` makes of a model's transitions."""
    models: list[type[Stateful]] = [model for model in apps.get_models() if issubclass(model, Stateful)]
    for model in models:
        for name in dir(model):
            if hasattr(getattr(model, name, None), "_django_fsm"):
                yield f"{model.SUBJECT}.{name}"


def test_every_kind_has_a_sentence() -> None:
    kinds = {*written_out(), *moved()}
    assert {"container.log", "container.store", "manifest.settle", "alert.fall_due"} <= kinds
    assert kinds - TELLINGS.keys() == set()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_drums_life_is_told_without_blanks(language: str, world) -> None:
    drum = world.drum()
    world.delivered(drum)
    with override(language):
        told = [tell(entry.kind, entry.data) for entry in Entry.objects.filter(subject=drum.subject)]
    lines = [line for step in told for line in (step.title, *step.lines)]
    assert len(lines) > 6
    assert [line for line in lines if "—" in line or re.search(r"%\(", line)] == []


def test_what_the_entry_lacks_is_left_out() -> None:
    with override("en"):
        assert tell("container.store", {"depot_name": "Shed", "bay": ""}).lines == ("Shed",)
        assert tell("container.treat", {"method": "R9", "mass_kg": "17.9"}).lines == (
            "17.9 kg by Re-refining or reuse of oil (R9)",
        )


def test_an_unknown_kind_is_told_by_its_name() -> None:
    assert tell("drum.sing", {}).title == "drum.sing"


def test_a_correction_is_told_in_words_of_its_drum() -> None:
    changes = [
        {"container": "9" * 37, "field": "form", "old": "S", "new": "L"},
        {"container": "9" * 37, "field": "container_kind", "old": "", "new": "plastic_drum"},
        {"container": "9" * 37, "field": "mass_kg", "old": "18.5", "new": "19"},
        {"container": None, "field": "contract", "old": "HT-1", "new": ""},
    ]
    data = {"version": 2, "changes": changes, "drums": {"9" * 37: "ABCDEFGH"}}
    with override("en"):
        corrected, version = tell("manifest.correct", data).lines
        assert corrected.split(", ") == [
            "ABCD-EFGH Form: Solid → Liquid",
            "ABCD-EFGH Packaging: — → Plastic drum",
            "ABCD-EFGH Mass received: 18.5 kg → 19 kg",
            "Contract: HT-1 → —",
        ]
        assert version == "Version 2"
        assert tell("correction.ask", {"asked": ["一号公司", "二号公司"]}).lines == ("一号公司, 二号公司",)
