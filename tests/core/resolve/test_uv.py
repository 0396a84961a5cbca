"""What uv comes to, and what it looks at; real uv is asked in ``tests/acceptance``."""

import re
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve import pip
from pypisync.core.resolve.candidates import Admission
from pypisync.core.resolve.check_pins import faults
from pypisync.core.resolve.prover import Prover
from pypisync.core.resolve.uv import rehearsed
from tests.core import naive
from tests.core.resolve.drawn import ROOTS, indexes
from tests.core.resolve.test_self_sufficiency import drawn
from tests.core.universes import HERE, Index, need, pins, target_index
from tests.deep import scaled

# Each with what uv 0.13 came to: index, pins (None: no solution), and what it looked at and left.
ANSWERS: list[tuple[str, Index, dict[str, str] | None, set[str]]] = [
    (
        "a yanked release that a dependency pins is not taken",
        {"app 1": ["lib==2"], "lib 1": [], "lib 2": ["yanked"]},
        None,
        {"app 1", "lib 2"},
    ),
    (
        "a pre-release is taken where every final is ruled out",
        {
            "app 1": ["lib", "base<2"],
            "lib 1": ["base>=2"],
            "lib 2a1": ["base<2"],
            "base 1": [],
            "base 2": [],
        },
        {"app": "1", "lib": "2a1", "base": "1"},
        {"lib 1"},
    ),
    (
        "what was named first is decided first, an exact pin before that",
        {
            "app 1": ["x", "y", "z==1"],
            "x 1": [],
            "x 2": ["y<2"],
            "y 1": [],
            "y 2": ["x<2"],
            "z 1": ["x<3"],
        },
        {"app": "1", "x": "2", "y": "1", "z": "1"},
        set(),
    ),
    (
        "a release that does not admit the interpreter is passed over",
        {"app 1": ["lib"], "lib 1": [], "lib 2": ["python>=3.13"]},
        {"app": "1", "lib": "1"},
        set(),
    ),
    (
        "an extra belongs to its release, and one may hold another",
        {
            "app 1": ["lib[x]", "base<2"],
            "lib 1": ['base; extra == "y"', 'lib[y]; extra == "x"'],
            "lib 2": ['base>=2; extra == "y"', 'lib[y]; extra == "x"'],
            "base 1": [],
            "base 2": [],
        },
        {"app": "1", "lib": "1", "base": "1"},
        {"lib 2"},
    ),
]


@pytest.mark.parametrize(
    ("index", "expected", "left"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS]
)
def test_what_uv_comes_to(index: Index, expected: dict[str, str] | None, left: set[str]) -> None:
    wanted = (need("app"),)
    facts = target_index(index).asking(wanted)
    found = rehearsed(Admission(facts), wanted, Budget(), set())

    def named(name: str, pin: int) -> str:
        return facts.usable(name)[pin].release.version

    have = None if found.pins is None else {n: named(n, i) for n, i in found.pins.items()}
    assert have == expected
    tried = {f"{name} {named(name, pin)}" for name, pin in found.tried}
    assert tried - {f"{name} {version}" for name, version in (expected or {}).items()} == left


@given(indexes(), ROOTS)
@settings(max_examples=scaled(200))
def test_what_comes_out_is_an_installation(index: Index, root: str) -> None:
    index = {label: _told(label, lines) for label, lines in index.items()}
    facts, wanted = target_index(index), (need(root),)
    facts = facts.asking(wanted)
    consulted = set[str]()
    found = rehearsed(Admission(facts), wanted, Budget(), consulted)
    if found.pins is not None:
        assert faults(facts, wanted, found.pins, by="uv") == []
        assert set(found.pins.items()) <= set(found.tried)
    assert {name for name, _ in found.tried} <= consulted


