"""The verdict: how two installers' verdicts are joined, what is told, and on what it depends."""

from itertools import product

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.resolve import pip
from pypisync.core.resolve.check_pins import faults
from pypisync.core.resolve.consensus import Agreement
from pypisync.core.resolve.pip import Rehearsal
from pypisync.core.resolve.prover import MISSES, Proof, Prover
from pypisync.core.resolve.solver import Solver
from pypisync.core.resolve.subject_verdict import Verdict, both_verdicts
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from tests.core import naive
from tests.core.resolve.drawn import ROOTS, indexes
from tests.core.universes import HERE, Index, need, pins, prove, target_index
from tests.deep import scaled

VERDICTS: tuple[Verdict, ...] = ("proven", "refuted", "undecided", "blocked")


@pytest.mark.parametrize(("of_pip", "of_uv"), list(product(VERDICTS, VERDICTS)))
def test_two_verdicts_are_one(of_pip: Verdict, of_uv: Verdict) -> None:
    """Proven for both is proven; if one cannot tell, nobody can; else it is blocked."""
    pip, uv = Proof(of_pip, why=("both", "of pip")), Proof(of_uv, why=("both", "of uv"))
    verdict, why = both_verdicts(pip, uv)
    if of_pip == of_uv:
        assert (verdict, why) == (of_pip, ("both", "of pip", "of uv"))
    elif "undecided" in (of_pip, of_uv):
        assert (verdict, why) == ("undecided", ("both", "of pip", "of uv"))
    elif "proven" in (of_pip, of_uv):
        one, other = ("pip", "uv") if of_pip == "proven" else ("uv", "pip")
        told = f"{one} finds an installation and {other} does not"
        assert (verdict, why) == ("blocked", (told, "both", "of pip", "of uv"))
    else:
        assert (verdict, why) == ("blocked", ("both", "of pip", "of uv"))


@given(indexes(), ROOTS)
@settings(max_examples=scaled(60))
def test_what_everybody_agrees_on_is_what_a_search_finds(index: Index, root: str) -> None:
    """Consensus is a short cut: without it the verdict and the pins are the same."""
    short = prove(index, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Agreement, "nodes", lambda _self, _wanted: None)
        searched = prove(index, root)
    assert not searched.agreed
    assert searched.verdict == short.verdict
    if short.agreed:
        assert short.verdict == "proven"
        assert pins(searched) == pins(short)
        assert [pin.extras for pin in searched.pins] == [pin.extras for pin in short.pins]
        assert not searched.others
        assert {name for name, _ in pins(short).items()} <= short.consulted


@given(indexes(), ROOTS)
@settings(max_examples=scaled(60))
def test_a_verdict_depends_on_the_projects_that_were_consulted(index: Index, root: str) -> None:
    """Whatever happens to the others, it stays (its derivation may be another)."""
    proof = prove(index, root)
    others = {label for label in index if label.split()[0] not in proof.consulted}
    less = {label: lines for label, lines in index.items() if label not in others}
    without = prove(less, root)
    assert (without.verdict, pins(without)) == (proof.verdict, pins(proof))
    more = {**index, **dict.fromkeys(others, ("yanked", "d==9"))}
    assert prove(more, root).verdict == proof.verdict


@given(indexes(), ROOTS)
@settings(max_examples=scaled(60))
def test_both_installers_have_their_own_pins_where_they_differ(index: Index, root: str) -> None:
    facts = target_index(index)
    prover = Prover(facts)
    wanted = (need(root),)
    first = prover.prove(wanted, Budget())
    proof = prover.rehearse(wanted, first, Budget())
    assert proof.pins == first.pins
    if proof.why == (f"pip {MISSES}",):
        assert proof.verdict == "blocked"
        assert pip.rehearsed(prover.admission, wanted, Budget(), set()).pins is None
        return
    assert proof.verdict == first.verdict
    if first.verdict != "proven" or first.agreed:
        assert proof is first
        return
    for by, others in proof.others.items():
        assert others != proof.pins
        assert by in INSTALLERS
    known = naive.installable(index, (root,), HERE.environment, by="kept")
    by_pip = {pin.name: pin.usable.release.version for pin in proof.others.get("pip", proof.pins)}
    assert by_pip in [{name: str(version) for name, version in one.items()} for one in known]
    if "pip" in proof.rehearsals:
        rehearsal = proof.rehearsals["pip"]
        assert rehearsal.pins is not None
        assert {(name, pin) for name, pin in rehearsal.pins.items()} <= set(rehearsal.tried)
        assert prover.rehearse(wanted, proof, Budget()) == proof  # once is enough


