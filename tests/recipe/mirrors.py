"""A mirror of a simulated world in a temporary folder, and what can be asked of it."""

import atexit
import gzip
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Literal
from urllib.parse import unquote

from sqlalchemy import text

from pypisync.catalog.db.transactions import Catalog
from pypisync.core.environments.proof_targets import Machines, proof_targets
from pypisync.core.environments.targets import targets
from pypisync.core.filters.file_rules import FilePolicy, Rules, fingerprint
from pypisync.core.filters.policy import Policy
from pypisync.core.wanted import selector
from pypisync.core.wanted.groups import Group
from pypisync.core.wanted.roots import Package, Pattern
from pypisync.cycle.mirror import Limits, Mirror
from pypisync.cycle.processes import Processes
from pypisync.cycle.report import Report
from pypisync.cycle.sync import sync_once
from pypisync.storage.pool import Pool
from pypisync.storage.tree import Tree
from pypisync.upstream.api import Upstream
from tests.sim.disorder import disorderly

TODAY = date(2026, 11, 25)
LINUX = {"python_version": ["3.11"], "sys_platform": ["linux"], "platform_machine": ["x86_64"]}


@dataclass
class Bench:
    """One mirror: its configuration can be changed between syncs, as an operator does."""

    folder: Path
    upstream: Upstream
    packages: Mapping[str, Sequence[str]]
    patterns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Sequence[Group] = ()
    environment: Mapping[str, Sequence[str] | None] = field(default_factory=lambda: LINUX)
    policy: FilePolicy = field(default_factory=FilePolicy)
    bars: Policy = field(default_factory=Policy)
    flat: bool = False
    grace: float = 0.0
    retention: float = 0.0
    clock: float = 1_000_000.0
    url: str | None = None
    limits: Limits = field(default_factory=Limits)
    dropped_share: float = 1.0
    processes: int = 1
    disorder: Random | None = None  # draws the order in which answers come
    _remembered: tuple[str, dict[str, int] | None] = field(default=("", None), init=False)

    @property
    def database(self) -> str:
        """The catalog's URL."""
        return self.url or f"sqlite:///{self.folder / 'catalog.sqlite'}"

    def sync(self) -> Report:
        """One cycle, by parts that start from the disk, as a new process would.

        But it knows what a daemon with this configuration would know from the cycle before, and
        has its connection: to open one, SQLite reads the whole schema, and it prepares a hundred
        statements anew.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        mirror = self.mirror(self.catalog())
        kept = repr(
            (mirror.packages, mirror.patterns, mirror.groups, mirror.fingerprint, self.flat)
        )
        if self._remembered[0] == kept:
            mirror.settled = self._remembered[1]
        try:
            with disorderly(self.disorder):
                return sync_once(mirror)
        finally:
            self._remembered = kept, mirror.settled

    def mirror(self, catalog: Catalog) -> Mirror:
        """The parts of a cycle."""
        self.clock += 3600
        rules = _rules(json.dumps(dict(self.environment)), self.policy, self.bars)
        return Mirror(
            upstream=self.upstream,
            catalog=catalog,
            pool=Pool(self.folder),
            tree=Tree(self.folder, flat=self.flat),
            packages=tuple(_package(key, *selectors) for key, selectors in self.packages.items()),
            patterns=tuple(
                Pattern(regex, tuple(map(selector.parse_selector, selectors)))
                for regex, selectors in self.patterns.items()
            ),
            groups=tuple(self.groups),
            rules=rules,
            fingerprint=fingerprint(rules),
            grace=self.grace,
            retention=self.retention,
            now=lambda: self.clock,
            limits=self.limits,
            dropped_share=self.dropped_share,
            processes=Processes(self.processes),
        )

    def catalog(self) -> Catalog:
        """The catalog, prepared; the same object while no more than a few others are asked for.

        Its connections stay open as long.
        """
        inode = 0
        if self.database.startswith("sqlite:"):
            file = Path(self.database.removeprefix("sqlite:///"))
            if not file.exists():
                shutil.copyfile(_template(), file)
            inode = file.stat().st_ino
        return _opened(self.database, inode, empty=self.url is not None)

    def reopened(self) -> Catalog:
        """The catalog with nothing connected to SQLite, as a process has it at its begin."""
        catalog = self.catalog()
        if self.database.startswith("sqlite:"):
            catalog.close()
        return catalog

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the catalog."""
        [rows] = self.queries(sql)
        return rows

    def queries(self, *several: str) -> list[list[tuple[Any, ...]]]:
        """Rows of the catalog for several queries, by one connection."""
        with self.catalog().begin() as connection:
            return [[tuple(row) for row in connection.execute(text(sql))] for sql in several]

    def selection(self) -> set[tuple[str, str]]:
        """The selected releases."""
        rows = self.query("SELECT project, version FROM v_releases WHERE selected = 1")
        return {(name, version) for name, version in rows}

    def listed(self) -> dict[str, set[str]]:
        """The versions on the pages, read from the disk; checks every page on the way."""
        for packed in self.folder.glob("simple/**/*.gz"):
            assert gzip.decompress(packed.read_bytes()) == packed.with_suffix("").read_bytes()
        return read_tree(self.folder)

    def unmet(self) -> set[tuple[str, str, str]]:
        """Requirements that nothing meets."""
        rows = self.query("SELECT project, version, requirement FROM v_unmet")
        return {(name, version, requirement) for name, version, requirement in rows}


