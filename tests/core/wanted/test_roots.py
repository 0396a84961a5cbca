"""Roots from names and patterns, and how they are spelt."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.standards import requirements
from pypisync.core.wanted.roots import (
    OWN,
    TOOLCHAIN,
    Origin,
    Package,
    Pattern,
    Root,
    expand,
    of_row,
    shown,
    toolchain,
)
from pypisync.core.wanted.selector import parse_selector
from tests.deep import scaled

NAMES = ("a", "ab", "acme-x", "acme-y", "b", "django", "flask")
REGEXES = ("a.*", "ACME-.*", "acme-(x|y)", "b", "a", ".*", "nothing", "(?i:F)lask", "dj")
SELECTORS = ("latest", "2 latest", ">=1,<3", "1.0", "latest<2")


def selectors(texts: list[str]) -> tuple:  # type: ignore[type-arg]
    return tuple(map(parse_selector, texts))


PACKAGES = st.lists(
    st.builds(
        lambda name, extras, texts: Package(name, extras, selectors(texts), name),
        st.sampled_from(NAMES),
        st.sampled_from(((), (), ("x",), ("x", "y"))),
        st.lists(st.sampled_from(SELECTORS), max_size=2, unique=True),
    ),
    max_size=4,
)
PATTERNS = st.lists(
    st.builds(
        lambda regex, texts: Pattern(regex, selectors(texts)),
        st.sampled_from(REGEXES),
        st.lists(st.sampled_from(SELECTORS), min_size=1, max_size=2, unique=True),
    ),
    max_size=3,
)


@given(PACKAGES, PATTERNS, st.lists(st.sampled_from(NAMES), unique=True))
@settings(max_examples=scaled(150))
def test_a_name_overrides_every_pattern(
    packages: list[Package], patterns: list[Pattern], names: list[str]
) -> None:
    found = list(expand(packages, patterns, names))
    own = [Root(p.name, s.text, p.extras) for p in packages for s in p.selectors]
    given_ = {package.name for package in packages}
    by_pattern = [
        Root(name, selector.text, origin=Origin.PATTERN, source=pattern.regex)
        for name in names
        if name not in given_
        for pattern in patterns
        if re.fullmatch(pattern.regex, name, re.IGNORECASE)
        for selector in pattern.selectors
    ]
    assert found == [*own, *by_pattern]


def test_a_package_without_selectors_takes_its_name_out() -> None:
    out = Package("acme-x", (), (), "acme-x")
    every = Pattern("acme-.*", selectors(["latest"]))
    found = list(expand([out], [every], ["acme-x", "acme-y"]))
    assert [root.project for root in found] == ["acme-y"]
    assert list(expand([], [], ["a"])) == []


EXTRAS = st.lists(st.sampled_from(("redis", "s3", "x-y")), unique=True).map(
    lambda names: tuple(sorted(names))
)


@given(
    st.sampled_from(NAMES),
    st.sampled_from(SELECTORS),
    EXTRAS,
    st.sampled_from(Origin),
    st.sampled_from(("", "f.txt")),
    st.booleans(),
)
def test_a_row_spells_a_root(
    project: str, selector: str, extras: tuple[str, ...], origin: Origin, source: str, pinned: bool
) -> None:
    root = Root(project, selector, extras, origin, source, pinned=pinned)
    row = (project, selector, root.extras_text, origin.value, source, int(pinned))
    assert of_row(*row) == root
    assert root.extras_text == ",".join(extras)


def test_a_row_may_have_no_more_than_a_line() -> None:
    assert of_row("a", "latest", "") == Root("a", "latest")
    assert of_row("a", "latest", "x", "held", "", None) == Root("a", "latest", ("x",), Origin.HELD)
    with pytest.raises(ValueError, match="nonsense"):
        of_row("a", "latest", "", "nonsense")


@pytest.mark.parametrize(
    ("root", "text"),
    [
        (Root("a", "latest"), "a"),
        (Root("a", "latest<3"), "a<3"),
        (Root("a", "2 latest<3,>=1", ("x", "y")), "a[x,y]<3,>=1"),
        (Root("a", "1.0", ("x",)), "a[x]==1.0"),
        (Root("a", ">=2"), "a>=2"),
        (Root("a", "1.0+local"), "a==1.0+local"),
    ],
)
def test_the_requirement_of_a_root_is_what_an_installer_is_asked_for(root: Root, text: str) -> None:
    assert root.requirement.text == text
    parsed = requirements.parse(text)
    assert parsed == root.requirement
    assert not parsed.fault


@pytest.mark.parametrize(
    ("origin", "source", "text"),
    [
        (Origin.PACKAGES, "", ""),
        (Origin.PATTERN, "acme-.*", "acme-.*"),
        (Origin.GROUP, "requirements.txt", "group:requirements.txt"),
        (Origin.PROOF, "", "proof"),
        (Origin.HELD, "", "held"),
    ],
)
def test_operators_read_where_a_root_is_from(origin: Origin, source: str, text: str) -> None:
    assert Root("a", "latest", (), origin, source).shown == text
    assert shown(origin.value, source) == text
    assert (origin in OWN) == (origin in (Origin.PROOF, Origin.HELD))


def test_the_toolchain_is_what_the_packages_do_not_name() -> None:
    every = list(toolchain([]))
    assert [package.name for package in every] == list(TOOLCHAIN)
    assert {"pip", "setuptools", "wheel", "build", "hatchling", "flit-core", "poetry-core",
            "pdm-backend", "editables"} == set(TOOLCHAIN)  # fmt: skip
    assert all(p.selectors == selectors(["latest"]) and not p.extras for p in every)
    assert every[-1].text == "wheel (toolchain)"
    some = toolchain(
        [Package("pip", (), selectors(["2 latest"]), "pip"), Package("x", (), (), "x")]
    )
    assert [package.name for package in some] == [name for name in TOOLCHAIN if name != "pip"]
