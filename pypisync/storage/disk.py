"""How the disk is written, so that the next run can mend what a crash at any point leaves.

Every change of the storage goes through the few functions here. A file appears under its name by a
rename of complete bytes. A failure leaves the temporary file where it is, for the next try or the
next sweep. Callers decide what to write, and when to sync folders. What the disk refuses is a
StorageError that says where.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path

from pypisync.errors import Malformed, StorageError
from pypisync.storage.probe import IN_THE_WAY

PARTIAL = ".partial"  # folder for everything unfinished, in the mirror's folder

_NO_NAMES = frozenset(("", ".", ".."))
_NAME_MAX = 255  # bytes
_SYNC_ONE_BY_ONE = 32
_FILE_MODE = 0o644  # a web server under another user must be able to read it
_FOLDER_MODE = 0o755
_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP}
_NOT_EMPTY = {errno.ENOTEMPTY, errno.EEXIST}
_ADVICE = {
    errno.ENOSPC: "free space on that disk, or mirror less",
    errno.EDQUOT: "free space or raise the disk quota of the user that runs PypiSync",
    errno.EROFS: "mount it writable, or name it in ReadWritePaths= of the systemd unit",
    errno.EACCES: "give it to the user that runs PypiSync (chown -R)",
    errno.EPERM: "give it to the user that runs PypiSync (chown -R)",
    errno.EXDEV: "the mirror's folder must be one file system",
    errno.ENOTDIR: "something that is not a folder stands in the way: move it away",
    errno.EEXIST: "something that is not a folder stands in the way: move it away",
    errno.EISDIR: "a folder stands in the way: move it away",
    errno.ELOOP: "a symbolic link stands in the way: move it away",
    errno.ENOENT: 'it is missing: "pypisync verify" says what else is',
    errno.EMFILE: "raise the limit of open files (LimitNOFILE=)",
    errno.EIO: "check the disk",
}


def _proceed(step: str, path: Path) -> None:
    """Let every step happen."""


# Called before each change with the step ("folder", "open", "write", "truncate", "sync",
# "rename", "link", "symlink", "remove") and the path. Tests replace it to stop at any point;
# an OSError it raises is taken for the disk's own.
before: Callable[[str, Path], None] = _proceed


class guarded:  # noqa: N801 - read as a word of the "with" statement
    """Turn an OSError into a StorageError that says what happened to ``path`` and what to do."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Does nothing."""

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            what = error.strerror or str(error)
            advice = _ADVICE.get(error.errno or 0, "check the disk and its permissions")
            raise StorageError(f"{self._path}: {what}: {advice}") from error


@lru_cache(maxsize=4096)  # asked for when a file is opened, named and measured
def inside(root: Path, path: str, top: str = "packages") -> Path:
    """Returns the absolute place of ``path``. Raises Malformed as :func:`check_inside`."""
    check_inside(path, top)
    return root / path


def check_inside(path: str, top: str = "packages") -> None:
    """Raise Malformed if ``path`` leads out of ``top``, or cannot be a file name."""
    parts = path.split("/")
    plain = len(path) <= _NAME_MAX and path.isascii() and path.isprintable()  # as most are
    good = _NO_NAMES.isdisjoint(parts) if plain else all(map(is_filename, parts))
    if len(parts) < 2 or parts[0] != top or not good:
        raise Malformed(f"{path!r} is not a path below {top}/")


def is_filename(text: str) -> bool:
    """Returns whether the text can name one file in a folder."""
    return (
        text not in _NO_NAMES
        and "/" not in text
        and text.isprintable()  # neither control characters nor lone surrogates
        and len(text.encode()) <= _NAME_MAX
    )


def scratch(root: Path, path: str, kind: str) -> Path:
    """Returns the temporary place of ``path``: on the same file system, never served."""
    return root / PARTIAL / scratch_name(path, kind)


def scratch_name(path: str, kind: str) -> str:
    """Returns the name of that place."""
    return f"{sha256(path.encode()).hexdigest()[:40]}.{kind}"


