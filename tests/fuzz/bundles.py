"""What comes in a bundle: manifests, parts, rows, keys."""

import re
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary

from pypisync.catalog.bundles import import_rows, row_rules, slices
from pypisync.core.bundles import manifest, signatures
from pypisync.core.bundles.manifest import BundlePart, FedReport, Manifest, Member, Point
from pypisync.core.standards import versions
from pypisync.errors import BundleError, ConfigError
from pypisync.storage import parts

_NAME = "pypisync-abcdef01-000002-since-000001"
_BLOCK = 512
_OCTAL = re.compile(rb"[0-7]{1,12}")
_FOLDER = Path(tempfile.mkdtemp(prefix="pypisync-fuzz-"))


def bundle_manifest(data: bytes) -> None:
    """A manifest, and a report: what is read is written as it was."""
    with suppress(BundleError):
        assert manifest.to_json(manifest.read_manifest(data, _NAME)) == data
    with suppress(BundleError):
        manifest.read(data, FedReport, _NAME)


def bundle_part(data: bytes) -> None:
    """A part whose manifest was signed by somebody who lies."""
    path = _FOLDER / "part.tar"
    path.write_bytes(data)
    size = _OCTAL.match(data, 124)
    listed = data[_BLOCK : _BLOCK + int(size[0], 8)] if size else b""
    with suppress(BundleError):
        part = BundlePart(
            path.name, len(data), "0" * 64, sha256(listed).hexdigest(), listed.count(b"\n")
        )
        entries = parts.read_list(path, part)
        found: list[tuple[Member, int]] = []
        parts.read(path, part, lambda one, chunks: found.append((one, sum(map(len, chunks)))))
        assert found == [(one, one.size) for one in entries]


def bundle_rows(data: bytes) -> None:
    """Rows of tables, on both databases."""
    lines = [import_rows.columns_line(), *data.splitlines(keepends=True)]
    for name in ("sqlite", "postgresql"):
        connection: Any = SimpleNamespace(dialect=SimpleNamespace(name=name))
        with suppress(BundleError):
            for one in import_rows._read(lines, _NAME):
                table = import_rows._NAMED[one.table]
                for row in import_rows._values(connection, table, one, _NAME):
                    assert len(row) == len(slices.columns(table))


def bundle_key(data: bytes) -> None:
    """A public key, and a private one."""
    with suppress(ConfigError):
        assert len(signatures.identity(data, "k")) == 16
    with suppress(ConfigError):
        signatures.public_of(data, "k")


def sound_manifest() -> bytes:
    """A manifest as PypiSync writes it."""
    point = Point(2, 3, "ab" * 32)
    part = BundlePart(f"{_NAME}.part-0001.tar", 10240, "ab" * 32, "cd" * 32, 1)
    listed = dict.fromkeys(("projects", "releases", "files", "bytes"), 1)
    made = Manifest(
        manifest.FORMAT, "ab" * 16, Point(1, 2, "cd" * 32), point, 7, 1.5, "0027", False, listed,
        1, 3, (part,),
    )  # fmt: skip
    return manifest.to_json(made)


def sound_part() -> bytes:
    """A part with one file."""
    source, target = _FOLDER / "source", _FOLDER / "sound.tar"
    source.write_bytes(b"abc")
    entry = Member("packages/a-1.0.tar.gz", 3, sha256(b"abc").hexdigest())
    parts.write(target, [entry], lambda _: source)
    return target.read_bytes()


_TIME = "2026-01-01T00:00:00Z"
_WORDS: tuple[str | int, ...] = (
    "1.0", "a", 1, "active", "known", "wheel", "runtime", "kept", "json", _TIME, "ab" * 32,
    f"packages/ab/ab/{'ab' * 30}/a",
)  # fmt: skip


def sound_rows() -> bytes:
    """A row of each table that is taken."""
    lines = []
    for table in slices.TABLES:
        rules = {name: holds for _, name, holds in row_rules.of_table(table)}
        row = [_value(one, rules.get(one.name, bool)) for one in slices.columns(table)]
        lines.append(import_rows.slice_line(table.name, 0, msgspec.json.encode([row])))
    return b"".join(lines)


def _value(column: Column[Any], holds: row_rules.Rule) -> object:
    if isinstance(column.type, LargeBinary):
        return versions.key_of("1.0")
    number = isinstance(column.type, Integer | Boolean | Float)
    return next(one for one in _WORDS if isinstance(one, int) == number and holds(one))
