"""What operators have ordered of the process that writes: one small file an order.

A command that cannot write itself, for another process does, leaves an order in the mirror's
folder; that process carries it out before it publishes and before it deletes anything, and removes
the file. An order's text is its caller's; a later order of the same name takes its place.
"""

from pathlib import Path

from pypisync.storage import disk

_FOLDER = ".orders"
_LIMIT = 1000  # bytes of an order


def give(root: Path, name: str, text: str) -> None:
    """Leave an order. Raises StorageError."""
    folder = root / _FOLDER
    made = disk.make_folder(folder)
    temporary = folder / f".{name}"  # not where the other process sweeps
    disk.write(temporary, text.encode())
    disk.sync_all([temporary], root)
    disk.replace(temporary, folder / name)
    disk.sync_all([*made, folder], root)


def given(root: Path) -> dict[str, str]:
    """Returns the orders that are not carried out yet, by name. Raises StorageError.

    The folder is made, so that it belongs to whoever writes, and not to whoever orders first.
    """
    folder = root / _FOLDER
    disk.sync_all(disk.make_folder(folder), root)
    with disk.guarded(folder):
        names = sorted(e.name for e in folder.iterdir() if not e.name.startswith("."))
    texts = {name: disk.read(folder / name, _LIMIT) for name in names}
    return {name: text.decode("ascii", "replace") for name, text in texts.items() if text}


def carried_out(root: Path, name: str, text: str) -> None:
    """Remove an order, unless another has taken its place meanwhile. Raises StorageError."""
    path = root / _FOLDER / name
    if disk.read(path, _LIMIT) == text.encode():
        disk.remove(path)