def make_folder(folder: Path) -> list[Path]:
    """Make the folder and its parents. Returns the folders whose listing changed."""
    if os.path.isdir(folder):  # noqa: PTH112 - is_dir() raises where access is denied
        return []
    changed = make_folder(folder.parent)
    with guarded(folder):
        before("folder", folder)
        try:
            os.mkdir(folder)  # noqa: PTH102 - and os.stat below: thousands of times in a sync
        except FileNotFoundError:
            raise StorageError(f"{folder}: cannot be made here: choose another folder") from None
        except (FileExistsError, NotADirectoryError):
            if not folder.is_dir():  # else another thread was faster
                raise StorageError(f"{folder}: {IN_THE_WAY}") from None
        # Whatever the umask is; an inherited set-group-id bit stays.
        mode = stat.S_IMODE(os.stat(folder).st_mode)  # noqa: PTH116
        if mode | _FOLDER_MODE != mode:
            folder.chmod(mode | _FOLDER_MODE)
    changed.append(folder.parent)
    return changed


def open_file(path: Path, *, empty: bool = False) -> tuple[int, int]:
    """Returns a descriptor to read and append, and the file's size; mode 0644.

    The folder is made if it is missing.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    flags |= os.O_TRUNC if empty else 0
    with guarded(path):
        before("open", path)
        try:
            descriptor = os.open(path, flags, _FILE_MODE)
        except (FileNotFoundError, NotADirectoryError):
            make_folder(path.parent)
            descriptor = os.open(path, flags, _FILE_MODE)
        try:
            found = os.fstat(descriptor)
            if stat.S_IMODE(found.st_mode) != _FILE_MODE:
                os.fchmod(descriptor, _FILE_MODE)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor, found.st_size


def append(descriptor: int, data: bytes, path: Path) -> None:
    """Append all of ``data`` to an open file."""
    with guarded(path):
        before("write", path)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]


def truncate(descriptor: int, path: Path, size: int = 0) -> None:
    """Leave the first ``size`` bytes of an open file."""
    with guarded(path):
        before("truncate", path)
        os.ftruncate(descriptor, size)


def sync_folder(folder: Path) -> None:
    """Force a folder's listing to the disk; a folder that is gone needs none."""
    with guarded(folder):
        before("sync", folder)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_all(paths: Iterable[Path], root: Path) -> None:
    """Force many files and folders below ``root`` to the disk; what is gone needs none.

    Above a few dozen, one sync of the whole file system costs less than one of each.
    """
    rest = iter(paths)
    wanted = set(islice(rest, _SYNC_ONE_BY_ONE + 1))
    if len(wanted) > _SYNC_ONE_BY_ONE and _sync_file_system(root):
        return
    for path in sorted(wanted.union(rest)):
        with guarded(path):
            if path.is_dir():
                sync_folder(path)
                continue
            before("sync", path)
            with suppress(FileNotFoundError), path.open("rb") as file:
                os.fsync(file.fileno())


