"""What always holds, looked at from outside: the tree, the database, the logs."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pypisync.catalog.db.reader import Reader
from pypisync.errors import CatalogError
from tests.recipe.closed import unmet, usable
from tests.recipe.mirrors import read_page
from tests.sim.world import World

_QUARANTINED = "SELECT project FROM v_quarantined"
_AGAIN = 25  # looks at a tree that is being written, a fifth of a second apart


class BrokenError(Exception):
    """A promise does not hold; ``promise`` says which."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


def links(data: Path) -> None:
    """Every link on every page has its file, with the right hash."""
    index = data / "simple" / "index.v1_json"
    if not index.exists():
        return
    for project in json.loads(index.read_bytes())["projects"]:
        _page(data / "simple" / project["name"] / "index.v1_json")


def _page(page: Path) -> None:
    while True:
        before = page.read_bytes() if page.exists() else None
        try:
            read_page(page)
        except (OSError, AssertionError) as error:
            # The page may have been written anew while it was read, and its files deleted.
            if (page.read_bytes() if page.exists() else None) != before:
                continue
            if before is None and not _listed(page):
                return
            raise BrokenError("links", repr(error)) from error
        return


def _listed(page: Path) -> bool:
    index = json.loads((page.parents[1] / "index.v1_json").read_bytes())
    return page.parent.name in {project["name"] for project in index["projects"]}


def _half_published(url: str) -> bool:
    """Whether a publication broke off: the pages of what needs what has gone are still to come."""
    return bool(rows(url, "SELECT 1 FROM v_generations WHERE NOT complete"))


class Closed:
    """Whatever is listed has its dependencies listed, but for those that upstream lacks.

    And but for those that upstream has taken away, while what it has in their place is held: what
    upstream takes away goes at once, and what needed it stays. ``world`` is that upstream.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lacking: set[tuple[str, str]] = set()
        self._bereft: set[tuple[str, str]] = set()  # of what upstream has taken away
        self._before: set[str] = set()  # what was listed for here when it was looked at last

    def check(self, data: Path, url: str, *, running: bool) -> None:
        """Raises BrokenError; while a process writes, it looks again before it believes it."""
        missing: set[tuple[str, str]] = set()
        for _ in range(_AGAIN if running else 1):
            self._learn(data, url)
            try:
                lines = unmet(data)
            except OSError:  # it went while it was read
                lines = {("?", "?")}
            missing = {(release, needed(line)) for release, line in lines} - self._lacking
            missing -= self._waiting(url, lines)
            if not missing:
                with suppress(OSError):  # it went while it was read
                    kept = self._before if _half_published(url) else set()
                    self._before = usable(data) | kept
                return
            if running:
                time.sleep(0.2)
        raise BrokenError("closed", f"not listed, and not lacking upstream: {sorted(missing)}")

    def _waiting(self, url: str, lines: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which wait for a release that is held, since upstream took away what met them."""
        held = {
            str(label).partition("==")[0] for (label,) in rows(url, "SELECT release FROM v_held")
        }
        for release, line in lines:
            if release in self._before and self._taken_away(line):
                self._bereft.add((release, needed(line)))
        half = _half_published(url)
        return {(release, name) for release, name in self._bereft if name in held or half}

    def _taken_away(self, line: str) -> bool:
        """Whether upstream has nothing any more of what was listed and met this requirement."""
        need = Requirement(line)
        name = canonicalize_name(need.name)
        met = {
            version
            for project, _, version in (label.partition("==") for label in self._before)
            if project == name and need.specifier.contains(version, prereleases=True)
        }
        project = self._world.projects.get(name)
        if project is None or project.status == "quarantined":
            return bool(met)
        there = {one.version for one in project.releases.values() if not one.quarantined}
        return bool(met) and met.isdisjoint(there)

    def _learn(self, data: Path, url: str) -> None:
        for name, version, line in rows(url, "SELECT project, version, requirement FROM v_unmet"):
            self._lacking.add((f"{name}=={version}", needed(str(line))))
        # A frozen index keeps all but what upstream has quarantined or the policy bars, and
        # whatever needs that.
        if rows(url, "SELECT 1 FROM v_generations WHERE frozen IS NOT NULL"):
            barred = "SELECT project FROM v_files WHERE barred <> ''"
            away = {name for (name,) in (*rows(url, _QUARANTINED), *rows(url, barred))}
            self._lacking |= {
                (release, needed(line)) for release, line in unmet(data) if needed(line) in away
            }


def needed(line: str) -> str:
    """The project that a requirement is about."""
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return line


def nothing_else(data: Path, url: str, blocked: set[str]) -> None:
    """After a run: no file that is blocked, and none that the catalog does not know."""
    known = {str(path) for (path,) in rows(url, "SELECT path FROM stored")}
    for file in sorted((data / "packages").rglob("*")):
        path = str(file.relative_to(data))
        if not file.is_file():
            continue
        if path not in known:
            raise BrokenError("unknown", path)
        if file.name.partition("-")[0] in blocked:
            raise BrokenError("blocked", path)


def quiet(text: str) -> None:
    """No fault of the program itself in what it said."""
    for sign in ("Traceback", "a fault of PypiSync", "ResourceWarning"):
        if sign in text:
            raise BrokenError("quiet", text[-3_000:])


def eventually(found: Callable[[], object], what: str, seconds: float) -> None:
    """Wait until something is so. Raises BrokenError if it never is."""
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            raise BrokenError("hangs", f"waited in vain for {what}")
        time.sleep(0.01)


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    """Rows of a mirror's database; none while it is not there yet."""
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    try:
        with Reader(url) as reader:
            return [tuple(row) for row in reader.rows(query)]
    except CatalogError as error:
        if "the database is empty" in str(error):
            return []
        raise
