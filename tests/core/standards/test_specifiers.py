"""Interval specifiers admit exactly what packaging's specifier sets admit."""

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from pypisync.core.standards import versions
from pypisync.core.standards.specifiers import Matcher, matcher
from tests.deep import scaled

PUBLIC = [
    release + suffix
    for release, suffix in product(
        ["0", "0.9", "1.0", "1", "1.0.1", "1.1", "2", "1!1.0"],
        ["", "a1", "a2", "b1", "rc1", ".post0", ".post1", ".dev0", ".dev1", "a1.dev1", "a1.post1",
         ".post1.dev0", ".post1.dev1", "a1.post1.dev1"],
    )
]  # fmt: skip
LOCALS = ["", "+a", "+a.1", "+1"]
VERSIONS = [Version(public + local) for public in PUBLIC for local in LOCALS]
KEYED = [(version, versions.key(version), str(version)) for version in VERSIONS]
BASES = ("0", "1", "1.0", "1.0.1", "1!1", "1.2")
DOTTED = [v for v in PUBLIC if v.startswith(("0.9", "1.0", "1.1", "1!1.0"))]
SPECIFIERS = [
    *(operator + v for operator in (">=", "<=", ">", "<", "==", "!=") for v in PUBLIC),
    *(f"~={v}" for v in DOTTED),
    *(f"{operator}{v}.*" for operator in ("==", "!=") for v in BASES),
    *(operator + v + local for operator in ("==", "!=") for v in DOTTED for local in LOCALS[1:]),
    *("===" + v for v in ("1.0", "1", "1.0+a", "1.0+A", "foobar", "1.0.post1", "1.0-1", "1!1.0")),
]


def admitted(found: Matcher, version: Version) -> bool:
    return found.matches(versions.key(version), str(version))


def test_every_specifier_against_every_version() -> None:
    assert len(SPECIFIERS) > 1000
    for text in SPECIFIERS:
        expected = SpecifierSet(text)
        found = matcher(text)
        wrong = [
            spelt
            for version, key, spelt in KEYED
            if found.matches(key, spelt) != expected.contains(version, prereleases=True)
        ]
        assert not wrong, (text, wrong)
        assert found.prereleases == bool(expected.prereleases), text


numbers = st.one_of(st.integers(0, 3), st.sampled_from([255, 256, 2026]))
suffixes = st.sampled_from(
    [
        "",
        "",
        "",
        "a0",
        "a1",
        "b1",
        "rc1",
        ".post0",
        ".post1",
        ".dev0",
        ".dev2",
        "a1.dev1",
        ".post1.dev1",
        "rc1.post2",
    ]
)
releases = st.lists(numbers, min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
epochs = st.sampled_from(["", "", "", "", "0!", "1!"])
public = st.builds("{}{}{}".format, epochs, releases, suffixes)
locals_ = st.sampled_from(["", "", "+a", "+1", "+a.2", "+A-2"])
texts = st.builds("{}{}".format, public, locals_)
specifier_texts = st.one_of(
    st.builds("{}{}".format, st.sampled_from([">=", "<=", "<", ">", " > ", "<= "]), public),
    st.builds("{}{}".format, st.sampled_from(["==", "!=", "!= ", "==="]), texts),
    st.builds("{}{}{}.*".format, st.sampled_from(["==", "!="]), epochs, releases),
    st.builds("~={}{}.{}{}".format, epochs, releases, numbers, suffixes),
)


@settings(deadline=None, max_examples=scaled(250))
@given(
    st.lists(specifier_texts, max_size=4).map(",".join), st.lists(texts, min_size=5, max_size=12)
)
def test_sets_admit_what_packaging_admits(text: str, candidates: list[str]) -> None:
    expected, found = SpecifierSet(text), matcher(text)
    for candidate in map(Version, candidates):
        assert admitted(found, candidate) == expected.contains(candidate, prereleases=True)
    assert found.prereleases == bool(expected.prereleases)
    assert all(low < high for low, high in found.intervals)
    assert all(left[1] < right[0] for left, right in pairwise(found.intervals))


def test_no_specifier_admits_everything() -> None:
    found = matcher("")
    assert len(found.intervals) == 1
    assert found == Matcher(found.intervals, prereleases=False, pinned=False, arbitrary=None)
    for text in ("0.dev0", "0", "1+x", f"{10**400}!1"):
        assert admitted(found, Version(text))


@pytest.mark.parametrize(
    "text", ["<0", "<0.dev0", ">2,<1", "==1,!=1", "==1,==2", "===1,===2", "===x", "===1,>1"]
)
def test_what_admits_nothing_has_no_interval(text: str) -> None:
    assert matcher(text).intervals == ()


def test_adjacent_exclusions_leave_no_gap() -> None:
    assert len(matcher("!=1.0,!=1.0.*,!=1.1.*").intervals) == 2
    assert len(matcher("!=1.*,!=2.*,!=3.*,>=1").intervals) == 1


@pytest.mark.parametrize("text", ["==1.0", "===1.0", ">=1,==1.2", "== 1.0+local"])
def test_an_exact_pin_is_pinned(text: str) -> None:
    assert matcher(text).pinned


@pytest.mark.parametrize("text", ["", "==1.*", ">=1,<=1", "!=1", "~=1.0"])
def test_nothing_else_is_pinned(text: str) -> None:
    assert not matcher(text).pinned


@pytest.mark.parametrize("text", [">=1.0a1", ">=1,<2.dev0", "===1.0a1", "==1.0rc1,>0"])
def test_a_specifier_names_a_prerelease(text: str) -> None:
    assert matcher(text).prereleases


@pytest.mark.parametrize("text", ["", "!=1.0a1", "==1.*", ">=1.post1", "===foo-a1"])
def test_a_specifier_names_no_prerelease(text: str) -> None:
    assert not matcher(text).prereleases


def test_arbitrary_equality_compares_text() -> None:
    found = matcher("===1.0")
    assert found.arbitrary == "1.0"
    key = versions.key(Version("1.0"))
    assert found.matches(key, "1.0")
    assert not found.matches(key, "1.0.0")
    assert matcher("===1.0+ABC").matches(versions.key(Version("1.0+abc")), "1.0+abc")


@pytest.mark.parametrize(
    "text", ["1.0", ">=", ">=1.*", "~=1", "<1+local", "=1", ">=1 <2", "==1.0a1.*", ">" + "9" * 5000]
)
def test_what_is_no_specifier(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        matcher(text)


def test_packagings_own_error_is_kept() -> None:
    with pytest.raises(InvalidSpecifier, match="lolwat"):
        matcher("lolwat")


def test_thousands_of_exclusions_are_cheap() -> None:
    found = matcher(",".join(f"!=1.{n}" for n in range(3000)))
    assert len(found.intervals) == 3001
    assert not admitted(found, Version("1.17"))
    assert admitted(found, Version("1.17.1"))
