"""Proofs on small indexes: against brute force, by laws, and for the shapes that are known."""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.version import Version

from pypisync.core.budget import Budget
from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.check_pins import faults
from pypisync.core.resolve.check_refutation import RefutationStep, Term, refutes
from pypisync.core.resolve.pip import rehearsed
from pypisync.core.resolve.prover import Prover
from tests.core import naive
from tests.core.resolve.drawn import NAMES, ROOTS, SPECIFIERS, indexes
from tests.core.universes import HERE, Index, need, pins, prove, solutions, target_index
from tests.deep import scaled

if TYPE_CHECKING:
    from collections.abc import Sequence


@given(indexes(), ROOTS)
@settings(max_examples=scaled(150))
def test_a_solution_is_found_exactly_when_there_is_one(index: Index, root: str) -> None:
    facts = target_index(index)
    proof = Prover(facts).prove((need(root),), Budget())
    all_there_are = list(naive.installable(index, (root,), HERE.environment))
    by_uv = list(naive.installable(index, (root,), HERE.environment, by="uv"))
    kept = rehearsed(Admission(facts), (need(root),), Budget(), set()).pins
    if kept is not None:
        own = {n: Version(facts.usable(n)[i].release.version) for n, i in kept.items()}
        assert own in naive.installable(index, (root,), HERE.environment, by="kept")
        all_there_are.append(own)
    both, neither = all_there_are and by_uv, not (all_there_are or by_uv)
    assert proof.verdict == ("proven" if both else "refuted" if neither else "blocked")
    if all_there_are:
        assert {name: Version(v) for name, v in pins(proof).items()} in all_there_are
    elif not by_uv:
        assert refutes(facts, (need(root),), proof.refutation)
        assert proof.why[-1] == f"so {root} cannot be installed"


@given(indexes(), ROOTS)
@settings(max_examples=scaled(80))
def test_the_checker_of_pins_is_brute_force(index: Index, root: str) -> None:
    facts = target_index(index)
    passed = [
        {name: Version(facts.usable(name)[i].release.version) for name, i in some.items()}
        for some in solutions(facts, need(root))
    ]
    expected = list(naive.installable(index, (root,), HERE.environment))
    assert sorted(sorted(one.items()) for one in passed) == sorted(
        sorted(one.items()) for one in expected
    )


@given(indexes(), ROOTS, st.data())
@settings(max_examples=scaled(150))
def test_a_refutation_of_a_damaged_index_does_not_hold_for_the_intact_one(
    index: Index, root: str, data: st.DataObject
) -> None:
    label = data.draw(st.sampled_from(sorted(index)))
    damaged: dict[str, Sequence[str]] = dict(index)
    match data.draw(st.sampled_from(("release", "project", "needs", "python", "inside"))):
        case "release":
            del damaged[label]
        case "project":
            damaged = {k: v for k, v in index.items() if k.split()[0] != label.split()[0]}
        case "needs":
            damaged[label] = [*index[label], "d==9"]
        case "python":
            damaged[label] = ["python>=3.12", *index[label]]
        case "inside":
            damaged[label] = ["inside>=3.12", *index[label]]
    facts = target_index(index)
    good, bad = Prover(facts).prove((need(root),), Budget()), prove(damaged, root)
    if bad.verdict == "refuted" and good.verdict == "proven":
        assert not refutes(facts, (need(root),), bad.refutation)


@given(indexes(), ROOTS, st.data())
@settings(max_examples=scaled(80))
def test_a_refutation_that_was_tampered_with_is_rejected(
    index: Index, root: str, data: st.DataObject
) -> None:
    """One step left out, or its terms dropped, never makes a refutation of what installs."""
    proof = prove(index, root)
    if proof.verdict != "refuted":
        return
    steps = list(proof.refutation)
    assert not refutes(target_index(index), (need(root),), steps[:-1])
    other = data.draw(indexes())
    if list(naive.installable(other, (root,), HERE.environment)):
        assert not refutes(target_index(other), (need(root),), steps)


