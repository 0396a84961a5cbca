"""Proven pins as files that installers read.

``requirements.txt`` with a hash of every listed file of a release, for ``--require-hashes``, and
``pylock.toml`` (PEP 751, version 1.0). Where the files are to be had is the caller's business.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TypeVar
from urllib.parse import quote

import tomli_w
from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.resolve.index import ListedFile
from pypisync.core.resolve.prover import Installed

_E = TypeVar("_E", PackageSdist, PackageWheel)


def requirements_txt(pins: Sequence[Installed]) -> Iterator[str]:
    """Yields the lines of a requirements file; each release has all its files' hashes."""
    for pin in pins:
        release = pin.usable.release
        hashes = sorted({file.sha256 for file in release.files})
        parts = [f"{pin.name}=={release.version}", *(f"--hash=sha256:{h}" for h in hashes)]
        yield " \\\n    ".join(parts)


def pylock_toml(pins: Sequence[Installed], target: ProofTarget, files: str) -> str:
    """Returns a ``pylock.toml`` for one target; ``files``: the URL above ``packages/``."""
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(_marker(target))],
        requires_python=SpecifierSet(f"=={target.environment['python_version']}.*"),
        created_by="pypisync",
        packages=[_package(pin, files) for pin in pins],
    )
    return tomli_w.dumps(lock.to_dict())


def _package(pin: Installed, files: str) -> Package:
    release = pin.usable.release
    sdists = [_entry(PackageSdist, one, files) for one in release.files if one.tags is None]
    wheels = [_entry(PackageWheel, one, files) for one in release.files if one.tags is not None]
    python = None
    with suppress(ValueError):  # installers ignore what is no specifier; a lock must not have it
        text = pin.usable.file.requires_python
        python = SpecifierSet(text) if text else None
    return Package(
        name=canonicalize_name(pin.name),
        version=Version(release.version),
        requires_python=python,
        sdist=sdists[-1] if sdists else None,
        wheels=wheels or None,
    )


def _entry(kind: type[_E], file: ListedFile, files: str) -> _E:
    url = f"{files.rstrip('/')}/{quote(file.path)}"
    return kind(name=file.filename, url=url, size=file.size, hashes={"sha256": file.sha256})


def _marker(target: ProofTarget) -> str:
    names = ("sys_platform", "platform_machine", "implementation_name")
    return " and ".join(f"{name} == '{target.environment[name]}'" for name in names)
