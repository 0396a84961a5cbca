"""The grammar of version selectors and of the configuration's project keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from pypisync.core.standards import versions
from pypisync.core.standards.specifiers import matcher
from pypisync.core.wanted.selector import Selector, parse_root, parse_selector
from tests.deep import scaled


@pytest.mark.parametrize(
    ("text", "count", "specifier", "exact"),
    [
        ("1.2", None, "==1.2", True),
        (" v1.2-rc.1 ", None, "==1.2rc1", True),
        ("1!2.0+Local", None, "==1!2.0+local", True),
        ("==1.2", None, "==1.2", False),
        ("== 1.*", None, "==1.*", False),
        ("<3,>2", None, "<3,>2", False),
        (">= 2 , < 3", None, "<3,>=2", False),
        ("~=2.1,!=2.3.*", None, "!=2.3.*,~=2.1", False),
        ("===1.0-custom", None, "===1.0-custom", False),
        ("latest", 1, "", False),
        ("  latest ", 1, "", False),
        ("5 latest", 5, "", False),
        ("5latest", 5, "", False),
        ("12  latest", 12, "", False),
        ("latest<3", 1, "<3", False),
        ("latest < 3, >= 2", 1, "<3,>=2", False),
        ("2 latest<3", 2, "<3", False),
        ("2\tlatest <\n3", 2, "<3", False),
    ],
)
def test_what_is_allowed(text: str, count: int | None, specifier: str, exact: bool) -> None:
    assert parse_selector(text) == Selector(text.strip(), count, specifier, exact)
    assert parse_selector(parse_selector(text).text) == parse_selector(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        "*",
        "1.*",
        "newest",
        "latest 3",
        "latestest",
        "latest 1.2",
        "x latest",
        "5 latest 3",
        "-1 latest",
        "1.5 latest",
        "٣ latest",
        "1234567890 latest",
        "Latest",
        ">=",
        ">=1.*",
        "=1",
        "1.2 1.3",
        "latest <",
        "<3 latest",
        "9" * 5000,
        ">" + "9" * 5000,
    ],
)
def test_what_is_not(text: str) -> None:
    with pytest.raises(ValueError, match=r'is not a version selector: allowed are .*"2 latest<3"'):
        parse_selector(text)


@pytest.mark.parametrize("text", ["0 latest", "00latest", "0latest<3"])
def test_no_release_at_all(text: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        parse_selector(text)


def test_an_exact_version_is_pep_440_equality() -> None:
    plain, local = (
        matcher(parse_selector("1.2").specifier),
        matcher(parse_selector("1.2+a").specifier),
    )

    def met(by: str) -> tuple[bool, bool]:
        key = versions.key(Version(by))
        return plain.matches(key, by), local.matches(key, by)

    assert met("1.2") == (True, False)
    assert met("1.2.0") == (True, False)
    assert met("1.2+a") == (True, True)
    assert met("1.2+b") == (True, False)
    assert met("1.2.post1") == (False, False)
    assert plain.pinned
    assert local.pinned


@settings(deadline=None, max_examples=scaled(200))
@given(
    st.integers(1, 999) | st.just(None),
    st.lists(st.sampled_from(["<3", ">=2.0", "!=1.*", "~=1.4", "==2a1"]), unique=True, max_size=3),
    st.sampled_from(["", " ", "  ", "\t"]),
)
def test_white_space_is_free(count: int | None, parts: list[str], space: str) -> None:
    number = "" if count is None else str(count)
    spaced = space + number + space + "latest" + space + f"{space},{space}".join(parts) + space
    assert parse_selector(spaced) == Selector(spaced.strip(), count or 1, ",".join(sorted(parts)))


@pytest.mark.parametrize(
    ("text", "name", "extras"),
    [
        ("requests", "requests", ()),
        (" Zope.Interface ", "zope-interface", ()),
        ("a__b..c", "a-b-c", ()),
        ("requests[socks]", "requests", ("socks",)),
        ("requests[socks, security]", "requests", ("security", "socks")),
        ("requests [ Use_Chardet.On ,socks,SOCKS ]", "requests", ("socks", "use-chardet-on")),
        ("requests[]", "requests", ()),
        ("x", "x", ()),
        ("2to3", "2to3", ()),
    ],
)
def test_roots(text: str, name: str, extras: tuple[str, ...]) -> None:
    assert parse_root(text) == (name, extras)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-foo",
        "foo-",
        "_",
        "foo bar",
        "foo/bar",
        "..",
        "foo>=1",
        "foo[",
        "foo[a",
        "foo]a[",
        "foo[a,]",
        "foo[,a]",
        "foo[a b]",
        "foo[a][b]",
        "föö",
        "foo[é]",
        "foo\x00",
        "foo;x",
    ],
)
def test_what_is_no_root(text: str) -> None:
    with pytest.raises(ValueError, match="is not a project: allowed"):
        parse_root(text)
