"""What installers come to, told apart: where all agree, and where the order of deciding counts."""

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from pypisync.core.budget import Budget, Spent
from pypisync.core.resolve import uv
from pypisync.core.resolve.candidates import Admission, Mode
from pypisync.core.resolve.check_pins import faults
from pypisync.core.resolve.check_refutation import positions
from pypisync.core.resolve.consensus import Agreement
from pypisync.core.resolve.index import ListedRelease, Offers
from pypisync.core.resolve.pip import Rehearsal, _Pip, rehearsed
from pypisync.core.resolve.prover import MISSES, Proof, Prover
from pypisync.core.resolve.subject_verdict import PIP_ONLY
from pypisync.core.resolve.target_index import TargetIndex
from pypisync.core.standards.model import (
    BROKEN_FOR_UV,
    DIRECT,
    UNREADABLE,
    UNREADABLE_FOR_UV,
    Requirement,
)
from tests.core import naive
from tests.core.resolve.drawn import ROOTS, indexes
from tests.core.universes import HERE, Index, need, pins, release, target_index
from tests.deep import scaled


@given(indexes(), ROOTS)
@settings(max_examples=scaled(200))
def test_where_all_agree_any_order_comes_to_the_same(index: Index, root: str) -> None:
    facts, wanted = target_index(index), (need(root),)
    admission = Admission(facts.asking(wanted))
    nodes = Agreement(admission).nodes(wanted)
    if nodes is None:
        return
    found = {name: version for name, version, _ in nodes}
    assert uv.rehearsed(admission, wanted, Budget(), set()).pins == found
    assert rehearsed(admission, wanted, Budget(), set()).pins == found
    assert faults(facts, wanted, found) == []


@given(indexes(), ROOTS)
@settings(max_examples=scaled(150))
def test_what_pip_installs_is_proven(index: Index, root: str) -> None:
    wanted = (need(root),)
    prover = Prover(target_index(index))
    proof = prover.prove(wanted, Budget())
    found = rehearsed(prover.admission, wanted, Budget(), set()).pins
    if found is not None:
        assert not faults(prover.index, wanted, found, kept=True)
        by_uv = list(naive.installable(index, (root,), HERE.environment, by="uv"))
        assert proof.verdict == ("proven" if by_uv else "blocked")


def going_back(odd: ListedRelease, asked: str = "b") -> Proof:
    """The proof of ``a 1``, which asks for ``b``: its newest release, or an older one."""
    index = Offers({"a": [release("a 1", [asked])], "b": [release("b 1", []), odd], "c": []})
    return Prover(TargetIndex(HERE, index)).whole((need("a"),), Budget())


@pytest.mark.parametrize(("fault", "refused"), [("", "no UTF-8"), ("no name", "")])
def test_pip_breaks_off_at_what_it_reads_also_where_it_would_leave_it(
    fault: str, refused: str
) -> None:
    """The newest ``b`` needs what nobody has, so that a search goes back to the other one."""
    odd = release("b 2", ["c==9"])
    stop = Requirement(UNREADABLE, "", fault=fault, refused=refused)
    odd = replace(odd, needs=(*odd.needs, stop))
    proof = going_back(odd)
    assert proof.verdict == "blocked"
    assert f"pip stops at b 2: {fault or refused}" in proof.why
    assert (f"uv stops at b 2: {fault}" in proof.why) == bool(fault)


def test_uv_breaks_off_at_what_it_reads_also_where_it_would_leave_it() -> None:
    odd = release("b 2", ["c==9"])
    stop = Requirement(UNREADABLE_FOR_UV, "", refused="3.x")
    proof = going_back(replace(odd, needs=(*odd.needs, stop)))
    assert (proof.verdict, proof.why) == ("blocked", (PIP_ONLY, "uv stops at b 2: 3.x"))
    stop = Requirement(BROKEN_FOR_UV, "", refused="torn")  # where it installs it
    assert going_back(replace(odd, needs=(*odd.needs, stop))).verdict == "proven"


