"""An installation as pip would accept it, told without any code of the product.

Slow and plain: it reads the lines of an index with ``packaging`` alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

Index = Mapping[str, Sequence[str]]
Chosen = Mapping[str, Version]
NOTHING = Version("0")  # no release of any index


def facts(lines: Sequence[str]) -> set[str]:
    """The words in front of the requirements."""
    words = r"yanked$|(python|inside)[<>=!~]|tag=|unknown$"
    return {line for line in lines if re.match(words, line)}


def ruled_out(lines: Sequence[str], python: str = "3.11") -> bool:
    """Whether METADATA alone wants another Python; only lower bounds are drawn."""
    limits = [f.removeprefix("inside") for f in facts(lines) if f.startswith("inside")]
    return not all(SpecifierSet(limit).contains(python) for limit in limits)


def offered(index: Index, python: str, by: str = "pip") -> dict[str, dict[Version, Sequence[str]]]:
    """The releases that this Python may use, with their lines; uv reads lower bounds alone."""
    found: dict[str, dict[Version, Sequence[str]]] = {}
    for label, lines in index.items():
        name, version = label.split()
        limits = [f.removeprefix("python") for f in facts(lines) if f.startswith("python")]
        limits = [one for one in limits if by != "uv" or one.startswith(">")]
        if all(SpecifierSet(limit).contains(python) for limit in limits):
            found.setdefault(name, {})[Version(version)] = lines
    return found


def installable(
    index: Index, wanted: Sequence[str], environment: Mapping[str, str], by: str = "pip"
) -> Iterator[Chosen]:
    """Every set of releases that installs ``wanted``, and nothing beside what that needs.

    By "pip" or "uv"; or "kept", what pip may be left with: it keeps the pre-release or yanked
    release that it has pinned when what asked for that one is let go.
    """
    offers = offered(index, environment["python_full_version"], by)
    lines = [one for one in map(parsed, wanted) if applies(one, "", environment)]
    todo: list[Chosen] = [{}]
    while todo:
        chosen = todo.pop()
        asked = closure(offers, wanted, chosen, environment)
        missing = sorted(asked.keys() - chosen.keys())
        if missing:
            todo += [{**chosen, missing[0]: v} for v in offers.get(missing[0], ())]
        elif by == "uv":
            if all(uv_takes(offers[n], n, v, asked[n], lines) for n, v in chosen.items()):
                yield chosen
        elif by == "kept":
            if all(fits(offers[n], v, asked[n]) for n, v in chosen.items()):
                yield chosen
        elif all(allowed(offers[n], v, asked[n]) for n, v in chosen.items()):
            yield chosen


def closure(
    offers: Mapping[str, Mapping[Version, Sequence[str]]],
    wanted: Sequence[str],
    chosen: Chosen,
    environment: Mapping[str, str],
) -> dict[str, SpecifierSet]:
    """What is asked of each project, all together; one that is not chosen leads no further."""
    asked: dict[str, SpecifierSet] = {}
    todo = [one for one in map(parsed, wanted) if applies(one, "", environment)]
    done: set[tuple[str, str]] = set()
    while todo:
        need = todo.pop()
        asked[need.name] = asked.get(need.name, SpecifierSet()) & need.specifier
        lines = offers.get(need.name, {}).get(chosen.get(need.name, NOTHING), ())
        for extra in ("", *need.extras):
            if (need.name, extra) in done:
                continue
            done.add((need.name, extra))
            others = map(parsed, sorted(set(lines) - facts(lines)))
            todo += [other for other in others if applies(other, extra, environment)]
    return asked


def applies(need: Requirement, extra: str, environment: Mapping[str, str]) -> bool:
    """Whether a requirement counts where this extra is asked for."""
    return need.marker is None or need.marker.evaluate({**environment, "extra": extra})


@cache
def parsed(line: str) -> Requirement:
    """The requirement, read once."""
    return Requirement(line)


def fits(
    offer: Mapping[Version, Sequence[str]], version: Version, specifiers: SpecifierSet
) -> bool:
    """Whether pip keeps this version once it has pinned it."""
    return not ruled_out(offer[version]) and specifiers.contains(version, prereleases=True)


def allowed(
    offer: Mapping[Version, Sequence[str]], version: Version, specifiers: SpecifierSet
) -> bool:
    """Whether pip would take this version: it reads METADATA when its finder has handed it out."""
    if ruled_out(offer[version]):
        return False
    matching = set(specifiers.filter(offer))
    yanked = {v for v in matching if "yanked" in offer[v]}
    pinned = any(
        one.operator == "===" or (one.operator == "==" and "*" not in one.version)
        for one in specifiers
    )
    return version in (matching if pinned and yanked == matching else matching - yanked)


def uv_takes(
    offer: Mapping[Version, Sequence[str]],
    name: str,
    version: Version,
    specifiers: SpecifierSet,
    wanted: Sequence[Requirement],
) -> bool:
    """Whether uv may come to this version: any pre-release, and what is yanked by a root's pin."""
    pins = [one.specifier for one in wanted if one.name == name and len(one.specifier) == 1]
    pinned = [str(one).removeprefix("==") for one in pins if re.match(r"==[^*]+$", str(one))]
    if "yanked" in offer[version] and str(version) not in pinned:
        return False
    return specifiers.contains(version, prereleases=True) and not ruled_out(offer[version])
