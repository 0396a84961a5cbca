"""The steps of a refutation, each held against what it says, told release by release."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pypisync.core.resolve.check_refutation import (
    Refutation,
    RefutationStep,
    Term,
    _holds,
    _within,
    hopeless,
    positions,
    refutes,
)
from pypisync.core.resolve.target_index import TargetIndex, unpacked
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from tests.core import naive
from tests.core.resolve.drawn import ROOTS, indexes
from tests.core.universes import HERE, Index, need, target_index
from tests.deep import scaled

PACKAGES = st.sampled_from(("a", "b", "c", "d", "a[x]", "b[x]"))
SETS = st.integers(-16, 15)


def at(facts: TargetIndex, package: str) -> list[str]:
    """The usable versions of a package's project."""
    return [one.release.version for one in facts.usable(unpacked(package)[0])]


def named(index: Index, package: str, version: str) -> list[Requirement]:
    """The lines that apply to a release, or what its extra adds."""
    name, extra = unpacked(package)
    lines = index[f"{name} {version}"]
    found = []
    for line in map(Requirement, sorted(set(lines) - naive.facts(lines))):
        if extra and "extra" not in str(line.marker or ""):
            continue
        environment = {**HERE.environment, "extra": extra}
        if line.marker is None or Marker(str(line.marker)).evaluate(environment):
            found.append(line)
    return found


def admitted(
    facts: TargetIndex, lines: list[Requirement], package: str, own: str | None = None
) -> set[str] | None:
    """The versions of a package that all lines on it together admit; None: there is no line.

    ``own``: the version whose extra asks, which asks for its own release.
    """
    name, extra = unpacked(package)
    asking = [one for one in lines if one.name == name and (not extra or extra in one.extras)]
    if not asking and own is None:
        return None
    never = set(positions(hopeless(facts, name))) if asking else set()
    if asking:
        never |= {i for i, one in enumerate(facts.usable(name)) if one.passed == INSTALLERS}
    return {
        version
        for i, version in enumerate(at(facts, package))
        if i not in never
        and own in (None, version)
        and all(SpecifierSet(str(o.specifier)).contains(version, prereleases=True) for o in asking)
    }


def chosen(facts: TargetIndex, package: str, versions: int) -> set[str]:
    """A set of versions by their texts."""
    return {text for i, text in enumerate(at(facts, package)) if versions >> i & 1}


@given(indexes(), st.lists(PACKAGES, min_size=2, max_size=2, unique=True), SETS, SETS)
@settings(max_examples=scaled(150))
def test_a_dependency_is_one_if_each_release_has_it(
    index: Index, packages: list[str], users: int, demanded: int
) -> None:
    user, target = packages
    facts = target_index(index).asking((need("a"),))
    step = RefutationStep((Term(user, users, True), Term(target, demanded, False)), "dependency")
    allowed = chosen(facts, target, demanded)
    expected = True
    for version in chosen(facts, user, users):
        own = version if "[" in user and target == unpacked(user)[0] else None
        left = admitted(facts, named(index, user, version), target, own)
        expected &= left is not None and left <= allowed
    assert _holds(facts, (need("a"),), [step], 0) is expected


@given(indexes(), PACKAGES, SETS)
@settings(max_examples=scaled(150))
def test_a_release_that_needs_another_of_itself_is_none(
    index: Index, user: str, users: int
) -> None:
    facts = target_index(index).asking((need("a"),))
    step = RefutationStep((Term(user, users, True),), "dependency")
    expected = True
    for version in chosen(facts, user, users):
        left = admitted(facts, named(index, user, version), user)
        if "[" in user and left is not None:
            left &= {version}
        expected &= left is not None and version not in left
    assert _holds(facts, (need("a"),), [step], 0) is expected


@given(indexes(), ROOTS, PACKAGES, SETS)
@settings(max_examples=scaled(150))
def test_a_root_asks_for_what_its_line_says(
    index: Index, root: str, target: str, demanded: int
) -> None:
    wanted = (need(root),)
    facts = target_index(index).asking(wanted)
    step = RefutationStep((Term(target, demanded, False),), "root")
    left = admitted(facts, [Requirement(root)], target)
    expected = left is not None and left <= chosen(facts, target, demanded)
    assert _holds(facts, wanted, [step], 0) is expected
    assert not _holds(facts, wanted, [RefutationStep((), "root")], 0)
    two = RefutationStep((*step.terms, Term("d", -1, positive=False)), "root")
    assert not _holds(facts, wanted, [two], 0)