def _sync_file_system(root: Path) -> bool:
    """syncfs(2), where the system has it. Returns whether it was done."""
    call = getattr(_libc(), "syncfs", None)
    if call is None:
        return False
    with guarded(root):
        before("sync", root)
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if call(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(descriptor)
    return True


@cache
def _libc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


def write(path: Path, data: bytes) -> None:
    """Write a file that nobody sees yet; it is synced later."""
    descriptor, _ = open_file(path, empty=True)
    try:
        append(descriptor, data, path)
    finally:
        os.close(descriptor)


def replace(source: Path, target: Path) -> None:
    """Rename over whatever file is there."""
    with guarded(target):
        before("rename", target)
        os.replace(source, target)  # noqa: PTH105 - thousands of times in a sync


def replace_any(source: Path, target: Path) -> None:
    """Rename over whatever is there, also over a folder, or a link where a folder is to be.

    What cannot be renamed over is removed first; links are not followed.
    """
    if is_folder(source) is not is_folder(target):
        remove_tree(target)
    replace(source, target)


def found(path: Path) -> os.stat_result | None:
    """Returns what the system says of what is there, following no link; None: nothing is."""
    with guarded(path):
        try:
            return path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None


def is_folder(path: Path) -> bool:
    """Returns whether a folder is there, and not a link to one."""
    there = found(path)
    return there is not None and stat.S_ISDIR(there.st_mode)


def place(source: Path, target: Path) -> list[Path]:
    """Rename into a folder that is made if it is missing. Returns what listings changed."""
    with guarded(target):
        before("rename", target)
        try:
            os.replace(source, target)  # noqa: PTH105
        except (FileNotFoundError, NotADirectoryError):
            changed = make_folder(target.parent)
            os.replace(source, target)  # noqa: PTH105
            return [*changed, target.parent]
    return [target.parent]


def link(source: Path, target: Path, temporary: Path) -> bool:
    """Make ``target`` a hard link of ``source`` by a rename. Returns whether the disk allows it.

    They must not be links of one file already: a rename would then leave the temporary name.
    """
    if not link_fresh(source, temporary):
        return False
    replace(temporary, target)
    return True


def link_fresh(source: Path, temporary: Path) -> bool:
    """Make a hard link that nobody sees yet. Returns whether the disk allows it."""
    with guarded(temporary):
        try:
            before("link", temporary)
            try:
                os.link(source, temporary)
            except FileExistsError:
                remove(temporary)
                os.link(source, temporary)
            except FileNotFoundError:
                make_folder(temporary.parent)
                os.link(source, temporary)
        except OSError as error:
            if error.errno in _CANNOT_LINK:
                return False
            raise
    return True


def symlink(text: str, target: Path, temporary: Path) -> None:
    """Make ``target`` a symbolic link with this text by a rename."""
    remove(temporary)
    make_folder(temporary.parent)
    with guarded(temporary):
        before("symlink", temporary)
        temporary.symlink_to(text)
    replace(temporary, target)


def remove(path: Path) -> int | None:
    """Remove a file or link. Returns the bytes freed, None if there was none."""
    there = found(path)
    if there is None:
        return None
    with guarded(path):
        before("remove", path)
        with suppress(FileNotFoundError):
            path.unlink()
    return there.st_size if there.st_nlink == 1 else 0


def remove_folder(folder: Path) -> bool:
    """Remove a folder if it is empty. Returns whether it is gone."""
    with guarded(folder):
        before("remove", folder)
        try:
            folder.rmdir()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            if error.errno in _NOT_EMPTY:
                return False
            raise
    return True


def remove_tree(path: Path) -> int:
    """Remove a file, a link or a folder with all in it, following no link.

    Returns the bytes freed.
    """
    freed = 0
    if is_folder(path):
        with guarded(path):
            names = sorted(os.listdir(path))  # noqa: PTH208 - names suffice
        freed += sum(remove_tree(path / name) for name in names)
        remove_folder(path)
        return freed
    return remove(path) or 0


def read(path: Path, limit: int | None = None) -> bytes | None:
    """Returns the bytes of a regular file, at most ``limit`` of them; None if there is none."""
    with guarded(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None
            raise
        try:
            has = os.fstat(descriptor)
            return _read(descriptor, has.st_size, limit) if stat.S_ISREG(has.st_mode) else None
        finally:
            os.close(descriptor)


def _read(descriptor: int, size: int, limit: int | None) -> bytes:
    """Returns what is in a file of about this size, cheaper than a file object. Raises OSError."""
    data, left = b"", 2**62 if limit is None else limit
    while piece := os.read(descriptor, min(left, size + 1)):
        data, left = data + piece, left - len(piece)
        if len(data) == size:
            break
    return data


def free(folder: Path) -> int:
    """Returns the bytes that this user may still write on the folder's file system."""
    with guarded(folder):
        room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