def test_a_step_that_does_not_follow_is_rejected() -> None:
    """Each derivation of a real refutation, told to derive more than it does."""
    index = {"a 1": ["b", "c"], "b 1": ["d<2"], "c 1": ["d>=2"], "d 1": [], "d 2": []}
    refutation = list(prove(index, "a").refutation)
    steps = [i for i, step in enumerate(refutation[:-1]) if step.kind == "derived"]
    assert steps
    for i in steps:
        forged = [*refutation[:i], replace(refutation[i], terms=())]
        assert not refutes(target_index(index), (need("a"),), forged)


def test_facts_that_are_none_are_rejected() -> None:
    facts = target_index({"a 1": ["b"], "b 1": [], "b 2": []})
    a, b, no_a = Term("a", 1, True), Term("b", 3, True), Term("a", 1, False)
    root = RefutationStep((no_a,), "root")
    false = [
        RefutationStep((a,), "none"),
        RefutationStep((a,), "dependency"),
        RefutationStep((a, Term("b", 1, positive=False)), "dependency"),
        RefutationStep((a, Term("zz", 0, positive=False)), "dependency"),
        RefutationStep((a, Term("b", 2, positive=True)), "barred"),
        RefutationStep((a,), "barred"),  # not complete
        RefutationStep((a, b), "barred"),  # not one installation
        RefutationStep((a,), "root"),
        RefutationStep((a,), "derived", (2, 0)),
        RefutationStep((a,), "derived"),
    ]
    for step in false:
        assert not refutes(facts, (need("a"),), [root, step, RefutationStep((), "derived", (0, 1))])
    assert not refutes(facts, (need("a"),), [])


@given(indexes(), ROOTS)
@settings(max_examples=scaled(60))
def test_a_project_that_nobody_names_changes_nothing(index: Index, root: str) -> None:
    more = {**index, "zz 1": ["a==9"], "zz 2": ["yanked"]}
    assert prove(more, root) == prove(index, root)


@given(indexes(), ROOTS, st.data())
@settings(max_examples=scaled(80))
def test_removing_a_requirement_never_makes_a_root_impossible(
    index: Index, root: str, data: st.DataObject
) -> None:
    """Requirements that name no pre-release and pin nothing, for those admit what others do not."""
    plain = {
        label: [line for line in some if "rc" not in line and "==3" not in line.split(";")[0]]
        for label, some in index.items()
    }
    prover, wanted = Prover(target_index(plain)), (need(root),)
    # A release is not what makes pip take it, whatever it requires of its own project.
    proof = prover.rehearse(wanted, prover.prove(wanted, Budget()), Budget())
    label = data.draw(st.sampled_from(sorted(plain)))
    removable = [
        line for line in plain[label] if line[0] in NAMES and "==" not in line.split(";")[0]
    ]
    if removable and proof.verdict == "proven":
        gone = data.draw(st.sampled_from(removable))
        less = {**plain, label: [line for line in plain[label] if line != gone]}
        assert prove(less, root).verdict == "proven"


@given(indexes(), ROOTS)
@settings(max_examples=scaled(60))
def test_renaming_commutes(index: Index, root: str) -> None:
    table = str.maketrans("bcd", "qrs")  # in the same order: which of two comes first is by name

    def renamed(line: str) -> str:
        head, marked, marker = line.partition(";")
        name = line[:1].translate(table) if line[:1] in NAMES else line[:1]
        return name + head[1:] + marked + marker

    other = {renamed(label): [*map(renamed, some)] for label, some in index.items()}
    one, two = prove(index, root), prove(other, root)
    assert one.verdict == two.verdict
    assert {name.translate(table): v for name, v in pins(one).items()} == pins(two)


