"""The closure the slow way: straight from the standards, sharing no code with the product.

Targets here are concrete environments (a full PEP 508 environment and pip's list of tags), every
version is compared with packaging's own specifiers, and everything is computed from nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from pypisync.core.standards.model import File, ProjectDocument
from pypisync.upstream.api import ProjectAsk
from tests.sim.asks import asked
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

PLATFORMS = {
    "linux": ("posix", "Linux", ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64"]),
    "win32": ("nt", "Windows", ["win_amd64"]),
}


@dataclass(frozen=True)
class Env:
    """A concrete environment."""

    minor: str
    platform: str

    def variables(self, extra: str) -> dict[str, str]:
        os_name, system, _ = PLATFORMS[self.platform]
        return {
            "python_version": self.minor,
            "python_full_version": f"{self.minor}.4",
            "implementation_name": "cpython",
            "implementation_version": f"{self.minor}.4",
            "platform_python_implementation": "CPython",
            "os_name": os_name,
            "sys_platform": self.platform,
            "platform_system": system,
            "platform_machine": "x86_64" if self.platform == "linux" else "AMD64",
            "platform_release": "",
            "platform_version": "",
            "extra": extra,
        }

    @cache  # noqa: B019 - few environments, for all tests
    def tags(self) -> frozenset[object]:
        return frozenset(self.ordered_tags())

    @cache  # noqa: B019 - few environments, for all tests
    def ordered_tags(self) -> tuple[object, ...]:
        """The tags, the preferred first."""
        version = tuple(map(int, self.minor.split(".")))
        platforms = PLATFORMS[self.platform][2]
        interpreter = "cp" + self.minor.replace(".", "")
        own = cpython_tags(version, platforms=platforms)
        return (*own, *compatible_tags(version, interpreter, platforms))


def closure(
    world: World, roots: Iterable[tuple[str, Iterable[str]]], envs: Iterable[Env]
) -> tuple[set[tuple[str, str]], set[tuple[str, str, str]]]:
    """The selection and the unmet requirements: (name, version), (name, version, requirement)."""
    oracle = _Oracle(world, list(envs))
    for key, selectors in roots:
        root = Requirement(key)
        name = canonicalize_name(root.name)
        for version in {v for selector in selectors for v in oracle.root(name, selector)}:
            for extra in ("", *root.extras):
                oracle.visit(name, version, extra)
    while oracle.todo:
        oracle.step()
    return {(n, str(v)) for n, v, _ in oracle.seen}, oracle.unmet


class _Oracle:
    def __init__(self, world: World, envs: list[Env]) -> None:
        self.world = world
        self.upstream = MemoryUpstream(world)
        self.envs = envs
        self.tags = {env: env.tags() for env in envs}
        self.files: dict[str, dict[Version, list[File]]] = {}
        self.seen: set[tuple[str, Version, str]] = set()
        self.todo: list[tuple[str, Version, str]] = []
        self.unmet: set[tuple[str, str, str]] = set()

    def versions(self, name: str) -> dict[Version, list[File]]:
        if name not in self.files:
            found: dict[Version, list[File]] = {}
            document = asked(self.upstream, ProjectAsk(name))
            for file in document.files if isinstance(document, ProjectDocument) else ():
                stem = file.filename.removesuffix(".tar.gz")
                try:
                    version = (
                        parse_wheel_filename(file.filename)[1]
                        if file.filename.endswith(".whl")
                        else Version(stem.rpartition("-")[2])
                    )
                except InvalidVersion:
                    continue
                found.setdefault(version, []).append(file)
            self.files[name] = found
        return self.files[name]

    def usable(self, file: File, env: Env) -> bool:
        if file.requires_python and f"{env.minor}.4" not in SpecifierSet(file.requires_python):
            return False
        if not file.filename.endswith(".whl"):
            return True
        return bool(parse_wheel_filename(file.filename)[3] & self.tags[env])

    def here(self, name: str, env: Env, *, yanked: bool) -> list[Version]:
        return [
            version
            for version, files in self.versions(name).items()
            if any((yanked or f.yanked is None) and self.usable(f, env) for f in files)
        ]

    def best(self, name: str, specifier: SpecifierSet, env: Env) -> Version | None:
        """What pip would take."""
        every = self.here(name, env, yanked=True)
        fine = set(self.here(name, env, yanked=False))
        applicable = sorted(specifier.filter(every))
        good = [v for v in applicable if v in fine]
        pinned = any(
            s.operator == "===" or (s.operator == "==" and not s.version.endswith(".*"))
            for s in specifier
        )
        if not good and pinned:
            good = applicable
        return good[-1] if good else None

    def root(self, name: str, selector: str) -> set[Version]:
        if selector[:1].isdigit():
            return {Version(selector)}
        if selector == "latest":
            picks = {self.best(name, SpecifierSet(), env) for env in self.envs}
            return {version for version in picks if version is not None}
        specifier = SpecifierSet(selector)
        found: set[Version] = set()
        for env in self.envs:
            every = self.here(name, env, yanked=True)
            fine = set(self.here(name, env, yanked=False))
            found |= set(specifier.filter(every)) & fine
        return found

    def visit(self, name: str, version: Version, extra: str) -> None:
        for wanted in {"", extra}:
            if (name, version, wanted) not in self.seen:
                self.seen.add((name, version, wanted))
                self.todo.append((name, version, wanted))

    def step(self) -> None:
        name, version, extra = self.todo.pop()
        release = self.world.project(name).same_release(str(version))
        assert release is not None
        lines = {
            line for file in release.files if file.metadata for line in _requires(file.metadata)
        }
        for line in sorted(lines):
            requirement = Requirement(line)
            for env in self.envs:
                self.follow(name, version, extra, requirement, env)

    def follow(
        self, name: str, version: Version, extra: str, requirement: Requirement, env: Env
    ) -> None:
        files = self.versions(name)[version]
        if not any(self.usable(file, env) for file in files):
            return
        marker = requirement.marker
        if marker and not marker.evaluate(env.variables(extra)):
            return
        need = canonicalize_name(requirement.name)
        if need == name:
            chosen: Version | None = version
        else:
            chosen = self.best(need, requirement.specifier, env)
        if chosen is None:
            self.unmet.add((name, str(version), str(requirement)))
            return
        for wanted in {"", *map(canonicalize_name, requirement.extras)}:
            self.visit(need, chosen, wanted)


def _requires(metadata: bytes) -> list[str]:
    head = metadata.decode().split("\n\n", 1)[0]
    prefix = "Requires-Dist: "
    return [line.removeprefix(prefix) for line in head.splitlines() if line.startswith(prefix)]