@pytest.mark.parametrize(
    ("asked", "marker", "verdict"),
    [
        ("b", "", "blocked"),
        ("b", "python_version < '3'", "proven"),
        ("b", "extra == 'x'", "proven"),
        ("b[x]", "extra == 'x'", "blocked"),
        ("b<2", "", "proven"),
    ],
)
def test_installers_stop_where_they_come_to_an_address(
    asked: str, marker: str, verdict: str
) -> None:
    direct = Requirement("c @ http://c.test/c.whl", "c", marker=marker, fault=DIRECT)
    odd = replace(release("b 2", []), needs=(direct,))
    for one in (odd, replace(odd, needs=(*odd.needs, need("c==9")))):
        proof = going_back(one, asked)
        assert proof.verdict == verdict
        if one is odd and marker and verdict == "blocked":
            said = f'stops at b 2: it requires "c @ http://c.test/c.whl": {DIRECT}'
            assert proof.why == (f"pip {said}", f"uv {said}")


@pytest.mark.parametrize("first", [False, True])
def test_pip_stops_at_a_marker_without_a_value(*, first: bool) -> None:
    """It evaluates all before it looks at one; uv takes it for one that does not hold."""
    marked, other = need("c; os_name ~= 'x'"), need("c==9")
    needs = (marked, other) if first else (other, marked)
    proof = going_back(replace(release("b 2", []), needs=needs))
    assert proof.verdict == "blocked"
    assert any(why.startswith("pip stops at b 2: the marker of ") for why in proof.why)


def test_the_order_of_deciding_counts() -> None:
    """pip decides what is bounded from above first, uv what was named first."""
    index = {
        "a 1": ["x", "y<9"],
        "x 1": [],
        "x 2": ["y<2"],
        "y 1": [],
        "y 2": ["x<2"],
    }
    wanted = (need("a"),)
    prover = Prover(target_index(index))
    proof = prover.rehearse(wanted, prover.prove(wanted, Budget()), Budget())
    assert pins(proof) == {"a": "1", "x": "2", "y": "1"}
    assert {pin.name: pin.usable.release.version for pin in proof.others["pip"]} == {
        "a": "1",
        "x": "1",
        "y": "2",
    }
    assert proof.consulted == {"a", "x", "y"}


def test_a_root_is_not_proven_where_pips_own_way_ends_at_what_cannot_be_installed() -> None:
    """uv's way is as good as it was; pip comes to "y 2", and stops there."""
    index = {
        "a 1": ["x", "y<9"],
        "x 1": [],
        "x 2": ["y<2"],
        "y 1": [],
        "y 2": ["unknown", "x<2"],
    }
    wanted = (need("a"),)
    prover = Prover(target_index(index))
    proof = prover.rehearse(wanted, prover.prove(wanted, Budget()), Budget())
    assert proof.verdict == "blocked"
    assert pins(proof) == {"a": "1", "x": "2", "y": "1"}
    assert any(line.startswith("y 2: ") for line in proof.why)
    assert proof.consulted == {"a", "x", "y"}


@pytest.mark.parametrize(
    ("index", "root"),
    [
        # Its own requirement names it, and is read only once it is chosen.
        ({"lib 2rc1": ["lib>=2rc1"], "lib 3": ["b==1"]}, "lib"),
        ({"lib 2rc1": ["c"], "c 1": ["lib>=2rc1"], "lib 3": ["b==1"]}, "lib"),
    ],
)
def test_a_root_is_not_proven_where_pips_search_ends_without_it(index: Index, root: str) -> None:
    wanted = (need(root),)
    prover = Prover(target_index(index))
    first = prover.prove(wanted, Budget())
    proof = prover.rehearse(wanted, first, Budget())
    assert first.verdict == "proven"
    assert proof.verdict == "blocked"
    assert proof.why[-1] == f"pip {MISSES}"
    assert pins(proof) == pins(first)


