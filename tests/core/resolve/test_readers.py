"""What one installer or one machine meets is no fault of another's."""

import pytest
from msgspec.structs import replace

from pypisync.core.budget import Budget
from pypisync.core.resolve.check_pins import Checker
from pypisync.core.resolve.prover import Prover
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from tests.core.universes import need, target_index


@pytest.mark.parametrize(
    "line", ["b @ https://example.org/b.whl", 'b; implementation_name === "pypy"']
)
def test_what_only_the_wheels_of_other_machines_state_stops_nobody_here(line: str) -> None:
    facts = replace(target_index({"a 1": [line]}), bit=1)
    (release,) = facts.offers.releases["a"]
    needs = tuple(replace(one, machines=(2, 2, 2)) for one in release.needs)
    facts.offers.releases["a"] = [replace(release, needs=needs)]
    assert Prover(facts).prove((need("a"),), Budget()).verdict == "proven"


def test_each_installer_has_its_own_checker() -> None:
    yanked = target_index({"a 1": ["b==1"], "b 1": ["yanked"]})
    final_ruled_out = target_index({"a 1": ["b", "c"], "b 1": ["c<1"], "b 2rc1": [], "c 1": []})
    for facts, pinned, taker in (
        (yanked, {"a": 0, "b": 0}, "pip"),
        (final_ruled_out, {"a": 0, "b": 1, "c": 0}, "uv"),
    ):
        passing = [
            by for by in INSTALLERS if Checker(facts.read_by(by)).passes((need("a"),), pinned)
        ]
        assert passing == [taker]


@pytest.mark.parametrize("reader", [None, *INSTALLERS])
def test_what_one_installer_passes_over_the_other_may_take(reader: Installer | None) -> None:
    """Whom nobody names is pip."""
    for masks, taker in (((1, 0), "uv"), ((0, 1), "pip")):
        facts = replace(target_index({"a 1": []}), bit=1, reader=reader)
        (release,) = facts.offers.releases["a"]
        facts.offers.releases["a"] = [replace(release, files=(), serves=(1, 1), passed=masks)]
        assert Checker(facts).passes((need("a"),), {"a": 0}) is ((reader or "pip") == taker)
        assert not Checker(facts).passes((need("a"),), {"a": 1})  # there is no such release