PARTED: list[tuple[str, Index, str, Verdict, str]] = [
    (
        "pip passes over it for its METADATA, uv takes it",
        {"a 1": ["python==3.x"], "b 1": []},
        "a",
        "blocked",
        "pip finds an installation and uv does not",
    ),
    (
        "uv passes over the newer one",
        {"a 1": [], "a 2": ["python==3.x"]},
        "a",
        "proven",
        "",
    ),
    (
        "what neither of them finds",
        {"a 1": ["b>=2"], "a 2": ["python==3.x", "b>=3"], "b 1": []},
        "a",
        "refuted",
        'because the root requires "a"',
    ),
]


@pytest.mark.parametrize(
    ("index", "root", "verdict", "first"), [one[1:] for one in PARTED], ids=[o[0] for o in PARTED]
)
def test_where_installers_part_each_has_to_find_a_way(
    index: Index, root: str, verdict: Verdict, first: str
) -> None:
    proof = prove(index, root)
    assert (proof.verdict, (proof.why or ("",))[0]) == (verdict, first)
    if verdict == "proven":
        assert pins(proof) == {"a": "1"}
        assert {pin.usable.release.version for pin in proof.others["pip"]} == {"2"}
        assert set(proof.rehearsals) == {"pip", "uv"}


def test_pip_may_have_a_way_past_a_release_that_stops_uv() -> None:
    """uv takes the pre-release where METADATA rules the final out; pip goes back to app 1."""
    index: Index = {"app 1": [], "app 2": ["a"], "a 1": ["inside>=3.12"], "a 2rc1": ["unknown"]}
    proof = prove(index, "app")
    assert proof.verdict == "blocked"
    assert proof.why[0] == "pip finds an installation and uv does not"
    assert pins(proof) == {"app": "1"}
    assert {pin.usable.release.version for pin in proof.others["uv"]} == {"2", "2rc1"}
    assert "pip" in proof.rehearsals


@pytest.mark.parametrize("more", [[], ['b===1; extra == "x"']])
def test_the_pins_are_those_of_uv_where_uv_alone_finds_any(more: list[str]) -> None:
    """Also if something that was looked at says another thing to each of them."""
    index: Index = {"a 1": ["b"], "a 2rc1": [], "b 1": ["yanked", *more]}
    proof = prove(index, "a")
    assert (proof.verdict, pins(proof)) == ("blocked", {})
    assert {pin.usable.release.version for pin in proof.others["uv"]} == {"2rc1"}


