"""Small indexes as they are drawn, and the roots that are proven on them."""

from random import Random

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "d")
SPECIFIERS = ("", "", "<2", ">=2", "==1", "==2", "!=2", ">1", ">=3rc1", "==3rc1", "~=2.0", "==3")
MARKERS = ("", "", "", '; sys_platform == "win32"', '; extra == "x"', '; python_version>"3"')


def lines() -> st.SearchStrategy[list[str]]:
    """The lines of one release."""
    needs = st.builds(
        lambda name, extra, specifier, marker: name + extra + specifier + marker,
        st.sampled_from(NAMES),
        st.sampled_from(("", "", "[x]")),
        st.sampled_from(SPECIFIERS),
        st.sampled_from(MARKERS),
    )
    facts = st.sampled_from(
        ([], [], [], [], ["yanked"], ["python>=3.12"], ["python<4"], ["inside>=3.12"],
         ["yanked", "inside>=3.12"])
    )  # fmt: skip
    return st.tuples(facts, st.lists(needs, max_size=3)).map(lambda two: [*two[0], *two[1]])


def indexes() -> st.SearchStrategy[dict[str, list[str]]]:
    """Up to four projects with up to four versions each."""
    versions = st.sampled_from(["1", "2", "3rc1", "3"])
    label = st.builds("{} {}".format, st.sampled_from(NAMES), versions)
    return st.dictionaries(label, lines(), min_size=2, max_size=11)


ROOTS = st.sampled_from(("a", "a", "a[x]", "a>=2", "a==1", "a<3", "a==3rc1"))


_BOUNDS = ("", "", "", ">=1", ">=2", "<3", "<2", "!=2", "~=1.0", "<=2", "==2", ">=3rc1", "==1.*")


def many(draw: Random) -> dict[str, list[str]]:
    """Up to fourteen projects whose releases require each other, most of them those before."""
    count = draw.randint(3, 14)
    index: dict[str, list[str]] = {}
    for i in range(count):
        for version in draw.sample(("1", "1.5", "2", "3rc1", "3"), draw.randint(1, 4)):
            lines = index[f"p{i} {version}"] = [_line(i, count, draw) for _ in range(_few(draw))]
            if draw.random() < 0.3:
                lines.append(_line(i, count, draw) + '; extra == "x"')
            if draw.random() < 0.08:
                lines.append(draw.choice(("yanked", "yanked", "inside>=3.12")))
    index["app 1"] = [_line(count, count, draw) for _ in range(draw.randint(1, 4))]
    return index


def _few(draw: Random) -> int:
    return draw.choice((0, 0, 1, 1, 2, 3))


def _line(i: int, count: int, draw: Random) -> str:
    """What a project requires: now and then itself, or one that comes after it."""
    anything = draw.random() < 0.06 or not i
    number = draw.randrange(count if anything else i)
    extra = "[x]" if draw.random() < 0.2 else ""
    return f"p{number}{extra}{draw.choice(_BOUNDS)}"
