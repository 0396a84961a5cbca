"""A refutation in words: which lines an operator reads, from real refutations."""

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from packaging.tags import parse_tag

from pypisync.core.budget import Budget
from pypisync.core.environments.misfits import TaggedFile
from pypisync.core.resolve.check_refutation import RefutationStep, Term
from pypisync.core.resolve.explain import explained
from pypisync.core.resolve.index import OfferedFile
from pypisync.core.resolve.prover import Prover
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from tests.core.resolve.drawn import ROOTS, indexes
from tests.core.universes import Index, need, prove, target_index
from tests.deep import scaled


@pytest.mark.parametrize(
    ("index", "root", "lines"),
    [
        (
            {},
            "a",
            ['because the root requires "a", and there is no release of a'],
        ),
        (
            {"a 1": []},
            "a>=2",
            ['because the root requires "a>=2", and of a there is only 1'],
        ),
        (
            {f"a {n}": [] for n in range(1, 6)},
            "a>=9",
            ['because the root requires "a>=9", and of a there is only 1, ..., 5 (5 releases)'],
        ),
        (
            {f"a {n}": [] for n in range(1, 5)},
            "a>=9",
            ['because the root requires "a>=9", and of a there is only 1, 2, 3, 4'],
        ),
        (
            {"a 1": ["b<2", "c"], "c 1": ["b>=2"], "b 1": [], "b 2": []},
            "a",
            [
                'because the root requires "a"',
                'because a 1 requires "c"',
                'because c 1 requires "b>=2"',
                'because a 1 requires "b<2"',
                "so a 1 cannot be installed",
            ],
        ),
        (
            {"a 1": ["b>1", "b<2"], "b 1": [], "b 2": []},
            "a",
            [
                'because the root requires "a"',
                'because a 1 requires "b>1" and "b<2", and of b there is only 1, 2',
                "so a 1 cannot be installed",
            ],
        ),
        (
            {"a 1": ["b>=2"], "b 1": [], "b 2": ["yanked"]},
            "a",
            [
                'because the root requires "a"',
                'because a 1 requires "b>=2", and b 2 is yanked',
                "so a 1 cannot be installed",
            ],
        ),
        (
            {"a 1": ["yanked"], "a 2": ["yanked"]},
            "a",
            ['because the root requires "a", and a 1, 2 are yanked'],
        ),
        (
            {"a 1": ["b"], "a 2": ["b"], "a 3": ["c"]},
            "a<3",
            [
                'because the root requires "a<3"',
                'because a 1, 2 require "b", and there is no release of b',
                "so a 1, 2 cannot be installed",
            ],
        ),
    ],
)
def test_what_an_operator_reads(index: Index, root: str, lines: list[str]) -> None:
    proof = prove(index, root)
    assert proof.verdict == "refuted"
    assert sorted(proof.why[:-1]) == sorted(lines)
    assert proof.why[-1] == f"so {root} cannot be installed"


def test_a_file_for_another_machine_is_the_reason() -> None:
    proof = prove({"a 1": ["tag=cp311-cp311-win_amd64"], "a 2": ["python>=3.12"]}, "a")
    line = proof.why[0]
    assert line.startswith(
        'because the root requires "a", and no file of a (1, 2) can be used here'
    )
    assert "3.12" in line
    narrowed = prove({"a 1": ["tag=cp311-cp311-win_amd64"], "a 2": []}, "a<2").why[0]
    assert ", and of a there is only 2; of 1 no file can be used here: " in narrowed
    whole = prove({"a 1": ["tag=cp311-cp311-win_amd64"], "a 2": []}, "a>2").why[0]
    assert whole == 'because the root requires "a>2", and of a there is only 2'


@pytest.mark.parametrize("reader", [None, "pip", "uv"])
def test_what_metadata_rules_out_is_told_with_the_reason(reader: Installer | None) -> None:
    facts = replace(target_index({"a 1": ["inside>=3.12"]}), reader=reader)
    line = Prover(facts).prove((need("a"),), Budget()).why[0]
    assert "and no file of a (1) can be used here: its wheels need Python >=3.12" in line
    (release,) = facts.offers.releases["a"]
    file = replace(release.files[0], inside=None, refused_by=INSTALLERS)
    facts = replace(target_index({}), reader=reader)
    facts.offers.releases["a"] = [replace(release, files=(file,))]
    line = Prover(facts).prove((need("a"),), Budget()).why[0]
    assert line.endswith(f"and {reader or 'every installer'} passes over a 1")


