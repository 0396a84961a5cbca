"""Real wheels and sdists, built in memory from a few words, the same bytes every time.

Wheels follow the binary distribution format 1.0 (PEP 427, RECORD with hashes), sdists the source
distribution format (PEP 625: one folder, ``PKG-INFO``; PEP 517 and 518: ``pyproject.toml``).
What a release is and when it appears is left to :mod:`tests.sim.world`.
"""

import base64
import gzip
import hashlib
import io
import json
import random
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from email.parser import BytesParser
from functools import lru_cache
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

SdistMetadata = Literal["static", "dynamic", "mixed", "none"]

_EPOCH = (2020, 1, 1, 0, 0, 0)  # zip knows no date before 1980; any fixed one will do
_EPOCH_SECONDS = 1577836800
_BACKEND = (Path(__file__).parent / "backend.py").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Dist:
    """What the files of a release are built from."""

    name: str  # as the uploader spells it
    version: str
    requires: tuple[str, ...] = ()  # Requires-Dist lines, those of extras included
    extras: tuple[str, ...] = ()
    requires_python: str | None = None
    padding: int = 0  # bytes of incompressible ballast
    modules: tuple[tuple[str, str], ...] = ()  # path and text; default: one module
    says: str = ""  # the version in its METADATA; default: its own
    license: str = ""  # an SPDX expression
    called: str = ""  # the name in its METADATA; default: its own


def dist(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    extras: Mapping[str, Iterable[str]] | None = None,
    requires_python: str | None = None,
    padding: int = 0,
) -> Dist:
    """A :class:`Dist` whose extras are given by name with their own requirements."""
    optional = extras or {}
    lines = [*requires]
    for extra, needs in optional.items():
        lines += [with_extra(requirement, extra) for requirement in needs]
    return Dist(name, version, tuple(lines), tuple(optional), requires_python, padding)


@dataclass(frozen=True, slots=True)
class Built:
    """A file's bytes with everything that is told about them."""

    content: bytes
    sha256: str
    blake2: str  # blake2b-256, which the file's URL is made of
    md5: str
    metadata: bytes | None  # the METADATA of a wheel
    metadata_sha256: str | None


def built(content: bytes, metadata: bytes | None = None) -> Built:
    """Hash ``content`` and its metadata."""
    return Built(
        content,
        hashlib.sha256(content).hexdigest(),
        hashlib.blake2b(content, digest_size=32).hexdigest(),
        hashlib.md5(content, usedforsecurity=False).hexdigest(),
        metadata,
        None if metadata is None else hashlib.sha256(metadata).hexdigest(),
    )


def module_name(name: str) -> str:
    """The module in the wheels of this project."""
    return re.sub(r"\W", "_", str(canonicalize_name(name)))


def wheel_filename(dist: Dist, tag: str) -> str:
    """The wheel's filename; ``tag`` may begin with a build tag: ``1-py3-none-any``."""
    return f"{_stem(dist)}-{tag}.whl"


def sdist_filename(dist: Dist) -> str:
    """The sdist's filename."""
    return f"{_stem(dist)}.tar.gz"


def _stem(dist: Dist) -> str:
    """``name-version`` as filenames write it (PEP 503 with underscores, PEP 440)."""
    name = str(canonicalize_name(dist.name)).replace("-", "_")
    try:
        version = str(Version(dist.version))
    except InvalidVersion:
        version = dist.version
    return f"{name}-{version.replace('-', '_')}"


def with_extra(requirement: str, extra: str) -> str:
    """The ``Requires-Dist`` line that holds only under ``extra``."""
    text, _, marker = requirement.partition(";")
    condition = f'extra == "{extra}"'
    return f"{text.strip()}; " + (f"({marker.strip()}) and {condition}" if marker else condition)


def metadata_text(dist: Dist, version: str = "2.1", dynamic: tuple[str, ...] = ()) -> str:
    """The core metadata, in the given metadata version, with these fields marked dynamic."""
    lines = [f"Metadata-Version: {version}", f"Name: {dist.called or dist.name}"]
    lines += [f"Version: {dist.says or dist.version}"]
    lines += ["Summary: A simulated project"]
    lines += [f"License-Expression: {dist.license}"] if dist.license else []
    lines += [f"Dynamic: {field}" for field in dynamic]
    if version != "1.1":
        lines += [f"Requires-Python: {dist.requires_python}"] if dist.requires_python else []
        lines += [f"Provides-Extra: {extra}" for extra in dist.extras]
        lines += [f"Requires-Dist: {requirement}" for requirement in dist.requires]
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=8192)
def build_wheel(dist: Dist, tag: str = "py3-none-any") -> Built:
    """Build the wheel with this tag (or build tag and tag)."""
    folder = f"{_stem(dist)}.dist-info"
    metadata = metadata_text(dist).encode(errors="surrogateescape")
    members = [(path, text.encode()) for path, text in _modules(dist)]
    if dist.padding:
        ballast = random.Random(f"{dist.name} {dist.version}").randbytes(dist.padding)
        members.append((f"{module_name(dist.name)}.bin", ballast))
    members.append((f"{folder}/METADATA", metadata))
    members.append((f"{folder}/WHEEL", _wheel_text(tag).encode()))
    record = "".join(f"{path},{_record_hash(content)}\n" for path, content in members)
    members.append((f"{folder}/RECORD", f"{record}{folder}/RECORD,,\n".encode()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in members:
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), content)
    return built(buffer.getvalue(), metadata)


