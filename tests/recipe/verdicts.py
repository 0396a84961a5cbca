"""The verdicts on record, held against brute force over what upstream offers at that moment.

The facts come from the simulator's world, not from the catalog: which files there are and what they
say, what the policy bars of them, and which of them an environment can use. From there
:mod:`tests.core.naive` lists every installation that pip's rules accept.
"""

import io
import re
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.parser import BytesParser
from functools import partial

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from pypisync.core.filters.policy import Policy
from tests.core import naive
from tests.recipe.mirrors import Bench
from tests.recipe.oracle import Env
from tests.sim.state import Release, StoredFile
from tests.sim.world import World

Index = dict[str, list[str]]
Pins = Mapping[str, Version]
_VERDICTS = "SELECT proof, subject, targets, verdict FROM v_proofs"
_PINS = "SELECT proof, project, version, chosen_by FROM v_pins"


@dataclass
class Truth:
    """What a world offers under a policy, and what therefore installs in an environment."""

    world: World
    policy: Policy
    now: float
    envs: Mapping[str, Env]  # by the name of the proof target
    _indexes: dict[tuple[str, str], Index] = field(default_factory=dict)

    def index(self, target: str, by: str = "pip") -> Index:
        """By "name version" what a release needs, as :mod:`tests.core.naive` spells it."""
        if (target, by) not in self._indexes:
            self._indexes[target, by] = dict(self._releases(self.envs[target], by))
        return self._indexes[target, by]

    def installations(self, target: str, wanted: Sequence[str], by: str = "pip") -> list[Pins]:
        """All there are, where a release of which nobody says what it needs needs nothing."""
        variables = self.envs[target].variables("")
        index = self.index(target, "uv" if by == "uv" else "pip")
        return list(naive.installable(index, wanted, variables, by))

    def unknown(self, target: str, pins: Pins, by: str = "pip") -> bool:
        """Whether nobody says what one of the releases needs."""
        index = self.index(target, by)
        return any("unknown" in index.get(f"{n} {v}", ()) for n, v in pins.items())

    def builds(
        self, target: str, pins: Pins, above: tuple[str, ...] = (), *, surely: bool = False
    ) -> bool:
        """Whether all that is built of these pins can be, as far as its sdist says.

        ``surely``: whatever of the installations of what that takes an installer comes to, and
        whatever it looks at on the way.
        """
        env = self.envs[target]
        for name, version in sorted(pins.items()):
            label = f"{name} {version}"
            wanted = self._builds(name, version, env)
            if wanted is None:
                continue
            if label in above:
                return False
            for by in ("pip", "uv"):
                every = self.installations(target, wanted, by)
                below = (*above, label)
                if surely and every:
                    sound = not self.sticks(target, {n for one in every for n in one}, below)
                else:
                    sound = any(self.builds(target, one, below) for one in every)
                if not sound:
                    return False
        return True

    def sticks(self, target: str, names: Iterable[str], above: tuple[str, ...] = ()) -> bool:
        """Whether a release of these projects may not be built: pip ends where it looks at one."""
        every = (label.split() for label in self.index(target))
        return any(
            not self.builds(target, {name: Version(version)}, above, surely=True)
            for name, version in every
            if name in names
        )

    def _builds(self, name: str, version: Version, env: Env) -> list[str] | None:
        """What is needed to build a release; None if it has a wheel for the environment."""
        releases = self.world.projects[name].releases.values()
        [release] = [one for one in releases if Version(one.version) == version]
        files = [f for f in release.files if not self._barred(name, version, f)]
        usable = [f for f in files if _usable(release, f, env, env.tags(), "uv")]
        if any(file.kind == "wheel" for file in usable):
            return None
        pyproject = _member(usable[0], "pyproject.toml")
        if not pyproject:
            return ["setuptools"]
        lines = tomllib.loads(pyproject.decode())["build-system"]["requires"]
        return [str(_normal(Requirement(line))) for line in lines]

    def reached(self, target: str, wanted: Sequence[str], pins: Pins) -> Pins:
        """Those of the pins that an installer asks for."""
        variables = self.envs[target].variables("")
        offers = naive.offered(self.index(target), variables["python_full_version"])
        asked = naive.closure(offers, wanted, pins, variables)
        return {name: version for name, version in pins.items() if name in asked}

    def _releases(self, env: Env, by: str) -> Iterator[tuple[str, list[str]]]:
        tags = env.tags()
        for name, project in self.world.projects.items():
            for release in project.releases.values() if project.status != "quarantined" else ():
                version = Version(release.version)
                files = [f for f in release.files if not self._barred(name, version, f)]
                usable = [f for f in files if _usable(release, f, env, tags, by)]
                if release.quarantined or not usable:
                    continue
                yanked = [] if release.yanked is None else ["yanked"]
                wheels = [file for file in usable if file.kind == "wheel"]
                taken = [min(wheels, key=partial(_rank, env))] if wheels else files
                yield f"{name} {version}", [*yanked, *self._needs(release, taken)]

    def _barred(self, name: str, version: Version, file: StoredFile) -> bool:
        policy, uploaded = self.policy, datetime.fromisoformat(file.uploaded).timestamp()
        for block in policy.block:
            named = block.name in ("", name) and block.filename in ("", file.filename)
            if named and version in SpecifierSet(block.specifier, prereleases=True):
                return True
        if (name, str(version)) in policy.exempt:
            return False
        age = dict(policy.min_age_of).get(name, policy.min_age)
        late = policy.freeze_at is not None and uploaded > policy.freeze_at
        return late or self.now < uploaded + age

    def _needs(self, release: Release, files: Sequence[StoredFile]) -> Iterable[str]:
        """What the best source says that there is; a wheel that is taken says it itself."""
        if len(files) == 1 and files[0].kind == "wheel":
            return _requires(files[0].built.metadata or b"")
        beside = [file.metadata for file in files if file.metadata is not None]
        if beside:
            return sorted({line for data in beside for line in _requires(data)})
        if release.requires is not None:
            return release.requires
        wheels = [f for f in files if f.kind == "wheel"]
        if wheels:
            smallest = min(wheels, key=lambda f: (len(f.built.content), f.filename))
            return _requires(smallest.built.metadata or b"")
        said = [_pkg_info(file) for file in files]
        return _requires(said[0]) if said and _static(said[0]) else ["unknown"]