def test_what_pip_comes_to_itself_needs_no_search_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each time that pip refuses a pre-release, such a search begins again."""

    def searched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Solver, "solve", searched)
    index = {
        "app 1": [],
        "app 2": ["lib", "base<2"],
        "lib 1": ["base>=2"],
        "lib 2a1": ["base<2"],
        "base 1": [],
        "base 2": [],
    }
    proof = prove(index, "app")
    assert proof.verdict == "proven"
    assert pins(proof) == {"app": "1"}
    by_uv = {pin.name: pin.usable.release.version for pin in proof.others["uv"]}
    assert by_uv == {"app": "2", "base": "1", "lib": "2a1"}
    assert set(proof.rehearsals) == set(INSTALLERS)


def test_an_installer_that_ends_too_early_is_blamed() -> None:
    """Its own search gives up where a search in another order finds something."""
    facts = target_index({"a 1": []})
    prover = Prover(facts.read_by("pip"))
    with pytest.MonkeyPatch.context() as patch:
        nothing = Rehearsal(None, set())
        patch.setattr("pypisync.core.resolve.pip.rehearsed", lambda *_: nothing)
        proof = prover.alone("pip", (need("a"),), Budget())
        assert (proof.verdict, proof.why) == ("blocked", (f"pip {MISSES}",))
        given_up = Rehearsal(None, set(), given_up=True)
        patch.setattr("pypisync.core.resolve.pip.rehearsed", lambda *_: given_up)
        proof = prover.alone("pip", (need("a"),), Budget())
        assert proof.verdict == "undecided"
        assert proof.why == ("the search was given up when its budget was spent",)


@pytest.mark.parametrize("by", INSTALLERS)
def test_an_installer_whose_search_takes_too_long_may_come_to_other_pins(by: Installer) -> None:
    index: Index = {"a 1": ["b", "c"], "b 1": [], "b 2": ["c<2"], "c 1": [], "c 2": []}
    prover = Prover(target_index(index))
    with pytest.MonkeyPatch.context() as patch:
        given_up = Rehearsal(None, set(), given_up=True)
        patch.setattr(f"pypisync.core.resolve.{by}.rehearsed", lambda *_: given_up)
        wanted, budget = (need("a"),), Budget()
        proof = prover.rehearse(wanted, prover.prove(wanted, budget), budget)
    assert proof.verdict == "proven"
    [why] = proof.why
    assert why.startswith(f"{by} may come to other pins")


def test_a_search_that_claims_too_much_is_not_believed() -> None:
    facts = target_index({"a 1": ["b<2"], "b 1": [], "b 2": []})
    prover = Prover(facts.read_by("uv"))
    wrong = Rehearsal({"a": 0, "b": 1}, {("a", 0)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pypisync.core.resolve.uv.rehearsed", lambda *_: wrong)
        proof = prover.alone("uv", (need("a"),), Budget())
    assert (proof.verdict, proof.why) == ("undecided", ('b 2 does not match "<2"',))


@pytest.mark.parametrize(
    ("index", "root", "pinned", "by_pip", "by_uv"),
    [
        (
            {"a 1": ["b"], "b 1": [], "b 2rc1": []},
            "a",
            {"a": 0, "b": 1},
            ["b 2rc1 is a pre-release, and b 1 is there"],
            [],
        ),
        ({"a 1": ["b==1"], "b 1": ["yanked"]}, "a", {"a": 0, "b": 0}, [], ["b 1 is yanked"]),
        ({"b 1": ["yanked"]}, "b==1", {"b": 0}, [], []),
        ({"b 1": ["yanked"]}, "b>=1", {"b": 0}, ["b 1 is yanked"], ["b 1 is yanked"]),
        ({"b 1": ["yanked"], "b 1.0+l": []}, "b==1", {"b": 0}, ["b 1 is yanked"], []),
        ({"b 1": ["yanked"]}, "b==1.*", {"b": 0}, ["b 1 is yanked"], ["b 1 is yanked"]),
        ({"b 1": ["unknown"]}, "b", {"b": 0}, ["b 1: nobody says what it requires"],
         ["b 1: nobody says what it requires"]),
        ({"b 1": ["python==3.x"]}, "b", {"b": 0}, [], ["b 1: uv passes over it"]),
        ({"b 1": []}, "b>1", {"b": 0}, ['b 1 does not match ">1"'], ['b 1 does not match ">1"']),
        ({"b 1": []}, "b", {"b": -1}, ["b: there is no such release"],
         ["b: there is no such release"]),
        ({"b 1": []}, "b", {"b": 1}, ["b: there is no such release"],
         ["b: there is no such release"]),
        ({"b 1rc1": ["yanked"], "b 1": ["yanked"]}, "b==1rc1", {"b": 0}, [], []),
    ],
)  # fmt: skip
def test_why_an_installer_would_not_accept_pins(
    index: Index, root: str, pinned: dict[str, int], by_pip: list[str], by_uv: list[str]
) -> None:
    facts = target_index(index)
    assert faults(facts, (need(root),), pinned, by="pip") == by_pip
    assert faults(facts, (need(root),), pinned, by="uv") == by_uv


def test_steps_are_those_of_one_proof() -> None:
    prover, budget = Prover(target_index({"a 1": ["b>1"], "b 1": []})), Budget(used=5)
    first = prover.prove((need("a"),), budget)
    assert first.steps == budget.used - 5 > 0
    second = prover.prove((need("b"),), budget)
    assert second.steps == budget.used - 5 - first.steps
    assert replace(second, steps=0) == replace(
        Prover(target_index({"b 1": []})).prove((need("b"),), Budget()), steps=0
    )


@pytest.mark.parametrize(
    ("index", "root", "agreed"),
    [
        ({"a 1": ["b"], "b 1": [], "b 2": []}, "a", True),
        ({"a 1": ["b<2"], "b 1": [], "b 2": []}, "a", True),
        ({"a 1": ["b[x]"], "b 1": ['c; extra == "x"'], "c 1": []}, "a", True),
        ({"a 1": ["b<2", "b"], "b 1": [], "b 2": []}, "a", False),  # two calls for different ones
        ({"a 1": ["b"], "b 1rc1": []}, "a", True),  # there is no final beside it
        ({"a 1": ["b>=1rc1"], "b 1": [], "b 2rc1": []}, "a", False),  # pip and uv may differ
        ({"a 1": ["b==1"], "b 1": ["yanked"]}, "a", False),
        ({"a 1": [], "a 2": ["python==3.x"]}, "a", False),  # which one of them passes over
        ({"a 1": ["b"]}, "a", False),
        ({"a 1": ["a>1"]}, "a", False),
    ],
)
def test_where_all_agree_nothing_is_searched(index: Index, root: str, agreed: bool) -> None:
    proof = prove(index, root)
    assert proof.agreed is agreed
    assert (proof.steps == 0) is agreed