# "a 3" pins b; it is let go for the sake of e, and what is asked of b then would not let pip take
# the same release.
LET_GO: Index = {"a 3": ["b==1", "e"], "e 1": ["a<3"], "a 2": ["b"], "a 1": []}
KEPT: list[tuple[Index, dict[str, str], dict[str, str]]] = [
    ({**LET_GO, "a 3": ["b[x]==1", "e"], "b 1": ["yanked"]}, {"a": "1"}, {"a": "2", "b": "1"}),
    (
        {**LET_GO, "a 3": ["b==2rc1", "e"], "b 1": [], "b 2rc1": []},
        {"a": "2", "b": "1"},
        {"a": "2", "b": "2rc1"},
    ),
    (
        {**LET_GO, "a 3": ["b[x]==1", "e"], "b 1": ["yanked"], "b 0.5": []},
        {"a": "2", "b": "0.5"},
        {"a": "2", "b": "1"},
    ),
]


@pytest.mark.parametrize(("index", "by_uv", "by_pip"), KEPT)
def test_pip_keeps_what_it_has_pinned(
    index: Index, by_uv: dict[str, str], by_pip: dict[str, str]
) -> None:
    proof = Prover(target_index(index)).whole((need("a"),), Budget())
    assert (proof.verdict, pins(proof)) == ("proven", by_uv)
    assert {pin.name: pin.usable.release.version for pin in proof.others["pip"]} == by_pip


def test_what_pip_installs_for_it_keeps_a_yanked_release_is_not_refuted() -> None:
    index = {**KEPT[0][0]}
    del index["a 1"]
    proof = Prover(target_index(index)).whole((need("a"),), Budget())
    assert (proof.verdict, pins(proof)) == ("blocked", {"a": "2", "b": "1"})
    assert proof.why == ("pip finds an installation and uv does not", "b 1 is yanked")