@given(st.randoms(use_true_random=False))
@settings(max_examples=scaled(100))
def test_where_newer_ones_are_looked_at_in_vain_it_comes_to_an_installation(draw: Random) -> None:
    """It goes back where it has to, decides anew, and gives up only where there is nothing."""
    index, wanted = drawn(draw), (need("app"),)
    facts = target_index(index).asking(wanted)
    found = rehearsed(Admission(facts), wanted, Budget(), set())
    if found.pins is None:
        assert not list(naive.installable(index, ("app",), HERE.environment, by="uv"))
    else:
        assert faults(facts, wanted, found.pins, by="uv") == []


def _told(label: str, lines: Sequence[str]) -> list[str]:
    """The lines, but for those that uv takes no notice of and a checker does.

    What a release requires of its own project; that nobody knows what it needs; markers whose
    comparison is not defined.
    """
    own = label.split(maxsplit=1)[0]
    return [
        line
        for line in lines
        if line != "unknown"
        and re.split(r"[^\w-]", line)[0] != own
        and (";" not in line or _compares(line))
    ]


def _compares(line: str) -> bool:
    try:
        Marker(line.partition(";")[2]).evaluate({**HERE.environment, "extra": ""})
    except (ValueError, KeyError):
        return False
    return True


def test_each_installer_has_its_pins() -> None:
    """uv goes on with a pre-release, pip with an older release of what asks for it."""
    index = {
        "app 1": ["lib", "base<2"],
        "lib 0": [],
        "lib 1": ["base>=2"],
        "lib 2a1": ["base<2"],
        "base 1": [],
        "base 2": [],
    }
    wanted = (need("app"),)
    prover = Prover(target_index(index))
    proof = prover.rehearse(wanted, prover.prove(wanted, Budget()), Budget())
    assert pins(proof) == {"app": "1", "lib": "0", "base": "1"}
    assert proof.others == {}
    assert pip.rehearsed(prover.admission, wanted, Budget(), set()).pins is not None


@pytest.mark.parametrize(("rehearsal", "used"), [(rehearsed, 0), (pip.rehearsed, 2)])
def test_what_was_looked_at_is_known_of_a_search_that_is_given_up(
    rehearsal: Any, used: int
) -> None:
    """Else nothing that changes there would have the root proven again."""
    index = {"app 1": ["lib"], "lib 1": ["base<2"], "base 1": []}
    wanted = (need("app"),)
    facts = target_index(index).asking(wanted)
    consulted = set[str]()
    with pytest.raises(Spent):
        rehearsal(Admission(facts), wanted, Budget(steps=4, used=used), consulted)
    assert consulted > {"app"}


def test_extras_of_which_one_asks_for_the_next() -> None:
    """ "all" asks for "x" of its own project, and that for "y": with all that these need."""
    index: Index = {
        "app 1": ['app[x]; extra == "all"', 'app[y]; extra == "x"', 'dep<2; extra == "y"'],
        "dep 1": [],
        "dep 2": [],
    }
    prover = Prover(target_index(index))
    found = rehearsed(prover.admission, (need("app[all]"),), Budget(), set())
    assert found.pins == {"app": 0, "dep": 0}
    assert found.tried == {("app", 0), ("dep", 0)}


@given(indexes(), st.lists(st.sampled_from(("a", "a==1", "a==3rc1", "b", "b<3", "c")), min_size=2))
@settings(deadline=None, max_examples=scaled(60))
def test_what_one_search_has_drawn_is_the_same_for_the_next(index: Index, roots: list[str]) -> None:
    """What is wanted of a project is not kept: a pin or a pre-release is of one search alone."""
    wanted = [(need(root),) for root in dict.fromkeys(roots)]
    facts = target_index(index).asking(tuple(need for one in wanted for need in one))
    shared = Admission(facts)
    for one in wanted:
        kept, alone = set[str](), set[str]()
        found = rehearsed(shared, one, Budget(), kept)
        assert found == rehearsed(Admission(facts), one, Budget(), alone)
        assert kept == alone