SHAPES: list[tuple[str, Index, str, dict[str, str] | str]] = [
    (
        "an old root whose dependency has moved on: every edge matched, and no solution inside",
        {
            "soupsieve 0.4": ["beautifulsoup4"],
            "soupsieve 2.0.1": [],
            "beautifulsoup4 4.9.3": ["soupsieve>1.2"],
        },
        "soupsieve==0.4",
        "refuted",
    ),
    (
        "the same, repaired",
        {
            "soupsieve 0.4": ["beautifulsoup4"],
            "soupsieve 2.0.1": [],
            "beautifulsoup4 4.9.3": ["soupsieve>1.2"],
            "beautifulsoup4 4.6.3": [],
        },
        "soupsieve==0.4",
        {"soupsieve": "0.4", "beautifulsoup4": "4.6.3"},
    ),
    (
        "diamond",
        {"a 1": ["b", "c"], "b 1": ["d<2"], "b 2": ["d>=2"], "c 1": ["d<2"], "d 1": [], "d 2": []},
        "a",
        {"a": "1", "b": "1", "c": "1", "d": "1"},
    ),
    (
        "diamond without a way out",
        {"a 1": ["b", "c"], "b 1": ["d<2"], "c 1": ["d>=2"], "d 1": [], "d 2": []},
        "a",
        "refuted",
    ),
    (
        "backtracking through ten versions",
        {
            "a 1": ["b", "c==1"],
            "c 1": [],
            "c 2": [],
            **{f"b {i}": ["c>=2"] if i > 1 else [] for i in range(1, 12)},
        },
        "a",
        {"a": "1", "b": "1", "c": "1"},
    ),
    ("requires-python cliff", {"a 1": [], "a 2": ["python>=3.12"]}, "a", {"a": "1"}),
    ("beyond the cliff", {"a 2": ["python>=3.12"]}, "a", "refuted"),
    (
        "wheels for another platform",
        {"a 1": ["tag=cp311-cp311-win_amd64"], "a 0": ["tag=cp311-cp311-manylinux_2_28_x86_64"]},
        "a",
        {"a": "0"},
    ),
    (
        "wheels for a newer glibc",
        {"a 1": ["tag=cp311-cp311-manylinux_2_39_x86_64"]},
        "a",
        "refuted",
    ),
    (
        "an extra that pulls an extra, of the same release",
        {
            "a 1": ['b; extra == "x"'],
            "a 2": ['a[y]; extra == "x"', 'c<2; extra == "y"', 'd; extra == "z"'],
            "c 1": [],
            "c 2": [],
        },
        "a[x]",
        {"a": "2", "c": "1"},
    ),
    ("yanked", {"a 1": [], "a 2": ["yanked"]}, "a", {"a": "1"}),
    ("yanked, exactly pinned", {"a 1": [], "a 2": ["yanked"]}, "a==2", {"a": "2"}),
    (
        "a yanked pin that another requirement does not pin",
        {"a 1": ["b==1", "c"], "b 1": ["yanked"], "b 2": [], "c 1": ["b>=1"]},
        "a",
        "blocked",  # pip takes it, uv does not
    ),
    ("yanked, and nothing else", {"a 2": ["yanked"]}, "a>=1", "refuted"),
    ("only a pre-release", {"a 1rc1": []}, "a", {"a": "1rc1"}),
    ("a pre-release after a final", {"a 1": [], "a 2rc1": []}, "a", {"a": "1"}),
    ("a pre-release that is named", {"a 1": [], "a 2rc1": []}, "a>=2rc1", {"a": "2rc1"}),
    (
        "a pre-release that another requirement names",
        {"a 1": ["b>=2rc1", "c"], "b 1": [], "b 2rc1": [], "c 1": ["b<3"]},
        "a",
        {"a": "1", "b": "2rc1", "c": "1"},
    ),
    (
        "a pre-release is no way out while a final matches",
        {"a 1": ["b", "c"], "b 1": ["c<1"], "b 2rc1": [], "c 1": []},
        "a",
        "blocked",  # for pip; uv takes it
    ),
    (
        "a pre-release where no final matches all requirements",
        {"a 1": ["b>=1", "c"], "b 1": [], "b 2rc1": [], "c 1": ["b!=1"]},
        "a",
        {"a": "1", "b": "2rc1", "c": "1"},
    ),
    ("a cycle", {"a 1": ["b"], "b 1": ["a"]}, "a", {"a": "1", "b": "1"}),
    ("a release that needs another of itself", {"a 1": [], "a 2": ["a<2"]}, "a", {"a": "1"}),
    ("a marker of another platform", {"a 1": ['b; os_name == "nt"']}, "a", {"a": "1"}),
    ("a direct reference", {"a 1": ["b @ https://example.org/b.whl"]}, "a", "blocked"),
    (
        "a direct reference in a newer release: installers stop there",
        {"a 2": ["b @ https://example.org/b.whl"], "a 1": []},
        "a",
        "blocked",
    ),
    ("no such project", {"b 1": []}, "a", "refuted"),
    ("a marker that crashes", {"a 1": ['b; implementation_name === "pypy"']}, "a", "blocked"),
    (
        "a marker that crashes in a newer release: pip does not look for another",
        {"a 2": ['b; implementation_name === "pypy"'], "a 1": []},
        "a",
        "blocked",
    ),
    (
        "impossible whatever the crashing marker means",
        {"a 1": ['b; implementation_name === "pypy"', "c"]},
        "a",
        "refuted",
    ),
    ("requirements that nobody states", {"a 1": ["b"], "b 1": ["unknown"]}, "a", "blocked"),
]


