"""A copy of the database in one file, while it is in use, and the way back.

SQLite makes the copy itself (its backup API, https://sqlite.org/backup.html). PostgreSQL has
``pg_dump`` and ``pg_restore`` for it, in the custom format; the address is handed to them with its
password in the environment, where other users cannot read it.
"""

import os
import sqlite3
import subprocess
from contextlib import closing
from itertools import chain, count
from pathlib import Path

from sqlalchemy.engine import URL

from pypisync.catalog.db.url import parse
from pypisync.errors import CatalogError

_PART = ".part"


def back_up(url: str, file: Path) -> None:
    """Write the database to ``file``, which gets its name when it is whole. Raises CatalogError."""
    part = file.with_name(file.name + _PART)
    try:
        part.unlink(missing_ok=True)
        if url.startswith("sqlite"):
            _refuse(file, _file(url))
            _copy(_file(url), part)
            _check(part, file)
            _close(part)
        else:
            _run(parse(url), "pg_dump", "--format=custom", f"--file={part}")
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    except CatalogError:
        part.unlink(missing_ok=True)
        raise
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise CatalogError(f"{file}: the backup failed: {error}: nothing is left of it") from error


def bring_back(url: str, file: Path) -> Path | None:
    """Put the database of ``file`` in the place of the one at ``url``.

    Returns where the SQLite database that was there is now; None if there was none, and for
    PostgreSQL, which does it in one transaction. The caller holds the writer's lock. Raises
    CatalogError, and then the database is as it was.
    """
    if not file.is_file():
        raise CatalogError(f"{file}: there is no such backup")
    try:
        if not url.startswith("sqlite"):
            options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
            _run(parse(url), "pg_restore", *options, str(file))
            return None
        return _put(file, _file(url))
    except (OSError, sqlite3.Error) as error:
        raise CatalogError(f"{file}: cannot be restored: {error}") from error


def _put(file: Path, target: Path) -> Path | None:
    part = target.with_name(target.name + _PART)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        _copy(file, part)
        _check(part, file)
        _own(part, target if target.exists() else target.parent)
    except (OSError, sqlite3.Error, CatalogError):
        part.unlink(missing_ok=True)
        raise
    before = _free(target.with_name(f"{target.name}.before-restore"))
    there = target.exists()
    if there:
        target.replace(before)
    for shared in ("-wal", "-shm"):  # they belong to the database that was
        beside = target.with_name(target.name + shared)
        if beside.exists():
            beside.replace(before.with_name(before.name + shared))
    part.replace(target)
    return before if there else None


def _free(path: Path) -> Path:
    """Returns the path, or with a number behind it: what an earlier restore has kept stays."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(one for one in chain([path], numbered) if not one.exists())


def _refuse(file: Path, database: Path) -> None:
    """Raise CatalogError if the backup would take the place of the database."""
    if file.exists() and file.samefile(database):
        raise CatalogError(f"{file} is the database itself: name another file")


def _own(part: Path, like: Path) -> None:
    """Give the file to the owner of another: root restores what a daemon of its own user writes."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(part, owner.st_uid, owner.st_gid)


def _copy(source: Path, target: Path) -> None:
    address = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True)) as have,
        closing(sqlite3.connect(target)) as new,
    ):
        have.backup(new)


def _close(copy: Path) -> None:
    """Make the copy one file that can be read where nothing can be written.

    A database in WAL mode needs two files beside it (https://sqlite.org/wal.html, 5).
    """
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _check(copy: Path, file: Path) -> None:
    """Raise CatalogError, about ``file``, if the copy is no whole database of PypiSync."""
    with closing(sqlite3.connect(copy)) as connection:
        [(said,), *_] = connection.execute("PRAGMA integrity_check(1)").fetchall()
        tables = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('alembic_version', 'generations')"
        ).fetchone()[0]
    if said != "ok" or tables != 2:
        raise CatalogError(f"{file}: {'no database of PypiSync' if said == 'ok' else said}")


def _file(url: str) -> Path:
    return Path(parse(url).database or "")


def _run(url: URL, program: str, *arguments: str) -> None:
    address = url.set(drivername="postgresql", password=None).render_as_string()
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    try:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [program, f"--dbname={address}", *arguments],
            env={**os.environ, **password},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise CatalogError(f"{program} is missing: install PostgreSQL's client") from None
    if done.returncode:
        raise CatalogError(f"{program} failed: {' '.join(done.stderr.split())}")
