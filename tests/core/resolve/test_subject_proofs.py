"""The verdicts on subjects, machine by machine: what is stored of them, and what is lacking."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.environments.proof_targets import proof_targets
from pypisync.core.environments.targets import targets
from pypisync.core.resolve.index import ListedRelease, Offers
from pypisync.core.resolve.subject_proofs import ProofTask, SubjectProofs, SubjectsProver
from pypisync.core.resolve.subject_verdict import SubjectVerdict, joined
from pypisync.core.standards.model import Pin
from pypisync.core.wanted.groups import Subject
from tests.core.universes import Index, need, target_index

PLACES = {"python_version": ["3.11", "3.12"], "sys_platform": ["linux"],
          "platform_machine": ["x86_64"]}  # fmt: skip
ENVIRONMENTS = targets(PLACES)
MACHINES, _ = proof_targets(ENVIRONMENTS, PLACES, date(2026, 1, 1))
OLD, NEW = (machine.name for machine in MACHINES)


def subject(text: str) -> Subject:
    """What these lines ask for together."""
    return Subject(text, tuple(map(need, text.split())))


def facts(index: Index) -> Offers:
    """The facts of an index, as the closure reads them too."""
    offers = target_index(index).offers
    everywhere = (1 << len(ENVIRONMENTS.all)) - 1
    newer = sum(1 << i for i, one in enumerate(ENVIRONMENTS.all) if "3.12" in str(one))
    number = 0
    for name, releases in offers.releases.items():
        found = []
        for one in releases:
            mask = everywhere if one.files[0].requires_python is None else newer
            number += 1
            found.append(replace(one, id=number, admits=(mask, mask, 0)))
        offers.releases[name] = found
    return offers


def proofs(
    offers: Offers, *subjects: Subject, budget: Callable[[], Budget] = Budget
) -> list[SubjectProofs]:
    task = ProofTask(ENVIRONMENTS, tuple(MACHINES), offers, subjects)
    return list(SubjectsProver(task, budget).prove(subjects))


def verdicts(index: Index, text: str) -> list[SubjectVerdict]:
    (proof,) = proofs(facts(index), subject(text))
    assert proof.subject == subject(text)
    assert (proof.projects, proof.releases) == (frozenset(), frozenset())
    return proof.verdicts


def test_machines_that_come_to_the_same_have_one_verdict() -> None:
    index = {"app 1": ["lib", "extra[x]"], "lib 1": [], "lib 2": [], "extra 1": []}
    (found,) = verdicts(index, "app")
    assert found.targets == (OLD, NEW)
    assert (found.verdict, found.why) == ("proven", ())
    assert found.pins == (Pin("app", "1"), Pin("extra", "1", ("x",)), Pin("lib", "2"))
    assert found.consulted == {"app", "lib", "extra"}
    assert found.tried == frozenset()


def test_machines_that_differ_have_their_own() -> None:
    index = {"app 1": ["lib"], "lib 1": [], "lib 2": ["python>=3.12"]}
    old, new = verdicts(index, "app")
    assert (old.targets, old.pins) == ((OLD,), (Pin("app", "1"), Pin("lib", "1")))
    assert (new.targets, new.pins) == ((NEW,), (Pin("app", "1"), Pin("lib", "2")))


def test_what_cannot_be_installed_is_refuted_and_says_why() -> None:
    (found,) = verdicts({"app 1": ["lib>2"], "lib 1": []}, "app")
    assert (found.verdict, found.pins, found.targets) == ("refuted", (), (OLD, NEW))
    assert found.why
    assert {"app", "lib"} <= found.consulted


# pip decides what is bounded from above first, uv what was named first.
ORDER = {"a 1": ["x", "y<9"], "x 1": [], "x 2": ["y<2"], "y 1": [], "y 2": ["x<2"]}


def test_where_installers_differ_the_pins_of_both_are_stored() -> None:
    (found,) = verdicts(ORDER, "a")
    assert found.verdict == "proven"
    assert [pin._replace(added=False) for pin in found.pins] == [
        Pin("a", "1"), Pin("x", "2"), Pin("y", "1"),
        Pin("x", "1", chosen_by="pip"), Pin("y", "2", chosen_by="pip"),
    ]  # fmt: skip


def test_a_pin_that_no_closure_has_is_added_for_the_proof() -> None:
    """The closure takes "lib 2" alone, which cannot be installed."""
    index = {"app 1": ["lib"], "lib 1": ["deep"], "lib 2": ["deep>1"], "deep 1": []}
    (found,) = verdicts(index, "app")
    assert found.verdict == "proven"
    assert {pin.name: pin.added for pin in found.pins} == {"app": False, "lib": True, "deep": True}


def test_facts_that_are_lacking_are_named_and_the_others_proven() -> None:
    offers = facts({"app 1": ["lib", "far"], "lib 1": [], "fine 1": []})
    offers.unseen.add("far")
    app, fine = proofs(offers, subject("app"), subject("fine"))
    assert app.projects == {"far"}
    assert app.releases == frozenset()
    why = ("facts are missing that could not be read yet",)
    assert app.verdicts == [SubjectVerdict((OLD, NEW), "undecided", why=why)]
    assert [one.verdict for one in fine.verdicts] == ["proven"]
    assert fine.projects == frozenset()


def test_each_proof_has_a_budget_of_its_own() -> None:
    given: list[Budget] = []

    def budgets() -> Iterator[Budget]:
        while True:
            given.append(Budget(0 if not given else 200_000))
            yield given[-1]

    source = budgets()
    index = facts({"a 1": ["b"], "b 1": [], "b 2": ["c"], "c 1": ["b<2"]})
    one, two = proofs(index, subject("a"), subject("b"), budget=lambda: next(source))
    assert len(given) == 4
    assert one.verdicts[0].verdict == "undecided"
    assert [verdict.targets for verdict in one.verdicts] == [(OLD,), (NEW,)]
    assert "undecided" not in [verdict.verdict for verdict in two.verdicts]


def test_verdicts_are_joined_if_they_are_equal_but_for_their_targets() -> None:
    pins = (Pin("a", "1"),)
    one = SubjectVerdict(("x",), "proven", pins, (), 3, frozenset("a"), frozenset({("a", "2")}))
    same = replace(one, targets=("y",), steps=4, consulted=frozenset("b"))
    others = [
        replace(one, targets=("z",), verdict="blocked"),
        replace(one, targets=("z",), pins=()),
        replace(one, targets=("z",), why=("w",)),
        replace(one, targets=("z",), tried=frozenset()),
    ]
    both = replace(one, targets=("x", "y"), steps=7, consulted=frozenset("ab"))
    for other in others:
        assert not one.same_as(other)
        assert joined([one, other, same]) == [both, other]
    assert joined([]) == []


def test_what_only_another_machine_states_is_proven_there() -> None:
    offers = facts({"app 1": ["lib"], "lib 1": []})
    (app,) = offers.releases["app"]
    needs = tuple(replace(one, machines=(0b10, 0b10, 0b10)) for one in app.needs)
    offers.releases["app"] = [replace(app, needs=needs)]
    (proof,) = proofs(offers, subject("app"))
    pinned = {one.targets: {pin.name for pin in one.pins} for one in proof.verdicts}
    assert pinned == {(OLD,): {"app"}, (NEW,): {"app", "lib"}}


def test_releases_whose_requirements_are_lacking_are_named() -> None:
    offers = facts({"app 1": [], "lib 1": []})
    (app,) = offers.releases["app"]
    offers.releases["app"] = [replace(app, unread=True)]
    (proof,) = proofs(offers, subject("app"))
    assert proof.releases == {app.id}
    assert proof.projects == frozenset()


def test_the_closure_of_a_subject_knows_its_constraints() -> None:
    bound = Subject("bound", (need("lib"),), (need("lib<2"),))
    (proof,) = proofs(facts({"lib 1": [], "lib 2": []}), bound)
    (found,) = proof.verdicts
    assert (found.verdict, found.pins) == ("proven", (Pin("lib", "1"),))


def test_an_explanation_calls_the_subject_by_its_name() -> None:
    team = Subject("team.txt", (need("app"), need("lib<1")))
    (proof,) = proofs(facts({"app 1": ["lib"], "lib 1": []}), team)
    (found,) = proof.verdicts
    assert found.verdict == "refuted"
    assert any("team.txt" in line for line in found.why)


def test_what_installers_examine_and_leave_is_told() -> None:
    """uv decides "b 3", and comes past "c 2" on the way from "c 3" to "c 1"."""
    index = {
        "app 1": ["b", "c"], "b 2": ["c!=2"], "b 3": ["d<2"], "c 1": [], "c 2": ["b<3"],
        "c 3": ["d>=2"], "d 1": [], "d 2": [],
    }  # fmt: skip
    (found,) = verdicts(index, "app")
    assert {pin.name: pin.version for pin in found.pins if pin.chosen_by == "solver"} == {
        "app": "1", "b": "3", "c": "1", "d": "1",
    }  # fmt: skip
    assert found.tried == {("c", "2")}


class Broken(dict[str, Sequence[ListedRelease]]):
    """Facts that are more than a library can take."""

    def get(self, name: str, default: object = ()) -> Sequence[ListedRelease]:
        raise RecursionError("crafted")


def test_a_proof_that_breaks_off_is_undecided_and_has_no_pins() -> None:
    (proof,) = proofs(Offers(Broken()), subject("app"), budget=lambda: Budget(used=7))
    why = ("the search broke off: RecursionError: crafted",)
    broken = SubjectVerdict((OLD, NEW), "undecided", why=why, consulted=frozenset({"app"}))
    assert proof.verdicts == [replace(broken, steps=14)]
