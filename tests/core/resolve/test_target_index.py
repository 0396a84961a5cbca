"""What an index offers to one machine, as pip and as uv read it."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.tags import parse_tag

from pypisync.core.environments.misfits import TaggedFile
from pypisync.core.environments.proof_targets import Machines
from pypisync.core.filters.file_rules import FileFacts, FilePolicy, keep
from pypisync.core.resolve.index import (
    NO_FILE,
    Lacking,
    ListedFile,
    ListedRelease,
    OfferedFile,
    Offers,
)
from pypisync.core.resolve.target_index import TargetIndex, package, unpacked
from pypisync.core.standards.filenames import parse
from pypisync.core.standards.model import BROKEN, BROKEN_FOR_UV, UNREADABLE, Requirement, Targets
from pypisync.core.standards.requires_python import INSTALLERS, Installer, admits
from tests.core.universes import HERE, need, release, target_index
from tests.deep import scaled

PYTHON = HERE.environment["python_full_version"]
TAGS = (
    "py3-none-any", "cp311-cp311-manylinux_2_17_x86_64", "cp311-abi3-manylinux_2_28_x86_64",
    "cp312-cp312-manylinux_2_17_x86_64", "cp311-cp311-win_amd64", "",
    "py3-None-any", "CP311.py3-none-any", "cp311-CP311-manylinux_2_17_x86_64",
)  # fmt: skip
PYTHONS = st.sampled_from((None, None, ">=3.8", ">=3.12", "<3.11", "3.x", ""))

REFUSED: tuple[dict[str, object], ...] = (
    {}, {}, {}, {"refused_by": ("uv",)}, {"refused_by": ("pip", "uv")}, {"refused_by": ("pip",)},
    {"refused_by": ("pip",), "foreign": True}, {"refused_by": ("pip", "uv"), "foreign": True},
)  # fmt: skip


def file(tag: str, number: int = 0, **changes: object) -> ListedFile:
    """A wheel with this tag, or an sdist."""
    name = f"a-1-{number}-{tag}.whl" if tag else f"a-1.{number}.tar.gz"
    tags = parse_tag(tag) if tag else None
    plain = ListedFile(name, f"packages/{name}", "0" * 64, 1, tags, None, yanked=False)
    return replace(plain, **changes)


FILES = st.lists(
    st.builds(
        lambda tag, python, inside, yanked, refused: file(
            tag, requires_python=python, inside=inside, yanked=yanked, **refused
        ),
        st.sampled_from(TAGS),
        PYTHONS,
        PYTHONS,
        st.booleans(),
        st.sampled_from(REFUSED),
    ),
    max_size=4,
    unique_by=lambda one: one.filename,
)


def of_files(files: Sequence[ListedFile]) -> ListedRelease:
    """A release of these files that needs nothing."""
    return replace(release("a 1", []), files=tuple(files))


def index_of(*releases: ListedRelease, reader: Installer | None = None) -> TargetIndex:
    return TargetIndex(HERE, Offers({"a": list(releases)}), bit=1, reader=reader)


def rank(one: ListedFile, by: Installer = "pip") -> int | None:
    """How good a file is for the machine; an sdist comes after every wheel.

    To uv only what is in lower case is a tag.
    """
    if one.tags is None:
        return len(HERE.tags)
    pieces = [part.split(".") for part in one.filename.removesuffix(".whl").split("-")[-3:]]
    spelt = ["-".join(tag) for tag in product(*pieces)]
    known = [tag for tag in spelt if by == "pip" or tag == tag.lower()]
    ranks = {str(tag): number for tag, number in HERE.tags.items()}
    return min((ranks[tag.lower()] for tag in known if tag.lower() in ranks), default=None)


def taken(files: Sequence[ListedFile], by: Installer) -> ListedFile | None:
    """The file that an installer chooses: not yanked, the best tag, the highest build tag.

    pip asks first for which Python it is, and chooses the last name; uv chooses the first. pip goes
    on to another one where METADATA is foreign, but not from a sound file to a yanked one.
    """
    there = sorted(filter(lambda f: rank(f, by) is not None, files), key=lambda f: f.filename)
    if by == "pip":
        there = [f for f in reversed(there) if sees(f, by)]
        there = [f for f in there if not f.yanked] or there
        there = [f for f in there if not f.foreign]
    else:
        there = [f for f in there if f.requires_python != "3.x"]  # which uv cannot read
    best = sorted(there, key=lambda f: (f.yanked, rank(f, by), -build(f)))
    return best[0] if best else None


def source(files: Sequence[ListedFile], one: ListedFile, by: Installer) -> ListedFile:
    """The file whose METADATA is read: where uv builds an sdist, that of the nearest wheel."""
    wheels = [f for f in files if f.tags is not None and f.requires_python != "3.x"]
    if by == "pip" or one.tags is not None or not wheels:
        return one
    known = [str(tag).split("-") for tag in HERE.tags]

    def order(file: ListedFile) -> tuple[bool, int]:
        pieces = [part.split(".") for part in file.filename.removesuffix(".whl").split("-")[-3:]]
        own = [tag for tag in product(*pieces) if tag == tuple(map(str.lower, tag))]
        abi = any(list(tag[:2]) == some[:2] for tag in own for some in known)
        python = any(tag[0] == some[0] for tag in own for some in known)
        passed = file.yanked and not one.yanked
        return passed, 0 if passed else -(own != []) - python - abi

    return min(sorted(wheels, key=lambda f: f.filename), key=order)


def stays_with(files: Sequence[ListedFile], one: ListedFile, by: Installer) -> bool:
    """Whether the installer that chose this file takes it, for what METADATA says."""
    told = source(files, one, by)
    own = told.requires_python if told.inside is None else told.inside
    return by not in told.refused_by and sees(one, by) and admits(by, own, PYTHON)


def build(one: ListedFile) -> int:
    """The build tag as a number; -1 of none."""
    parts = one.filename.split("-")
    return int(parts[2]) if len(parts) == 6 else -1


def sees(one: ListedFile, by: Installer) -> bool:
    """Whether it is one for the machine, by the page."""
    return rank(one, by) is not None and admits(by, one.requires_python, PYTHON)


@given(FILES)
@settings(max_examples=scaled(250))
def test_a_release_is_usable_if_an_installer_takes_one_of_its_files(
    files: list[ListedFile],
) -> None:
    found = index_of(of_files(files)).usable("a")
    seen = {by: [f for f in files if sees(f, by)] for by in INSTALLERS}
    if not any(seen.values()):
        assert found == ()
        return
    [usable] = found
    chosen = {by: taken(files, by) for by in INSTALLERS}
    stays = {by: one for by, one in chosen.items() if one and stays_with(files, one, by)}
    assert usable.passed == tuple(by for by in INSTALLERS if by not in stays)
    assert usable.file in [*(stays or chosen).values(), *([] if stays else seen["pip"])]
    assert usable.unseen == (not seen["pip"])
    yanked = {by for by, some in seen.items() if some and all(f.yanked for f in some)}
    everywhere = all(f.yanked for some in seen.values() for f in some)
    assert usable.yanked == everywhere
    for by in INSTALLERS:
        [told] = index_of(of_files(files), reader=by).usable("a")
        assert told.yanked == (everywhere or by in yanked)
    assert usable.parts() == (len(stays) == 1 or (yanked != set() and not everywhere))
    assert usable.doubt == ""


def of_masks(files: list[ListedFile]) -> ListedRelease:
    """The release as the catalog has it: masks in the place of files."""
    facts = [
        FileFacts(parse("a", f.filename), f.requires_python, f.yanked, inside=f.inside,
                  refused_by=f.refused_by, foreign=f.foreign)
        for f in sorted(files, key=lambda f: f.filename)
    ]  # fmt: skip
    kept = keep(facts, FilePolicy(), Targets((), ()), Machines((HERE,)))
    return replace(
        release("a 1", []),
        files=(),
        serves=(kept.serves, kept.serves_yanked),
        passed=(kept.not_pip, kept.not_uv),
        unseen=kept.unseen_pip,
        outside=kept.outside_uv,
        yanked=(kept.yanked_pip, kept.yanked_uv),
        pinned=kept.pinned_uv,
    )


@given(FILES)
@settings(max_examples=scaled(250))
def test_masks_tell_what_the_files_do(files: list[ListedFile]) -> None:
    def told(one: ListedRelease) -> list[object]:
        return [
            (u.yanked, u.passed, u.unseen, u.outside, u.parts(), u.doubt)
            for by in (None, *INSTALLERS)
            for u in index_of(one, reader=by).usable("a")
        ]

    assert told(of_masks(files)) == told(of_files(files))


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_where_files_are_not_given_masks_tell(sound: int, every: int, pip: int, uv: int) -> None:
    every |= sound
    masked = replace(release("a 1", []), files=(), serves=(sound, every), passed=(pip, uv))
    for bit in (1, 2):
        found = TargetIndex(HERE, Offers({"a": [masked]}), bit=bit).usable("a")
        if not every & bit:
            assert found == ()
            continue
        [usable] = found
        assert usable.file is NO_FILE
        assert usable.yanked == (not sound & bit)
        assert usable.passed == tuple(by for by, mask in (("pip", pip), ("uv", uv)) if mask & bit)


MARKERS = (
    "", "sys_platform == 'linux'", "python_version < '3'", "extra == 'x'",
    "extra == 'y' and sys_platform == 'linux'", "extra != 'x'", "extra == 'x' or extra == 'y'",
    "extra == 'x' and python_version < '3'", "'ex' in extra",
)  # fmt: skip


@given(st.lists(st.sampled_from(MARKERS), max_size=6), st.sampled_from(("", "x", "y", "z", "ex")))
@settings(max_examples=scaled(150))
def test_what_an_extra_adds_is_what_its_marker_says(markers: list[str], extra: str) -> None:
    lines = [f"d{i}" + (f"; {marker}" if marker else "") for i, marker in enumerate(markers)]
    facts = target_index({"a 1": lines})
    found = [one.name for one in facts.needs("a", 0, extra)]
    environment = {**HERE.environment, "extra": extra}
    expected = {
        f"d{i}"
        for i, marker in enumerate(markers)
        if (not extra or "extra" in marker) and (not marker or Marker(marker).evaluate(environment))
    }
    assert set(found) == expected
    assert len(found) == len(expected)
    assert facts.needs("a", 0, extra) is facts.needs("a", 0, extra)  # worked out once


def test_what_has_still_to_be_read_is_lacking() -> None:
    offers = Offers({"a": [replace(release("a 1", ["b"]), unread=True, id=7)]}, unseen={"c"})
    facts = TargetIndex(HERE, offers)
    with pytest.raises(Lacking) as missing:
        facts.needs("a", 0, "")
    assert (missing.value.projects, set(missing.value.releases)) == (frozenset(), {7})
    with pytest.raises(Lacking) as missing:
        facts.usable("c")
    assert (set(missing.value.projects), missing.value.releases) == ({"c"}, frozenset())
    assert facts.usable("nobody") == ()


def unreadable(fault: str = "", refused: str = "") -> Requirement:
    return Requirement(UNREADABLE, "", fault=fault, refused=refused)


@pytest.mark.parametrize(
    ("needs", "pip", "uv"),
    [
        ([need("b")], "", ""),
        ([unreadable(fault="no name")], "no name", "no name"),
        ([unreadable(refused="a line it cannot read")], "a line it cannot read", ""),
        (
            [need("b @ https://h/b.whl")],
            '"b @ https://h/b.whl": a direct reference, which installers refuse from an index',
            '"b @ https://h/b.whl": a direct reference, which installers refuse from an index',
        ),
        ([need('b @ https://h/b.whl ; extra == "x"')], "", ""),
        ([need('b @ https://h/b.whl ; os_name == "nt"')], "", ""),
        (
            [need('b; implementation_name === "pypy"')],
            'the marker of "b; implementation_name === "pypy"" compares what cannot be compared',
            "",
        ),
    ],
)
def test_why_a_release_can_be_part_of_no_proof(needs: list[Requirement], pip: str, uv: str) -> None:
    stated = replace(release("a 1", []), needs=tuple(needs))
    assert index_of(stated).usable("a")[0].doubt == pip
    assert index_of(stated, reader="pip").usable("a")[0].doubt == pip
    assert index_of(stated, reader="uv").usable("a")[0].doubt == uv


@pytest.mark.parametrize(
    ("text", "fault", "refused", "stops"),
    [
        (BROKEN, "no RECORD", "", ("pip", "uv")),
        (BROKEN, "", "no RECORD", ("pip",)),
        (BROKEN_FOR_UV, "", "no RECORD", ("uv",)),
    ],
)
def test_a_wheel_stops_whom_it_stops(
    text: str, fault: str, refused: str, stops: tuple[Installer, ...]
) -> None:
    stop = Requirement(text, "", fault=fault, refused=refused)
    stated = replace(release("a 1", []), needs=(stop,))
    readers: tuple[Installer | None, ...] = (None, "pip", "uv")
    for reader in readers:
        [usable] = index_of(stated, reader=reader).usable("a")
        assert usable.doubt == ("no RECORD" if reader in (None, *stops) else "")
        assert usable.parts() == (len(stops) == 1)
    assert index_of(stated).needs("a", 0, "") == ()


def test_what_nobody_states_is_in_doubt_and_what_is_passed_over_is_not() -> None:
    silent = release("a 1", ["unknown"])
    assert index_of(silent).usable("a")[0].doubt == "nobody says what it requires"
    over = replace(silent, files=(file("py3-none-any", refused_by=("pip",)),))
    assert index_of(over, reader="pip").usable("a")[0].doubt == ""
    assert index_of(over, reader="uv").usable("a")[0].doubt == "nobody says what it requires"
    stops = replace(release("a 1", []), needs=(unreadable(fault="no name"),))
    [usable] = index_of(stops).usable("a")
    assert index_of(stops).needs("a", 0, "") == ()  # what stops there asks for nothing
    assert usable.parts() is False


@pytest.mark.parametrize(
    ("line", "differs"),
    [
        ("b", False),
        ("b; python_version >= '3.8'", False),
        ("b===1.0", True),
        ("b; python_version >= '3.x'", True),
        ("b; os_name ~= 'p'", True),
    ],
)
def test_where_pip_and_uv_read_a_requirement_differently(line: str, differs: bool) -> None:
    stated = release("a 1", [line])
    assert index_of(stated).usable("a")[0].differs is differs
    assert index_of(stated).usable("a")[0].parts() is differs
    elsewhere = replace(stated, needs=(replace(stated.needs[0], machines=(2, 2, 2)),))
    assert index_of(elsewhere).usable("a")[0].differs is False  # another machine's wheels say so


def test_to_uv_three_equal_signs_are_two() -> None:
    facts = target_index({"a 1": ["b===1.0", "c==1"]})
    assert [one.specifier for one in facts.needs("a", 0, "")] == ["===1.0", "==1"]
    by_uv = facts.read_by("uv")
    assert [one.specifier for one in by_uv.needs("a", 0, "")] == ["==1.0", "==1"]
    assert facts.read_by("pip").needs("a", 0, "") == facts.needs("a", 0, "")
    assert facts.specifiers("b") == {"===1.0", "==1.0"}


def test_what_is_asked_for_is_known_once() -> None:
    facts = target_index({"a 1": ["b<2"], "b 1": []})
    one, two = need("b>=1"), need("c")
    asking = facts.asking((one, two))
    assert asking.wanted == (one, two)
    assert asking.specifiers("b") == {"<2", ">=1"}
    assert facts.specifiers("b") == {"<2"}
    assert asking.asking((one,)) is asking
    more = need("b!=3")
    assert asking.asking((one, more)).wanted == (one, two, more)
    assert asking.read_by("uv").wanted == asking.wanted


def test_only_requirements_whose_marker_holds_apply() -> None:
    lines = ["a", "b; os_name == 'nt'", "c; extra == 'x'", "d; python_version > '3'"]
    facts = target_index({})
    assert [one.name for one in facts.applying(map(need, lines))] == ["a", "d"]


def test_an_offer_tells_all_files_and_all_specifiers() -> None:
    listed = replace(
        release("a 1", ["b<2", "b>1", "c"]),
        files=(file("py3-none-any", requires_python=">=3", inside="<4"), file("")),
    )
    offers = Offers({"a": [listed]}, indexes={"a": "corp", "b": "endpoint"})
    tagged = [TaggedFile(one.tags, (one.requires_python, one.inside)) for one in listed.files]
    assert offers.files("a") == [OfferedFile("1", one) for one in tagged]
    assert offers.files("b") == []
    more = [OfferedFile("0", tagged[0])]
    assert replace(offers, look_up=lambda name: more if name == "a" else []).files("a") == more
    assert (offers.asked("b"), offers.asked("c"), offers.asked("d")) == ({"<2", ">1"}, {""}, set())
    assert [offers.place(name) for name in "abc"] == [" on the index corp", "", ""]


@given(st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True),
       st.from_regex(r"([a-z0-9]([a-z0-9-]{0,5}))?", fullmatch=True))  # fmt: skip
def test_a_package_is_a_project_and_perhaps_an_extra(name: str, extra: str) -> None:
    assert unpacked(package(name, extra)) == (name, extra)
    assert package(name, "") == name
    assert package("a", "x") == "a[x]"
