"""Dividing grams: what is in a container by where it came from, exact in rows and in columns. No database here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Contents = dict[int, int]
"""Grams by the container that they were in first."""


def apportion(weights: Mapping[int, int], whole: int) -> Contents:
    """`whole` grams in the proportion of the weights: by largest remainder, the lower key first among equals.

    Nobody gets more than its weight while `whole` is no more than they are together. What comes to nothing is left out.
    """
    total = sum(weights.values())
    if not total:
        return {}
    given, rests = {}, []
    for key, weight in sorted(weights.items()):
        given[key], rest = divmod(weight * whole, total)
        rests.append((-rest, key))
    for _, key in sorted(rests)[: whole - sum(given.values())]:
        given[key] += 1
    return {key: mass_g for key, mass_g in given.items() if mass_g}


def portions(contents: Mapping[int, int], masses: Iterable[int]) -> list[Contents]:
    """What is in each of several parts, taken out in turn: the last takes the rest, so nothing is lost to rounding.

    The parts hold together no more than the contents.
    """
    left, parts = dict(contents), []
    for mass_g in masses:
        part = apportion(left, mass_g)
        left = {key: grams - part.get(key, 0) for key, grams in left.items()}
        parts.append(part)
    return parts


def together(contents: Iterable[Mapping[int, int]]) -> Contents:
    """All of these in one."""
    found: Contents = {}
    for one in contents:
        for key, mass_g in one.items():
            found[key] = found.get(key, 0) + mass_g
    return found


def in_parts(edges: Sequence[int], whole: int) -> list[int]:
    """Grams of `whole` for parts that held these, in their proportion, at least one gram each.

    ValueError too_little where there are more parts than grams.
    """
    if whole < len(edges):
        raise ValueError("too_little")
    over = {number: mass_g - 1 for number, mass_g in enumerate(edges)}
    if not any(over.values()):
        over = dict.fromkeys(over, 1)
    shared = apportion(over, whole - len(edges))
    return [1 + shared.get(number, 0) for number in range(len(edges))]
