"""The choice of releases, held against the same rules told for one target at a time."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pypisync.core.closure.candidates import Candidate, choose, choose_root, newest_suffices
from pypisync.core.standards import versions
from pypisync.core.wanted.selector import parse_selector
from tests.deep import scaled

TARGETS = 3
VERSIONS = ("0.9", "1.0", "1.0+l", "1.5", "2.0b1", "2.0", "2.1.dev1", "3.0rc1", "3.0")
SPECIFIERS = (
    "", "==1.0", "==2.*", "===1.5", ">=1.5", "<2", "!=2.0", ">=2.0b1", "==2.0b1", "==3.0rc1",
    "~=1.0", "<1", ">=1,<3,!=1.5", ">9", "==1.0,==1.5", "==2.0",
)  # fmt: skip
SELECTORS = (
    "latest", "2 latest", "3 latest", "latest<2", "2 latest>=2.0b1", ">=1.5", "<2", "1.0",
    "3.0rc1", "7", "latest==2.0", "latest>9", "latest==3.*",
)  # fmt: skip
MASKS = st.one_of(st.just(7), st.integers(0, 7))


def is_pin(specifier: str) -> bool:
    """Whether one of its parts names one version: pip's ``is_pinned``."""
    parts = SpecifierSet(specifier)
    return any(p.operator == "===" or (p.operator == "==" and "*" not in p.version) for p in parts)


