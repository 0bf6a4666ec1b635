"""The lifecycles as pages, made from the code: a diagram and the table of verbs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps

from wastetrack.lifecycle.states import Guard, Stateful


def stateful_models() -> list[type[Stateful]]:
    """Every model with a lifecycle, by name."""
    models: list[type[Any]] = [model for model in apps.get_models() if issubclass(model, Stateful)]
    return sorted(models, key=lambda model: str(model.SUBJECT))


def steps_of(model: type[Any]) -> Iterator[tuple[str, str, str, frozenset[str], tuple[str, ...], str]]:
    """(verb, source, target, parties, guard codes, promise) of every declared transition, in the states' order."""
    field = model._meta.get_field("state")
    order = {state: place for place, (state, _) in enumerate(field.choices)}
    found = sorted(
        field.get_all_transitions(model), key=lambda step: (order[step.source], order[step.target], step.name)
    )
    for step in found:
        guards = tuple(guard.code for guard in step.conditions if isinstance(guard, Guard))
        promise = (step.method.__doc__ or "").strip().splitlines()[0]
        yield step.name, str(step.source), str(step.target), step.custom["by"], guards, promise


def page_of(model: type[Any]) -> str:
    """The Markdown page of one model's lifecycle."""
    field = model._meta.get_field("state")
    steps = list(steps_of(model))
    lines = [
        f"# Lifecycle of a {model.SUBJECT}",
        "",
        "Made from the code by `manage.py lifecycle_diagrams`; `make check` fails when it is out of date.",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {field.default}",
        *(f"    {source} --> {target}: {verb}" for verb, source, target, _, _, _ in steps),
        "```",
        "",
        "| verb | from | to | by | unless | what it means |",
        "|---|---|---|---|---|---|",
        *(
            f"| {verb} | {source} | {target} | {', '.join(sorted(by))} | {', '.join(guards)} | {promise} |"
            for verb, source, target, by, guards, promise in steps
        ),
        "",
    ]
    return "\n".join(lines)
