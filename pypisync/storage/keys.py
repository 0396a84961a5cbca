"""Keys and signatures as files."""

import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path

from pypisync.core.bundles import signatures
from pypisync.errors import ConfigError, StorageError
from pypisync.storage import disk

_LARGEST = 65_536  # bytes of a key
PRIVATE, PUBLIC = ".key", ".pub"


def read(path: Path) -> bytes:
    """Returns the bytes of a key's file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(data) > _LARGEST:
        raise ConfigError([f"{path}: too long for a key"])
    return data


def write_pair(stem: Path, private: bytes, public: bytes) -> tuple[Path, Path]:
    """Write a key pair, the private one for its owner alone. Returns where the two are.

    Raises ConfigError if one is there already: a key is never written over. Raises StorageError.
    """
    found = stem.with_name(stem.name + PRIVATE), stem.with_name(stem.name + PUBLIC)
    for path in found:
        if os.path.lexists(path):  # else one of the two would be left alone
            raise ConfigError([f"{path}: there is a key already: choose another name"])
    for path, data, mode in ((found[0], private, 0o600), (found[1], public, 0o644)):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except FileExistsError:
            raise ConfigError([f"{path}: there is a key already: choose another name"]) from None
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}: choose another folder") from error
        with disk.guarded(path), os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return found


def signature_file(manifest: Path, identity: str) -> Path:
    """Returns where the signature of this key lies beside a manifest."""
    return manifest.with_name(f"{manifest.name}.{identity}.sig")


def files(manifest: Path) -> list[Path]:
    """Returns the signatures beside a manifest. Raises StorageError."""
    with disk.guarded(manifest.parent):
        return sorted(manifest.parent.glob(f"{manifest.name}.*.sig"))


def names(folder: Path) -> list[str]:
    """Returns the names of signatures in a folder, in order. Raises StorageError."""
    with disk.guarded(folder):
        return sorted(one.name for one in folder.iterdir() if one.name.endswith(".sig"))


def found(manifest: Path, there: Mapping[Path, Sequence[str]]) -> dict[str, list[bytes]]:
    """Returns the signatures of a manifest, by what they say.

    ``there``: the :func:`names` of signatures in the folders where they may lie. What cannot be one
    is passed over. Raises StorageError.
    """
    here: dict[str, list[bytes]] = {}
    start = f"{manifest.name}."
    for folder, listed in there.items():
        first = bisect_left(listed, start)
        signs = list(takewhile(lambda one: one.startswith(start), islice(listed, first, None)))
        for name in signs[: signatures.MOST]:
            data = disk.read(folder / name, signatures.LENGTH + 1)
            if data is not None and len(data) == signatures.LENGTH:
                here.setdefault(name.removeprefix(start).removesuffix(".sig"), []).append(data)
    return here
