"""Indexes on which a verdict was wrong once, or a client installed something else from the mirror.

Each stands for its kind, with the verdict that is right.
"""

from tests.differential.cases import Case, root
from tests.differential.wheels import Release

_OLDER = ">=3.12"  # for no Python of the clients
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
    )
}
