"""A project's versions as places on a line: sets of places are what specifiers admit."""

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pypisync.core.resolve.lines import line, names_one
from pypisync.core.standards import versions
from tests.deep import scaled

VERSIONS = "0.1 1.0a1 1.0 1.0+local 1.0.post1 1.1.dev1 1.1 2.0rc1 2.0 3".split()  # noqa: SIM905
SPECIFIERS = ["", "<1", "<=1.0", ">1.0", ">=1.0", "==1.0", "==1.*", "!=1.0", "!=1.*", "~=1.0",
              "===1.0", ">=1.1,<2", ">2,<2.1", "<1,>2"]  # fmt: skip
SETS = st.lists(st.sampled_from(SPECIFIERS), min_size=1, max_size=5, unique=True)
SOME = st.lists(st.sampled_from(VERSIONS), max_size=6, unique=True)


@given(SOME, SETS)
@settings(max_examples=scaled(300))
def test_a_set_holds_the_places_of_the_versions_that_a_specifier_admits(
    texts: list[str], specifiers: list[str]
) -> None:
    known = sorted(map(Version, texts))
    made = line([versions.key(version) for version in known], specifiers)
    assert list(made.places) == sorted(set(made.places))
    for specifier in specifiers:
        places = made.matching(specifier)
        for version, place in zip(known, made.places, strict=True):
            admitted = SpecifierSet(specifier).contains(version, prereleases=True)
            assert bool(places >> place & 1) == admitted, (specifier, version)


@given(SOME, SETS)
@settings(max_examples=scaled(300))
def test_around_a_version_no_other_has_a_place(texts: list[str], specifiers: list[str]) -> None:
    known = sorted(map(Version, texts))
    made = line([versions.key(version) for version in known], specifiers)
    for place in made.places:
        around = made.around(place)
        assert [other for other in made.places if around >> other & 1] == [place]


@given(SETS, SETS)
@settings(max_examples=scaled(300))
def test_places_show_two_specifiers_that_contradict_each_other(
    left: list[str], right: list[str]
) -> None:
    """Whether or not there are versions: what some version meets has a place."""
    one, other = ",".join(filter(None, left)), ",".join(filter(None, right))
    made = line([], [one, other])
    every = [*VERSIONS, "0", "0.9", "1.0.1", "1.2", "1.9", "2.0.5", "2.1", "4"]
    both = SpecifierSet(one) & SpecifierSet(other)
    if any(both.contains(version, prereleases=True) for version in every):
        assert made.matching(one) & made.matching(other)


def test_a_specifier_that_names_one_version() -> None:
    named = [text for text in SPECIFIERS if names_one(text)]
    assert named == ["==1.0", "===1.0"]