_OPEN = 8  # catalogs
_open: dict[tuple[str, int], Catalog] = {}  # by URL and inode, that of the last use at the end


def _opened(url: str, inode: int, *, empty: bool) -> Catalog:
    """The catalog of this very file: tests listen to its engine, and put others in its place.

    With ``empty`` the database may be an empty one.
    """
    key = url, inode
    catalog = _open.pop(key, None)
    if catalog is None:
        catalog = Catalog(url)
        if empty:
            catalog.prepare()
        for old in [*_open][: 1 - _OPEN]:
            _open.pop(old).close()
    _open[key] = catalog
    return catalog


@lru_cache(maxsize=32)
def _rules(environment: str, policy: FilePolicy, bars: Policy) -> Rules:
    """What a process finds out once; a test has a process for each of its mirrors' cycles."""
    bound = json.loads(environment)
    mirrored = targets(bound)
    return Rules(mirrored, policy, bars, Machines(proof_targets(mirrored, bound, TODAY)[0]))


@cache
def _template() -> Path:
    """An empty catalog: migrating costs more than all the rest of a small cycle."""
    folder = Path(tempfile.mkdtemp(prefix="pypisync-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
    catalog.prepare()
    catalog.close()
    return folder / "catalog.sqlite"


@lru_cache(maxsize=1024)
def _package(key: str, *selectors: str) -> Package:
    name, extras = selector.parse_root(key)
    return Package(name, extras, tuple(map(selector.parse_selector, selectors)), key)


def read_tree(folder: Path) -> dict[str, set[str]]:
    """The versions that a client finds; every link is followed, every hash compared."""
    found: dict[str, set[str]] = {}
    simple = folder / "simple"
    if not (simple / "index.v1_json").exists():
        return found
    root = json.loads((simple / "index.v1_json").read_bytes())
    for project in root["projects"]:
        page = simple / project["name"] / "index.v1_json"
        found[project["name"]] = read_page(page)
    return found


def read_page(page: Path) -> set[str]:
    """The versions of one page."""
    document = json.loads(page.read_bytes())
    for file in document["files"]:
        path = (page.parent / unquote(file["url"])).resolve()
        data = path.read_bytes()
        assert sha256(data).hexdigest() == file["hashes"]["sha256"], path
        assert len(data) == file["size"], path
        if file.get("core-metadata"):
            beside = path.with_name(path.name + ".metadata").read_bytes()
            assert sha256(beside).hexdigest() == file["core-metadata"]["sha256"], path
    return set(document["versions"])


def tree_bytes(folder: Path, *parts: Literal["simple", "packages", "flat"]) -> dict[str, str]:
    """Every file's hash by its path: two mirrors with the same dictionary are the same.

    But for the serials on the pages: they tell when a mirror changed, so they are its own.
    """
    found: dict[str, str] = {}
    for part in parts or ("simple", "packages"):
        for top, _, names in os.walk(folder / part):
            for name in sorted(names):
                path = f"{top}/{name}"
                if not os.path.isfile(path):  # noqa: PTH113 - a link that leads nowhere
                    continue
                with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - thousands in a test
                    data = file.read()
                if part == "simple":
                    data = _without_serials(data, packed=name.endswith(".gz"))
                found[os.path.relpath(path, folder)] = sha256(data).hexdigest()
    return found


_SERIAL = re.compile(rb'(?<="_last-serial":)[0-9]+|(?<=<!--SERIAL )[0-9]+')


@lru_cache(maxsize=256)
def _without_serials(data: bytes, *, packed: bool) -> bytes:
    with suppress(OSError, EOFError, zlib.error):  # a damaged file counts as it is
        data = gzip.decompress(data) if packed else data
    return _SERIAL.sub(b"", data)
