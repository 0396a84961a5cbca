"""What is asked for, where pip and uv read it alike and where they do not."""

import pytest

from pypisync.core.budget import Budget
from pypisync.core.resolve.prover import Proof, Prover
from pypisync.core.resolve.questions import questions
from pypisync.core.resolve.subject_prover import SubjectProver, together
from pypisync.core.wanted.groups import Asked, Subject
from tests.core.universes import HERE, Index, need, pins, target_index

INDEX: Index = {"app 1": ["lib"], "app 0.9": [], "lib 1": [], "lib 2.0": []}


def asked(*lines: str) -> Asked:
    return tuple(map(need, lines))


@pytest.mark.parametrize(
    "line",
    [
        "lib", "lib<2", "lib; python_version >= '3.8'", "lib; sys_platform == 'win32'",
        "lib; python_version == '3.10rc1'",  # to uv that is 3.10, which is not here either
        "lib @ https://example.org/lib.whl",
    ],
)  # fmt: skip
def test_what_both_read_alike_is_one_question(line: str) -> None:
    shared = Prover(target_index(INDEX))
    [question] = questions(shared, asked(line))
    assert question.by is None
    assert question.prover is shared
    [bound] = questions(shared, asked("app"), asked(line))
    assert bound.by is None


@pytest.mark.parametrize(
    ("line", "pip", "uv"),
    [
        ("lib<2; python_version == '3.11rc1'", {}, {"lib": "1"}),
        ("lib<2; 'x' in extra", {}, {"lib": "1"}),
        ("lib<2; python_version == '3.x'", {}, {"lib": "1"}),
        ("lib<2; python_version != '3.11rc1'", {"lib": "1"}, {}),
        ("lib===2", None, {"lib": "2.0"}),
        ("lib>9; python_version == '3.11rc1'", {}, None),
    ],
)
def test_what_they_read_differently_is_asked_of_each(
    line: str, pip: dict[str, str] | None, uv: dict[str, str] | None
) -> None:
    found = questions(Prover(target_index(INDEX)), asked(line))
    assert [one.by for one in found] == ["pip", "uv"]
    for one, wanted in zip(found, (pip, uv), strict=True):
        proof = one.proof(Budget(), "x")
        assert (pins(proof) if proof.verdict == "proven" else None) == wanted
    limited = questions(Prover(target_index(INDEX)), asked("lib"), asked(line))
    assert [one.by for one in limited] == ["pip", "uv"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("lib; os_name ~= '1'", ("compares what cannot be compared", "")),
        ("lib; python_version === '3.11'", ("", "uv cannot read the marker of")),
    ],
)
def test_who_cannot_read_a_line_stops_there(line: str, why: tuple[str, str]) -> None:
    for wanted, bounds in ((asked(line), ()), (asked("app"), asked(line))):
        found = questions(Prover(target_index(INDEX)), wanted, bounds)
        for one, said in zip(found, why, strict=True):
            proof = one.proof(Budget(), "x")
            assert proof.verdict == ("blocked" if said else "proven")
            assert said in "".join(proof.why)


def test_a_subject_is_proven_if_both_proofs_are() -> None:
    def proof(line: str) -> Proof:
        subject = Subject("x", asked("app", line))
        return SubjectProver(HERE, target_index(INDEX).offers, [subject]).whole(subject, Budget())

    parted = proof("lib<2; python_version == '3.11rc1'")
    assert parted.verdict == "proven"
    assert pins(parted) == {"app": "1", "lib": "2.0"}
    assert [one.usable.release.version for one in parted.others["uv"]] == ["1", "1"]
    assert proof("lib>9; python_version == '3.11rc1'").why[0].startswith("pip finds")
    assert proof("gone===9").verdict == "refuted"


def test_what_both_refute_is_refuted() -> None:
    refuted, blocked = Proof("refuted", why=("no",)), Proof("blocked", why=("perhaps",))
    assert together(refuted) is refuted
    assert together(refuted, refuted).verdict == "refuted"
    assert together(refuted, blocked).why == ("no", "perhaps")
