"""Subjects one after the other: what one of them does never concerns the next."""

import pytest

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve.index import Lacking
from pypisync.core.resolve.prover import Proof
from pypisync.core.resolve.subject_prover import SubjectProver, unbroken
from pypisync.core.wanted.groups import Subject
from pypisync.errors import Stopped
from tests.core.universes import HERE, Index, need, pins, target_index

INDEX: Index = {
    "a 1": ["b"], "b 1": [], "b 2": [], "b 3": ["d"], "c 1": ["b<3"], "d 1": ["yanked"]
}  # fmt: skip


def subject(text: str, *constraints: str) -> Subject:
    """What these lines ask for together."""
    return Subject(text, tuple(map(need, text.split())), tuple(map(need, constraints)))


def prover(*subjects: Subject) -> SubjectProver:
    return SubjectProver(HERE, target_index(INDEX).offers, subjects, 4)


def proven(one: Subject, here: SubjectProver) -> Proof:
    [question] = here.questions(one)
    return question.prover.prove(question.wanted, Budget(), one.text)


def test_constraints_bind_their_own_subject() -> None:
    free, bound, tight = subject("a"), subject("a", "b<2"), subject("a", "b<2", "b!=1")
    here = prover(free, bound, tight)
    assert here.shared.index.bit == 4
    for _ in range(2):
        assert pins(proven(bound, here)) == {"a": "1", "b": "1"}
        assert proven(tight, here).verdict == "refuted"
        assert proven(free, here).verdict == "blocked" or pins(proven(free, here))["b"] != "1"


def test_a_constraint_that_does_not_apply_here_binds_nothing() -> None:
    elsewhere = subject("c", 'b<2; sys_platform == "win32"')
    here = prover(elsewhere)
    [question] = here.questions(elsewhere)
    assert question.prover is here.shared
    assert question.wanted == (need("c"),)
    assert pins(question.prover.prove(question.wanted, Budget())) == {"b": "2", "c": "1"}


def test_only_what_applies_here_is_wanted() -> None:
    both = Subject("x", (need("c"), need('a; sys_platform == "win32"')))
    [question] = prover(both).questions(both)
    assert [one.name for one in question.wanted] == ["c"]


def test_what_all_subjects_ask_for_is_known_from_the_start() -> None:
    """A yanked release that any of them pins is not hopeless for the others."""
    one, two = subject("b"), subject("d==1")
    here = prover(one, two)
    assert set(here.shared.index.wanted) == {need("b"), need("d==1")}
    bound = subject("b", "c<9")
    alone = here.questions(bound)[0].prover
    assert alone.index.wanted == (need("b"),)
    assert alone.index.limits == {"c": (need("c<9"),)}
    assert alone.index.bit == 4


def test_one_that_breaks_it_is_undecided() -> None:
    [question] = prover(subject("c")).questions(subject("c"))
    budget = Budget(used=17)

    def broken() -> Proof:
        question.prover.solver.consulted.add("b")
        raise RecursionError("crafted")

    proof = unbroken(question, budget, broken)
    assert proof.verdict == "undecided"
    assert proof.why == ("the search broke off: RecursionError: crafted",)
    assert proof.steps == 17
    assert proof.consulted == {"b", "c"}
    assert unbroken(question, budget, lambda: proof) is proof


@pytest.mark.parametrize("error", [Lacking(["b"]), Stopped("asked to end")])
def test_what_is_no_fault_of_the_subject_goes_on(error: Exception) -> None:
    [question] = prover(subject("c")).questions(subject("c"))

    def raising() -> Proof:
        raise error

    with pytest.raises(type(error)):
        unbroken(question, Budget(), raising)


def test_a_budget_that_is_spent_is_a_verdict() -> None:
    [question] = prover(subject("c")).questions(subject("c"))

    def spent() -> Proof:
        raise Spent

    assert unbroken(question, Budget(), spent).verdict == "undecided"
