"""Builds on one target: each environment is proven once, and a fault is told."""

from itertools import count

import pytest
from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.resolve.builds import BuildProver, Builds
from pypisync.core.resolve.closure_pins import ClosureChoices
from pypisync.core.resolve.index import Lacking, ListedRelease, Offers
from pypisync.core.resolve.prover import Prover
from pypisync.core.resolve.target_index import TargetIndex
from tests.core.universes import HERE, Index, need, target_index

INDEX: Index = {
    "app 1": [], "other 1": [], "tool 1": ["c>=2"], "tool 2": ["c<2"], "helper 1": ["c>=2"],
    "c 1": [], "c 2": [], "back 1": [], "yanked 1": [],
}  # fmt: skip


def prover(**builds: str) -> BuildProver:
    """Of the index where these projects have sdists alone, built with what is given."""
    listed = target_index(INDEX).offers.releases
    found: dict[str, list[ListedRelease]] = {}
    ids = count(1)
    for name, some in listed.items():
        needs = tuple(map(need, builds[name].split())) if name in builds else ()
        sound = int(name != "yanked")
        found[name] = [
            replace(
                one, id=next(ids), files=(), serves=(sound, 1), admits=(sound, 1, 0),
                built=int(name in builds), build=needs,
            )
            for one in some
        ]  # fmt: skip
    shared = Prover(TargetIndex(HERE, Offers({**found}), bit=1))
    return BuildProver(shared, lambda one: ClosureChoices(one.index, 1, (1,)))


def built(here: BuildProver, root: str, budget: Budget | None = None) -> Builds:
    budget = budget or Budget()
    return here.of(here.prover, here.prover.whole((need(root),), budget), budget)


def test_what_the_closure_does_not_call_for_is_mirrored() -> None:
    """Alone it takes the newest tool, which does not go with the helper."""
    found = built(prover(app="tool helper"), "app")
    assert (found.verdict, found.why) == ("proven", ())
    assert found.releases == {("tool", "1")}
    assert found.consulted >= {"app", "tool", "helper", "c"}


def test_nothing_is_told_of_what_is_not_built() -> None:
    assert built(prover(), "app") == Builds()


def test_the_same_environment_is_proven_once() -> None:
    here = prover(app="tool helper", other="tool helper")
    first = built(here, "app")
    spent = Budget(steps=0)  # another search would not end
    assert here.of(here.prover, here.prover.whole((need("other"),), Budget()), spent) == replace(
        first, consulted=first.consulted - {"app"} | {"other"}
    )


def test_what_is_undecided_may_be_decided_by_another_budget() -> None:
    here = prover(app="tool helper")
    proof = here.prover.whole((need("app"),), Budget())
    assert here.of(here.prover, proof, Budget(steps=0)).verdict == "undecided"
    assert here.of(here.prover, proof, Budget()).verdict == "proven"


def test_what_is_undecided_is_not_searched_again_for_each_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = prover(app="tool helper", other="tool helper")
    made = {name: here.prover.whole((need(name),), Budget()) for name in ("app", "other")}
    first = here.of(here.prover, made["app"], Budget(steps=0, until=10))
    monkeypatch.setattr(Prover, "whole", None)  # whoever calls it fails
    again = here.of(here.prover, made["other"], Budget(steps=0, until=20))
    assert again.verdict == "undecided"
    assert again.consulted - {"other"} == first.consulted - {"app"} != set()
    with pytest.raises(TypeError):  # with more time it is
        here.of(here.prover, made["other"], Budget(steps=0, until=21))


def test_a_circle_is_blocked_whoever_asks_first() -> None:
    for first, second in (("app", "back"), ("back", "app")):
        here = prover(app="back", back="app", other="c")
        assert [built(here, one).verdict for one in (first, second)] == ["blocked", "blocked"]
        assert built(here, "other").verdict == "proven"


def test_what_is_lacking_leaves_nothing_begun() -> None:
    here = prover(app="tool", tool="helper")
    here.prover.index.offers.unseen.add("helper")
    for _ in range(2):
        with pytest.raises(Lacking) as lack:
            built(here, "app")
        assert lack.value.projects == {"helper"}
    here = replace(prover(app="tool", tool="helper"), _begun=here._begun)
    assert built(here, "app").verdict == "proven"


def test_a_build_may_pin_what_is_yanked() -> None:
    assert built(prover(app="yanked==1"), "app").verdict == "proven"
    found = built(prover(app="yanked"), "app")
    assert found.verdict == "blocked"
    assert found.why[0] == "what app 1 needs to be built cannot be installed:"