@given(indexes(), PACKAGES, SETS)
def test_there_is_no_release_if_there_is_none(index: Index, package: str, versions: int) -> None:
    facts = target_index(index)
    expected = not chosen(facts, package, versions)
    step = RefutationStep((Term(package, versions, True),), "none")
    assert _holds(facts, (), [step], 0) is expected
    assert not _holds(facts, (), [RefutationStep((Term(package, 0, False),), "none")], 0)


# -- derivations: boxes of states ---------------------------------------------------------------

THREE: Index = {f"{name} {version}": [] for name in "abc" for version in "12"}


def terms_of(packages: Iterable[str]) -> st.SearchStrategy[RefutationStep]:
    """A derived step of one term for each package."""
    each = (st.builds(Term, st.just(name), st.integers(-4, 3), st.booleans()) for name in packages)
    return st.tuples(*each).map(lambda terms: RefutationStep(terms, "derived"))


SUBSETS = st.lists(st.sampled_from("abc"), max_size=3, unique=True)
TERMS = SUBSETS.flatmap(terms_of)
WITH_B = SUBSETS.flatmap(lambda names: terms_of(sorted({"b", *names})))


def states() -> Iterator[Mapping[str, int | None]]:
    """Each project at one of its versions, or absent."""
    for some in itertools.product((None, 0, 1), repeat=3):
        yield dict(zip("abc", some, strict=True))


def true(term: Term, state: Mapping[str, int | None]) -> bool:
    """Whether the term is: the package has one of the versions; or not positive, it has not."""
    there = state[term.package]
    has = there is not None and bool(term.versions >> there & 1)
    return has == term.positive


def box(step: RefutationStep) -> set[tuple[int | None, ...]]:
    """The states in which all terms are true, which is what a step forbids."""
    return {tuple(s.values()) for s in states() if all(true(term, s) for term in step.terms)}


@given(TERMS, TERMS, TERMS)
@settings(max_examples=scaled(150))
def test_what_is_derived_was_forbidden_before(
    step: RefutationStep, left: RefutationStep, right: RefutationStep
) -> None:
    facts = target_index(THREE)
    if _within(facts, step, left, right):
        assert box(step) <= box(left) | box(right)
    elif box(step) <= box(left) or box(step) <= box(right):
        assert not box(step)  # but for a step that forbids nothing


@given(WITH_B, WITH_B)
@settings(max_examples=scaled(150))
def test_a_resolvent_follows(left: RefutationStep, right: RefutationStep) -> None:
    """All terms of both, and of the one package what is forbidden by either."""
    facts = target_index(THREE)
    mine = {term.package: term for term in left.terms}
    others = {term.package: term for term in right.terms}

    def places(term: Term | None) -> int:
        """States as bits: absent, 1, 2."""
        if term is None:
            return 7
        there = (term.versions & 3) << 1
        return there if term.positive else 7 & ~there

    def as_term(name: str, bits: int) -> Term:
        absent = bool(bits & 1)
        return Term(name, (~bits if absent else bits) >> 1 & 3, not absent)

    terms = []
    for name in "abc":
        one, two = places(mine.get(name)), places(others.get(name))
        bits = one | two if name == "b" else one & two
        if bits != 7:
            terms.append(as_term(name, bits))
    assert _within(facts, RefutationStep(tuple(terms), "derived"), left, right)


@pytest.mark.parametrize("causes", [None, (0, 3), (-1, 0), (2, 0), (0, 2)])
def test_a_derivation_has_two_causes_before_it(causes: tuple[int, int] | None) -> None:
    facts = target_index({"a 1": ["b"]})
    steps: Refutation = [
        RefutationStep((Term("a", 1, False),), "root"),
        RefutationStep((Term("a", 1, True),), "none"),
        RefutationStep((), "derived", causes),
    ]
    assert not refutes(facts, (need("a"),), steps)