def wrong(
    bench: Bench, truth: Truth, groups: Mapping[str, Sequence[str]], *, careful: bool = True
) -> list[str]:
    """What is not right of the verdicts on record; ``groups`` are the lines by subject.

    ``careful``: also what is blocked without need. All that an installer may look at counts there,
    and not only what it may install: each of its rules is to be known here as well.
    """
    pins: dict[int, dict[str, dict[str, Version]]] = {}
    for proof, project, version, chosen_by in bench.query(_PINS):
        pins.setdefault(proof, {}).setdefault(chosen_by, {})[project] = Version(version)
    found = []
    for proof, subject, targets, verdict in bench.query(_VERDICTS):
        for target in targets.split(", "):
            if verdict == "blocked" and not careful:
                continue
            wanted = groups.get(subject, [subject])
            fault = _fault(truth, target, wanted, verdict, pins.get(proof, {}))
            found += [f"{subject} on {target}: {verdict}, but {fault}"] if fault else []
    return found


def _fault(
    truth: Truth, target: str, wanted: Sequence[str], verdict: str, pins: Mapping[str, Pins]
) -> str:
    every = truth.installations(target, wanted)
    sound = [some for some in every if not truth.unknown(target, some)]
    kept = truth.installations(target, wanted, "kept")
    kept = [some for some in kept if not truth.unknown(target, some)]
    by_uv = truth.installations(target, wanted, "uv")
    chosen = pins.get("solver", {})
    match verdict:
        case "proven":
            # Of pip's pins those are on record that differ.
            pip = truth.reached(target, wanted, {**chosen, **pins.get("pip", {})})
            odd = [s for s, among in ((chosen, sound or kept), (pip, kept)) if s not in among]
            if not (odd or by_uv):
                return "uv does not install it"
            odd = odd or [some for some in (chosen,) if not truth.builds(target, some)]
            return f"{odd} does not install" if odd else ""
        case "refuted":
            every += by_uv
            return f"{every[0]} installs" if every else ""
        case "blocked" if (
            bool(every) != bool(by_uv)
            or any(truth.unknown(target, some, "uv") for some in by_uv)
            or (not every and chosen in kept)
        ):
            # One of pip and uv installs it, or uv may come to what is unknown: it takes a final
            # before a pre-release. Or pip does, for it keeps what it has pinned.
            return ""
        case "blocked":
            hangs = truth.unknown(target, chosen) and chosen == truth.reached(
                target, wanted, chosen
            )
            # uv stops at it too where pip passes over it: uv ignores upper bounds of Python.
            index = truth.index(target)
            upper = any(f"{name} {version}" not in index for name, version in chosen.items())
            built = upper or all(
                truth.builds(target, {**chosen, **o}, surely=True) for o in pins.values()
            )
            looked = {name for some in pins.values() for name in some}
            built = built and not truth.sticks(target, looked)
            allowed = hangs or upper or _ends_early(index) or not built
            return "" if allowed else f"{chosen} does not hang on what is unknown"
    return f"{every[:1]} is plain to see"  # so small a world leaves nothing undecided


