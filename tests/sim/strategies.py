"""Small random universes and random upstream changes, for Hypothesis.

An operation is a plain value, so that a failing example reads as a list of what happened; one
that does not fit the world (a yank of what is not there) does nothing, so that shrinking stays
free. Versions are few and collide on purpose, requirements may name what does not exist.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from packaging.utils import canonicalize_name

from tests.sim.state import Project, Release
from tests.sim.world import World

NAMES = ("alpha", "beta", "gamma", "delta", "eps-ilon", "zeta", "eta", "theta")
VERSIONS = ("0.9", "1.0", "1.1", "2.0b1", "2.0")
EXTRAS = ("fast", "doc-s")
WHEELS = (
    "py3-none-any",
    "cp311-cp311-manylinux_2_17_x86_64",
    "cp313-cp313-manylinux_2_17_x86_64",
    "cp313-cp313-win_amd64",
    "cp39-abi3-macosx_11_0_arm64",
)
_WHEEL_SETS = (WHEELS[:1], WHEELS[:1], WHEELS[1:2], WHEELS[1:4], WHEELS[2:], (*WHEELS[:2],))
PYTHONS = (None, ">=3.8", ">=3.12", "<3.12", ">=3.9,!=3.11.*")
SPECIFIERS = ("", "", ">=1", "<2", "==1.0", "!=1.1", "~=1.0", ">=2.0b1", ">2", "===1.0", "==1.*")
MARKERS = (
    "",
    "",
    "",
    'python_version < "3.12"',
    'python_version >= "3.12"',
    'sys_platform == "win32"',
    'sys_platform != "win32" and implementation_name == "cpython"',
    'platform_machine in "arm64 aarch64"',
)

# When a change means anything; what is not named here always does.
_RELEASE_NEEDS: dict[str, Callable[[Release], bool]] = {
    "yank": lambda release: release.yanked is None,
    "unyank": lambda release: release.yanked is not None,
    "remove_file": lambda release: bool(release.files),
    "remove_release": lambda release: True,
    "quarantine_release": lambda release: not release.quarantined,
    "clear_release_quarantine": lambda release: release.quarantined,
}
_PROJECT_NEEDS: dict[str, Callable[[Project], bool]] = {
    "create": lambda project: False,
    "quarantine": lambda project: project.status != "quarantined",
    "clear_quarantine": lambda project: project.status == "quarantined",
    "archive": lambda project: project.status == "active",
    "deprecate": lambda project: project.status in ("active", "archived"),
    "unarchive": lambda project: project.status in ("archived", "deprecated"),
}
_BY_RELEASE = tuple(method for method in _RELEASE_NEEDS if method != "yank")
# Hashes that an index states of a file, instead of a SHA-256.
_STATED: tuple[tuple[str, ...], ...] = ((), ("md5",), ("sha512", "md5"))
_BY_PROJECT = (
    "remove_project",
    "quarantine",
    "clear_quarantine",
    "archive",
    "deprecate",
    "unarchive",
    "role_change",
)


@dataclass(frozen=True, slots=True)
class Op:
    """One change upstream: a method of the world and its arguments."""

    method: str
    args: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def apply(self, world: World) -> bool:
        """Make the change, if it fits; whether it did."""
        project = world.projects.get(canonicalize_name(self.args[0]))
        if not _fits(self, project):
            return False
        method, args = self.method, self.args
        if method == "remove_file":
            assert project is not None
            args = (*args, project.releases[args[1]].files[0].filename)
        try:
            getattr(world, method)(*args, **self.options)
        except ValueError:  # the filename was used before
            return False
        return True


def names(limit: int = len(NAMES)) -> SearchStrategy[str]:
    """A project's name."""
    return st.sampled_from(NAMES[:limit])


def requirements(limit: int = len(NAMES)) -> SearchStrategy[str]:
    """One ``Requires-Dist`` line, on a project that may not exist."""
    return st.builds(
        _requirement,
        names(limit),
        st.sampled_from(("", "", "", *EXTRAS)),
        st.sampled_from(SPECIFIERS),
        st.sampled_from(MARKERS),
    )