def test_a_refutation_ends_with_nothing_left() -> None:
    facts = target_index({"b 1": []})
    gone = RefutationStep((Term("a", -1, True),), "none")
    root = RefutationStep((Term("a", 0, False),), "root")
    end = RefutationStep((), "derived", (0, 1))
    assert refutes(facts, (need("a"),), [gone, root, end])
    assert not refutes(facts, (need("a"),), [gone, root])
    assert not refutes(facts, (need("b"),), [gone, root, end])
    assert not refutes(target_index({"a 1": []}), (need("a"),), [gone, root, end])


def test_a_line_that_cannot_be_read_is_met_by_nothing() -> None:
    wanted = (need("a @ https://h/a.whl"),)
    facts = target_index({"a 1": [], "b 1": ["c @ https://h/c.whl"]})
    assert refutes(facts, wanted, [RefutationStep((), "root")])
    faulty = RefutationStep((Term("b", 1, True),), "dependency")
    assert not _holds(facts, (need("b"),), [faulty], 0)  # it stops there: that is in doubt


@given(st.integers(0, 2**70))
def test_positions_are_the_bits_that_are_set(versions: int) -> None:
    found = list(positions(versions))
    assert found == [i for i in range(72) if versions >> i & 1]


def test_pins_are_barred_if_they_are_whole_and_refused() -> None:
    facts = target_index({"a 1": ["b>=1"], "b 1": ["yanked"], "b 2": []}).asking((need("a"),))
    wanted = (need("a"),)

    def barred(*terms: Term) -> bool:
        return _holds(facts, wanted, [RefutationStep(terms, "barred")], 0)

    a, yanked, good = Term("a", 1, True), Term("b", 1, True), Term("b", 2, True)
    assert barred(a, yanked)
    assert not barred(a, good)  # that is an installation
    assert not barred(a)  # b is not chosen yet
    assert not barred(a, Term("b", 3, True))  # one of two
    assert not barred(a, Term("b", 1, False))
    assert barred(a, Term("b", 5, True))  # of which one exists


YANKED: Index = {"a 1": ["b==1"], "b 1": ["yanked"]}  # pip takes it
RULED_OUT: Index = {"a 1": ["b", "c"], "b 1": ["c<1"], "b 2rc1": [], "c 1": []}  # uv takes "b 2rc1"


def is_barred(index: Index, pins: Mapping[str, int], *, by: Installer | None, unread: str) -> bool:
    """Whether a step that bars these pins holds, where uv passes over the release ``unread``."""
    facts = replace(target_index(index), bit=1, reader=by).asking((need("a"),))
    for name, releases in facts.offers.releases.items():
        facts.offers.releases[name] = [
            replace(one, files=(), serves=(int("yanked" not in index[label]), 1), passed=(0, uv))
            for one in releases
            for label in [f"{name} {one.version}"]
            for uv in [int(label == unread)]
        ]
    terms = tuple(Term(name, 1 << pin, True) for name, pin in pins.items())
    return _holds(facts, (need("a"),), [RefutationStep(terms, "barred")], 0)


@pytest.mark.parametrize(
    ("index", "pins", "refusing"),
    [(YANKED, {"a": 0, "b": 0}, "uv"), (RULED_OUT, {"a": 0, "b": 1, "c": 0}, "pip")],
)
def test_pins_are_barred_by_who_reads_the_facts(
    index: Index, pins: Mapping[str, int], refusing: Installer
) -> None:
    """Whoever reads them; pip, if nobody alone does."""
    for by in INSTALLERS:
        assert is_barred(index, pins, by=by, unread="") is (by == refusing)
    assert is_barred(index, pins, by=None, unread="") is (refusing == "pip")


def test_where_installers_part_both_have_to_refuse() -> None:
    pins = {"a": 0, "b": 1, "c": 0}
    assert is_barred(RULED_OUT, pins, by=None, unread="c 1")  # which uv passes over
    assert is_barred(RULED_OUT, pins, by=None, unread="b 1")  # not pinned: nothing parts them
    parted = {**RULED_OUT, "c 1": ["a===1"]}  # which pip and uv read differently
    assert not is_barred(parted, pins, by=None, unread="")
