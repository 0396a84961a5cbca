"""What a lock file names: releases, and the files of each.

``uv.lock`` (version 1), ``pylock.toml`` (PEP 751, version 1) and ``poetry.lock`` (version 2). A
project may be named in several versions, for different environments: all of them count. Packages
that do not come from an index (the project itself, a checkout, an archive at an address) are noted.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from msgspec import Struct
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from pypisync.core.standards import filenames, versions
from pypisync.core.wanted.groups import (
    MOST_FILES,
    MOST_PINS,
    Group,
    Locked,
    Remarks,
    TextFile,
    merged,
)
from pypisync.core.wanted.roots import NamedFile

_WHERE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Format(Struct, frozen=True):
    """How one kind of lock file is read."""

    name: str  # of the file, as its tool writes it
    packages: str  # the key of the list of packages
    version: Callable[[Mapping[str, Any]], object]
    versions: str  # which are read, for people
    known: Callable[[object], bool]
    origin: Callable[[Mapping[str, Any]], str]  # where a package is from; "" for an index
    files: Callable[[Mapping[str, Any]], Iterator[tuple[Any, Any]]]  # name or address, and hash


def parse(name: str, source: TextFile, format_: Format) -> tuple[Group, Remarks]:
    """Returns the group of a lock file, and its faults."""
    found = Remarks()
    packages = list(_packages(source, format_, found))
    pins: list[Locked] = []
    if len(packages) <= MOST_PINS:
        pins += [pin for package in packages if (pin := package.pin(found)) is not None]
    if len(packages) > MOST_PINS or sum(len(pin.files) for pin in pins) > MOST_FILES:
        most = f"{MOST_PINS} packages and {MOST_FILES} files at most"
        found.fault(source, 1, name, f"names too much: {most}")
    return Group(name, resolve=False, locked=merged(pins), notes=tuple(found.notes)), found


class _Package(Struct, frozen=True):
    """One entry of the list, with its place."""

    source: TextFile
    line: int
    table: Mapping[str, Any]
    format: Format

    def pin(self, found: Remarks) -> Locked | None:
        """Returns the release that it names; None if it is not from an index, or is faulty."""
        label, version = self.table.get("name"), self.table.get("version")
        try:
            name = canonicalize_name(label if isinstance(label, str) else "", validate=True)
        except InvalidName:
            self._wrong(found, label, "a package's name is letters and digits, with . _ - between")
            return None
        if origin := self.format.origin(self.table):
            found.note(self.source, self.line, f"{name} is from {origin}, not from an index")
            return None
        named = tuple(self._files(name, found))
        if version is None and named and named[0].filename:
            version = filenames.parse(name, named[0].filename).version
        parsed = versions.parse(version) if isinstance(version, str) else version
        if not isinstance(parsed, Version):
            self._wrong(found, version, f"the version of {name} is to be one by PEP 440")
        elif not named:
            found.note(self.source, self.line, f"{name} {parsed} has no files, and is left out")
        else:
            return Locked(name, str(parsed), named)
        return None

    def _files(self, name: str, found: Remarks) -> Iterator[NamedFile]:
        for given, digest in self.format.files(self.table):
            address = given if isinstance(given, str) else ""
            filename = unquote(address.partition("#")[0].partition("?")[0].rpartition("/")[2])
            sha256 = digest.removeprefix("sha256:").lower() if isinstance(digest, str) else ""
            try:
                filenames.parse(name, filename)
            except ValueError as error:
                found.note(self.source, self.line, f"left out: {error}")
                continue
            if isinstance(digest, str) and digest.startswith("sha256:"):
                if not _SHA256.fullmatch(sha256):
                    why = f"the SHA-256 of {filename} is 64 hexadecimal digits"
                    self._wrong(found, digest, why)
                yield NamedFile(filename, sha256)
            else:  # hashed by something else, or not at all
                yield NamedFile(filename)

    def _wrong(self, found: Remarks, what: object, allowed: str) -> None:
        found.fault(self.source, self.line, str(what), allowed)


def _packages(source: TextFile, format_: Format, found: Remarks) -> Iterator[_Package]:
    try:
        data = tomllib.loads(source.text)
    except RecursionError:
        found.fault(source, 1, source.name, "nested too deeply for a lock file")
        return
    except ValueError as error:
        where = _WHERE.search(str(error))
        line = int(where[1]) if where and where[1] else source.text.count("\n") + 1
        found.fault(source, line, source.name, f"not TOML: {str(error).partition(' (at ')[0]}")
        return
    version = format_.version(data)
    if not format_.known(version):
        why = f"not a version of {format_.name} that is understood: {format_.versions}"
        found.fault(source, 1, str(version), why)
        return
    tables = data.get(format_.packages, [])
    if not isinstance(tables, list):
        found.fault(source, 1, format_.packages, "is to be a list of packages")
        return
    places = _places(source.text, format_.packages)
    for i, table in enumerate(tables):
        line = places[i] if i < len(places) else 1
        if isinstance(table, dict):
            yield _Package(source, line, table, format_)
        else:
            found.fault(source, line, str(table), "a package is to be a table")


def _places(text: str, key: str) -> list[int]:
    """Returns the lines on which the packages begin, as tools write them."""
    lines, line, last = [], 1, 0
    for match in re.compile(rf"^\[\[{key}\]\]", re.MULTILINE).finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        lines.append(line)
    return lines


# -- the formats ----------------------------------------------------------------------------


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(*values: object) -> Iterator[Mapping[str, Any]]:
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield one


def _uv_files(package: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    for file in _tables(package.get("sdist"), package.get("wheels")):
        yield file.get("url") or file.get("path") or file.get("filename"), file.get("hash")


def _uv_origin(package: Mapping[str, Any]) -> str:
    source = _table(package.get("source"))
    return "" if "registry" in source else next(iter(source), "nowhere")


def _pylock_files(package: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    for file in _tables(package.get("sdist"), package.get("wheels")):
        sha256 = _table(file.get("hashes")).get("sha256")
        digest = f"sha256:{sha256}" if isinstance(sha256, str) else None
        yield file.get("name") or file.get("url") or file.get("path"), digest


def _pylock_origin(package: Mapping[str, Any]) -> str:
    return next((kind for kind in ("vcs", "directory", "archive") if kind in package), "")


def _poetry_files(package: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    for file in _tables(package.get("files")):
        yield file.get("file"), file.get("hash")


def _poetry_origin(package: Mapping[str, Any]) -> str:
    kind = _table(package.get("source")).get("type", "legacy")
    return "" if kind == "legacy" else str(kind)


def _begins(*starts: str) -> Callable[[object], bool]:
    return lambda version: isinstance(version, str) and version.startswith(starts)


FORMATS: Sequence[Format] = (
    Format(
        name="uv.lock",
        packages="package",
        version=lambda data: data.get("version"),
        versions="1",
        known=lambda version: version == 1 and version is not True,
        origin=_uv_origin,
        files=_uv_files,
    ),
    Format(
        name="pylock.toml",
        packages="packages",
        version=lambda data: data.get("lock-version"),
        versions="1.0",
        known=_begins("1."),
        origin=_pylock_origin,
        files=_pylock_files,
    ),
    Format(
        name="poetry.lock",
        packages="package",
        version=lambda data: _table(data.get("metadata")).get("lock-version"),
        versions="2.0 and 2.1",
        known=_begins("2."),
        origin=_poetry_origin,
        files=_poetry_files,
    ),
)


def format_of(filename: str) -> Format | None:
    """Returns the kind of lock file that a file's name says it is; None for a requirements file.

    Raises ValueError, whose text says what is allowed, for a file of another kind.
    """
    for known in FORMATS:
        if filename.endswith(known.name):
            return known
    if filename.startswith("pylock.") and filename.endswith(".toml"):
        return next(known for known in FORMATS if known.name == "pylock.toml")
    if filename.endswith((".toml", ".lock", ".json", ".yaml", ".yml", ".cfg", ".py")):
        raise ValueError(
            "not a kind of file that is read: requirements.txt and the like, uv.lock, "
            "pylock.toml, pylock.NAME.toml or poetry.lock"
        )
    return None
