"""Requirement lines, the fast way and packaging's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pypisync.core.standards import model
from pypisync.core.standards.requirements import _COMMON, LONGEST, _other, parse
from pypisync.core.standards.specifiers import matcher
from tests.deep import scaled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo", ("foo", "", "", ())),
        ("Foo.Bar_baz", ("foo-bar-baz", "", "", ())),
        ("foo>=1,<2", ("foo", "<2,>=1", "", ())),
        ("foo (>=1.0)", ("foo", ">=1.0", "", ())),
        ("foo ( >= 1.0 , != 1.3.* )", ("foo", "!=1.3.*,>=1.0", "", ())),
        ("foo[bar]>=1", ("foo", ">=1", "", ("bar",))),
        ("foo [Bar_x, aa,bar.X] ~=1.4.2", ("foo", "~=1.4.2", "", ("aa", "bar-x"))),
        ("foo[]", ("foo", "", "", ())),
        ("foo==1.0+local", ("foo", "==1.0+local", "", ())),
        ("foo===1.0-weird", ("foo", "===1.0-weird", "", ())),
        ("foo>=v1.0", ("foo", ">=v1.0", "", ())),
        ("foo>=1,<2,", ("foo", "<2,>=1", "", ())),
        ("foo!=1.1,!=1.2,!=1.1", ("foo", "!=1.1,!=1.2", "", ())),
        (
            "foo>=1; python_version<'3.8' and extra=='Test_X'",
            ("foo", ">=1", 'python_version < "3.8" and extra == "test-x"', ()),
        ),
        (" foo ;os_name == 'nt'", ("foo", "", 'os_name == "nt"', ())),
    ],
)
def test_what_a_line_asks_for(text: str, expected: tuple[str, str, str, tuple[str, ...]]) -> None:
    assert parse(text) == model.Requirement(text, *expected)


@pytest.mark.parametrize("marker", ["", "; os_name == 'nt'"])
def test_a_direct_reference(marker: str) -> None:
    parsed = parse(f"foo[x] @ https://example.org/foo-1.0.zip?a=b#c {marker}")
    assert (parsed.name, parsed.extras) == ("foo", ("x",))
    assert parsed.url == "https://example.org/foo-1.0.zip?a=b#c"
    assert bool(parsed.marker) == bool(marker)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "foo (>1.0,)x",
        "foo>=2.0.*",
        "foo (>=2.0.*)",
        "foo ~=1",
        "foo >= ",
        "foo bar",
        "foo (>=1.0",
        "foo[bar",
        "foo[bar,]",
        "-foo",
        "foo-",
        "foo_",
        "foo;",
        "foo; nonsense",
        "foo; python_version",
        "foo; python_version < '3' and",
        "foo>=1 <2",
        "foo>=1;os_name=='nt';x",
        "foo @",
        "foo>=1.0-dev-x",
        "föö",
        "foo\n>=1",
        "foo>" + "1" * 5000,
        "foo==1." + "1" * 5000 + ",==1.2",
        "foo; " + "(" * 5000 + "os_name=='nt'" + ")" * 5000,
        "foo " + " " * LONGEST,
        "x" * (LONGEST + 1),
    ],
)
def test_what_cannot_be_parsed_says_why(text: str) -> None:
    parsed = parse(text)
    assert parsed.fault
    assert "\n" not in parsed.fault
    assert parsed == model.Requirement(text, "", fault=parsed.fault)


def test_the_reason_is_packagings() -> None:
    assert ".* suffix can only be used with" in parse("foo>=2.0.*").fault


def test_equal_sets_share_one_text() -> None:
    spellings = ["foo>=1,<2", "foo <2,>=1", "foo (<2, >=1)", "foo>=1,<2,>=1", "foo (>=1,<2);"[:-1]]
    assert {parse(text).specifier for text in spellings} == {"<2,>=1"}


blanks = st.sampled_from(["", "", " ", "\t "])
names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,5}[A-Za-z0-9])?", fullmatch=True)
operators = st.sampled_from([">=", "<=", "<", ">", "==", "!=", "~=", "==="])
releases = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(lambda n: ".".join(map(str, n)))
suffixes = st.sampled_from(
    [
        "",
        "",
        "",
        ".*",
        "a1",
        "rc2",
        ".post1",
        ".dev0",
        "b1.post2.dev3",
        "+x",
        "-1",
        "alpha",
        "x",
        ".",
    ]
)
versions = st.builds("{}{}".format, releases, suffixes)
one = st.builds("{}{}{}".format, operators, blanks, versions)
sets = st.lists(st.tuples(blanks, one, blanks).map("".join), min_size=1, max_size=3).map(",".join)
markers = st.sampled_from(
    [
        "",
        ";python_version<'3'",
        " ; (os_name=='nt' or extra == 'A_b') and sys_platform!='x'",
        "; 'linux' in sys_platform",
        ";",
        "; x == 'y'",
        ";os_name == 'a;b'",
    ]
)


@st.composite
def lines(draw: st.DrawFn) -> str:
    extras = ",".join(draw(st.lists(st.tuples(blanks, names, blanks).map("".join), max_size=2)))
    bracket = draw(st.sampled_from(["", f"[{extras}]"]))
    specifier = draw(st.just("") | sets)
    if draw(st.booleans()):
        specifier = f"({specifier})"
    parts = [draw(names), draw(blanks), bracket, draw(blanks), specifier, draw(blanks)]
    return "".join(parts) + draw(markers)


@settings(deadline=None, max_examples=scaled(800))
@given(lines())
def test_the_fast_way_is_packagings(text: str) -> None:
    parsed = parse.__wrapped__(text)
    try:
        expected = Requirement(text)
    except InvalidRequirement:
        assert parsed.fault, text
        assert not parsed.name
        return
    assert not parsed.fault
    assert parsed == _other(text)
    assert parsed.name == canonicalize_name(expected.name)
    assert parsed.specifier == str(expected.specifier)
    assert parsed.extras == tuple(sorted({canonicalize_name(e) for e in expected.extras}))
    assert parsed.marker == str(expected.marker or "")
    matcher(parsed.specifier)
    assert not parsed.marker or str(Marker(parsed.marker)) == parsed.marker


@settings(deadline=None, max_examples=scaled(300))
@given(st.text("fo1.>=<!~*[](),;@ \t\n'\"-+é", max_size=25))
def test_any_text_gives_an_answer(text: str) -> None:
    parsed = parse(text)
    assert parsed.text == text
    assert bool(parsed.name) != bool(parsed.fault)
    try:
        Requirement(text)
    except InvalidRequirement:
        assert parsed.fault


@pytest.mark.parametrize("text", ["foo", "foo>=1,<2", "foo (>=1.0)", "a[b]~=1.0; os_name=='nt'"])
def test_common_lines_take_the_fast_way(text: str) -> None:
    assert _COMMON.fullmatch(text)


def test_what_is_too_long_or_too_deep_to_be_worked_on_says_so() -> None:
    """packaging would take it; what evaluates markers for many environments does not."""
    assert parse("foo" + "x" * LONGEST).fault == f"longer than {LONGEST} characters"
    assert not parse("foo".ljust(LONGEST)).fault
    long = "foo>=1; " + " or ".join(["os_name == 'nt'"] * 1000)
    assert parse(long).fault.startswith("invalid marker: ")
    assert "more than 10000" in parse(long).fault
    deep = "os_name == 'nt'"
    for turn in range(52):
        deep = f"os_name == 'a' {('and', 'or')[turn % 2]} ({deep})"
    assert parse(f"foo>=1; {deep}").fault == "invalid marker: more than 50 nested parentheses"
    assert parse(f"foo @ https://h/f.whl ; {deep}").fault.startswith("invalid marker: ")
