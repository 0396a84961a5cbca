"""Whether what a mirror lists is closed: judged from the tree alone, by the standards alone.

For every listed release that can be used here, every requirement of it that applies here must be
met by a listed release that can be used here. Read are the pages and the wheels on the disk; no
code of the product takes part.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import compat32
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from tests.recipe.oracle import Env

HERE = Env("3.11", "linux")


@dataclass(frozen=True)
class Listed:
    """A listed release that can be used here."""

    name: str
    version: Version
    requires: tuple[str, ...]
    extras: tuple[str, ...]


def unmet(folder: Path, *, every_extra: bool = True) -> set[tuple[str, str]]:
    """Requirements of listed releases that no listed release meets: (name==version, line)."""
    listed: dict[str, list[Listed]] = {}
    for release in _listed(folder):
        listed.setdefault(release.name, []).append(release)
    faults: set[tuple[str, str]] = set()
    nodes = {(r, "") for releases in listed.values() for r in releases}
    if every_extra:
        nodes |= {(release, extra) for release, _ in list(nodes) for extra in release.extras}
    todo = list(nodes)
    while todo:
        release, extra = todo.pop()
        for line in release.requires:
            met = _meeting(line, extra, listed)
            if met is None:
                continue
            if not met:
                faults.add((f"{release.name}=={release.version}", line))
            # An installer takes one of them; which extras it then needs is followed for all.
            wanted = Requirement(line).extras if met else ()
            fresh = {(r, canonicalize_name(e)) for r in met for e in wanted} - nodes
            nodes |= fresh
            todo += fresh
    return faults


def usable(folder: Path) -> set[str]:
    """The listed releases that can be used here: "name==version"."""
    return {f"{one.name}=={one.version}" for one in _listed(folder)}


def _meeting(line: str, extra: str, listed: dict[str, list[Listed]]) -> list[Listed] | None:
    """The listed releases that meet a requirement; None if it does not apply."""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return []
    if requirement.marker and not requirement.marker.evaluate(HERE.variables(extra)):
        return None
    if requirement.url:
        return []
    return [
        release
        for release in listed.get(canonicalize_name(requirement.name), ())
        if requirement.specifier.contains(release.version, prereleases=True)
    ]


def _listed(folder: Path) -> Iterator[Listed]:
    tags = HERE.tags()
    for page in sorted(folder.glob("simple/*/index.v1_json")):
        usable: dict[Version, list[Path]] = {}
        for file in json.loads(page.read_bytes())["files"]:
            python = file.get("requires-python")
            if python and f"{HERE.minor}.4" not in SpecifierSet(python):
                continue
            name = file["filename"]
            place = (page.parent / unquote(file["url"])).resolve()
            if not name.endswith(".whl"):
                version = Version(name.removesuffix(".tar.gz").rpartition("-")[2])
            else:
                _, version, _, its_tags = parse_wheel_filename(name)
                if not its_tags & tags:
                    continue
            usable.setdefault(version, []).append(place)
        for version, places in usable.items():
            yield _release(page.parent.name, version, places)


def _release(name: str, version: Version, places: list[Path]) -> Listed:
    requires: list[str] = []
    extras: list[str] = []
    for place in places:
        if place.suffix != ".whl":
            continue
        python, its_requires, its_extras = _stated(place.read_bytes())
        if python is None:
            continue  # no installer can use it either
        if f"{HERE.minor}.4" not in SpecifierSet(python):
            continue  # it says itself that it is not for here
        requires += its_requires
        extras += its_extras
    return Listed(name, version, tuple(requires), tuple(extras))


@lru_cache(maxsize=256)
def _stated(wheel: bytes) -> tuple[str | None, list[str], list[str]]:
    """The Python, the requirements and the extras of a wheel; None if it is no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            [member] = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
            fields = BytesParser(policy=compat32).parsebytes(archive.read(member))
    except zipfile.BadZipFile:
        return None, [], []
    requires = fields.get_all("Requires-Dist", [])
    return fields.get("Requires-Python", ""), requires, fields.get_all("Provides-Extra", [])