def test_files_that_the_mirror_does_not_keep_are_looked_up() -> None:
    facts = target_index({"b 1": []})
    windows = TaggedFile(parse_tag("cp311-cp311-win_amd64"), (None, None))
    facts.offers.look_up = lambda name: [OfferedFile("7", windows)] if name == "a" else []
    line = Prover(facts).prove((need("a"),), Budget()).why[0]
    assert ", and no file of a (7) can be used here: " in line


def test_a_project_that_could_not_be_read_says_why() -> None:
    facts = target_index({})
    facts.offers.lost["a"] = "503 from the index"
    facts.offers.indexes["a"] = "corp"
    line = Prover(facts).prove((need("a"),), Budget()).why[0]
    assert line.endswith(", and a on the index corp could not be read: 503 from the index")
    facts.offers.lost.clear()
    line = Prover(facts).prove((need("a"),), Budget()).why[0]
    assert line.endswith(", and there is no release of a on the index corp")


def term(package: str, versions: int) -> Term:
    return Term(package, versions, positive=True)


def derived(*terms: Term) -> RefutationStep:
    return RefutationStep(terms, "derived", (0, 0))


END = RefutationStep((), "derived", (0, 0))
TWO: Index = {"a 1": [], "a 2": ["b"], "b 1": []}


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (derived(term("a", 3)), "so no release of a can be installed"),
        (derived(term("a", -1)), "so no release of a can be installed"),
        (derived(term("a[x]", 3)), "so no release of a[x] can be installed"),
        (derived(term("a", 2)), "so a 2 cannot be installed"),
        (derived(term("b", 1)), "so b 1 cannot be installed"),  # the only one is told by name
        (
            derived(term("a", 3), term("b", 1)),
            "so these cannot be installed together: every release of a, b 1",
        ),
        (derived(term("a", 1), Term("b", 1, positive=False)), None),
        (RefutationStep((term("b", 6),), "none"), None),
        (RefutationStep((term("a", 4), Term("b", 1, False)), "dependency"), None),
    ],
)
def test_a_step_is_one_line_or_obvious(step: RefutationStep, line: str | None) -> None:
    facts = target_index(TWO)
    assert explained(facts, (need("a"),), [step, END], "it") == [
        *([line] if line else []),
        "so it cannot be installed",
    ]


def test_what_installers_refuse_is_told_by_the_checker() -> None:
    facts = target_index({"a 1": ["b"], "b 1": ["yanked"]})
    barred = RefutationStep((term("a", 1), term("b", 1)), "barred")
    assert explained(facts, (need("a"),), [barred, END])[0] == "because b 1 is yanked"
    both = target_index({"a 1": ["yanked"], "b 1": ["yanked"]})
    lines = explained(both, (need("a"), need("b")), [barred, END])
    assert lines[0] == "because a 1 is yanked; b 1 is yanked"
    assert lines[-1] == "so a, b cannot be installed"


def test_a_group_is_called_one() -> None:
    proof = Prover(target_index({"b 1": []})).prove((need("a"), need("b")), Budget(), "group f")
    assert proof.why == (
        'because the group requires "a", and there is no release of a',
        "so group f cannot be installed",
    )


def test_of_very_many_steps_the_first_are_told() -> None:
    facts = target_index({f"p{n} 1": [] for n in range(60)})
    for count, shown in ((40, 40), (41, 39)):
        steps = [derived(term(f"p{n}", 1)) for n in range(count)]
        lines = explained(facts, (need("a"),), [*steps, *steps, END])  # the same is told once
        assert len([line for line in lines if line.startswith("so p")]) == shown
        assert ("... and 2 more steps" in lines) == (count == 41)
        assert len(lines) <= 41


@given(indexes(), ROOTS)
@settings(max_examples=scaled(80))
def test_each_line_is_a_step_and_names_what_there_is(index: Index, root: str) -> None:
    proof = prove(index, root)
    if proof.verdict != "refuted":
        return
    assert len(set(proof.why)) == len(proof.why)
    assert all(line.startswith(("because ", "so ")) for line in proof.why)
    known = {label.split()[0] for label in index}
    for line in proof.why[:-1]:
        if ", and there is no release of " in line:
            assert line.rpartition(" of ")[2] not in known
    assert replace(proof, why=()) == replace(prove(index, root), why=())
