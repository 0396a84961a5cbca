"""Constraints: what they hide, and what they join."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet

from tests.core.universes import need, target_index


@given(st.sampled_from(("", "<2", ">=2,!=3", "==2.*", ">=3rc1", ">9")))
def test_constraints_hide_releases(limit: str) -> None:
    names = ("1", "2", "2.5", "3rc1", "3")
    facts = target_index({f"a {text}": [] for text in names})
    bound = replace(facts, limits={"a": (need(f"a{limit}"),)}, _usable={})
    found = [one.release.version for one in bound.usable("a")]
    wanted = SpecifierSet(limit)
    assert found == [text for text in names if wanted.contains(text, prereleases=True)]


def test_constraints_on_a_project_hold_together() -> None:
    facts = target_index({"a 1": []})
    bound = replace(facts, limits={"a": (need("a>1"), need("a"), need("a!=3"))})
    assert bound.limited("a") == ">1,!=3"
    assert bound.limited("a", "<2") == "<2,>1,!=3"
    assert bound.limited("b", "<2") == "<2"
    assert bound.specifiers("a") == {">1", "", "!=3"}
