"""Which versions a requirement admits, told by packaging and pip's own rules for one version."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.target_index import TargetIndex, Usable
from tests.core import naive
from tests.core.resolve.drawn import SPECIFIERS
from tests.core.universes import Index, need, target_index
from tests.deep import scaled

FACTS = st.sampled_from(([], [], [], ["yanked"], ["unknown"], ["python<3.11"], ["python==3.x"],
                         ["inside>=3.12"], ["yanked", "inside>=3.12"]))  # fmt: skip
INDEXES = st.dictionaries(
    st.sampled_from(("a 0.9", "a 1", "a 2", "a 2.0+l", "a 3rc1", "a 3", "a 4.dev1")), FACTS,
    min_size=1,
)  # fmt: skip
WANTED = st.sampled_from((*SPECIFIERS, "===2", "<=2", ">=3rc1,<4", "==4.dev1", "!=2,!=3"))


def versions(facts: TargetIndex, found: int) -> set[str]:
    """A set of versions by their texts."""
    usable = facts.usable("a")
    return {one.release.version for i, one in enumerate(usable) if found >> i & 1}


def of(usable: Sequence[Usable]) -> dict[str, Usable]:
    """The usable releases by their version."""
    return {one.release.version: one for one in usable}


@given(INDEXES, WANTED)
@settings(max_examples=scaled(120))
def test_what_matches_is_packagings_word(index: Index, specifier: str) -> None:
    facts = target_index(index)
    wanted = SpecifierSet(specifier)
    expected = {v for v in of(facts.usable("a")) if wanted.contains(v, prereleases=True)}
    assert versions(facts, Admission(facts).matching("a", specifier)) == expected


@given(INDEXES, WANTED)
@settings(max_examples=scaled(120))
def test_strictly_admitted_is_what_pips_finder_hands_out(index: Index, specifier: str) -> None:
    facts = target_index(index)
    usable = {v: u for v, u in of(facts.usable("a")).items() if not u.unseen}
    offer = {Version(v): index[f"a {v}"] for v in usable}
    wanted = SpecifierSet(specifier)
    expected = {str(v) for v in offer if naive.allowed(offer, v, wanted)}
    assert versions(facts, Admission(facts).admitted("a", specifier, Mode.STRICT)) == expected


@given(INDEXES, WANTED)
@settings(max_examples=scaled(120))
def test_widely_admitted_is_what_some_requirements_could_make_pip_take(
    index: Index, specifier: str
) -> None:
    facts = target_index(index).asking((need(f"a{specifier}"),))
    admission = Admission(facts)
    wanted = SpecifierSet(specifier)
    usable = of(facts.usable("a"))
    finals = [v for v, u in usable.items() if not (Version(v).is_prerelease or u.passed)]
    asked = facts.specifiers("a")  # "===2" is also read as uv does

    def hopeless(version: str) -> bool:
        asking = [s for s in map(SpecifierSet, asked) if s.contains(version, prereleases=True)]
        pins = any(o.operator in ("==", "===") and "*" not in o.version for s in asking for o in s)
        if usable[version].yanked and not pins:
            return True
        named = any(one.prereleases for one in asking)
        everywhere = any(all(one.contains(final) for one in asking) for final in finals)
        return Version(version).is_prerelease and not named and everywhere

    taken = {v for v, u in usable.items() if len(u.passed) < 2}
    trusting = {v for v in taken if wanted.contains(v, prereleases=True) and not hopeless(v)}
    assert versions(facts, admission.admitted("a", specifier, Mode.TRUSTING)) == trusting
    wide = {v for v in trusting if not usable[v].doubt}
    assert versions(facts, admission.admitted("a", specifier, Mode.WIDE)) == wide
    for reader in ("pip", "uv"):
        read = facts.read_by(reader)
        found = versions(read, Admission(read).admitted("a", specifier, Mode.TRUSTING))
        assert not found & {v for v, u in of(read.usable("a")).items() if reader in u.passed}


@given(INDEXES, st.integers(0, 127), st.sampled_from(Mode))
@settings(max_examples=scaled(120))
def test_the_newest_is_tried_first_and_doubtful_ones_last(
    index: Index, chosen: int, mode: Mode
) -> None:
    facts = target_index(index)
    usable = facts.usable("a")
    some = chosen & ((1 << len(usable)) - 1)
    best = Admission(facts).best("a", some, mode)
    there = [i for i in range(len(usable)) if some >> i & 1]
    there = [i for i in there if "pip" not in usable[i].passed] or there

    def worth(i: int) -> tuple[bool, ...]:
        one = usable[i]
        if mode is Mode.STRICT:
            return (not one.yanked,)
        known, final = not one.doubt, not one.release.prerelease
        return (known and not one.yanked and final, known and not one.yanked, known)

    assert best == max(there, key=lambda i: (worth(i), i), default=None)


@pytest.mark.parametrize("reader", [None, "pip", "uv"])
def test_the_kinds_of_versions(reader: str | None) -> None:
    index = {"a 1": ["yanked"], "a 2rc1": ["unknown"], "a 3": ["python==3.x"], "a 4": ["b===1"]}
    facts = target_index(index)
    read = facts if reader is None else facts.read_by(reader)  # type: ignore[arg-type]
    kinds = Admission(read).kinds("a")
    assert kinds.finals == 0b1101
    assert kinds.yanked == 0b0001
    assert kinds.doubted == 0b0010
    assert kinds.passed == (0b0100 if reader == "uv" else 0)
    assert kinds.untaken == kinds.passed  # pip passes over nothing, so that none is passed by all
    assert kinds.unseen == 0
    assert kinds.parted == 0b1100
    assert [text for _, text in kinds.entries] == ["1", "2rc1", "3", "4"]
    assert [key for key, _ in kinds.entries] == sorted(key for key, _ in kinds.entries)


def test_what_pip_does_not_see_and_what_nobody_takes() -> None:
    index = {
        "a 1": ["python!=3.11.*"],
        "a 2": ["inside>=3.12"],
        "a 3": ["python!=3.11.*"],
        "a 4": [],
    }
    index["a 3"].append("inside>=3.12")
    facts = target_index(index)
    kinds = Admission(facts).kinds("a")  # uv reads lower bounds alone
    assert (kinds.unseen, kinds.passed, kinds.untaken) == (0b0101, 0b0111, 0b0110)
    assert Admission(facts.read_by("uv")).kinds("a").untaken == 0b0110
    assert Admission(facts.read_by("pip")).kinds("a").untaken == 0b0111