def _ends_early(index: naive.Index) -> bool:
    """Whether pip may end its search early.

    A release wants another version of its own project; or it is a pre-release, which nothing but
    its own requirement admits.
    """
    return any(
        need.name == label.split()[0] and (version.is_prerelease or version not in need.specifier)
        for label, lines in index.items()
        for version in [Version(label.split()[1])]
        for need in map(naive.parsed, set(lines) - naive.facts(lines))
    )


def _usable(release: Release, file: StoredFile, env: Env, tags: frozenset[object], by: str) -> bool:
    said = release.requires_python or ""
    lower = (one for one in said.split(",") if one.strip().startswith(">"))
    limits = SpecifierSet(said if by == "pip" else ",".join(lower))  # uv ignores upper bounds
    if env.variables("")["python_full_version"] not in limits:
        return False
    return file.kind == "sdist" or not tags.isdisjoint(parse_wheel_filename(file.filename)[3])


def _rank(env: Env, file: StoredFile) -> int:
    """The place of a wheel that can be used: pip and uv take the first."""
    return min(map(env.ordered_tags().index, parse_wheel_filename(file.filename)[3] & env.tags()))


def _requires(metadata: bytes) -> list[str]:
    """The requirements with what names are compared by."""
    lines = BytesParser().parsebytes(metadata).get_all("Requires-Dist", [])
    return [str(_normal(Requirement(line))) for line in lines]


def _normal(requirement: Requirement) -> Requirement:
    requirement.name = canonicalize_name(requirement.name)
    return requirement


def _pkg_info(file: StoredFile) -> bytes:
    return _member(file, "PKG-INFO")


def _member(file: StoredFile, name: str) -> bytes:
    """The file of this name at the top of an sdist; empty if there is none."""
    with tarfile.open(fileobj=io.BytesIO(file.built.content)) as archive:
        for one in archive:
            if re.fullmatch(rf"[^/]+/{re.escape(name)}", one.name):
                stream = archive.extractfile(one)
                assert stream is not None
                return stream.read()
    return b""


def _static(pkg_info: bytes) -> bool:
    fields = BytesParser().parsebytes(pkg_info)
    return fields["Metadata-Version"] >= "2.2" and "Requires-Dist" not in fields.get_all(
        "Dynamic", []
    )