@lru_cache(maxsize=1024)
def build_sdist(
    dist: Dist,
    metadata: SdistMetadata = "static",
    build_requires: tuple[str, ...] | None = None,
    dynamic_requires: tuple[str, ...] = (),
) -> Built:
    """Build the sdist.

    ``build_requires`` None: no ``pyproject.toml``, so that the default (setuptools) holds. With
    setuptools among them it is the backend; without, the sdist brings its own in-tree backend.
    ``dynamic_requires`` is what the backend asks for only when the build runs.
    """
    plan = _plan(dist, build_requires or (), dynamic_requires)
    members = {"PKG-INFO": _pkg_info(dist, metadata), "sim.json": plan, **dict(_modules(dist))}
    if build_requires is None:
        members["setup.py"] = "# built by the default backend\n"
    else:
        members["pyproject.toml"] = _pyproject(build_requires)
        if not _uses_setuptools(build_requires):
            members["_build/sim_backend.py"] = _BACKEND
    contents = {path: text.encode() for path, text in members.items()}
    if dist.padding:
        contents["ballast.bin"] = random.Random(dist.name).randbytes(dist.padding)
    return built(_tar(_stem(dist), contents))


def read_dist(path: Path) -> tuple[Dist, Built]:
    """A real wheel or sdist from disk, with what its own metadata says."""
    content = path.read_bytes()
    wheel = path.suffix == ".whl"
    if wheel:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()  # some bring along what they vendor, deeper down
            [member] = [n for n in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)]
            metadata = archive.read(member)
    else:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            [info] = [m for m in tar if m.name.count("/") == 1 and m.name.endswith("/PKG-INFO")]
            stream = tar.extractfile(info)
            metadata = b"" if stream is None else stream.read()
    fields = BytesParser().parsebytes(metadata)
    dist = Dist(
        fields["Name"],
        fields["Version"],
        tuple(fields.get_all("Requires-Dist", [])),
        tuple(fields.get_all("Provides-Extra", [])),
        fields["Requires-Python"],
    )
    return dist, built(content, metadata if wheel else None)


def setuptools_like(version: str) -> Dist:
    """A stand-in for setuptools whose backend builds the simulated sdists."""
    modules = (("setuptools/__init__.py", ""), ("setuptools/build_meta.py", _BACKEND))
    return Dist("setuptools", version, modules=modules)


def _modules(dist: Dist) -> tuple[tuple[str, str], ...]:
    if dist.modules:
        return dist.modules
    return ((f"{module_name(dist.name)}.py", f"version = {dist.version!r}\n"),)


def _wheel_text(tag: str) -> str:
    pythons, abis, platforms = tag.split("-")[-3:]
    tags = [
        f"Tag: {python}-{abi}-{platform}\n"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    ]
    pure = "true" if platforms == "any" else "false"
    return f"Wheel-Version: 1.0\nGenerator: sim\nRoot-Is-Purelib: {pure}\n" + "".join(tags)


def _record_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()},{len(content)}"


def _pkg_info(dist: Dist, metadata: SdistMetadata) -> str:
    if metadata == "none":  # before 1.2 core metadata knew no requirements
        return metadata_text(dist, "1.1")
    if metadata == "dynamic":
        bare = replace(dist, requires=(), extras=())
        return metadata_text(bare, "2.2", ("Requires-Dist", "Provides-Extra"))
    if metadata == "mixed":  # PEP 808: the lines are a lower bound
        return metadata_text(dist, "2.6", ("Requires-Dist",))
    return metadata_text(dist, "2.2")


def _plan(dist: Dist, build_requires: tuple[str, ...], dynamic: tuple[str, ...]) -> str:
    """What the backend needs to know, so that it need not parse anything."""
    plan = {
        "stem": _stem(dist),
        "module": module_name(dist.name),
        "metadata": metadata_text(dist),
        "wheel": _wheel_text("py3-none-any"),
        "imports": [name for text in build_requires if (name := _import_of(text))],
        "dynamic_requires": dynamic,
    }
    return json.dumps(plan)


def _import_of(text: str) -> str | None:
    """The module a build requirement brings; None for those that may not apply."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    return None if requirement.marker else module_name(requirement.name)


def _uses_setuptools(build_requires: tuple[str, ...]) -> bool:
    return any(_import_of(text) == "setuptools" for text in build_requires)


def _pyproject(build_requires: tuple[str, ...]) -> str:
    lines = ["[build-system]", f"requires = {json.dumps(build_requires)}"]
    if _uses_setuptools(build_requires):
        lines += ['build-backend = "setuptools.build_meta"']
    else:
        lines += ['build-backend = "sim_backend"', 'backend-path = ["_build"]']
    return "\n".join(lines) + "\n"


def _tar(stem: str, contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in contents.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size, member.mtime = len(content), _EPOCH_SECONDS
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), 1, mtime=0)
