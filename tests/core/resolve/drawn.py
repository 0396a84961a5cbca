"""Small indexes as they are drawn, and the roots that are proven on them."""

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
