"""Draws of several projects that need one another: roots that share them, and groups.

Nothing in a file is odd here. What is drawn is what a search has to do: bounds that conflict,
pre-releases, yanks of a release or of some of its files, extras, markers, constraints.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from pypisync.core.wanted.roots import Root
from pypisync.core.wanted.selector import parse_root
from tests.differential.cases import Ask, Case
from tests.differential.graph_texts import (
    ENVIRONMENTS,
    EXTRAS,
    FINALS,
    LOCALS,
    ODD,
    OF_EXTRAS,
    OTHER_WHEELS,
    POSTS,
    PRERELEASES,
    PYTHONS,
    SPELLINGS,
)
from tests.differential.wheels import Release

TRAITS = (
    "pre-releases",
    "yanks",
    "partial yanks",
    "extras",
    "undeclared extras",
    "Pythons",
    "markers",
    "constraints",
    "local versions",
    "spellings",
    "itself",
    "odd markers",
    "letters",
)
_OPERATORS = ("==", "<", "<=", ">", "!=", ">=", ">=", "==", "<", ">=", "~=", "==*", "!=*")


def drawn(number: int, seed: int) -> Case:
    """Returns draw ``number`` of a seed; the same every time."""
    draw = random.Random(f"graph {seed} {number}")
    prefix = f"c{number}"
    graph = (_Chain if draw.random() < 0.4 else _Graph)(draw, prefix)
    releases = [one for name in graph.names for one in graph.releases(name)]
    told = [
        f"{one.called} needs {list(one.requires)} extras {one.extras} Python {one.inside}"
        f" {one.entry or ''}"
        for one in releases
    ]
    asks = {ask.subject: ask for ask in (*graph.roots(), *graph.groups())}
    return Case(prefix, tuple(releases), tuple(told), tuple(asks.values()), dry=True)


@dataclass
class _Graph:
    """Projects of which each may need each."""

    counts: ClassVar[tuple[int, ...]] = (2, 3, 4, 5, 6)
    draw: random.Random
    prefix: str
    names: tuple[str, ...] = ()
    versions: dict[str, list[str]] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.traits = frozenset(one for one in TRAITS if self.draw.random() < 0.5)
        count = self.draw.choice(self.counts)
        self.names = tuple(f"{self.prefix}-{letter}" for letter in "abcdef"[:count])
        self.versions = {name: self._versions() for name in self.names}

    def has(self, trait: str, share: float) -> bool:
        """Returns whether a trait of this world shows here."""
        return trait in self.traits and self.draw.random() < share

    def finals(self) -> list[str]:
        """Returns the final versions of a project."""
        return self.draw.sample(FINALS, self.draw.choice((1, 2, 3, 4, 6)))

    def _versions(self) -> list[str]:
        draw, found = self.draw, self.finals()
        if self.has("pre-releases", 0.5):
            some = draw.sample(PRERELEASES, draw.choice((1, 2)))
            found = some + (found if draw.random() < 0.8 else [])
        if draw.random() < 0.1:
            found += draw.sample(POSTS, 1)
        if self.has("local versions", 0.3):
            found += draw.sample(LOCALS, 1)
        return list(dict.fromkeys(found))

    def releases(self, name: str) -> Iterator[Release]:
        """Yields the files of a project."""
        for version in self.versions[name]:
            entry: tuple[tuple[str, object], ...] = ()
            inside = None
            if self.has("yanks", 0.18):
                entry = (("yanked", self.draw.choice((True, "why"))),)
            if self.has("Pythons", 0.1):
                inside = self.draw.choice(PYTHONS)
                entry += (("requires-python", None),) if self.draw.random() < 0.4 else ()
            needs, extras = tuple(self.needs(name, version)), tuple(self._extras())
            one = Release(name, version, needs, inside=inside, extras=extras, entry=entry)
            yield one
            if self.has("partial yanks", 0.25):
                yield self._other(one)

    def _other(self, one: Release) -> Release:
        """A second file of a release, which is yanked where the first is not, or other."""
        yanked = not dict(one.entry).get("yanked") or self.draw.random() < 0.3
        entry = tuple(pair for pair in one.entry if pair[0] != "yanked")
        needs = one.requires if self.draw.random() < 0.5 else tuple(self.needs(one.project, ""))
        return Release(
            one.project, one.version, needs, inside=one.inside, extras=one.extras,
            entry=(*entry, ("yanked", yanked)),
            filename=f"{one.stem}-{self.draw.choice(OTHER_WHEELS)}.whl",
        )  # fmt: skip

    def _extras(self) -> Iterator[str]:
        if "extras" in self.traits:
            for extra in EXTRAS:
                if not self.has("undeclared extras", 0.2):
                    yield self.draw.choice(SPELLINGS[extra])

    def needs(self, name: str, version: str) -> Iterator[str]:
        """Yields what a release needs."""
        del version
        first = name == self.names[0]
        for _ in range(self.draw.choice((1, 2, 2, 3) if first else (0, 0, 1, 1, 2, 3))):
            others = [one for one in self.names if one != name]
            other = self.draw.choice(others)
            if self.has("itself", 0.1):
                other = name
            yield self.need(other, self.specifier(other))

    def need(self, name: str, specifier: str) -> str:
        """Returns a requirement, perhaps with extras and a marker."""
        extras = ""
        if self.has("extras", 0.3):
            some = self.draw.sample(EXTRAS, self.draw.choice((1, 1, 2)))
            extras = f"[{','.join(self.draw.choice(SPELLINGS[one]) for one in some)}]"
        markers = []
        if self.has("extras", 0.3):
            one, two = (self.draw.choice(SPELLINGS[e]) for e in self.draw.sample(EXTRAS, 2))
            some = OF_EXTRAS if self.draw.random() < 0.4 else OF_EXTRAS[:1]
            markers.append(self.draw.choice(some).format(one, two))
        if self.has("markers", 0.15):
            markers.append(self._environment())
        line = f"{self._spelled(name)}{extras}{specifier}"
        if not markers:
            return line
        joined = self.draw.choice((" and ", " and ", " or "))
        return f"{line}; {joined.join(f'({one})' for one in markers)}"

    def specifier(self, name: str, *, alone: bool = False) -> str:
        """Returns what may be asked of the version of a project."""
        draw = self.draw
        every = FINALS + (PRERELEASES if "pre-releases" in self.traits else [])
        version = draw.choice(self.versions[name] if draw.random() < 0.8 else every)
        if draw.random() < 0.28:
            return ""
        operator = "===" if self.has("letters", 0.1) else draw.choice(_OPERATORS)
        text = _specifier(version, operator, draw)
        more = "" if alone or draw.random() < 0.8 else self.specifier(name, alone=True)
        return f"{text},{more}" if more else text

    def _spelled(self, name: str) -> str:
        if not self.has("spellings", 0.15):
            return name
        return self.draw.choice((name.upper(), *(name.replace("-", c) for c in ("_", ".", "-_"))))

    def roots(self) -> Iterator[Ask]:
        """Yields some roots, most of them of the first project."""
        for _ in range(self.draw.choice((1, 2, 3))):
            name = self.draw.choice(self.names) if self.draw.random() < 0.5 else self.names[0]
            extras = self.draw.sample(EXTRAS, self.draw.choice((1, 1, 2)))
            key = f"{name}[{','.join(sorted(extras))}]" if self.has("extras", 0.35) else name
            share = self.draw.random()
            selector = "latest"
            if share > 0.7:
                selector = self.specifier(name) or "latest"
            elif share > 0.45:
                selector = self.draw.choice(self.versions[name])
            text = Root(parse_root(key)[0], selector, parse_root(key)[1]).requirement.text
            yield Ask(text, (text,), key, selector)

    def groups(self) -> Iterator[Ask]:
        """Yields groups of roots that are installed together, with constraints."""
        for number in range(self.draw.choice((1, 1, 2))):
            count = min(len(self.names), self.draw.choice((1, 2, 2, 3)))
            lines = [self._line(name) for name in self.draw.sample(self.names, count)]
            bounds = []
            if "constraints" in self.traits:
                for name in self.draw.sample(self.names, self.draw.choice((1, 1, 2))):
                    text = self.specifier(name)
                    bounds += [f"{self._spelled(name)}{text}{self._marker()}"] if text else []
            subject = f"group {self.prefix}g{number}.txt"
            yield Ask(subject, tuple(lines), constraints=tuple(bounds))

    def _line(self, name: str) -> str:
        extras = f"[{self.draw.choice(EXTRAS)}]" if self.has("extras", 0.25) else ""
        return f"{self._spelled(name)}{extras}{self.specifier(name)}{self._marker()}"

    def _marker(self) -> str:
        return f" ; {self._environment()}" if self.has("markers", 0.1) else ""

    def _environment(self) -> str:
        return self.draw.choice(ODD if self.has("odd markers", 0.3) else ENVIRONMENTS)


@dataclass
class _Chain(_Graph):
    """Projects that need those behind them, within bounds that seldom hold for the newest."""

    counts: ClassVar[tuple[int, ...]] = (3, 4, 4, 5)

    def finals(self) -> list[str]:
        return [f"{number}.0" for number in range(1, self.draw.choice((4, 5, 6, 8)))]

    def needs(self, name: str, version: str) -> Iterator[str]:
        behind = self.names[self.names.index(name) + 1 :]
        count = min(len(behind), self.draw.choice((1, 1, 2, 3)))
        for other in self.draw.sample(behind, count):
            yield self.need(other, self._window(other, version))

    def _window(self, name: str, version: str) -> str:
        """Returns bounds near a version: what is newer seldom goes with what is newest."""
        if self.draw.random() < 0.3:
            return self.specifier(name)
        near = int(re.match(r"\d*", version)[0] or 3)  # type: ignore[index]
        low = max(1, near + self.draw.choice((-3, -2, -1, 0, 1)))
        return f">={low}.0,<{low + self.draw.choice((1, 1, 2, 3))}.0"


def _specifier(version: str, operator: str, draw: random.Random) -> str:
    public = version.partition("+")[0]
    found = re.match(r"(?:\d+!)?\d+(?:\.\d+)*", public)
    assert found
    if operator.endswith("*"):
        short = found[0] if draw.random() < 0.5 else found[0].split(".")[0]
        return f"{operator[:-1]}{short}.*"
    if operator == "~=":
        return f"~={public}" if "." in public else f"~={public}.0"
    if operator == "===" and draw.random() < 0.3:
        return f"==={version.removesuffix('.0')}"
    return f"{operator}{public if operator[0] in '<>' else version}"
