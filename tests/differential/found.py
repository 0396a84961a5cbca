"""Indexes on which a verdict was wrong once, or a client installed something else from the mirror.

Each stands for its kind, with the verdict that is right.
"""

from tests.differential.cases import Ask, Case, root
from tests.differential.wheels import Release

_OLDER = ">=3.12"  # for no Python of the clients
_ADDRESS = "@ http://127.0.0.1:9/dep-1.0-py3-none-any.whl"  # where nothing listens
_LATER = (("requires-python", None),)  # the page does not say what METADATA does


def _case(told: str, *releases: Release, extra: str = "", pin: str = "") -> Case:
    """An index whose root is its app."""
    prefix = releases[0].project.partition("-")[0]
    return Case(prefix, releases, (told,), (root(f"{prefix}-app{extra}", pin),))


def _wheel(release: str, tag: str, *requires: str, yanked: object = False) -> Release:
    """One of several wheels of a release."""
    name, _, version = release.partition(" ")
    filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return Release(name, version, requires, filename=filename, entry=(("yanked", yanked),))


def _two_extras(release: str, *requires: str) -> Release:
    name, _, version = release.partition(" ")
    return Release(name, version, requires, extras=("x", "y"))


FOUND: dict[str, tuple[str, Case]] = {
    case.told[0]: (verdict, case)
    for verdict, case in (
        (
            "blocked",
            _case(
                "a release stops uv, and pip goes back to an older app",
                Release("c0-app", "2.0", ("c0-lib",)),
                Release("c0-app", "1.0"),
                Release("c0-lib", "2.0rc1", packed="a script continued"),
                Release("c0-lib", "1.0", ("c0-lib[Fast]>=1;",)),
            ),
        ),
        (
            "blocked",
            _case(
                "a requirement of two extras, one of which is not declared",
                Release(
                    "c1-app", "1.0", ('c1-lib>1; extra == "fast" or extra == "x"',), extras=("x",)
                ),
                Release("c1-lib", "1.0"),
                extra="[fast]",
            ),
        ),
        (
            "proven",
            _case(
                "an extra that METADATA does not declare",
                Release("c2-app", "2.0", ('c2-lib>1; extra == "fast"',)),
                Release("c2-app", "1.0"),
                Release("c2-lib", "1.0"),
                extra="[fast]",
            ),
        ),
        (
            "blocked",
            _case(
                "a pinned release whose best wheel is yanked: to uv it is not",
                _wheel("c3-app 2.0", "py311-none-any", "nothing-9", yanked=True),
                _wheel("c3-app 2.0", "py3-none-any"),
                pin="2.0",
            ),
        ),
        (
            "proven",
            _case(
                "the same release where no root pins it",
                _wheel("c4-app 2.0", "py311-none-any", "nothing-9", yanked=True),
                _wheel("c4-app 2.0", "py3-none-any"),
            ),
        ),
        (
            "proven",
            _case(
                "yanked wheels of which one states a reason, beside a sound sdist",
                _wheel("c5-app 2.0", "py2-none-any", "nothing-9", yanked="why"),
                _wheel("c5-app 2.0", "cp311-cp311-win_amd64", yanked=True),
                Release("c5-app", "2.0", sdist="static"),
            ),
        ),
        (
            "blocked",
            _case(
                "an sdist of another project inside",
                Release("c6-app", "2.0", sdist="static", name="other"),
                Release("c6-app", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "a requirement that uv mends and pip refuses",
                Release("c7-app", "2.0", ("c7-lib (<=0.29.*)",)),
                Release("c7-app", "1.0"),
                Release("c7-lib", "0.28"),
            ),
        ),
        (
            "blocked",
            _case(
                "METADATA of another version: pip takes an older release, and uv stops",
                Release("c8-app", "1.0", ("c8-lib",)),
                Release("c8-lib", "2.0", says="1.5"),
                Release("c8-lib", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "a Requires-Python of METADATA on which the page is silent",
                Release("c9-app", "1.0", ("c9-lib",)),
                Release("c9-lib", "2.0", inside=_OLDER, entry=_LATER),
                Release("c9-lib", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "a Requires-Python that uv cannot read",
                Release("c10-app", "1.0", ("c10-lib",)),
                Release("c10-lib", "2.0", entry=(("requires-python", "3.x"),)),
                Release("c10-lib", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "wheels of one release that state different requirements",
                _wheel("c11-app 2.0", "py3-none-any", "nothing-9"),
                _wheel("c11-app 2.0", "py311-none-any", "c11-lib"),
                Release("c11-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "METADATA rules a final out: uv takes the pre-release and pip does not",
                Release("c12-app", "1.0", ("c12-lib",)),
                Release("c12-lib", "2.0rc1"),
                Release("c12-lib", "1.0", inside=_OLDER, entry=_LATER),
            ),
        ),
        (
            "blocked",
            _case(
                "a wheel without WHEEL that pip opens and would not take",
                Release("c13-app", "1.0", ("c13-lib",)),
                Release("c13-lib", "2.0", ("nothing-9",), packed="no WHEEL", serves_metadata=False),
                Release("c13-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "a wheel without WHEEL whose METADATA pip would pass over, but opens",
                Release("c14-app", "1.0", ("c14-lib",)),
                Release(
                    "c14-lib",
                    "2.0",
                    ("c14-lib (<=1.9.*)",),
                    packed="no WHEEL",
                    serves_metadata=False,
                ),
                Release("c14-lib", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "the Requires-Python of an sdist that is built, on which the page is silent",
                Release("c15-app", "1.0", ("c15-lib",)),
                _wheel("c15-lib 2.0", "cp311-cp311-win_amd64"),
                Release("c15-lib", "2.0", sdist="dynamic", inside=_OLDER, entry=_LATER),
                Release("c15-lib", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "a wheel with a damaged member that pip opens and would not take",
                Release("c16-app", "1.0", ("c16-lib",)),
                Release(
                    "c16-lib",
                    "2.0",
                    ("nothing-9",),
                    packed="another name in the local header",
                    serves_metadata=False,
                ),
                Release("c16-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "METADATA of another project, which uv reads and would not take",
                Release("c17-app", "1.0", ("c17-lib",)),
                Release("c17-lib", "2.0", ("nothing-9",), name="other"),
                Release("c17-lib", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "METADATA of another version, which uv reads and would not take",
                Release("c18-app", "1.0", ("c18-lib",)),
                Release("c18-lib", "2.0", ("nothing-9",), says="1.5"),
                Release("c18-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "an sdist whose Requires-Python uv cannot read, and which it would not take",
                Release("c19-app", "1.0", ("c19-lib",)),
                Release(
                    "c19-lib", "2.0", ("nothing-9",), sdist="static", inside="3.x", entry=_LATER
                ),
                Release("c19-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "an extra that needs an address, and an older release without it",
                Release("c20-app", "1.0", ("c20-lib[x]",)),
                Release("c20-lib", "2.0", (f'c20-dep {_ADDRESS} ; extra == "x"',), extras=("x",)),
                Release("c20-lib", "1.0", extras=("x",)),
                Release("c20-dep", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "the same of an extra that another one asks for, and no older release",
                Release("c21-app", "1.0", ("c21-lib[all]",)),
                Release(
                    "c21-lib",
                    "2.0",
                    (f'c21-dep {_ADDRESS} ; extra == "x"', 'c21-lib[x] ; extra == "all"'),
                    extras=("x", "all"),
                ),
                Release("c21-dep", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "a release that needs an address, and would not be taken",
                Release("c22-app", "1.0", ("c22-lib",)),
                Release("c22-lib", "2.0", (f"c22-dep {_ADDRESS}", "nothing-9")),
                Release("c22-lib", "1.0"),
                Release("c22-dep", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "a marker without a value, at which pip stops though it would leave the release",
                Release("c23-app", "1.0", ("c23-lib",)),
                Release("c23-lib", "2.0", ("nothing-9", "c23-lib; os_name ~= 'x'")),
                Release("c23-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "a build for which uv alone finds an older release",
                Release("c24-app", "1.0", sdist="static", builds_with=("c24-lib",)),
                Release("c24-lib", "1.0", ("c24-lib; os_name ~= 'x'", "c24-dep")),
                Release("c24-dep", "2.0", ("nothing-9",)),
                Release("c24-dep", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "an sdist that uv alone comes to, and what is needed to build it",
                Release("c25-app", "1.0", ("c25-app; os_name ~= 'x'", "c25-lib")),
                Release("c25-lib", "1.0", sdist="static", builds_with=("c25-dep",)),
                Release("c25-dep", "2.0", ("nothing-9",)),
                Release("c25-dep", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "an sdist that uv alone comes to, for pip ends its search, and what builds it",
                Release(
                    "c26-app", "2.0rc1", ("c26-app>=1",), sdist="static", builds_with=("c26-dep",)
                ),
                Release("c26-app", "0.9", ("nothing-9",)),
                Release("c26-dep", "2.0", ("nothing-9",)),
                Release("c26-dep", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "METADATA of another project, which uv reads before it decides on an older one",
                Release("c27-app", "1.0", ("c27-oth==1", "c27-lib")),
                Release("c27-oth", "1.0", ("c27-lib<2",)),
                Release("c27-lib", "2.0", name="other"),
                Release("c27-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "an sdist that needs an address first, and a wheel beside it that does not",
                Release("c28-app", "1.0", ("c28-lib",)),
                _wheel("c28-lib 2.0", "cp311-cp311-win_amd64", "nothing-9"),
                Release("c28-lib", "2.0", (f"c28-dep {_ADDRESS}", "nothing-9"), sdist="static"),
                Release("c28-lib", "1.0"),
                Release("c28-dep", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "an address that uv cannot read, behind a marker that does not hold",
                Release("c29-app", "1.0", ("c29-lib",)),
                Release("c29-lib", "2.0", ("c29-dep @ http://127.0.0.1:9/dep ; os_name == 'x'",)),
                Release("c29-lib", "1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "an address that ends at a semicolon for uv, and pip cannot read",
                Release("c30-app", "1.0", ("c30-lib",)),
                Release("c30-lib", "2.0", (f"c30-dep {_ADDRESS}; os_name == 'x'",)),
                Release("c30-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "an address before a comment stops uv, and pip takes an older release",
                Release("c31-app", "1.0", ("c31-lib",)),
                Release("c31-lib", "2.0", (f"c31-dep {_ADDRESS} # said",)),
                Release("c31-lib", "1.0"),
            ),
        ),
        (
            "blocked",
            _case(
                "a marker without a value, of an extra that METADATA does not declare",
                Release("c32-app", "1.0", ("c32-lib",)),
                Release("c32-lib", "2.0", ("c32-dep; os_name ~= 'x' and extra == 'x'",)),
                Release("c32-dep", "1.0"),
            ),
        ),
        (
            "blocked",
            Case(
                "c33",
                (
                    *(Release("c33-lib", f"{number}.0", ("nothing-9",)) for number in range(4, 9)),
                    Release("c33-lib", "3.0"),
                    Release("c33-lib", "2.0", name="other"),
                ),
                ("METADATA of another project, older than what uv takes once it has tried many",),
                (Ask("c33-lib>=0", ("c33-lib>=0",), "c33-lib", ">=0"),),
            ),
        ),
        (
            "blocked",
            _case(
                "an extra that needs an address, before what the release itself needs in vain",
                Release("c34-app", "1.0", ("c34-lib[x]",)),
                _two_extras("c34-lib 2.0", 'c34-d @ http://127.0.0.1:9 ; extra == "x"', "none-9"),
                _two_extras("c34-lib 1.0"),
            ),
        ),
        (
            "proven",
            _case(
                "a release that uv does not try, and whose absence changes what it tries",
                Release("c35-app", "1.0", ("c35-e>=1", "c35-d[y]<3", "c35-c[x]>=1")),
                *(_two_extras(f"c35-{one}") for one in ("c 1.0", "e 1.0", "e 2.0")),
                _two_extras("c35-c 2.0", "c35-d[x,y]"),
                _two_extras("c35-c 3.0", "c35-d==1.0"),
                _two_extras("c35-d 0.5", 'c35-e[x]==1.0; extra == "x"'),
                _two_extras("c35-d 1.0", 'c35-e[x]<2; extra == "y"'),
                _two_extras("c35-d 2.0", "c35-e[y]<2"),
            ),
        ),
    )
}