def test_a_refutation_by_what_pip_refuses_hangs_on_its_own_search() -> None:
    """Without an extra pip keeps nothing of b, for it asks its finder anew."""
    index: Index = {"a 3": ["b==1", "e"], "e 1": ["a<3"], "a 2": ["b"], "b 1": ["yanked"]}
    prover = Prover(target_index(index))
    proof = prover.whole((need("a"),), Budget())
    assert proof.verdict == "refuted"
    assert any(step.kind == "barred" for step in proof.refutation)
    given_up = Rehearsal(None, set(), given_up=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pypisync.core.resolve.pip.rehearsed", lambda *_: given_up)
        assert prover.whole((need("a"),), Budget()).verdict == "undecided"


def test_extras_belong_to_their_release() -> None:
    index = {
        "a 1": ["b[x]", "c"],
        "b 1": ['d<2; extra == "x"'],
        "b 2": ['d>=2; extra == "x"'],
        "c 1": ["d<2"],
        "d 1": [],
        "d 2": [],
    }
    wanted = (need("a"),)
    prover = Prover(target_index(index))
    consulted = set[str]()
    found = rehearsed(prover.admission, wanted, Budget(), consulted).pins
    assert found is not None
    assert {n: prover.index.usable(n)[i].release.version for n, i in found.items()} == {
        "a": "1", "b": "1", "c": "1", "d": "1",
    }  # fmt: skip
    assert consulted == {"a", "b", "c", "d"}


def test_a_release_that_nothing_can_complete_is_passed_over() -> None:
    index = {
        "app 1": ["lib", "x", "y<9"],
        "lib 1": [],
        "lib 2": ["y>=no-version"],
        "x 1": [],
        "x 2": ["y<2"],
        "y 1": [],
        "y 2": ["x<2"],
    }
    wanted = (need("app"),)
    prover = Prover(target_index(index))
    found = rehearsed(prover.admission, wanted, Budget(), set()).pins
    assert found is not None
    assert prover.index.usable("lib")[found["lib"]].release.version == "1"


def test_a_search_that_goes_back_and_forth_is_given_up_at_the_same_point_each_time() -> None:
    """pip would try all releases of what is between "lib 2" and what it cannot have."""
    between = [f"m{i:02}" for i in range(15)]
    index: Index = {"app 1": ["lib"], "lib 1": [], "lib 2": [*between, "y"], "y 1": ["z"],
                    "z 1": ["none"]}  # fmt: skip
    index = {**index, **{f"{name} {version}": [] for name in between for version in (1, 2)}}
    wanted = (need("app"),)
    prover = Prover(target_index(index))
    budget = Budget(10**9)
    with pytest.raises(Spent):
        rehearsed(prover.admission, wanted, budget, set())
    assert budget.used < 10_000
    proof = prover.rehearse(wanted, prover.prove(wanted, Budget()), Budget())
    assert pins(proof) == {"app": "1", "lib": "1"}
    assert [line for line in proof.why if "pip may come to other pins" in line]


def candidates(provider: _Pip, specifier: str) -> list[int]:
    """The versions of "a" that a specifier admits."""
    return list(positions(provider.candidates("a", frozenset([specifier]), -1)))


def test_pip_decides_first_what_was_named_first() -> None:
    index: Index = {"a 1": [], "a 2": ["b<2"], "b 1": [], "b 2": ["a<2"]}
    prover = Prover(target_index(index))
    for first, second in (("a", "b"), ("b", "a")):
        wanted = (need(first), need(second))
        assert rehearsed(prover.admission, wanted, Budget(), set()).pins == {first: 1, second: 0}


def test_what_pip_passes_over_is_no_candidate() -> None:
    """Not even where nothing else matches."""
    facts = replace(target_index({"a 1": [], "a 2": []}), bit=1)
    facts.offers.releases["a"] = [
        replace(one, files=(), serves=(1, 1), passed=(int(one.version == "2"), 0))
        for one in facts.offers.releases["a"]
    ]
    provider = _Pip(Admission(facts), (need("a"),), set())
    for specifier, expected in (("", [0]), (">1", [])):
        assert candidates(provider, specifier) == expected


@pytest.mark.parametrize("yanked", [False, True])
@pytest.mark.parametrize("unseen", [False, True])
def test_a_final_that_its_metadata_rules_out_stands_in_the_way(
    *, yanked: bool, unseen: bool
) -> None:
    """pip reads METADATA when it has chosen; one whose files are not for pip is not chosen."""
    facts = replace(target_index({"a 1": [], "a 2rc1": []}), bit=1)
    first, second = facts.offers.releases["a"]
    facts.offers.releases["a"] = [
        replace(first, files=(), serves=(int(not yanked), 1), passed=(1, 0), unseen=int(unseen)),
        replace(second, files=(), serves=(1, 1)),
    ]
    provider = _Pip(Admission(facts), (need("a"),), set())
    assert candidates(provider, "") == ([1] if unseen else [])
    assert provider.tried == {("a", int(unseen))}
    pinned = Prover(facts).admission.admitted("a", "", Mode.STRICT)
    assert pinned == (2 if unseen else 0)
    assert (faults(facts, (need("a"),), {"a": 1}) == []) is unseen


def test_a_yanked_release_that_stands_in_the_way_counts_as_tried() -> None:
    """pip takes it for the only final that matches, then drops it: without it "2rc1" would do."""
    facts = target_index({"a 0.9": [], "a 1": ["yanked"], "a 2rc1": []})
    provider = _Pip(Admission(facts.asking((need("a>=1"),))), (need("a>=1"),), set())
    assert candidates(provider, ">=1") == []
    assert provider.tried == {("a", 1)}
    assert candidates(provider, ">9") == []
    assert provider.tried == {("a", 1)}