def publications(limit: int = len(NAMES)) -> SearchStrategy[Op]:
    """The upload of a release, or of more files to one."""
    needs = st.lists(requirements(limit), max_size=2).map(tuple)
    options = st.fixed_dictionaries(
        {
            "requires": needs,
            "requires_python": st.sampled_from(PYTHONS),
            "wheels": st.sampled_from(_WHEEL_SETS),
        },
        optional={
            "extras": st.dictionaries(st.sampled_from(EXTRAS), needs, max_size=1),
            "metadata": st.just(False),
            "hashes": st.sampled_from(_STATED),
        },
    )
    source = st.fixed_dictionaries(
        {
            "sdist": st.just(True),
            "build_requires": st.sampled_from((None, (), ("alpha",), ("beta>=1", "gamma"))),
            "sdist_metadata": st.sampled_from(("static", "static", "dynamic", "none")),
        },
        optional={"wheels": st.just(())},
    )
    options = st.one_of(
        options, options, st.tuples(options, source).map(lambda two: two[0] | two[1])
    )
    return st.builds(
        lambda name, version, chosen: Op("publish", (name, version), chosen),
        names(limit),
        st.sampled_from(VERSIONS),
        options,
    )


def changes(limit: int = len(NAMES)) -> SearchStrategy[Op]:
    """Any one change upstream."""
    name, version = names(limit), st.sampled_from(VERSIONS)
    return st.one_of(
        publications(limit),
        st.builds(_yank, name, version, st.sampled_from((None, "broken", '<b>bad & "old"</b>'))),
        st.builds(lambda m, n, v: Op(m, (n, v)), st.sampled_from(_BY_RELEASE), name, version),
        st.builds(lambda m, n: Op(m, (n,)), st.sampled_from(_BY_PROJECT), name),
        st.builds(lambda n: Op("create", (n,)), name),
        name.flatmap(lambda n: st.sampled_from(_spellings(n)).map(lambda s: Op("rename", (n, s)))),
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """A new release that needs other projects than the one before, as states change beside it."""

    name: str
    needs: tuple[str, ...]
    states: tuple[tuple[str, str, int], ...]  # methods with a name; of one of its releases

    def apply(self, world: World) -> None:
        """Make the changes that fit. The release is newer than all that were published before."""
        version = f"{3 + len(world.journal)}.0"
        Op("publish", (self.name, version), {"requires": self.needs}).apply(world)
        for method, name, which in self.states:
            project = world.projects.get(canonicalize_name(name))
            if method not in _RELEASE_NEEDS:
                Op(method, (name,)).apply(world)
            elif project is not None and project.releases:
                some = list(project.releases)[-2:]
                Op(method, (name, some[which % len(some)])).apply(world)


_STATES = (
    "quarantine", "clear_quarantine", "quarantine", "clear_quarantine", "quarantine_release",
    "clear_release_quarantine", "archive", "deprecate", "unarchive", "yank", "unyank",
)  # fmt: skip


def turns(limit: int = len(NAMES)) -> SearchStrategy[Turn]:
    """A change of who needs whom, together with changes of states."""
    name = names(limit)
    state = st.tuples(st.sampled_from(_STATES), name, st.integers(0, 1))
    needs = st.lists(name, max_size=2, unique=True).map(tuple)
    return st.builds(Turn, name, needs, st.lists(state, max_size=3).map(tuple))


def universes(
    limit: int = len(NAMES), *, min_size: int = 1, max_size: int = 16
) -> SearchStrategy[list[Op]]:
    """What a world starts with: uploads only. Give it to :func:`build`."""
    return st.lists(
        publications(limit), min_size=min_size, max_size=max_size, unique_by=lambda op: op.args
    )


def histories(limit: int = len(NAMES), *, max_size: int = 8) -> SearchStrategy[list[Op]]:
    """What happens afterwards."""
    return st.lists(changes(limit), max_size=max_size)


def build(ops: Sequence[Op], world: World | None = None) -> World:
    """A world (or this one) after these operations."""
    world = world or World()
    for op in ops:
        op.apply(world)
    return world


def _requirement(name: str, extra: str, specifier: str, marker: str) -> str:
    text = f"{name}[{extra}]" if extra else name
    return f"{text}{specifier}" + (f"; {marker}" if marker else "")


def _yank(name: str, version: str, reason: str | None) -> Op:
    return Op("yank", (name, version), {"reason": reason})


def _spellings(name: str) -> list[str]:
    return [name.upper(), name.replace("-", "_"), name.replace("-", "."), name]


def _fits(op: Op, project: Project | None) -> bool:
    """Whether the change means anything to the project as it is."""
    if project is None:
        return op.method in ("publish", "create")
    if op.method == "publish":
        return project.status == "active"
    if len(op.args) == 2 and op.method != "rename":
        release = project.releases.get(op.args[1])
        need = _RELEASE_NEEDS[op.method]
        return release is not None and need(release)
    suits = _PROJECT_NEEDS.get(op.method)
    return suits is None or suits(project)
