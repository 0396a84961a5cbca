"""Proven pins as files: what is written is what PypiSync itself reads as a group."""

import tomllib
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.tags import parse_tag
from packaging.version import Version

from pypisync.core.resolve import export
from pypisync.core.resolve.index import ListedFile, ListedRelease
from pypisync.core.resolve.prover import Installed
from pypisync.core.resolve.target_index import Usable
from pypisync.core.standards import versions
from pypisync.core.wanted import lock_files, requirements_txt
from pypisync.core.wanted.groups import Group, TextFile
from tests.core.universes import HERE
from tests.deep import scaled

NAMES = st.sampled_from(("a", "b-c", "zope-interface", "x1"))
TEXTS = st.sampled_from(("1.0", "2!1.0", "1.0rc1", "1.0.post1", "1.0+cu118", "2026.1"))
PYTHONS = st.sampled_from((None, ">=3.8", "<4,>=3.6", "no specifier"))
TAGS = ("py3-none-any", "cp311-cp311-manylinux_2_17_x86_64", None)
PLACE = "https://mirror.example/files"


@st.composite
def pins(draw: st.DrawFn) -> list[Installed]:
    """Releases with one to three files, wheels or an sdist."""
    found = []
    for name in draw(st.lists(NAMES, max_size=4, unique=True)):
        version = Version(draw(TEXTS))
        files = tuple(
            listed(f"{name.replace('-', '_')}-{version}", tag, draw(PYTHONS))
            for tag in draw(st.lists(st.sampled_from(TAGS), min_size=1, max_size=3, unique=True))
        )
        key = versions.key(version)
        release = ListedRelease(name, str(version), key, version.is_prerelease, files, ())
        found.append(Installed(name, (), Usable(release, files[0], yanked=False, doubt="")))
    return found


def listed(stem: str, tag: str | None, python: str | None) -> ListedFile:
    """A file that is listed; without a tag it is an sdist."""
    filename = f"{stem}.tar.gz" if tag is None else f"{stem}-{tag}.whl"
    digest = sha256(filename.encode()).hexdigest()
    tags = None if tag is None else parse_tag(tag)
    path = f"packages/{digest[:2]}/{filename}"
    return ListedFile(filename, path, digest, 1000, tags, python, yanked=False)


def named(group: Group) -> dict[tuple[str, str], set[str]]:
    """The digests of the files that a group names, by release."""
    return {(one.name, one.version): {file.sha256 for file in one.files} for one in group.locked}


def expected(pins: list[Installed]) -> dict[tuple[str, str], set[str]]:
    """The same of the pins."""
    return {
        (pin.name, pin.usable.release.version): {file.sha256 for file in pin.usable.release.files}
        for pin in pins
    }


@given(pins())
@settings(max_examples=scaled(100))
def test_a_pylock_is_read_again(chosen: list[Installed]) -> None:
    text = export.pylock_toml(chosen, HERE, PLACE)
    form = lock_files.format_of("pylock.toml")
    assert form is not None
    group, found = lock_files.parse("pylock.toml", TextFile("pylock.toml", "p", text), form)
    assert found.faults == []
    assert named(group) == expected(chosen)


@given(pins())
@settings(max_examples=scaled(100))
def test_a_requirements_file_with_hashes_is_read_again(chosen: list[Installed]) -> None:
    text = "\n".join(export.requirements_txt(chosen))

    def include(name: str, _: TextFile) -> TextFile:
        raise AssertionError(name)

    source = TextFile("r.txt", "r", text)
    group, found = requirements_txt.parse("r.txt", source, include, resolve=False)
    assert found.faults == []
    assert named(group) == expected(chosen)


def test_a_pylock_says_where_its_files_are_and_what_it_is_for() -> None:
    wheel, sdist = listed("a-1.0", TAGS[1], ">=3.8"), listed("a-1.0", None, None)
    release = ListedRelease("a", "1.0", versions.key(Version("1.0")), False, (sdist, wheel), ())
    pin = Installed("a", (), Usable(release, wheel, yanked=False, doubt=""))

    def entry(file: ListedFile) -> dict[str, object]:
        return {
            "name": file.filename,
            "url": f"{PLACE}/{file.path}",
            "size": 1000,
            "hashes": {"sha256": file.sha256},
        }

    for place in (PLACE, f"{PLACE}/"):
        assert tomllib.loads(export.pylock_toml([pin], HERE, place)) == {
            "lock-version": "1.0",
            "environments": [
                (
                    'sys_platform == "linux" and platform_machine == "x86_64" and '
                    'implementation_name == "cpython"'
                )
            ],
            "requires-python": "==3.11.*",
            "created-by": "pypisync",
            "packages": [
                {
                    "name": "a",
                    "version": "1.0",
                    "requires-python": ">=3.8",
                    "sdist": entry(sdist),
                    "wheels": [entry(wheel)],
                }
            ],
        }