@pytest.mark.parametrize(
    ("index", "root", "expected"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES]
)
def test_a_known_shape(index: Index, root: str, expected: dict[str, str] | str) -> None:
    proof = prove(index, root)
    if isinstance(expected, str):
        assert proof.verdict == expected
        assert proof.why
    else:
        assert (proof.verdict, pins(proof)) == ("proven", expected)


def test_a_refutation_is_told_as_a_chain() -> None:
    index = {"a 1": ["b"], "b 1": ["c>=2"], "b 2": ["c>=2"], "c 1": [], "c 1.5": []}
    assert prove(index, "a").why == (
        'because the root requires "a"',
        'because a 1 requires "b"',
        'because every release of b requires "c>=2", and of c there is only 1, 1.5',
        "so no release of b can be installed",
        "so a 1 cannot be installed",
        "so a cannot be installed",
    )


def pigeons(count: int) -> dict[str, list[str]]:
    """Pigeons that each need a hole of their own, with one hole too few."""
    index = {"root 1": [f"p{i}" for i in range(count)]}
    for hole in range(1, count):
        index |= {f"p{i} {hole}": [f"h{hole}=={i + 1}"] for i in range(count)}
        index |= {f"h{hole} {i + 1}": [] for i in range(count)}
    return index


def test_a_pre_release_that_nobody_can_mean_costs_no_search() -> None:
    index: dict[str, list[str]] = {
        **{f"p{i} {v}": [] for i in range(9) for v in ("1", "2rc1")},
        "q 1": [],
        "q 2": [],
    }
    index |= {"a 1": [*(f"p{i}" for i in range(9)), "q<2", "b"], "b 1": ["q>=2"]}
    proof = prove(index, "a", steps=200)
    assert proof.verdict == "refuted"


def test_what_costs_too_much_is_undecided() -> None:
    assert prove(pigeons(4), "root").verdict == "refuted"
    proof = prove(pigeons(8), "root", steps=5_000)
    assert (proof.verdict, proof.pins, proof.refutation) == ("undecided", (), ())
    assert proof.steps == 5_001


def test_the_clock_ends_a_proof_too() -> None:
    ticks = iter(range(10**6))
    budget = Budget(10**9, until=20, clock=lambda: float(next(ticks)))
    proof = Prover(target_index(pigeons(8))).prove((need("root"),), budget)
    assert proof.verdict == "undecided"
    assert proof.steps < 3_000


def test_a_checker_sees_every_kind_of_wrong_pins() -> None:
    facts = target_index({"a 1": ["b<2"], "b 1": [], "b 2": [], "c 1": [], "y 1": ["yanked"]})

    def wrong(root: str, **pinned: int) -> list[str]:
        return faults(facts, (need(root),), pinned)

    assert wrong("a", a=0, b=0) == []
    assert wrong("a", a=0, b=1) == ['b 2 does not match "<2"']
    assert wrong("a", a=0) == ["b is needed and not pinned"]
    assert wrong("a", a=0, b=0, c=0) == ["c is pinned and not needed"]
    assert wrong("a", a=7, b=0) == ["b is pinned and not needed", "a: there is no such release"]
    assert wrong("y", y=0) == ["y 1 is yanked"]


def test_what_is_strictly_admitted_is_admitted_widely() -> None:
    facts = target_index({"a 1": [], "a 2": ["yanked"], "a 3rc1": [], "a 4": ["unknown"]})
    for specifier in SPECIFIERS:
        solver = Admission(facts.asking((need(f"a{specifier}"),)))
        sets: list[Any] = [solver.admitted("a", specifier, mode) for mode in Mode]
        doubted = solver.kinds("a").doubted
        assert sets[0] & ~doubted & ~sets[1] == sets[1] & ~sets[2] == 0