def matching(found: Sequence[Candidate], specifier: str) -> list[Candidate]:
    """Those that the specifier matches, be they pre-releases or not."""
    wanted = SpecifierSet(specifier)
    return [one for one in found if wanted.contains(one.version, prereleases=True)]


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Releases of one project, the newest first."""
    found = []
    for number, text in enumerate(draw(st.sets(st.sampled_from(VERSIONS))), 1):
        version = Version(text)
        every = draw(MASKS)
        sound = every & draw(MASKS)
        unsure = every & draw(st.sampled_from((0, 0, 1, 6, 7)))
        found.append(
            Candidate(
                number, versions.key(version), text, version.is_prerelease, sound, every, unsure
            )
        )
    return sorted(found, key=lambda one: one.key, reverse=True)


def bars(final: Candidate) -> int:
    """Where it keeps pre-releases out: a yanked one is not read, so nobody passes over it."""
    yanked = final.admits_yanked & ~final.admits
    return yanked | final.admits & ~final.unsure


def for_one_target(
    found: Sequence[Candidate], specifier: str, bit: int
) -> tuple[list[Candidate], bool]:
    """What one target gets, and whether that is anything."""
    there = matching(found, specifier)
    named = bool(SpecifierSet(specifier).prereleases)
    first = [one for one in there if named or not one.prerelease]
    taken: list[Candidate] = []
    for one in first:
        if one.admits & bit:
            taken.append(one)
            if not one.unsure & bit:
                return taken, True
    if not taken and is_pin(specifier):
        yanked = [one for one in first if one.admits_yanked & bit]
        if yanked:
            return yanked[:1], True
    if named or any(bars(one) & bit for one in first):
        return taken, bool(taken)
    others = [one for one in there if one.prerelease]
    usable = [one for one in others if one.admits & bit]
    if not usable and is_pin(specifier):
        usable = [one for one in others if one.admits_yanked & bit]
    taken += usable[:1]
    return taken, bool(taken)


@given(candidates(), st.sampled_from(SPECIFIERS), MASKS)
@settings(max_examples=scaled(250))
def test_each_target_gets_what_it_would_get_alone(
    found: list[Candidate], specifier: str, mask: int
) -> None:
    chosen, unmet = choose(found, specifier, mask)
    alone = [for_one_target(found, specifier, 1 << i) for i in range(TARGETS) if mask >> i & 1]
    bits = [1 << i for i in range(TARGETS) if mask >> i & 1]
    assert set(chosen) == {one.release for taken, _ in alone for one in taken}
    assert len(chosen) == len(set(chosen))
    assert unmet == sum(bit for bit, (_, met) in zip(bits, alone, strict=True) if not met)


def for_one_group(found: Sequence[Candidate], text: str, group: int) -> list[int]:
    """The releases that a root calls for on targets that are counted together."""
    selector = parse_selector(text)
    there = [one for one in matching(found, selector.specifier) if one.admits_yanked & group]
    finals = [one for one in there if not one.prerelease]
    if not SpecifierSet(selector.specifier).prereleases and any(
        bars(one) & group for one in finals
    ):
        there = finals
    usable = [one for one in there if one.admits & group]
    if not usable and is_pin(selector.specifier):
        usable = there
    taken: list[int] = []
    counted = 0
    for one in usable:
        if counted != selector.count:
            taken.append(one.release)
        if one.admits_yanked & ~one.unsure & group:
            counted += 1
            if counted == selector.count:
                break
    return taken


GROUPS = st.sampled_from(((7,), (1, 2, 4), (3, 4), (5,), (2,)))


@given(candidates(), st.sampled_from(SELECTORS), GROUPS)
@settings(max_examples=scaled(250))
def test_a_root_counts_in_each_group(
    found: list[Candidate], text: str, groups: tuple[int, ...]
) -> None:
    chosen, unmet = choose_root(found, parse_selector(text), groups)
    if parse_selector(text).exact:
        named = [one.release for one in matching(found, parse_selector(text).specifier)]
        assert list(chosen) == named
        assert unmet == (0 if named else reduce(or_, groups))
        return
    alone = [for_one_group(found, text, group) for group in groups]
    assert set(chosen) == {one for taken in alone for one in taken}
    assert len(chosen) == len(set(chosen))
    assert unmet == sum(g for g, taken in zip(groups, alone, strict=True) if not taken)


@given(candidates(), st.sampled_from(SELECTORS), GROUPS)
@settings(max_examples=scaled(150))
def test_where_the_newest_suffices_it_is_all_that_a_root_calls_for(
    found: list[Candidate], text: str, groups: tuple[int, ...]
) -> None:
    selector = parse_selector(text)
    newest = next((one for one in found if not one.prerelease), None)
    if newest_suffices(newest, selector, groups):
        assert newest is not None
        assert choose_root(found, selector, groups) == ((newest.release,), 0)
    else:
        everywhere = newest and all(newest.admits & ~newest.unsure & g for g in groups)
        assert not everywhere or text != "latest"


def one(admits: int, unsure: int = 0) -> Candidate:
    version = Version("1.0")
    return Candidate(1, versions.key(version), "1.0", False, admits, admits, unsure)


@pytest.mark.parametrize(
    ("newest", "text", "groups", "expected"),
    [
        (one(3), "latest", (1, 2), True),
        (one(1), "latest", (1, 2), False),  # the other target has to look further
        (one(1), "latest", (3,), True),
        (one(3, unsure=3), "latest", (3,), False),  # an installer may take an older one
        (one(3, unsure=1), "latest", (3,), True),
        (one(3), "2 latest", (3,), False),
        (one(3), "latest<2", (3,), False),
        (one(3), "latest", (), False),  # its marker holds nowhere
        (None, "latest", (3,), False),
    ],
)
def test_when_the_newest_suffices(
    newest: Candidate | None, text: str, groups: tuple[int, ...], expected: bool
) -> None:
    assert newest_suffices(newest, parse_selector(text), groups) is expected


def test_what_an_installer_may_pass_over_does_not_count() -> None:
    """Of two newest, a third is taken where uv does not see the second."""
    found = [
        Candidate(n, versions.key(Version(text)), text, False, 1, 1, unsure)
        for n, text, unsure in ((3, "3.0", 0), (2, "2.0", 1), (1, "1.0", 0))
    ]
    assert choose_root(found, parse_selector("2 latest"), (1,)) == ((3, 2, 1), 0)
    assert choose(found, "<3", 1) == ((2, 1), 0)
    assert choose(found[:2], "<3", 1) == ((2,), 0)  # there is no other
