"""An installation as pip would accept it, told without any code of the product.

Slow and plain: it reads the lines of an index with ``packaging`` alone.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

Index = Mapping[str, Sequence[str]]
Chosen = Mapping[str, Version]


def facts(lines: Sequence[str]) -> set[str]:
    """The words in front of the requirements."""
    return {line for line in lines if re.match(r"yanked$|python[<>=!~]|tag=|unknown$", line)}


def offered(index: Index, python: str) -> dict[str, dict[Version, Sequence[str]]]:
    """The releases that this Python may use, with their lines."""
    found: dict[str, dict[Version, Sequence[str]]] = {}
    for label, lines in index.items():
        name, version = label.split()
        limits = [f.removeprefix("python") for f in facts(lines) if f.startswith("python")]
        if all(SpecifierSet(limit).contains(python) for limit in limits):
            found.setdefault(name, {})[Version(version)] = lines
    return found


def installable(index: Index, root: str, environment: Mapping[str, str]) -> Iterator[Chosen]:
    """Every set of releases that installs ``root``, and nothing beside what it needs."""
    offers = offered(index, environment["python_full_version"])
    names = sorted(offers)
    for picked in itertools.product(*([None, *offers[name]] for name in names)):
        chosen = {n: v for n, v in zip(names, picked, strict=True) if v is not None}
        asked = closure(offers, root, chosen, environment)
        if asked is None or asked.keys() != chosen.keys():
            continue
        if all(allowed(offers[n], v, asked[n]) for n, v in chosen.items()):
            yield chosen


def closure(
    offers: Mapping[str, Mapping[Version, Sequence[str]]],
    root: str,
    chosen: Chosen,
    environment: Mapping[str, str],
) -> dict[str, SpecifierSet] | None:
    """What is asked of each project, all together; None if one is asked for and not chosen."""
    asked: dict[str, SpecifierSet] = {}
    todo, done = [Requirement(root)], set()
    while todo:
        need = todo.pop()
        if need.name not in chosen:
            return None
        asked[need.name] = asked.get(need.name, SpecifierSet()) & need.specifier
        lines = offers[need.name][chosen[need.name]]
        for extra in ("", *need.extras):
            if (need.name, extra) in done:
                continue
            done.add((need.name, extra))
            for line in set(lines) - facts(lines):
                other = Requirement(line)
                values = {**environment, "extra": extra}
                if other.marker is None or other.marker.evaluate(values):
                    todo.append(other)
    return asked


def allowed(
    offer: Mapping[Version, Sequence[str]], version: Version, specifiers: SpecifierSet
) -> bool:
    """Whether pip's finder would hand out this version."""
    matching = set(specifiers.filter(offer))
    yanked = {v for v in matching if "yanked" in offer[v]}
    pinned = any(
        one.operator == "===" or (one.operator == "==" and "*" not in one.version)
        for one in specifiers
    )
    return version in (matching if pinned and yanked == matching else matching - yanked)
