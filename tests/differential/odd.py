"""What is drawn: small indexes with a few oddities, each told in words that rebuild it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.differential.cases import Case, root
from tests.differential.odd_texts import OPERATORS, PYTHONS, SPECIFIERS, VALUES, VARIABLES
from tests.differential.wheels import HEADERS, Release
from tests.sim.dists import SdistMetadata
from tests.sim.inside_words import INSIDES

MINOR = "3.11"
_NAMES = ("{0}", "{0}.", "{0} ", "{1}", "{2}", "-{0}")
_SAYS = (
    "2.0",
    "2",
    "2.0.0",
    "v2.0",
    "2.0+local",
    "3.0",
    "1.0",
    "2.0-1",
    "2.0.post0",
    "x",
    "2.0 ",
    "02.0",
)


_OF_EXTRA = (
    'extra == "fast"',
    '"Fast" == extra',
    'extra == "fast" and python_version > "3"',
    '(extra == "fast" and os_name == "posix") or python_version < "3"',
    'extra == "fast" or os_name == "posix"',
    'extra != "fast"',
)
_OTHERS = (
    "py311-none-any",
    "py2.py3-none-any",
    "1-py3-none-any",
    "2-py3-none-any",
    "10-py3-none-any",
    "1a-py3-none-any",
    "cp311-none-any",
    "py312-none-any",
    "py39-none-any",
    "cp311-abi3-manylinux_2_17_x86_64",
)
_MISFITS = (
    "py2-none-any",
    "py312-none-any",
    "cp312-cp312-manylinux_2_17_x86_64",
    "cp311-cp311d-manylinux_2_17_x86_64",
    "cp311-cp311-win_amd64",
    "py3-none-macosx_11_0_arm64",
    "cp311-cp310-win_amd64",
    "py3-none-any",
    "py311-none-any",
)
_KINDS_OF_SDISTS: Sequence[SdistMetadata] = ("static", "static", "static", "dynamic", "none")
# A checksum tells nothing until all is unpacked.
PACKED = sorted(INSIDES.keys() - {"a wrong checksum", "a wrong size in the directory"})


def drawn(number: int, seed: int) -> Case:
    """Returns draw ``number`` of a seed; the same every time."""
    draw = random.Random(f"{seed} {number}")
    prefix = f"c{number}"
    app, lib = f"{prefix}-app", f"{prefix}-lib"
    extra = draw.random() < 0.2
    found = {
        "app 2": Release(app, "2.0", (lib,), extras=("fast",) if extra else ()),
        "app 1": Release(app, "1.0"),
        "lib 2": Release(lib, "2.0"),
        "lib 1": Release(lib, "1.0"),
    }
    told = []
    places = ["app 2", "app 2", "lib 2", "lib 2", "lib 1", "app 1"]
    if draw.random() < 0.25:
        found["lib 2"] = replace(found["lib 2"], version="2.0rc1")
        told.append("lib 2.0: is a pre-release")
    share = draw.random()
    if share < 0.15:
        dep = f"{prefix}-dep"
        found["dep"] = Release(dep, "1.0")
        where = draw.choice(("app 2", "lib 2", "lib 2"))
        made, words = _built(draw, found.pop(where), dep)
        found |= {f"other {number}": one for number, one in enumerate(made)}
        told.append(f"{where}.0: {words}")
        places = ["app 1", "lib 1"]
        if made[-1].sdist == "static":  # else no file may require what the others do not
            places += [name for name in found if name.startswith("other")]
    elif share < 0.45:
        where = draw.choice(("app 2", "lib 2", "lib 2"))
        found["other"], words = _other(draw, found[where])
        told.append(f"{where}.0: {words}")
        places += ["other", "other", "other"]
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3)) if share >= 0.15 else draw.choice((0, 0, 1))):
        kind = draw.choice(KINDS)
        where = draw.choice([name for name in places if name in found])
        if found[where].sdist and kind in _OF_WHEELS:
            continue
        found[where], words = kind(draw, found[where], lib)
        told.append(f"{where}.0: {words}")
    if draw.random() < 0.3:
        del found[draw.choice(("app 1", "lib 1"))]
    name = f"{app}[fast]" if extra else app
    yanks = any(dict(one.entry).get("yanked") for one in found.values())  # uv takes pins otherwise
    pin = "2.0" if draw.random() < (0.5 if yanks else 0.05) else ""
    told += [f"the root is =={pin}"] if pin else []
    return Case(prefix, tuple(found.values()), tuple(told), (root(name, pin),))


def left(number: int, seed: int) -> Case:
    """Returns a draw whose newest lib needs what nobody has: installers read it, and leave it."""
    case = drawn(number, seed)
    draw = random.Random(f"{seed} {number} left")
    first = draw.random() < 0.5
    releases = []
    for one in case.releases:
        if one.project.endswith("-lib") and one.version != "1.0":
            needs = ("nothing-9", *one.requires) if first else (*one.requires, "nothing-9")
            one = replace(one, requires=needs)  # noqa: PLW2901 - the one that goes into the index
        releases.append(one)
    told = (*case.told, f"lib 2.0: needs what nobody has, {'first' if first else 'last'}")
    return replace(case, releases=tuple(releases), told=told)


Changed = tuple[Release, str]


def _other(draw: random.Random, release: Release) -> Changed:
    """A second wheel of a release."""
    tag = draw.choice(_OTHERS)
    filename = f"{release.stem}-{tag}.whl"
    entry: tuple[tuple[str, object], ...] = ()
    said = f"has {filename} as well"
    if draw.random() < 0.3:
        entry, said = (("yanked", True),), f"{said}, yanked"
    if draw.random() < 0.4:
        text = draw.choice((">=3.12", "<3.11", ">=3.8"))
        inside = draw.choice((None, text))
        entry = (*entry, ("requires-python", text))
        said = f"{said}, for Python {text}{', by METADATA too' * (inside is not None)}"
        release = replace(release, inside=inside)
    if draw.random() < 0.15:
        release, said = replace(release, name="other"), f"{said}, with METADATA of another project"
    return replace(release, filename=filename, entry=entry), said


def _built(draw: random.Random, release: Release, dep: str) -> tuple[list[Release], str]:
    """The release with wheels that often fit nowhere, and an sdist with METADATA of its own."""
    made = []
    said = []
    for tag in draw.sample(_MISFITS, draw.choice((1, 1, 2, 3))):
        entry: tuple[tuple[str, object], ...] = ()
        if draw.random() < 0.3:
            entry = (("yanked", draw.choice((True, "why"))),)  # uv's order depends on reasons
        one = _differing(draw, replace(release, filename=f"{release.stem}-{tag}.whl"), dep)
        made.append(replace(one, entry=(*one.entry, *entry)))
    kind = draw.choice(_KINDS_OF_SDISTS)
    made.append(_differing(draw, replace(release, sdist=kind), dep))
    if kind != "static":  # what such an sdist requires is told by the wheels alone
        alike = made[0].requires, made[0].inside
        made = [replace(one, requires=alike[0], inside=alike[1]) for one in made]
    for one in made:
        said.append(f"{one.called} ({one.requires}, Python {one.inside}, {one.entry})")
    return made, f"has {kind} {', '.join(said)}"


def _differing(draw: random.Random, release: Release, dep: str) -> Release:
    requires = draw.choice((release.requires, (*release.requires, dep), ("nothing-9",)))
    inside = draw.choice((None, None, None, ">=3.12", ">=3.8"))
    silent = inside is not None and draw.random() < 0.4  # what METADATA says the page does not
    entry = (("requires-python", None),) if silent else ()
    return replace(release, requires=requires, inside=inside, entry=entry)


def _requirement(draw: random.Random, release: Release, lib: str) -> Changed:
    name = draw.choice((lib, lib, lib.upper(), lib.replace("-", "_"), lib.replace("-", ".")))
    line = name + draw.choice(("", " ", "[x]", "[Fast]")) + draw.choice(SPECIFIERS)
    return replace(release, requires=(line,)), f"asks for {line!r}"


def _marker(draw: random.Random, release: Release, lib: str) -> Changed:
    marker = atom(draw)
    while draw.random() < 0.3:
        marker = f"{marker} {draw.choice(('and', 'or'))} {atom(draw)}"
    line = f"{lib}; {marker}"
    return replace(release, requires=(line,)), f"asks for {line!r}"


def _of_extra(draw: random.Random, release: Release, lib: str) -> Changed:
    """A requirement of an extra, which METADATA may not declare."""
    line = f"{lib}{draw.choice(('', '<2', '>9'))}; {draw.choice(_OF_EXTRA)}"
    extras = draw.choice(((), ("fast",), ("Fast",), ("other",)))
    said = f"asks for {line!r} and declares {extras}"
    return replace(release, requires=(line,), extras=extras), said


def atom(draw: random.Random) -> str:
    """One comparison of a marker."""
    left, right = draw.choice(VARIABLES), f"{draw.choice(VALUES)!r}"
    if draw.random() < 0.2:
        left, right = right, left
    return f"{left} {draw.choice(OPERATORS)} {right}"


def _python_inside(draw: random.Random, release: Release, _: str) -> Changed:
    text = draw.choice(PYTHONS)
    return replace(release, inside=text), f"METADATA's Requires-Python is {text!r}"


def _python_on_page(draw: random.Random, release: Release, _: str) -> Changed:
    text = draw.choice(PYTHONS)
    inside = draw.choice((None, text))
    entry = (*release.entry, ("requires-python", text))
    said = f"the page's Requires-Python is {text!r}{', METADATA has it too' * (inside is not None)}"
    return replace(release, inside=inside, entry=entry), said


def _header(draw: random.Random, release: Release, _: str) -> Changed:
    header = draw.choice(list(HEADERS))
    return replace(release, header=header), f"METADATA has {header}"


def _said(draw: random.Random, release: Release, _: str) -> Changed:
    if draw.random() < 0.5:
        says = draw.choice(_SAYS)
        return replace(release, says=says), f"METADATA is of version {says!r}"
    name = release.project
    name = draw.choice(_NAMES).format(name, name.upper(), name.replace("-", "_"))
    return replace(release, name=name), f"METADATA is of {name!r}"


def _packed(draw: random.Random, release: Release, _: str) -> Changed:
    """What needs METADATA of some form finds none in what another oddity has left of it."""
    packed = draw.choice(PACKED)
    if packed.startswith("METADATA") and (release.header or release.says or release.name):
        packed = "no RECORD"
    served = draw.random() < 0.8 or "bzip2" in packed or packed in {"LZMA", "descriptors, stored"}
    said = f"the wheel: {packed}{', no .metadata' * (not served)}"
    return replace(release, packed=packed, serves_metadata=served), said


def _named(draw: random.Random, release: Release, _: str) -> Changed:
    stem, name = release.project.replace("-", "_"), release.project
    filename = draw.choice(
        (
            "{0}-{1}-1-py3-none-any.whl",
            "{0}-{1}-py2.py3-none-any.whl",
            "{0}-{1}-py3-none-any.WHL",
            "{2}-{1}-py3-none-any.whl",
            "{0}-{1}+local-py3-none-any.whl",
            "{0}-v{1}-py3-none-any.whl",
            "{0}-{1}.0-py3-none-any.whl",
            "{0}-{1}-cp311-cp311-linux_x86_64.whl",
            "{0}-{1}-cp311-abi3-manylinux1_x86_64.whl",
            "{0}-{1}-cp39-abi3-manylinux_2_17_x86_64.whl",
            "{0}-{1}-py3-none-linux_x86_64.whl",
            "{0}-{1}-py311-none-any.whl",
            "{0}-{1}-py312-none-any.whl",
            "{0}-{1}-cp311-none-any.whl",
            "{0}-{1}-py3-none-win_amd64.whl",
            "{3}-{1}-py3-none-any.whl",
            "{0}-{1}-py3-none-any.whl.zip",
            "{0}-{1}-1a-py3-none-any.whl",
            "{0}-{1}-x-py3-none-any.whl",
            "{0}-{1}-py30-none-any.whl",
            "{0}-{1}-py39-none-any.whl",
            "{0}-{1}-cp310-none-any.whl",
            "{0}-{1}-cp3-none-any.whl",
            "{0}-{1}-py3-abi3-any.whl",
            "{0}-{1}-py3-None-any.whl",
            "{0}-{1}-PY2.py3-none-any.whl",
            "{0}-{1}-cp311-CP311-manylinux_2_17_x86_64.whl",
            "{0}-{1}rc1-py3-none-any.whl",
            "{0}-{1}.dev0-py3-none-any.whl",
            "{0}-{1}_1-py3-none-any.whl",
            "{0}-{1}.post1-py3-none-any.whl",
            "{0}-1!{1}-py3-none-any.whl",
        )
    ).format(stem, release.version, stem.upper(), name.replace("-", "."))
    return replace(release, filename=filename), f"is named {filename}"


def _key(draw: random.Random, release: Release, _: str) -> Changed:
    key, value = draw.choice(
        (
            ("hashes", {}),
            ("hashes", None),
            ("hashes", ...),
            ("hashes", "SHA256 IN UPPER CASE"),
            ("hashes", {"sha256": "0"}),
            ("hashes", {"blake2b": "ab"}),
            ("size", None),
            ("size", "7"),
            ("size", -1),
            ("size", 7.5),
            ("size", ...),
            ("upload-time", None),
            ("upload-time", ""),
            ("upload-time", "yesterday"),
            ("upload-time", 7),
            ("upload-time", "2024-01-01T00:00:00"),
            ("upload-time", ...),
            ("yanked", True),
            ("yanked", "why"),
            ("yanked", None),
            ("yanked", {}),
            ("yanked", {"a": 1}),
            ("yanked", ["x"]),
            ("yanked", 1),
            ("yanked", 0),
            ("yanked", "\\ud800"),
            ("requires-python", None),
            ("requires-python", 3.8),
            ("requires-python", ["3"]),
            ("core-metadata", True),
            ("core-metadata", False),
            ("core-metadata", {}),
            ("core-metadata", {"md5": "0" * 32}),
            ("core-metadata", "sha256=ab"),
            ("core-metadata", None),
            ("core-metadata", ...),
            ("core-metadata", {"sha256": "0" * 64}),
            ("dist-info-metadata", {"sha256": "0" * 64}),
            ("provenance", {}),
            ("provenance", "x"),
            ("provenance", 7),
            ("gpg-sig", "x"),
            ("gpg-sig", None),
            ("unknown", {"deep": [1]}),
            ("url", "RELATIVE"),
            ("url", "QUERY"),
            ("url", "FRAGMENT"),
        )
    )
    entry = (*release.entry, (key, value))
    return replace(release, entry=entry), f"its entry's {key} is {value!r}"


_OF_WHEELS = (_header, _packed, _named)  # not of sdists
KINDS: Sequence[Callable[[random.Random, Release, str], Changed]] = (
    _requirement,
    _requirement,
    _of_extra,
    _marker,
    _marker,
    _python_inside,
    _python_on_page,
    _header,
    _said,
    _packed,
    _named,
    _key,
    _key,
)
