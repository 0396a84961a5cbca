"""Which releases a specifier or a selector calls for, target by target."""

import pytest

from pypisync.core.closure.candidates import Candidate, choose, choose_root
from pypisync.core.standards import versions
from pypisync.core.wanted import selector

A, B, BOTH = 1, 2, 3  # two targets


def candidates(**admits: int | tuple[int, int]) -> list[Candidate]:
    """Releases by version (``v1_0`` is 1.0); a pair gives what yanked files admit as well."""
    found: list[Candidate] = []
    for name, masks in admits.items():
        version = versions.parse(name[1:].replace("_", "."))
        assert version is not None
        good, every = masks if isinstance(masks, tuple) else (masks, masks)
        pre = version.is_prerelease
        key = versions.key(version)
        found.append(Candidate(len(found) + 1, key, str(version), pre, good, every))
    return sorted(found, key=lambda c: c.key, reverse=True)


def picked(found: list[Candidate], specifier: str, mask: int) -> tuple[set[str], int]:
    chosen, unmet = choose(found, specifier, mask)
    names = {c.release: c.version for c in found}
    return {names[release] for release in chosen}, unmet


@pytest.mark.parametrize(
    ("found", "specifier", "mask", "wanted", "unmet"),
    [
        # newest first, and only as many as the targets need
        (candidates(v1=BOTH, v2=BOTH), "", BOTH, {"2"}, 0),
        (candidates(v1=BOTH, v2=A), "", BOTH, {"1", "2"}, 0),
        (candidates(v1=BOTH, v2=A), "", A, {"2"}, 0),
        (candidates(v1=BOTH, v2=BOTH), "<2", BOTH, {"1"}, 0),
        (candidates(v1=A), "", BOTH, {"1"}, B),
        (candidates(v1=A), ">1", BOTH, set(), BOTH),
        # pre-releases: named, or nothing else on that target
        (candidates(v1=BOTH, v2b1=BOTH), "", BOTH, {"1"}, 0),
        (candidates(v1=BOTH, v2b1=BOTH), ">=2b1", BOTH, {"2b1"}, 0),
        (candidates(v2b1=BOTH), "", BOTH, {"2b1"}, 0),
        (candidates(v1=A, v2b1=BOTH), "", BOTH, {"1", "2b1"}, 0),
        # yanked: only an exact pin takes one, and only where nothing else is left
        (candidates(v1=BOTH, v2=(0, BOTH)), "", BOTH, {"1"}, 0),
        (candidates(v1=BOTH, v2=(0, BOTH)), "==2", BOTH, {"2"}, 0),
        (candidates(v2=(0, BOTH)), ">=2", BOTH, set(), BOTH),
        (candidates(v2=(A, BOTH)), "==2", BOTH, {"2"}, 0),
        (candidates(v2=(A, BOTH)), "==2.*", BOTH, {"2"}, B),
        # a yanked final is no candidate and still keeps pre-releases out, as in pip
        (candidates(v1=(0, BOTH), v2b1=BOTH), "", BOTH, set(), BOTH),
        (candidates(v1=(0, A), v2b1=BOTH), "", BOTH, {"2b1"}, A),
    ],
)
def test_a_specifier(
    found: list[Candidate], specifier: str, mask: int, wanted: set[str], unmet: int
) -> None:
    assert picked(found, specifier, mask) == (wanted, unmet)


def test_the_answer_for_two_masks_is_the_answer_for_their_union() -> None:
    found = candidates(v1=BOTH, v2=A, v3b1=B, v4=(0, BOTH))
    for specifier in ("", "<2", ">=2", "==4", ">=3b1", "==9"):
        one, two = choose(found, specifier, A), choose(found, specifier, B)
        both = choose(found, specifier, BOTH)
        assert set(both[0]) == {*one[0], *two[0]}
        assert both[1] == one[1] | two[1]


@pytest.mark.parametrize(
    ("text", "groups", "wanted", "unmet"),
    [
        ("latest", (BOTH,), {"3"}, 0),
        ("latest", (A, B), {"3", "2"}, 0),
        ("2 latest", (A, B), {"3", "2", "1"}, 0),
        ("latest<2", (A, B), {"1"}, 0),
        ("<3,>1", (BOTH,), {"2"}, 0),
        (">=1", (BOTH,), {"1", "2", "3"}, 0),
        (">=4b1", (BOTH,), {"4b1"}, 0),
        ("5", (BOTH,), {"5"}, 0),
        ("4b1", (BOTH,), {"4b1"}, 0),
        ("latest>=5", (A, B), set(), BOTH),
        ("9", (A, B), set(), BOTH),
        ("0", (A, B), {"0"}, 0),
    ],
)
def test_a_selector(text: str, groups: tuple[int, ...], wanted: set[str], unmet: int) -> None:
    found = candidates(v0=0, v1=BOTH, v2=BOTH, v3=A, v4b1=BOTH, v5=(0, BOTH))
    chosen, left = choose_root(found, selector.parse_selector(text), groups)
    names = {c.release: c.version for c in found}
    assert {names[release] for release in chosen} == wanted
    assert left == unmet
