"""What operators have ordered of the process that writes, and what came of it: one file each.

A command that cannot write itself, for another process does, leaves an order in the mirror's
folder. That process carries it out where that is safe, leaves the outcome for whoever gave the
order, and removes the order. An order's text is its caller's; a later order of the same name takes
its place, and the one that it replaces is told so.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from msgspec import Struct, field, to_builtins

from pypisync.errors import StorageError
from pypisync.storage import disk

_FOLDER = ".orders"
_LIMIT = 1000  # bytes of an order
_MOST = 64 * 2**20  # bytes of an outcome
_OUTCOME = ".outcome-"
_REFUSED = ".refused"
_KEPT = 86400.0  # seconds for which an outcome waits to be read


class Given(Struct, frozen=True):
    """An order that is not carried out yet. ``slip`` is where its outcome is looked for."""

    name: str
    text: str
    slip: str = ""  # "": nobody looks


class Outcome(Struct, frozen=True):
    """What came of an order."""

    exit_code: int = 0
    said: Sequence[str] = ()  # what the operator should know, a line each
    result: Mapping[str, Any] = field(default_factory=dict)  # for the command to show


def slip() -> str:
    """Returns a new name for an outcome."""
    return token_hex(8)


def give(root: Path, name: str, text: str, slip: str = "") -> Given:
    """Leave an order. Returns it. Raises StorageError."""
    folder = root / _FOLDER
    given = Given(name, text, slip)
    made = disk.make_folder(folder)
    replaced = _read(folder, name)
    temporary = folder / f".{name}"  # not where the other process sweeps
    disk.write(temporary, _written(given))
    disk.sync_all([temporary], root)
    disk.replace(temporary, folder / name)
    disk.sync_all([*made, folder], root)
    if replaced and replaced != given:
        tell(root, [replaced], Outcome(1, ["a later order took the place of this one"]))
    return given


def given(root: Path) -> list[Given]:
    """Returns the orders that are not carried out yet, by name. Raises StorageError.

    The folder is made, so that it belongs to whoever writes, and not to whoever orders first.
    """
    folder = root / _FOLDER
    disk.sync_all(disk.make_folder(folder), root)
    found = (_read(folder, name) for name in sorted(names(root)))
    return [order for order in found if order]


def names(root: Path) -> set[str]:
    """Returns the names of the orders that are not carried out yet. Raises StorageError."""
    folder = root / _FOLDER
    with disk.guarded(folder), suppress(FileNotFoundError, NotADirectoryError):
        return {name for name in os.listdir(folder) if not name.startswith(".")}  # noqa: PTH208
    return set()


def waiting(root: Path) -> set[tuple[str, int]]:
    """Returns the orders that are not carried out yet: the name, and when it was given.

    The moment (nanoseconds of the file's clock) tells an order from a later one of its name. Raises
    StorageError.
    """
    found = set()
    for name in names(root):
        path = root / _FOLDER / name
        with disk.guarded(path), suppress(FileNotFoundError):  # it was carried out meanwhile
            found.add((name, path.stat().st_mtime_ns))
    return found


def withdraw(root: Path, order: Given) -> bool:
    """Remove an order, unless another took its place meanwhile. Raises StorageError.

    Returns whether it was there.
    """
    path = root / _FOLDER / order.name
    return disk.read(path, _LIMIT) == _written(order) and disk.remove(path) is not None


def tell(root: Path, orders: Sequence[Given], outcome: Outcome) -> None:
    """Leave the outcome for those who gave these orders, and remove the orders.

    On a disk that is full they learn only that their orders are gone. Raises StorageError.
    """
    folder = root / _FOLDER
    with suppress(StorageError):
        _forget(folder)
        for slip in (order.slip for order in orders if order.slip):
            temporary = folder / f".new{_OUTCOME}{slip}"
            disk.write(temporary, json.dumps(to_builtins(outcome)).encode())
            disk.replace(temporary, folder / (_OUTCOME + slip))
    for order in orders:
        withdraw(root, order)


def heard(root: Path, order: Given) -> Outcome | None:
    """Returns what came of an order; None if that is not known yet. Raises StorageError."""
    folder = root / _FOLDER
    path = folder / (_OUTCOME + order.slip)
    waits = disk.read(folder / order.name, _LIMIT) == _written(order)
    data = disk.read(path, _MOST)
    if data is None:
        untold = "it was carried out, and what came of it could not be told"
        return None if waits else Outcome(1, [untold])
    disk.remove(path)
    return Outcome(**json.loads(data))


def refuse(root: Path, reason: str) -> None:
    """Note why the daemon does not use the configuration as it is now; "": it uses it.

    Raises StorageError.
    """
    path = root / _FOLDER / _REFUSED
    if reason:
        disk.make_folder(path.parent)
        disk.write(path, json.dumps([time.time(), reason]).encode())
    else:
        disk.remove(path)


def refused(root: Path) -> tuple[float, str] | None:
    """Returns since when (seconds since 1970) and why the daemon refuses its configuration."""
    try:
        data = disk.read(root / _FOLDER / _REFUSED, _MOST)
        since, reason = json.loads(data or b"null")
    except (StorageError, ValueError, TypeError):
        return None
    return since, reason


def _forget(folder: Path) -> None:
    """Remove the outcomes that nobody came for."""
    with disk.guarded(folder), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if _OUTCOME in entry.name and entry.stat().st_mtime < time.time() - _KEPT:
                    disk.remove(folder / entry.name)


def _written(order: Given) -> bytes:
    return f"{order.text} {order.slip}".rstrip().encode()


def _read(folder: Path, name: str) -> Given | None:
    data = disk.read(folder / name, _LIMIT)
    if not data:
        return None
    text, _, slip = data.decode("ascii", "replace").partition(" ")
    return Given(name, text, slip if slip.isalnum() and slip.isascii() else "")
